"""Restricted cubic splines: Harrell's formula by hand, knots by person-time."""

import numpy as np
import pytest

from oatmill.survival import SurvivalError, default_knots, restricted_cubic_spline


def test_basis_by_hand():
    # Knots 0, 1, 2; x = 3: cubes 27, 8, 1; (27 - 8 * 2/1 + 1 * 1/1) / (2 - 0)^2 = 3.
    assert restricted_cubic_spline([3], [0, 1, 2]).tolist() == [[3, 3]]
    # x = 1: only the first cube is above 0: 1 / 4.
    assert restricted_cubic_spline([1], [0, 1, 2]).tolist() == [[1, 0.25]]


def test_straight_outside_the_outer_knots():
    knots = [20, 45, 70, 110]
    below = restricted_cubic_spline([0, 5, 10, 15, 20], knots)
    assert (below[:, 1:] == 0).all()
    above = restricted_cubic_spline([110, 130, 150, 170], knots)
    np.testing.assert_allclose(np.diff(above, n=2, axis=0), 0, atol=1e-9)


def test_knots_by_person_time_repeat_each_dose_as_often_as_it_was_taken():
    dose, days = np.array([40, 60, 80, 100, 120]), np.array([5, 50, 30, 20, 12])
    np.testing.assert_allclose(default_knots(dose, days, n=3), np.quantile(np.repeat(dose, days), [0.1, 0.5, 0.9]))
    assert default_knots(dose, n=3).tolist() == [48, 80, 112]


@pytest.mark.parametrize("n", [3, 4, 5])
def test_number_of_knots(n):
    assert len(default_knots(np.arange(200), n=n)) == n


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("tied-knots", lambda: default_knots([60] * 50 + [80] * 3)),
        ("unknown-option", lambda: default_knots([1, 2, 3], n=7)),
        ("empty", lambda: default_knots([])),
        ("missing-values", lambda: default_knots([1, np.nan])),
        ("length-mismatch", lambda: default_knots([1, 2, 3], [1, 2])),
        ("bad-weights", lambda: default_knots([1, 2, 3], [1, -2, 3])),
        ("too-few-knots", lambda: restricted_cubic_spline([1], [0, 1])),
        ("knots-not-increasing", lambda: restricted_cubic_spline([1], [0, 2, 2])),
    ],
)
def test_refuses(code, call):
    with pytest.raises(SurvivalError) as raised:
        call()
    assert raised.value.code == code
