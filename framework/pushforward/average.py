"""Averaged weights: what a generating player samples with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from pydantic import PositiveFloat
from torch import Tensor

from pushforward.game import Game
from pushforward.problem import UserError


class Average:
    r"""Exponential moving average of the generating players' weights and buffers, taken once a round.

    .. math:: \bar\theta \leftarrow \beta \bar\theta + (1 - \beta) \theta

    A game that circles its equilibrium has an average much nearer to it. Early on the decay is held below
    (1 + k) / (10 + k) after k rounds, so that the start is forgotten. With a half-life H, in samples, it is

    .. math:: \beta = 2^{-B / \min(H,\, r k B)}

    after k rounds of B samples: what was there H samples ago counts half, whatever the batch, and during the warm-up
    the half-life is the share r of what was seen.

    Reference: Yazici et al., "The Unusual Effectiveness of Averaging in GAN Training", 2018, arXiv:1806.04498.

    Args:
        decay: the weight beta of the past, in [0, 1], where no half-life is given.
        half_life: the number of samples after which the past counts half; None goes by `decay`.
        warm_up: the share r of the samples seen that the half-life may be at most; None does not shorten it.

    Raises:
        UserError: if the decay is outside.
    """

    def __init__(
        self,
        decay: float = 0.999,
        half_life: PositiveFloat | None = None,
        warm_up: PositiveFloat | None = 0.05,
    ) -> None:
        if not 0 <= decay <= 1:
            raise UserError(f"average: decay is {decay}: expected 0 to 1")
        self.decay, self.half_life, self.warm_up = decay, half_life, warm_up
        self.batch = 1  # samples a round, bound by the play
        self.shadow: dict[str, Tensor] = {}
        self._live: dict[str, Tensor] = {}

    def follow(self, game: Game) -> None:
        """Begin to follow the game's generating players from where they are."""
        self.shadow = {}
        self.attach(game)

    def attach(self, game: Game) -> None:
        """Go on following a game that was moved to another device: moving replaces its buffers."""
        names = {id(t): name for name, t in [*game.named_parameters(), *game.named_buffers()]}
        modules = [game.players[player] for player in game.averaged]
        self._live = {names[id(t)]: t for m in modules for t in [*m.parameters(), *m.buffers()]}
        self.shadow = {name: self.shadow.get(name, t).detach().clone().to(t.device) for name, t in self._live.items()}
        self._floats = [name for name, t in self._live.items() if t.is_floating_point()]
        self._others = [name for name, t in self._live.items() if not t.is_floating_point()]

    def decay_at(self, round: int) -> float:
        """The weight of the past after a round, counted from 1."""
        if self.half_life is None:
            return min(self.decay, (1 + round) / (10 + round))
        half = self.half_life if self.warm_up is None else min(self.half_life, self.warm_up * round * self.batch)
        return float(0.5 ** (self.batch / half))

    @torch.no_grad()
    def update(self, round: int) -> None:
        """After a round."""
        decay = self.decay_at(round)
        if self._floats:
            shadows = [self.shadow[name] for name in self._floats]
            torch._foreach_lerp_(shadows, [self._live[name].detach() for name in self._floats], 1 - decay)
        for name in self._others:
            self.shadow[name].copy_(self._live[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The game with its averaged weights; the live ones come back unchanged."""
        kept = {name: tensor.data for name, tensor in self._live.items()}
        try:
            for name, tensor in self._live.items():
                tensor.data = self.shadow[name]
            yield
        finally:
            for name, tensor in self._live.items():
                tensor.data = kept[name]

    @torch.no_grad()
    def settle(self) -> None:
        """Make the averaged weights the live ones, for good."""
        for name, tensor in self._live.items():
            tensor.copy_(self.shadow[name])

    def load(self, shadow: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        for name, tensor in self.shadow.items():
            tensor.copy_(shadow[name])
