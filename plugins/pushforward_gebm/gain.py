"""Whether the energy helps: what it adds to the log-density of its base on rows that neither has seen."""

from __future__ import annotations

import math
import warnings

import torch

from pushforward import Doubt, Look, Measure, UserError
from pushforward.numerics.weights import estimate_from_log_weights
from pushforward_gebm.game import GEBM

FEWEST, HEAVIEST = 0.1, 0.7  # effective share and k-hat, beyond which a log-partition means nothing
ROWS = 8192


class GainOverBase(Measure):
    r"""What the energy of a generalised energy-based model adds to the log-density of its base, in nats.

    .. math:: \tfrac1n \sum_i \log \tfrac{q(x_i)}{g(x_i)} = -\tfrac1n \sum_i E(x_i) - A, \qquad
        A = \log \mathbb{E}_G e^{-E}

    The rows are the same for both, so that the error is that of a paired difference, with that of A in it; a base
    without a density has a gain all the same. A is estimated from samples of the base that no other estimate has
    used. Beside the `value` stand `counted`, the gain less two errors of A and 0 where A is not to be trusted (which
    is then said as a doubt), and
    of A: `log_partition`, `log_partition_standard_error`, `ess` (the effective share of samples), `khat`, and
    `trusted`, 1 where the effective share is at least .1 and k-hat below .7.

    Args:
        samples: at most how many held-out rows.
        partition_samples: samples of the base for A.

    Raises:
        UserError: if the model is no gebm, or a number is below 2.
    """

    better = "higher"

    def __init__(self, samples: int = 10_000, partition_samples: int = 100_000) -> None:
        super().__init__(sync_on_compute=False)
        if min(samples, partition_samples) < 2:
            raise UserError(f"gain-over-base: samples {samples} and partition_samples {partition_samples}: at least 2")
        self.samples, self.partition_samples = samples, partition_samples
        self._found: dict[str, float] = {}

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Compare on the held-out rows of the split."""
        game = look.game
        if not isinstance(game, GEBM):
            raise UserError(f"gain-over-base: the model is {type(game).__name__}: expected a gebm")
        rows = look.real(self.samples).x.to(look.device)
        on_data = torch.cat([game.energy(part) for part in rows.split(ROWS)]).double().cpu()
        whole = look.draw("gain-over-base", self.partition_samples)
        log_weights = torch.cat([-game.energy(game.from_base(part)) for part in whole.parts(-(-whole.n // ROWS))])
        estimate = estimate_from_log_weights(log_weights, self.partition_samples)
        gain = -on_data - estimate.log_z
        trusted = estimate.ess >= FEWEST and estimate.khat < HEAVIEST
        if not trusted:
            what = f"effective share {estimate.ess:.3f}, k-hat {estimate.khat:.2f}"
            warnings.warn(
                f"the gain means nothing: its log-partition has {what}, where at least {FEWEST} and less than"
                f" {HEAVIEST} are needed",
                Doubt,
                stacklevel=2,
            )
        value = float(gain.mean())
        self._found = {
            "value": value,
            "standard_error": math.hypot(float(gain.std()) / math.sqrt(len(gain)), estimate.standard_error),
            "n": len(gain),
            "counted": value - 2 * estimate.standard_error if trusted else 0.0,
            "log_partition": estimate.log_z,
            "log_partition_standard_error": estimate.standard_error,
            "ess": estimate.ess,
            "khat": estimate.khat,
            "trusted": float(trusted),
        }
        return self._found

    def compute(self) -> dict[str, float]:
        """The last look."""
        return self._found
