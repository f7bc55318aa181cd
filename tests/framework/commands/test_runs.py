"""A run from the command line, and all that can be asked of it afterwards."""

import json
import logging
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from pushforward.commands.sample import check_condition, is_conditional, write_samples
from pushforward.find_run import find_run
from pushforward.problem import UserError
from pushforward.quiet import quiet_lightning


def test_a_run_ends_with_its_report_its_verdict_and_its_measures(say):
    said = say("run", "small.yaml", "--smoke", "seed=5")
    assert said.status == 0
    report, verdict, measure = said.out.splitlines()
    assert report == "runs/small-smoke-1/report.html"
    assert verdict.startswith("verdict: undecided: ")
    assert measure.split()[0] == "sliced-wasserstein" and " ± " in measure and measure.endswith("n 2000")
    assert all(line.startswith(("round ", "completed ")) for line in said.err.splitlines())  # Lightning says nothing


def test_a_run_for_programs_prints_only_json(say):
    words = ("run", "small.yaml", "--smoke", "--quiet", "--json", "--out", "elsewhere")
    said = say(*words)
    assert said.status == 0 and said.err == ""
    data = json.loads(said.out)
    assert data["folder"] == "elsewhere/small-smoke-1" and data["status"] == "completed" and data["rounds"] == 3


def test_a_run_that_fails_is_status_1_and_says_where_its_report_is(say, tmp_path):
    said = say("run", "small.yaml", "--smoke", "--quiet", "model.optimizer={use: sgd, lr: 1e30}")
    assert said.status == 1 and said.out == ""
    see, why = said.err.splitlines()
    assert see == "pushforward: see runs/small-smoke-1/report.html"
    assert why.startswith("pushforward: round ") and "is nan" in why
    assert (tmp_path / "runs" / "small-smoke-1" / "report.html").is_file()


def test_resume_goes_on_with_the_newest_unfinished_run_or_says_there_is_none(say):
    words = ("run", "small.yaml", "--quiet", "--resume")
    said = say(*words)
    assert said.status == 2 and "there is no unfinished run of 'small'" in said.err
    assert say(*words[:-1], "budget.rounds=2").status == 0
    assert say(*words, "budget.rounds=4", "--json").out.count('"rounds": 4')


def test_a_local_plugin_runs(say, objective):
    words = ("small.yaml", "model.objective=margin", "plugins=[./margin.py]")
    assert say("check", *words).status == 0
    said = say("run", *words, "--smoke", "--quiet")
    assert said.status == 0, said.err
    assert say("sample", "small-smoke", "-n", "3").status == 0


def test_samples_are_the_same_for_a_seed_and_written_as_asked(say, played, tmp_path):
    said = say("sample", "small-smoke", "--runs", played, "-n", "5")
    assert said.status == 0 and "averaged weights" in said.out
    first = np.load(played / "small-smoke-1" / "samples.npy")
    assert first.shape == (5, 2)
    assert say("sample", played / "small-smoke-1", "-n", "5", "--out", "again.csv").status == 0
    again = np.genfromtxt(tmp_path / "again.csv", delimiter=",", names=True)
    assert again.dtype.names == ("x0", "x1")
    assert np.allclose(np.stack([again["x0"], again["x1"]], 1), first, atol=1e-6)
    assert say("sample", "small-smoke-1", "--runs", played, "-n", "5", "--seed", "1", "--out", "b.npy").status == 0
    assert not np.allclose(np.load(tmp_path / "b.npy"), first)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("-n", "0"), "expected at least one sample"),
        (("--condition", "1"), "has no classes"),
        (("--out", "x.png"), "are no images"),
        (("--out", "nowhere/x.npy"), "cannot be written"),
    ],
)
def test_samples_that_cannot_be_had_are_one_sentence(say, played, words, sentence):
    said = say("sample", "small-smoke", "--runs", played, *words)
    assert said.status == 2 and sentence in said.err


def test_images_become_a_square_grid(tmp_path):
    write_samples(torch.zeros(10, 1, 8, 8), tmp_path / "x.png")
    width, height = Image.open(tmp_path / "x.png").size
    assert width > height  # four columns, three rows
    write_samples(torch.zeros(10, 1, 8, 8), tmp_path / "x.npy")
    assert np.load(tmp_path / "x.npy").shape == (10, 1, 8, 8)
    with pytest.raises(UserError, match="no vectors"):
        write_samples(torch.zeros(10, 1, 8, 8), tmp_path / "x.csv")


def test_a_class_is_asked_only_of_a_model_that_was_trained_with_classes(small_gan):
    game = small_gan()
    assert not is_conditional(game)
    game.discriminator.conditional = True
    assert not is_conditional(game)  # what samples is the generator
    game.generator.conditional = True
    assert is_conditional(game)
    check_condition(9, 10, True)
    with pytest.raises(UserError, match="from 0 to 9"):
        check_condition(10, 10, True)
    with pytest.raises(UserError, match="trained without classes"):
        check_condition(1, 10, False)


def test_evaluate_measures_what_the_run_measured(say, played):
    before = (played / "small-smoke-1" / "results.json").read_text()
    said = say("evaluate", "small-smoke", "--runs", played, "--json")
    assert said.status == 0
    assert json.loads(said.out)["measures"] == json.loads(before)["measures"]
    assert (played / "small-smoke-1" / "results.json").read_text() == before
    text = say("evaluate", "small-smoke", "--runs", played, "--split", "validation").out
    assert "validation data, round 3" in text and " ± " in text


def test_report_and_compare_read_the_folder(say, played):
    page = played / "small-smoke-1" / "report.html"
    page.unlink()
    assert say("report", "small-smoke", "--runs", played).out == f"{page}\n" and page.is_file()
    said = say("compare", "small-smoke", "--json", page.parent, "--runs", played)
    assert [run["name"] for run in json.loads(said.out)["runs"]] == ["small-smoke-1"] * 2
    assert "verdict" in say("compare", "small-smoke", "--runs", played).out


def test_report_keeps_what_a_plugin_of_the_run_adds(say, tmp_path, played):
    (tmp_path / "more.py").write_text(
        "from pushforward import hook\n\n\n@hook\ndef report(folder, results):\n    return [('Mine', 'a <b> c')]\n"
    )
    run = tmp_path / "runs" / "x-1"
    run.mkdir(parents=True)
    (run / "recipe.yaml").write_text(f"about: x\nplugins: [{tmp_path / 'more.py'}]\n")
    assert say("report", "runs/x-1").status == 0
    assert "a &lt;b&gt; c" in (run / "report.html").read_text()


def test_a_recipes_name_means_its_newest_run_and_not_that_of_a_longer_name(tmp_path):
    for name in ("rings-gan-2", "rings-gan-10", "rings-gan-smoke-11", "rings-gan-2-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.yaml").touch()
    assert find_run("rings/gan", tmp_path).name == "rings-gan-10"
    assert find_run("rings/gan-smoke", tmp_path).name == "rings-gan-smoke-11"
    assert find_run("here/rings-gan.yaml", tmp_path).name == "rings-gan-10"
    assert find_run("rings-gan-2", tmp_path).name == "rings-gan-2"
    assert find_run(str(tmp_path / "rings-gan-2"), tmp_path / "none").name == "rings-gan-2"
    with pytest.raises(UserError, match="did you mean 'rings-gan-10'"):
        find_run("rings-gan-100", tmp_path)
    with pytest.raises(UserError, match="not a run's folder"):
        find_run(str(tmp_path), tmp_path)


def test_lightning_is_quiet_inside_and_as_before_outside_and_strangers_are_heard():
    stranger, lightning = logging.getLogger("stranger"), logging.getLogger("pytorch_lightning")
    before = lightning.level
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with quiet_lightning():
            assert not logging.getLogger("pytorch_lightning.trainer").isEnabledFor(logging.WARNING)
            assert stranger.isEnabledFor(logging.WARNING)
            warnings.warn_explicit("few workers", UserWarning, "x.py", 1, module="pytorch_lightning.trainer.connectors")
            warnings.warn_explicit("mine", UserWarning, "x.py", 1, module="lightning_of_my_own")
    assert [str(w.message) for w in heard] == ["mine"]
    assert lightning.level == before
