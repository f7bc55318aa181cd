"""Several flows side by side: a density that no single map has, because each mode may have a map of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pushforward import Draw, Flow, Game, Target, UserError
from pushforward_flow.actnorm import begin
from pushforward_flow.game import FlowGame


class MixtureOfFlows(FlowGame):
    r"""A weighted sum of flows' densities that makes the data probable.

    .. math:: q(x) = \sum_k w_k\, q_k(x), \qquad c = -\mathbb{E}_{x \sim p} \log q(x)

    For modes far apart, which one flow joins by bridges, since it is continuous. Every datum trains the flows in
    proportion to their shares of its density, w_k q_k(x) / q(x). It is a model and no flow: there is no map from one
    noise to it, so that it is no base of a `gebm` and no generator; a flow with `modes` is all of these, and mixes its
    noise instead.

    Reference: Dempster, Laird, Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", Journal of the
    Royal Statistical Society B 39 (1977), 1-38, whose ascent this is by gradients.

    Args:
        flows: the maps, of one domain and one condition; their weights begin equal and are learned.
        target: what is learned; it follows from the recipe.
        dequantise: whether every number of the data is moved uniformly within the cell of its level, anew in every
            turn.
        compile: whether both directions of every flow are compiled (torch.compile).

    Raises:
        UserError: as `flow` does; and if there is no flow, or they differ in domain or condition.
    """

    def __init__(
        self, flows: list[Flow], target: Target | None = None, dequantise: bool = False, compile: bool = False
    ) -> None:
        super().__init__(Mixed(flows), target, dequantise, compile)

    def remember(self, name: str, draw: Draw, out: dict[str, Tensor]) -> None:
        """After the first turn, normalising layers of every flow begin with the statistics of its data."""
        Game.remember(self, name, draw, out)
        for flow in self.flow.flows:
            begin(flow, lambda: self._data(draw))


class Mixed(nn.Module):
    """The weighted sum of flows' densities: what its game asks of a flow, less the map.

    Args:
        flows: the summands.

    Raises:
        UserError: if there is none, or they differ in domain or condition.
    """

    def __init__(self, flows: list[Flow]) -> None:
        super().__init__()
        kinds = [(flow.domain, flow.conditional, flow.classes) for flow in flows]
        if len(set(kinds)) != 1:
            said = ", ".join(str(kind) for kind in kinds) or "none"
            raise UserError(f"mixture-of-flows: expected flows of one domain and one condition, got {said}")
        self.domain, self.conditional, self.classes = kinds[0]
        self.flows, self.logits = nn.ModuleList(flows), nn.Parameter(torch.zeros(len(flows)))

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log q(x) in nats, (n,)."""
        each = torch.stack([flow.log_density(x, condition) for flow in self.flows], 1)
        return (each + self.logits.to(each).log_softmax(0)).logsumexp(1)

    def sample(self, n: int, condition: Tensor | None, draw: Draw) -> Tensor:
        """n samples, each of the flow that its own number picks."""
        ends = self.logits.detach().softmax(0).cumsum(0)[:-1]
        picked = (draw.uniform("flow")[:, None] >= ends).sum(1)
        noise = torch.stack([flow.sample_base(draw) for flow in self.flows])
        x = noise[picked, torch.arange(n, device=noise.device)]
        moved = x.clone()
        for k, flow in enumerate(self.flows):
            mine = picked == k
            moved[mine] = flow.to_data(x[mine], None if condition is None else condition[mine])[0]
        return moved

    def compile(self) -> None:
        """Compile both directions of every flow."""
        for flow in self.flows:
            flow.compile()
