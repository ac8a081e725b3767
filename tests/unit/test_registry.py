"""Chapter 50: the ledger by hand, and the audit of the Kyrgyz figures against the arithmetic of issue and source."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from oatmill.disclosure import release
from oatmill.errors import NotSupported, UsageError, ValuesWrong
from oatmill.figures.registry import plot_rate_bounds, plot_readings, plot_registry_ledger
from oatmill.findings.registry import cards_registry, findings_registry
from oatmill.published import figure_of, read_published
from oatmill.registry import (
    audit_published,
    build_ledger,
    build_ledger_from_counts,
    build_ledger_from_spells,
    count_from_percent,
    estimate_coverage,
    estimate_registry_ledger,
    estimate_registry_person_time,
    estimate_registry_rates,
    rate_per_100_person_years,
)
from oatmill.tables.registry import (
    date_text,
    table_coverage,
    table_published_figures,
    table_rate_bounds,
    table_readings,
    table_registry_ledger,
)


def day(text: str) -> int:
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def spells(*rows: tuple[int, str, str | None, str, str | None]) -> pd.DataFrame:
    """client, first day, last day, enrolment type, exit reason"""
    frame = pd.DataFrame(rows, columns=["client", "enrolled", "left", "enrolment_type", "exit_reason"])
    frame["enrolled_day"] = frame["enrolled"].map(day)
    frame["left_day"] = frame["left"].map(lambda text: day(text) if text else None).astype("Int32")
    return frame


# Five clients. 0 stays. 1 leaves in 2020 and comes back in 2021. 2 dies on New Year's Eve, which is an exit of 2020.
# 3 comes and goes within 2021. 4 is imprisoned on the first day of 2021.
FIVE = spells(
    (0, "2020-03-01", None, "primary", None),
    (1, "2020-03-01", "2020-06-30", "primary", "dropout"),
    (1, "2021-02-01", None, "repeat", None),
    (2, "2020-05-01", "2020-12-31", "primary", "death"),
    (3, "2021-01-10", "2021-01-19", "primary", "dropout"),
    (4, "2020-07-01", "2021-01-01", "primary", "prison"),
)


def test_ledger_of_five_clients_by_hand():
    ledger = build_ledger_from_spells(FIVE, day("2021-06-30")).set_index("period")
    # 2020: nobody at first; 0, 1, 2, 4 come; 1 and 2 leave; 0 and 4 are in treatment at the end.
    assert ledger.loc["2020", ["opening", "entered_primary", "closing", "residual"]].tolist() == [0, 4, 2, 0]
    assert ledger.loc["2020", ["left_dropout", "left_death", "left_prison"]].tolist() == [1, 1, 0]
    # 2021: 1 comes back, 3 comes; 3 and 4 leave; 0 and 1 are in treatment at the end.
    assert ledger.loc["2021", ["opening", "entered_primary", "entered_repeat", "closing"]].tolist() == [2, 1, 1, 2]
    assert ledger.loc["2021", ["left_dropout", "left_prison", "residual", "carried"]].tolist() == [1, 1, 0, 0]
    # Days in treatment in 2021 up to 30 June: 181 (client 0), 1 (4), 150 from 1 February (1), 10 (3).
    assert ledger.loc["2021", "person_years"] == pytest.approx((181 + 1 + 150 + 10) / 365.25)
    assert ledger.loc["2021", "days"] == 181


def test_ledger_ends_with_the_last_day_in_the_registry():
    assert build_ledger_from_spells(FIVE)["days"].tolist() == [366, 31 + 1]  # 1 February 2021, the last enrolment


def test_ledger_counts_what_it_cannot_hold():
    more = spells(
        (5, "2020-05-01", "2020-04-30", "primary", "dropout"),  # ends before it begins
        (6, "2021-07-01", None, "primary", None),  # begins after the data cut
        (0, "2020-09-01", "2020-09-30", "repeat", "dropout"),  # while client 0 is enrolled already
    )
    ledger = build_ledger_from_spells(pd.concat([FIVE, more]), day("2021-06-30"))
    assert ledger.attrs == {"backwards": 1, "after_cut": 1, "overlapping": 1}
    assert (ledger["residual"] == 0).all()


def test_an_exit_after_the_data_cut_is_still_open():
    ledger = build_ledger_from_spells(FIVE, day("2020-12-30")).iloc[-1]
    assert ledger[["closing", "left_death"]].tolist() == [3, 0]  # clients 0, 2, 4


def test_ledger_without_types_and_reasons():
    ledger = build_ledger_from_spells(FIVE.drop(columns=["enrolment_type", "exit_reason"]), day("2021-06-30"))
    assert ledger[["entered_unknown", "left_unknown"]].sum().tolist() == [6, 4]


def test_ledger_needs_a_registry():
    with pytest.raises(NotSupported, match="no registry"):
        build_ledger({"clients": FIVE})
    with pytest.raises(NotSupported, match="no spell"):
        build_ledger_from_spells(FIVE, day("2019-12-31"))


COUNTS = pd.DataFrame(
    {
        "period": ["2020-01", "2020-01", "2020-02", "2020-02"],
        "site_id": ["A", "B", "A", "B"],
        "opening": [10, 5, 12, 5],
        "enrolled": [4, 1, 2, 1],
        "left": [2, 1, 1, 1],
        "closing": [12, 5, 13, 6],  # site B in February: 5 + 1 - 1 is 5, not 6
        "deaths": [1, 0, 0, 0],
        "enrolled_primary": [3, 1, 0, 1],
    }
)


def test_ledger_from_counts_sums_sites_and_shows_its_residual():
    ledger = build_ledger_from_counts(COUNTS).set_index("period")
    assert ledger.loc["2020-01", ["opening", "closing", "residual"]].tolist() == [15, 17, 0]
    assert ledger.loc["2020-02", ["opening", "closing", "residual", "carried"]].tolist() == [17, 19, -1, 0]
    assert ledger.loc["2020-01", ["entered_primary", "entered_other", "left_death", "left_other"]].tolist() == [
        4,
        1,
        1,
        2,
    ]
    assert ledger.loc["2020-02", "person_years"] == pytest.approx((17 + 19) / 2 * 29 / 365.25)


def test_a_site_that_is_missing_is_counted_and_not_invented():
    ledger = build_ledger_from_counts(COUNTS.drop(index=3))
    assert ledger.attrs == {"absent": 1}
    assert ledger["carried"].tolist()[1] == 12 - 17


def test_a_blank_count_makes_the_sum_unknown():
    blank = COUNTS.assign(left=[2, None, 1, 1])
    ledger = build_ledger_from_counts(blank)
    assert ledger["residual"].isna().tolist() == [True, False]


@pytest.mark.parametrize("periods", [["2020", "2020-02"], ["spring", "2020"], ["2020-1", "2020-02"]])
def test_periods_that_cannot_be_read_are_refused(periods):
    counts = COUNTS.iloc[[0, 2]].assign(period=periods)
    with pytest.raises(ValuesWrong, match="all years"):
        build_ledger_from_counts(counts)


def test_rates_come_from_the_counts_as_shown():
    many = pd.concat([FIVE.assign(client=FIVE["client"] + 10 * k) for k in range(10)])
    ledger = build_ledger_from_spells(many, day("2021-06-30"))
    shown = release(estimate_registry_ledger(ledger), "midpoint6")
    time = release(estimate_registry_person_time(ledger, shown), "midpoint6")
    rates = release(estimate_registry_rates(shown, time), "midpoint6")
    exits = rates.one(estimand="exit_rate", period="2020")
    assert exits["events"] == 21  # 20 exits, shown as the midpoint of 19-24
    assert exits["estimate"] == pytest.approx(100 * 21 / time.frame["estimate"].iloc[0])


def test_small_registry_shows_no_rate():
    ledger = build_ledger_from_spells(FIVE, day("2021-06-30"))
    shown = release(estimate_registry_ledger(ledger), "midpoint6")
    time = release(estimate_registry_person_time(ledger, shown), "midpoint6")
    rates = release(estimate_registry_rates(shown, time), "midpoint6")
    assert (rates.frame["status"] == "withheld").all()
    assert table_registry_ledger(shown, rates).name == "registry_ledger"
    assert "withheld" not in plot_registry_ledger(shown).alt


# rates


@pytest.mark.parametrize(
    ("events", "person_years", "lower", "upper"),
    [  # R 4.2.2: options(digits = 17); poisson.test(events, person_years)$conf.int * 100
        (1114, 3148.8, 33.331276472590119, 37.518683533539040),
        (238, 5248, 3.9771560963079371, 5.1493151965843218),
        (3, 250, 0.24746884915824063, 3.50690922789692960),
        (0, 10, 0, 36.888794541139355),
    ],
)
def test_poisson_limits_are_those_of_r(events, person_years, lower, upper):
    rate = rate_per_100_person_years(events, person_years)
    assert rate["estimate"] == pytest.approx(100 * events / person_years)
    assert rate["lower"] == pytest.approx(lower, rel=1e-11)
    assert rate["upper"] == pytest.approx(upper, rel=1e-11)


# published figures


def test_unknown_published_file_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match="kyrgyz_registry"):
        read_published("kyrgyz_registri")


def test_one_figure_is_asked_for():
    figures = read_published("kyrgyz_registry")
    assert figure_of(figures, measure="exits") == 1114
    with pytest.raises(KeyError, match="3 figures"):
        figure_of(figures, measure="sites_operating", date="")


@pytest.mark.parametrize(
    ("percent", "whole", "expected"),
    [(21.4, 1114, (238, 238, 238)), (34.2, 1437, (491, 491, 492)), (50, 10, (5, 5, 5)), (0, 100, (0, 0, 0))],
)
def test_count_behind_a_percentage(percent, whole, expected):
    assert count_from_percent(percent, whole) == expected


@pytest.fixture(scope="module")
def audit():
    return audit_published(read_published("kyrgyz_registry"))


def value(result, column="estimate", **equal):
    frame = result.frame
    for name, wanted in equal.items():
        frame = frame[frame[name] == wanted]
    return frame[column].item()


def test_two_readings_of_the_opening_stock(audit):
    readings = audit.readings
    assert value(readings, estimand="opening", level="spells") == 871 + 1114 - 1437 == 548
    assert value(readings, "upper", estimand="opening", level="persons") == 871 + 1114 - 491 == 1494
    assert value(readings, "lower", estimand="opening", level="persons") == 871 + 1114 - 491 - 946 == 548


def test_the_stock_of_january_2021_against_both(audit):
    readings = audit.readings
    assert value(readings, estimand="change_before", level="spells") == 1190 - 548 == 642
    assert value(readings, "lower", estimand="change_before", level="persons") == 1190 - 1494
    assert value(readings, estimand="change_after") == 871 - 1190 == -319
    assert value(readings, estimand="days_after") == 159  # 1 January to 9 June 2021
    assert value(readings, estimand="days") == 1621  # 1 January 2017 to 9 June 2021, both included
    assert round(value(readings, estimand="exits_after_at_least_percent")) == 29  # 319 / 1114
    assert round(value(readings, estimand="exits_after_if_even")) == 460  # 319 + 1437 x 159 / 1621
    assert round(value(readings, estimand="exits_after_if_even_percent")) == 41


def test_rates_that_survive_either_reading(audit):
    """By hand: (548 + 871) / 2 x 1621 / 365.25 = 3148.8 and (1494 + 871) / 2 x 1621 / 365.25 = 5248.0 person-years."""
    rates = audit.rates
    assert value(rates, estimand="person_time", level="548", model="two_stocks") == pytest.approx(3148.8, abs=0.05)
    assert value(rates, estimand="person_time", level="1494", model="two_stocks") == pytest.approx(5248.0, abs=0.05)
    assert round(value(rates, estimand="exit_rate", level="548", model="two_stocks"), 1) == 35.4
    assert round(value(rates, estimand="death_rate", level="1494", model="two_stocks"), 1) == 4.5
    # With the third stock: (548 + 1190) / 2 x 1462 + (1190 + 871) / 2 x 159 days = 3926.97 person-years.
    assert value(rates, estimand="person_time", level="548", model="three_stocks") == pytest.approx(3926.97, abs=0.01)
    assert value(rates, "lower", estimand="exit_rate_bounds") == pytest.approx(19.14, abs=0.005)
    assert value(rates, "upper", estimand="death_rate_bounds") == pytest.approx(7.558, abs=0.0005)


def test_capacity(audit):
    capacity = audit.capacity
    assert value(capacity, estimand="places") == 24 * 50
    assert value(capacity, estimand="sites_residual") == 24 - 15 - 9
    assert value(capacity, estimand="places_filled", period="2021-06-09") == pytest.approx(100 * 871 / 1200)


def test_every_figure_has_a_use_and_the_registered_deaths_have_none(audit):
    uses = audit.figures.frame.set_index("term")["model"]
    assert len(uses) == len(read_published("kyrgyz_registry"))
    assert set(uses.index[uses == "not_usable"]) == {"kg_registered_dead", "kg_registered_dead_women"}
    assert set(uses.index[uses == "undated"]) == {"kg_intro_in_treatment"}
    assert uses["kg_stock_end"] == uses["kg_exits"] == uses["kg_enrolments"] == "identity"
    assert uses["kg_stock_2021_start"] == "checkpoint"


def test_a_figure_below_all_exits_could_be_deaths_in_treatment():
    figures = read_published("kyrgyz_registry")
    figures.loc[figures["id"] == "kg_registered_dead", "value"] = 238
    uses = audit_published(figures).figures.frame.set_index("term")["model"]
    assert uses["kg_registered_dead"] == "split"


def test_coverage_names_its_denominator():
    coverage = estimate_coverage(read_published("central_asia_china")).frame
    kazakhstan = coverage[(coverage["population"] == "Kazakhstan") & (coverage["period"] == "2019-12-31")]
    assert kazakhstan["estimate"].item() == pytest.approx(100 * 296 / 94600)
    assert kazakhstan["level"].item() == "opioid_users_estimate"
    assert round(coverage.set_index("population").loc["China", "estimate"], 1) == 10.7


def test_published_numbers_stay_exact(audit):
    for result in (audit.figures, audit.readings, audit.rates, audit.capacity):
        released = release(result, "midpoint6")
        pd.testing.assert_series_equal(released.frame["estimate"], result.frame["estimate"])


# what a reader sees


@pytest.fixture(scope="module")
def released(audit):
    return {name: release(getattr(audit, name), "midpoint6") for name in ("figures", "readings", "rates", "capacity")}


def test_key_findings_state_the_numbers(released):
    text = " ".join(findings_registry(**released))
    for words in ("548", "1,494", "1,190", "319", "159 days", "29%", "41%", "19 and 35", "2,115", "238", "99%", "73%"):
        assert words in text
    assert [card[1] for card in cards_registry(released["figures"], released["rates"])] == ["871", "19 to 35"]


def test_figures_say_what_they_show(released):
    plot = plot_readings(released["figures"], released["readings"], released["capacity"])
    assert "548 to 1,494 if they count persons" in plot.alt
    assert "19.1 to 35.4 clients left" in plot_rate_bounds(released["rates"]).alt


def test_tables_hold_every_figure_as_printed(released):
    html = table_published_figures(released["figures"]).html
    for printed in read_published("kyrgyz_registry")["printed"]:
        assert f">{printed}<" in html
    assert "491 + R, R from 0 to 946" in table_readings(released["figures"], released["readings"]).html
    assert "35.4 (33.3 to 37.5)" in table_rate_bounds(released["rates"]).html
    coverage = release(estimate_coverage(read_published("central_asia_china")), "midpoint6")
    assert "94,600" in table_coverage(coverage).html


@pytest.mark.parametrize(
    ("iso", "text"), [("2021-06-09", "9 June 2021"), ("2021-01", "January 2021"), ("2002", "2002"), ("", "")]
)
def test_dates_in_words(iso, text):
    assert date_text(iso) == text
