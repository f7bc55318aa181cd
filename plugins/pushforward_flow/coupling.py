"""RealNVP: half of the coordinates stay, and say how the other half is shifted and scaled."""

from __future__ import annotations

from typing import Literal

import torch
from zuko.flows.coupling import GeneralCouplingTransform

from pushforward_flow.transforms import ACTIVATIONS, ZukoFlow, checked


class RealNVP(ZukoFlow):
    r"""Affine coupling layers over alternating checkerboards.

    .. math:: z_A = x_A, \qquad z_B = e^{a(x_A)} x_B + b(x_A), \qquad
        \log |\det \partial z / \partial x| = \sum_{i \in B} a_i(x_A)

    Density and sample take one pass each, which an autoregressive flow has for the density alone; it wants more layers
    in return. Every log-scale is held softly within log 1000 of zero. The transforms are zuko's.

    Reference: Dinh, Sohl-Dickstein, Bengio, "Density Estimation Using Real NVP", 2016, arXiv:1605.08803.

    Args:
        shape: the shape of one datum, flattened; it follows from the data.
        transforms: how many coupling layers follow each other; what stayed in one moves in the next.
        hidden: units of the hidden layers of each layer's network.
        activation: relu, elu, silu or tanh.

    Raises:
        UserError: if there is no transform, or a hidden layer without units.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        transforms: int = 8,
        hidden: list[int] = [64, 64],  # noqa: B006
        activation: Literal["relu", "elu", "silu", "tanh"] = "relu",
    ) -> None:
        features = checked("realnvp", shape, transforms, hidden)
        layers = [
            GeneralCouplingTransform(
                features,
                mask=torch.arange(features) % 2 == i % 2,
                hidden_features=hidden,
                activation=ACTIVATIONS[activation],
            )
            for i in range(transforms)
        ]
        super().__init__(shape, layers)
        self.transforms, self.hidden, self.activation = transforms, list(hidden), activation
