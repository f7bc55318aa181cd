"""Generalised matching pennies: two teams whose only equilibrium repels every rule but one."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pushforward import Box, Costs, Draw, UserError
from pushforward_lab.laboratory import LaboratoryGame, Numbers, start_at
from pushforward_lab.spiral import by_name

PLAYERS = ("a1", "a2", "b1", "b2")


class MatchingPennies(LaboratoryGame):
    r"""Teams A and B of two players, each showing heads or tails with a probability of its own.

    .. math:: u = -1 + (1 + \omega)(x_1 + x_2) + (1 - \omega)(y_1 + y_2) - 2 \omega x_1 x_2 + 2 \omega y_1 y_2
        - (x_1 + x_2)(y_1 + y_2)

    A pays u to B. Where both teams agree within themselves, A wins 1 if they show the same and loses 1 if not; a team
    that alone agrees wins omega; else nothing is paid. The one equilibrium, every probability 1/2, is unstable for
    descent, extragradient, optimistic and multiplicative rules: eigenvalues -2 omega twice, and 2 omega +- 2i. KPV
    converges for k in an open window and small p.

    Reference: Kalogiannis, Panageas, Vlatakis-Gkaragkounis, "Towards convergence to Nash equilibria in two-team
    zero-sum games", 2021, arXiv:2111.04178, section 2.

    Args:
        omega: what a team wins that alone agrees, between 0 and 1.
        start: the probabilities [x1, x2, y1, y2] at the beginning; None draws them uniformly.

    Raises:
        UserError: if omega is not between 0 and 1, or a probability is none.
    """

    order = ("a", "b")

    def __init__(self, omega: float = 0.5, start: list[float] | None = None) -> None:
        super().__init__()
        if not 0 < omega < 1:
            raise UserError(f"omega is {omega}: expected a number between 0 and 1")
        self.omega, self.start = omega, start
        at = torch.rand(4, dtype=torch.float64) if start is None else start_at(start, 4, "start")
        if bool(((at < 0) | (at > 1)).any()):
            raise UserError(f"start {start}: expected probabilities, from 0 to 1")
        self.a1, self.a2, self.b1, self.b2 = (Numbers(value) for value in at.split(1))
        self.teams = {"a": ("a1", "a2"), "b": ("b1", "b2")}
        self.projections = {"a": Box(0.0, 1.0), "b": Box(0.0, 1.0)}

    @property
    def players(self) -> dict[str, nn.Module]:
        """Team A, which pays, and team B, which is paid."""
        return {name: self.get_submodule(name) for name in PLAYERS}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """What A pays, and its negative."""
        paid = self.paid(torch.cat([self.a1.value, self.a2.value, self.b1.value, self.b2.value]))
        return {name: {"paid": paid if name in self.teams["a"] else -paid} for name in names}

    def paid(self, z: Tensor) -> Tensor:
        """What A is expected to pay at the probabilities (x1, x2, y1, y2), (..., 4): u, (...)."""
        x1, x2, y1, y2 = z.unbind(-1)
        x, y, omega = x1 + x2, y1 + y2, self.omega
        return -1 + (1 + omega) * x + (1 - omega) * y - 2 * omega * x1 * x2 + 2 * omega * y1 * y2 - x * y

    def equilibrium(self) -> dict[str, Tensor]:
        """Every probability 1/2."""
        return {f"{name}.value": torch.full((1,), 0.5, dtype=torch.float64) for name in PLAYERS}

    def answers(self) -> dict[str, float]:
        """Eigenvalues of the flow at the equilibrium, and between which k KPV contracts at small p and small steps."""
        unstable = complex(2 * self.omega, 2)
        return {
            **by_name([-2 * self.omega, -2 * self.omega, unstable, unstable.conjugate()]),
            "kpv-lowest-k": -(abs(unstable) ** 2) / unstable.real,
            "kpv-highest-k": -unstable.real,
        }
