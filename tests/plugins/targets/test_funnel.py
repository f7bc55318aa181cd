"""Funnels: their laws coordinate by coordinate, and the share of the paper's that lies in its ball."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward import Draw, Target, UserError
from pushforward_targets.funnel import Funnel, FunnelBall


def sample(target: Target, n: int, seed: int = 0) -> torch.Tensor:
    return target.sample(n, Draw(seed, ("test",), n, dtype=torch.float64)).x


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_a_funnel_is_a_normal_log_variance_and_normal_numbers_of_that_variance(scale: float) -> None:
    target, n = Funnel(5, scale), 20_000
    x = sample(target, n)
    first, rest = x[:, 0] / scale, x[:, 1:] * (-x[:, :1] / 2).exp()
    for standard in (first, *rest.T):
        assert abs(float(standard.mean())) < 4 / math.sqrt(n)  # 1 in 16,000 by chance; the seed is fixed
        assert abs(float(standard.square().mean()) - 1) < 4 * math.sqrt(2 / n)
    normal = torch.distributions.Normal(0.0, 1.0)
    expected = normal.log_prob(first) - math.log(scale) + (normal.log_prob(rest) - x[:, :1] / 2).sum(1)
    torch.testing.assert_close(target.log_density(x), expected)


def test_the_ball_has_the_log_z_of_the_paper() -> None:
    target = FunnelBall()
    assert target.share == pytest.approx(0.922638, abs=1e-6)
    assert target.log_z == pytest.approx(10.207479, abs=1e-6)
    assert math.exp(target.log_z - 5 * math.log(2 * math.pi)) == pytest.approx(2.767915, abs=2e-6)
    assert FunnelBall(2).share == pytest.approx(0.985950, abs=1e-6)
    assert FunnelBall(radius=1e9).share == pytest.approx(1, abs=1e-12)


def test_the_ball_keeps_as_many_points_of_the_funnel_as_its_share_says() -> None:
    """The chi-squared quadrature against counting, in ten dimensions and in two."""
    for dimension in (2, 10):
        n, target = 100_000, FunnelBall(dimension)
        inside = sample(Funnel(dimension), n).norm(dim=1) <= 25
        error = math.sqrt(target.share * (1 - target.share) / n)
        assert abs(float(inside.double().mean()) - target.share) < 4 * error


def test_the_density_in_the_ball_is_the_papers_and_nothing_outside() -> None:
    target = FunnelBall(3)
    x = torch.tensor([[0.5, 1.0, -2.0], [24.0, 8.0, 0.0], [-3.0, 0.1, 0.0]], dtype=torch.float64)
    x1, squares = x[:, 0], x[:, 1:].square().sum(1)
    expected = -x1.square() / 18 - x1 - (-x1).exp() * squares / 2
    expected[1] = -math.inf
    torch.testing.assert_close(target.log_density(x), expected)
    assert (target.score(x)[1] == 0).all() and target.score(x).isfinite().all()
    slope = Target.score(target, x)  # by automatic differentiation, through the masked point
    torch.testing.assert_close(slope, target.score(x))


def test_samples_stay_in_the_ball_and_parts_of_a_draw_are_its_rows() -> None:
    target, whole = FunnelBall(), Draw(1, ("cut",), 3000)
    x = target.sample(3000, whole).x
    assert float(x.norm(dim=1).max()) <= 25
    assert torch.equal(torch.cat([target.sample(part.n, part).x for part in whole.parts(3)]), x)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Funnel(1), "dimension is 1: expected at least 2, one that opens the funnel and one across it"),
        (lambda: Funnel(scale=-1), "scale is -1: it must be a number above 0"),
        (lambda: FunnelBall(radius=math.nan), "radius is nan"),
    ],
)
def test_bad_numbers_are_refused(build, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        build()
