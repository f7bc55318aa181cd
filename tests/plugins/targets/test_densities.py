"""The targets with a density: their samples, their density and their log Z tell one story."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward import Draw, Target, UserError
from pushforward_targets.checkerboard import Checkerboard
from pushforward_targets.mixtures import EightGaussians, GaussianMixture, TwentyFiveGaussians, TwoModes, TwoNorm
from pushforward_targets.moons import Moons
from pushforward_targets.rings import Rings

SKEWED = GaussianMixture([[-1.0, 0.0], [1.0, 0.5]], variances=[[0.3, 0.6], [0.5, 0.2]], weights=[1.0, 2.0])
KNOWN = {
    "rings": Rings(),
    "eight-gaussians": EightGaussians(),
    "twenty-five-gaussians": TwentyFiveGaussians(),
    "gaussian-mixture": SKEWED,
    "two-modes": TwoModes(),
}
known = pytest.mark.parametrize("target", KNOWN.values(), ids=KNOWN)


def sample(target: Target, n: int, seed: int = 0) -> torch.Tensor:
    return target.sample(n, Draw(seed, ("test",), n, dtype=torch.float64)).x


@known
def test_samples_and_density_satisfy_steins_identity(target: Target) -> None:
    x = sample(target, 40_000)
    score = target.score(x).detach()
    for terms, expected in ((score, 0.0), ((x * score).sum(1, keepdim=True), -2.0)):
        standard_error = terms.std(0) / math.sqrt(len(x))
        assert ((terms.mean(0) - expected).abs() < 4 * standard_error).all()  # 1 in 10,000 by chance; the seed is fixed


@known
def test_density_integrates_to_exp_log_z(target: Target) -> None:
    step = min(target.mode_scale or 0.05, 0.05)  # at one scale the trapezoid rule is off by 2 exp(-2 pi^2), or 5e-9
    count = math.ceil(14 / step)
    line = torch.linspace(-7, 7, count + 1, dtype=torch.float64)
    total = 0.0
    for column in line.split(64):
        x = torch.cartesian_prod(column, line)
        near = x if target.modes is None else x[(torch.cdist(x, target.modes.double()) < 8).any(1)]
        total += float(target.log_density(near).exp().sum()) * (14 / count) ** 2
    assert target.log_z is not None
    assert math.log(total) == pytest.approx(target.log_z, abs=1e-6)


@known
def test_density_is_that_of_single_precision_up_to_rounding(target: Target) -> None:
    x = sample(target, 1000)
    assert target.log_density(x.float()).dtype == torch.float32
    torch.testing.assert_close(target.log_density(x.float()).double(), target.log_density(x), atol=2e-2, rtol=1e-4)


@pytest.mark.parametrize("target", [*KNOWN.values(), Moons()], ids=[*KNOWN, "moons"])
def test_a_draw_cut_into_parts_gives_the_same_samples(target: Target) -> None:
    whole = Draw(3, ("cut",), 1500)
    parts = torch.cat([target.sample(part.n, part).x for part in whole.parts(3)])
    assert torch.equal(parts, target.sample(1500, whole).x)
    assert parts.shape == (1500, *target.shape) and parts.dtype == torch.float32


@pytest.mark.parametrize("target", [*KNOWN.values(), Moons()], ids=[*KNOWN, "moons"])
def test_a_draw_of_another_size_is_refused(target: Target) -> None:
    with pytest.raises(ValueError, match="5 samples asked of a draw of 4"):
        target.sample(5, Draw(0, (), 4))


def test_held_out_samples_are_fixed_and_differ_between_splits() -> None:
    target = Rings()
    assert torch.equal(target.held_out("test", 50).x, target.held_out("test", 50).x)
    assert not torch.equal(target.held_out("test", 50).x, target.held_out("validation", 50).x)


@pytest.mark.parametrize("name", ["eight-gaussians", "twenty-five-gaussians", "two-modes"])
def test_samples_lie_within_three_scales_of_a_mode_as_often_as_gaussians_do(name: str) -> None:
    target = KNOWN[name]
    x = sample(target, 20_000)
    assert target.modes is not None and target.mode_scale is not None and target.mode_weights is not None
    distance, nearest = torch.cdist(x, target.modes.double()).min(1)
    inside = (distance < 3 * target.mode_scale).double().mean()
    expected = 1 - math.exp(-4.5)  # the chi-squared law of two degrees of freedom
    assert abs(float(inside) - expected) < 4 * math.sqrt(expected * (1 - expected) / len(x))
    shares = nearest.bincount(minlength=len(target.modes)).double() / len(x)
    errors = (target.mode_weights * (1 - target.mode_weights) / len(x)).sqrt()
    assert ((shares - target.mode_weights).abs() < 4 * errors).all()


def test_mode_positions_are_those_of_the_literature() -> None:
    eight, grid = EightGaussians().modes, TwentyFiveGaussians().modes
    assert eight is not None and grid is not None
    torch.testing.assert_close(eight.norm(dim=1), torch.full((8,), 2.0))
    assert sorted(grid.tolist()) == [[float(x), float(y)] for x in range(-4, 5, 2) for y in range(-4, 5, 2)]


def test_two_modes_has_the_density_and_log_z_of_the_paper() -> None:
    target = TwoModes()
    x = sample(target, 100)
    first = (x - torch.tensor([5.0, 0.0])).square().sum(1)
    second = (x - torch.tensor([0.0, -5.0])).square().sum(1)
    expected = (0.2 * (-first / 0.2).exp() + 0.8 * (-second / 0.2).exp()).log()
    torch.testing.assert_close(target.log_density(x), expected)
    assert target.log_z == pytest.approx(-0.464708, abs=1e-6)
    assert target.log_z == pytest.approx(math.log(0.1) + math.log(2 * math.pi), abs=1e-12)


def test_importance_sampling_of_two_modes_has_the_relative_variance_of_the_closed_form() -> None:
    """E w^2 under N(0, I) is the integral of exp(-2U) / N(0, I): 18541.99, or 1.854e6 relative to (Z1/Z0)^2."""
    step = 0.05
    line = torch.arange(-9, 9, step, dtype=torch.float64)
    x = torch.cartesian_prod(line, line)
    log_base = -0.5 * x.square().sum(1)
    second_moment = (2 * TwoModes().log_density(x) - log_base).exp().sum() * step**2 / (2 * math.pi)
    assert float(second_moment) == pytest.approx(18541.99, rel=1e-6)
    assert float(second_moment) / 0.1**2 - 1 == pytest.approx(1.854e6, rel=1e-3)


def test_a_ring_has_the_same_density_at_every_angle_and_moons_have_known_moments() -> None:
    angle = torch.linspace(0, 6, 13, dtype=torch.float64)
    density = Rings([2.0], 0.1).log_density(2 * torch.stack([angle.cos(), angle.sin()], 1))
    torch.testing.assert_close(density, density[:1].expand(13))
    x = sample(Moons(), 40_000)
    mean = torch.tensor([0.5, 0.25], dtype=torch.float64)  # (0, 2/pi) and (1, 1/2 - 2/pi), half each
    assert ((x.mean(0) - mean).abs() < 4 * x.std(0) / 200).all()


def test_rings_have_equal_shares_and_the_noise_asked_for() -> None:
    radius = sample(Rings([1.0, 2.0, 3.0], 0.01), 30_000).norm(dim=1)
    shares = radius.round().long().bincount(minlength=4)[1:] / 30_000
    assert ((shares - 1 / 3).abs() < 4 * math.sqrt(2 / 9 / 30_000)).all()
    assert float((radius - radius.round()).std()) == pytest.approx(0.01, rel=0.02)  # its standard error is .4 %


def test_weights_that_do_not_sum_to_one_are_the_log_z() -> None:
    assert GaussianMixture([[0.0], [3.0]], weights=[1.0, 3.0]).log_z == pytest.approx(math.log(4))
    assert GaussianMixture([[0.0], [3.0]]).log_z == pytest.approx(0)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Rings([]), "radii is empty"),
        (lambda: Rings([1.0, -1.0]), "a radius of radii is -1.0: it must be a number above 0"),
        (lambda: Moons(noise=0), "noise is 0"),
        (lambda: EightGaussians(scale=0), "scale is 0"),
        (lambda: TwentyFiveGaussians(spacing=-2), "spacing is -2"),
        (lambda: GaussianMixture([]), "means is empty"),
        (lambda: GaussianMixture([[0, 0], [1]]), "means have 1 and 2 coordinates"),
        (lambda: GaussianMixture([[0, 0]], weights=[1, 2]), "weights has 2 numbers for 1 means: expected 1"),
        (lambda: GaussianMixture([[0, 0]], weights=[-1]), "a weight of weights is -1"),
        (lambda: GaussianMixture([[0, 0]], variances=[[1]]), "a row of variances has 1 numbers: expected 2"),
        (lambda: GaussianMixture([[0, 0]], variances=[[1, 1]] * 2), "variances has 2 rows for 1 means"),
        (lambda: GaussianMixture(scale=math.inf), "scale is inf"),
    ],
)
def test_bad_numbers_are_refused_in_one_sentence(build, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        build()
    assert len(str(caught.value).splitlines()) == 1


def test_twonorm_has_the_entropy_of_its_formula() -> None:
    target = TwoNorm()
    x = sample(target, 200_000)
    values = -target.log_density(x)
    assert abs(float(values.mean()) - 29.0115) < 4 * float(values.std()) / math.sqrt(len(x))
    # along the diagonal it is a mixture of N(2, 1) and N(-2, 1), and standard normal across it
    line = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    density = 0.5 * ((-0.5 * (line - 2) ** 2).exp() + (-0.5 * (line + 2) ** 2).exp()) / math.sqrt(2 * math.pi)
    along = -float(torch.trapezoid(density * density.log(), line))
    assert along + 19 * 0.5 * math.log(2 * math.pi * math.e) == pytest.approx(29.0115, abs=1e-4)


def test_a_checkerboard_has_equal_mass_on_every_second_square_and_none_elsewhere() -> None:
    target = Checkerboard(0.5)
    x = sample(target, 40_000)
    assert (target.log_density(x) == -math.log(8 * 0.25)).all()
    square = (x / 0.5).floor().long() + 2
    shares = (4 * square[:, 0] + square[:, 1]).bincount(minlength=16).double() / len(x)
    black = torch.tensor([(i + j) % 2 == 0 for i in range(4) for j in range(4)])
    assert (shares[~black] == 0).all()
    assert (shares[black] - 1 / 8).abs().max() < 4 * math.sqrt(1 / 8 * 7 / 8 / len(x))
    axis = (torch.arange(400, dtype=torch.float64) + 0.5) / 100 - 2
    assert float(target.log_density(torch.cartesian_prod(axis, axis)).exp().sum()) * 1e-4 == pytest.approx(1)
