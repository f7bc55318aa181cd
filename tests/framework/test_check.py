"""Every mistake of a recipe is found in one go, located, with the nearest right thing; nothing imports torch."""

import subprocess
import sys

import pytest

from pushforward.check import plan_recipe
from pushforward.explain import explain, resolved
from pushforward.nodes import parse
from pushforward.plan import plain
from pushforward.problem import UserError

GOOD = """\
about: A GAN on rings.
seed: 3
target: {use: rings, noise: 0.1}
model:
  use: gan
  generator: {use: mlp, width: 16, latent: 4}
  discriminator: mlp
  penalties: [{use: r1, weight: {use: linear, from: 1, to: 0.1}}, r2]
  optimizer: {generator: {use: adam, lr: 1e-3}, discriminator: sgd}
  average: {decay: 0.99}
budget: {rounds: 10, batch: 32}
measure: [sliced-wasserstein]
"""


def write(tmp_path, text, name="r.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def problems(tmp_path, text, *overrides):
    with pytest.raises(UserError) as caught:
        plan_recipe(write(tmp_path, text), overrides)
    return [str(p) for p in caught.value.problems], caught.value.status


def test_six_mistakes_give_six_located_messages_with_suggestions(tmp_path):
    text = """\
about: Six mistakes.
targt: rings
target: {use: ring}
model:
  use: gan
  generator: {use: mlp, widht: 16}
  discriminator: {use: mlp, depth: three}
  penalties: [hinge]
  rule: {use: alternating, steps: [1]}
"""
    found, status = problems(tmp_path, text)
    assert status == 2
    file = [line.split("r.yaml")[1] for line in found]
    assert file[0] == ":2:1: targt: unknown key; did you mean 'target'?"
    assert file[1] == ":3:15: target: unknown target 'ring'; did you mean 'rings'?"
    assert file[2] == ":6:25: model.generator.widht: unknown argument of 'mlp'; did you mean 'width'?"
    assert file[3] == ":7:36: model.discriminator.depth: expected int >= 0, got 'three'"
    assert file[4].startswith(":8:15: model.penalties.0: 'hinge' is an objective, not a penalty")
    assert file[5] == ":9:35: model.rule.steps: expected dict[str, int] | None, got a list"
    assert len(file) == 6


def test_unmet_needs_and_wrong_numbers_are_reported_beside_other_mistakes(tmp_path):
    found, _ = problems(
        tmp_path,
        GOOD,
        "measure=[log-density, mmmd]",
        "watch=[nothing]",
        "budget.rounds=-1",
        "sede=3",
        "trainer.precision=16",
    )
    assert len(found) == 5 and any("needs a model with log_density" in line for line in found), found
    found, _ = problems(tmp_path, GOOD, "measure=[log-density]", "budget.rounds=-1", "sede=3")
    assert len(found) == 3 and any("budget.rounds: expected at least 0" in line for line in found), found


def test_a_good_recipe_is_planned_without_torch(tmp_path):
    path = write(tmp_path, GOOD)
    code = (
        "import sys; from pushforward.check import plan_recipe; from pushforward.explain import explain;"
        f"explain(plan_recipe({path!r})); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_explained_is_the_same_recipe(tmp_path):
    plan = plan_recipe(write(tmp_path, GOOD))
    text = explain(plan)
    again = plan_recipe(write(tmp_path, text, "again.yaml"))
    assert resolved(again) == resolved(plan) == parse(text, "x").plain()
    assert again.fingerprint() == plan.fingerprint()


def test_every_value_is_explained_with_its_origin(tmp_path):
    lines = explain(plan_recipe(write(tmp_path, GOOD), ["budget.batch=64"])).splitlines()
    origin = {line.split("#")[0].strip(): line.rpartition("# ")[2] for line in lines if "#" in line}
    assert origin["width: 16"].endswith("r.yaml:6")
    assert origin["depth: 3"] == "default"
    assert origin["batch: 64"] == "command line"


def test_any_float_may_be_a_schedule_and_a_mapping_of_players_is_no_component(tmp_path):
    model = plain(plan_recipe(write(tmp_path, GOOD)).model)
    assert model["penalties"][0]["weight"] == {"use": "linear", "from": 1.0, "to": 0.1, "over": 1.0}
    assert model["optimizer"]["generator"]["use"] == "adam"
    assert model["optimizer"]["discriminator"]["use"] == "sgd"


def test_the_fingerprint_is_of_what_decides_the_trajectory(tmp_path):
    path = write(tmp_path, GOOD)
    same = plan_recipe(path).fingerprint()
    for looks in ("about=other", "budget.rounds=20", "measure=[]", "watch=[sample-scatter]", "budget.report_every=5"):
        assert plan_recipe(path, [looks]).fingerprint() == same, looks
    for decides in ("seed=4", "budget.batch=64", "model.generator.width=17", "target.noise=0.2"):
        assert plan_recipe(path, [decides]).fingerprint() != same, decides


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.generator.shape=[2]", "follows from the data"),
        ("model.optimizer={use: adam, lr: fast}", "model.optimizer.lr: expected float >= 0, got 'fast'"),
        ("model.optimizer={use: adam, betas: [0.5]}", "expected tuple[float, float] | None, got a list"),
        (
            "model.optimizer={use: adam, lr: {use: lineer, from: 1, to: 2}}",
            "unknown schedule 'lineer'; did you mean 'linear'?",
        ),
        ("model.optimizer={use: adam, lr: {use: linear, to: 2}}", "'linear' needs 'from' (float)"),
        ("model.optimizer={lr: fast}", "model.optimizer.lr: expected float >= 0, got 'fast'"),
        ("model.clip=true", "expected float | None, got True"),
        ("model.use=gann", "unknown model 'gann'; did you mean 'gan'?"),
        ("model.generator=[mlp]", "expected a generator: a name, or a mapping with `use`; got a list"),
        ("model.penalties=[{weight: 3}]", "`use: NAME` is missing"),
        ("seed=abc", "seed: expected int, got 'abc'"),
        ("budget.batch=0", "budget.batch: expected at least 1, got 0"),
        ("budget.best=mmd", "'mmd' is not among the measures"),
        ("budget.patience=3", "patience needs `best`"),
        ("budget.accumulate=33", "a batch of 32 cannot be cut into 33"),
        ("measure=[class-shares]", "'class-shares' needs a target with labels"),
        ("measure=[log-density]", "needs a model with log_density"),
        ("trainer.precision=16-mixed", "use bf16-mixed"),
        ("trainer.precision=64-true", "expected one of 32, 32-true, bf16, bf16-mixed"),
        ("trainer.accelerator=foo", "expected one of auto, cpu, gpu, cuda, mps, tpu, got 'foo'"),
        ("trainer.strategy=ddp_spawn", "expected auto or ddp"),
        ("trainer.max_steps=12", "use budget.rounds"),
        ("trainer.devises=2", "did you mean 'devices'?"),
        ("target={use: digits}", None),
        ("plugins=[./nothing.py]", "plugin is broken"),
    ],
)
def test_mistakes_by_override(tmp_path, override, message):
    if message is None:
        plan_recipe(write(tmp_path, GOOD), [override])
        return
    found, status = problems(tmp_path, GOOD, override)
    assert any(message in line for line in found), found
    assert status == (3 if "plugin" in message else 2)


ESTIMATES = """\
about: An estimate.
target: two-modes
model: {use: estimation, estimator: importance-sampling}
budget: {rounds: 0, evaluations: 1000}
"""


def test_a_model_that_nobody_plays_has_no_rounds(tmp_path):
    plan_recipe(write(tmp_path, ESTIMATES))
    found, status = problems(tmp_path, ESTIMATES, "budget.rounds=10")
    assert (
        found == ["command line: budget.rounds: nobody plays 'estimation': expected 0 rounds, got 10"] and status == 2
    )


def test_a_choice_of_words_is_told_in_words(tmp_path):
    found, _ = problems(tmp_path, ESTIMATES, "model.estimator={use: annealed-importance-sampling, spacing: even}")
    assert found == ["command line: model.estimator.spacing: expected one of adaptive, linear, got 'even'"]


def test_an_unmet_need_names_the_targets_that_would_do(tmp_path):
    found, _ = problems(tmp_path, GOOD, "measure=[mode-coverage]", "target={use: moons}")
    assert "these targets do: " in found[0] and "eight-gaussians" in found[0] and "two-modes" in found[0]


def test_a_target_with_fewer_rows_than_a_batch_is_said_before_anything_is_read(tmp_path):
    found, _ = problems(tmp_path, GOOD, "target={use: digits}", "budget.batch=5000")
    assert "the target has 1257 training rows, fewer than a batch of 5000: use budget.batch=1257 or less" in found[0]


def test_a_recipe_without_target_or_model_says_both(tmp_path):
    found, _ = problems(tmp_path, "about: nothing")
    assert [line.split(": ", 1)[1] for line in found] == [
        f"{key}: missing: every recipe has one" for key in ("target", "model")
    ]


def test_missing_data_do_not_stop_a_check(tmp_path, monkeypatch):
    monkeypatch.delenv("PUSHFORWARD_DATA", raising=False)
    plan = plan_recipe(write(tmp_path, GOOD), ["target={use: mnist}"])
    assert plan.missing is not None and plan.metadata is None
    assert "PUSHFORWARD_DATA" in str(plan.missing)


def test_the_trainer_table_is_lightnings_own():
    import inspect

    import pytorch_lightning as pl

    from pushforward.trainer import ALLOWED, REFUSED

    ours = set(ALLOWED) | set(REFUSED)
    theirs = set(inspect.signature(pl.Trainer.__init__).parameters) - {"self"}
    assert ours == theirs
