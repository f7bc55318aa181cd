"""The no-U-turn sampler: each trajectory is as long as it still moves away from where it began."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pushforward.numerics.adaptation import DualAverage
from pushforward.numerics.hamiltonian import leapfrog
from pushforward.numerics.kernels import Chain, Moved, Seen, begin, refuse_runaway
from pushforward.numerics.slopes import LogDensity
from pushforward.randomness import Draw

DIVERGED = 1000.0  # nats of energy error at which a trajectory is given up


def no_u_turn(
    log_density: LogDensity,
    x: Tensor,
    steps: int,
    step: float,
    draw: Draw,
    depth: int = 8,
    warm_up: int = 0,
    wanted: float = 0.8,
    seen: Seen | None = None,
) -> Moved:
    r"""Hamiltonian trajectories that double, forward or backward in time, until an end turns towards the other.

    .. math:: v_- \cdot \bigl(\textstyle\sum_i v_i - \tfrac{v_- + v_+}{2}\bigr) \le 0 \quad\text{or}\quad
        v_+ \cdot \bigl(\textstyle\sum_i v_i - \tfrac{v_- + v_+}{2}\bigr) \le 0

    The next point is drawn from those of the trajectory by their weight exp(-H), within a doubling evenly and between
    doublings in favour of the new one. All chains double together; one that has turned waits and costs nothing more.

    Reference: Hoffman, Gelman, "The No-U-Turn Sampler", 2014, arXiv:1111.4246; with the weights and the criterion of
    Betancourt, "A Conceptual Introduction to Hamiltonian Monte Carlo", 2017, arXiv:1701.02434, appendix A; and
    the memory of Phan, Pradhan, Jankowiak, "Composable Effects for Flexible and Accelerated Probabilistic
    Programming in NumPyro", 2019, arXiv:1912.11554, appendix A.

    Args:
        log_density: (n, ...) to (n,), up to a constant.
        x: where the chains begin, (n, ...).
        steps: trajectories after the warm-up.
        step: h, in units of x; where the warm-up begins.
        draw: randomness for as many samples as there are chains.
        depth: doublings at most: a trajectory has up to 2^depth leapfrog steps.
        warm_up: trajectories that adapt the step.
        wanted: the mean acceptance along trajectories that the warm-up aims at.
        seen: told where the chains are after every trajectory that counts.

    Raises:
        RunFailed: if a chain begins at a point that is not finite, or the log-density has no bound.
    """
    chain = begin(log_density, x)
    taken = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    gradients, non_finite, adapted = 1, 0, DualAverage(step, wanted)
    for i in range(warm_up + steps):
        if warm_up:
            step = adapted.step if i < warm_up else adapted.settled
        tree = _grown(log_density, chain, step, draw, i, depth)
        chain, gradients = tree.chosen, gradients + tree.gradients
        chance = tree.acceptance / tree.leaves
        if i < warm_up:
            adapted.update(float(chance.mean()) if len(x) else wanted)
            continue
        taken, non_finite = taken + chance, non_finite + int(tree.broken.sum())
        if seen is not None:
            seen(chain.x)
    return Moved(chain.x, taken / max(steps, 1), non_finite, gradients, step)


@dataclass
class _Tree:
    """A trajectory of every chain: its two ends, what it weighs, and the point chosen of it so far."""

    left: Chain
    left_momentum: Tensor
    right: Chain
    right_momentum: Tensor
    chosen: Chain
    log_weight: Tensor  # of all points, by exp(-H) relative to the first, (n,)
    momentum: Tensor  # the sum over all points
    acceptance: Tensor  # the sum of min(1, exp(-H)) over the points beside the first
    leaves: Tensor  # how many those are
    broken: Tensor  # whether a number was not finite
    gradients: int = 0


def _grown(log_density: LogDensity, chain: Chain, step: float, draw: Draw, number: int, depth: int) -> _Tree:
    kick = draw.normal(f"nuts-momentum-{number}", *chain.x.shape[1:]).to(chain.x.dtype)
    energy = chain.log_density - 0.5 * _dot(kick, kick)
    none = torch.zeros_like(energy)
    tree = _Tree(chain, kick, chain, kick, chain, none, kick, none.clone(), none.clone(), none.bool())
    forward = draw.uniform(f"nuts-direction-{number}", depth) < 0.5
    between = draw.uniform(f"nuts-test-{number}", depth).to(energy.dtype)
    active = torch.arange(len(energy), device=energy.device)
    for k in range(depth):
        if not len(active):
            break
        luck = draw.uniform(f"nuts-pick-{number}-{k}", 2**k).to(energy.dtype)[active]
        within = _Subtree(active, forward[active, k], energy[active], luck, between[active, k])
        whole = _doubled(log_density, tree, within, step)
        active = active[whole]
    tree.leaves = tree.leaves.clamp(min=1)
    return tree


@dataclass
class _Subtree:
    """What one doubling needs to know: of which chains, in which direction, and its luck."""

    rows: Tensor
    forward: Tensor
    energy: Tensor  # log-weight of the first point, from which weights are counted
    luck: Tensor  # for the choice within, (rows, leaves)
    between: Tensor  # for the choice between the old points and these


def _doubled(log_density: LogDensity, tree: _Tree, sub: _Subtree, step: float) -> Tensor:
    """Double the trajectories of some rows in place; says which of them go on."""
    rows, at = sub.rows, _like(sub.forward, tree.momentum)
    edge = _where(sub.forward, _rows(tree.right, rows), _rows(tree.left, rows))
    momentum = torch.where(at, tree.right_momentum[rows], tree.left_momentum[rows])
    h = torch.where(at, step, -step).to(momentum.dtype)
    going, log_weight = torch.ones_like(sub.forward), torch.full_like(sub.energy, -math.inf)
    total, chosen = torch.zeros_like(momentum), edge
    ends: dict[int, tuple[Tensor, Tensor]] = {}  # a momentum, and the sum up to it, where a subtree began
    for leaf in range(sub.luck.shape[1]):
        edge, momentum = leapfrog(log_density, edge, momentum, h, 1)
        tree.gradients += 1
        if bool((edge.log_density.isposinf() & going).any()):
            refuse_runaway(edge)
        weight = edge.log_density - 0.5 * _dot(momentum, momentum) - sub.energy
        tree.broken[rows] |= weight.isnan() & going
        weight = weight.nan_to_num(-math.inf, neginf=-math.inf)
        tree.acceptance[rows] += going * weight.clamp(max=0.0).exp()
        tree.leaves[rows] += going.to(weight.dtype)
        going = going & (weight > -DIVERGED)
        both = torch.logaddexp(log_weight, weight)
        pick = going & (sub.luck[:, leaf] < (weight - both).exp())
        chosen = _where(pick, edge, chosen)
        log_weight = torch.where(going, both, log_weight)
        total = total + momentum
        going = going & ~_turns_within(leaf, momentum, total, ends)
        if not bool(going.any()):
            break
    better = going & (sub.between < (log_weight - tree.log_weight[rows]).clamp(max=0.0).exp())
    tree.chosen = _put(tree.chosen, rows[better], _rows(chosen, better))
    tree.log_weight = _set(tree.log_weight, rows[going], torch.logaddexp(tree.log_weight[rows], log_weight)[going])
    tree.momentum = _set(tree.momentum, rows[going], (tree.momentum[rows] + total)[going])
    ahead, behind = going & sub.forward, going & ~sub.forward
    tree.right, tree.left = (
        _put(tree.right, rows[ahead], _rows(edge, ahead)),
        _put(tree.left, rows[behind], _rows(edge, behind)),
    )
    tree.right_momentum = _set(tree.right_momentum, rows[ahead], momentum[ahead])
    tree.left_momentum = _set(tree.left_momentum, rows[behind], momentum[behind])
    return going & ~_turned(tree.left_momentum[rows], tree.right_momentum[rows], tree.momentum[rows])


def _turns_within(leaf: int, momentum: Tensor, total: Tensor, ends: dict[int, tuple[Tensor, Tensor]]) -> Tensor:
    """Whether a subtree of the subtree that ends at this leaf has turned, (n,)."""
    place = (leaf >> 1).bit_count()
    if leaf % 2 == 0:
        ends[place] = momentum, total
        return torch.zeros(len(momentum), dtype=torch.bool, device=momentum.device)
    closed = ((leaf + 1) & -(leaf + 1)).bit_length() - 1  # trailing ones: subtrees that end here
    turned = torch.zeros(len(momentum), dtype=torch.bool, device=momentum.device)
    for i in range(place, place - closed, -1):
        first, before = ends[i]
        turned = turned | _turned(first, momentum, total - before + first)
    return turned


def _turned(first: Tensor, last: Tensor, total: Tensor) -> Tensor:
    between = total - (first + last) / 2
    return (_dot(first, between) <= 0) | (_dot(last, between) <= 0)


def _rows(chain: Chain, rows: Tensor) -> Chain:
    return Chain(chain.x[rows], chain.log_density[rows], chain.slope[rows])


def _put(chain: Chain, rows: Tensor, new: Chain) -> Chain:
    return Chain(
        _set(chain.x, rows, new.x), _set(chain.log_density, rows, new.log_density), _set(chain.slope, rows, new.slope)
    )


def _set(values: Tensor, rows: Tensor, new: Tensor) -> Tensor:
    return values.index_put((rows,), new)


def _where(at: Tensor, yes: Chain, no: Chain) -> Chain:
    wide = _like(at, yes.x)
    return Chain(
        torch.where(wide, yes.x, no.x),
        torch.where(at, yes.log_density, no.log_density),
        torch.where(wide, yes.slope, no.slope),
    )


def _like(rows: Tensor, x: Tensor) -> Tensor:
    return rows.view(-1, *[1] * (x.ndim - 1))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(1)
