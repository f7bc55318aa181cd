"""Verdicts on games whose fate is known in closed form, and remedies that are played to see whether they hold."""

import math

import pytest
import torch
from judged import judge, play_recipe

from pushforward.advice import advise
from pushforward.builder import build
from pushforward.check import plan_recipe
from pushforward.contraction import growth
from pushforward.diagnosis import diagnose
from pushforward.folder import read_json
from pushforward.health import _ahead
from pushforward.motion import of_orbit, of_series
from pushforward.problem import RunFailed, UserError
from pushforward.runner import run_recipe
from pushforward.settle import find_equilibrium

DIRAC = ("dirac/r1", "model.r1=0")
SIM, ALT = "model.rule=simultaneous", "model.rule=alternating"


@pytest.mark.parametrize(
    ("overrides", "state", "kind"),
    [
        ([SIM], "diverging", "centre"),
        ([ALT], "cycling", "centre"),
        ([SIM, "model.objective=non-saturating", "budget.rounds=2000"], "cycling", "centre"),
        ([ALT, "model.objective=non-saturating"], "converging", "centre"),
        ([SIM, "model.objective=wasserstein"], "diverging", "centre"),
        ([SIM, "model.objective=wasserstein", "model.bound=1"], "cycling", "centre"),
        ([ALT, "model.objective=wasserstein", "model.bound=1"], "cycling", "centre"),
        ([SIM, "model.objective=wasserstein", "model.gradient_penalty=0.7"], "cycling", None),
        ([ALT, "model.objective=wasserstein", "model.gradient_penalty=0.7"], "cycling", None),
        ([SIM, "model.noise=0.7"], "converging", "spiral"),
        ([SIM, "model.noise=2"], "converging", "node"),
        ([SIM, "model.r1=0.3"], "converging", "spiral"),
        ([ALT, "model.r2=0.3"], "converging", "spiral"),
        ([SIM, "model.r1=1.5"], "converging", "node"),
        ([SIM, "model.r1=0.3", "model.r2=0.3"], "converging", "spiral"),
        ([SIM, "model.r1=0.3", "model.objective=non-saturating"], "converging", "spiral"),
        (["model.rule=consensus"], "converging", "centre"),
        ([SIM, "model.r1=0.03", "budget.rounds=1000"], "cycling", "spiral"),
        ([SIM, "model.r1=10", "model.optimizer.lr=0.21"], "diverging", "node"),
    ],
)
def test_every_variant_of_the_dirac_gan_is_judged_as_it_is_proved(overrides, state, kind):
    verdict = judge(*DIRAC, *overrides)
    assert verdict["state"] == state, verdict
    if kind is not None:
        assert verdict["kind"] == kind


@pytest.mark.parametrize(("objective", "state"), [("minimax", "converging"), ("wasserstein", "cycling")])
def test_an_absolutely_continuous_law_converges_unless_the_loss_is_wassersteins(location, objective, state):
    assert judge(location, f"model.objective={objective}")["state"] == state


@pytest.fixture
def location(tmp_path):
    return written(tmp_path, "location-gan", "alternating", 0.1, 800)


@pytest.mark.parametrize(
    ("rule", "lr", "rounds", "state"),
    [
        ("simultaneous", 0.05, 1000, "cycling"),
        ("extragradient", 0.05, 1000, "cycling"),
        ("optimistic", 0.05, 1000, "cycling"),
        ("{use: kpv, k: -1.1, p: 0.3}", 0.02, 1000, "converging"),
        # it is long on its way out to its cycle
        pytest.param("{use: kpv, k: -1.1, p: 0.3}", 0.06, 3000, "cycling", marks=pytest.mark.slow),
        ("{use: kpv, k: -2.0, p: 0.5}", 0.1, 1000, "converging"),
    ],
)
def test_matching_pennies_are_judged_under_every_rule(tmp_path, rule, lr, rounds, state):
    recipe = written(tmp_path, "matching-pennies", rule, lr, rounds)
    verdict = judge(recipe)
    assert verdict["state"] == state, verdict


def written(folder, model, rule, lr, rounds):
    text = f"about: A test.\nmodel: {{use: {model}, rule: {rule}, optimizer: {{use: sgd, lr: {lr}}}}}\n"
    path = folder / "game.yaml"
    path.write_text(text + f"budget: {{rounds: {rounds}, report_every: {rounds}}}\n")
    return str(path)


def test_predicted_and_measured_contraction_stand_side_by_side():
    evidence = judge("dirac/r1")["evidence"]
    expected = math.sqrt(1 - 0.2 * 0.3 + 0.2**2 * 0.25)
    assert evidence["predicted-contraction"] == pytest.approx(expected, abs=1e-9)
    assert evidence["measured-contraction"] == pytest.approx(expected, abs=1e-5)
    assert evidence["measured-factor"] == pytest.approx(expected, abs=1e-4)


def test_the_damping_that_is_advised_has_the_thresholds_of_the_closed_form():
    """Simultaneous descent is stable for h a^2 < gamma, and turns no more from gamma = 2 a: .05 and 1 at h = .2."""
    verdict = judge(*DIRAC, SIM)
    first = verdict["remedies"][0]
    assert first["change"].startswith("more damping: r1 contracts at this step from 0.05, without rotation from 1")
    assert verdict["overrides"] == first["overrides"]


def test_the_step_that_is_advised_is_below_the_largest_stable_one():
    """R1 with gamma = 10: simultaneous descent is stable up to h = 4 / (10 + sqrt(99)) = .2005."""
    verdict = judge(*DIRAC, SIM, "model.r1=10", "model.optimizer.lr=0.21")
    step = next(r for r in verdict["remedies"] if r["change"].startswith("a smaller step"))
    assert "lr 0.2005" in step["change"]
    assert float(step["overrides"][0].partition("=")[2]) == pytest.approx(0.2005 / 2, rel=0.01)


@pytest.mark.parametrize(
    "overrides",
    [[SIM], *(pytest.param(other, marks=pytest.mark.slow) for other in ([ALT], [SIM, "model.objective=wasserstein"]))],
)
def test_every_change_that_is_advised_makes_play_converge(overrides):
    verdict = judge(*DIRAC, *overrides)
    assert len(verdict["remedies"]) >= 3
    for remedy in verdict["remedies"]:
        after = judge(*DIRAC, *[o for o in overrides if o.partition("=")[0] not in " ".join(remedy["overrides"])],
                      *remedy["overrides"])  # fmt: skip
        assert after["state"] == "converging", (remedy, after["why"])
        assert after["evidence"]["predicted-contraction"] == pytest.approx(remedy["contraction"], abs=2e-3)


def test_where_every_step_is_zero_nobody_moves_and_nothing_is_advised():
    verdict = judge(*DIRAC, "model.optimizer.lr=0", "budget.rounds=20")
    assert verdict == {"state": "undecided", "why": "every step is 0, so nobody moves", "evidence": {}}


def test_a_diagnosis_changes_nothing():
    built = play_recipe(*DIRAC, SIM)
    play = built.play
    before = {key: value.detach().clone() for key, value in play.field.live.items()}
    random, lr = torch.get_rng_state(), play.optimizer.lr
    diagnose(built, {}, thorough=True)
    assert all(torch.equal(before[key], value) for key, value in play.field.live.items())
    assert all(value.grad is None for value in play.field.live.values())
    assert torch.equal(random, torch.get_rng_state())
    assert play.optimizer.lr == lr and play.game.r1 == 0 and type(play.rule).__name__ == "Simultaneous"


def test_a_point_that_is_not_finite_has_no_spectrum_and_says_so():
    built = play_recipe(*DIRAC, SIM)
    with torch.no_grad():
        built.play.field.live["generator.value"].fill_(float("nan"))
    verdict = diagnose(built, {}, failure="round 7: gradient of player 'generator' is nan")
    assert verdict["state"] == "diverging" and verdict["why"].startswith("round 7")
    assert "spectrum" not in verdict


def test_a_cost_without_its_player_is_refused_by_name():
    built = build(plan_recipe("dirac/r1"))
    game = built.play.game
    game.costs = lambda names, draw: {n: {"cost": game.generator.value.sum()} for n in names}
    with pytest.raises(RunFailed, match="cost of player 'discriminator' does not depend on its parameters"):
        find_equilibrium_by_newton(built)


def find_equilibrium_by_newton(built):
    from pushforward import Draw
    from pushforward.spectrum import linearised

    linearised(built.play.game, Draw(0, (0,), 1))


def test_newton_finds_the_equilibrium_that_the_game_knows(monkeypatch):
    built = play_recipe("dirac/r1", "budget.rounds=5")
    known = built.play.game.equilibrium()
    monkeypatch.setattr(type(built.play.game), "equilibrium", lambda self: None)
    from pushforward import Draw

    found = find_equilibrium(built.play, Draw(0, (0,), 1))
    for key, value in known.items():
        torch.testing.assert_close(found[key].detach(), value, rtol=0, atol=1e-8)


def test_newton_gives_up_where_the_field_has_no_slope(tmp_path):
    """The slope of x + |x|^1.5 is 1 at 0, and its own slope is infinite there."""
    from pushforward import Draw

    built = play_recipe(game_file(tmp_path, "x + x.abs() ** 1.5", "y**2", 0.0, start="0.0"), "budget.rounds=2")
    assert find_equilibrium(built.play, Draw(0, (0,), 1)) is None


def test_the_growth_of_a_spiral_is_that_of_its_envelope():
    t = torch.arange(400, dtype=torch.float64)
    series = 0.98**t * (1 + 0.5 * torch.sin(0.37 * t))
    assert growth(series) == pytest.approx(0.98, abs=1e-4)


@pytest.mark.parametrize(("rate", "state"), [(0.99, "converging"), (1.0, "cycling"), (1.01, "diverging")])
def test_an_orbit_is_named_by_its_growth(rate, state):
    t = torch.arange(200, dtype=torch.float64)
    points = (rate**t * torch.stack([torch.cos(0.3 * t), torch.sin(0.3 * t)])).T
    motion = of_orbit(t, points, torch.zeros(2, dtype=torch.float64))
    assert motion.state == state and motion.rate == pytest.approx(rate, abs=1e-6)


def test_an_orbit_that_stands_still_elsewhere_is_no_convergence():
    t = torch.arange(100, dtype=torch.float64)
    assert of_orbit(t, torch.ones(100, 2).double(), torch.zeros(2).double()).state == "resting"


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([1.5, 0.3, 0.1, 0.08, 0.07, 0.08, 0.075, 0.08, 0.07, 0.078], "converging"),
        ([1.5, 0.3, 0.9, 0.2, 1.0, 0.3, 0.95, 0.25, 0.9, 0.3], "cycling"),
        ([1.5, 0.2, 0.3, 0.5, 0.6, 0.61, 0.6, 0.62, 0.6, 0.61], "diverging"),
        ([1.5, 1.5, 1.51, 1.49, 1.5, 1.5, 1.51, 1.49, 1.5, 1.5], "resting"),
        ([1.0, 0.5], "undecided"),
    ],
)
def test_a_measured_series_is_named_by_trend_and_scatter(values, state):
    assert of_series(values, [0.02] * len(values), "lower").state == state
    assert of_series([-v for v in values], [0.02] * len(values), "higher").state == state


@pytest.mark.parametrize(
    ("coverage", "quality", "state"),
    [(0.25, 0.9, "collapsed"), (2 / 3, 0.98, "collapsed"), (0.25, 0.0, "undecided"), (0.8, 0.9, "undecided")],
)
def test_a_model_has_collapsed_when_its_good_samples_lie_on_few_modes(coverage, quality, state):
    built = build(plan_recipe("rings/gan"))
    verdict = diagnose(built, {"mode-coverage": {"value": coverage, "quality": quality, "n": 2000}})
    assert verdict["state"] == state
    if state == "collapsed":
        assert verdict["evidence"]["mode-coverage"] == coverage


def test_a_non_finite_number_is_divergence_with_its_reason_and_a_smaller_step():
    verdict = diagnose(build(plan_recipe("rings/gan")), {}, failure="round 7: gradient of player 'x' is nan")
    assert verdict["state"] == "diverging" and verdict["why"].startswith("round 7")
    assert verdict["overrides"] == ["model.optimizer.lr={use: cosine, from: 0.00075, to: 0}"]


def test_advice_takes_away_every_cause_of_rotation_by_overrides_that_check():
    overrides = ["model.penalties=[]", "model.optimizer.betas=[0.9,0.99]", SIM]
    remedy = advise(build(plan_recipe("rings/gan", overrides)), "cycling")
    assert [o.partition("=")[0] for o in remedy.overrides] == [
        "model.penalties",
        "model.optimizer.betas",
        "model.rule",
    ]
    healed = build(plan_recipe("rings/gan", [*overrides, *remedy.overrides]))
    assert healed.play.optimizer.betas[0] == 0 and type(healed.play.rule).__name__ == "Alternating"
    # data of 3 rings of radii 1, 2, 3: a coordinate has the variance (1 + 4 + 9) / 6 = 2.33
    assert healed.play.game.penalties[0].weight == pytest.approx(0.1 * 14 / 6, rel=0.1)


def test_an_overfitting_critic_is_advised_to_be_flatter_and_no_other_step():
    remedy = advise(build(plan_recipe("rings/gan")), "overfitting")
    assert remedy.overrides == ("model.penalties.0.weight=0.4",)


def test_a_distance_that_rests_where_two_sets_of_data_are_has_converged():
    built = build(plan_recipe("rings/gan"))
    history = {
        "validation/sliced-wasserstein": [(k, 0.06 + 0.001 * (k % 2)) for k in range(10)],
        "validation/sliced-wasserstein/standard_error": [(k, 0.02) for k in range(10)],
    }
    verdict = diagnose(built, {}, history)
    assert verdict["state"] == "converging" and "two sets of held-out data" in verdict["why"]
    far = {name: [(k, 10 * value) for k, value in series] for name, series in history.items()}
    assert diagnose(built, {}, far)["state"] == "undecided"


@pytest.mark.parametrize(("warning", "state"), [(None, "estimated"), ("its tail is too heavy", "doubtful")])
def test_a_model_played_to_estimate_answers_by_its_estimate_where_play_was_hardly_reported(warning, state):
    built = build(plan_recipe("two-modes/neis"))
    few, many = ({"validation/relative-variance": [(k, 2.0 + k % 2) for k in range(n)]} for n in (3, 10))
    errors = {"validation/relative-variance/standard_error": [(k, 0.1) for k in range(10)]}
    found = {"value": -0.46, "standard_error": 0.01} | ({"warning": warning} if warning else {})
    verdict = diagnose(built, {"log-z": found}, few | {k: v[:3] for k, v in errors.items()})
    assert verdict["state"] == state and verdict["evidence"]["log-z-value"] == -0.46
    assert warning in verdict["why"] if warning else "log-z is -0.46 with a standard error of 0.01" in verdict["why"]
    assert diagnose(built, {"log-z": found}, many | errors)["state"] == "cycling"  # play speaks first where it does


def test_a_run_that_fares_well_is_advised_nothing():
    assert advise(build(plan_recipe("rings/gan")), "converging") is None


def test_the_share_of_pairs_ahead_counts_ties_as_half():
    high, low = torch.tensor([1.0, 2.0, 2.0]), torch.tensor([2.0, 0.0])
    pairs = [(1.0 if h > x else 0.5 if h == x else 0.0) for h in high.tolist() for x in low.tolist()]
    assert _ahead(high, low) == pytest.approx(sum(pairs) / len(pairs))


def test_an_orbit_that_is_nearer_by_its_ends_and_farther_by_its_slope_decides_nothing():
    radii = torch.cat([torch.ones(60), torch.full((20,), 2.0), torch.linspace(0.2, 2.0, 40)]).double()
    motion = of_orbit(torch.arange(120), torch.stack([radii, torch.zeros(120).double()], 1), torch.zeros(2).double())
    assert motion.evidence["change-of-log-distance"] < -0.2 and motion.rate > 1.01
    assert motion.state == "undecided"


def test_who_never_moves_does_not_converge():
    still = torch.ones(20, 2, dtype=torch.float64)
    assert of_orbit(torch.arange(20), still, still[0]).state == "resting"


@pytest.mark.parametrize("growth", [-1e-3, 0.0, 1e-3])
@pytest.mark.parametrize("period", [31.4, 150.7, 190.2])
@pytest.mark.parametrize("stretch", [1.0, 4.0, 20.0])
def test_the_motion_on_a_stretched_ring_is_that_of_like_places_of_its_turns(growth, period, stretch):
    """Even where the later half of the orbit is less than two turns, of which one comes near and one goes far."""
    t = torch.arange(400, dtype=torch.float64)
    angle, size = 2 * math.pi * t / period, torch.exp(growth * t)
    points = torch.stack([size * torch.cos(angle), size * stretch * torch.sin(angle)], 1)
    motion = of_orbit(t, points, torch.zeros(2, dtype=torch.float64))
    assert motion.state == {-1e-3: "converging", 0.0: "cycling", 1e-3: "diverging"}[growth]
    rounded = 0.5 * math.log(stretch) / period / 100  # a turn is taken as a whole number of rounds
    assert math.log(motion.rate) == pytest.approx(growth, abs=1e-9 + rounded)


def test_equilibria_that_form_a_line_are_said_and_contraction_is_that_across_it(tmp_path):
    """Both players want x = y: the field (2(x - y), 2(y - x)) has the line x = y, and shrinks x - y by 1 - 4 h."""
    recipe = game_file(tmp_path, "(x - y) ** 2", "(x - y) ** 2", lr=0.1)
    verdict = judge(recipe)
    assert verdict["state"] == "converging" and "not isolated: along one direction" in verdict["why"]
    evidence = verdict["evidence"]
    assert evidence["flat-directions"] == 1
    assert evidence["predicted-contraction"] == pytest.approx(0.6, abs=1e-12)
    assert evidence["measured-contraction"] == pytest.approx(0.6, abs=1e-5)


def test_where_nothing_moves_no_rule_is_advised(tmp_path):
    verdict = judge(game_file(tmp_path, "0 * x * y", "0 * x * y", lr=0.1))
    assert verdict["state"] == "undecided" and verdict["kind"] == "flat" and "remedy" not in verdict


def test_where_no_equilibrium_is_there_nothing_is_said_of_one(tmp_path):
    """A field of constant strength has no zero: no class, no predicted contraction."""
    verdict = judge(game_file(tmp_path, "x + y", "x - y", lr=0.1))
    assert verdict["state"] == "diverging" or "none was found" in verdict["why"]
    assert "kind" not in verdict and "predicted-contraction" not in verdict["evidence"]


def test_a_cost_that_does_not_depend_on_its_player_is_the_reason_that_is_given(tmp_path):
    recipe = game_file(tmp_path, "x * x", "3 * x", lr=0.1)
    folder = run_and_fail(recipe, tmp_path)
    assert "does not depend" in read_json(folder / "results.json")["verdict"]["why"]


def test_a_game_that_begins_where_a_number_is_no_number_is_refused_before_it_plays(tmp_path):
    with pytest.raises(UserError, match=r"it begins where x\.value is not finite"):
        build(plan_recipe(game_file(tmp_path, "x * y", "-x * y", lr=0.1, start="nan")))


GAME = """
import torch
from pushforward import Component, Game, hook

nan = float("nan")

class Number(torch.nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value, dtype=torch.float64))

class Own(Game):
    "A game of two numbers."
    needs_data = False

    def __init__(self):
        super().__init__()
        self.x, self.y = Number({start}), Number(0.5)

    @property
    def players(self):
        return {{"x": self.x, "y": self.y}}

    def costs(self, names, draw):
        x, y = self.x.value, self.y.value
        both = {{"x": {one}, "y": {other}}}
        return {{name: {{"value": both[name]}} for name in names}}

@hook
def components():
    return [Component("model", "own", ":Own", "A game of two numbers.")]
"""


def game_file(folder, one, other, lr, start="0.7"):
    (folder / "own.py").write_text(GAME.format(one=one, other=other, start=start))
    text = f"model: {{use: own, rule: simultaneous, optimizer: {{use: sgd, lr: {lr}}}}}\n"
    (folder / "own.yaml").write_text(f"about: A test.\nplugins: [./own.py]\n{text}budget: {{rounds: 100}}\n")
    return str(folder / "own.yaml")


def run_and_fail(recipe, folder):
    with pytest.raises(UserError):
        run_recipe(recipe, out=folder / "runs", quiet=True)
    return next((folder / "runs").iterdir())
