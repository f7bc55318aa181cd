"""What every flow keeps: it is a diffeomorphism with the log-determinants and the density that it says, row by row.

A flow often begins as the identity, of which much holds by accident: these contracts look at one whose parameters were
moved away from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pushforward.problem import UserError
from pushforward.projections import Confined
from pushforward.randomness import Draw
from pushforward.roles.flow import BOUNDS
from pushforward.testing.stand_ins import CLASSES
from pushforward.testing.subject import Subject, require

N = 5
EXACT = 1e-9  # in float64
SINGLE = 1e-4  # in float32
UNCLIPPED = 1e-3  # far out, where maps may be steep: what is clipped there is off by 1 and more
WIDEST = 1e4  # images beyond are of maps too steep to come back from
MOVED = 0.05  # how far parameters are moved, in standard deviations of a normal law
REACH = 9.0  # the mass of a flow on the reals is summed over [-9, 9] in both of two dimensions
CELLS = 241
SOLVED = 61  # as many cells where an equation is solved for each point
FAR = 25.0  # no base law has noise out here that a contract could wait for
SHAPES: tuple[tuple[int, ...], ...] = ((1,), (2,), (3,), (1, 2, 2))  # of data whose mass is looked at
Move = Callable[..., tuple[Tensor, Tensor]]


def goes_there_and_back(subject: Subject) -> None:
    """A flow's two directions undo each other and their log-determinants cancel, also far out: nothing is clipped"""
    for module in _variants(subject):
        condition = _condition(module)
        _goes_there_and_back(module, data(module), condition, EXACT)
        if module.domain == "reals":
            _goes_there_and_back(module, FAR * data(module), condition, UNCLIPPED)
        _goes_there_and_back(module.float(), data(module, torch.float32), condition, SINGLE)


@torch.no_grad()
def _goes_there_and_back(module: Any, z: Tensor, condition: Tensor | None, exact: float) -> None:
    for there, back in ((module.push, module.pull), (module.pull, module.push)):
        y, first = there(z, condition)
        require(y.shape == z.shape and first.shape == (N,), f"shapes {tuple(y.shape)} and {tuple(first.shape)}")
        require(y.dtype == first.dtype == z.dtype, f"{z.dtype} in, {y.dtype} and {first.dtype} out")
        again, second = back(y, condition)
        require(again.dtype == second.dtype == z.dtype, f"{z.dtype} in, {again.dtype} and {second.dtype} out")
        if module.inverse_kind != "learned":
            off = (again - z)[y.flatten(1).abs().amax(1) < WIDEST]
            if module.domain == "torus":
                off = (off + math.pi).remainder(2 * math.pi) - math.pi
            far = max(float(off.abs().max()) if len(off) else 0.0, float((first + second).abs().max()))
            where = f"in {z.dtype}, with numbers up to {float(z.abs().max()):.3g}"
            require(far <= max(exact, 10 * module.tolerance), f"there and back is off by {far:.3g} {where}")


def knows_its_jacobian(subject: Subject) -> None:
    """A flow's log-determinants are those of its Jacobian, by automatic differentiation in float64"""
    for module in _variants(subject):
        condition = _condition(module)
        for name in ("to_data", "to_base"):
            x = data(module)
            claimed = getattr(module, name)(x, condition)[1]
            true = torch.linalg.slogdet(jacobians(getattr(module, name), x, condition)).logabsdet
            off = float((true - claimed).detach().abs().max())
            allowed = max(EXACT, 100 * module.tolerance)
            require(off <= allowed, f"{name} is off by {off:.3g} nats")


@torch.no_grad()
def has_mass_one(subject: Subject) -> None:
    """A flow's density integrates to one: on a grid in two dimensions, by importance weights in more"""
    shapes = [subject.shape] if "shape" in subject.examples else SHAPES
    for shape in filter(partial(_can_be_made_for, subject), shapes):
        module = moved_away(subject.made_for(shape))
        mass, allowed = (_summed if math.prod(shape) <= 2 else _weighted)(module)
        require(abs(mass - 1) <= allowed, f"the density of data of shape {shape} sums to {mass:.5f}")


def _summed(module: Any) -> tuple[float, float]:
    low, high = BOUNDS.get(module.domain, (-REACH, REACH))
    dimension = math.prod(module.shape)
    cells = (SOLVED if module.inverse_kind == "iterative" else CELLS) if dimension == 2 else 2001
    edges = torch.linspace(low, high, cells + 1, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    grid = torch.cartesian_prod(*[middle] * dimension).view(-1, *module.shape)
    density = module.log_density(grid, _condition(module, len(grid))).exp()
    return float(density.sum()) * ((high - low) / cells) ** dimension, 1e-3


def _weighted(module: Any) -> tuple[float, float]:
    """The mean weight of quasi-random points of a wider law, and four of its standard errors, were they random."""
    n, dimension = 1 << 9 if module.inverse_kind == "iterative" else 1 << 13, math.prod(module.shape)
    points = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=0).draw(n, dtype=torch.float64)
    if module.domain in BOUNDS:
        low, high = BOUNDS[module.domain]
        x, log_proposal = low + (high - low) * points, torch.full((n,), -dimension * math.log(high - low))
    else:
        x = 1.2 * torch.special.ndtri(points.clamp(1e-9, 1 - 1e-9))
        log_proposal = torch.distributions.Normal(0.0, 1.2).log_prob(x).sum(1)
    log_density = module.log_density(x.view(n, *module.shape), _condition(module, n))
    weights = (log_density - log_proposal).exp()
    return float(weights.mean()), max(1e-3, 4 * float(weights.std()) / math.sqrt(n))


def is_triangular_in_its_order(subject: Subject) -> None:
    """An autoregressive flow, one map of it where it has several, has a Jacobian that is triangular in its order"""
    module = moved_away(subject.make(**_maps(subject, 1)))
    if module.order is None:
        return
    require(sorted(module.order) == list(range(math.prod(module.shape))), f"its order is {module.order}")
    order = torch.tensor(module.order)
    for name in ("to_data", "to_base"):
        jacobian = jacobians(getattr(module, name), data(module), _condition(module))[:, order][:, :, order]
        require(bool((jacobian.triu(1) == 0).all()), f"the Jacobian of {name} is not lower triangular in its order")


def takes_any_number_of_rows(subject: Subject) -> None:
    """One datum, none, or a grid of data: each row is moved as it would be alone, and one of NaN is alone NaN"""
    module = _moved(subject)
    z = data(module, n=6)
    allowed = 1e-12 + module.tolerance * 1e-3
    for name in ("to_data", "to_base"):
        move, condition = getattr(module, name), _condition(module, 6)
        y, log_det = (out.detach() for out in move(z, condition))
        for leading in ((2, 3), (6, 1)):
            shaped = None if condition is None else condition.view(leading)
            found, each = move(z.view(*leading, *module.shape), shaped)
            require(
                each.shape == leading, f"{name} of data of {leading} rows gave log-determinants {tuple(each.shape)}"
            )
            _same(found.reshape_as(y), y, allowed, f"{name} of {leading} rows")
        found, each = move(z[0], None if condition is None else condition[0])
        require(each.shape == (), f"{name} of one datum gave a log-determinant of shape {tuple(each.shape)}")
        _same(found, y[0], allowed, f"{name} of one datum")
        nothing, none = move(z[:0], None if condition is None else condition[:0])
        require(nothing.shape == (0, *module.shape) and none.shape == (0,), f"{name} of no rows is not no rows")
        torn = z.clone()
        torn[2] = math.nan
        others = [0, 1, 3, 4, 5]
        found, each = (out.detach() for out in move(torn, condition))
        _same(found[others], y[others], allowed, f"{name} beside a row of NaN")
        _same(each[others], log_det[others], allowed, f"the log-determinants of {name} beside a row of NaN")
    broken = z.clone()
    broken[2] = math.nan
    density = module.log_density(broken, _condition(module, 6))
    require(bool(density[2].isnan()), "a row of NaN has a density")
    _refuses("data of another shape", module.to_base, z.flatten()[:-1])


def can_be_differentiated_twice(subject: Subject) -> None:
    """The gradient of a score reaches the parameters, and is that of finite differences"""
    module = _moved(subject)
    x = data(module).requires_grad_()
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:  # a law in closed form
        return
    generator = torch.Generator().manual_seed(1)
    step = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in parameters]

    def slope(keep: bool) -> Tensor:
        density = module.log_density(x, _condition(module))
        (score,) = torch.autograd.grad(density.sum(), x, create_graph=keep)
        return score.square().sum()

    second = torch.autograd.grad(slope(True), parameters, allow_unused=True)
    found = sum(float((g * s).sum()) for g, s in zip(second, step, strict=True) if g is not None)
    values, size = [], 1e-4 if module.inverse_kind == "iterative" else 1e-6  # few kinks of a relu lie so near
    for sign in (1, -2, 1):
        with torch.no_grad():
            torch._foreach_add_(parameters, step, alpha=sign * size)
        values.append(float(slope(False).detach()))
    expected = (values[0] - values[1]) / (2 * size)
    allowed = 1e-4 * (1 + abs(expected)) + 1e5 * module.tolerance
    require(abs(found - expected) <= allowed, f"it is {found:.6g} along a line, differences say {expected:.6g}")


def trains_on_what_lies_outside(subject: Subject) -> None:
    """A batch that lies where nothing is bent still has a cost that can be followed"""
    module = _moved(subject)
    if module.domain == "box":
        density = module.log_density(data(module) + 2, _condition(module))
        require(bool((density == -math.inf).all()), f"points outside the box have log-density {density.tolist()}")
        return
    parameters = [p for p in module.parameters() if p.requires_grad]
    x = (FAR * data(module)).requires_grad_()
    cost = module.log_density(x, _condition(module)).mean()
    found = torch.autograd.grad(cost, parameters or [x], allow_unused=True)
    require(all(g is None or bool(g.isfinite().all()) for g in found), "a gradient is not finite")


def knows_the_density_of_its_samples(subject: Subject) -> None:
    """Samples are a function of the draw, and those that come with a log-density have that log-density"""
    for module in _variants(subject):
        draw, condition = Draw(0, ("contract",), N, dtype=torch.float64), _condition(module)
        x, density = (out.detach() for out in module.sample_and_log_density(draw, condition))
        require(x.shape == (N, *module.shape), f"samples have shape {tuple(x.shape)}")
        again = module.sample(N, condition, draw).detach()
        require(torch.equal(again, module.sample(N, condition, draw).detach()), "two samples of one draw differ")
        allowed = 1e-8 + 100 * module.tolerance
        _same(again, x, allowed, "samples with and without log-density")
        if module.inverse_kind != "learned":
            _same(module.log_density(x, condition), density, allowed, "the log-density of samples")


def listens_to_its_condition(subject: Subject) -> None:
    """A conditional flow depends on its condition, row by row, and refuses one of the wrong batch with a sentence"""
    zeros = torch.zeros(N, dtype=torch.int64)
    for module in _variants(subject):
        x = data(module)
        if not module.conditional:
            _refuses("a condition", module.log_density, x, zeros)
            continue
        first, second = module.to_base(x, zeros)[0], module.to_base(x, zeros + 1)[0]
        moved = (first - second).detach().flatten(1).abs().amax(1)
        require(bool((moved > 0).all()), "another class leaves a row where it was")
        mixed = module.to_base(x, _condition(module))[0].detach()
        _same(mixed[::CLASSES], first[::CLASSES].detach(), 1e-12, "a row of class 0 among others")
        _refuses("no condition", module.log_density, x)
        _refuses("too few conditions", module.log_density, x, zeros[:-1])
        _refuses("a class that there is not", module.log_density, x, zeros + CLASSES)


def compiles_to_one_graph(subject: Subject) -> None:
    """A flow that says so compiles without a graph break, both ways, to what it was"""
    module = moved_away(subject.make(**_maps(subject, 2)))
    if not module.compiles:
        return
    x, condition = data(module), _condition(module)
    plain = [move(x, condition) for move in (module.to_data, module.to_base)]
    torch._dynamo.reset()
    module.compile(fullgraph=True, backend="eager")
    for (y, log_det), move in zip(plain, (module.to_data, module.to_base), strict=True):
        found, each = move(x, condition)
        _same(found, y, 1e-12, "what is compiled")
        _same(each, log_det, 1e-12, "the log-determinants of what is compiled")


FLOW = (
    goes_there_and_back,
    knows_its_jacobian,
    has_mass_one,
    is_triangular_in_its_order,
    takes_any_number_of_rows,
    can_be_differentiated_twice,
    trains_on_what_lies_outside,
    knows_the_density_of_its_samples,
    listens_to_its_condition,
    compiles_to_one_graph,
)


def data(module: Any, dtype: torch.dtype = torch.float64, n: int = N) -> Tensor:
    """Rows on the domain of a flow."""
    generator = torch.Generator().manual_seed(0)
    if module.domain in BOUNDS:
        low, high = BOUNDS[module.domain]
        return low + (high - low) * torch.rand((n, *module.shape), dtype=dtype, generator=generator)
    return torch.randn((n, *module.shape), dtype=dtype, generator=generator)


def jacobians(move: Move, x: Tensor, condition: Tensor | None = None) -> Tensor:
    """The Jacobian of one of a flow's directions at every row, (n, D, D), by automatic differentiation."""
    found = []
    for i, row in enumerate(x):
        own = None if condition is None else condition[i]
        jacobian = torch.autograd.functional.jacobian(lambda y, own=own: move(y, own)[0], row)
        found.append(jacobian.reshape(row.numel(), row.numel()))
    return torch.stack(found)


@torch.no_grad()
def moved_away(module: Any) -> Any:
    """A flow in float64 with its parameters moved away from where they begin, inside what a `Confined` part allows."""
    module, generator = module.double(), torch.Generator().manual_seed(2)
    for parameter in module.parameters():
        parameter += MOVED * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    for part in module.modules():
        if isinstance(part, Confined) and part.projection is not None:
            for parameter in part.parameters(recurse=False):
                parameter.copy_(part.projection(parameter))
    return module


def _moved(subject: Subject) -> Any:
    return moved_away(subject.make())


def _maps(subject: Subject, count: int) -> dict[str, Any]:
    """Arguments that make a flow of this many maps, where it can be told."""
    return {"transforms": count} if "transforms" in subject.signature.parameters else {}


def _variants(subject: Subject) -> Iterator[Any]:
    """A flow, and the same with a condition where it can have one."""
    yield _moved(subject)
    if "conditional" in subject.signature.parameters:
        yield moved_away(subject.make(conditional=True))


def _can_be_made_for(subject: Subject, shape: tuple[int, ...]) -> bool:
    try:
        subject.made_for(shape)
    except (UserError, ValueError):
        return False
    return True


def _condition(module: Any, n: int = N) -> Tensor | None:
    return torch.arange(n) % CLASSES if module.conditional else None


def _same(found: Tensor, expected: Tensor, allowed: float, what: str) -> None:
    off = float((found - expected).detach().abs().max()) if found.numel() else 0.0
    require(off <= allowed, f"{what}: off by {off:.3g}")


def _refuses(what: str, act: Callable[..., object], *arguments: object) -> None:
    try:
        act(*arguments)
    except UserError:
        return
    require(False, f"it takes {what} without a word")
