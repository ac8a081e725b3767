"""The plan for the whole book, worked by hand: what adds up must not give a small count away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oatmill.disclosure import Officer, Plan, plan_release, release, shown_differently
from oatmill.disclosure.book import FAR, build_book
from oatmill.disclosure.keys import Key, all_keys
from oatmill.disclosure.worlds import Worlds, known_too_closely
from oatmill.errors import DisclosureRefused
from oatmill.profiles import PROFILES
from oatmill.results import Result, Sum, counts, sums_by
from oatmill.store import bundle

MIDPOINT = Officer(PROFILES["midpoint6"], {})
REDACT = Officer(PROFILES["redact7_round5"], {})


def parts(*values: int, population: str = "starters", group: str = "g", output: str = "parts") -> Result:
    """Clients of a population by level (a, b, c ...): the levels add up to it."""
    levels = dict(zip("abcdefghij", values, strict=False))
    frame = counts(levels, estimand="clients", population=population, group=group, n=sum(values))
    return Result(output, "counts", frame, sums=sums_by(frame, ["group"], "estimate"))


def book_of(*results: Result, officer: Officer = MIDPOINT, plan: Plan = Plan()):
    return build_book(results, officer.roundings(results, plan))


def close(*results: Result, officer: Officer = MIDPOINT, plan: Plan = Plan()) -> list[Key]:
    return list(known_too_closely(book_of(*results, officer=officer, plan=plan), officer.profile))


def shown(result: Result, officer: Officer, plan: Plan) -> list[float]:
    return release(result, officer.profile.name, plan).frame["estimate"].tolist()


# What is known too closely


def test_one_count_in_its_class_is_safe():
    assert close(parts(3, 40)) == []


def test_a_total_of_six_gives_five_parts_away():
    """Each part is at least 1 and the total at most 6: the total is 5 or 6, each part 1 or 2."""
    assert {key[5] for key in close(parts(1, 1, 1, 1, 2)) if not key[0]} == {"", *"abcde"}


def test_four_parts_are_safe():
    """Four parts of at least 1 within 4 to 6: each may be 1, 2 or 3."""
    assert close(parts(1, 1, 1, 2)) == []


def test_one_hidden_count_is_total_less_the_rest():
    """42 is shown as 40 (38-42), the total 45 as 45 (43-47): the hidden one is 1 to 7. Of 43, shown as 45, and 42,
    shown as 40: 1 to 7 again. Two hidden in 42 with 40 beside them: 38-42 less 38-42 is at most 4, so 1 to 3 each.
    Three hidden: at most 2 each."""
    assert close(parts(42, 3), officer=REDACT) == []
    assert close(parts(39, 1, 1), officer=REDACT) == []
    assert {key[5] for key in close(parts(38, 1, 1, 1), officer=REDACT)} >= {"b", "c", "d"}


def test_counts_are_one_wherever_they_stand():
    """Two splits of one total: the first leaves it at 6 or less, the second has five parts."""
    first, second = parts(6, group="x", output="x"), parts(1, 1, 1, 1, 2, group="y", output="y")
    assert close(first) == []
    assert {key[5] for key in close(first, second) if key[4] == "y"} == set("abcde")


def test_the_rest_of_a_population_is_a_count_too():
    """Of 6 followed one by one: 5 retained is shown as 3 (1-6) of 3 (1-6), so 0 to 5 were not: safe."""
    frame = pd.DataFrame([{"estimand": "retained", "population": "followed", "events": 5, "n": 6}])
    assert close(Result("x", "proportions", frame)) == []


def test_yearly_growth_by_one_is_given_away_by_the_two_ends():
    """Clients ever enrolled 7, 8, 9, 10, 11, 12 are all shown as 9 (7-12), and each year's new client as 3 (1-6):
    five years of at least 1 within 5 leave 1 for each."""
    ever = pd.DataFrame({"period": list("012345"), "estimate": [7.0, 8, 9, 10, 11, 12], "estimand": "ever"})
    new = pd.DataFrame({"period": list("12345"), "estimate": 1.0, "estimand": "new"})
    frame = pd.concat([ever, new], ignore_index=True).assign(unit="clients", population="p")
    sums = tuple(Sum(((k, "estimate"),), ((k - 1, "estimate"), (k + 5, "estimate"))) for k in range(1, 6))
    found = close(Result("flows", "counts", frame, sums=sums))
    assert [key[8] for key in found if key[0] == "new"] == list("12345")


def test_curves_of_a_group_add_up_to_the_curve_of_all():
    """100 clients in five sites of 20 and one exit in each by day 3, five in all: 5 to 6, so 1 or 2 in each."""
    day = np.arange(1, 4)
    rows = []
    for level, size, events in [("", 100, [5, 0, 0]), *((site, 20, [1, 0, 0]) for site in "abcde")]:
        n = size - np.concatenate([[0], np.cumsum(events)[:-1]])
        rows.append(pd.DataFrame({"day": day, "n": n, "events": events, "censored": 0, "level": level}))
    frame = pd.concat(rows).assign(estimand="retention", definition="ret_km|gap30", population="starters", term="")
    frame["group"] = np.where(frame["level"] == "", "", "site")
    open_ended = Officer(PROFILES["midpoint6"].without("curve_at_risk"), {})
    assert {key[5] for key in close(Result("c", "curve", frame), officer=open_ended)} >= set("abcde")
    assert not {key[5] for key in close(Result("c", "curve", frame))} & set("abcde")  # fewer than 50: no curve


# The plan


def test_the_plan_shows_the_total_in_a_wider_class():
    """6 as 6 (1-12): five parts of 1-6 within 5 to 12 may each be 1 to 6."""
    result = parts(1, 1, 1, 1, 2)
    plan = plan_release([result], MIDPOINT)
    assert list(plan.widened.values()) == [2]
    assert close(result, plan=plan) == []
    assert shown(result, MIDPOINT, plan) == [3, 3, 3, 3, 3]
    assert release(result, "midpoint6", plan).frame["n"].tolist() == [6] * 5


def test_being_wider_tells_nothing():
    """With five small parts every total from 5 to 24 is shown in a class of 12, so that does not mean "6 or less"."""
    totals = [(1, 1, 1, 1, last) for last in (1, 2, 3, 6)] + [(3, 3, 3, 3, 3), (6, 6, 4, 4, 4)]
    plans = [plan_release([parts(*values)], MIDPOINT) for values in totals]
    assert all(list(plan.widened.values()) == [2] for plan in plans)
    beyond = parts(6, 6, 6, 6, 6)  # 30, in another class of 24
    assert plan_release([beyond], MIDPOINT) == Plan()


@pytest.mark.parametrize("officer", [MIDPOINT, REDACT, Officer(PROFILES["acro10"], {}), Officer(PROFILES["cms11"], {})])
@pytest.mark.parametrize("values", [(38, 1, 1, 1), (1,) * 6, (1,) * 10, (7, 7, 1), (43, 2), (500, 1, 1, 1, 1, 1)])
def test_with_the_plan_no_small_count_is_known_too_closely(officer, values):
    result = parts(*values)
    assert close(result, officer=officer, plan=plan_release([result], officer)) == []


def test_nothing_is_changed_where_nothing_is_given_away():
    assert plan_release([parts(2000, 500, 30)], MIDPOINT) == Plan()


def test_published_figures_are_no_part_of_the_plan():
    frame = counts({"a": 1, "b": 1, "c": 1, "d": 1, "e": 2}, estimand="clients", n=6)
    assert plan_release([Result("x", "counts", frame, public=True)], MIDPOINT) == Plan()


def test_one_count_has_one_value_in_the_whole_book():
    one, same, other = parts(20, output="x"), parts(20, output="y"), parts(21, output="z")
    assert plan_release([one, same], MIDPOINT) == Plan()
    with pytest.raises(DisclosureRefused, match="starters"):
        plan_release([one, other], MIDPOINT)


def test_sums_that_are_wrong_are_an_error_of_ours():
    frame = counts({"a": 3, "b": 3}, estimand="clients", n=9, group="g")
    with pytest.raises(RuntimeError, match="do not"):
        plan_release([Result("x", "counts", frame, sums=sums_by(frame, ["group"], "estimate"))], MIDPOINT)


def test_a_plan_survives_json():
    key = next(iter(all_keys(parts(3))))
    plan = Plan(widened={key: 2}, withheld=frozenset({key}))
    assert Plan.from_json(plan.to_json()) == plan


def test_only_pages_with_a_changed_count_differ():
    small, other = parts(1, 1, 1, 1, 2), parts(40, 60, population="others", output="y")
    plan = plan_release([small, other], MIDPOINT)
    assert shown_differently(small, Plan(), plan)
    assert not shown_differently(other, Plan(), plan)
    assert not shown_differently(small, plan, plan)


def test_worlds_by_hand():
    """a + b = 7 to 12 with a in 1-6 and b in 7-12: a is 1 to 5, b 7 to 11."""
    book = book_of(parts(1, 8))
    keys = sorted(book.cells)
    worlds = Worlds(book, keys)
    a = next(key for key in keys if key[5] == "a" and not key[0])
    assert (worlds.least({a: 1})[a], worlds.least({a: -1})[a]) == (1, 5)
    assert worlds.allows(a, 3)
    assert not worlds.allows(a, 6)
    assert FAR > 1e5


def test_the_example_of_the_page_on_disclosure_control():
    """book/disclosure.md works this clinic through: each number it gives is made here."""
    exits = parts(1, 1, 1, 1, 2, population="exits")
    page = (bundle() / "book" / "disclosure.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[2:4]] for line in page.splitlines() if line.endswith("1 to 6 |")]
    assert rows == [["1", "3"]] * 4 + [["2", "3"], ["6", "3"]]
    assert [PROFILES["midpoint6"].count(int(true)) for true, _shown in rows] == [3] * 6
    assert {key[5] for key in close(exits) if not key[0]} == {"", *"abcde"}
    for reasons in ((1, 1, 1, 1, 1), (1, 1, 1, 1, 6), (3, 3, 2, 2, 2)):  # 5, 10 and 12 exits
        plan = plan_release([parts(*reasons, population="exits")], MIDPOINT)
        assert release(exits, "midpoint6", plan).frame["n"].iloc[0] == 6, reasons
