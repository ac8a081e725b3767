"""Small books drawn by hand, each with a hole that rounding alone leaves, and what the plan makes of it.

A book is drawn as lines: an output, who is counted and how many, and the parts. What the attacker must find without
the plan is worked out in the comment above; with the plan nothing may be left. Under `midpoint6` 1-6 is shown as 3,
7-12 as 9; under `redact7_round5` 1-7 is hidden and 43-47 is shown as 45.
"""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from helpers.attacker import RULES, Narrowed, Settings, attack, read_book
from helpers.programmes import book_of, random_programme
from helpers.published import exact_rows, planned, published_rows

from oatmill.cohort import Cohort
from oatmill.disclosure import Plan, release
from oatmill.registry import estimate_registry_ledger, estimate_registry_person_time
from oatmill.registry.ledger import build_ledger_from_spells
from oatmill.results import Result, Sum, sums_by
from oatmill.retention import estimate_retention
from oatmill.retention.yearly import sums_of_parts
from oatmill.study import Definitions

USUAL = Settings()
WHO = {"population": "starters", "definition": "cohort|gap30"}


def draw(text: str) -> list[Result]:
    """`exit_reasons 6: death 1, prison 2 ...`, one output a line; parts add up to the number before them."""
    return [_DRAWN[line.split()[0]](line) for line in map(str.strip, text.strip().splitlines())]


def _parts(line: str) -> tuple[int, dict[str, int]]:
    head, _, tail = line.partition(":")
    parts = (part.rsplit(" ", 1) for part in tail.split(","))
    return int(head.split()[-1]), {name.strip(): int(number) for name, number in parts}


def _exits(line: str) -> Result:
    n, parts = _parts(line)
    frame = pd.DataFrame({"level": list(parts), "estimate": list(parts.values()), "n": n})
    frame = frame.assign(estimand="clients", group="exit_reason", unit="clients", **WHO)
    return Result("exit_reasons", "counts", frame, sums=sums_by(frame, ["group"], "estimate"))


def _shares(line: str) -> Result:
    n, parts = _parts(line)
    frame = pd.DataFrame({"group": line.split()[1], "level": list(parts), "events": list(parts.values()), "n": n})
    frame = frame.assign(estimand="share", unit="proportion", estimate=frame["events"] / n, **WHO)
    return Result("characteristics", "proportions", frame, sums=sums_by(frame, ["group"], "events"))


def _ages(line: str) -> Result:
    n = int(line.rsplit(maxsplit=1)[-1])
    rows = pd.DataFrame(
        {"estimand": ["mean_age", "sd_age"], "estimate": [35.0, 9.0], "se": [9 / n**0.5, 9 / (2 * n) ** 0.5]}
    )
    who = WHO | {"population": "starters whose age is known"}
    return Result("mean_age", "means", rows.assign(n=n, unit="years", **who))


def _model(line: str) -> Result:
    n, parts = _parts(line)
    frame = pd.DataFrame({"level": list(parts), "estimate": list(parts.values()), "n": n})
    frame = frame.assign(estimand="clients", group="dose_model", day=29, unit="clients", **WHO)
    at = {name: ((place, "estimate"),) for place, name in enumerate(parts)}
    sums = (Sum(((0, "n"),), at["left_before"] + at["at_risk"]), Sum(at["at_risk"], at["in_model"] + at["left_out"]))
    return Result("dose_clients", "counts", frame, sums=sums)


def _carried(line: str) -> Result:
    row = {
        "estimate": 0.1,
        "n": int(line.rsplit(maxsplit=1)[-1]),
        "estimand": "carried_share",
        "population": "clients at risk",
    }
    return Result("dose_carried", "means", pd.DataFrame([row]).assign(unit="proportion of client-days"))


def _rows(line: str) -> Result:
    n, parts = _parts(line)
    frame = pd.DataFrame({"estimand": ["rows_read", *parts], "estimate": [n, *parts.values()]})
    sums = (Sum(((0, "estimate"),), ((1, "estimate"), (2, "estimate"))),)
    return Result("ledger", "counts", frame.assign(level="doses", group="table", unit="rows"), sums=sums)


def _checks(line: str) -> Result:
    _n, parts = _parts(line)
    frame = pd.DataFrame({"level": list(parts), "term": list(parts), "estimate": list(parts.values())})
    return Result("checks", "counts", frame.assign(group="doses", model="quarantine", estimand="check", unit="rows"))


def _followed(line: str) -> Result:
    n, parts = _parts(line)
    frame = pd.DataFrame({"estimand": "retention", "day": 30, "period": list(parts), "events": list(parts.values())})
    who = {"population": "starters followed for 30 days", "definition": "ret_fixed|gap30"}
    return Result(
        "retention_fixed", "proportions", frame.assign(n=n, estimate=frame["events"] / n, unit="proportion", **who)
    )


def _december(line: str) -> Result:
    """Clients with a dose in December; of each part 40 more had one in the year."""
    kept, parts = _parts(line)
    who = "clients with a dose in 2019 who did not die in it"
    rows = [{"population": who, "n": kept + 40 * len(parts), "events": kept}]
    rows += [
        {"population": f"{who}: {name}", "n": k + 40, "events": k, "group": "entry", "level": name}
        for name, k in parts.items()
    ]
    frame = pd.DataFrame(rows).assign(estimand="december", definition="december|gap30", period="2019")
    return Result(
        "retention_december", "proportions", frame.assign(unit="proportion"), sums=tuple(sums_of_parts(len(rows)))
    )


def _quarters(line: str) -> Result:
    n, parts = _parts(line)
    frame = pd.DataFrame({"period": list(parts), "estimate": list(parts.values()), "n": n})
    frame = frame.assign(estimand="starters", unit="clients", **WHO)
    return Result("starters_by_quarter", "counts", frame, sums=sums_by(frame, ["estimand"], "estimate"))


_DRAWN = {
    "exit_reasons": _exits,
    "characteristics": _shares,
    "mean_age": _ages,
    "dose_clients": _model,
    "dose_carried": _carried,
    "retention_fixed": _followed,
    "retention_december": _december,
    "starters_by_quarter": _quarters,
    "ledger": _rows,
    "checks": _checks,
}


def curve(people: str, *, group: str | None = None, window: int | None = None) -> Result:
    """`12m 12f 30m+ 60x30+`: time in treatment, sex, `+` while still in treatment; `60x` stands for sixty alike."""
    rows = [word.partition("x")[::2] if "x" in word else ("1", word) for word in people.split()]
    times = [(int(n), word) for n, word in rows]
    frame = pd.DataFrame(
        [
            {"time": int(word.rstrip("mf+")), "sex": word.rstrip("+")[-1], "event": 0 if word.endswith("+") else 6}
            for n, word in times
            for _ in range(n)
        ]
    )
    frame["sex"] = frame["sex"].where(frame["sex"].isin(["m", "f"]))
    cohort = Cohort(frame.assign(entry=0, client=range(len(frame))), (), ends="gap30")
    definitions = Definitions(horizons=(30, 90), follow_up_days=window, look_ahead=window is not None)
    return estimate_retention(cohort, definitions, group=group)


def found(results: list[Result], profile: str, plan: Plan, settings: Settings = USUAL) -> dict[str, tuple[int, ...]]:
    """What the attacker finds: the last words of each count's name -> the values left for it."""
    reader = read_book(published_rows(results, profile, plan), RULES[profile], settings)
    truth = read_book(exact_rows(results), RULES["none"], settings, reader.days).system.values()
    narrowed: tuple[Narrowed, ...] = attack(reader.system, truth, RULES[profile].protected).narrowed
    return {" ".join(each.count[-2:]).strip(): each.possible for each in narrowed}


def holes(results: list[Result], profile: str = "midpoint6", settings: Settings = USUAL) -> tuple[dict, dict]:
    """What is found with the plan switched off, and with it."""
    return (
        found(results, profile, Plan(), settings),
        found(results, profile, planned(results, profile), settings),
    )


def test_a_total_of_six_gives_five_parts_away():
    """Five parts of at least 1 each within 5-6: each is 1 or 2, together they are 5 or 6."""
    book = draw("exit_reasons 6: death 1, prison 1, administrative 1, dropout 1, in_treatment 2")
    without, with_plan = holes(book)
    assert without["exit_reason death"] == (1, 2)
    assert without["starters gap30"] == (5, 6)
    assert with_plan == {}


def test_a_hidden_count_is_the_total_less_the_rest():
    """63 is shown as 65 (63-67), 57 as 55 (53-57): the hidden 6 lies within 6-14, and is hidden, so at most 7."""
    without, with_plan = holes(draw("characteristics sex 63: male 57, missing 6"), "redact7_round5")
    assert without["sex missing"] == (6, 7)
    assert with_plan == {}


def test_two_tables_of_one_population():
    """Each table alone leaves the total 16-18 (seven parts, or 13-15 ...): together they meet.

    Sexes: 13-18 less 1-6 ... leaves each sex wide. Ages: six parts of 1-6 in 13-18. The total is common to both, so a
    part of one table moves with a part of the other, and neither falls below three values.
    """
    book = draw("""characteristics sex 15: male 9, female 6
                   exit_reasons 15: death 1, prison 2, administrative 2, dropout 4, in_treatment 6""")
    assert holes(book) == ({}, {})


def test_curves_by_sex_and_of_all():
    """On day 12 nobody but one woman has left: each curve says 1-6, and the men's says 0 until day 30."""
    people = "12f 30m 30m 30m 30m 30m 30m 60x90m+ 60x90f+"
    assert holes([curve(people), curve(people, group="sex")]) == ({}, {})


def test_a_group_whose_curve_shows_no_row():
    """Twenty men are followed for 10 days and nobody leaves: no row of theirs is shown.

    Of the 20 whose follow-up has ended by day 29 none is of unknown sex, though the women's curve leaves all 20 over.
    """
    book = [
        *(curve("20x10m+ 60x90f+", group=group) for group in (None, "sex")),
        *draw("characteristics sex 80: m 20, f 60"),
    ]
    assert holes(book) == ({}, {})


def test_rows_set_aside_are_the_sum_of_their_reasons():
    """Five reasons within 1-6 rows: 1 or 2 each."""
    book = draw("""ledger 1006: rows_kept 1000, rows_quarantined 6
                   checks 6: no_client 1, no_date 1, after_death 1, duplicate 1, after_cut 2""")
    without, with_plan = holes(book)
    assert without["doses no_client"] == (1, 2)
    assert with_plan == {}


def test_clients_whose_age_is_known():
    """63 is shown as 65 (63-67), the 57 behind the mean as 55 (53-57): 6 or 7 have no age."""
    book = draw("""characteristics age 63: 25-29 20, 30-34 20, 35-39 17, missing 6
                   mean_age 57""")
    without, with_plan = holes(book, "redact7_round5")
    assert without["age missing"] == (6, 7)
    assert with_plan == {}


def test_clients_in_the_model_stand_elsewhere_too():
    """63 at risk are shown as 65 (63-67), 57 in the model as 55 (53-57): 6 or 7 were left out."""
    book = draw("""dose_clients 103: left_before 40, at_risk 63, in_model 57, left_out 6
                   dose_carried 57""")
    without, with_plan = holes(book, "redact7_round5")
    assert without["dose_model left_out"] == (6, 7)
    assert with_plan == {}


def test_the_curve_on_the_day_before_risk_starts():
    """Under a window of 28 days nobody's follow-up ends before day 28: who left by then is who left before risk.

    n = 103 (103-108), left before = 37 (37-42), at risk = 66 (61-66): together 98-108, so n is at most 108 and the
    left-before 37-42. The curve: 37 left by day 28 (37-42), 0 no longer followed.
    """
    book = [curve("37x20m 66x90m+"), *draw("dose_clients 103: left_before 37, at_risk 66, in_model 60, left_out 6")]
    without, with_plan = holes(book)
    assert with_plan == {}
    assert without == {}


def test_a_window_in_which_everybody_is_followed():
    """Of 60, six leave by day 90, the end of the window: the curve says 1-6, and five reasons share them: 1 or 2."""
    book = [
        curve("10m 20m 40m 50m 60m 70m 54x90m+", window=90),
        *draw("exit_reasons 60: death 1, prison 1, administrative 1, completed_taper 1, dropout 2, in_treatment 54"),
    ]
    without, with_plan = holes(book, settings=Settings(follow_up_days=90))
    assert without["exit_reason death"] == (1, 2)
    assert with_plan == {}


def test_nobody_started_too_late_to_be_followed():
    """Of 61-66, at least 31, 13 and 19 are in the larger parts: 3 are left for two small ones, each 1 or 2.

    A wider class for the 66 helps only where those followed for 30 days have it too: all started in 2019, so by
    2 May 2020 all had, and the two are one number.
    """
    book = [
        curve("5x20m 61x90m+"),
        *draw("""characteristics housing 66: own 31, rented 13, with family 19, none 1, missing 2
                 starters_by_quarter 66: 2019Q1 30, 2019Q2 36
                 retention_fixed 66: 2020-05-02 61"""),
    ]
    without, with_plan = holes(book, settings=Settings(data_cut=dt.date(2020, 6, 30)))
    assert without["housing none"] == (1, 2)
    assert with_plan == {}


def test_person_time_tells_no_more_than_the_stock_that_is_shown():
    """41 of 42 stay from 2019 to the end of 2021: exactly 41 person-years in 2021, however rounded at least 40.

    With 42 enrolled in 2019, shown as 39 (37-42), at most two would have left. The stock is shown as 39 at both ends,
    so 39 person-years are shown: what 37 to 42 would show as well.
    """
    day = (dt.date(2019, 2, 1) - dt.date(1970, 1, 1)).days
    spells = pd.DataFrame({"client": range(42), "enrolled_day": day})
    spells["left_day"] = pd.array([day + 90, *[None] * 41], "Int64")
    ledger = build_ledger_from_spells(spells, (dt.date(2021, 12, 31) - dt.date(1970, 1, 1)).days)
    shown = release(estimate_registry_ledger(ledger), "midpoint6")
    time = release(estimate_registry_person_time(ledger, shown), "midpoint6").one(period="2021")["estimate"]
    assert time == pytest.approx(39 * 365 / 365.25)


def test_yearly_increments_of_a_growing_programme():
    """63 is shown as 65 (63-67), 71 and 72 as 70 (68-72): 8 new (8-12) make the 71 at least 71, so 72 has one new."""
    from oatmill.programme import Programme, estimate_flows, estimate_indicators

    years = pd.DataFrame(
        {"clients_cumulative": [63.0, 71, 72], "clients_year_end": [63.0, 71, 72]}, index=[2018, 2019, 2020]
    )
    own = Programme("P", "own", years.rename_axis("year"), {}, public=False)
    without, with_plan = holes([*estimate_indicators(own), estimate_flows(own)], "redact7_round5")
    assert without["new 2020"] == (1,)
    assert with_plan == {}


def test_the_parts_of_december_are_all():
    """63 are shown as 65 (63-67), the 57 carried over as 55 (53-57): of the first entrants 6 or 7 had a dose in December."""
    without, with_plan = holes(draw("retention_december 63: carried_over 57, first_entrants 6"), "redact7_round5")
    assert (6, 7) in without.values()
    assert with_plan == {}


def test_a_part_in_a_finer_class_than_its_whole():
    """The whole is widened, the part is cut to it: the plan must not take what is seen for the part's own class."""
    assert planned(book_of(random_programme(39)), "redact7_round5").widened
