"""How long the light commands take beside starting Python: interleaved processes, one thread.

Limits: `--help`, `recipes`, `components`, `check` answer within 0.4 s; `check` and `explain` cost at most 0.3 s more
than starting Python. Run: python benchmarks/startup.py [runs of each]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python": ["-c", "pass"],
    "--help": ["-m", "pushforward", "--help"],
    "recipes": ["-m", "pushforward", "recipes"],
    "components": ["-m", "pushforward", "components"],
    "check": ["-m", "pushforward", "check", "rings/gan"],
    "explain": ["-m", "pushforward", "explain", "rings/gan"],
    "describe": ["-m", "pushforward", "describe", "penalty", "r1"],
    "plugins": ["-m", "pushforward", "plugins"],
}
WITHIN = {"--help": 0.4, "recipes": 0.4, "components": 0.4, "check": 0.4}  # seconds
OVER_PYTHON = {"check": 0.3, "explain": 0.3}  # seconds more than starting Python


def seconds(words: list[str]) -> tuple[float, float]:
    """Of the clock, and of the processor: on a busy machine only the second is the command's own."""
    began, before = time.perf_counter(), os.times()
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    took, after = time.perf_counter() - began, os.times()
    if ended.returncode not in (0, 3):  # 3: a plugin is broken, which is not what is timed here
        raise SystemExit(f"{' '.join(words)}: status {ended.returncode}\n{ended.stderr}")
    return took, after.children_user + after.children_system - before.children_user - before.children_system


def main(runs: int) -> int:
    for words in COMMANDS.values():  # files are read and compiled once before
        seconds(words)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    processor: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, words in COMMANDS.items():
            took, own = seconds(words)
            times[name].append(took)
            processor[name].append(own)
    medians = {name: statistics.median(values) for name, values in times.items()}
    python, slow = medians["python"], False
    load = f"{os.getloadavg()[0]:.1f} processes waiting on {os.cpu_count()} cores"
    print(f"medians of {runs} interleaved runs, in seconds; {load}")
    print(f"{'':12} {'median':>7} {'least':>7} {'most':>7} {'/ python':>9} {'- python':>9} {'cpu':>7}  limit")
    for name, median in medians.items():
        limits, missed = [], False
        if name in WITHIN:
            limits.append(f"median < {WITHIN[name]}")
            missed |= median >= WITHIN[name]
        if name in OVER_PYTHON:
            limits.append(f"over python < {OVER_PYTHON[name]}")
            missed |= median - python >= OVER_PYTHON[name]
        slow |= missed
        said = ", ".join(limits) + (" MISSED" if missed else " held" if limits else "")
        own = statistics.median(processor[name])
        row = f"{median:7.3f} {min(times[name]):7.3f} {max(times[name]):7.3f}"
        print(f"{name:12} {row} {median / python:9.1f} {median - python:9.3f} {own:7.3f}  {said}".rstrip())
    return int(slow)


if __name__ == "__main__":
    sys.exit(main(max(5, int(sys.argv[1])) if len(sys.argv) > 1 else 7))
