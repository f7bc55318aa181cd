"""Critics of finite width whose limit is a tangent kernel, and their neural tangent Gram matrix, layer by layer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from pushforward_lab.tangent_critics import Objective
from pushforward_lab.tangent_kernels import SIGMOID_SLOPE, NetworkTangent


class Activation(NamedTuple):
    """A function of one number, and its derivative."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


ACTIVATIONS = {
    "relu": Activation(torch.relu, lambda u: (u > 0).to(u.dtype)),
    "erf": Activation(torch.erf, lambda u: 2 / math.sqrt(math.pi) * (-u.square()).exp()),
    "sigmoid": Activation(
        lambda u: torch.erf(SIGMOID_SLOPE * u) / 2 + 0.5,
        lambda u: SIGMOID_SLOPE / math.sqrt(math.pi) * (-(SIGMOID_SLOPE * u).square()).exp(),
    ),
}


class WideNetwork(nn.Module):
    r"""A fully connected network in the parametrisation in which its tangent kernel has a limit.

    .. math:: z_l = \tfrac{w}{\sqrt{n_l}} W_l h_l + \beta b_l, \qquad h_{l+1} = \varphi(z_l)

    with standard normal W and b, and no bias in the last layer.

    Args:
        kernel: its limit: depth, w, beta and the activation are those of this kernel.
        inputs: the dimension of x.
        width: units of each hidden layer.
        generator: where the weights are drawn; None means torch's default generator.
    """

    def __init__(
        self, kernel: NetworkTangent, inputs: int, width: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.weight, self.bias = kernel.weight, kernel.bias
        self.activation = ACTIVATIONS[kernel.activation]
        sizes = [inputs, *[width] * kernel.depth, 1]
        pairs = list(zip(sizes[1:], sizes[:-1], strict=True))
        self.weights = nn.ParameterList(torch.randn(*pair, generator=generator, dtype=torch.float64) for pair in pairs)
        self.biases = nn.ParameterList(
            torch.randn(n, generator=generator, dtype=torch.float64) for n in sizes[1:-1] if self.bias
        )

    def forward(self, x: Tensor) -> Tensor:
        """f(x), (n,), for x of shape (n, d)."""
        h = x
        for layer in range(len(self.weights) - 1):
            h = self.activation.value(self.sums(layer, h))
        return self.sums(-1, h).squeeze(1)

    def sums(self, layer: int, h: Tensor) -> Tensor:
        """z of a layer, (n, units), from its inputs."""
        z = h @ (self.gain(layer) * self.weights[layer]).T
        return z if layer == -1 or not self.bias else z + self.bias * self.biases[layer]

    def gain(self, layer: int) -> float:
        """The number before a layer's weights."""
        return self.weight / math.sqrt(self.weights[layer].shape[1])


class WideCritic(nn.Module):
    r"""Two equal networks of which only the difference is seen, so that the critic begins at zero.

    .. math:: f = (f_A - f_B) / \sqrt 2

    Its tangent kernel is that of one network, before training.

    Args:
        kernel: its limit: depth, w, beta and the activation are those of this kernel.
        inputs: the dimension of x.
        width: units of each hidden layer.
        generator: where the weights are drawn; None means torch's default generator.
    """

    def __init__(
        self, kernel: NetworkTangent, inputs: int, width: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.a = WideNetwork(kernel, inputs, width, generator)
        self.b = copy.deepcopy(self.a)

    def forward(self, x: Tensor) -> Tensor:
        """f(x), (n,), for x of shape (n, d)."""
        return (self.a(x) - self.b(x)) / math.sqrt(2)


def critic_cost(objective: Objective, fake: Tensor, real: Tensor) -> Tensor:
    """What the critic wants low, from its values at the generated and at the true points."""
    if objective == "ipm":
        return fake.mean() - real.mean()
    if objective == "least-squares":
        return (fake + 1).square().mean() + (real - 1).square().mean()
    return -logsigmoid(real).mean() - logsigmoid(-fake).mean()


@torch.enable_grad()
def train_wide(
    critic: WideCritic, fake: Tensor, real: Tensor, objective: Objective, time: float, step: float = 0.1
) -> None:
    """Train a critic in place, by gradient steps that add up to a time.

    Args:
        critic: it.
        fake: the generated points, (m, d).
        real: the true points, (n, d).
        objective: the critic's cost.
        time: how long.
        step: the longest step; all steps are equal.
    """
    count = max(1, math.ceil(time / step - 1e-9))
    parameters = list(critic.parameters())
    for _ in range(count):
        values = critic(torch.cat([fake, real]))
        cost = critic_cost(objective, values[: len(fake)], values[len(fake) :])
        gradients = torch.autograd.grad(cost, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(time / count * gradient)


@torch.no_grad()
def tangent_gram(network: WideNetwork | WideCritic, x: Tensor, y: Tensor | None = None) -> Tensor:
    r"""The neural tangent kernel of a finite network at its present weights, (n, m), without any Jacobian.

    .. math:: \Theta(x, y) = \sum_l \langle \delta_l(x), \delta_l(y) \rangle
        \big( \tfrac{w^2}{n_l} \langle h_l(x), h_l(y) \rangle + \beta^2 \big), \qquad
        \delta_l = \partial f / \partial z_l

    A layer's gradient is the outer product of two vectors, so that inner products of gradients are products of inner
    products of these: n m width operations a layer instead of n m width^2.

    Args:
        network: one network, or a critic.
        x: points, (n, d).
        y: other points, (m, d); None means x.
    """
    if isinstance(network, WideCritic):
        return (tangent_gram(network.a, x, y) + tangent_gram(network.b, x, y)) / 2
    left = _signals(network, x)
    right = left if y is None else _signals(network, y)
    total = x.new_zeros(())
    for layer, ((h, delta), (h_right, delta_right)) in enumerate(zip(left, right, strict=True)):
        last = layer == len(left) - 1
        term = (network.gain(layer) ** 2 * h) @ h_right.T
        if not last:  # the last layer has no bias, and a signal of one
            term = term.add_(network.bias**2).mul_(delta @ delta_right.T)
        total = total + term if layer == 0 else total.add_(term)
    return total


def _signals(network: WideNetwork, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each layer's inputs h, (n, inputs), and the derivative of f in its sums, (n, units)."""
    inputs, slopes = [x], []
    for layer in range(len(network.weights) - 1):
        z = network.sums(layer, inputs[-1])
        inputs.append(network.activation.value(z))
        slopes.append(network.activation.slope(z))
    deltas = [torch.ones_like(x[:, :1])]
    for layer in reversed(range(1, len(network.weights))):
        back = deltas[0] @ (network.gain(layer) * network.weights[layer])
        deltas.insert(0, back.mul_(slopes[layer - 1]))
    return list(zip(inputs, deltas, strict=True))
