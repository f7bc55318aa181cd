"""The neural spline flow: each coordinate goes through a monotonic spline that the earlier ones shape."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from zuko.flows import MaskedAutoregressiveTransform
from zuko.transforms import MonotonicRQSTransform

from pushforward import UserError
from pushforward_flow.transforms import ACTIVATIONS, ZukoFlow, checked

BOUND = 5.0  # half-width of the box that the splines bend


class NSF(ZukoFlow):
    r"""Monotonic rational-quadratic splines of each coordinate given the earlier ones, in alternating order.

    .. math:: z_i = s_{\theta(x_{<i})}(x_i) \text{ on } [-5, 5], \qquad z_i = x_i \text{ outside}

    For densities with several modes or sharp edges, which affine maps bend one into the other. Outside the box the
    map is the identity, so the data should lie within: standardise what does not. The transforms are zuko's.

    Reference: Durkan, Bekasov, Murray, Papamakarios, "Neural Spline Flows", 2019, arXiv:1906.04032.

    Args:
        shape: the shape of one datum, flattened; it follows from the data.
        transforms: how many maps follow each other; the order of coordinates is reversed from each to the next.
        hidden: units of the hidden layers of each map's network.
        bins: pieces of each spline.
        activation: relu, elu, silu or tanh.

    Raises:
        UserError: if there is no transform, a hidden layer without units, or fewer than two bins.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        transforms: int = 3,
        hidden: list[int] = [64, 64],  # noqa: B006
        bins: int = 8,
        activation: Literal["relu", "elu", "silu", "tanh"] = "relu",
    ) -> None:
        features = checked("nsf", shape, transforms, hidden)
        if bins < 2:
            raise UserError(f"nsf: bins is {bins}: expected at least 2")
        order = torch.arange(features)
        layers = [
            MaskedAutoregressiveTransform(
                features,
                order=order if i % 2 == 0 else order.flip(0),
                univariate=partial(MonotonicRQSTransform, bound=BOUND),
                shapes=[(bins,), (bins,), (bins - 1,)],
                hidden_features=hidden,
                activation=ACTIVATIONS[activation],
            )
            for i in range(transforms)
        ]
        super().__init__(shape, layers)
        self.transforms, self.hidden, self.bins, self.activation = transforms, list(hidden), bins, activation
