"""Numbers are written with the digits that their errors let stand."""

import math

import pytest

from pushforward.report.rounding import beside, duration, short, with_error


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.02134, 0.00123, "0.0213 ± 0.0012"),
        (0.02134, 0.0056, "0.021 ± 0.006"),
        (-0.464708, 0.0004, "−0.4647 ± 0.0004"),
        (1234.5, 12.0, "1234 ± 12"),
        (-1.234e-5, 2.2e-6, "(−1.23 ± 0.22)e−5"),
        (0.5, None, "0.5"),
        (0.5, 0.0, "0.5"),
        (0.5, math.nan, "0.5"),
        (math.nan, 0.1, "nan"),
        (None, None, ""),
    ],
)
def test_a_value_is_rounded_as_its_error(value, error, text):
    assert with_error(value, error) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (3.0, "3"), (0.123456, "0.1235"), (1e-7, "1e−07"), (True, "True"), ([0.1, 2], "0.1, 2"), ("x-y", "x-y")],
)
def test_a_number_alone_has_four_digits(value, text):
    assert short(value) == text


def test_seconds_are_said_as_a_person_says_them():
    assert [duration(s) for s in (1.26, 95, 7322, None)] == ["1.3 s", "1 min 35 s", "2 h 02 min", ""]


def test_the_ends_of_an_interval_are_as_fine_as_its_error_and_no_coarser_than_any_number():
    fine = {"low": -499.99034, "high": -499.98936, "bound": -499.99034, "standard_error": 0.0005}
    assert [beside(key, fine) for key in ("low", "high", "bound")] == ["−499.9903", "−499.9894", "−500"]
    assert beside("low", {"low": 1.23456, "standard_error": 0.5}) == "1.235"
    assert beside("low", {"low": float("-inf"), "standard_error": float("inf")}) == "−inf"
