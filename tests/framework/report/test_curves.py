"""Curves show every point that was measured, where it was measured."""

import math
import re
from xml.etree import ElementTree

import pytest

from pushforward.report.curves import MOST_POINTS, Chart, Line, charts, decades, even, thinned

nan = math.nan


def points(chart):
    """Coordinates of each unbroken piece of each line."""
    root = ElementTree.fromstring(chart.svg("k"))
    paths = [element.get("d") for element in root.iter("path")]
    return [[tuple(map(float, p.split())) for p in piece.split("L")] for d in paths for piece in d.split("M")[1:]]


def test_a_curve_has_as_many_points_as_rows():
    series = [(r, math.sin(r)) for r in range(0, 1000, 7)]
    assert [len(piece) for piece in points(Chart("c", [Line("a", series)]))] == [len(series)]


def test_a_straight_line_is_straight_and_rises_to_the_right():
    (piece,) = points(Chart("c", [Line("a", [(0, 0.0), (10, 1.0), (20, 2.0)])]))
    (x0, y0), (x1, y1), (x2, y2) = piece
    assert x0 < x1 < x2 and y0 > y1 > y2
    assert (y0 - y1, x1 - x0) == pytest.approx((y1 - y2, x2 - x1), abs=0.2)


def test_a_power_law_is_straight_on_the_logarithmic_axis():
    chart = Chart("c", [Line("a", [(0, 100.0), (1, 1.0), (2, 0.01)])])
    assert chart.logarithmic
    (((_, y0), (_, y1), (_, y2)),) = points(chart)
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)


@pytest.mark.parametrize("values", [[0.0, 100.0], [-1.0, 100.0], [1.0, 20.0]])
def test_zero_negative_and_near_values_stay_on_the_linear_axis(values):
    assert not Chart("c", [Line("a", list(enumerate(values)))]).logarithmic


def test_what_is_not_finite_breaks_the_line_and_is_counted():
    line = Line("a", [(0, 1.0), (1, 2.0), (2, nan), (3, math.inf), (4, 1.5)])
    assert [len(piece) for piece in points(Chart("c", [line]))] == [2, 1]
    assert line.summary == {"last": "1.5", "low": "1", "high": "2", "broken": "2"}


@pytest.mark.parametrize(
    "series", [[(5, 3.0)], [(0, 2.0), (1, 2.0)], [(0, nan)], [(0, 1e-300), (9, 1e300)], [(0, 0.0)]]
)
def test_degenerate_series_are_drawn_too(series):
    svg = Chart("c", [Line("a", series)]).svg("k")
    assert not re.search(r"\bnan\b|\binf\b", svg.partition("</desc>")[2])


def test_a_long_series_is_thinned_and_keeps_its_spikes():
    series = [(r, float(r == 70_123) - float(r == 12_345)) for r in range(100_000)]
    short = thinned(series)
    assert len(short) <= MOST_POINTS and short == sorted(short)
    assert (70_123, 1.0) in short and (12_345, -1.0) in short


def test_the_band_is_one_standard_error_to_either_side():
    line = Line("a", [(0, 1.0), (10, 3.0)], error=[(0, 0.5), (10, 0.5)])
    root = ElementTree.fromstring(Chart("c", [line]).svg("k"))
    (polygon,) = root.iter("polygon")
    edge = [tuple(map(float, p.split(","))) for p in polygon.get("points").split()]
    ((_, y0), (_, y1)) = points(Chart("c", [line]))[0]
    unit = (y0 - y1) / 2  # pixels per one
    assert [y for _, y in edge] == pytest.approx([y0 - unit / 2, y1 - unit / 2, y1 + unit / 2, y0 + unit / 2], abs=0.2)


def test_metrics_are_grouped_by_what_they_are():
    s = [(0, 1.0), (1, 2.0)]
    names = ["cost/g/objective", "cost/d/objective", "cost/d/r1", "gradient-norm/g", "gradient-norm/d", "speed"]
    names += ["validation/w", "validation/w/standard_error", "validation/w/n", "validation/w/quality"]
    found = {
        heading: [(chart.title, [line.name for line in chart.lines]) for chart in group]
        for heading, group in charts({**dict.fromkeys(names, s), "test/w": s[:1]})
    }
    assert found == {
        "Measures while training": [("w", ["w"]), ("w: quality", ["quality"])],
        "Costs and gradients": [
            ("cost of g", ["objective"]),
            ("cost of d", ["objective", "r1"]),
            ("gradient norms", ["g", "d"]),
        ],
        "Other numbers": [("speed", ["speed"])],
    }


def test_a_chart_is_valid_xml_whatever_its_names_and_says_its_numbers():
    svg = Chart('a < b & "c"', [Line("<x>", [(0, 1.0), (1, 2.0)])]).svg("k")
    root = ElementTree.fromstring(svg)
    assert root.find("title").text == 'a < b & "c"'
    assert root.find("desc").text == "<x>: 2 points, from 1 to 2, last 2."


def test_colours_can_be_set_by_the_page():
    assert "stroke:var(--series-1,#0072b2)" in Chart("c", [Line("a", [(0, 1.0)])]).svg("k")


def test_ticks_are_round_numbers_inside():
    assert even(0, 4000, 4) == [0, 1000, 2000, 3000, 4000]
    assert even(0.13, 0.72) == [0.2, 0.4, 0.6]
    assert decades(-3, 1) == pytest.approx([1e-3, 1e-2, 1e-1, 1, 10])
    assert decades(-0.1, 1.6) == pytest.approx([1, 3, 10, 30])
