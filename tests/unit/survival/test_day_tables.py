"""Counting by day: five people drawn as lines, and everything that must be refused."""

import pickle

import numpy as np
import pytest

from oatmill.survival import SurvivalError, at_risk_on, count_by_day

# day      1  2  3  4  5
# Anna     =  =  x            leaves on day 3 (cause 1)
# Bek      =  =  o            censored on day 3
# Chen     =  =  =  =  x      leaves on day 5 (cause 2)
# Dilnoza        =  x         enters late: first at risk on day 3, leaves on day 4 (cause 1)
# Erkin    x                  leaves on day 1 (cause 1)
START = [0, 0, 0, 2, 0]
STOP = [3, 3, 5, 4, 1]
EVENT = [1, 0, 2, 1, 1]


def test_counts_of_five_people():
    table = count_by_day(STOP, EVENT, START)
    assert table.day.tolist() == [1, 2, 3, 4, 5]
    assert table.at_risk.tolist() == [4, 3, 4, 2, 1]
    assert table.events.T.tolist() == [[1, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    assert table.any_event.tolist() == [1, 0, 1, 1, 1]
    assert table.censored.tolist() == [0, 0, 1, 0, 0]
    assert table.entries.tolist() == [4, 0, 1, 0, 0]
    assert table.at_risk.dtype.kind == "i"


def test_one_who_enters_on_a_day_is_not_at_risk_on_it():
    # (2, 4]: at risk on days 3 and 4, not on day 2.
    assert count_by_day([4], [1], [2]).at_risk.tolist() == [0, 0, 1, 1]


def test_a_cause_without_events_keeps_its_column():
    assert count_by_day([1, 2], [1, 0], n_causes=3).events.shape == (2, 3)


def test_without_any_event_there_is_one_empty_cause():
    table = count_by_day([1, 2], [0, 0])
    assert table.events.tolist() == [[0], [0]]


def test_weights_count_a_row_several_times():
    twice = count_by_day([3, 3, 5, 5], [1, 1, 2, 2])
    weighted = count_by_day([3, 5], [1, 2], weights=[2, 2])
    assert weighted.at_risk.tolist() == twice.at_risk.tolist()
    assert weighted.events.tolist() == twice.events.tolist()


def test_rounding_of_weights_leaves_nobody_behind():
    # 0.3 - 0.1 - 0.2 is not 0 in floating point.
    table = count_by_day([1, 2, 3], [1, 1, 1], weights=[0.1, 0.2, 0.3])
    assert table.at_risk[-1] == table.any_event[-1] == 0.3


def test_keep_causes_censors_the_others():
    table = count_by_day(STOP, EVENT, START).keep_causes([2])
    assert table.any_event.tolist() == [0, 0, 0, 0, 1]
    assert table.censored.tolist() == [1, 0, 2, 1, 0]
    assert table.at_risk.tolist() == [4, 3, 4, 2, 1]


def test_keep_causes_refuses_an_unknown_cause():
    with pytest.raises(SurvivalError, match=r"No such cause: \[3\]; the table has 1 to 2") as raised:
        count_by_day(STOP, EVENT, START).keep_causes([1, 3])
    assert raised.value.code == "bad-event-code"


def test_at_risk_under_a_curve():
    # Day 0 is answered with day 1; after the last day there is nobody.
    assert at_risk_on(count_by_day(STOP, EVENT, START), [0, 1, 3, 5, 6]).tolist() == [4, 4, 4, 1, 0]


@pytest.mark.parametrize(
    ("code", "stop", "event", "start"),
    [
        ("empty", [], [], None),
        ("length-mismatch", [1, 2], [1], None),
        ("length-mismatch", [1, 2], [1, 0], [0]),
        ("length-mismatch", [1, 2], [1, 0], [0, 0, 0]),
        ("missing-values", [1, np.nan], [1, 0], None),
        ("missing-values", [1.0, np.inf], [1, 0], None),
        ("not-whole-numbers", [1.5, 2], [1, 0], None),
        ("not-numeric", ["one", "two"], [1, 0], None),
        ("not-numeric", np.array(["2020-01-01"], dtype="datetime64[D]"), [1], None),
        ("not-one-dimensional", [[1, 2]], [1, 0], None),
        ("negative-day", [1, 2], [1, 0], [-1, 0]),
        ("interval-order", [1, 2], [1, 0], [1, 0]),
        ("day-out-of-range", [20_110_707], [1], None),
        ("bad-event-code", [1, 2], [-1, 0], None),
        ("bad-event-code", [1, 2], [5000, 0], None),
    ],
)
def test_refuses(code, stop, event, start):
    with pytest.raises(SurvivalError) as raised:
        count_by_day(stop, event, start)
    assert raised.value.code == code


@pytest.mark.parametrize("weights", [[1, -1], [0, 0]])
def test_refuses_weights(weights):
    with pytest.raises(SurvivalError) as raised:
        count_by_day([1, 2], [1, 0], weights=weights)
    assert raised.value.code == "bad-weights"


def test_refuses_more_causes_than_declared():
    with pytest.raises(SurvivalError, match="event code 2 found, but only 1 causes were declared"):
        count_by_day([1, 2], [1, 2], n_causes=1)


def test_whole_numbers_kept_as_floats_are_days():
    assert count_by_day([1.0, 2.0], [True, False]).at_risk.tolist() == [2, 1]


def test_message_says_how_many_rows_are_wrong():
    with pytest.raises(SurvivalError, match="stop must come after start; 2 of 3 rows break this"):
        count_by_day([1, 2, 3], [1, 1, 1], [1, 2, 0])


def test_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(SurvivalError("empty", "Nothing.")))
    assert (error.code, str(error)) == ("empty", "Nothing.")
