"""Kernels and the critic made of them: closed forms against autograd, the memory against a sum over all the past."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacfwd, vmap

from pushforward import UserError
from pushforward_lab.kernel_memory import KernelMemory, memory_window
from pushforward_lab.point_kernels import (
    GaussianKernel,
    LaplaceKernel,
    MultiscaleKernel,
    PointKernel,
    RationalQuadraticKernel,
)

KERNELS = [GaussianKernel(0.7), LaplaceKernel(0.7), RationalQuadraticKernel(0.7, 0.8), MultiscaleKernel((0.4, 1.3))]
SMOOTH = [kernel for kernel in KERNELS if not isinstance(kernel, LaplaceKernel)]


def named(kernel: PointKernel) -> str:
    return type(kernel).__name__


def points(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def critic(kernel: PointKernel, window: int = 30, n: int = 3) -> KernelMemory:
    masses = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    return KernelMemory(kernel, points(2, 2, 9), torch.tensor([0.4, 0.6], dtype=torch.float64), masses[:n], window)


@pytest.mark.parametrize("kernel", KERNELS, ids=named)
def test_the_closed_form_of_a_slope_is_the_derivative_of_the_kernel(kernel: PointKernel) -> None:
    x, y = points(5, 2, 0), points(4, 2, 1)
    derivative = torch.stack([jacfwd(lambda v: kernel(v[None], y)[0])(row) for row in x])
    assert torch.allclose(kernel.slope(x, y), derivative, atol=1e-14)


@pytest.mark.parametrize("kernel", KERNELS, ids=named)
def test_a_kernel_is_one_and_flat_where_points_meet(kernel: PointKernel) -> None:
    x = points(4, 3, 2)
    assert torch.equal(kernel(x, x).diagonal(), torch.ones(4, dtype=torch.float64))
    assert not kernel.slope(x, x).diagonal().any()
    assert not grad(lambda v: kernel(v[None], x[:1]).sum())(x[0]).any()


@pytest.mark.parametrize("kernel", SMOOTH, ids=named)
def test_the_curvature_is_minus_the_second_derivative_where_points_meet(kernel: PointKernel) -> None:
    x = points(1, 2, 3)
    hessian = jacfwd(grad(lambda v: kernel(v[None], x).sum()))(x[0])
    assert torch.allclose(hessian, -kernel.curvature * torch.eye(2, dtype=torch.float64), atol=1e-13)


def test_a_rational_quadratic_kernel_with_a_large_alpha_is_gaussian() -> None:
    x, y = points(5, 2, 0), points(4, 2, 1)
    assert torch.allclose(RationalQuadraticKernel(0.7, 1e9)(x, y), GaussianKernel(0.7)(x, y), atol=1e-7)


@pytest.mark.parametrize("kernel", KERNELS, ids=named)
def test_the_memory_is_the_geometric_sum_over_all_the_past(kernel: PointKernel) -> None:
    damping, step, rounds = 0.8, 0.1, 12
    memory, at = critic(kernel), points(6, 2, 4)
    past = [points(3, 2, 10 + k) for k in range(rounds)]
    for x in past:
        memory.respond(x, damping, step)
    keep = 1 - step * damping
    expected = (1 - keep**rounds) / damping * (kernel(at, memory.true) @ memory.true_masses)
    for age, x in enumerate(reversed(past)):
        expected = expected - step * keep**age * (kernel(at, x) @ memory.masses)
    assert torch.allclose(memory(at), expected, atol=1e-14)
    slopes = torch.stack([grad(lambda v: memory(v[None])[0])(row) for row in at])
    assert torch.allclose(memory.slope(at), slopes, atol=1e-14)


def test_without_damping_the_true_points_count_as_often_as_they_were_seen() -> None:
    memory = critic(GaussianKernel())
    for k in range(7):
        memory.respond(points(3, 2, k), 0.0, 0.25)
    assert float(memory.true_weight) == pytest.approx(7 * 0.25, rel=1e-14)


def test_a_window_of_the_tolerance_forgets_no_more_than_that() -> None:
    damping, step = 2.0, 0.1
    window = memory_window(damping, step, 1e-6)
    assert (1 - step * damping) ** window <= 1e-6 < (1 - step * damping) ** (window - 1)
    whole, short = critic(LaplaceKernel(), 3 * window), critic(LaplaceKernel(), window)
    for k in range(3 * window):
        for memory in (whole, short):
            memory.respond(points(3, 2, k), damping, step)
    at = points(6, 2, 4)
    left_out = 1e-6 / damping  # the weights of all that is older add up to less
    assert 0 < float((whole(at) - short(at)).abs().max()) <= left_out


def test_a_critic_that_never_forgets_has_no_window_of_its_own() -> None:
    with pytest.raises(UserError, match="never forgets: give `window`"):
        memory_window(0.0, 0.1, 1e-6)
    assert memory_window(2.0, 0.5, 1e-6) == 1


def test_the_critics_next_function_is_differentiable_in_the_points_it_sees() -> None:
    memory, x, at = critic(GaussianKernel()), points(3, 2, 5), points(1, 2, 6)

    def next_value(seen: Tensor) -> Tensor:
        buffers = {name: buffer.clone() for name, buffer in memory.named_buffers()}
        functional_call(_Respond(memory), {f"memory.{k}": v for k, v in buffers.items()}, (seen, 0.5, 0.1))
        return functional_call(memory, buffers, (at,)).sum()

    expected = 0.1 * memory.masses[:, None] * GaussianKernel().slope(at, x)[0]  # K depends on x - y alone
    assert torch.allclose(grad(next_value)(x), expected, atol=1e-15)


def test_many_critics_with_dampings_of_their_own_are_each_as_if_alone() -> None:
    memory, x, at = critic(GaussianKernel(), window=5), points(3, 2, 5), points(4, 2, 6)
    dampings = torch.tensor([0.1, 1.0, 3.0], dtype=torch.float64)
    copies = {name: buffer.expand(3, *buffer.shape).clone() for name, buffer in memory.named_buffers()}

    def after_three(buffers: dict[str, Tensor], damping: Tensor) -> Tensor:
        buffers = {name: buffer.clone() for name, buffer in buffers.items()}
        for k in range(3):
            functional_call(_Respond(memory), {f"memory.{n}": b for n, b in buffers.items()}, (x + k, damping, 0.2))
        return functional_call(memory, buffers, (at,))

    together = vmap(after_three)(copies, dampings)
    for row, damping in zip(together, dampings.tolist(), strict=True):
        alone = critic(GaussianKernel(), window=5)
        for k in range(3):
            alone.respond(x + k, damping, 0.2)
        assert torch.allclose(row, alone(at), atol=1e-15)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianKernel(0.0), "width 0.0"),
        (lambda: LaplaceKernel(-1.0), "width -1.0"),
        (lambda: RationalQuadraticKernel(1.0, math.nan), "alpha nan"),
        (lambda: MultiscaleKernel((1.0, 0.0)), "widths 0.0"),
        (lambda: MultiscaleKernel(()), "at least one"),
    ],
)
def test_a_kernel_without_a_width_is_refused(make: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        make()  # type: ignore[operator]


class _Respond(torch.nn.Module):
    def __init__(self, memory: KernelMemory) -> None:
        super().__init__()
        self.memory = memory

    def forward(self, *args: object) -> None:
        self.memory.respond(*args)  # type: ignore[arg-type]
