"""Nothing before run, sample, evaluate and diagnose imports torch; a process of its own shows it."""

import json
import subprocess
import sys

from pushforward.commands import VERBS

SLOW = ("run", "sweep", "sample", "evaluate", "diagnose")

SCRIPT = """
import json, sys
from pushforward.cli import main

for words in json.loads(sys.argv[1]):
    status = main(words)
    heavy = sorted({"torch", "pytorch_lightning", "torchmetrics", "sklearn", "matplotlib", "wandb"} & set(sys.modules))
    print(json.dumps([words, status, heavy]), file=sys.stderr)
"""


def test_light_verbs_never_import_torch(played, tmp_path):
    run = str(played / "small-smoke-1")
    commands = [
        ["--help"],
        ["recipes"],
        ["show", "rings/gan"],
        ["copy", "rings/gan"],
        ["check", "rings/gan"],
        ["explain", "rings/gan"],
        ["components"],
        ["describe", "penalty", "r1"],
        ["describe", "generator"],
        ["plugins"],
        ["doctor"],
        ["report", run],
        ["compare", run, run],
        ["new", "plugin", "my-losses"],
        *([verb, "--help"] for verb in VERBS),
        ["sweep", "rings/gan", "model.optimizer.lrr=1,2"],
        ["run", "rings/gan", "model.optimizer.lrr=1"],  # even here a mistake is told before torch is waited for
    ]
    assert {command[0] for command in commands if command[1:] != ["--help"]} | set(SLOW) >= set(VERBS)
    command = [sys.executable, "-c", SCRIPT, json.dumps(commands)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    told = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("[[")]
    assert [words for words, _, _ in told] == commands, ended.stderr
    assert [(words, heavy) for words, _, heavy in told if heavy] == []
    # The state of the machine is not tested here.
    expected = {"plugins": {0, 3}, "doctor": {0, 1, 3}, "run": {2, 0}, "sweep": {2, 0}}
    assert [(w, s) for w, s, _ in told if s not in expected.get(w[0], {0})] == []
