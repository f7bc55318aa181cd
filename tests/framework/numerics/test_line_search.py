"""The line search finds steps that meet both Wolfe conditions, also where the cost has walls."""

import math

import pytest

from pushforward.numerics.line_search import DECREASE, FLATTEN, Probe, strong_wolfe

COSTS = {  # cost and derivative along the direction
    "a parabola": (lambda t: (t - 2) ** 2, lambda t: 2 * (t - 2)),
    "a far valley": (lambda t: (t / 300 - 1) ** 2, lambda t: (t / 300 - 1) / 150),
    "a near valley": (lambda t: (1e4 * t - 1) ** 2, lambda t: 2e4 * (1e4 * t - 1)),
    "waves": (lambda t: math.cos(t) + 0.05 * t * t, lambda t: -math.sin(t) + 0.1 * t - (0.2 if t == 0 else 0)),
    "a wall at 1": (
        lambda t: -t - math.log(1 - t) / 9 if t < 1 else math.inf,
        lambda t: -1 + 1 / (9 * (1 - t)) if t < 1 else math.nan,
    ),
    "no number beyond 1": (lambda t: -t + t**8 if t < 1 else math.nan, lambda t: -1 + 8 * t**7),
}


def counted(name):
    value, slope = COSTS[name]
    asked = []

    def at(step):
        asked.append(step)
        return Probe(step, value(step), slope(step), f"place {step}")

    return at, Probe(0.0, value(0.0), slope(0.0), "start"), asked


@pytest.mark.parametrize("first", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("name", COSTS)
def test_the_step_lowers_the_cost_and_flattens_its_slope(name, first):
    at, start, asked = counted(name)
    found = strong_wolfe(at, start, first)
    assert found.value <= start.value + DECREASE * found.step * start.slope
    assert abs(found.slope) <= FLATTEN * abs(start.slope)
    assert found.found == f"place {found.step}" and len(asked) <= 25


def test_it_asks_no_more_often_than_it_may_and_gives_the_lowest_place_it_saw():
    at, start, asked = counted("a far valley")
    found = strong_wolfe(at, start, 1e-6, most=3)
    assert len(asked) == 3 and found.step == max(asked)


def test_where_nothing_is_lower_it_stays():
    def at(step):
        return Probe(step, step, 1.0)

    start = Probe(0.0, 0.0, -1.0, "start")  # a slope that lies
    assert strong_wolfe(at, start, 1.0) is start


def test_the_first_step_is_taken_where_it_is_good_enough():
    at, start, asked = counted("a parabola")
    assert strong_wolfe(at, start, 1.7).step == 1.7 and asked == [1.7]
