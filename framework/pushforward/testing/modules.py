"""What generators, discriminators, energies, flows, velocity fields and networks keep, seen as modules."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pushforward.adapters import couples_samples
from pushforward.numerics.divergence import exact_divergence
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.testing import flows
from pushforward.testing.stand_ins import CLASSES
from pushforward.testing.subject import ContractBroken, Subject, require

N = 5
CASES = (((3,), ()), ((3,), (2,)), ((3,), (1, 8, 8)), ((1, 8, 8), ()), ((1, 8, 8), (1, 8, 8)))


def repeats(subject: Subject) -> None:
    """The same input gives the same output, and no randomness of its own is used"""
    module, inputs = _made(subject), _inputs(subject)
    state = torch.get_rng_state()
    first, second = _call(module, inputs), _call(module, inputs)
    require(torch.equal(first, second), f"two calls differ by {float((first - second).abs().max()):.3g}")
    require(torch.equal(state, torch.get_rng_state()), "it moved torch's global generator: take a Draw instead")


def is_finite(subject: Subject) -> None:
    """The output is finite, and in the type of the input"""
    for dtype in (torch.float32, torch.float64):
        out = _call(_made(subject).to(dtype), _inputs(subject, dtype))
        require(out.dtype == dtype, f"{dtype} in, {out.dtype} out")
        require(out.isfinite().all(), f"{int((~out.isfinite()).sum())} of {out.numel()} numbers are not finite")


def survives_a_checkpoint(subject: Subject) -> None:
    """Its state is tensors only, and gives another one the same output"""
    module, other, inputs = _made(subject), subject.make(seed=1), _inputs(subject)
    other.load_state_dict(through_a_file(module.state_dict()))
    require(
        torch.equal(_call(module, inputs), _call(other, inputs)), "what is not in the state_dict makes a difference"
    )


def is_one_function_in_training_and_in_use(subject: Subject) -> None:
    """Gradients are the same in train() and eval(), but for batch normalisation"""
    module, inputs = _made(subject), _inputs(subject)
    fixed = subject.kind in ("flow", "velocity-field") and not any(p.requires_grad for p in module.parameters())
    if couples_samples(module) or fixed:  # a law or a field in closed form need have nothing to learn
        return
    found = [_gradients(module.train(mode), inputs) for mode in (True, False)]
    same = all((a is None) == (b is None) and (a is None or torch.equal(a, b)) for a, b in zip(*found, strict=True))
    require(same, "they differ: dropout and the like would make a cost depend on more than its draw")
    require(any(g is not None and bool(g.any()) for g in found[0]), "no gradient reaches any parameter")


def gives_data(subject: Subject) -> None:
    """A generator turns noise (n, latent) into data (n, *shape), the same for the same draw"""
    module = subject.make()
    z = module.latent.sample(_draw())
    require(z.shape == (N, module.latent.dimension), f"the noise has shape {tuple(z.shape)}")
    x = module(z, _condition(module))
    require(x.shape == (N, *subject.shape), f"shape {tuple(x.shape)}: expected {(N, *subject.shape)}")
    _check_samples(module, subject.shape)


def gives_logits(subject: Subject) -> None:
    """A discriminator gives logits (n, *locations), each of its own sample unless it says `couples_samples`"""
    module, x = subject.make(), _data(subject)
    logits = module(x, _condition(module))
    require(logits.ndim >= 1 and len(logits) == N, f"shape {tuple(logits.shape)} for {N} samples")
    require(
        module.couples_samples == couples_samples(module) or module.couples_samples,
        "it has batch normalisation and does not say `couples_samples`",
    )
    if not module.couples_samples:
        other = torch.cat([x[:1], x[1:] + 1])
        moved = (module(other, _condition(module))[0] - logits[0]).detach().abs().max()
        require(moved <= 1e-5, f"the first logit moves by {float(moved):.3g} when the other samples do")


def gives_nats(subject: Subject) -> None:
    """An energy gives one number a sample, and a score that can be differentiated in the parameters"""
    module, x = subject.make(), _data(subject)
    energy = module(x, _condition(module))
    require(energy.shape == (N,), f"shape {tuple(energy.shape)}: expected ({N},)")
    score = module.score(x, _condition(module))
    require(score.shape == x.shape, f"the score has shape {tuple(score.shape)} for data {tuple(x.shape)}")
    require(score.requires_grad, "the score has no graph to the parameters")
    y = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(module(y, _condition(module)).sum(), y)
    require(torch.allclose(score, -slope, atol=1e-5), "the score is not minus the gradient of the energy")


def moves_points(subject: Subject) -> None:
    """A velocity field gives (n, D) and its own divergence, the same at once, and second and forward derivatives"""
    module, x = subject.make().double(), _data(subject, torch.float64)
    condition = _condition(module)
    velocity, divergence = module.at(0.3, x, condition), module.divergence(0.3, x, *[condition][: module.conditional])
    require(velocity.shape == x.shape, f"shape {tuple(velocity.shape)} for points {tuple(x.shape)}")
    true = exact_divergence(lambda y: module.at(0.3, y, condition), x)
    off = float((divergence - true).detach().abs().max())
    require(divergence.shape == (N,) and off <= 1e-8, f"the divergence is off by {off:.3g}")
    if not module.conditional:
        steady, asked = module.steady()(x), (module(0.0, x), module.divergence(0.0, x))
        off = max(float((a - b).detach().abs().max()) for a, b in zip(steady, asked, strict=True))
        require(off <= 1e-8, f"the steady velocity is off the one of time 0 by {off:.3g}")
    torch.func.jvp(lambda y: module.at(0.3, y, condition), (x,), (torch.ones_like(x),))
    y = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(module.at(0.3, y, condition).square().sum(), y, create_graph=True)
    own = list(module.parameters())
    second = torch.autograd.grad(slope.square().sum(), own or [y], allow_unused=True)
    require(any(g is not None for g in second), "the second derivative reaches no parameter")


def takes_a_time_for_each_row(subject: Subject) -> None:
    """A velocity field gives every row its velocity at the row's own time, whatever the other rows are"""
    module, x = subject.make().double(), _data(subject, torch.float64)
    condition, times = _condition(module), torch.linspace(0, 1, N, dtype=torch.float64)
    rows = [None] * N if condition is None else condition.split(1)
    for what in (module.at, lambda t, y, c: module.divergence(t, y, *[c][: module.conditional])):
        together = what(times, x, condition).detach()
        alone = torch.cat([what(float(t), y, c).detach() for t, y, c in zip(times, x.split(1), rows, strict=True)])
        off = float((together - alone).abs().max())
        require(off <= 1e-12, f"a row alone at its own time differs by {off:.3g}")


def maps_shapes(subject: Subject) -> None:
    """A network gives (n, *outputs) from (n, *inputs) for some shapes, and refuses the others with a sentence"""
    refusals = []
    for inputs, outputs in CASES:
        try:
            module = subject.make(inputs=inputs, outputs=outputs)
        except (UserError, ValueError) as error:
            refusals.append(f"{inputs} to {outputs}: {error}")
            continue
        x = torch.randn((N, *inputs), generator=_seeded())
        out = module(x)
        require(out.shape == (N, *outputs), f"{inputs} to {outputs} gave {tuple(out.shape)}: expected {(N, *outputs)}")
    require(len(refusals) < len(CASES), "it refuses all shapes that were tried: " + "; ".join(refusals))


ALL = (repeats, is_finite, survives_a_checkpoint, is_one_function_in_training_and_in_use)
GENERATOR = (*ALL, gives_data)
DISCRIMINATOR = (*ALL, gives_logits)
ENERGY = (*ALL, gives_nats)
FLOW = (*ALL, *flows.FLOW)
VELOCITY = (*ALL, moves_points, takes_a_time_for_each_row)
NETWORK = (maps_shapes, *ALL)


def _made(subject: Subject) -> Any:
    """A new one; a flow is moved away from the identity, as which most begin."""
    return flows.moved_away(subject.make()).float() if subject.kind == "flow" else subject.make()


def _inputs(subject: Subject, dtype: torch.dtype = torch.float32) -> Callable[[nn.Module], tuple[Any, ...]]:
    """The arguments with which a module of this kind is called."""

    def arguments(module: Any) -> tuple[Any, ...]:
        if subject.kind == "generator":
            return module.latent.sample(_draw(dtype)), _condition(module)
        if subject.kind == "flow":
            return flows.data(module, dtype), _condition(module)
        x = _data(subject, dtype)
        if subject.kind == "velocity-field":
            return 0.3, x
        if subject.kind == "flow":
            x = _on_its_domain(module, x)
        return (x,) if subject.kind == "network" else (x, _condition(module))

    return arguments


def _call(module: nn.Module, inputs: Callable[[nn.Module], tuple[Any, ...]]) -> Tensor:
    out: Tensor = module(*inputs(module))
    return out.detach()


def _gradients(module: nn.Module, inputs: Callable[[nn.Module], tuple[Any, ...]]) -> tuple[Tensor | None, ...]:
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise ContractBroken("it has no parameters")
    return torch.autograd.grad(module(*inputs(module)).square().sum(), parameters, allow_unused=True)


def _check_samples(module: Any, shape: tuple[int, ...]) -> None:
    condition = _condition(module)
    first, second = (module.sample(N, condition, _draw()).detach() for _ in range(2))
    require(first.shape == (N, *shape), f"samples have shape {tuple(first.shape)}: expected {(N, *shape)}")
    require(torch.equal(first, second), "two samples of one draw differ")


def through_a_file(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state as a checkpoint gives it back: what is more than tensors is refused."""
    stream = io.BytesIO()
    torch.save(state, stream)
    stream.seek(0)
    loaded: dict[str, Tensor] = torch.load(stream, weights_only=True)
    return loaded


def _data(subject: Subject, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn((N, *subject.shape), dtype=dtype, generator=_seeded())


def _on_its_domain(module: Any, x: Tensor) -> Tensor:
    """Points where a flow has a density: within the box, where it lives in one."""
    return x.sigmoid() if module.domain == "box" else x


def _condition(module: Any) -> Tensor | None:
    return torch.arange(N) % CLASSES if getattr(module, "conditional", False) else None


def _draw(dtype: torch.dtype = torch.float32) -> Draw:
    return Draw(0, ("contract",), N, dtype=dtype)


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
