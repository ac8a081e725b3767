"""A ledger balances, whatever the spells: by year and by month, for the whole and for its parts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oatmill.registry import build_ledger_from_counts, build_ledger_from_spells, rate_per_100_person_years
from oatmill.registry.ledger import ENTERED, LEFT
from oatmill.schema import ENROLMENT_TYPES, EXIT_REASONS

CUT = 900  # days since 1970-01-01
SPELL = st.tuples(
    st.integers(0, 20),
    st.integers(0, CUT),
    st.one_of(st.none(), st.integers(0, 500)),
    st.sampled_from([*ENROLMENT_TYPES, None]),
    st.sampled_from([*EXIT_REASONS, None]),
    st.sampled_from(["A", "B"]),
)


def frame_of(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["client", "enrolled_day", "length", "enrolment_type", "exit_reason", "site_id"])
    frame["left_day"] = (frame["enrolled_day"] + frame["length"]).astype("Float64").astype("Int32")
    return frame


def flows(ledger: pd.DataFrame, prefix: str) -> pd.Series:
    return ledger[[name for name in ledger if name.startswith(prefix)]].sum(axis=1)


spells = st.lists(SPELL, min_size=1, max_size=40).map(frame_of)


@given(spells, st.sampled_from(["Y", "M"]))
def test_ledger_balances_and_carries_over(spells, every):
    ledger = build_ledger_from_spells(spells, CUT, every)
    assert (ledger["opening"] + flows(ledger, ENTERED) - flows(ledger, LEFT) == ledger["closing"]).all()
    assert (ledger["residual"] == 0).all()
    assert (ledger["carried"].iloc[1:] == 0).all()
    assert ledger["opening"].iloc[0] == 0
    assert (ledger[["opening", "closing"]] >= 0).all(axis=None)


@given(spells)
def test_every_spell_enters_once_and_leaves_at_most_once(spells):
    ledger = build_ledger_from_spells(spells, CUT)
    ended = (spells["left_day"] <= CUT).fillna(False).sum()
    assert flows(ledger, ENTERED).sum() == len(spells)
    assert flows(ledger, LEFT).sum() == ended
    assert ledger["closing"].iloc[-1] == len(spells) - ended


@given(spells)
def test_person_days_are_days_in_treatment(spells):
    """Counted the long way: one day after another."""
    ledger = build_ledger_from_spells(spells, CUT)
    last = spells["left_day"].astype("Float64").fillna(CUT).clip(upper=CUT)
    days = sum(len(range(int(a), int(b) + 1)) for a, b in zip(spells["enrolled_day"], last, strict=True))
    assert ledger["person_years"].sum() * 365.25 == pytest.approx(days)


@given(spells)
def test_months_add_up_to_years(spells):
    years, months = (build_ledger_from_spells(spells, CUT, every) for every in ("Y", "M"))
    months["year"] = months["period"].str[:4]
    for name in [column for column in years if column.startswith((ENTERED, LEFT))]:
        assert months.groupby("year")[name].sum().tolist() == years[name].tolist()
    assert months.groupby("year")["closing"].last().tolist() == years["closing"].tolist()
    assert np.allclose(months.groupby("year")["person_years"].sum(), years["person_years"])


@given(spells)
def test_sites_add_up_to_the_whole(spells):
    whole = build_ledger_from_spells(spells, CUT).set_index("period")
    parts = [build_ledger_from_spells(part, CUT).set_index("period") for _site, part in spells.groupby("site_id")]
    total = sum(part.reindex(whole.index, fill_value=0) for part in parts)
    for name in ["opening", "closing", *[column for column in whole if column.startswith((ENTERED, LEFT))]]:
        assert total[name].tolist() == whole[name].tolist()


@given(spells)
def test_order_of_rows_is_irrelevant(spells):
    forward, backward = build_ledger_from_spells(spells, CUT), build_ledger_from_spells(spells[::-1], CUT)
    pd.testing.assert_frame_equal(forward, backward)
    assert forward.attrs == backward.attrs


@given(spells)
def test_counts_made_from_spells_give_the_same_ledger(spells):
    """The counts-only route agrees on stock and flow; its person-time is the mean stock and may differ."""
    exact = build_ledger_from_spells(spells, CUT)
    counts = exact.assign(
        enrolled=flows(exact, ENTERED),
        left=flows(exact, LEFT),
        enrolled_primary=exact["entered_primary"],
        deaths=exact["left_death"],
    )
    ledger = build_ledger_from_counts(
        counts[["period", "opening", "enrolled", "left", "closing", "deaths", "enrolled_primary"]]
    )
    for name in ("opening", "closing", "residual", "entered_primary", "left_death"):
        assert ledger[name].tolist() == exact[name].tolist()
    assert (flows(ledger, LEFT) == flows(exact, LEFT)).all()


@given(st.integers(0, 5000), st.floats(0.5, 1e5))
def test_rate_lies_within_its_limits(events, person_years):
    rate = rate_per_100_person_years(events, person_years)
    assert rate["lower"] <= rate["estimate"] <= rate["upper"]
    twice = rate_per_100_person_years(2 * events, 2 * person_years)
    assert twice["upper"] - twice["lower"] < rate["upper"] - rate["lower"]
