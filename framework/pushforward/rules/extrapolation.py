"""Rules that look ahead: the gradient is taken where the players are about to be."""

from __future__ import annotations

from typing import Literal

import torch

from pushforward.field import Field, Point, State
from pushforward.rules.rule import Move, Rule, copied


class Extragradient(Rule):
    r"""A trial step, and then the step from the old point with the gradients of the trial point.

    .. math:: \theta' = \theta - h\, v(\theta), \qquad \theta \leftarrow \theta - h\, v(\theta')

    Contracts games that rotate, at twice the gradients: on min x max c x y with the radius
    sqrt(1 - (hc)^2 + (hc)^4), below 1 for hc < 1. The optimizer takes both steps, so Adam makes it ExtraAdam; its
    beta1 is then 0 unless given, since momentum makes even the bilinear game diverge.

    Reference: Korpelevich, "The extragradient method for finding saddle points", 1976; Gidel et al., "A Variational
    Inequality Perspective on Generative Adversarial Networks", 2018, arXiv:1802.10551.

    Args:
        samples: `fresh` gives the second step its own turn of data, `same` both steps the same one.
    """

    extrapolates = True

    def __init__(self, samples: Literal["fresh", "same"] = "fresh") -> None:
        self.samples = samples

    def turns(self, field: Field) -> int:
        """Two, or one where both steps see the same samples."""
        return 2 if self.samples == "fresh" else 1

    def round(self, field: Field, move: Move, state: State) -> State:
        """Trial step and step."""
        old = copied(state.point)
        trial = move(field(at=state.point), state)
        ahead = field(at=trial.point, draw=None if self.samples == "fresh" else 0)
        return move(ahead, trial._replace(point=old))


class Optimistic(Rule):
    r"""Every step doubled, and the last one taken back: extragradient with the past gradient for the trial step.

    .. math:: \theta \leftarrow \theta - 2 u_t + u_{t-1}, \qquad u_t \text{ the optimizer's step, } u_{-1} = 0

    Contracts games that rotate with one gradient a round: on min x max c x y for hc below 1/sqrt(3). With Adam it is
    optimistic Adam; its beta1 is then 0 unless given, since momentum makes even the bilinear game diverge.

    Reference: Popov, "A modification of the Arrow-Hurwicz method for search of saddle points", 1980; Daskalakis,
    Ilyas, Syrgkanis, Zeng, "Training GANs with Optimism", 2017, arXiv:1711.00141.
    """

    extrapolates = True

    def turns(self, field: Field) -> int:
        """One."""
        return 1

    def start(self, field: Field) -> Point:
        """No step before the first."""
        return {f"step/{key}": torch.zeros_like(value) for key, value in field.live.items()}

    def round(self, field: Field, move: Move, state: State) -> State:
        """One step, corrected by the last."""
        old = copied(state.point)
        moved = move.step(field(at=state.point), state)
        steps = {key: value - moved.point[key] for key, value in old.items()}
        point = {key: value - 2 * steps[key] + state.rule[f"step/{key}"] for key, value in old.items()}
        return moved._replace(point=point, rule={**moved.rule, **{f"step/{key}": u for key, u in steps.items()}})
