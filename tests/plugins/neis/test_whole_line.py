"""Whole flow lines: what their weights and variances are in closed form, along rays and on the square."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Draw, Estimate, Target, UserError
from pushforward_neis.bases import Identity, UniformBox, UniformTorus
from pushforward_neis.estimator import follow
from pushforward_neis.exact_fields import Dilation, LinearField
from pushforward_neis.flow_lines import FlowLines
from pushforward_neis.poisson import PoissonField
from pushforward_neis.steppers import RungeKutta, stepper_along
from pushforward_neis.whole_line import WholeLine, weigh_lines

F64 = torch.float64


class Ellipse(Target):
    """A normal law along the axes, unnormalised."""

    def __init__(self, *scales: float) -> None:
        self.shape, self.scales = (len(scales),), torch.tensor(scales, dtype=F64)
        self.log_z = math.log(math.prod(scales)) + len(scales) / 2 * math.log(2 * math.pi)

    def log_density(self, x: Tensor) -> Tensor:
        return -0.5 * (x / self.scales.to(x)).square().sum(1)


class Ripples(Target):
    """log(cos r + 1.001) to r = 4.5 pi, and a tail: concentric rings in any dimension; log Z by quadrature."""

    log_zs = {2: 6.692280, 3: 9.754138, 10: 28.561969}

    def __init__(self, dimension: int) -> None:
        self.shape, self.log_z = (dimension,), self.log_zs[dimension]

    def log_density(self, x: Tensor) -> Tensor:
        r = x.norm(dim=1)
        return torch.where(r <= 4.5 * math.pi, (r.cos() + 1.001).log(), 4.5 * math.pi - r)


class Waves(Target):
    """1 - c cos 2 pi x cos 2 pi y on the unit square."""

    shape, log_z = (2,), 0.0

    def log_density(self, x: Tensor) -> Tensor:
        outside = ((x < 0) | (x > 1)).any(1)
        return torch.log1p(-0.9 * (2 * math.pi * x).cos().prod(1)).masked_fill(outside, -math.inf)


class Bumps(Target):
    """Three bumps on the torus of angles: exp(2 cos(x - m1) + 2 cos(y - m2)), normalised each."""

    shape, log_z, domain = (2,), 0.0, "torus"

    def log_density(self, x: Tensor) -> Tensor:
        centres = 0.4 * math.pi * torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]).to(x)
        height = 2 * (x[:, None] - centres).cos().sum(2)
        bump = torch.special.i0(torch.tensor(2.0, dtype=F64)).log() + math.log(2 * math.pi)
        return height.logsumexp(1) - math.log(3) - 2 * bump.to(x)


class Shells(Target):
    """Two circles about the origin, of radii 1 and 40, with nothing between them."""

    shape, log_z = (2,), math.log(2 * math.pi * math.sqrt(2 * math.pi) * (0.1 + 40))

    def log_density(self, x: Tensor) -> Tensor:
        r = x.norm(dim=1)
        return torch.logaddexp(-0.5 * ((r - 1) / 0.1).square(), -0.5 * (r - 40).square())


def spread(log_weights: Tensor, log_z: float) -> tuple[float, float]:
    """Mean and relative variance, against the known Z."""
    ratio = (log_weights - log_z).exp()
    return float(ratio.mean()), float((ratio - 1).square().mean())


@pytest.mark.parametrize(("scales", "variance", "plain"), [((1.0, 0.5), 0.25, 0.512), ((1.2, 0.3), 1.125, 1.686)])
def test_a_dilation_averages_along_rays(scales: tuple[float, float], variance: float, plain: float) -> None:
    """Every direction is as likely, so that a sum over directions is exact: (s1 - s2)^2 / 2 s1 s2 is left."""
    target, angle = Ellipse(*scales), torch.arange(400, dtype=F64) * (2 * math.pi / 400)
    radius = torch.linspace(0.3, 2.0, 400, dtype=F64)  # does not matter along a ray
    x = radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    stepper = stepper_along(Dilation((2,)), 0.05, exact=True)
    found = weigh_lines(target.log_density, Identity((2,)).log_density, stepper, x, WholeLine(0.05, 1e-12))
    mean, v = spread(found.log_weights, target.log_z)
    assert mean == pytest.approx(1, abs=1e-6) and v == pytest.approx(variance, abs=1e-4) and v < plain
    s1, s2 = scales
    assert variance == pytest.approx((s1 - s2) ** 2 / (2 * s1 * s2))
    assert plain == pytest.approx(1 / (s1 * s2 * math.sqrt((2 - s1**2) * (2 - s2**2))) - 1, abs=1e-3)
    assert found.cut == found.lost == 0


@pytest.mark.parametrize("dimension", [2, 3, 10])
def test_a_dilation_has_no_variance_on_a_target_that_depends_on_the_radius(dimension: int) -> None:
    target = Ripples(dimension)
    x = torch.randn(50, dimension, generator=torch.Generator().manual_seed(0), dtype=F64)
    stepper = stepper_along(Dilation((dimension,)), 0.005, exact=True)
    found = weigh_lines(target.log_density, Identity((dimension,)).log_density, stepper, x, WholeLine(0.005, 1e-10))
    assert torch.allclose(found.log_weights, torch.full((50,), target.log_z, dtype=F64), atol=2e-5)


def test_steps_of_any_length_leave_the_mean_at_z_along_an_exact_flow() -> None:
    """So long a step makes the sum along a ray no integral: single weights are far from Z, and their mean is not."""
    target = Ellipse(0.4, 0.4)
    r = torch.linspace(0.005, 8, 1600, dtype=F64)
    x, mass = torch.stack([r, 0 * r], 1), r * (-0.5 * r.square()).exp()
    stepper = stepper_along(Dilation((2,)), 1.5, exact=True)
    found = weigh_lines(target.log_density, Identity((2,)).log_density, stepper, x, WholeLine(1.5, 1e-12))
    ratio = (found.log_weights - target.log_z).exp()
    assert float((ratio * mass).sum() / mass.sum()) == pytest.approx(1, abs=1e-4)
    assert float(ratio.min()) < 0.9 and float(ratio.max()) > 1.1


@pytest.mark.parametrize(("longest", "variance"), [(5.0, 3e-2), (20.0, 1e-6)])
def test_the_solution_of_poissons_equation_has_no_variance_on_the_square(longest: float, variance: float) -> None:
    target = Waves()
    field = PoissonField(target, waves=4)
    x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    line = WholeLine(0.05, 1e-9, quiet=100.0, longest=longest)
    found = weigh_lines(target.log_density, UniformBox((2,)).log_density, RungeKutta(field, 0.05), x, line)
    mean, v = spread(found.log_weights, 0.0)
    assert v < variance and abs(mean - 1) < 4 * math.sqrt(v / 300) + 1e-6
    assert found.cut == 300  # that is what is asked here: no line ends before


def test_poissons_field_is_the_known_one_on_the_square_and_its_divergence_the_excess() -> None:
    x = torch.rand(20, 2, generator=torch.Generator().manual_seed(1), dtype=F64)
    field = PoissonField(Waves(), waves=4)
    tau = 2 * math.pi
    known = torch.stack(
        [-(tau * x[:, 0]).sin() * (tau * x[:, 1]).cos(), -(tau * x[:, 0]).cos() * (tau * x[:, 1]).sin()], 1
    )
    assert torch.allclose(field(0.0, x), 0.9 / (8 * math.pi**2) * tau * known, atol=1e-10)
    torus = PoissonField(Bumps(), "periodic")
    assert torch.allclose(torus.divergence(0.0, x), Bumps().log_density(x).exp() - 1 / (2 * math.pi) ** 2, atol=1e-6)
    assert torch.allclose(torus(0.0, x), torus(0.0, x + 2 * math.pi), atol=1e-9)


def test_poissons_field_on_the_torus_has_no_variance() -> None:
    target = Bumps()
    x = math.pi * (2 * torch.rand(100, 2, generator=torch.Generator().manual_seed(2), dtype=F64) - 1)
    base, second = UniformTorus((2,)), (2 * math.pi) ** 2  # time is area: the field is that much slower
    line = WholeLine(0.1 * second, 1e-9, quiet=100 * second, longest=25 * second)
    found = weigh_lines(
        target.log_density, base.log_density, RungeKutta(PoissonField(target, "periodic"), 0.1 * second), x, line
    )
    plain = spread(target.log_density(x) + math.log(second), 0.0)[1]
    assert spread(found.log_weights, 0.0)[1] < 1e-4 * plain


def test_mass_that_poissons_field_moves_is_the_targets() -> None:
    r"""T(x) = X at the time when the line has carried as much target as the base had before x: E cos cos is -c / 4.

    Starts are spread evenly, and lie on no diagonal: lines there end at a corner, and carry no finite mass.
    """
    target, h, steps = Waves(), 0.1, 300
    x = torch.quasirandom.SobolEngine(2, scramble=True, seed=0).draw(1024, dtype=F64)
    path = follow(RungeKutta(PoissonField(target, waves=4), h), x, steps)
    jacobian = path.log_jacobians.exp()
    mass = target.log_density(path.points.flatten(0, 1)).view(jacobian.shape).exp() * jacobian
    before = h * (jacobian[: steps + 1].sum(0) - 0.5 * jacobian[steps])  # of the base, up to time 0
    along = h * (mass.cumsum(0) - 0.5 * mass)  # of the target, up to each time
    after = (along < before).sum(0).clamp(1, 2 * steps)
    at = torch.arange(len(x))
    share = (before - along[after - 1, at]) / (along[after, at] - along[after - 1, at])
    moved = torch.lerp(path.points[after - 1, at], path.points[after, at], share[:, None])
    assert float((2 * math.pi * moved).cos().prod(1).mean()) == pytest.approx(-0.9 / 4, abs=1e-3)
    assert abs(float((2 * math.pi * x).cos().prod(1).mean())) < 1e-6


def test_an_estimate_along_whole_lines_keeps_to_its_budget_and_says_its_error() -> None:
    target, draw = Ellipse(1.0, 0.5), Draw(0, ("lines",), 1)
    lines = FlowLines(Dilation((2,)), length=None, steps=20, stepper="exact")
    found = lines.estimate(target, 400_000, draw)
    assert found.evaluations <= 400_000 and found.n > 500 and not found.warning
    assert abs(found.log_z - target.log_z) < 4 * found.standard_error
    assert 1 / found.ess - 1 == pytest.approx(0.25, abs=0.1)  # four errors of a variance of that many weights
    assert found.log_z == lines.estimate(target, 400_000, draw).log_z
    cut = FlowLines(Dilation((2,)), length=None, steps=20, longest=0.5).estimate(target, 100_000, draw)
    assert "were cut there" in cut.warning


def test_mass_beyond_a_gap_is_missed_and_said_until_lines_wait_for_it() -> None:
    """From 5, where the base ends, to 34, where the far circle begins, a ray takes ln(34 / 5) = 1.9."""
    target, draw = Shells(), Draw(0, ("gap",), 1)

    def along(quiet: float) -> Estimate:
        return FlowLines(Dilation((2,)), length=None, stepper="exact", quiet=quiet).estimate(target, 200_000, draw)

    missed, met = along(1.0), along(2.5)
    assert missed.log_z == pytest.approx(math.log(2 * math.pi * math.sqrt(2 * math.pi) * 0.1), abs=1e-3)
    assert "met mass again after a time of 1.9" in missed.warning and "raise `quiet`" in missed.warning
    assert met.log_z == pytest.approx(target.log_z, abs=1e-3) and not met.warning
    assert met.evaluations <= 200_000


def test_lines_stay_on_the_device_of_their_walkers() -> None:
    """Under another default device a tensor that is made without one would not fit to the walkers."""
    x, target = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=F64), Ellipse(1.0, 0.5)
    stepper, base = stepper_along(Dilation((2,)), 0.1, exact=True), Identity((2,))
    known = weigh_lines(target.log_density, base.log_density, stepper, x, WholeLine(0.1))
    with torch.device("meta"):
        found = weigh_lines(target.log_density, base.log_density, stepper, x, WholeLine(0.1))
    assert torch.equal(found.log_weights, known.log_weights) and found.most == known.most


def test_what_does_not_fit_or_does_not_pay_is_refused_in_a_sentence() -> None:
    target, draw = Ellipse(1.0, 0.5), Draw(0, (), 1)
    with pytest.raises(UserError, match="does not pay for whole flow lines"):
        FlowLines(Dilation((2,)), length=None).estimate(target, 1000, draw)
    with pytest.raises(UserError, match="does not pay for one walker"):
        FlowLines(Dilation((2,))).estimate(target, 50, draw)
    with pytest.raises(UserError, match="vectors of 3 numbers, and the target's have 2"):
        FlowLines(LinearField((3,))).estimate(target, 1000, draw)
    with pytest.raises(UserError, match="window of no length"):
        FlowLines(Dilation((2,)), length=0.0)
    with pytest.raises(UserError, match="tolerance is 0"):
        FlowLines(Dilation((2,)), length=None, tolerance=0.0)
    with pytest.raises(UserError, match="for the square"):
        PoissonField(Ellipse(1.0, 1.0, 1.0))
