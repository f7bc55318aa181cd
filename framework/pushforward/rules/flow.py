"""The gradient flow itself, followed by Runge and Kutta's method: the reference that discrete rules depart from."""

from __future__ import annotations

from pushforward.field import Direction, Field, State
from pushforward.rules.rule import Move, Rule, copied


class RungeKutta(Rule):
    r"""The flow of the field, in steps of fourth order.

    .. math:: \dot\theta = -v(\theta), \qquad \theta \leftarrow \theta - \tfrac{h}{6}(k_1 + 2 k_2 + 2 k_3 + k_4)

    What a game does when steps are small: with `sgd` a round is the time h, and what rotates neither grows nor
    shrinks by the fault of the rule. One turn of data serves all four stages.

    Reference: Kutta, "Beitrag zur näherungsweisen Integration totaler Differentialgleichungen", 1901; for GANs: Qin
    et al., "Training Generative Adversarial Networks by Solving Ordinary Differential Equations", 2020,
    arXiv:2010.15040.
    """

    def turns(self, field: Field) -> int:
        """One."""
        return 1

    def round(self, field: Field, move: Move, state: State) -> State:
        """Four gradients, one step."""
        old = copied(state.point)
        first = field(at=old)

        def stage(last: Direction, share: float) -> Direction:
            at = {key: value - share * move.lr(key) * last.gradients[key] for key, value in old.items()}
            return field(at=field.project(at), draw=0)

        second = stage(first, 0.5)
        third = stage(second, 0.5)
        fourth = stage(third, 1.0)
        k1, k2, k3, k4 = (d.gradients for d in (first, second, third, fourth))
        mean = {key: (k1[key] + 2 * k2[key] + 2 * k3[key] + k4[key]) / 6 for key in k1}
        return move(first.along(mean), state._replace(point=old))
