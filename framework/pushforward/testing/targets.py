"""What targets, features, estimators and samplers keep: what they declare is there, and equal draws are equal."""

from __future__ import annotations

import math
from typing import Any, get_args

import torch
from torch import Tensor

from pushforward.problem import RunFailed
from pushforward.randomness import Draw
from pushforward.records import Metadata
from pushforward.registry import load
from pushforward.roles.estimator import Estimate
from pushforward.roles.target import Batch, Split
from pushforward.testing.densities import DENSITY
from pushforward.testing.stand_ins import Blobs
from pushforward.testing.subject import Subject, require

N = 6
EULER = 0.5772156649
SPLITS: tuple[Split, ...] = get_args(Split)


def is_as_its_metadata_say(subject: Subject) -> None:
    """What is known of a target before it is read is what it then is"""
    if not subject.component.metadata:
        return
    known, target = load(subject.component.metadata)(**subject.examples), subject.make()
    require(isinstance(known, Metadata), f"{subject.component.metadata} gave a {type(known).__name__}")
    require(known.shape == tuple(target.shape), f"shape {known.shape}, then {tuple(target.shape)}")
    require(known.classes == target.classes, f"{known.classes} classes, then {target.classes}")
    sizes = {split: size for split in SPLITS if (size := target.size(split)) is not None}
    require(known.sizes == sizes, f"sizes {known.sizes}, then {sizes}")


def samples_as_declared(subject: Subject) -> None:
    """Training data are finite float32 of shape (n, *shape) with labels in range, where the record declares them"""
    if not subject.gives("sample"):
        return
    target = subject.make()
    for batch in (target.batch(_draw()), target.sample(N, _draw())):
        _check_rows(target, batch, N, subject.gives("labels"))
        if target.levels is not None:
            steps = (batch.x + 1) / target.cell
            off = float((steps - steps.round()).abs().max())
            require(off <= 1e-3, f"data are {off:.3g} of a cell off the {target.levels} levels that it declares")
            require(batch.x.abs().max() <= 1, "data have levels outside -1 to 1")


def follows_its_draw(subject: Subject) -> None:
    """Equal draws give equal data, others give others, and parts of a draw are its rows"""
    if not subject.gives("sample"):
        return
    target, state = subject.make(), torch.get_rng_state()
    first = target.batch(_draw())
    require(torch.equal(first.x, target.batch(_draw()).x), "one draw gave different data")
    other = target.batch(Draw(0, ("other",), N, position=N))
    require(not torch.equal(first.x, other.x), "different draws gave the same data")
    parts = torch.cat([target.batch(part).x for part in _draw().parts(2)])
    require(torch.equal(first.x, parts), "the two halves of a draw are not the whole: ask the draw by name for numbers")
    require(torch.equal(state, torch.get_rng_state()), "it moved torch's global generator: take the draw's numbers")


def keeps_its_splits(subject: Subject) -> None:
    """Held-out rows are always the same ones, as many as there are, and those of train and test differ"""
    if not subject.gives("sample"):
        return
    target = subject.make()
    rows = {}
    for split in SPLITS:
        size = target.size(split)
        n = N if size is None else min(N, size)
        require(n > 0, f"there are no {split} rows")
        rows[split] = target.held_out(split, n)
        _check_rows(target, rows[split], n, subject.gives("labels"))
        require(torch.equal(rows[split].x, target.held_out(split, n).x), f"{split} rows change from call to call")
    n = min(len(batch.x) for batch in rows.values())
    require(not torch.equal(rows["train"].x[:n], rows["test"].x[:n]), "train and test rows are the same")


def knows_its_density(subject: Subject) -> None:
    """A log-density is (n,) and differentiable in x, and log Z is there where the record declares it"""
    target = subject.make()
    require((target.log_z is not None) == subject.gives("log_z"), f"log_z is {target.log_z}, against the record")
    if not subject.gives("log_density"):
        return
    for dtype in (torch.float32, torch.float64):
        x = torch.randn((N, *target.shape), dtype=dtype, generator=torch.Generator().manual_seed(0))
        density = target.log_density(x)
        require(density.shape == (N,), f"it has shape {tuple(density.shape)}: expected ({N},)")
        require(density.dtype == dtype, f"{dtype} in, {density.dtype} out")
        require(target.score(x).shape == x.shape, "its gradient has not the shape of x")


def knows_its_modes(subject: Subject) -> None:
    """Modes have a scale, weights and distances, where the record declares them and nowhere else"""
    target = subject.make()
    require((target.mode_scale is not None) == subject.gives("modes"), f"mode_scale is {target.mode_scale}")
    if target.mode_scale is None:
        return
    require(target.mode_scale > 0, f"mode_scale is {target.mode_scale}")
    distances = target.distance_to_modes(target.held_out("test", N).x)
    require(distances.ndim == 2 and len(distances) == N, f"distances have shape {tuple(distances.shape)} for {N} rows")
    require(bool((distances >= 0).all()), "a distance is negative")
    weights = target.mode_weights
    require(
        weights is None or weights.shape == distances.shape[1:], f"weights of {distances.shape[1]} modes: {weights}"
    )
    if target.modes is not None:
        shape = tuple(target.modes.shape[1:])
        require(shape == tuple(target.shape), f"a mode has shape {shape}: expected {tuple(target.shape)}")
        own = target.distance_to_modes(target.modes).diagonal()
        require(bool((own == 0).all()), "a mode is away from itself")


def gives_rows_of_numbers(subject: Subject) -> None:
    """Features are (n, d), the same for the same data, once prepared on a target"""
    features = subject.make()
    target = Blobs((1, 8, 8))
    features.prepare(target)
    x = target.sample(N, _draw()).x
    out = features(x)
    require(out.ndim == 2 and len(out) == N, f"shape {tuple(out.shape)} for {N} data")
    require(out.isfinite().all() and torch.equal(out, features(x)), "they are not finite, or change from call to call")
    require(isinstance(features.name, str) and features.name, "it has no name")


def estimates_within_budget(subject: Subject) -> None:
    """An estimate costs its budget at most, gradients included, repeats, and is within five errors of the truth"""
    estimator, target, budget = subject.make(), Blobs(), 100_000
    draw = Draw(0, ("estimate",), 1)
    first, second = (estimator.estimate(target, budget, draw) for _ in range(2))
    require(isinstance(first, Estimate), f"it gave a {type(first).__name__}: expected an Estimate")
    require(first.log_z == second.log_z, f"one draw gave {first.log_z} and {second.log_z}")
    spent = first.evaluations + first.gradient_evaluations
    require(0 < first.evaluations <= spent <= budget, f"{spent} evaluations of U and its gradient, of at most {budget}")
    require(first.n > 0 and math.isfinite(first.log_z), f"log Z is {first.log_z} of {first.n} weights")
    off = abs(first.log_z - target.log_z)  # five: one failure in two million, were it normal
    require(off <= 5 * first.standard_error, f"it is off by {off:.3g} with an error of {first.standard_error:.3g}")


def leaves_its_law_alone(subject: Subject) -> None:
    """A kernel started in a skewed law stays there, repeats with its draw, and tells every step that counts"""
    kernel, n = subject.make(), 4000
    draw, seen = Draw(0, ("kernel",), n), list[Tensor]()

    def skewed(x: Tensor) -> Tensor:  # each coordinate the logarithm of a number of exponential law
        return (x - x.exp()).sum(1)

    start = (-torch.log1p(-draw.uniform("start", 2))).log()
    (x, facts), (again, _) = (kernel.run(skewed, start.clone(), 10, draw, told) for told in (seen.append, None))
    require(x.shape == start.shape and torch.equal(x, again), "another shape came out, or one draw gave two results")
    require(isinstance(facts, dict), f"facts are a {type(facts).__name__}")
    require(len(seen) == 10 and torch.equal(seen[-1], x), f"it told of {len(seen)} steps of 10, or not of the last")
    off = max(
        float((x.mean(0) + EULER).abs().max()) / (math.pi / math.sqrt(6)),  # a deviation of pi / sqrt(6)
        float((x.exp().mean(0) - 1).abs().max()),  # a deviation of 1
    )
    require(off <= 5 / math.sqrt(n), f"after ten steps from its law, moments are off by {off:.3g} deviations")


def moves_each_chain_by_itself(subject: Subject) -> None:
    """A chain depends on its own row of the draw, and one that begins at no number stops the run"""
    kernel, draw = subject.make(), Draw(0, ("kernel",), N)

    def normal(x: Tensor) -> Tensor:
        return -0.5 * x.square().sum(1)

    start = draw.normal("start", 2)
    whole, _ = kernel.run(normal, start, 5, draw)
    halves = [kernel.run(normal, x, 5, part)[0] for x, part in zip(start.split(N // 2), draw.parts(2), strict=True)]
    off = float((whole - torch.cat(halves)).abs().max())
    require(off <= 1e-4, f"chains differ by {off:.3g} when half of them are left out")
    start[1, 0] = math.nan
    try:
        kernel.run(normal, start, 5, draw)
    except RunFailed:
        return
    require(False, "a chain that begins at NaN was moved, and nothing was said")


TARGET = (
    is_as_its_metadata_say,
    samples_as_declared,
    follows_its_draw,
    keeps_its_splits,
    knows_its_density,
    knows_its_modes,
    *DENSITY,
)
FEATURES = (gives_rows_of_numbers,)
ESTIMATOR = (estimates_within_budget,)
SAMPLER = (leaves_its_law_alone, moves_each_chain_by_itself)


def _check_rows(target: Any, batch: Batch, n: int, labelled: bool) -> None:
    x, labels = batch
    require(x.shape == (n, *target.shape), f"shape {tuple(x.shape)}: expected {(n, *target.shape)}")
    require(x.dtype == torch.float32 and x.isfinite().all(), f"{x.dtype}, or not all finite")
    if labels is None:
        require(not labelled, "the record declares labels, and there are none")
        return
    require(labels.shape == (n,) and labels.dtype == torch.int64, f"labels {tuple(labels.shape)} of {labels.dtype}")
    top = target.classes or 0
    require(bool(((labels >= 0) & (labels < top)).all()), f"labels are not all in [0, {top})")


def _draw() -> Draw:
    return Draw(0, ("contract",), N)
