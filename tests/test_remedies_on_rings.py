"""A real GAN that is made to fail is diagnosed, and the change that is printed makes it converge."""

import json

import pytest

from pushforward.diagnosis import diagnose
from pushforward.public import open_run
from pushforward.report.folder import read_folder
from pushforward.runner import run_recipe

BOUND = 0.15  # of the sliced Wasserstein distance, as in recipes/rings/expected.yaml
OFTEN = "budget.report_every=200"

FAILURES = {
    "no penalty": ["model.penalties=[]"],
    "no penalty, momentum": ["model.penalties=[]", "model.optimizer.lr=3e-3", "model.optimizer.betas=[0.9,0.99]"],
    "momentum": ["model.optimizer.lr=3e-3", "model.optimizer.betas=[0.9,0.99]"],
    "all at once, large step": ["model.penalties=[]", "model.rule=simultaneous", "model.optimizer.lr=1e-2"],
    "large step": ["model.optimizer.lr=2e-2"],
}


@pytest.mark.slow
@pytest.mark.parametrize("failure", FAILURES)
def test_what_a_diagnosis_prints_makes_the_run_converge(failure, tmp_path):
    failed = run_recipe("rings/gan", [OFTEN, *FAILURES[failure]], out=tmp_path, quiet=True)
    state = json.loads((failed / "results.json").read_text())["verdict"]["state"]
    assert state in ("diverging", "cycling", "collapsed"), state
    run = open_run(failed)
    verdict = diagnose(run.built, run.results["measures"], read_folder(failed).metrics, thorough=True)
    assert verdict["state"] == state
    healed = run_recipe("rings/gan", [OFTEN, *FAILURES[failure], *verdict["overrides"]], out=tmp_path, quiet=True)
    series = [value for _, value in read_folder(healed).metrics["validation/sliced-wasserstein"]]
    last = series[-len(series) // 5 :]
    assert max(last) < BOUND, (verdict["overrides"], last)
    half = len(last) // 2
    drift = sum(last[half:]) / len(last[half:]) - sum(last[:half]) / half
    assert drift < 0.03  # no upward trend beyond the error of the distance, .02
    assert json.loads((healed / "results.json").read_text())["verdict"]["state"] == "converging"
