"""How an infinitely wide critic is trained: in closed form, as a sum of kernels at the points that it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from pushforward_lab.tangent_kernels import TangentKernel

Objective = Literal["ipm", "least-squares", "vanilla"]

LARGEST_STEP = 0.25  # of the vanilla flow, times its fastest rate: there the error is some parts in 10^6


@dataclass(frozen=True)
class TangentCritic:
    r"""A trained critic.

    .. math:: f(x) = \sum_j w_j\, k(x, x_j)

    Args:
        kernel: k.
        points: the points it has seen, the generated ones before the true ones, (m + n, d).
        weights: w, (m + n,).
    """

    kernel: TangentKernel
    points: Tensor
    weights: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """f(x), (N,): high where the critic misses points, for x of shape (N, d)."""
        return self.kernel(x, self.points) @ self.weights

    def with_slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """f(x), (N,), and its gradient, (N, d), the critic held."""
        return self.kernel.sum_with_slope(x, self.points, self.weights)


def train(
    kernel: TangentKernel, fake: Tensor, real: Tensor, objective: Objective, time: float | Tensor, steps: int = 50
) -> TangentCritic:
    r"""The critic after gradient flow for a time on its cost, from f = 0.

    .. math:: \partial_t f_t(x) = - \sum_j k(x, x_j)\, \frac{\partial C}{\partial f(x_j)}

    `ipm` has the cost mean f(fake) - mean f(real), `least-squares` mean (f(fake) + 1)^2 + mean (f(real) - 1)^2,
    `vanilla` - mean log sigmoid(f(real)) - mean log sigmoid(-f(fake)). The first two are solved exactly, for any
    numbers of points; the last is integrated.

    Args:
        kernel: k.
        fake: the generated points, (m, d).
        real: the true points, (n, d).
        objective: the critic's cost.
        time: t.
        steps: Runge-Kutta steps of `vanilla`; where they are too long the weights are NaN, never silently wrong.
    """
    points = torch.cat([fake, real])
    masses = torch.cat([torch.full_like(fake[:, 0], 1 / len(fake)), torch.full_like(real[:, 0], 1 / len(real))])
    labels = torch.cat([-torch.ones_like(fake[:, 0]), torch.ones_like(real[:, 0])])
    if objective == "ipm":
        weights = time * masses * labels
    elif objective == "least-squares":
        weights = least_squares_weights(kernel(points, points), 2 * masses, labels, time)
    else:
        weights = vanilla_weights(kernel(points, points), masses, labels, time, steps)
    return TangentCritic(kernel, points, weights)


def least_squares_weights(gram: Tensor, masses: Tensor, labels: Tensor, time: float | Tensor) -> Tensor:
    r"""The weights of the least squares critic, (N,).

    .. math:: w = D^{1/2} U \frac{1 - e^{-\Lambda t}}{\Lambda} U^\top D^{1/2} y, \qquad
        U \Lambda U^\top = D^{1/2} K D^{1/2}

    Args:
        gram: K, (N, N).
        masses: the diagonal of D, (N,): twice one over the number of points of a kind.
        labels: y, (N,).
        time: t.
    """
    root = masses.sqrt()
    rates, axes = torch.linalg.eigh(root[:, None] * gram * root)
    flat = rates.abs() * time < 1e-12
    gains = torch.where(flat, time, -torch.expm1(-rates * time) / torch.where(flat, 1.0, rates))
    return root * (axes @ (gains * (axes.T @ (root * labels))))


def vanilla_weights(gram: Tensor, masses: Tensor, labels: Tensor, time: float | Tensor, steps: int) -> Tensor:
    r"""The weights of the logistic critic, (N,), by the Runge-Kutta method of order four.

    .. math:: \dot w = D\, y\, \sigma(-y f), \qquad f = K w

    Args:
        gram: K, (N, N).
        masses: the diagonal of D, (N,): one over the number of points of a kind.
        labels: y, (N,).
        time: t.
        steps: how many.
    """

    def flow(weights: Tensor) -> Tensor:
        return pull * torch.sigmoid(-labels * (gram @ weights))

    pull, step = masses * labels, time / steps
    weights = torch.zeros_like(masses)
    for _ in range(steps):
        first = flow(weights)
        second = flow(weights + step / 2 * first)
        third = flow(weights + step / 2 * second)
        fourth = flow(weights + step * third)
        weights = weights + step / 6 * (first + 2 * second + 2 * third + fourth)
    return torch.where(step * fastest_rate(gram, masses) <= LARGEST_STEP, weights, torch.nan)


def fastest_rate(gram: Tensor, masses: Tensor) -> Tensor:
    """A bound, by its largest row, on how fast the logistic critic's flow contracts."""
    return (gram.abs() @ masses).max() / 4


def generator_loss(objective: Objective, f: Tensor) -> tuple[Tensor, Tensor]:
    """What each generated point wants low, and its derivative in f, (m,) both: -f, f^2 or -log sigmoid(f)."""
    if objective == "ipm":
        return -f, -torch.ones_like(f)
    if objective == "least-squares":
        return f.square(), 2 * f
    return -logsigmoid(f), -torch.sigmoid(-f)
