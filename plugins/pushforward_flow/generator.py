"""A flow as a generator: for games that want samples of it and do not ask for its density."""

from __future__ import annotations

import math

from torch import Tensor

from pushforward import Flow, Generator, Latent, UserError


class FlowGenerator(Generator):
    """The direction of a flow from noise to data.

    For a flow in a game of generators: `generator: {use: flow, flow: nsf}` is trained against a discriminator, and
    keeps its density.

    Reference: Grover, Dhar, Ermon, "Flow-GAN: Combining Maximum Likelihood and Adversarial Learning in Generative
    Models", 2017, arXiv:1705.08868.

    Args:
        flow: the flow, whose noise is standard normal.

    Raises:
        UserError: if its noise has another law.
    """

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        plain = type(flow).sample_base is Flow.sample_base or getattr(flow, "mixture", flow) is None
        if flow.domain != "reals" or not plain:
            raise UserError(f"a generator's noise is standard normal, and that of this {type(flow).__name__} is not")
        self.flow, self.conditional = flow, flow.conditional
        self.classes = flow.classes or 0
        self.latent = Latent(math.prod(flow.shape))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Data from noise, (n, D) to (n, *shape)."""
        return self.flow.to_data(z.view(-1, *self.flow.shape), condition)[0]
