"""A doubt stands beside the number that it is about: in results, in the report, on the terminal."""

import warnings

import pytest
import torch

from pushforward.cli import main
from pushforward.commands.run import print_measures
from pushforward.doubts import Doubt, doubts
from pushforward.expected import flat_numbers
from pushforward.folder import read_json
from pushforward.measures.log_z import LogZ
from pushforward.numerics.weights import estimate_from_log_weights
from pushforward.report.page import write_report
from pushforward.runner import run_recipe

PLUGIN = """\
import warnings

from pushforward import Component, Doubt, Measure, hook


class Doubted(Measure):
    better = None

    def compute(self):
        return {"value": 1.0, "n": 2}

    def measure(self, look):
        warnings.warn("k-hat is <.9>: it means nothing", Doubt)
        return self.compute()


@hook
def components():
    return [Component("measure", "doubted", ":Doubted", "a number that means nothing")]
"""
RECIPE = """\
about: A number in doubt.
plugins: [./doubted.py]
extends: rings/gan
budget: {rounds: 2, batch: 16, report_every: 2}
measure: [doubted, {use: sliced-wasserstein, samples: 20}]
watch: []
"""


def test_doubts_are_kept_once_each_and_other_warnings_are_shown() -> None:
    with pytest.warns(UserWarning, match="no doubt") as shown, doubts() as voiced:
        for _ in range(2):
            warnings.warn("first", Doubt, stacklevel=2)
        warnings.warn("second", Doubt, stacklevel=2)
        warnings.warn("no doubt", UserWarning, stacklevel=2)
    assert voiced == ["first", "second"] and len(shown) == 1
    with pytest.warns(Doubt, match="outside"):
        warnings.warn("outside", Doubt, stacklevel=2)


def test_a_doubted_number_has_its_warning_in_results_and_report(tmp_path, capsys) -> None:
    (tmp_path / "doubted.py").write_text(PLUGIN)
    (tmp_path / "doubtful.yaml").write_text(RECIPE)
    folder = run_recipe(str(tmp_path / "doubtful.yaml"), out=tmp_path / "runs", quiet=True)
    measures = read_json(folder / "results.json")["measures"]
    assert measures["doubted"] == {"value": 1.0, "n": 2, "warning": "k-hat is <.9>: it means nothing"}
    assert "warning" not in measures["sliced-wasserstein"]
    assert "<b>Warning:</b> k-hat is &lt;.9&gt;: it means nothing" in write_report(folder).read_text()
    assert "warning" not in (folder / "metrics.csv").read_text()  # numbers only
    print_measures(measures, {})
    assert "warning: doubted: k-hat is <.9>: it means nothing" in capsys.readouterr().out
    assert flat_numbers({"measures": measures})["doubted"] == 1.0  # a bound is checked all the same


def test_log_z_of_heavy_weights_is_doubted_and_of_equal_ones_is_not() -> None:
    with doubts() as voiced:
        LogZ().update(estimate_from_log_weights(torch.zeros(1000), 1000))
        assert voiced == []
        heavy = torch.randn(1000, generator=torch.Generator().manual_seed(0))
        LogZ().update(estimate_from_log_weights(5 * heavy, 1000))
    assert len(voiced) == 1 and "k-hat" in voiced[0]


def test_an_estimator_that_gives_no_answer_says_why_and_the_others_are_kept(tmp_path, capsys) -> None:
    """Bridge sampling refuses so few particles; the numbers beside it stand, and the model's row says whose it is."""
    recipe = tmp_path / "estimates.yaml"
    recipe.write_text(
        "about: One answer of two.\ntarget: two-modes\n"
        "model: {use: estimation, estimator: importance-sampling}\nbudget: {rounds: 0, evaluations: 3000}\n"
        "measure: [{use: log-z, estimator: {use: bridge-sampling, pilot: 8, ess: 0.5}}, log-z]\n"
    )
    assert main(["run", str(recipe), "--quiet", "--out", str(tmp_path / "runs")]) == 0
    out = capsys.readouterr().out
    assert "log-z (importance-sampling)" in out and out.count("log-z/bridge-sampling") == 2
    folder = tmp_path / "runs" / "estimates-1"
    measures = read_json(folder / "results.json")["measures"]
    assert measures["log-z"]["n"] == 3000
    bridge = measures["log-z/bridge-sampling"]
    assert (
        bridge["value"] == "nan" and bridge["standard_error"] == "inf" and "raise the evaluations" in bridge["warning"]
    )
    assert "log-z (importance-sampling)" in (folder / "report.html").read_text()
    assert main(["compare", str(folder)]) == 0 and "! estimates-1, log-z/bridge-sampling: " in capsys.readouterr().out
