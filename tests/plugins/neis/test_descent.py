"""Normalised descent: a step's length is its lr, and both faces of the optimizer take the same one."""

from __future__ import annotations

import torch

from pushforward_neis.descent import NormalisedDescent

SHAPES = {"a": (3, 2), "b": (4,)}


def some(seed: int, size: float = 1.0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {k: size * torch.randn(s, generator=generator, dtype=torch.float64) for k, s in SHAPES.items()}


def test_the_functional_step_is_the_step_in_place() -> None:
    optimizer = NormalisedDescent(lr=0.3)
    point = some(0)
    live = {k: torch.nn.Parameter(v.clone()) for k, v in point.items()}
    in_place = optimizer.in_place(live.values())
    memory = {k: optimizer.start(v) for k, v in point.items()}
    for i, size in enumerate((1.0, 1e12, 1e-12)):
        gradients = some(i + 1, size)
        point, memory = optimizer.step_together(point, gradients, memory)
        for k, p in live.items():
            p.grad = gradients[k]
        in_place.step()
        assert all(torch.allclose(point[k], live[k], rtol=0, atol=1e-12) for k in SHAPES)
    alone = {"a": point["a"]}
    together, _ = optimizer.step_together(alone, {"a": gradients["a"]}, {"a": {}})
    assert torch.equal(optimizer.step(point["a"], gradients["a"], {})[0], together["a"])


def test_a_step_is_as_long_as_lr_over_all_parameters_together() -> None:
    for size in (1e-9, 1.0, 1e9):
        point, gradients = some(0), some(1, size)
        moved, _ = NormalisedDescent(lr=0.25).step_together(point, gradients, {})
        length = sum(float((moved[k] - point[k]).square().sum()) for k in SHAPES) ** 0.5
        assert abs(length - 0.25) < 1e-12


def test_nothing_moves_at_a_gradient_of_zero() -> None:
    point = some(0)
    moved, _ = NormalisedDescent().step_together(point, some(1, 0.0), {})
    assert all(torch.equal(moved[k], point[k]) for k in SHAPES)


def test_a_schedule_moves_the_length() -> None:
    assert NormalisedDescent(lr=0.7).numbers() == {"lr": 0.7}
