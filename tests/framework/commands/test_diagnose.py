"""`diagnose` says of runs whose fate is known what happened, and changes nothing but the verdict and its pictures."""

import hashlib
import json
import shlex
import shutil

import pytest

from pushforward.cli import main
from pushforward.folder import read_json

FATES = {
    "converging": (),
    "cycling": ("model.r1=0", "model.rule=runge-kutta"),
    "diverging": ("model.r1=0",),
}
SMALL = ("budget.rounds=120", "budget.report_every=60", "watch=[]")
DRAWN = ("contraction", "eigenvalues", "orbit")


def files(folder):
    """Every file of a run, as what is in it."""
    return {p.relative_to(folder): hashlib.sha256(p.read_bytes()).digest() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def fates(tmp_path_factory):
    """A folder of runs of the Dirac-GAN, one for each fate."""
    runs = tmp_path_factory.mktemp("fates") / "runs"
    for state, overrides in FATES.items():
        assert main(["run", "dirac/r1", *overrides, *SMALL, "--quiet", "--out", str(runs / state)]) == 0
    return runs


@pytest.fixture
def run_of(fates, tmp_path):
    """A copy of the run with a fate."""

    def copy(state):
        return shutil.copytree(fates / state / "dirac-r1-1", tmp_path / "runs" / "dirac-r1-1")

    return copy


@pytest.mark.parametrize("state", FATES)
def test_the_dirac_gan_is_told_as_it_was_played(say, run_of, state):
    run = run_of(state)
    said = say("diagnose", "dirac/r1")
    assert said.status == 0, said.err
    page, verdict, *evidence = said.out.splitlines()
    assert page == "runs/dirac-r1-1/report.html"
    assert verdict.startswith(f"verdict at round 120: {state} ({'spiral' if state == 'converging' else 'centre'}): ")
    assert evidence[0].split() == ["eigenvalue", "of", "the", "field", *evidence[0].split()[4:]]
    assert ("what to try: " in said.out) == (state != "converging")
    kept = read_json(run / "results.json")["verdict"]
    assert kept["state"] == state and kept["round"] == 120 and sorted(kept["pictures"]) == list(DRAWN)
    assert all((run / "images" / f"diagnosis-{name}.png").stat().st_size > 1000 for name in DRAWN)


def test_predicted_and_measured_contraction_are_the_closed_form(say, run_of):
    run_of("diverging")
    evidence = json.loads(say("diagnose", "dirac/r1", "--json").out)["verdict"]["evidence"]
    exact = (1 + 0.2**2 / 4) ** 0.5  # sqrt(1 + h^2 f'(0)^2), f'(0) = 1/2
    assert evidence["predicted-contraction"] == pytest.approx(exact, abs=1e-12)
    assert evidence["measured-contraction"] == pytest.approx(exact, abs=1e-6)


def test_nothing_but_the_verdict_its_pictures_and_the_page_changes(say, run_of):
    run = run_of("diverging")
    before, results = files(run), read_json(run / "results.json")
    assert say("diagnose", run).status == 0
    after = files(run)
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    written = {"results.json", "report.html", *(f"images/diagnosis-{name}.png" for name in DRAWN)}
    assert {path.as_posix() for path in changed} == written
    now = read_json(run / "results.json")
    assert now.pop("verdict")["state"] == results.pop("verdict")["state"]
    assert now == results and list(now) == list(results)


def test_what_is_asked_again_is_answered_the_same(say, run_of):
    run = run_of("cycling")
    first = say("diagnose", run, "--json")
    assert say("diagnose", run, "--json").out == first.out
    answer = json.loads(first.out)
    assert answer["folder"] == str(run) and answer["rounds"] == 120
    assert answer["verdict"] == read_json(run / "results.json")["verdict"]


def test_the_command_it_prints_makes_the_run_converge(say, run_of):
    run_of("diverging")
    command = json.loads(say("diagnose", "dirac/r1", "--json").out)["command"]
    program, *words = shlex.split(command)
    assert program == "pushforward" and words[:2] == ["run", "runs/dirac-r1-1/recipe.yaml"]
    said = say(*words, "--quiet", "--json")
    assert said.status == 0, said.err
    assert json.loads(said.out)["verdict"]["state"] == "converging"


def test_the_page_shows_the_pictures_the_class_and_the_command(say, run_of):
    run = run_of("diverging")
    say("diagnose", run)
    html = (run / "report.html").read_text("utf-8")
    assert "<h2>Diagnosis</h2>" in html and html.count('alt="orbit: ') == 1
    assert f"<code>pushforward run {run}/recipe.yaml model.r1=" in html
    assert "<strong>diverging</strong> <span>centre</span>" in html and "<details>" in html


def test_pictures_of_an_earlier_diagnosis_are_not_shown_beside_a_new_verdict(say, run_of):
    run = run_of("diverging")
    say("diagnose", run)
    results = read_json(run / "results.json")
    del results["verdict"]["pictures"]  # as a run that goes on leaves it
    (run / "results.json").write_text(json.dumps(results))
    assert say("report", run).status == 0
    assert "<h2>Diagnosis</h2>" not in (run / "report.html").read_text("utf-8")


def test_a_failed_run_is_judged_at_its_last_good_checkpoint(say, tmp_path):
    words = ("run", "small.yaml", "--quiet", "model.optimizer={use: sgd, lr: 1e30}")
    assert say(*words).status == 1
    run = tmp_path / "runs" / "small-1"
    before = read_json(run / "results.json")
    said = say("diagnose", "small")
    assert said.status == 0, said.err
    now = read_json(run / "results.json")
    assert now["status"] == "failed" and now["reason"] == before["reason"]
    assert now["verdict"]["state"] == "diverging" and now["verdict"]["why"] == before["reason"]
    assert now["verdict"]["round"] == 0 and "what to try: " in said.out


def test_an_interrupted_run_without_results_is_judged_too(say, run_of):
    run = run_of("converging")
    (run / "results.json").unlink()
    assert say("diagnose", run).status == 0
    assert list(read_json(run / "results.json")) == ["verdict"]


def test_a_larger_game_shows_the_measure_that_was_judged(say, played, tmp_path):
    run = shutil.copytree(played / "small-smoke-1", tmp_path / "runs" / "small-smoke-1")
    said = say("diagnose", "small-smoke")
    assert said.status == 0, said.err
    assert "eigenvalue of a round" in said.out
    assert sorted(read_json(run / "results.json")["verdict"]["pictures"]) == ["contraction", "eigenvalues"]


def test_what_cannot_be_diagnosed_is_one_sentence(say, run_of):
    run = run_of("converging")
    (run / "checkpoints" / "last.ckpt").unlink()
    said = say("diagnose", run)
    assert said.status == 2 and "there is no checkpoint" in said.err and said.err.count("\n") == 1
    said = say("diagnose", "nowhere/gan")
    assert said.status == 2 and "there is no run 'nowhere/gan'" in said.err


def test_a_grid_is_refused_with_the_name_of_a_cell(say):
    assert say("sweep", "small.yaml", "seed=0,1", "--smoke", "--quiet").status == 0
    said = say("diagnose", "small-smoke")
    assert said.status == 2 and "cells/0" in said.err and said.err.count("\n") == 1
    assert say("diagnose", "runs/small-smoke-1/cells/0").status == 0
