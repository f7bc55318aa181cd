"""Flow importance sampling where the flow is known: equal to the target, wider than it, or not to be used at all."""

from __future__ import annotations

import math

import pytest
import torch
from estimated import Base
from torch import Tensor

from pushforward import Draw, Flow, UserError
from pushforward_neis.flow_importance import FlowImportanceSampling
from pushforward_neis.importance import ImportanceSampling

DRAW = Draw(0, ("test",), 1, dtype=torch.float64)


class Scaled(Flow):
    """N(0, s^2 I)."""

    def __init__(self, scale: float, dimension: int = 3) -> None:
        super().__init__()
        self.scale, self.shape = scale, (dimension,)

    def push(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.scale * z, torch.full_like(z[:, 0], z.shape[1] * math.log(self.scale))

    def pull(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x / self.scale, torch.full_like(x[:, 0], -x.shape[1] * math.log(self.scale))


def test_a_flow_that_is_the_target_has_equal_weights_and_tight_bounds() -> None:
    e = FlowImportanceSampling(Scaled(1.0)).estimate(Base(), 10_000, DRAW)
    assert abs(e.log_z) < 1e-12 and e.ess == pytest.approx(1) and e.bound == pytest.approx(e.log_z, abs=1e-12)
    assert e.n == e.evaluations == 10_000 and e.gradient_evaluations == 0 and e.warning == ""


@pytest.mark.parametrize("scale", [0.9, 1.3])
def test_the_effective_size_of_another_width_is_as_in_closed_form(scale: float) -> None:
    e = FlowImportanceSampling(Scaled(scale)).estimate(Base(), 200_000, DRAW)
    exact = (math.sqrt(2 * scale**2 - 1) / scale**2) ** 3
    assert e.ess == pytest.approx(exact, rel=0.03) and abs(e.log_z) < 4 * e.standard_error
    same = ImportanceSampling(scale).estimate(Base(), 200_000, DRAW)
    assert same.ess == pytest.approx(exact, rel=0.03) and abs(same.log_z) < 4 * same.standard_error


def test_a_flow_too_narrow_to_have_a_variance_is_told_by_its_tail() -> None:
    e = FlowImportanceSampling(Scaled(0.4)).estimate(Base(), 50_000, DRAW)
    assert e.khat > 0.7 and "k-hat" in e.warning


def test_a_flow_of_another_shape_or_with_a_condition_is_refused() -> None:
    with pytest.raises(UserError, match=r"shape \(2,\): the target's shape is \(3,\)"):
        FlowImportanceSampling(Scaled(1.0, 2)).estimate(Base(), 100, DRAW)
    asked = Scaled(1.0)
    asked.conditional = True
    with pytest.raises(UserError, match="condition"):
        FlowImportanceSampling(asked)


def test_nothing_to_spend_is_refused() -> None:
    for estimator in (ImportanceSampling(), FlowImportanceSampling(Scaled(1.0))):
        with pytest.raises(UserError, match="pay for no weight"):
            estimator.estimate(Base(), 0, DRAW)
