"""Where the weights of a residual layer must stay so that x + f(x) turns nothing over."""

from __future__ import annotations

from torch import Tensor

from pushforward import Projection

LIMIT = 1 - 1e-6  # of the Lipschitz constant of a layer's displacement


class LipschitzBall(Projection):
    r"""Keep the displacement of every layer a contraction.

    .. math:: w \leftarrow w \min\Big(1, \frac{1 - 10^{-6}}{\sum_j |w_j| L_j}\Big), \qquad
        L_j = \sup_x \|\nabla b_j(x)\|

    The derivative of f is the sum of w_j e_j times the gradient of b_j, so that its spectral norm is at most the sum
    of |w_j| L_j; below one, the determinant of I + Df is positive everywhere. Layers are shortened, not moved to the
    nearest point, which would be sparse.

    Args:
        constants: the constants L, in the shape of one layer's weights.
    """

    def __init__(self, constants: Tensor) -> None:
        self.constants = constants

    def __call__(self, value: Tensor) -> Tensor:
        """Each layer shortened where it is too long; layers are counted by the first dimension."""
        size = self.sizes(value)
        shape = (-1, *[1] * self.constants.ndim)
        shorter = value * (LIMIT / size.clamp_min(LIMIT)).view(shape)
        return shorter.where((size > LIMIT).view(shape), value)

    def sizes(self, value: Tensor) -> Tensor:
        """The bound on the Lipschitz constant of each layer, (layers,)."""
        return (value.abs() * self.constants.to(value)).flatten(1).sum(1)
