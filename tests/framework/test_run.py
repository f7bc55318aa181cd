"""A run: exact rounds, exact resumption, one sentence for every way in which it can end badly."""

import csv
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import pushforward
from pushforward.checkpoint import read_checkpoint, write_checkpoint
from pushforward.folder import lock_folder, read_json
from pushforward.problem import RunFailed, UserError
from pushforward.runner import Run, run_recipe

SMALL = """\
about: A small GAN, for trying things.
extends: rings/gan
model: {generator: {width: 16, depth: 1}, discriminator: {width: 16, depth: 1}, optimizer: {lr: 1e-3}}
budget: {rounds: 12, batch: 64, report_every: 4}
measure: [{use: sliced-wasserstein, samples: 200, projections: 16}]
watch: [{use: sample-scatter, samples: 50}]
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


def same_weights(a: Path, b: Path, name="last"):
    one, two = (read_checkpoint(folder / "checkpoints" / f"{name}.ckpt") for folder in (a, b))
    for part in ("game", "average"):
        assert one[part].keys() == two[part].keys()
        assert all(torch.equal(one[part][key], two[part][key]) for key in one[part])
    return True


def same_numbers(a: Path, b: Path):
    return (a / "metrics.csv").read_bytes() == (b / "metrics.csv").read_bytes() and (
        read_json(a / "results.json")["measures"] == read_json(b / "results.json")["measures"]
    )


def rounds_in(folder: Path):
    with (folder / "metrics.csv").open() as stream:
        return [int(row["round"]) for row in csv.DictReader(stream)]


def stop_after(monkeypatch, round):
    after = Run._after_round

    def stopping(self, played):
        self.stop_asked = played == round
        after(self, played)

    monkeypatch.setattr(Run, "_after_round", stopping)


def test_a_run_leaves_its_whole_folder(small, tmp_path):
    folder = run_recipe(small, out=tmp_path / "runs", quiet=True)
    assert folder.name == "small-1"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "recipe.yaml", "metrics.csv", "results.json", "report.html", "images", "checkpoints", "environment.json",
    }  # fmt: skip
    results = json.loads((folder / "results.json").read_text())
    assert results["status"] == "completed" and results["rounds"] == 12 and results["seed"] == 0
    assert set(results["measures"]["sliced-wasserstein"]) >= {"value", "standard_error"}
    assert results["verdict"]["state"] == "undecided"
    assert rounds_in(folder) == [4, 8, 12]
    assert run_recipe(small, ["budget.rounds=1"], out=tmp_path / "runs", quiet=True).name == "small-2"


def test_the_clock_counts_rounds_however_many_steps_a_round_has(small, tmp_path):
    folder = run_recipe(small, ["model.rule.steps.discriminator=5", "budget.rounds=7"], out=tmp_path, quiet=True)
    assert rounds_in(folder) == [4, 7]
    saved = read_checkpoint(folder / "checkpoints" / "last.ckpt")
    assert saved["round"] == 7
    steps = {name: state["state"][0]["step"].item() for name, state in saved["optimizers"].items()}
    assert steps == {"discriminator": 35, "generator": 7}


@pytest.mark.parametrize("at", [2, 4, 11])
def test_an_interrupted_run_goes_on_to_the_same_bits(small, tmp_path, monkeypatch, at):
    settings = ["model.rule.steps.discriminator=5", "budget.accumulate=2", "model.clip=1.0"]
    whole = run_recipe(small, settings, out=tmp_path / "whole", quiet=True)
    with monkeypatch.context() as patched:
        stop_after(patched, at)
        with pytest.raises(UserError, match=f"interrupted after round {at}") as caught:
            run_recipe(small, settings, out=tmp_path / "cut", quiet=True)
    assert caught.value.status == 130
    assert read_json(tmp_path / "cut" / "small-1" / "results.json")["status"] == "stopped"
    resumed = run_recipe(small, settings, out=tmp_path / "cut", quiet=True, resume=True)
    assert resumed.name == "small-1"
    assert same_weights(whole, resumed) and same_numbers(whole, resumed)


def test_a_resumed_run_may_be_extended(small, tmp_path):
    folder = run_recipe(small, ["budget.rounds=8"], out=tmp_path / "a", quiet=True)
    longer = run_recipe(small, ["budget.rounds=12"], out=tmp_path / "a", quiet=True, resume=True)
    assert folder == longer and rounds_in(longer) == [4, 8, 12]
    with pytest.raises(UserError, match="no unfinished run of 'small'"):
        run_recipe(small, ["budget.rounds=12"], out=tmp_path / "a", quiet=True, resume=True)


def test_a_kill_loses_at_most_the_rounds_since_the_last_report(small, tmp_path):
    overrides = ["budget.rounds=3000", "budget.report_every=50"]
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from pushforward.runner import run_recipe; from pathlib import Path\n"
        f"run_recipe({small!r}, {overrides!r}, out=Path({str(tmp_path / 'cut')!r}), quiet=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    last = tmp_path / "cut" / "small-1" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 60
    numbers = tmp_path / "cut" / "small-1" / "metrics.csv"
    while time.monotonic() < deadline and not (numbers.exists() and len(numbers.read_text().splitlines()) > 2):
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed_at = read_checkpoint(last)["round"]
    assert 50 <= killed_at < 3000
    shorter = [f"budget.rounds={killed_at + 75}", "budget.report_every=50"]
    resumed = run_recipe(small, shorter, out=tmp_path / "cut", quiet=True, resume=True)
    whole = run_recipe(small, shorter, out=tmp_path / "whole", quiet=True)
    assert same_weights(whole, resumed) and same_numbers(whole, resumed)


def test_the_run_that_is_resumed_is_the_one_with_these_settings(small, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(UserError, match="interrupted"):
        stop_after(patched, 6)
        run_recipe(small, out=tmp_path, quiet=True)
    with monkeypatch.context() as patched, pytest.raises(UserError, match="interrupted"):
        stop_after(patched, 6)
        run_recipe(small, ["seed=1"], out=tmp_path, quiet=True)
    with pytest.raises(UserError, match="small-2, small-1 differ"):
        run_recipe(small, ["seed=2"], out=tmp_path, quiet=True, resume=True)
    assert run_recipe(small, out=tmp_path, quiet=True, resume=True).name == "small-1"


def test_a_run_that_is_being_played_is_not_resumed(small, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(UserError, match="interrupted"):
        stop_after(patched, 6)
        run_recipe(small, out=tmp_path, quiet=True)
    held = lock_folder(tmp_path / "small-1")
    with pytest.raises(UserError, match="is being played by another process") as caught:
        run_recipe(small, out=tmp_path, quiet=True, resume=True)
    assert caught.value.status == 2
    held.close()
    run_recipe(small, out=tmp_path, quiet=True, resume=True)


def test_a_smoke_run_is_three_rounds_of_the_real_thing(small, tmp_path):
    folder = run_recipe(small, out=tmp_path, quiet=True, smoke=True)
    assert folder.name == "small-smoke-1"
    assert read_json(folder / "results.json")["rounds"] == 3 and rounds_in(folder) == [3]
    assert list((folder / "images").glob("sample-scatter-*.png"))


def test_the_best_round_is_kept_and_patience_ends_a_run(small, tmp_path):
    overrides = ["budget.best=sliced-wasserstein", "budget.patience=1", "budget.rounds=400", "budget.report_every=1"]
    folder = run_recipe(small, [*overrides, "model.optimizer.lr=0.1"], out=tmp_path, quiet=True)
    with (folder / "metrics.csv").open() as stream:
        values = [float(row["validation/sliced-wasserstein"]) for row in csv.DictReader(stream)]
    assert len(values) < 400 and values[-1] >= values[-2]
    best = min(range(len(values)), key=values.__getitem__) + 1
    assert read_checkpoint(folder / "checkpoints" / "best.ckpt")["round"] == best == len(values) - 1
    results = read_json(folder / "results.json")
    assert results["weights"] == "best round, averaged" and results["rounds"] == len(values)
    assert "did not get better for 1 reports" in results["reason"]
    with pytest.raises(UserError, match="no unfinished run"):
        run_recipe(small, [*overrides, "model.optimizer.lr=0.1"], out=tmp_path, quiet=True, resume=True)


def test_a_non_finite_cost_stops_the_run_and_keeps_the_last_good_checkpoint(small, tmp_path):
    overrides = ["model.optimizer={use: sgd, lr: {use: linear, from: 1e-3, to: 1e38}}", "budget.report_every=1"]
    with pytest.raises(RunFailed, match=r"round \d+: (cost term|gradient)") as caught:
        run_recipe(small, overrides, out=tmp_path, quiet=True)
    assert caught.value.status == 1
    folder = tmp_path / "small-1"
    results = read_json(folder / "results.json")
    assert results["status"] == "failed" and results["verdict"]["state"] == "diverging"
    last = read_checkpoint(folder / "checkpoints" / "last.ckpt")
    back = f"; rolled back to the checkpoint of round {last['round']}"
    assert results["reason"] + back == str(caught.value) and "remedy" in results["verdict"]
    assert all(torch.isfinite(value).all() for value in last["game"].values())
    assert pushforward.open_run(folder).sample(3).shape == (3, 2)
    assert (folder / "report.html").exists()


def test_weights_that_explode_in_the_last_step_are_neither_measured_nor_saved(small, tmp_path):
    overrides = ["model.optimizer={use: sgd, lr: 1e38}", "budget.rounds=1", "model.average=null"]
    with pytest.raises(RunFailed, match=r"round 1: (parameter|\d+ of \d+ samples|gradient|cost)") as caught:
        run_recipe(small, overrides, out=tmp_path, quiet=True)
    assert caught.value.status == 1
    last = read_checkpoint(tmp_path / "small-1" / "checkpoints" / "last.ckpt")
    assert last["round"] == 0 and all(torch.isfinite(value).all() for value in last["game"].values())


def test_a_run_of_no_rounds_is_a_model_before_training(small, tmp_path):
    opened = pushforward.run(small, "budget.rounds=0", out=tmp_path, quiet=True)
    assert opened.results["rounds"] == 0 and opened.sample(3).shape == (3, 2)


def test_a_scheduled_number_is_where_it_was_when_a_run_is_opened_again(small, tmp_path):
    weight = "model.penalties=[{use: r1, weight: {use: linear, from: 1, to: 0}}]"
    opened = pushforward.run(small, weight, out=tmp_path, quiet=True)
    assert opened.game.penalties[0].weight == pytest.approx(1 / 12)  # that of the last round


def test_the_best_measure_is_checked_before_anything_is_played(small, tmp_path):
    with pytest.raises(UserError, match="not among the measures"):
        run_recipe(small, ["budget.best=mass"], out=tmp_path / "runs", quiet=True)
    with pytest.raises(UserError, match="no measure of which lower or higher is better"):
        run_recipe("rings/flow", ["budget.best=mass"], out=tmp_path / "runs", quiet=True)
    assert not (tmp_path / "runs" / "rings-flow-1").exists()


def test_a_checkpoint_that_is_damaged_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "last.ckpt"
    write_checkpoint(path, {"round": 3, "game": {"w": torch.randn(1000)}}, "abc")
    assert read_checkpoint(path, "abc")["round"] == 3
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:cut])
        with pytest.raises(RunFailed, match="damaged or truncated"):
            read_checkpoint(path, "abc")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    path.write_bytes(flipped)
    with pytest.raises(RunFailed, match="damaged or truncated: the checksum"):
        read_checkpoint(path, "abc")
    path.write_bytes(whole)
    with pytest.raises(RunFailed, match="written by another recipe"):
        read_checkpoint(path, "xyz")
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(RunFailed, match="no checkpoint of pushforward"):
        read_checkpoint(path)
    with pytest.raises(RunFailed, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/pushforward-was-here",)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_checkpoint_that_holds_code_is_not_run(tmp_path, how):
    path = tmp_path / "last.ckpt"
    if how == "torch":
        torch.save({"format": 1, "recipe": "abc", "game": Evil()}, path)
    else:
        path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(RunFailed, match="could run code|damaged"):
        read_checkpoint(path, "abc")
    assert not Path("/tmp/pushforward-was-here").exists()


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    write_checkpoint(path, {"round": 1, "game": {"w": torch.zeros(10)}}, "abc")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(RunFailed, match="cannot be written: .*; last.ckpt of an earlier round is kept"):
            write_checkpoint(path, {"round": 2, "game": {"w": torch.zeros(100_000)}}, "abc")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_checkpoint(path, "abc")["round"] == 1
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]


def test_a_run_on_a_full_disk_ends_with_one_sentence(small, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, hard))
    try:
        with pytest.raises(RunFailed, match="cannot be written") as caught:
            run_recipe(small, out=tmp_path / "runs", quiet=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.status == 1 and len(caught.value.problems) == 1


def test_a_recipe_that_cannot_be_built_leaves_no_folder(small, tmp_path):
    with pytest.raises(UserError, match="'w' is no player"):
        run_recipe(small, ["model.rule={use: alternating, order: [w]}"], out=tmp_path / "runs", quiet=True)
    assert not (tmp_path / "runs").exists()


def test_missing_data_end_a_run_with_status_2(small, tmp_path, monkeypatch):
    monkeypatch.delenv("PUSHFORWARD_DATA", raising=False)
    with pytest.raises(UserError, match="PUSHFORWARD_DATA") as caught:
        run_recipe(small, ["target={use: mnist}"], out=tmp_path / "runs", quiet=True)
    assert caught.value.status == 2


def test_a_users_own_module_fills_a_slot(small, tmp_path):
    critic = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    opened = pushforward.run(small, out=tmp_path, quiet=True, modules={"model.discriminator": critic})
    assert opened.game.discriminator.network is critic
    with pytest.raises(UserError, match=r"no slot 'model.critic'.*model.discriminator"):
        pushforward.build(small, {"model.critic": critic})


def test_a_users_own_generator_is_taken_as_it_is(small, tmp_path):
    class Own(pushforward.Generator):
        def __init__(self):
            super().__init__()
            self.latent = pushforward.Latent(3)
            self.map = torch.nn.Linear(3, 2)

        def forward(self, z, condition=None):
            return self.map(z)

    own = Own()
    opened = pushforward.run(small, out=tmp_path, quiet=True, modules={"model.generator": own})
    assert opened.game.generator is own and opened.sample(4).shape == (4, 2)


def test_an_opened_run_samples_with_the_averaged_weights(small, tmp_path):
    opened = pushforward.run(small, out=tmp_path, quiet=True)
    again = pushforward.open_run(opened.folder)
    assert torch.equal(opened.sample(5), again.sample(5))
    assert not torch.equal(again.sample(5, seed=1), again.sample(5))
    saved = read_checkpoint(opened.folder / "checkpoints" / "last.ckpt")
    game = again.game
    draw = pushforward.Draw.fresh(5, 0)
    live = game.sample(5, draw)
    assert not torch.equal(live, again.sample(5))
    game.load_state_dict(saved["game"] | saved["average"])
    assert torch.allclose(game.sample(5, draw), opened.sample(5))
    assert again.measure("test") == opened.results["measures"]


def test_bf16_trains(small, tmp_path):
    folder = run_recipe(small, ["trainer.precision=bf16-mixed"], out=tmp_path, quiet=True)
    assert read_json(folder / "results.json")["status"] == "completed"


def test_two_processes_train_log_once_and_resume_to_the_numbers_of_one(small, tmp_path):
    def launch(*options):
        command = [sys.executable, "-m", "pushforward", "run", small, "--out", str(tmp_path / "two"), *options]
        settings = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu", "model.penalties=[r1, r2]"]
        done = subprocess.run([*command, *settings], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    launch("budget.rounds=8")
    launch("--resume")
    one = run_recipe(small, ["model.penalties=[r1, r2]"], out=tmp_path / "one", quiet=True)
    two = tmp_path / "two" / "small-1"
    assert [p.name for p in (tmp_path / "two").iterdir()] == ["small-1"]
    assert rounds_in(two) == [4, 8, 12]
    a, b = (read_checkpoint(folder / "checkpoints" / "last.ckpt")["game"] for folder in (one, two))
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=1e-4, atol=1e-5)
