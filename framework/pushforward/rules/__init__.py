"""Rules of play: how players move in one round, each written once against the field."""

from pushforward.rules.adjusted import Consensus, Symplectic
from pushforward.rules.competitive import Competitive
from pushforward.rules.extrapolation import Extragradient, Optimistic
from pushforward.rules.flow import RungeKutta
from pushforward.rules.quasi_newton import LBFGS
from pushforward.rules.rule import Move, Rule
from pushforward.rules.stabilised import KPV, Lookahead, NegativeMomentum
from pushforward.rules.turns import Alternating, Simultaneous

__all__ = [
    "KPV",
    "LBFGS",
    "Alternating",
    "Competitive",
    "Consensus",
    "Extragradient",
    "Lookahead",
    "Move",
    "NegativeMomentum",
    "Optimistic",
    "Rule",
    "RungeKutta",
    "Simultaneous",
    "Symplectic",
]
