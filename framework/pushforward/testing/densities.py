"""What ties a target's density to its score, its samples and its log Z: identities that hold for every law.

Published targets break them: a funnel whose samples are those of its mirror image, a posterior without its prior,
samples that are clipped, one name for several mixtures. Each law here is held to five standard errors at a fixed seed;
a law that keeps them fails one time in a million.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pushforward.randomness import Draw
from pushforward.testing.subject import Subject, require

POINTS = 40  # at which a score is compared with differences
STEP = 1e-5
SAMPLES, FEWEST = 6000, 500
TERMS = 10_000_000  # rows times modes times D of one evaluation: of a thousand modes fewer samples are looked at
LIMIT = 5.0  # standard errors
ATOM = 8  # equal float32 numbers among the samples are pairs at most, but for a chance of one in a million
LABELS = 8  # ways to part the modes in two
CENTRES, NEIGHBOUR = 500, 8  # of the kernel estimate that integrates a density


def has_the_score_of_its_density(subject: Subject) -> None:
    """The score is the slope of the log-density, along any direction"""
    if not subject.gives("log_density"):
        return
    target = subject.make()
    x = _points(target, 1, POINTS)[0] if subject.gives("sample") else 0.5 * _normal("points", POINTS, *target.shape)
    for number in range(3):
        along = _normal(f"direction-{number}", *x.shape)
        with torch.no_grad():
            rise = target.log_density(x + STEP * along) - target.log_density(x - STEP * along)
        slope, claimed = rise / (2 * STEP), (target.score(x).detach() * along).flatten(1).sum(1)
        known = slope.isfinite()
        off = ((slope - claimed).abs() / (1 + slope.abs()))[known]
        require(known.any() and bool((off <= 1e-3).all()), f"score and differences differ by {float(off.max()):.2g}")


def has_no_atoms(subject: Subject) -> None:
    """No number comes up again and again in samples of a density, as clipped ones do"""
    if not (subject.gives("sample") and subject.gives("log_density")):
        return
    x = _points(subject.make(), 1)[0].flatten(1)
    times = max(int(column.unique(return_counts=True)[1].max()) for column in x.unbind(1))
    require(times < ATOM, f"one number came up {times} times in {len(x)} samples")


def keeps_steins_identities(subject: Subject) -> None:
    """Samples satisfy E score = 0 and E x.score = -D, or on a compact domain the like with fields that fit it"""
    if not (subject.gives("sample") and subject.gives("log_density")):
        return
    target = subject.make()
    x = _points(target, 1)[0]
    score = target.score(x).detach().flatten(1)
    x = x.flatten(1)
    if target.domain == "reals":
        _require_mean_zero(score, "E score is not 0")
        _require_mean_zero(((x * score) + 1).sum(1, keepdim=True), "E x.score is not -D")
    elif target.domain == "torus":
        _require_mean_zero(score, "E score is not 0")
        fields = torch.cat([x.sin() * score + x.cos(), x.cos() * score - x.sin()], 1)
        _require_mean_zero(fields, "E f score is not -E f' for a wave f")
    elif target.domain == "box":
        inside, slope = x * (1 - x), 1 - 2 * x  # two fields without flux through the faces: inside, inside * slope
        fields = torch.cat([inside * score + slope, inside * slope * score + slope.square() - 2 * inside], 1)
        _require_mean_zero(fields, "E f score is not -E f' for an f that vanishes at the faces")


def keeps_detailed_balance(subject: Subject) -> None:
    """Samples are of the density: a Metropolis move from them is as likely as its reverse"""
    # E min(1, p(y) / p(x)) h(x, y) = 0 for x of law p, a symmetric proposal y and an antisymmetric h. Steps along the
    # differences of independent samples fit any scale; steps from mode to mode see the weights of modes that lie apart.
    if not (subject.gives("sample") and subject.gives("log_density")):
        return
    target = subject.make()
    x, first, second = _points(target, 3)
    size = _draw("size", len(x)).uniform("size") ** 4
    size = torch.where(_draw("whole", len(x)).uniform("whole") < 0.5, size, torch.ones_like(size))
    y = x + size.view(-1, *[1] * (x.ndim - 1)) * (first - second)
    if target.domain == "torus":
        y = y - 2 * math.pi * (y / (2 * math.pi)).round()
    centre, spread = x.median(0).values, (x - x.median(0).values).abs().median(0).values + 1e-12
    place = partial(_place, centre=centre, spread=spread)
    _require_balance(
        target, x, y, place(y) - place(x), torch.ones(len(x), dtype=torch.bool), "samples and density differ"
    )
    if target.modes is not None and len(target.modes) > 1:
        _require_fair_modes(target, x)


def integrates_to_its_log_z(subject: Subject) -> None:
    """In one and two dimensions, the integral of the density over the plane is exp(log_z)"""
    if not all(subject.gives(word) for word in ("sample", "log_density", "log_z")):
        return
    target = subject.make()
    if math.prod(target.shape) > 2:
        return
    x = _points(target, 1, SAMPLES)[0].flatten(1)
    noise = _normal("kernel", *x.shape)
    wide = (2 / _normal("width", len(x), 2).square().sum(1)).sqrt()  # a Student law of two degrees of freedom
    centres, dimension = x[:CENTRES], x.shape[1]
    scale = torch.cdist(centres, centres).kthvalue(NEIGHBOUR, dim=1).values
    chosen = torch.arange(len(x)) % CENTRES
    y = centres[chosen] + (scale[chosen] * wide)[:, None] * noise
    squares = torch.cdist(y, centres).square() / scale.square()
    constant = math.lgamma(1 + dimension / 2) - dimension / 2 * math.log(2 * math.pi)
    kernels = constant - dimension * scale.log() - (1 + dimension / 2) * torch.log1p(squares / 2)
    weights = target.log_density(y.view(-1, *target.shape)) - kernels.logsumexp(1) + math.log(CENTRES)
    if target.domain == "torus":
        weights = weights.masked_fill((y.abs() > math.pi).any(1), -math.inf)
    relative = (weights - target.log_z).exp()  # of mean one
    off, error = float(relative.mean()) - 1, float(relative.std()) / math.sqrt(len(relative))
    require(abs(off) <= LIMIT * error, f"exp(log_z) is off by {100 * off:.1f} %, with an error of {100 * error:.1f} %")


DENSITY = (
    has_the_score_of_its_density,
    has_no_atoms,
    keeps_steins_identities,
    keeps_detailed_balance,
    integrates_to_its_log_z,
)


def _require_fair_modes(target: Any, x: Tensor) -> None:
    """Balance of steps from the nearest mode to any other one, seen by random partings of the modes in two."""
    modes = target.modes.to(x)
    count = len(modes)
    here = target.distance_to_modes(x).argmin(1)
    there = (here + 1 + _draw("jump", len(x)).integers("jump", count - 1)) % count
    y = x + modes[there] - modes[here]
    side = 2.0 * _draw("side", count).integers("side", 2, LABELS).to(x) - 1  # (modes, LABELS) of +1 and -1
    back = target.distance_to_modes(y).argmin(1) == there  # or the reverse step would be another one
    _require_balance(target, x, y, side[there] - side[here], back, "modes have other shares in samples and density")


def _require_balance(target: Any, x: Tensor, y: Tensor, change: Tensor, allowed: Tensor, found: str) -> None:
    with torch.no_grad():
        before, after = target.log_density(x), target.log_density(y)
    require(before.isfinite().all(), f"the log-density is not finite at {int((~before.isfinite()).sum())} samples")
    require(not bool((after.isnan() | after.isposinf()).any()), "the log-density is NaN or infinite near samples")
    rise = after - before
    accepted = rise.clamp_max(0).exp() * allowed  # min(1, p(y) / p(x))
    _require_mean_zero(accepted[:, None] * torch.cat([rise.sign()[:, None], change], 1), found)


def _require_mean_zero(values: Tensor, found: str) -> None:
    error = values.std(0) / math.sqrt(len(values))
    mean = values.mean(0)
    off = float((mean.abs() / error.clamp_min(1e-12)).max())
    require(off <= LIMIT, f"{found}: off by {off:.1f} standard errors of {len(values)} samples")


def _place(x: Tensor, centre: Tensor, spread: Tensor) -> Tensor:
    """Where a point lies along every axis, in (-1, 1), (n, D)."""
    return ((x - centre) / spread).tanh().flatten(1)


def _points(target: Any, sets: int, n: int | None = None) -> list[Tensor]:
    """Independent sets of samples, in float64."""
    terms = math.prod(target.shape) * (1 if target.modes is None else len(target.modes))
    n = min(SAMPLES, max(FEWEST, TERMS // terms)) if n is None else n
    draws = [_draw(f"samples-{number}", n) for number in range(sets)]
    return [target.sample(n, draw).x.double() for draw in draws]


def _normal(name: str, n: int, *shape: int) -> Tensor:
    return _draw(name, n).normal(name, *shape)


def _draw(name: str, n: int) -> Draw:
    return Draw(0, ("density", name), n, dtype=torch.float64)
