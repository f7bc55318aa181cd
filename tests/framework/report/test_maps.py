"""Maps and tables of a grid: how colours part at a neutral value, lines of a boundary, and numbers in a table."""

import math

import matplotlib.colors
import numpy as np
import pytest

from pushforward.report.maps import _colours, maps, table


def share(colours, value):
    return float(colours.norm(value))


def test_colours_part_at_the_neutral_value_equally_far_to_both_sides():
    colours = _colours([0.7, 0.9, 1.1], neutral=1.0)
    assert share(colours, 1.0) == pytest.approx(0.5)
    assert share(colours, 0.7) == pytest.approx(0)
    assert share(colours, 1.3) == pytest.approx(1)


def test_colours_of_factors_reach_no_farther_than_to_zero():
    colours = _colours([0.5, 1.0, 100.0], neutral=1.0)
    assert (colours.low, colours.high) == (0.0, 2.0)


def test_small_gaps_are_seen_beside_large_ones():
    values = [1 + sign * 10.0**-k for k in range(5) for sign in (1, -1)]
    colours = _colours(values, neutral=1.0)
    assert share(colours, 1.01) > 0.6
    assert share(colours, 0.99) == pytest.approx(1 - share(colours, 1.01))
    assert colours.ticks[0] == 0.0 and colours.ticks[-1] == 2.0 and colours.ticks[3] == pytest.approx(1.0)


def test_a_map_of_one_value_has_colours():
    colours = _colours([0.0, 0.0], neutral=None)
    assert (colours.low, colours.high) == (0.0, 1.0)


def test_without_a_neutral_value_far_values_are_logarithmic():
    assert isinstance(_colours([1.0, 1000.0, math.nan], None).norm, matplotlib.colors.LogNorm)
    assert not isinstance(_colours([1.0, 2.0], None).norm, matplotlib.colors.LogNorm)


def axis(path, values, labels=None):
    return {"path": path, "values": values, "labels": labels or [str(v) for v in values], "spacing": "linear"}


def test_a_boundary_is_drawn_where_it_is_zero():
    across, up = axis("a", [0.0, 1.0, 2.0]), axis("b", [0.0, 1.0, 2.0])
    groups = [
        {"values": {"a": x, "b": y}, "measures": {"rate": {"value": x, "boundary": x - 0.5}}}
        for x in across["values"]
        for y in up["values"]
    ]
    figure = maps([across, up], {"": groups}, "rate", None)
    (line,) = [piece for piece in figure.axes[0].collections if isinstance(piece, matplotlib.contour.ContourSet)]
    points = np.concatenate([path.vertices for path in line.get_paths()])
    assert points[:, 0] == pytest.approx(0.5)
    plain = [g | {"measures": {"rate": {"value": 1.0}}} for g in groups]
    drawn = maps([across, up], {"": plain}, "rate", None).axes[0].collections
    assert not any(isinstance(piece, matplotlib.contour.ContourSet) for piece in drawn)


def test_a_table_says_what_was_predicted_and_what_was_measured():
    rules, games = axis("rule", ["one", "two", "three"]), axis("variants", ["left", "right"])
    groups = [
        {"values": {"rule": r, "variants": g}, "measures": {"radius": {"value": i + j / 10, "measured": 7.0}}}
        for i, r in enumerate(rules["values"])
        for j, g in enumerate(games["values"])
    ]
    del groups[0]["measures"]["radius"]["measured"]
    axes = table([games, rules], groups, "radius", 1.0).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts[0] == "0" and texts[-1] == "2.1\nmeasured 7"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two", "three"]
