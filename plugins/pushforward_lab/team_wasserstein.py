"""The team-Wasserstein toy: a shift and a coin learn two normal laws, against a linear and a quadratic critic."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pushforward import Box, Costs, Draw, UserError
from pushforward_lab.laboratory import LaboratoryGame, Numbers, start_at
from pushforward_lab.spiral import by_name

SPREAD = 0.1  # of a random start


class TeamWasserstein(LaboratoryGame):
    r"""Data are N(mu, I) with probability pi and N(-mu, I) else; one generator shifts, the other flips signs.

    .. math:: V = (2 \pi - 1)\, v \cdot \mu - (2 p - 1)\, v \cdot \theta + \sum_i w_i (\mu_i^2 - \theta_i^2)

    The generators give s (z + theta), where the sign s is 1 with probability p; they want V low. The discriminators
    v.x and sum_i w_i x_i^2 want it high. The simplest mixture that a team learns and a single point does not: the
    field at an equilibrium is skew, so descent leaves it, and extragradient, optimistic and KPV converge at small
    steps. Expectations are exact. In more than one dimension some pairs (v, w) are felt by no generator to first
    order: there the Jacobian is singular, and only theta and p converge to known values.

    Reference: Kalogiannis, Panageas, Vlatakis-Gkaragkounis, "Towards convergence to Nash equilibria in two-team
    zero-sum games", 2021, arXiv:2111.04178, eqs. 2.4 and 2.5.

    Args:
        mean: the centre mu of one law, n numbers, none of them 0; the other's is -mu.
        share: the probability pi of the first law, between 0 and 1 and not 1/2.
        bounded: keep p within [0, 1], so that V is an expectation all along; descent then circles. False lets p leave
            on the way, as in the paper, where descent diverges.
        start: where they begin, theta (n numbers), p, v (n) and w (n); None draws normal numbers of spread 0.1, around
            1/2 for p.

    Raises:
        UserError: if the mean is empty or has a number that is 0 or not finite, the share is no probability or is
            1/2, or `start` has not 3 n + 1 numbers, or a p that is not allowed.
    """

    order = ("discriminators", "generators")

    def __init__(
        self,
        mean: list[float] = [1.0, 1.0],  # noqa: B006
        share: float = 0.75,
        bounded: bool = False,
        start: list[float] | None = None,
    ) -> None:
        super().__init__()
        if not mean or not all(math.isfinite(number) and number != 0 for number in mean):
            raise UserError(f"mean {mean}: expected finite numbers other than 0, at least one")
        if not 0 < share < 1 or share == 0.5:
            raise UserError(f"share is {share}: expected a number between 0 and 1 other than 0.5")
        self.mean, self.share, self.bounded, self.start = mean, share, bounded, start
        n = len(mean)
        theta, p, v, w = start_at(start, 3 * n + 1, "start", SPREAD).split([n, 1, n, n])
        p = p + 0.5 if start is None else p
        if bounded and not 0 <= float(p) <= 1:
            raise UserError(f"start: p is {float(p)}, expected a probability")
        self.theta, self.p, self.v, self.w = Numbers(theta), Numbers(p), Numbers(v), Numbers(w)
        self.teams = {"generators": ("theta", "p"), "discriminators": ("v", "w")}
        self.projections = {"p": Box(0.0, 1.0)} if bounded else {}

    @property
    def players(self) -> dict[str, nn.Module]:
        """The generators: shift and coin; the discriminators: linear and quadratic."""
        return {"theta": self.theta, "p": self.p, "v": self.v, "w": self.w}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """V for the generators, its negative for the discriminators."""
        theta, p, v, w = (player.value for player in (self.theta, self.p, self.v, self.w))
        mu = theta.new_tensor(self.mean)
        linear = (2 * self.share - 1) * (v @ mu) - (2 * p.squeeze(0) - 1) * (v @ theta)
        quadratic = (w * (mu**2 - theta**2)).sum()
        sign = {"theta": 1, "p": 1, "v": -1, "w": -1}
        return {name: {"linear": sign[name] * linear, "quadratic": sign[name] * quadratic} for name in names}

    def equilibrium(self) -> dict[str, Tensor]:
        """The nearer of (mu, pi) and (-mu, 1 - pi), with the nearest discriminators that no generator feels there."""
        here = {name: player.value.detach() for name, player in self._values().items()}
        mu = torch.tensor(self.mean, dtype=torch.float64)
        candidates = [(sign * mu, mu.new_tensor([0.5 + sign * (self.share - 0.5)])) for sign in (1, -1)]
        theta, p = min(
            candidates, key=lambda point: float(((point[0] - here["theta"]) ** 2).sum() + (point[1] - here["p"]) ** 2)
        )
        felt = self._felt(theta, p)
        critics = torch.cat([here["v"], here["w"]])
        v, w = (critics - torch.linalg.pinv(felt) @ (felt @ critics)).chunk(2)
        return {"theta.value": theta, "p.value": p, "v.value": v, "w.value": w}

    def answers(self) -> dict[str, float]:
        """The 3 n + 1 eigenvalues of the flow at the equilibria with v = w = 0: all imaginary."""
        mu = torch.tensor(self.mean, dtype=torch.float64)
        speeds = torch.linalg.svdvals(self._felt(mu, mu.new_tensor([self.share]))).tolist()
        pairs = [sign * 1j * speed for speed in speeds for sign in (1, -1)]
        return by_name(pairs + [0j] * (3 * len(mu) + 1 - len(pairs)))

    def _values(self) -> dict[str, Numbers]:
        return {"theta": self.theta, "p": self.p, "v": self.v, "w": self.w}

    @staticmethod
    def _felt(theta: Tensor, p: Tensor) -> Tensor:
        """How (v, w) push the generators (theta, p), (n + 1, 2 n): the whole Jacobian is this and its transpose."""
        n = len(theta)
        on_theta = torch.cat([-(2 * p - 1) * torch.eye(n, dtype=theta.dtype), -2 * theta.diag()], 1)
        on_p = torch.cat([-2 * theta, torch.zeros_like(theta)])[None]
        return torch.cat([on_theta, on_p])
