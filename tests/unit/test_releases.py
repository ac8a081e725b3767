"""Between published releases, worked by hand: a count keeps its value until it has moved by 8, and what that hides."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from oatmill.disclosure import Officer, Plan, Release, build_release, plan_release, release
from oatmill.disclosure.book import Cell, build_book
from oatmill.disclosure.comparing import _way, add_release
from oatmill.disclosure.releases import Anchor
from oatmill.disclosure.worlds import known_too_closely
from oatmill.profiles import PROFILES
from oatmill.results import Result, counts, sums_by

MIDPOINT = Officer(PROFILES["midpoint6"], {})
REDACT = Officer(PROFILES["redact7_round5"], {})
CMS = Officer(PROFILES["cms11"], {})
ALL = pytest.mark.parametrize("officer", [MIDPOINT, REDACT, Officer(PROFILES["acro10"], {}), CMS])


def parts(*values: int, output: str = "parts") -> Result:
    """Clients of a population by level (a, b, c ...): the levels add up to it."""
    levels = dict(zip("abcdefghij", values, strict=False))
    frame = counts(levels, estimand="clients", population="starters", group="g", n=sum(values))
    return Result(output, "counts", frame, sums=sums_by(frame, ["group"], "estimate"))


def alone(value: int) -> Result:
    """One count of events, in no sum: `value` exits."""
    return Result("exits", "counts", counts({"": value}, estimand="exits", population="p"))


def curve(exits: dict[int, int], size: int, output: str = "curve") -> Result:
    """`size` clients, of whom so many leave on each day; the others are followed to day 400."""
    days = np.array(sorted({*exits, 400}))
    events = np.array([exits.get(int(day), 0) for day in days])
    n = size - np.concatenate([[0], np.cumsum(events)[:-1]])
    frame = pd.DataFrame(
        {"day": days, "n": n, "events": events, "censored": np.where(days == 400, size - sum(exits.values()), 0)}
    )
    same = {"estimand": "retention", "definition": "ret_km|gap30", "population": "starters", "term": ""}
    return Result(output, "curve", frame.assign(**same))


class Publisher:
    """Reports made and published one after another, each with heed to the last."""

    def __init__(self, officer: Officer = MIDPOINT):
        self.officer, self.last, self.plan = officer, None, Plan()

    def publish(self, *results: Result) -> list[float]:
        """Publish; hands back the estimates that readers see. The release goes through JSON, as on disk."""
        self.plan = Plan.from_json(json.loads(json.dumps(plan_release(results, self.officer, self.last).to_json())))
        told = build_release(f"r{self.number}", results, self.officer, self.plan, self.last).to_json()
        self.last = Release.from_json(json.loads(json.dumps(told)))
        return [value for result in results for value in self.frame(result)["estimate"]]

    @property
    def number(self) -> int:
        return 1 + int(self.last.name[1:]) if self.last else 1

    def frame(self, result: Result) -> pd.DataFrame:
        return release(result, self.officer.profile.name, self.plan).frame

    def series(self, *values: int) -> list[float]:
        return [self.publish(alone(value))[0] for value in values]


def too_close(results: list[Result], officer: Officer, plan: Plan, last: Release) -> list:
    """What is known too closely by those who compare."""
    book = build_book(results, officer.roundings(results, plan))
    add_release(book, last, plan, officer.profile)
    return list(known_too_closely(book, officer.profile))


# The rule of 8


def test_without_the_rule_two_releases_reveal_one_client_with_it_they_do_not():
    """Of a site's clients 6 have HIV, shown as 3 (1-6). One client starts, and everybody there knows who; now they
    are 7, which would be shown as 9 (7-12). Only 6 and then 7 fit both, so the one who started has HIV. With the rule
    readers see 3 twice, and the second is 0 to 13."""
    assert release(alone(6), "midpoint6").one(estimand="exits")["estimate"] == 3
    assert release(alone(7), "midpoint6").one(estimand="exits")["estimate"] == 9
    publisher = Publisher()
    assert publisher.series(6, 7) == [3, 3]
    key = next(iter(publisher.plan.kept))
    assert publisher.last.book.cells[key] == Cell(7, 0, 13)


def test_moved_by_7_it_keeps_its_value_moved_by_8_it_has_a_new_one():
    assert Publisher().series(20, 27) == [21, 21]
    assert Publisher().series(20, 28) == [21, 27]
    assert Publisher().series(20, 13) == [21, 21]
    assert Publisher().series(20, 12) == [21, 9]


def test_small_steps_are_measured_from_the_anchor():
    """5 a time: 20, 25 (kept), 30: ten from 20, though five from the last. Then 30 is the anchor."""
    assert Publisher().series(20, 25, 30, 35, 37, 38) == [21, 21, 27, 27, 27, 39]


def test_a_count_that_comes_back_has_the_value_that_it_had_there():
    """Else the first and the third release would say 6, then 7. The last anchor goes first: 12 is near 6 and near 16."""
    assert Publisher().series(6, 16, 7) == [3, 15, 3]
    assert Publisher().series(6, 16, 12, 7, 12) == [3, 15, 15, 3, 3]


def test_a_zero_is_kept_as_zero_and_says_0_to_7():
    publisher = Publisher()
    assert publisher.series(0, 7) == [0, 0]
    key = next(iter(publisher.plan.kept))
    assert publisher.last.book.cells[key] == Cell(7, 0, 7)
    assert publisher.series(8) == [9]
    assert Publisher().series(3, 0) == [3, 3]


def test_a_count_without_a_value_is_not_given_one():
    """`n` of the second row is not known, whatever is kept under the key of its population."""
    frame = counts({"a": 30, "b": 40}, estimand="clients", population="p").assign(n=[70, np.nan])
    publisher, result = Publisher(), Result("x", "counts", frame)
    publisher.publish(result)
    publisher.publish(result)
    assert publisher.frame(result)["n"].tolist()[0] == 69
    assert np.isnan(publisher.frame(result)["n"].tolist()[1])


@ALL
def test_the_same_data_again_change_no_number(officer):
    publisher = Publisher(officer)
    results = [parts(38, 1, 1, 1), curve({3: 2, 9: 9, 40: 30}, 200), alone(5)]
    publisher.publish(*results)
    before = [publisher.frame(each).drop(columns="reason") for each in results]
    publisher.publish(*results)
    for result, frame in zip(results, before, strict=True):
        pd.testing.assert_frame_equal(publisher.frame(result).drop(columns="reason"), frame)
    assert publisher.plan.after == "r1"


# Nothing shown is a value as well


def test_what_the_profile_hid_stays_hidden():
    """7 is hidden (1-7), 8 would be 10 (8-12): together 7 and then 8. 14 is hidden still, 15 is 15."""
    assert np.isnan(Publisher(REDACT).series(7, 8, 14)).all()
    assert Publisher(REDACT).series(7, 15)[1] == 15
    assert Publisher(REDACT).series(8, 7) == [10, 10]


def test_what_was_hidden_looks_the_same():
    """Another reason under the number would tell that it has passed the threshold."""
    publisher, reasons = Publisher(REDACT), []
    for value in (7, 8):
        publisher.publish(alone(value))
        reasons += publisher.frame(alone(value))["reason"].tolist()
    assert reasons == ["count too small"] * 2


def test_what_the_plan_withheld_stays_withheld_until_it_has_moved():
    """38 was withheld, as it would have given another count away; nothing of today asks for that any more."""
    key = ("", "starters", "", "", "g", "a", "", "", "")
    last = build_release("r1", [parts(38, 30)], MIDPOINT, Plan(withheld=frozenset({key})), None)
    assert plan_release([parts(38, 30)], MIDPOINT) == Plan()
    kept = plan_release([parts(45, 30)], MIDPOINT, last)
    assert kept.withheld == {key}
    (row,) = release(parts(45, 30), "midpoint6", kept).where(level="a").to_dict("records")
    assert (row["status"], row["reason"]) == ("withheld", "withheld because other numbers would reveal it")
    assert plan_release([parts(46, 30)], MIDPOINT, last).withheld == frozenset()


def test_a_wider_class_stays_wide():
    """The total of five small parts, 21, is 18 (13-24). 28 would be 27, and nothing would ask for a wider class."""
    publisher, first, later, last = Publisher(), parts(5, 4, 4, 4, 4), parts(6, 6, 6, 5, 5), parts(6, 6, 6, 6, 5)
    publisher.publish(first)
    assert publisher.frame(first)["n"].tolist() == [18] * 5
    assert plan_release([later], MIDPOINT) == Plan()
    publisher.publish(later)
    assert list(publisher.plan.widened.values()) == [2]
    assert publisher.frame(later)["n"].tolist() == [18] * 5
    publisher.publish(last)
    assert publisher.plan.widened == {}
    assert publisher.frame(last)["n"].tolist() == [27] * 5


def test_nothing_that_was_seen_is_forgotten():
    """A chapter that one release lacks: its counts are compared with the release before."""
    publisher = Publisher()
    publisher.publish(alone(6))
    publisher.publish(parts(30, 40))
    assert publisher.series(7) == [3]


# Curves


def test_days_of_a_curve_keep_their_values():
    """60 left by day 90, shown as 57 (55-60); one client more who left by then would make it 63."""
    publisher = Publisher()
    events = {30: 30, 90: 30}
    publisher.publish(curve(events, 300))
    first = publisher.frame(curve(events, 300))
    publisher.publish(curve({30: 30, 90: 31}, 301))
    pd.testing.assert_frame_equal(publisher.frame(curve({30: 30, 90: 31}, 301)), first)
    publisher.publish(curve({30: 30, 90: 38}, 308))
    assert publisher.frame(curve({30: 30, 90: 38}, 308))["events"].sum() == 69


def test_a_new_day_of_a_curve_has_the_value_of_the_day_before():
    """Nobody had left before day 30; one client who leaves on day 5 makes no step there."""
    publisher = Publisher()
    publisher.publish(curve({30: 30}, 300))
    publisher.publish(curve({5: 1, 30: 30}, 301))
    assert publisher.frame(curve({5: 1, 30: 30}, 301))["day"].min() == 30


def test_a_curve_in_wide_classes_stays_in_them():
    publisher = Publisher()
    publisher.publish(curve({30: 30}, 300))
    whole = ("curve ret_km", "starters", "gap30", "", "", "", "", "", "")
    plan = Plan(widened={whole: 2})
    last = build_release("r", [curve({30: 30}, 300)], MIDPOINT, plan, None)
    assert plan_release([curve({30: 31}, 301)], MIDPOINT, last).widened == {whole: 2}
    assert release(curve({30: 31}, 301), "midpoint6", plan).frame["events"].max() == 30


# What comparing tells


@pytest.mark.parametrize(
    ("now", "released", "way"),
    [
        (Cell(20, 19, 24), 9, (8, 10**6)),  # 7-12, now 19-24: only up
        (Cell(3, 1, 6), 15, (-(10**6), -8)),  # 13-18, now 1-6: only down
        (Cell(11, 7, 12), 3, (8, 10**6)),  # 1-6, now 7-12: neighbours
    ],
)
def test_a_changed_value_tells_the_direction(now, released, way):
    anchor = Anchor({9: 8, 15: 14, 3: 2}[released], released)
    assert _way(now, anchor, None, PROFILES["midpoint6"]) == way


def test_in_wide_classes_a_changed_value_need_not_tell_the_direction():
    """24 in 1-24, now 8 in 7-12: 8 less than 24, but 12 may also be 11 more than 1."""
    assert _way(Cell(8, 7, 12), Anchor(24, 12, times=4), None, PROFILES["midpoint6"]) == (-(10**6), 10**6)


def test_a_change_that_would_tell_both_counts_is_refused_its_value():
    """Under cms11 1 is hidden (1-10), 12 would be 10 (11-12), and a changed value has moved by 11 or more: only 1 and
    12 fit. So 12 is not shown in its class."""
    publisher = Publisher(CMS)
    publisher.publish(alone(1))
    naive = Plan(after="r1")
    assert too_close([alone(12)], CMS, naive, publisher.last)
    plan = plan_release([alone(12)], CMS, publisher.last)
    assert plan.widened or plan.withheld
    assert too_close([alone(12)], CMS, plan, publisher.last) == []


@ALL
def test_programmes_that_grow_and_shrink_give_nobody_away(officer):
    """Whatever happens between releases: a plan is found, and those who compare know no small count too closely."""
    random = np.random.default_rng(7)
    for _programme in range(2):
        publisher, values = Publisher(officer), random.integers(0, 30, 4)
        for _release in range(3):
            results = [parts(*map(int, values)), alone(int(values[0]) + 1)]
            before = publisher.last
            publisher.publish(*results)
            if before:
                assert too_close(results, officer, publisher.plan, before) == []
            values = np.maximum(values + random.integers(-6, 14, 4), 0)


def test_a_release_survives_json():
    publisher = Publisher(REDACT)
    results = [parts(38, 1, 1, 1), curve({3: 2, 40: 30}, 200)]
    publisher.publish(*results)
    assert build_release("r1", results, REDACT, publisher.plan) == publisher.last
    assert publisher.last.to_json()["anchors"]


def test_readers_are_told_what_a_kept_value_means():
    publisher = Publisher()
    publisher.series(6, 7)
    notes = release(alone(7), "midpoint6", publisher.plan).notes
    assert any("moved by less than 8" in note for note in notes)
