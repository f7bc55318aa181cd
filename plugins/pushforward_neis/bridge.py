"""Bridge sampling: log Z from samples of the target and of a law that resembles it, weighed against each other."""

from __future__ import annotations

import math
import time

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from pushforward import Draw, Estimate, Estimator, Target, UserError
from pushforward.numerics.pareto import pareto_khat
from pushforward.numerics.weights import FEWEST, effective_fraction, interval
from pushforward_neis.sequential import LIMIT, SequentialMonteCarlo

ROUNDS = 1000  # of the fixed-point iteration, at most
SHARE = 0.9  # of the budget that sequential Monte Carlo may take
NORMAL = 256  # rows below which a normal law is not fitted


class BridgeSampling(Estimator):
    r"""The optimal bridge between the particles of sequential Monte Carlo and a normal law fitted to them.

    .. math:: \hat Z = \frac{\frac{1}{n_q} \sum_{x \sim q} \frac{l(x)}{s_p l(x) + s_q \hat Z}}
        {\frac{1}{n_p} \sum_{x \sim p} \frac{1}{s_p l(x) + s_q \hat Z}}, \qquad l = \frac{e^{-U}}{q}

    Iterated until nothing changes. Both sums are bounded, so that a proposal with too light or too heavy tails costs
    little; what matters is how far the two laws overlap. Groups of particles of `sequential-monte-carlo` stand for the
    target: q is fitted to half of the groups, and the other half is bridged to it. With few particles they are not
    quite of the target, so that the estimate has a bias that the error does not know; it is an answer of its own beside
    that of sequential Monte Carlo, not a better one in every case, and it is doubted wherever its particles are, or
    where the weights of the target over q have a heavy tail: there particles may miss what q misses. `n` counts samples
    of q; the error adds up what the two sums have, that of the particles from the differences between groups.

    Reference: Meng, Wong, "Simulating Ratios of Normalizing Constants via a Simple Identity", 1996; the error is that
    of Frühwirth-Schnatter, "Estimating Marginal Likelihoods for Mixture and Markov Switching Models Using Bridge
    Sampling Techniques", 2004.

    Args:
        ess: the share of particles that stays effective from one temperature to the next.
        leaps: leapfrog steps of a move.
        moves: moves at each temperature.
        groups: independent groups of particles; one half of them fits, the other is bridged.
        scale: standard deviation of the base law of the particles.
        pilot: particles of the pilot.

    Raises:
        UserError: if there are not four groups, or the budget pays for too few particles to fit a normal law to.
    """

    shared = True

    def __init__(
        self,
        ess: PositiveFloat = 0.9,
        leaps: PositiveInt = 4,
        moves: PositiveInt = 1,
        groups: PositiveInt = 20,
        scale: PositiveFloat = 1.0,
        pilot: PositiveInt = 128,
    ) -> None:
        if groups < 4:
            raise UserError(f"groups is {groups}: two are fitted to and two are bridged at least, so take 4")
        self.ess, self.leaps, self.moves, self.groups = ess, leaps, moves, groups
        self.scale, self.pilot = scale, pilot
        self.sampler = SequentialMonteCarlo(ess, leaps, moves, groups, scale, pilot)

    @torch.no_grad()
    def estimate(self, target: Target, budget: int, draw: Draw) -> Estimate:
        """Particles for nine tenths of the budget, and as many samples of q as of the particles bridged to it."""
        began = time.perf_counter()
        ended = self.sampler.particles(target, int(SHARE * budget), draw)
        x, log_target, shares = ended.x.double(), ended.log_target.double(), torch.softmax(ended.log_z, 0)
        half, size, dimension = len(x) // 2, *x.shape[1:]
        if half * size < max(NORMAL, 4 * dimension):
            raise UserError(
                f"{half * size} particles are too few to fit a normal law in {dimension} dimensions to: raise the"
                " evaluations"
            )
        law = _fitted(x[:half], shares[:half])
        rows = min(budget - ended.tally.spent, half * size)
        noise = Draw(draw.seed, (*draw.key, "bridge"), rows, device=draw.device, dtype=torch.float64)
        y = law.mean + noise.normal("proposal", dimension) @ law.scale_tril.T
        proposed = target.log_density(y.to(draw.dtype).view(-1, *target.shape)).double() - law.log_prob(y)
        bridged = log_target[half:] - law.log_prob(x[half:])
        log_z, error, terms = bridge(bridged, proposed, shares[half:] / shares[half:].sum())
        non_finite = int((proposed.isnan() | proposed.isposinf()).sum())
        ess, khat = (effective_fraction(terms), pareto_khat(terms)) if math.isfinite(log_z) else (0.0, math.inf)
        said = list(ended.tally.said)
        if bool(ended.log_z.isfinite().any()):  # what the bridge stands on
            said += ended.worst.said(len(x) * size, effective_fraction(ended.log_z), len(x))
        if non_finite:
            said.append(f"{non_finite} of {rows} densities are NaN or infinite, so that the estimate is not finite")
        else:
            if ess * rows < FEWEST:
                said.append(
                    f"only {ess * rows:.1f} of {rows} proposals overlap with the particles: the bridge does not hold"
                )
            tail = pareto_khat(proposed)
            if tail > LIMIT:
                said.append(
                    f"the target over the normal law has Pareto k-hat {tail:.2f}, above {LIMIT}: the law does not"
                    " reach all of the target"
                )
        return Estimate(
            log_z,
            error,
            interval(log_z, error, len(x) - half),
            ess,
            khat,
            rows,
            non_finite,
            ended.tally.evaluations + rows,
            ended.tally.gradients,
            time.perf_counter() - began,
            "; ".join(said),
        )


def bridge(sampled: Tensor, proposed: Tensor, shares: Tensor | None = None) -> tuple[float, float, Tensor]:
    r"""The iterated optimal bridge, in the log domain.

    Args:
        sampled: log l at samples of the target, (groups, m): groups are independent of each other.
        proposed: log l at samples of q, (n,).
        shares: weight of each group, (groups,), summing to one; None means equal ones.

    Returns:
        log Z; its standard error; the logarithms of the summands over q, (n,).
    """
    groups, m = sampled.shape
    n = len(proposed)
    shares = shares if shares is not None else torch.full((groups,), 1 / groups, dtype=sampled.dtype)
    log_p, log_q = math.log(groups * m / (groups * m + n)), math.log(n / (groups * m + n))
    log_z = float(proposed.logsumexp(0)) - math.log(n)
    if not math.isfinite(log_z) or not bool(sampled.isfinite().all()):
        return math.nan if log_z != -math.inf else log_z, math.inf, proposed
    for _ in range(ROUNDS):
        above = proposed - torch.logaddexp(proposed + log_p, torch.full_like(proposed, log_q + log_z))
        below = -torch.logaddexp(sampled + log_p, torch.full_like(sampled, log_q + log_z))
        by_group = below.logsumexp(1) - math.log(m)  # (groups,)
        found = float(above.logsumexp(0)) - math.log(n) - float((by_group + shares.log()).logsumexp(0))
        change, log_z = abs(found - log_z), found
        if change < 1e-12 * max(abs(log_z), 1.0):
            break
    relative = (by_group - (by_group + shares.log()).logsumexp(0)).exp()
    from_samples = float((shares.square() * (relative - 1).square()).sum()) * groups / max(groups - 1, 1)
    from_proposals = (1 / effective_fraction(above) - 1) / (n - 1)
    return log_z, math.sqrt(from_samples + from_proposals), above


def _fitted(x: Tensor, shares: Tensor) -> torch.distributions.MultivariateNormal:
    """A normal law with the moments of weighted groups of particles, (groups, m, D)."""
    weights = (shares / shares.sum())[:, None, None] / x.shape[1]
    mean = (weights * x).sum((0, 1))
    centred = (x - mean) * weights.sqrt()
    covariance = torch.einsum("gmi,gmj->ij", centred, centred)
    covariance += 1e-9 * covariance.diagonal().mean() * torch.eye(len(mean), dtype=x.dtype, device=x.device)
    return torch.distributions.MultivariateNormal(mean, covariance, validate_args=False)
