"""Where walkers start while a velocity is trained: at the base, or helped to where the target is."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward import Draw, Flow, RunFailed, Target
from pushforward.numerics.integrators import integrate
from pushforward.numerics.kernels import langevin
from pushforward_neis.estimator import follow
from pushforward_neis.steppers import Stepper
from pushforward_neis.window import Window


def downhill(target: Target, x: Tensor, speed: float, steps: int) -> Tensor:
    """The end of steepest descent of U from x, (n, D): dx/dt = -s grad U for t from 0 to 1.

    Raises:
        RunFailed: if the steps are too long for it.
    """

    def rates(_: float, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (speed * target.score(state[0]).detach(),)

    (ends,) = integrate(rates, (x,), 0.0, 1.0, steps)
    lost = int((~ends.isfinite().all(1)).sum())
    if lost:
        raise RunFailed(
            f"the descent that helps walkers to the target runs away from {lost} of {len(x)} starts: steps of"
            f" {speed / steps:.3g} are too long where the target is so steep; lower `descent`, or raise `steps`"
        )
    return ends


def roughly_sampled(target: Target, x: Tensor, speed: float, steps: int, draw: Draw, moves: int, size: float) -> Tensor:
    """Rough samples of the target: the ends of steepest descent, spread out by some Metropolis-adjusted Langevin moves.

    Each mode is sampled well, but its share is that of the starts that run down to it.
    """
    ends = downhill(target, x, speed, steps)
    return langevin(target.log_density, ends, moves, size, draw).x if moves else ends


@torch.no_grad()
def led_to(y: Tensor, base: Flow, stepper: Stepper, window: Window, luck: Tensor) -> Tensor:
    r"""Starts whose trajectories lead to y, (n, D).

    One of the points of y's own trajectory, :math:`x = X_{-k}(y)` with probability in proportion to
    :math:`w_k\, \rho_0(X_{-k}) J_{-k}`. For exact samples y of the target, the law of x is :math:`\rho_0 A / Z`:
    that of the base, weighed by what the walkers weigh.

    Args:
        y: points of the target.
        base: the law of walkers.
        stepper: what moves them.
        window: the times k at which y may be met.
        luck: uniform numbers, (n,).
    """
    path = follow(stepper, y, window.steps)
    gone = path.gone
    points = path.points.masked_fill(gone[..., None], 0.0)
    mass = base.log_density(points.flatten(0, 1)).view(gone.shape) + path.log_jacobians
    mass = mass.masked_fill(gone | mass.isnan(), -math.inf)
    before = window.steps - torch.arange(window.first, window.first + window.steps + 1, device=y.device)
    mass = mass[before].double()
    mass[[0, -1]] -= math.log(2)
    share = (mass - mass.max(0).values).exp().cumsum(0)
    chosen = torch.searchsorted(share.T.contiguous(), (luck.double() * share[-1])[:, None], right=True).squeeze(1)
    return points[before[chosen.clamp(max=window.steps)], torch.arange(len(y), device=y.device)]


@torch.no_grad()
def log_share_of_base(log_weights: Tensor, helped: float, tries: int = 60) -> tuple[Tensor, Tensor]:
    r"""log of the base over the law of walkers of which a share p was led to the target, and log Z.

    .. math:: \frac{\rho_0}{(1 - p)\, \rho_0 + p\, \rho_0 A / Z} = \frac{1}{1 - p + p A / Z}, \qquad
        Z = \frac1n \sum_i \frac{A_i}{1 - p + p A_i / Z}

    The second equation is bridge sampling between base and target, solved by iteration.

    Args:
        log_weights: log A of all walkers, (n,).
        helped: p.
        tries: iterations.
    """
    # walkers that were not helped weigh, even where luck left none
    helped = min(helped, 1 - 1 / (2 * len(log_weights)))
    n = math.log(len(log_weights))
    log_z = log_weights.logsumexp(0) - n
    for _ in range(tries):
        share = -torch.logaddexp(log_weights.new_tensor(math.log1p(-helped)), math.log(helped) + log_weights - log_z)
        log_z = (log_weights + share).logsumexp(0) - n
    return share, log_z
