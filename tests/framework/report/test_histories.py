"""A measure over rounds: a line for each group, the mean of its repeats, and nothing where there is no curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pushforward.report.histories import FEWEST_REPORTS, histories


def grid(folder: Path, cells: dict[int, list[float]], groups: dict[str, list[int]]) -> dict[str, Any]:
    for number, values in cells.items():
        (folder / "cells" / str(number)).mkdir(parents=True)
        rows = [f"{100 * (i + 1)},{value}" for i, value in enumerate(values)]
        text = "\n".join(["round,validation/loss", *rows]) + "\n"
        (folder / "cells" / str(number) / "metrics.csv").write_text(text)
    return {"groups": [{"label": name, "cells": own} for name, own in groups.items()], "measures": {"loss": {}}}


def test_a_line_is_the_mean_of_repeats_within_one_standard_error(tmp_path: Path) -> None:
    results = grid(tmp_path, {0: [1.0] * 6, 1: [3.0] * 6, 2: [5.0] * 6}, {"a": [0, 1], "b": [2]})
    (axes,) = histories(tmp_path, results)["loss"].axes
    first, second = axes.lines
    assert list(first.get_xdata()) == [100, 200, 300, 400, 500, 600]
    assert list(first.get_ydata()) == [2.0] * 6 and list(second.get_ydata()) == [5.0] * 6
    (band,) = axes.collections
    heights = {round(float(y), 9) for _, y in band.get_paths()[0].vertices}
    assert heights == {1.0, 3.0}  # the spread is sqrt 2, its error over two repeats 1
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("round", "loss")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_a_repeat_that_broke_off_shortens_the_line_of_its_group(tmp_path: Path) -> None:
    results = grid(tmp_path, {0: [1.0] * 6, 1: [3.0] * 2, 2: [5.0] * 6}, {"a": [0, 1], "b": [2]})
    (axes,) = histories(tmp_path, results)["loss"].axes
    assert [len(line.get_xdata()) for line in axes.lines] == [2, 6]


@pytest.mark.parametrize("reports", [0, FEWEST_REPORTS - 1])
def test_few_reports_are_no_curve(tmp_path: Path, reports: int) -> None:
    assert histories(tmp_path, grid(tmp_path, {0: [1.0] * reports, 1: [2.0] * reports}, {"a": [0], "b": [1]})) == {}


def test_cells_that_were_played_together_have_no_curves(tmp_path: Path) -> None:
    results = {"groups": [{"label": name, "cells": [i]} for i, name in enumerate("ab")], "measures": {"loss": {}}}
    assert histories(tmp_path, results) == {}
