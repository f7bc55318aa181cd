"""The masked autoregressive flow: each coordinate is shifted and scaled by what the earlier ones say."""

from __future__ import annotations

from typing import Literal

import torch
from zuko.flows import MaskedAutoregressiveTransform

from pushforward_flow.transforms import ACTIVATIONS, ZukoFlow, checked


class MAF(ZukoFlow):
    r"""Affine maps of each coordinate given the earlier ones, in alternating order.

    .. math:: z_i = e^{a_i(x_{<i})} x_i + b_i(x_{<i}), \qquad \log |\det \partial z / \partial x| = \sum_i a_i(x_{<i})

    The first choice for densities of tables and of the plane: one pass for a density, as many passes as coordinates for
    a sample. Every log-scale is held softly within log 1000 of zero. The transforms are zuko's.

    Reference: Papamakarios, Pavlakou, Murray, "Masked Autoregressive Flow for Density Estimation", 2017,
    arXiv:1705.07057.

    Args:
        shape: the shape of one datum, flattened; it follows from the data.
        transforms: how many maps follow each other; the order of coordinates is reversed from each to the next.
        hidden: units of the hidden layers of each map's network.
        activation: relu, elu, silu or tanh.

    Raises:
        UserError: if there is no transform, or a hidden layer without units.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        transforms: int = 5,
        hidden: list[int] = [64, 64],  # noqa: B006
        activation: Literal["relu", "elu", "silu", "tanh"] = "relu",
    ) -> None:
        features = checked("maf", shape, transforms, hidden)
        order = torch.arange(features)
        layers = [
            MaskedAutoregressiveTransform(
                features,
                order=order if i % 2 == 0 else order.flip(0),
                hidden_features=hidden,
                activation=ACTIVATIONS[activation],
            )
            for i in range(transforms)
        ]
        super().__init__(shape, layers)
        self.transforms, self.hidden, self.activation = transforms, list(hidden), activation
