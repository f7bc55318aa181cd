"""What is logged of a critic, against closed forms; and what becomes of a run whose critic is no number."""

import json
import math

import pytest
import torch
from PIL import Image
from torch import nn

from pushforward import Discriminator, Draw, run
from pushforward.builder import build
from pushforward.check import plan_recipe
from pushforward.checkpoint import read_checkpoint
from pushforward.health import critic_health, gradient_shares, looked_at, watched
from pushforward.ledger import NonFinite
from pushforward.problem import RunFailed, UserError
from pushforward.report.curves import charts

SMALL = ("budget.rounds=4", "budget.report_every=2", "budget.batch=32", "measure=[]", "watch=[]")


class Plane(Discriminator):
    """A logit that is linear in x."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([3.0, -4.0]))

    def forward(self, x, condition=None):
        return x @ self.weight


def linear(recipe="rings/gan", *overrides):
    return build(plan_recipe(recipe, overrides), {"model.discriminator": Plane()})


def test_a_linear_critic_has_its_own_slope_everywhere_and_the_gap_of_the_means():
    found = watched(linear())
    assert found["health/slope/real"] == pytest.approx(5.0) and found["health/slope/generated"] == pytest.approx(5.0)
    built = linear()
    real = built.target.held_out("validation", 1000).x
    built.play.game.eval()
    with torch.no_grad(), built.play.averaged():
        fake = built.play.game.sample(1000, Draw(built.play.seed, ("health",), 1000))
        exact = (real.mean(0) - fake.mean(0)) @ torch.tensor([3.0, -4.0])
    assert found["health/gap/held-out"] == pytest.approx(float(exact), rel=1e-4)


def test_shares_are_of_the_norms_of_each_terms_gradient():
    """R1 of a linear critic is gamma |w|^2 / 2, with the gradient gamma w; Wasserstein's is the gap of the means."""
    built = linear("rings/gan", "model.objective=wasserstein", "model.penalties=[{use: r1, weight: 0.5}]")
    found = gradient_shares(built)
    play = built.play
    draw = Draw(play.seed, ("health", "shares"), 512)  # a batch
    draw = draw.with_data(built.target.batch(draw).x)
    with torch.no_grad():
        fake = play.game.generator(play.game.generator.latent.sample(draw))
    gap = float((fake.mean(0) - draw.x.mean(0)).norm())
    assert found["discriminator/r1"] == pytest.approx(2.5 / (2.5 + gap), rel=1e-4)
    assert found["discriminator/objective"] + found["discriminator/r1"] == pytest.approx(1.0)
    assert not any(name.startswith("generator") for name in found)  # its cost has one term


def test_shares_spare_a_player_that_the_ledger_knows_to_have_one_term():
    built = linear("rings/gan", "model.objective=wasserstein", "model.penalties=[{use: r1, weight: 0.5}]")
    costs = ["cost/discriminator/objective", "cost/discriminator/r1", "cost/generator/objective"]
    asked = []
    built.play.game.register_forward_pre_hook(lambda game, given: asked.extend(given[0]))
    assert gradient_shares(built, costs) == gradient_shares(built)
    assert asked == ["discriminator", "discriminator", "generator"]


def test_looking_changes_nothing():
    built = build(plan_recipe("rings/gan"))
    state, numbers = torch.get_rng_state(), [p.clone() for p in built.play.game.parameters()]
    watched(built)
    assert torch.equal(state, torch.get_rng_state()) and built.play.game.training
    assert all(torch.equal(a, b) for a, b in zip(numbers, built.play.game.parameters(), strict=True))


def test_data_that_end_have_a_gap_of_training_too_and_modes_are_counted_where_nobody_else_does():
    found = watched(build(plan_recipe("digits/gan")))
    assert {"health/gap/training", "health/gap/held-out"} <= set(found)
    assert not any("coverage" in name for name in found)
    assert "health/coverage/modes" in watched(build(plan_recipe("eight-gaussians/r3gan", ["measure=[]"])))
    assert not any("coverage" in name for name in watched(build(plan_recipe("eight-gaussians/r3gan"))))


def test_a_conditional_critic_is_looked_at_with_its_labels():
    overrides = ["model.generator.conditional=true", "model.discriminator.conditional=true"]
    found = critic_health(build(plan_recipe("digits/gan", overrides)))
    assert math.isfinite(found["slope-real"]) and found["gap-training"] == pytest.approx(found["gap"], abs=1.0)


def test_a_flow_has_no_critic():
    built = build(plan_recipe("rings/flow"))
    assert watched(built) == {} and looked_at(built) == 1000


def test_of_large_images_no_more_are_looked_at_than_a_move_sees(tmp_path):
    kind = tmp_path / "one"
    kind.mkdir()
    for i in range(10):
        Image.new("RGB", (64, 64), (20 * i, 0, 0)).save(kind / f"{i}.png")
    target = f"target={{use: image-folder, path: {tmp_path}, resize: 64, validation: 0.2, test: 0.2}}"
    one = "width: 8, group: 8, conditional: false"
    slim = [f"model.generator={{{one}}}", f"model.discriminator={{{one}}}"]
    seen = [looked_at(build(plan_recipe("imagenet64/r3gan", [target, f"budget.batch={n}", *slim]))) for n in (2, 5)]
    assert seen == [2, 5]


def test_health_is_logged_at_every_report_and_drawn(tmp_path):
    folder = run("rings/gan", *SMALL, out=tmp_path, quiet=True).folder
    lines = (folder / "metrics.csv").read_text().splitlines()
    assert any("health/slope/real" in line for line in lines)
    page = (folder / "report.html").read_text()
    assert "slope of the critic" in page and "shares in the gradient of discriminator" in page


def test_charts_of_health_stand_together():
    found = dict(charts({"health/share/d/r1": [(1, 0.5)], "health/share/d/objective": [(1, 0.5)]}))
    (chart,) = found["Health"]
    assert chart.title == "shares in the gradient of d" and [line.name for line in chart.lines] == ["r1", "objective"]


class Breaks(Plane):
    """No number from the sixth round on."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x, condition=None):
        logits = super().forward(x)
        if self.training and torch.is_grad_enabled():
            self.calls += 1
        return logits * (float("nan") if float(self.calls) > 40 else 1.0)


def test_a_critic_that_is_no_number_stops_the_run_which_is_rolled_back_to_the_last_good_checkpoint(tmp_path):
    overrides = ["budget.rounds=60", "budget.report_every=4", "budget.batch=8", "measure=[]", "watch=[]"]
    with pytest.raises(NonFinite, match=r"player 'discriminator' is nan; rolled back to the checkpoint of round \d+"):
        run("rings/gan", *overrides, out=tmp_path, quiet=True, modules={"model.discriminator": Breaks()})
    (folder,) = tmp_path.iterdir()
    results = json.loads((folder / "results.json").read_text())
    kept = read_checkpoint(folder / "checkpoints" / "last.ckpt")
    assert results["status"] == "failed" and results["rolled_back_to"] == kept["round"]
    assert results["verdict"]["state"] == "diverging" and results["rounds"] >= kept["round"] > 0
    assert all(bool(v.isfinite().all()) for v in kept["game"].values())


class Narrow(Plane):
    """Takes three numbers, and gets two."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x, condition=None):
        return self.net(x).squeeze(1)


class Broad(Plane):
    """Gives a row of logits, which would broadcast."""

    def forward(self, x, condition=None):
        return super().forward(x)[None]


def test_shapes_that_do_not_fit_are_named_with_their_layer(tmp_path):
    with pytest.raises(RunFailed, match=r"in discriminator\.net\.0 \(Linear\(in_features=3.*64x2 and 3x8"):
        run("rings/gan", *SMALL, out=tmp_path, quiet=True, modules={"model.discriminator": Narrow()})
    (folder,) = tmp_path.iterdir()
    assert "discriminator.net.0" in json.loads((folder / "results.json").read_text())["reason"]


def test_logits_that_would_broadcast_are_refused_by_the_move_and_not_by_the_judge(tmp_path):
    with pytest.raises(ValueError, match=r"logits of shape \(1, 64\) for 64 samples"):
        run("rings/gan", *SMALL, out=tmp_path, quiet=True, modules={"model.discriminator": Broad()})


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("mode-coverage, samples: 5", "5 samples cannot cover 8 modes: ask for 240 or more"),
        ("mode-shares, samples: 5", "5 samples cannot show 8 modes: ask for 200 or more"),
        ("frechet, features: classifier", "the classifier learns from labels, but EightGaussians has none"),
        ("frechet, features: efficientnet-lite0", r"data of shape \(2,\) are no images"),
    ],
)
def test_what_cannot_be_measured_is_said_before_the_first_round(measure, message, tmp_path):
    few = [*SMALL[:3], "watch=[]", f"measure=[{{use: {measure}}}]"]
    with pytest.raises(UserError, match=message):
        run("eight-gaussians/r3gan", *few, out=tmp_path, quiet=True)
    (folder,) = tmp_path.iterdir()
    assert json.loads((folder / "results.json").read_text())["rounds"] == 0
