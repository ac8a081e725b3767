"""Chapter 60: the flows of China's programme, the contradictions in its published figures, and a user's own table."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from oatmill.disclosure import release
from oatmill.errors import NotSupported
from oatmill.figures import Note
from oatmill.figures.programme import plot_indicators, plot_net_exits, plot_scale_up
from oatmill.findings.programme import cards_programme, findings_own_programme, findings_programme
from oatmill.programme import (
    INDICATORS,
    build_own_programme,
    build_published_programme,
    estimate_december,
    estimate_flows,
    estimate_indicators,
    estimate_net_exit_rates,
    estimate_reach,
    estimate_scale_up,
    estimate_text_retention,
    estimate_trends,
)
from oatmill.study import Study
from oatmill.tables.programme import table_december, table_flows, table_indicators, table_reach, table_trends


@pytest.fixture(scope="module")
def china():
    return build_published_programme()


@pytest.fixture(scope="module")
def released(china):
    results = {
        "flows": estimate_flows(china),
        "december": estimate_december(china),
        "text": estimate_text_retention(),
        "trends": estimate_trends(china),
        "reach": estimate_reach(china),
        "scale_up": estimate_scale_up(),
    }
    shown = {name: release(result, "midpoint6") for name, result in results.items()}
    shown["rates"] = release(estimate_net_exit_rates(shown["flows"], china), "midpoint6")
    return shown


def series(released, estimand, decimals=None):
    rows = released.where(estimand=estimand)
    values = pd.Series(rows["estimate"].to_numpy(), rows["period"].astype(int)).sort_index()
    return values if decimals is None else values.round(decimals)


def test_all_indicators_are_read(china):
    (result,) = estimate_indicators(china)
    assert set(result.frame["level"]) == {*INDICATORS, "clients_per_clinic_range"}
    assert len(result.frame) == 15 * 8 - 3 * 6  # three tests have no figures before 2010
    assert result.kind == "indicators"


def test_flows_by_hand(released):
    flows = released["flows"]
    row = {
        name: flows.one(estimand=name, period="2011")["estimate"] for name in ("opening", "new", "closing", "net_exits")
    }
    assert row == {"opening": 122032, "new": 344254 - 295182, "closing": 140102, "net_exits": 122032 + 49072 - 140102}
    assert "2004" not in set(flows.frame["period"])  # no year before it


def test_net_exit_rates_of_2007_to_2011(released):
    rates = series(released["rates"], "net_exit_rate", 1)
    assert rates.loc[2007:].tolist() == [67.6, 59.7, 42.8, 37.5, 23.7]


@pytest.mark.parametrize(
    ("year", "lower", "upper"),
    [  # R 4.2.2: options(digits = 17); poisson.test(28427, 42056)$conf.int * 100 and (31002, 131067)
        ("2007", 66.809711331925129, 68.383602614758175),
        ("2011", 23.390975399149450, 23.918339582655491),
    ],
)
def test_their_poisson_limits_are_those_of_r(released, year, lower, upper):
    row = released["rates"].one(estimand="net_exit_rate", period=year)
    assert [row["lower"], row["upper"]] == pytest.approx([lower, upper], rel=1e-10)


def test_the_same_ratio_from_the_counts_rises(released):
    kept = series(released["rates"], "kept_percent", 0)
    assert [kept[2007], kept[2011]] == [67, 82]
    entrants = series(released["rates"], "entrants_percent", 0)
    assert entrants[2007] == 70


def test_what_the_reported_retention_implies(released):
    december = released["december"]
    dosed, known, ever = (series(december, name, 0) for name in ("dosed", "known", "ever"))
    assert [dosed[2011], known[2011]] == [187052, 171104]
    assert [dosed[2005], ever[2005]] == [9524, 8116]  # more dosed than were ever enrolled
    assert [dosed[2007], known[2007]] == [80819, 86374]
    assert [year for year in dosed.index if dosed[year] < known[year]] == [2004, 2006, 2007, 2008]
    assert series(december, "returners", -2)[2011] == 15900
    assert series(december, "leavers", -3)[2011] == 47000
    assert series(december, "gross_rate", 0)[2011] == 36
    bounds = december.one(estimand="dosed", period="2011")
    assert bounds["lower"] == pytest.approx(140102 / 0.7495)
    assert bounds["upper"] == pytest.approx(140102 / 0.7485)


def test_trends_are_those_of_r(released):
    """R 4.2.2: cor.test(2004:2011, dose)$p.value; cor.test(..., method = "kendall", exact = TRUE)$p.value."""
    trends = released["trends"]

    def p(level, model):
        return trends.one(level=level, model=model, estimand="p_value")["estimate"]

    assert p("mean_dose_mg", "pearson") == pytest.approx(0.00015629354990256207, rel=1e-9)
    assert p("mean_days_in_treatment", "pearson") == pytest.approx(1.7050546189386024e-05, rel=1e-9)
    assert p("mean_dose_mg", "kendall") == pytest.approx(4.9603174603118916e-05, rel=1e-9)  # 2 / 8!


def test_reach_names_denominators_and_keeps_targets_apart(released):
    reach = released["reach"]
    registered = reach.one(level="registered_drug_users", model="in_treatment")
    assert registered["estimate"] == pytest.approx(100 * 112831 / 1270000)
    assert reach.where(estimand="target")["estimate"].tolist() == [40, 70]
    assert reach.one(estimand="modelled_need")["estimate"] == 60


def test_scale_up_by_date(released):
    clinics = released["scale_up"].where(estimand="clinics")
    assert clinics["estimate"].tolist() == [8, 58, 101, 305, 320, 503, 680]
    assert clinics["day"].is_monotonic_increasing
    assert pd.Timestamp(0) + pd.Timedelta(days=clinics["day"].iloc[0]) == pd.Timestamp("2004-06-30")


def test_key_findings_state_the_numbers(released):
    names = ("rates", "december", "text", "trends", "reach")
    text = " ".join(findings_programme(*(released[name] for name in names)))
    for words in (
        "67.6",
        "23.7",
        "67.1%",
        "81.9%",
        "71.7%",
        "63%",
        "48%",
        "2005",
        "187,052",
        "15,948",
        "35.8",
        "0.00016",
        "8.9%",
    ):
        assert words in text
    assert cards_programme(released["rates"], released["december"])[0][1] == "23.7"


def test_figures_say_what_they_show(china, released):
    indicators = [release(result, "midpoint6") for result in estimate_indicators(china)]
    assert "Mean daily dose (mg) 47.2 to 58.6" in plot_indicators(indicators).alt
    assert "highest in 2007 (67.6)" in plot_net_exits(released["rates"], released["december"], released["text"]).alt
    assert "from 101 to 305 between 31 July 2006 and 30 September 2006" in plot_scale_up(released["scale_up"]).alt


def test_tables_are_readable(china, released):
    indicators = [release(result, "midpoint6") for result in estimate_indicators(china)]
    html = table_indicators(indicators).html
    assert "Annual retention (%) [c]" in html
    assert "1–1,367" in html
    assert "67.6 (66.8 to 68.4)" in table_flows(released["flows"], released["rates"], released["december"]).html
    assert "more than ever enrolled: impossible" in table_december(released["december"], released["rates"]).html
    assert "0.00016" in table_trends(released["trends"]).html
    assert "1,270,000" in table_reach(released["reach"]).html


# a user's own table


def own_programme(table: pd.DataFrame, public: bool = False):
    source = {"file": "programme.csv", "public": public}
    study = Study.model_validate({"oatmill": 1, "id": "own", "title": "Own", "sources": {"programme": source}})
    return build_own_programme(study, SimpleNamespace(tables={"programme": table}))


OWN = pd.DataFrame(
    {
        "year": pd.array([2019, 2018, 2021], dtype="Int32"),
        "clients_cumulative": [250.0, 100.0, 500.0],
        "clients_year_end": [181.0, 90.0, 270.0],
        "retention_percent": [78.0, 80.0, 75.0],
        "mean_dose_mg": [55.0, 50.0, 58.0],
        "clinics": [3.0, 2.0, None],
    }
)


def test_confidential_programme_shows_rounded_counts_and_means_only():
    own = own_programme(OWN)
    counts, means = (release(result, "midpoint6") for result in estimate_indicators(own))
    assert set(counts.frame["level"]) == {"clients_cumulative", "clients_year_end"}
    assert counts.one(level="clients_year_end", period="2019")["estimate"] == 183  # 181 to 186
    assert set(means.frame["level"]) == {"mean_dose_mg"}
    assert set(own.lost) == {"retention_percent", "clinics"}
    with pytest.raises(NotSupported):
        estimate_december(own)


def test_rates_of_a_confidential_programme_come_from_the_counts_as_shown():
    own = own_programme(OWN)
    flows = release(estimate_flows(own), "midpoint6")
    assert set(flows.frame["period"]) == {"2019"}  # 2021 has no year before it
    rates = release(estimate_net_exit_rates(flows, own), "midpoint6")
    shown = {name: flows.one(estimand=name)["estimate"] for name in ("opening", "closing", "net_exits")}
    expected = 100 * shown["net_exits"] / ((shown["opening"] + shown["closing"]) / 2)
    assert rates.one(estimand="net_exit_rate")["estimate"] == pytest.approx(expected)
    assert plot_net_exits(rates).name == "own_net_exits"
    text = " ".join(findings_own_programme(rates, own.lost))
    assert "2019" in text
    assert "Annual retention (%)" in text


def test_public_programme_of_a_user_shows_everything():
    own = own_programme(OWN, public=True)
    (indicators,) = (release(result, "midpoint6") for result in estimate_indicators(own))
    assert indicators.one(level="clients_year_end", period="2019")["estimate"] == 181
    assert own.lost == ()
    december = release(estimate_december(own), "midpoint6")
    assert december.one(estimand="dosed", period="2019")["estimate"] == pytest.approx(181 / 0.78)


@pytest.mark.parametrize(
    "columns", [["mean_dose_mg"], ["retention_percent"], ["clients_year_end"], ["clinics", "mean_dose_mg"]]
)
@pytest.mark.parametrize("public", [True, False])
def test_any_subset_of_indicators_gives_a_page(columns, public):
    own = own_programme(OWN[["year", *columns]], public)
    indicators = [release(result, "midpoint6") for result in estimate_indicators(own)]
    if indicators:
        assert plot_indicators(indicators, mark=None).alt
        assert table_indicators(indicators).html
    assert own.years_with_flows == []
    assert findings_own_programme(None, own.lost)
    with pytest.raises(NotSupported, match="two years in a row"):
        estimate_flows(own)


def test_a_programme_too_small_to_show_draws_nothing():
    small = OWN.assign(clients_cumulative=[9.0, 4.0, 12.0], clients_year_end=[5.0, 3.0, 6.0])
    own = own_programme(small)
    flows = release(estimate_flows(own), "midpoint6")
    rates = release(estimate_net_exit_rates(flows, own), "midpoint6")
    assert isinstance(plot_net_exits(rates), Note)
    assert "withheld" in table_flows(flows, rates).html


def test_more_returns_than_exits_give_no_interval():
    own = own_programme(OWN.assign(clients_year_end=[300.0, 90.0, 270.0]), public=True)
    flows = release(estimate_flows(own), "midpoint6")
    row = release(estimate_net_exit_rates(flows, own), "midpoint6").one(estimand="net_exit_rate")
    assert row["estimate"] < 0  # 90 + 150 - 300
    assert pd.isna(row["lower"])


def test_a_year_that_stands_twice_is_refused():
    with pytest.raises(NotSupported, match="more than one row for a year"):
        own_programme(pd.concat([OWN, OWN]))
