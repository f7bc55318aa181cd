"""An estimate as a run: no rounds, a verdict that says whether to believe it, particles to look at, and its control."""

import json
import math

import pytest

from pushforward.check import plan_recipe
from pushforward.cli import main
from pushforward.problem import UserError
from pushforward.public import open_run, run

PLAIN = """
about: A test.
target: narrow-rings
model: {use: estimation, estimator: {use: sequential-monte-carlo, scale: 3.0}}
budget: {rounds: 0, evaluations: 100000}
measure: [log-z, {use: log-z, estimator: importance-sampling}]
watch: [sample-scatter]
"""


def played(text, folder):
    """The finished run of a recipe given as text."""
    recipe = folder / "estimate.yaml"
    recipe.write_text(text)
    return run(str(recipe), out=folder / "runs", quiet=True)


def test_a_run_without_rounds_estimates_says_so_and_shows_its_particles(tmp_path):
    done = played(PLAIN, tmp_path)
    own, plain = (done.results["measures"][name] for name in ("log-z", "log-z/importance-sampling"))
    assert abs(own["error"]) < 4 * own["standard_error"] < 0.3
    assert own["evaluations"] + own["gradient_evaluations"] <= 100_000
    assert done.results["verdict"]["state"] == "estimated" and "log-z is" in done.results["verdict"]["why"]
    assert set(done.results["measure_seconds"]) == {"log-z", "log-z/importance-sampling"}
    assert "warning" in plain and "warning" not in own
    assert list((done.folder / "images").glob("sample-scatter-*.png"))
    page = (done.folder / "report.html").read_text()
    assert plain["warning"].split(";")[0].split("'")[0] in page
    x = open_run(done.folder).sample(500)
    assert x.shape == (500, 2) and float((x.norm(dim=1) - 5).abs().min()) < 0.5


def test_the_verdict_on_an_estimate_that_means_nothing_is_doubt(tmp_path):
    text = PLAIN.replace("{use: sequential-monte-carlo, scale: 3.0}", "importance-sampling")
    text = text.replace("watch: [sample-scatter]", "").replace(", {use: log-z, estimator: importance-sampling}", "")
    verdict = played(text, tmp_path).results["verdict"]
    assert verdict["state"] == "doubtful"
    assert "weights are effective" in verdict["why"]


FLOW = """
about: A flow.
target: moons
model: {use: flow, flow: {use: realnvp, transforms: 1, hidden: [8]}}
budget: {rounds: 4, batch: 32, report_every: 2}
"""

OF_FLOW = """
about: The log Z of a trained flow is 0, and the flow itself is the best proposal for it.
target: {use: flow-law, flow: {use: trained, recipe: FLOW}}
model: {use: estimation, estimator: {use: flow-importance-sampling, proposal: {use: trained, recipe: FLOW}}}
budget: {rounds: 0, evaluations: 2000}
measure: [log-z]
"""


def test_a_trained_flow_is_proposal_and_target_and_is_still_trained_when_measured_again(tmp_path, monkeypatch):
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / "cache"))
    flow, recipe = tmp_path / "flow.yaml", tmp_path / "of-flow.yaml"
    flow.write_text(FLOW)
    recipe.write_text(OF_FLOW.replace("FLOW", str(flow)))
    done = run(str(recipe), out=tmp_path / "runs", quiet=True)
    found = done.results["measures"]["log-z"]
    assert (
        abs(found["value"]) < 1e-5 and found["ess"] == pytest.approx(1) and found["bound"] == pytest.approx(0, abs=1e-5)
    )
    assert open_run(done.folder).measure()["log-z"] == found


GAN = """
about: A GAN.
target: moons
model: {use: gan, generator: mlp, discriminator: mlp, objective: hinge}
budget: {rounds: 2, batch: 32, report_every: 2}
"""


def test_a_proposal_without_density_is_refused_at_check_with_what_would_do(tmp_path, capsys):
    gan, recipe = tmp_path / "gan.yaml", tmp_path / "of-gan.yaml"
    gan.write_text(GAN)
    text = OF_FLOW.replace("{use: flow-law, flow: {use: trained, recipe: FLOW}}", "narrow-rings")
    recipe.write_text(text.replace("FLOW", str(gan)))
    assert main(["check", str(recipe)]) == 2
    said = capsys.readouterr().err
    assert "that model holds generator and discriminator, and no flow" in said


def test_targets_that_will_not_do_are_refused_at_check_with_those_that_would(tmp_path):
    for old, new, match in (
        ("narrow-rings", "moons", "needs a target with log_density"),
        ("{use: sequential-monte-carlo, scale: 3.0}", "reverse-annealed-importance-sampling", "sample"),
    ):
        recipe = tmp_path / "wrong.yaml"
        target = "breast-cancer" if new.startswith("reverse") else "narrow-rings"
        recipe.write_text(PLAIN.replace(old, new).replace("narrow-rings", target))
        with pytest.raises(UserError, match=match):
            plan_recipe(str(recipe))


def test_a_measure_without_a_finite_answer_can_still_be_written_and_compared(tmp_path, capsys):
    (tmp_path / "nowhere.py").write_text(
        "import torch\ndef log_density(x):\n    return torch.where(x[:, 0] > 99, -x.square().sum(1), -float('inf'))\n"
    )
    target = f"{{use: python-density, path: {tmp_path / 'nowhere.py'}, dimension: 2}}"
    text = PLAIN.replace("narrow-rings", target).replace("watch: [sample-scatter]", "")
    text = text.replace("{use: sequential-monte-carlo, scale: 3.0}", "importance-sampling")
    done = played(text, tmp_path)
    found = done.results["measures"]["log-z"]
    assert not math.isfinite(float(found["value"])) and "all 100000 weights are zero" in found["warning"]
    json.loads((done.folder / "results.json").read_text())
    assert main(["compare", str(done.folder)]) == 0
    assert "weights are zero" in capsys.readouterr().out
