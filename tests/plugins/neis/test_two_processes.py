"""Two processes that share the particles of an estimate answer as one does, to the last bit."""

import math
import subprocess
import sys

import pytest
import torch
from estimated import ESTIMATORS, Normal, estimate, process

import pushforward
from pushforward import Draw, UserError
from pushforward_neis.importance import ImportanceSampling


def test_two_processes_give_the_estimates_of_one(tmp_path):
    torch.multiprocessing.spawn(process, (str(tmp_path),), nprocs=2)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in range(2)]
    for name in ESTIMATORS:
        assert found[0][name] == found[1][name] == estimate(name)


def test_a_part_without_the_other_processes_is_refused():
    with pytest.raises(UserError, match="wants 2 processes"):
        ImportanceSampling().estimate(Normal(), 1000, Draw(0, ("alone",), 2, (0, 1)))


RECIPE = """\
about: Estimators of one law, beside a model or alone.
plugins: [./counted.py]
target: gaussian
model: {use: estimation, estimator: importance-sampling}
budget: {rounds: 0, evaluations: 50000}
measure:
  - log-z
  - {use: log-z, estimator: {use: annealed-importance-sampling, temperatures: 3}}
  - {use: log-z, estimator: sequential-monte-carlo}
  - {use: log-z, estimator: bridge-sampling}
  - {use: log-z, estimator: counted}
  - {use: log-z, estimator: alone}
"""
COUNTED = """\
import math
from pushforward import Component, Estimate, Estimator, Measure, hook
from pushforward.numerics.processes import gathered

class Counted(Estimator):
    "How many processes there are, as if it were Z."
    shared = True

    def estimate(self, target, budget, draw):
        return Estimate(math.log(sum(gathered(1, draw))), 1.0, (-9.0, 9.0), 1.0, 0.0, 1000, 0, 1)

class Alone(Counted):
    "The same, but one process does it."
    shared = False

class First(Measure):
    "The round, so that the first is the best; and how far apart the weights are that processes see."

    def together(self, game):
        return True

    def measure(self, look):
        seen = gathered([p.tolist() for p in look.game.parameters()], look.part("weights"))
        return {"value": look.round, "n": len(seen), "apart": float(any(one != seen[0] for one in seen))}

    def compute(self):
        return {}

@hook
def components():
    made = [Component("estimator", name.lower(), f":{name}", "counts") for name in ("Counted", "Alone")]
    return [*made, Component("measure", "first", ":First", "the round")]
"""
LEARNT = """\
about: A flow to a normal law, beside estimators.
extends: ./alone.yaml
model: {use: reverse-kl, flow: {use: realnvp}}
budget: {rounds: 4, report_every: 1, batch: 64, best: first}
measure:
  - first
  - log-z
  - {use: log-z, estimator: {use: annealed-importance-sampling, temperatures: 3}}
"""


def in_two_processes(folder, name):
    """The folder of a run that Lightning gives two processes."""
    (folder / "alone.yaml").write_text(RECIPE)
    (folder / "learnt.yaml").write_text(LEARNT)
    (folder / "counted.py").write_text(COUNTED)
    settings = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu"]
    command = [sys.executable, "-m", "pushforward", "run", f"{name}.yaml", "--out", "runs", "--quiet", *settings]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "runs" / f"{name}-1"


def test_an_estimate_that_two_processes_share_is_that_of_one(tmp_path):
    opened = pushforward.open_run(in_two_processes(tmp_path, "alone"))
    shared, alone = opened.results["measures"], opened.measure("test")
    counted = [found.pop("log-z/counted")["value"] for found in (shared, alone)]
    assert shared == alone
    assert counted == [math.log(2), 0.0] and shared["log-z/alone"]["value"] == 0.0


def test_processes_that_measure_together_see_the_best_weights(tmp_path):
    found = pushforward.open_run(in_two_processes(tmp_path, "learnt")).results["measures"]["first"]
    assert found == {"value": 1, "n": 2, "apart": 0.0}
