"""Steppers: which of them are exact, what their log-determinants are, and what friction says of volumes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Draw, Target, UserError
from pushforward_flow.coupling import RealNVP
from pushforward_neis.bases import Identity, UniformBox, UniformTorus, base_of
from pushforward_neis.estimator import follow, log_weights
from pushforward_neis.exact_fields import Dilation, FunnelField, LinearField
from pushforward_neis.fields import GradientField
from pushforward_neis.orbits import FlowOrbits, FrictionOrbits
from pushforward_neis.steppers import ClosedForm, FlowLayers, FrictionLeapfrog, RungeKutta, Stepper, stepper_along
from pushforward_neis.window import Window

F64 = torch.float64


class Wells(Target):
    """A narrow normal law beside a wide one, whose U is steep: Z = 2 pi (.09 + 1)."""

    shape = (2,)
    log_z = math.log(2 * math.pi * 1.09)

    def log_density(self, x: Tensor) -> Tensor:
        one, two = torch.tensor([1.5, 0.0]).to(x), torch.tensor([-1.0, 0.5]).to(x)
        return torch.logaddexp(-(x - one).square().sum(1) / 0.18, -0.5 * (x - two).square().sum(1))


def steppers() -> dict[str, Stepper]:
    torch.manual_seed(0)
    linear = LinearField((2,), scale=0.8).double()
    linear.offset.data += 0.3
    flow = RealNVP((2,), transforms=2, hidden=[8]).double()
    for p in flow.parameters():
        p.data += 0.1 * torch.randn_like(p)
    return {
        "linear": ClosedForm(linear, 0.4),
        "dilation": ClosedForm(Dilation((2,), -0.7), 0.4),
        "funnel": ClosedForm(FunnelField((2,), 1.5, 0.5).double(), 0.4),
        "friction": FrictionLeapfrog(lambda x: Wells().score(x).detach(), 0.2, 1.5),
        "flow": FlowLayers(flow),
        "runge-kutta": RungeKutta(GradientField((2,), 6).double(), 0.4),
    }


def starts(stepper: Stepper, n: int) -> Tensor:
    dimension = 4 if isinstance(stepper, FrictionLeapfrog) else 2
    return torch.randn(n, dimension, generator=torch.Generator().manual_seed(1), dtype=F64)


@pytest.mark.parametrize("name", list(steppers()))
def test_an_exact_step_back_undoes_one_ahead_and_knows_its_own_jacobian(name: str) -> None:
    stepper = steppers()[name]
    x = starts(stepper, 6)
    ahead, back = torch.ones(6, 1, dtype=F64), -torch.ones(6, 1, dtype=F64)
    off = []
    for sign in (ahead, back):
        y, grown = (out.detach() for out in stepper.advance(x, sign))
        again, shrunk = (out.detach() for out in stepper.advance(y, -sign))

        def moved(one: Tensor, sign: Tensor = sign) -> Tensor:
            return stepper.advance(one[None], sign[:1])[0][0]

        log_det = (
            torch.stack([torch.linalg.slogdet(torch.autograd.functional.jacobian(moved, row))[1] for row in x])
            if name != "friction"
            else grown
        )  # its score is cut from the graph: see the differences below
        off += [(again - x).abs().max(), (grown + shrunk).abs().max(), (log_det - grown).abs().max()]
    assert (float(torch.stack(off).max()) < 1e-9) == stepper.exact == (name != "runge-kutta")


def test_the_jacobian_of_a_leapfrog_step_is_that_of_differences() -> None:
    stepper, h = steppers()["friction"], 1e-5
    assert isinstance(stepper, FrictionLeapfrog)
    (x,) = starts(stepper, 1)
    ends = x + h * torch.cat([torch.eye(4, dtype=F64), -torch.eye(4, dtype=F64)])
    y = stepper.advance(ends, torch.ones(8, 1, dtype=F64))[0]
    assert float(torch.linalg.slogdet((y[:4] - y[4:]) / (2 * h))[1]) == pytest.approx(-1.5 * 0.2 * 2, abs=1e-8)


def test_runge_kuttas_error_falls_with_the_fourth_power_of_the_step() -> None:
    torch.manual_seed(2)
    field = LinearField((2,)).double()
    x, off = torch.randn(5, 2, dtype=F64), []
    exact = field.flow(1.0)(x)[0]
    for steps in (4, 8, 16):
        path = follow(RungeKutta(field, 1 / steps), x, steps)
        off.append(float((path.points[-1] - exact).detach().abs().max()))
        assert torch.allclose(path.log_jacobians[-1], field.weight.trace().expand(5), atol=1e-12)  # Liouville
    assert 14 < off[0] / off[1] < 20 and 14 < off[1] / off[2] < 18  # 2^4


@pytest.mark.parametrize("steps", [1, 3])
def test_orbits_of_exact_maps_are_unbiased_with_any_number_of_steps(steps: int) -> None:
    torch.manual_seed(3)
    flow = RealNVP((2,), transforms=2, hidden=[8])
    for p in flow.parameters():
        p.data += 0.2 * torch.randn_like(p)
    for estimator in (FrictionOrbits(1.0, 0.3, steps), FrictionOrbits(2.0, 0.5, steps, -1.0), FlowOrbits(flow, steps)):
        found = estimator.estimate(Wells(), 200_000, Draw(0, ("test",), 1))
        assert abs(found.log_z - Wells.log_z) < 4 * found.standard_error < 0.08
        assert found.evaluations + found.gradient_evaluations <= 200_000 and found.non_finite == 0


def test_a_one_step_orbit_weighs_against_the_mixture_of_noise_and_its_image() -> None:
    """With the even mixture q of both as the walkers' law, A(x) is the mean of target / q where the orbit meets it."""
    flow, x = steppers()["flow"], starts(steppers()["flow"], 7)
    assert isinstance(flow, FlowLayers)
    base = Identity((2,))

    def q(y: Tensor) -> Tensor:
        z, shrunk = flow.flow.to_base(y)
        return (base.log_density(y).exp() + (base.log_density(z) + shrunk).exp()) / 2

    target = Wells().log_density
    y = flow.flow.to_data(x)[0]
    by_hand = (target(x).exp() / q(x) + target(y).exp() / q(y)) / 2
    found = log_weights(target, base.log_density, flow, x, Window(1, 0.0)).exp()
    assert torch.allclose(found, by_hand, rtol=1e-9)


def test_friction_says_the_ratio_of_volumes_of_phase_space() -> None:
    r"""E exp(-d gamma (t_E - t_max)) over points of H < E_max is V(E) / V(E_max) = (E / E_max)^d, for H = |x|^2 / 2."""
    d, friction, h = 2, 1.0, 0.02
    stepper = FrictionLeapfrog(lambda x: -x, h, friction)
    draw = Draw(0, ("ball",), 2000, dtype=F64)
    direction = draw.normal("direction", 2 * d)
    radius = draw.uniform("radius") ** (1 / (2 * d))
    x = math.sqrt(2.0) * radius[:, None] * direction / direction.norm(dim=1, keepdim=True)  # uniform in H < 1
    energy = 0.5 * follow(stepper, x, 500).points.square().sum(-1)
    times = torch.arange(-500, 1201, dtype=F64) * h

    def crossing(level: float) -> Tensor:
        """When H, which falls along the flow, comes to a level, by a straight line between two steps."""
        after = (energy > level).sum(0).clamp(1, len(times) - 1)
        at = torch.arange(len(x))
        upper, lower = energy[after - 1, at], energy[after, at]
        return times[after - 1] + h * (upper - level) / (upper - lower)

    for level in (0.5, 0.2):
        ratio = (-d * friction * (crossing(level) - crossing(1.0))).exp()
        error = float(ratio.std()) / math.sqrt(len(x))
        assert abs(float(ratio.mean()) - level**d) < 4 * error + 1e-3 and error < 0.015


def test_a_contraction_says_the_ratio_of_volumes_without_any_variance() -> None:
    """Along dx/dt = -x every line comes from E_max to E of |x|^2 / 2 in one time: the ratio is (E / E_max)^(d/2)."""
    field, d = Dilation((3,), -1.0), 3
    x = torch.randn(20, d, generator=torch.Generator().manual_seed(0), dtype=F64)
    x = math.sqrt(2.0) * x / x.norm(dim=1, keepdim=True)  # on E_max = 1
    y, log_det = field.flow(math.log(math.sqrt(1 / 0.3)))(x)
    assert torch.allclose(0.5 * y.square().sum(1), torch.full((20,), 0.3, dtype=F64))
    assert torch.allclose(log_det.exp(), torch.full((20,), 0.3 ** (d / 2), dtype=F64))


def test_what_has_no_closed_form_or_no_density_or_another_shape_is_refused() -> None:
    with pytest.raises(UserError, match="closed form"):
        stepper_along(GradientField((2,)), 0.1, exact=True)
    with pytest.raises(UserError, match="finite"):
        stepper_along(GradientField((2,)), math.inf)
    with pytest.raises(UserError, match="friction"):
        FrictionOrbits(friction=-1.0)
    with pytest.raises(UserError, match="low below high"):
        UniformBox((2,), 1.0, 0.0)
    with pytest.raises(UserError, match="shape"):
        base_of(UniformBox((3,)), Wells())
    with pytest.raises(UserError, match="does not pay"):
        FrictionOrbits().estimate(Wells(), 50, Draw(0, (), 1))


def test_a_uniform_box_is_flat_inside_and_empty_outside_and_the_torus_has_no_outside() -> None:
    x = torch.tensor([[0.2, 0.9], [1.2, 0.5]], dtype=F64)
    box = UniformBox((2,), 0.0, 2.0)
    assert torch.equal(box.log_density(x), torch.full((2,), -2 * math.log(2), dtype=F64))
    assert float(UniformBox((2,)).log_density(x)[1]) == -math.inf
    assert torch.allclose(
        UniformTorus((2,)).log_density(3 * x), torch.full((2,), -2 * math.log(2 * math.pi), dtype=F64)
    )
    samples = box.sample(4000, draw=Draw(0, (), 4000))
    assert float(samples.min()) >= 0 and float(samples.max()) <= 2
    assert abs(float(samples.mean()) - 1) < 4 * 2 / math.sqrt(12 * 8000)
