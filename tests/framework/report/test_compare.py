"""Runs side by side show where they differ, and only there."""

import json
import shutil

import pytest

from pushforward.problem import UserError
from pushforward.report.compare import as_data, compare_table


@pytest.fixture
def two(folder):
    other = folder.with_name("rings-gan-2")
    shutil.copytree(folder, other)
    recipe = other / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("lr: 2e-4", "lr: 1e-3, betas: [0.0, 0.99]"))
    (other / "results.json").unlink()
    return [folder, other]


def test_only_values_that_differ_are_listed_as_they_were_written(two):
    assert as_data(two)["differences"] == {
        "model.optimizer.lr": {str(two[0]): "2e-4", str(two[1]): "1e-3"},
        "model.optimizer.betas": {str(two[0]): None, str(two[1]): "[0.0, 0.99]"},
    }


def test_the_table_has_a_column_for_each_run(two):
    rows = {line.split("  ")[0].strip(): line.split() for line in compare_table(two).splitlines()}
    assert rows["model.optimizer.lr"] == ["model.optimizer.lr", "2e-4", "1e-3"]
    assert rows["status"] == ["status", "completed", "unfinished"]
    assert rows["rounds"] == ["rounds", "200", "200"]  # of the unfinished one, from its metrics
    assert rows["<i>w</i>"] == ["<i>w</i>", "0.0213", "±", "0.0012", "-"]
    assert rows["verdict"] == ["verdict", "cycling", "-"]
    assert len({len(line) for line in compare_table(two).splitlines()}) == 1


def test_two_equal_runs_have_no_differences(folder):
    assert as_data([folder, folder])["differences"] == {}
    assert "model" not in compare_table([folder, folder])


def test_the_data_are_the_results_and_can_be_written_as_json(two):
    data = json.loads(json.dumps(as_data(two)))
    assert data["runs"][0]["measures"]["<i>w</i>"]["value"] == 0.02134
    assert data["runs"][0]["verdict"]["state"] == "cycling"
    assert data["runs"][1]["status"] == "unfinished" and data["runs"][1]["measures"] is None


def test_nothing_to_compare_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="at least one"):
        compare_table([])
    with pytest.raises(UserError, match="not a run's folder"):
        as_data([tmp_path])


def estimated(path, **numbers):
    """A run that has estimated log Z twice."""
    path.mkdir()
    (path / "recipe.yaml").write_text("model: {use: estimation, estimator: {use: sequential-monte-carlo}}\n")
    own = {"value": 2.5, "standard_error": 0.1, "low": 2.3, "high": 2.7, "ess": 0.5, "khat": 0.2, "n": 20}
    own |= {"evaluations": 100, "gradient_evaluations": 300, "error": 0.25} | numbers
    plain = {"value": -1.0, "standard_error": 2.0, "low": -5.0, "high": 3.0, "ess": 1e-6, "khat": 4.0}
    plain |= {"evaluations": 400, "warning": "only one weight"}
    measures = {"log-z": own, "log-z/importance-sampling": plain, "mmd": {"value": 1.0}}
    seconds = {"log-z": 61.0}
    results = {"status": "completed", "measures": measures, "measure_seconds": seconds}
    (path / "results.json").write_text(json.dumps(results))
    return path


def test_estimates_of_log_z_stand_in_a_table_of_their_own_with_what_they_claim_and_cost(tmp_path):
    first, second = estimated(tmp_path / "a"), estimated(tmp_path / "b", error=0.1)
    lines = compare_table([first, second]).split("\n\n")[1].splitlines()
    rows = [[cell for cell in line.split("  ") if cell] for line in lines]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert cells[0] == ["run", "log Z", "95 % interval", "error", "held", "ess", "k-hat", "U", "gradients", "time"]
    name = "log-z (sequential-monte-carlo)"
    numbers = ["2.50 ± 0.10", "2.3 to 2.7", "0.25", "no", "0.5", "0.2", "100", "300", "1 min 01 s"]
    assert cells[2] == [name, "a", *numbers]
    assert cells[4][4:6] == ["0.1", "yes"]
    assert cells[3][0] == "log-z/importance-sampling !"
    assert lines[-2:] == [f"! {run}, log-z/importance-sampling: only one weight" for run in "ab"]
