"""Maximum likelihood as a game of one player: whatever has the `Flow` role moves to make data probable."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from pushforward import Costs, Draw, Flow, Game, RunFailed, Target, UserError
from pushforward_flow.actnorm import begin
from pushforward_flow.classes import in_equal_shares, in_turn


class FlowGame(Game):
    r"""A flow that makes the data probable.

    .. math:: c = -\mathbb{E}_{x \sim p} \log q_\theta(x), \qquad
        \mathbb{E}_{x \sim p} \log \tfrac{p(x)}{q_\theta(x)} = c - H(p)

    For samples and exact densities at once. The cost is minus the mean log-density of the data in nats, so that it can
    fall no lower than the entropy of the data. Rounded data have no density, and a flow of them rises without bound at
    their levels: dequantise them.

    Reference: Papamakarios, Nalisnick, Rezende, Mohamed, Lakshminarayanan, "Normalizing Flows for Probabilistic
    Modeling and Inference", 2019, arXiv:1912.02762, eq. 13.

    Args:
        flow: the invertible map between noise and data.
        target: what is learned; it follows from the recipe.
        dequantise: whether every number of the data is moved uniformly within the cell of its level, anew in every
            turn, by the numbers that the draw has under the name `dequantise`.
        compile: whether both directions of the flow are compiled (torch.compile): the first turns take up to minutes,
            the others less than half. Rules that differentiate a gradient cannot play it.

    Raises:
        UserError: if the data are not rounded to levels and are to be dequantised, or the flow does not compile; when
            sampling, if a class is asked of a flow that knows none. RunFailed if data lie outside a compact domain.
    """

    averaged = ("flow",)

    def __init__(
        self, flow: Flow, target: Target | None = None, dequantise: bool = False, compile: bool = False
    ) -> None:
        super().__init__()
        self.flow, self.target, self.dequantise = flow, target, dequantise
        if dequantise and (target is None or target.levels is None):
            raise UserError("flow: dequantise is for data that are rounded to levels, and these are not: leave it out")
        if compile:
            flow.compile()

    @property
    def players(self) -> dict[str, nn.Module]:
        """The flow alone."""
        return {"flow": self.flow}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """Minus the mean log-density of the turn's data."""
        if "flow" not in tuple(names):
            return {}
        return {"flow": {"negative-log-likelihood": -self.flow.log_density(*self._data(draw)).mean()}}

    def remember(self, name: str, draw: Draw, out: dict[str, Tensor]) -> None:
        """After the first turn, normalising layers begin with the statistics of its data."""
        super().remember(name, draw, out)
        begin(self.flow, lambda: self._data(draw))

    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the flow; a conditional one without labels takes the classes in turn."""
        if condition is None and self.flow.classes is not None:
            condition = in_turn(n, self.flow.classes, draw.device)
        return self.flow.sample(n, condition, draw)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log q(x) in nats, (n,); of a conditional flow without labels, with every class equally likely."""
        if condition is None and self.flow.classes is not None:
            return in_equal_shares(self.flow.log_density, x, self.flow.classes)
        return self.flow.log_density(x, condition)

    def _data(self, draw: Draw) -> tuple[Tensor, Tensor | None]:
        assert draw.x is not None
        x = draw.x if self.target is None or not self.dequantise else self.target.dequantised(draw.x, draw)
        if self.flow.domain == "box" and bool(((x < 0) | (x > 1)).any()):
            outside = int(((x < 0) | (x > 1)).flatten(1).any(1).sum())
            raise RunFailed(
                f"{outside} of {len(x)} rows of data lie outside [0, 1], where the flow lives: rescale them"
            )
        return x, draw.labels if self.flow.conditional else None
