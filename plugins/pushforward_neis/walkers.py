"""Walkers by blocks of bounded memory: their weights, and the estimate that these make."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from pushforward import Draw, Estimate, Flow, UserError
from pushforward.numerics.processes import gathered
from pushforward.numerics.weights import Weights
from pushforward_neis.estimator import LogDensity, follow, log_terms, sum_of
from pushforward_neis.steppers import Stepper
from pushforward_neis.window import Window

BLOCK = 2048  # walkers followed at once


def starts(base: Flow, draw: Draw, n: int) -> Iterator[Tensor]:
    """n starting points of a base, by blocks."""
    for part in draw.blocks("walkers", n, BLOCK):
        yield base.sample(part.n, draw=part)


@torch.no_grad()
def estimate_in_window(
    log_density: LogDensity,
    base: Flow,
    stepper: Stepper,
    window: Window,
    walkers: int,
    draw: Draw,
    gradients: int = 0,
) -> Estimate:
    """log Z from the weights of some walkers.

    Args:
        log_density: log rho_1, unnormalised.
        base: where walkers start.
        stepper: what moves them by one step of the window.
        window: the times that a weight looks at.
        walkers: how many.
        draw: their randomness.
        gradients: how often moving one walker evaluates the gradient of U.
    """
    began = time.perf_counter()
    weights, lost = Weights(walkers), 0
    for x in starts(base, draw, walkers):
        path = follow(stepper, x, window.steps)
        lost += int(path.gone.any(0).sum())
        weights.add(sum_of(log_terms(log_density, base.log_density, path, window)))
    lost = sum(gathered(lost, draw))
    return weights.over_processes(draw).estimate(
        walkers * window.points,
        walkers * gradients,
        seconds=time.perf_counter() - began,
        also=[of_the_lost(lost, walkers, stepper)] if lost else [],
    )


def walkers_for(budget: int, each: int) -> int:
    """How many walkers a budget pays for.

    Raises:
        UserError: if it pays for none.
    """
    if budget < each:
        raise UserError(
            f"a budget of {budget} evaluations does not pay for one walker, which takes {each}: allow more, or take a"
            " window of fewer steps"
        )
    return budget // each


def of_the_lost(lost: int, walkers: int, stepper: Stepper) -> str:
    """What walkers that run away mean for an estimate, in words."""
    share = f"{lost} of {walkers} walkers ({100 * lost / walkers:.2g} %) run away within the window: the velocity grows"
    if stepper.exact:
        return f"{share} without bound; later times count as nothing, which leaves the mean at Z"
    return (
        f"{share} without bound; later times count as nothing, which is right for the flow itself but not for steps"
        " that leap over its end, so that the estimate may be off by about their share: take a shorter window, more"
        " steps, or a bounded velocity"
    )
