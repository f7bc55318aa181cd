"""The progress line says where a run is, and stays out of the way."""

from __future__ import annotations

import io
import time

import pytest

from pushforward.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pushforward.progress.time", clock)
    return clock


def test_a_plain_stream_gets_one_line_a_report(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(400, stream)
    progress.start(100)
    for round in range(101, 201):
        clock.now += 0.5
        progress.tick(round)
    progress.report(200, {"wasserstein": 0.123456, "coverage": 8.0, "c": 1.0, "fourth": 2.0})
    progress.finish("completed")
    assert stream.getvalue().splitlines() == [
        "round 200/400  2 rounds/s  wasserstein 0.1235  coverage 8  c 1  1:40 left",
        "completed at round 200/400  0:50 taken  wasserstein 0.1235  coverage 8  c 1",
    ]


def test_a_terminal_gets_one_line_rewritten_at_most_four_times_a_second(clock: Clock) -> None:
    stream = Terminal()
    progress = Progress(10000, stream)
    progress.start(0)
    for round in range(1, 2001):
        clock.now += 1 / 1024  # exact in binary
        progress.tick(round)
    written = stream.getvalue()
    assert 6 <= written.count("\r") <= 8  # 1.95 seconds
    assert "\n" not in written
    assert "1024 rounds/s" in written


def test_the_line_never_wraps(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    progress = Progress(100, stream)
    clock.now += 1
    progress.report(50, {"a-measure-with-a-very-long-name": 1.0})
    assert len(stream.getvalue().removeprefix("\r").removesuffix("\x1b[K")) == 29


def test_quiet_writes_nothing() -> None:
    stream = Terminal()
    progress = Progress(10, stream, quiet=True)
    progress.start(0)
    progress.tick(5)
    progress.report(5, {"a": 1.0})
    progress.finish("completed")
    assert stream.getvalue() == ""


def test_a_closed_stream_does_not_end_the_run() -> None:
    stream = io.StringIO()
    progress = Progress(10, stream)
    stream.close()
    progress.report(5, {"a": 1.0})
    progress.finish("completed")


def test_a_tick_costs_next_to_nothing() -> None:
    progress = Progress(10**6, Terminal())
    begin = time.perf_counter()
    for round in range(100_000):
        progress.tick(round)
    assert time.perf_counter() - begin < 1.0  # 10 microseconds each, some fifty times what it takes
