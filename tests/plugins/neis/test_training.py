"""What training is made of: losses, helped starts, counts; and what is measured of weights that it has not seen."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pushforward import Batch, Doubt, Draw, Estimate, RunFailed, Target, UserError, load_recipe
from pushforward.optimizers import SGD
from pushforward.play import Play
from pushforward.roles.measure import Look
from pushforward.rules.turns import Simultaneous
from pushforward_neis.bases import Identity, UniformBox
from pushforward_neis.descent import NormalisedDescent
from pushforward_neis.exact_fields import FunnelField, LinearField
from pushforward_neis.fields import GenericField, GradientField
from pushforward_neis.game import NEIS
from pushforward_neis.losses import loss_of
from pushforward_neis.relative_variance import RelativeVariance
from pushforward_neis.spent import TrainingEvaluations
from pushforward_neis.starts import downhill, led_to, log_share_of_base, roughly_sampled
from pushforward_neis.steppers import ClosedForm
from pushforward_neis.window import Window
from pushforward_targets.funnel import FunnelBall
from pushforward_targets.mixtures import TwoModes

F64 = torch.float64


class Shifted(Target):
    """N(m, s^2) on a line, unnormalised; it can be sampled."""

    shape = (1,)

    def __init__(self, mean: float = 1.0, scale: float = 0.5) -> None:
        self.mean, self.scale = mean, scale
        self.log_z = math.log(scale * math.sqrt(2 * math.pi))

    def log_density(self, x: Tensor) -> Tensor:
        return -0.5 * ((x[:, 0] - self.mean) / self.scale).square()

    def sample(self, n: int, draw: Draw) -> Batch:
        return Batch(self.mean + self.scale * draw.normal("noise", 1))


def drifting(speed: float = 2.0) -> LinearField:
    """dx/dt = T (x - 2): from N(0, 1) to N(1, 1/4), of relative variance .26993 at T = 2 (.99044 at 1)."""
    return LinearField((1,), matrix=[[speed]], drift=[-2 * speed])


def test_losses_are_what_they_say_of_three_weights() -> None:
    log_a = torch.tensor([1.0, 2.0, 4.0], dtype=F64).log()
    assert float(loss_of("second-moment", log_a)) == pytest.approx(7)
    assert float(loss_of("log-second-moment", log_a)) == pytest.approx(math.log(7))
    assert float(loss_of("variance", log_a)) == pytest.approx(math.log(7 - 49 / 9))
    assert float(loss_of("log-weight", log_a)) == pytest.approx(-math.log(2))
    shares = [3 * a / 7 + 1e-3 for a in (1, 2, 4)]  # of the mean, 7 / 3
    assert float(loss_of("entropy", log_a)) == pytest.approx(sum(a * math.log(a) for a in shares) / 3)


def test_the_entropy_of_weights_is_the_same_at_any_height() -> None:
    """In single precision e^88 is the last number; the gradient is that of weights near one."""
    found = []
    for height in (0.0, 200.0, -200.0):
        log_a = torch.tensor([0.5, 2.0, -1.0], requires_grad=True)
        loss = loss_of("entropy", log_a + height)
        found.append((loss.detach(), *torch.autograd.grad(loss, log_a)))
    for loss, gradient in found[1:]:
        assert torch.allclose(loss, found[0][0], atol=1e-4) and torch.allclose(gradient, found[0][1], atol=1e-4)


@pytest.mark.parametrize("loss", ["log-second-moment", "second-moment", "variance", "entropy"])
def test_a_weight_of_zero_counts_as_zero(loss: str) -> None:
    some = torch.tensor([0.3, -math.inf, 1.2], dtype=F64)
    almost = torch.tensor([0.3, -80.0, 1.2], dtype=F64)
    known = 3 * 0.0 if loss != "entropy" else 1e-2
    assert float(loss_of(loss, some)) == pytest.approx(float(loss_of(loss, almost)), abs=known + 1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", ["log-second-moment", "second-moment", "variance", "log-weight", "entropy"])
def test_losses_of_helped_walkers_are_those_of_the_base_alone(loss: str) -> None:
    """Half of the walkers come from the base times A / Z; counted by their share of the base, the mean is the same."""
    n, game = 40_000, NEIS(drifting(), Shifted(), steps=20, stepper="exact")
    draw = Draw(0, ("both",), n)
    x = draw.normal("walker", 1)
    y = Shifted().sample(n, draw).x
    moved, base, window = game._moved(), game.base, game.window
    led = led_to(y, base, moved, window, draw.uniform("met"))
    with torch.no_grad():
        alone = game.log_weights(x)
        both = torch.cat([alone[: n // 2], game.log_weights(led)[: n // 2]])
        share, log_z = log_share_of_base(both, 0.5)
        found, known = loss_of(loss, both, share), loss_of(loss, alone)  # type: ignore[arg-type]
    assert abs(float(log_z) - Shifted().log_z) < 0.02  # bridge sampling: five errors of .0035
    assert float(found) == pytest.approx(float(known), abs=0.04)


def test_walkers_led_to_samples_of_the_target_have_the_law_of_the_base_times_their_weight() -> None:
    n, field, window = 60_000, drifting(), Window(20)
    field.requires_grad_(False)
    moved, base = ClosedForm(field, window.step), Identity((1,))
    game = NEIS(drifting(), Shifted(), steps=20, stepper="exact")
    draw = Draw(0, ("led",), n)
    x = led_to(Shifted().sample(n, draw).x, base, moved, window, draw.uniform("met"))
    grid = torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        mass = (base.log_density(grid) + game.log_weights(grid) - Shifted().log_z).exp() * 16 / 4000
    for power in (1, 2, 3):
        known = float((mass * grid[:, 0] ** power).sum())
        values = x[:, 0] ** power
        assert abs(float(values.mean()) - known) < 4.5 * float(values.std()) / math.sqrt(n)


def test_relative_variance_is_the_tabulated_one_from_both_sides() -> None:
    game = NEIS(drifting(), Shifted(), steps=100, stepper="exact")
    found = RelativeVariance(20_000, 20_000).measure(Look(game, Shifted()))
    assert abs(found["value"] - 0.26993) < 4 * found["standard_error"] < 0.06
    assert abs(found["forward"] - 0.26993) < 4 * found["forward_standard_error"] < 0.05
    assert found["forward_ess"] == pytest.approx(1 / 1.26993, abs=0.03) and found["n"] == 20_000
    spread = [RelativeVariance(400, 0).measure(Look(game, Shifted(), seed=i)) for i in range(60)]
    values = torch.tensor([s["value"] for s in spread])
    assert float(values.std()) == pytest.approx(sum(s["standard_error"] for s in spread) / 40, rel=0.4)
    assert "forward" not in spread[0]


def test_a_mode_that_no_walker_meets_is_seen_from_the_target_alone() -> None:
    """A drift to the mode of four fifths: its walkers agree with one another, and with .8 of the truth."""
    torch.manual_seed(0)
    field = LinearField((2,), matrix=[[1.2, 0.0], [0.0, 1.2]], drift=[0.0, 6.0])  # away from (0, -5), back to it
    game = NEIS(field, TwoModes(), steps=40, start=-1.0, length=2.0, stepper="exact")
    found = RelativeVariance(4000, 4000).measure(Look(game, TwoModes()))
    assert found["forward"] > 100 * found["value"] and found["forward_ess"] < 0.01


def test_weights_that_are_none_are_said_and_never_left_out() -> None:
    class Nowhere(Shifted):
        def log_density(self, x: Tensor) -> Tensor:
            return torch.full_like(x[:, 0], -math.inf)

    game = NEIS(drifting(), Nowhere(), steps=4)
    with pytest.warns(Doubt, match="no weight above zero"):
        assert RelativeVariance(100, 0).measure(Look(game, Nowhere()))["value"] == math.inf
    found = game.estimate(Nowhere(), 1000, Draw(0, (), 1))
    assert found.log_z == -math.inf and "all 200 weights are zero" in found.warning
    with pytest.raises(RunFailed, match="none of 50"):
        game.costs(("velocity",), Draw(0, (0,), 50))
    one = NEIS(drifting(), Shifted(), steps=4).estimate(Shifted(), 5, Draw(0, (), 1))
    assert one.n == 1 and one.standard_error == math.inf and one.warning


def test_a_loss_that_is_infinite_for_one_walker_says_so() -> None:
    class Half(Shifted):
        def log_density(self, x: Tensor) -> Tensor:
            return super().log_density(x).masked_fill(x[:, 0] < -1, -math.inf)

    still = LinearField((1,), scale=0.0)
    with pytest.raises(RunFailed, match=r"of 200 trajectories do not meet the target.*take another loss"):
        NEIS(still, Half(), steps=2, loss="log-weight").costs(("velocity",), Draw(0, (0,), 200))


def test_a_field_that_blows_up_says_how_many_walkers_are_lost_and_what_that_does() -> None:
    class Squared(GenericField):
        def with_divergence(self, t: Tensor | float, x: Tensor) -> tuple[Tensor, Tensor]:
            return 3 * x * x.square().sum(1, keepdim=True), 15 * x.square().sum(1)

    game = NEIS(Squared((2,)), TwoModes(), steps=20, start=0.0)
    found = game.estimate(TwoModes(), 21_000, Draw(0, (), 1))
    assert "run away within the window" in found.warning and "of 1000 walkers" in found.warning
    assert "may be off by about their share" in found.warning and found.non_finite == 0
    with pytest.raises(RunFailed, match=r"of 100 walkers.*run away"):
        game.costs(("velocity",), Draw(0, (0,), 100))


def test_rough_samples_lie_in_the_modes_and_are_spread_as_the_modes_are() -> None:
    draw = Draw(0, ("rough",), 2000)
    x = draw.normal("start", 2)
    ends = downhill(TwoModes(), x, 1.0, 50)
    spread = roughly_sampled(TwoModes(), x, 1.0, 50, draw, moves=20, size=0.1)
    modes = TwoModes().modes
    for points, scale in ((ends, 0.0), (spread, 0.1)):
        apart = points - modes[torch.cdist(points, modes).argmin(1)]
        assert float(apart.square().mean()) == pytest.approx(scale, abs=0.006)  # .1 +- five times .0022


class Quartic(Shifted):
    def log_density(self, x: Tensor) -> Tensor:
        return -x[:, 0].pow(4)


def test_a_descent_whose_steps_are_too_long_is_said_to_be_and_not_the_velocity() -> None:
    x = torch.tensor([[0.1], [30.0]])
    assert downhill(Quartic(), x[:1], 1.0, 20).abs() < 0.1
    with pytest.raises(RunFailed, match=r"descent .* runs away from 1 of 2 starts: steps of 0\.05 are too long"):
        downhill(Quartic(), x, 1.0, 20)


def trained_on_the_funnel(field: FunnelField | LinearField) -> Estimate:
    game = NEIS(field, FunnelBall(), steps=20, stepper="exact", loss="log-weight")
    optimizer = NormalisedDescent(0.3).in_place(field.parameters())
    for i in range(60):
        optimizer.param_groups[0]["lr"] = 0.3 / (1 + 9 * i / 60)
        optimizer.zero_grad()
        game.costs(("velocity",), Draw(0, (i,), 300))["velocity"]["log-weight"].backward()
        optimizer.step()
    return game.estimate(game.target, 400_000, Draw(0, ("funnel",), 1))


def test_two_numbers_follow_a_funnel_and_a_linear_velocity_leaves_much_of_it_out_and_is_doubted() -> None:
    """Both are unbiased, and both tails are heavy: what is missing is mass that next to no walker meets."""
    torch.manual_seed(0)
    truth = FunnelBall().log_z
    two, linear = trained_on_the_funnel(FunnelField((10,))), trained_on_the_funnel(LinearField((10,)))
    assert math.exp(two.log_z - truth) > 0.95
    assert math.exp(linear.log_z - truth) < 0.8 and linear.ess < 0.2 * two.ess
    assert "too heavy to trust" in linear.warning


class Counting(TwoModes):
    """Two modes that know how many rows were asked for U, and how many for its gradient alone."""

    values = slopes = 0

    def log_density(self, x: Tensor) -> Tensor:
        self.values += len(x)
        return super().log_density(x)

    def score(self, x: Tensor) -> Tensor:
        self.slopes += len(x)
        return super().score(x)


@pytest.mark.parametrize(("assisted", "spread"), [("from", 5), ("through", 5), ("through", 0)])
def test_what_training_spends_is_counted_and_kept_in_its_checkpoint(assisted: str, spread: int) -> None:
    """Every value of U is differentiated, by walkers as by Langevin moves; a descent asks for slopes alone."""
    torch.manual_seed(0)
    target = Counting()
    game = NEIS(GradientField((2,), 4), target, steps=10, assist=0.3, assisted=assisted, spread=spread)  # type: ignore[arg-type]
    play = Play(game, Simultaneous(), SGD(0.01))
    play.configure_optimizers()
    for i in range(3):
        play.training_step([Draw(0, (i,), 40)], 0)
    found = TrainingEvaluations().measure(Look(game, target))
    assert found["value"] == target.values and found["gradients"] == target.values + target.slopes
    assert (target.values > 3 * 40 * 11) == (assisted == "through" and spread > 0) and target.slopes > 0
    other = NEIS(GradientField((2,), 4), TwoModes(), steps=10)
    other.load_state_dict(game.state_dict())
    assert other.spent.evaluations == target.values


def test_another_base_changes_walkers_and_not_the_answer() -> None:
    game = NEIS(drifting(), Shifted(), base=UniformBox((1,), -4.0, 5.0), steps=4)
    found = game.estimate(Shifted(), 100_000, Draw(0, ("box",), 1))
    assert abs(found.log_z - Shifted().log_z) < 4 * found.standard_error < 0.1


def test_what_is_spent_stays_spent_when_better_weights_are_put_back() -> None:
    game = NEIS(GradientField((2,), 4), TwoModes(), steps=10)
    cost = {"~evaluations": torch.tensor(30.0), "~gradients": torch.tensor(40.0)}
    game.spent.add(cost)
    earlier = {name: value.clone() for name, value in game.state_dict().items()}
    game.spent.add(cost)
    game.load_state_dict(earlier)
    assert (game.spent.evaluations, game.spent.gradients) == (60, 80)
    assert float(earlier["spent.counts"][0]) == 30


@pytest.mark.parametrize("wrong", ["steps=-3", "length=0", "spread=-1", "descent=-1.0", "velocity.width=0"])
def test_numbers_that_are_none_are_refused_when_a_recipe_is_checked(wrong: str) -> None:
    with pytest.raises(UserError, match=f"model.{wrong.split('=')[0]}: expected"):
        load_recipe("two-modes/neis", [f"model.{wrong}"])


def test_the_last_look_takes_as_many_walkers_as_it_is_told() -> None:
    game, measure = NEIS(drifting(), Shifted(), steps=10, stepper="exact"), RelativeVariance(50, 0, final=200)
    assert measure.measure(Look(game, Shifted()))["n"] == 50
    assert measure.measure(Look(game, Shifted(), "test"))["n"] == 200
    with pytest.raises(UserError, match="final is 1"):
        RelativeVariance(final=1)


def test_a_base_without_density_is_refused_when_it_is_checked() -> None:
    with pytest.raises(UserError, match=r"'neis' needs a base with log_density.*flow"):
        load_recipe("two-modes/neis", ["model.base={use: trained, recipe: rings/gan}"])
    plan = load_recipe("two-modes/neis", ["model.base={use: trained, recipe: rings/flow}"])
    assert plan.model is not None
