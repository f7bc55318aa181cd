"""A grid's eigenvalues in one plane."""

from __future__ import annotations

import math
from typing import Any

from pushforward.report.grids import measure_figure
from pushforward.report.planes import eigenvalue_plane


def grid(*measures: dict[str, dict[str, float]]) -> dict[str, Any]:
    axis = {"path": "model.b", "name": "b", "numeric": True, "spacing": "list", "values": [*range(len(measures))]}
    axis["labels"] = [str(value) for value in axis["values"]]
    groups = [
        {"label": f"b={i}", "values": {"model.b": i}, "cells": [i], "failed": 0, "measures": m}
        for i, m in enumerate(measures)
    ]
    return {"axes": [axis], "groups": groups}


def pair(real: float, imaginary: float) -> dict[str, dict[str, float]]:
    return {"spectrum": {"value": 0.9, "real": real, "imaginary": imaginary}}


def drawn(axes: Any, mark: str) -> set[tuple[float, float]]:
    lines = [line for line in axes.lines if line.get_marker() == mark]
    return {(float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True)}


def test_a_computed_eigenvalue_stands_there_with_its_conjugate() -> None:
    (axes,) = eigenvalue_plane(grid(pair(-1, 2), pair(-3, 0))).axes
    assert drawn(axes, "x") == {(-1, 2), (-1, -2), (-3, 0)}


def test_what_is_known_in_closed_form_is_a_circle_for_every_eigenvalue() -> None:
    known = {"answers": {"value": 4} | {f"eigenvalue-{k}-real": -k for k in (1, 2)}}
    known["answers"] |= {f"eigenvalue-{k}-imaginary": 0.5 for k in (1, 2)}
    (axes,) = eigenvalue_plane(grid(pair(-1, 2), known)).axes
    assert drawn(axes, "o") == {(-1, 0.5), (-2, 0.5)}


def test_groups_with_the_same_eigenvalues_are_one() -> None:
    figure = eigenvalue_plane(grid(pair(-1, 2), pair(-1 + 1e-14, 2), pair(-2, 2)))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["b=0", "b=2", "computed"]


def test_without_two_sets_of_eigenvalues_there_is_no_picture() -> None:
    assert eigenvalue_plane(grid(pair(-1, 2), pair(-1, 2))) is None
    assert eigenvalue_plane(grid({"mmd": {"value": 1}}, {"mmd": {"value": 2}})) is None


def test_what_was_seen_is_drawn_as_crosses_over_what_was_predicted() -> None:
    seen = [{"spectrum": {"value": 0.9 - 0.1 * i, "measured": 0.91 - 0.1 * i}} for i in range(3)]
    seen[1]["spectrum"]["measured"] = math.nan
    (axes,) = measure_figure(grid(*seen), "spectrum").axes
    points = [point for point in drawn(axes, "x") if not math.isnan(point[1])]
    assert sorted(points) == [(0, 0.91), (2, 0.91 - 0.2)]
