"""A critic without weights: a function made of all points it has ever seen, the older ones fading."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pushforward import UserError
from pushforward_lab.point_kernels import PointKernel


class KernelMemory(nn.Module):
    r"""A kernel critic that moves in function space and remembers.

    .. math:: f \leftarrow (1 - \eta_d \lambda) f
        + \eta_d \Bigl( \sum_i p_i K(\cdot, x_i) - \sum_j q_j K(\cdot, \tilde x_j) \Bigr)

    Gradient ascent on the mean difference of f under data and model, minus :math:`\tfrac\lambda2 \|f\|^2` in the
    kernel's space. Nothing is fitted: f is kept as the generated points of the past with weights
    :math:`\eta_d (1 - \eta_d \lambda)^{\text{age}}`, and one weight for the true points, which stand still.

    Args:
        kernel: K.
        true: the true points, (m, d).
        true_masses: p, (m,).
        masses: q, of the generated points, (n,).
        window: so many past sets of points are remembered; older ones are forgotten.
    """

    past: Tensor  # (window, n, d), the newest first
    weights: Tensor  # (window,), of the past sets; zero where nothing is remembered yet
    true_weight: Tensor  # ()
    true: Tensor
    true_masses: Tensor
    masses: Tensor

    def __init__(self, kernel: PointKernel, true: Tensor, true_masses: Tensor, masses: Tensor, window: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.register_buffer("past", true.new_zeros(window, len(masses), true.shape[1]))
        self.register_buffer("weights", true.new_zeros(window))
        self.register_buffer("true_weight", true.new_zeros(()))
        for name, value in (("true", true), ("true_masses", true_masses), ("masses", masses)):
            self.register_buffer(name, value, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """f(x), (n,): high where the critic misses points, for x of shape (n, d)."""
        x = x.to(self.past)
        pull = self.kernel(x, self.true) @ self.true_masses
        return self.true_weight * pull - self.kernel(x, self.past.flatten(0, 1)) @ self._past_masses()

    def slope(self, x: Tensor) -> Tensor:
        """The gradient of f, (n, d), in closed form."""
        x = x.to(self.past)
        pull = self._towards(x, self.true, self.true_masses)
        return self.true_weight * pull - self._towards(x, self.past.flatten(0, 1), self._past_masses())

    def respond(self, x: Tensor, damping: float | Tensor, step: float | Tensor) -> None:
        """One step of f in function space against the generated points x, (n, d).

        Args:
            x: where they are.
            damping: lambda.
            step: eta_d.
        """
        keep = 1 - step * damping
        newest = step * torch.ones_like(self.weights[:1])
        past = torch.cat([x[None], self.past[:-1]])
        weights = torch.cat([newest, keep * self.weights[:-1]])
        true_weight = keep * self.true_weight + step
        self.past.copy_(past)
        self.weights.copy_(weights)
        self.true_weight.copy_(true_weight)

    def _towards(self, x: Tensor, y: Tensor, masses: Tensor) -> Tensor:
        """The gradient of sum_j m_j K(x, y_j), (n, d), without its (n, m, d) summands."""
        fall = self.kernel.fall((x[:, None] - y).square().sum(-1)) * masses
        return fall @ y - fall.sum(1, keepdim=True) * x

    def _past_masses(self) -> Tensor:
        return (self.weights[:, None] * self.masses).flatten()


def memory_window(damping: float, step: float, tolerance: float) -> int:
    r"""How many past sets of points carry all of a critic but a share of `tolerance`.

    .. math:: w = \lceil \log \text{tolerance} / \log |1 - \eta_d \lambda| \rceil

    Raises:
        UserError: if the critic never forgets, or forgets too slowly for a memory of a million sets.
    """
    keep = abs(1 - step * damping)
    if keep == 0:
        return 1
    window = math.ceil(math.log(tolerance) / math.log(keep)) if keep < 1 else math.inf
    if window > 1_000_000:
        raise UserError(
            f"damping {damping} with critic_step {step} never forgets: give `window`, the number of rounds that the "
            "critic is to remember"
        )
    return max(1, int(window))
