"""Maximum likelihood as a game of one player: whatever has the `Flow` role moves to make data probable."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from pushforward import Costs, Draw, Flow, Game


class FlowGame(Game):
    r"""A flow that makes the data probable.

    .. math:: c = -\mathbb{E}_{x \sim p} \log q_\theta(x), \qquad
        \mathbb{E}_{x \sim p} \log \tfrac{p(x)}{q_\theta(x)} = c - H(p)

    For samples and exact densities at once. The cost is minus the mean log-density of the data in nats, so that it can
    fall no lower than the entropy of the data.

    Reference: Papamakarios, Nalisnick, Rezende, Mohamed, Lakshminarayanan, "Normalizing Flows for Probabilistic
    Modeling and Inference", 2019, arXiv:1912.02762, eq. 13.

    Args:
        flow: the invertible map between noise and data.

    Raises:
        UserError: when sampling, if a class is asked of a flow that knows none.
    """

    averaged = ("flow",)

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.flow = flow

    @property
    def players(self) -> dict[str, nn.Module]:
        """The flow alone."""
        return {"flow": self.flow}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Minus the mean log-density of the turn's data."""
        if "flow" not in tuple(names):
            return {}
        assert draw.x is not None
        labels = draw.labels if self.flow.conditional else None
        return {"flow": {"negative-log-likelihood": -self.flow.log_density(draw.x, labels).mean()}}

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the flow."""
        return self.flow.sample(n, condition, draw)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log q(x) in nats, (n,)."""
        return self.flow.log_density(x, condition)
