"""The invented programme: the same bytes each time, what a real log holds, and a truth that can be found again."""

from __future__ import annotations

import csv
import json
import math

import duckdb
import numpy as np
import pandas as pd
import pytest

from oatmill.intake import read_tables
from oatmill.published import read_published
from oatmill.schema import TABLES
from oatmill.study import Generate, Study, read_study
from oatmill.synthetic import model, write_national, write_programme
from oatmill.synthetic.people import day_number, later

FILES = ("clients", "doses", "exits", "tests", "sites")
GAP = 30


@pytest.fixture(scope="module")
def demo(root, tmp_path_factory):
    """The demo study, generated and read."""
    folder = tmp_path_factory.mktemp("demo")
    study = read_study(root / "data" / "demo").model_copy(update={"folder": folder})
    write_programme(folder, study.generate, study.seed)
    return study, read_tables(study, folder / "work")


@pytest.fixture(scope="module")
def truth(demo):
    return json.loads((demo[0].folder / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def covered(demo):
    """Covered days of the log by plain pandas: client, day, dose (mg), site, episode (gap of 30 days)."""
    _study, intake = demo
    log = duckdb.execute(
        "SELECT client, day, sum(dose_dmg) / 10 AS dose, min(site) AS site, max(take_home_days) AS more "
        "FROM read_parquet(?) GROUP BY 1, 2 ORDER BY 1, 2",
        [str(intake.doses)],
    ).df()
    days = log.loc[log.index.repeat(log["more"] + 1)]
    days = days.assign(day=days["day"] + days.groupby(level=0).cumcount())
    days = days[days["day"] <= intake.facts["log_last_day"]].drop_duplicates(["client", "day"])
    days = days.sort_values(["client", "day"], ignore_index=True)
    new = (days["client"].diff() != 0) | (days["day"].diff() > GAP)
    return days.assign(episode=new.cumsum())


@pytest.fixture(scope="module")
def starters(demo, covered):
    """First episodes of starters, as of A = last day - 30."""
    _study, intake = demo
    last_day = intake.facts["log_last_day"] - GAP
    episodes = covered.groupby("episode").agg(
        client=("client", "first"), start=("day", "min"), last=("day", "max"), site=("site", "first")
    )
    first_log = covered.groupby("site")["day"].min()
    opened = intake.tables["sites"].set_index("site_id")["opened_day"].reindex(list(intake.sites)).to_numpy(dtype=int)
    log_day = first_log.to_numpy()[episodes["site"]]
    new_site = opened[episodes["site"]] == log_day
    chosen = episodes[~episodes["client"].duplicated() & (new_site | (episodes["start"] - log_day >= GAP))]
    chosen = chosen[chosen["start"] <= last_day].reset_index()
    chosen["days"] = np.minimum(chosen["last"], last_day) - chosen["start"] + 1
    chosen["ended"] = chosen["last"] <= last_day
    return chosen.assign(reason=_reasons(intake.tables["exits"], chosen)).merge(
        intake.tables["clients"], on="client", how="left"
    )


def _reasons(exits, episodes):
    """The first record from an episode's last covered day to 30 days later; none: dropout."""
    near = exits.merge(episodes[["episode", "client", "last"]], on="client")
    near = near[(near["day"] >= near["last"]) & (near["day"] <= near["last"] + GAP)].sort_values("day")
    found = near.drop_duplicates("episode").set_index("episode")["reason"]
    return episodes["episode"].map(found).fillna("dropout")


def small(folder, seed=7, **settings):
    plan = Generate(**{"clients": 60, "sites": 3, "years": 1} | settings)
    write_programme(folder, plan, seed)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    first, second = small(tmp_path / "a"), small(tmp_path / "b")
    assert sorted(first) == sorted([*(f"{table}.csv" for table in FILES), "truth.json"])
    assert first == second
    assert small(tmp_path / "c", seed=8)["doses.csv"] != first["doses.csv"]


def test_the_columns_are_those_of_the_schema(demo):
    for table in FILES:
        with (demo[0].folder / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
            header = next(csv.reader(stream))
        assert set(TABLES[table].required) <= set(header) <= set(TABLES[table].names)


@pytest.mark.parametrize("settings", [{"sites": 1}, {"years": 5, "sites": 2}, {"start": "2020-02-29"}])
def test_programmes_of_other_shapes_can_be_read(tmp_path, settings):
    small(tmp_path, **settings)
    sources = {table: {"file": f"{table}.csv"} for table in FILES if (tmp_path / f"{table}.csv").stat().st_size > 100}
    study = Study.model_validate({"oatmill": 1, "id": "t", "title": "T", "sources": sources})
    intake = read_tables(study.model_copy(update={"folder": tmp_path}), tmp_path / "work")
    assert intake.facts["n_clients"] == 60


def test_the_log_is_like_a_real_one(demo, covered):
    study, intake = demo
    facts, tables = intake.facts, intake.tables
    assert facts["n_clients"] == facts["n_clients_log"] == study.generate.clients
    assert facts["n_sites"] == study.generate.sites
    start = study.generate.start
    assert facts["log_first_day"] == day_number(start)
    assert facts["log_last_day"] == day_number(later(start, study.generate.years)) - 1
    ledger = intake.ledger.set_index("table")["rows_quarantined"]
    assert 20 <= ledger["doses"] <= 40 and ledger.drop("doses").sum() == 0  # copies only
    reasons = set(tables["exits"]["reason"])
    assert reasons == {"death", "prison", "transfer_out", "completed_taper", "administrative", "dropout"}
    assert 50 <= covered.groupby("client")["dose"].mean().mean() <= 65
    assert (covered["dose"] % 10 == 0).mean() > 0.55 and (covered["dose"] % 5 == 0).all()
    gaps = (covered.groupby("episode")["day"].diff().dropna() - 1).astype(int)
    runs = gaps[gaps > 0]
    assert (runs <= 3).mean() > 0.9 and 7 <= runs.max() < GAP
    assert 0.01 < (covered.groupby("client")["episode"].nunique() > 1).mean() < 0.4  # returns


def test_take_home_doses_begin_with_the_third_year(demo):
    rows = "SELECT min(day) FILTER (take_home_days > 0), max(take_home_days) FROM read_parquet(?)"
    first, most = duckdb.execute(rows, [str(demo[1].doses)]).fetchall()[0]
    assert first >= day_number(later(demo[0].generate.start, model.TAKE_HOME_FROM_YEAR)) and most == 6


def test_one_site_has_a_week_without_a_log(demo, covered):
    """And every other site has a row on every day from its opening on, but for its first days."""
    rows = duckdb.execute("SELECT DISTINCT site, day FROM read_parquet(?) ORDER BY 1, 2", [str(demo[1].doses)]).df()
    without = rows.groupby("site")["day"].diff().dropna() - 1
    weeks = rows.loc[without[without >= 7].index, "site"]
    assert len(weeks) == 1
    lost = rows.loc[without[without >= 7].index]
    week = lost["day"].item() - 1 - np.arange(7)
    before = covered[(covered["site"] == lost["site"].item()) & covered["day"].between(week[-1] - 7, week[-1] - 1)]
    assert before["client"].nunique() >= 5  # so it is missing log, not seven days without a dose


def test_a_new_site_begins_on_its_opening_day(demo, covered):
    opened = demo[1].tables["sites"]["opened_day"].to_numpy(dtype=int)
    first = covered.groupby("site")["day"].min().to_numpy()
    old = opened < demo[1].facts["log_first_day"]
    assert 0 < old.sum() < len(old)
    np.testing.assert_array_equal(first[~old], opened[~old])


def test_a_log_goes_on_after_a_transfer_within_the_register(demo, covered):
    exits = demo[1].tables["exits"]
    moves = exits[(exits["reason"] == "transfer_out") & (exits["destination_site"] != "OUT")]
    outside = exits[exits["destination_site"] == "OUT"]
    later_days = moves[moves["day"] < demo[1].facts["log_last_day"] - 5].merge(covered, on="client")
    soon = later_days[(later_days["day_y"] > later_days["day_x"]) & (later_days["day_y"] <= later_days["day_x"] + 3)]
    assert soon["client"].nunique() / moves["client"].nunique() > 0.9
    gone = outside.merge(covered, on="client")
    assert len(outside) and not (gone["day_y"] > gone["day_x"]).any()


def test_no_dose_after_a_death(demo, covered):
    exits = demo[1].tables["exits"]
    deaths = exits[exits["reason"] == "death"].merge(covered, on="client")
    # Take-home supply may last longer than the client: its cover ends on the day of death by definition.
    visits = duckdb.execute(
        "SELECT client, max(day) AS visit FROM read_parquet(?) GROUP BY 1", [str(demo[1].doses)]
    ).df()
    assert (deaths.merge(visits, on="client")[["day_x", "visit"]].diff(axis=1)["visit"] <= 0).all()


def test_the_enrolment_of_some_prevalent_clients_is_known(demo):
    clients, first = demo[1].tables["clients"], demo[1].facts["log_first_day"]
    earlier = clients["enrolled_day"] < first
    assert 100 <= earlier.sum() <= 600
    assert 0.02 < clients["enrolled_day"].isna().mean() < 0.25
    missing = clients[["age", "injecting", "hiv"]].isna().mean()
    assert (missing > 0).all() and (missing < 0.1).all()


@pytest.mark.parametrize("day", [30, 90, 180, 365])
def test_kaplan_meier_of_the_demo_covers_the_true_retention(starters, truth, day):
    """Starters, gap 30, every end an event, transfers out censored, by plain numpy.

    Tolerance: 3 standard errors (Greenwood and the Monte Carlo error of the truth).
    """
    days = starters["days"].to_numpy()
    event = (starters["ended"] & (starters["reason"] != "transfer_out")).to_numpy()
    survival, variance = 1.0, 0.0
    for t in np.unique(days[event & (days <= day)]):
        at_risk, events = (days >= t).sum(), (event & (days == t)).sum()
        survival *= 1 - events / at_risk
        variance += events / (at_risk * (at_risk - events))
    true = truth["retention"]["at"][str(day)]
    se = math.hypot(survival * math.sqrt(variance), truth["retention"]["monte_carlo_se"][str(day)])
    assert abs(survival - true) < 3 * se


def test_realistic_retention(truth):
    at = truth["retention"]["at"]
    assert 0.66 < at["180"] < 0.74 and 0.54 < at["365"] < 0.61


def test_a_cox_model_by_site_finds_the_true_effects(starters, covered, truth):
    """Time-varying dose, adjusted and stratified by site, Breslow ties, by plain numpy; tolerance: 3 standard errors."""
    panel = _person_days(starters, covered)
    true = np.array([truth["dose"]["beta_per_10_mg"], *truth["log_hazard_ratios"].values()])
    assert true[0] == pytest.approx(math.log(0.88))
    estimate, se = _cox(panel)
    assert se[0] < 0.025  # the demo can tell the effect from none
    assert (np.abs(estimate - true) < 3 * se).all(), (estimate, true, se)


def _person_days(starters, covered):
    """One row per starter and day of risk from day 29, with the mean dose over the dosed days among d - 20 .. d - 14."""
    days_of = dict(list(covered[covered["episode"].isin(starters["episode"])].groupby("episode")))
    parts = []
    for row in starters[starters["days"] >= 29].itertuples():
        given = days_of[row.episode]
        dose = pd.Series(given["dose"].to_numpy(), index=given["day"].to_numpy() - row.start + 1)
        dose = dose.reindex(range(1, row.days + 1))
        exposure = dose.rolling(7, min_periods=1).mean().ffill().shift(14)
        part = pd.DataFrame({"day": dose.index, "exposure": exposure.to_numpy(), "site": row.site})
        part["event"] = row.ended and row.reason == "dropout"
        part["event"] &= part["day"] == row.days
        part["female"], part["age"], part["injecting"] = row.sex == "female", row.age, row.injecting
        parts.append(part[part["day"] >= 29])
    return pd.concat(parts).dropna(subset=["age", "injecting"])


def _cox(panel):
    panel = panel[panel.groupby(["site", "day"])["event"].transform("max")]
    stratum = panel.groupby(["site", "day"]).ngroup().to_numpy()
    x = np.column_stack(
        [(panel["exposure"] - 60) / 10, panel["female"], (panel["age"] - 35) / 10, panel["injecting"] == "yes"]
    ).astype(float)
    event, size, width = panel["event"].to_numpy(dtype=bool), stratum.max() + 1, x.shape[1]
    deaths, beta = np.bincount(stratum, event, size), np.zeros(width)
    for _step in range(10):
        weight = np.exp(x @ beta)
        s0 = np.bincount(stratum, weight, size)
        mean = np.column_stack([np.bincount(stratum, weight * x[:, j], size) for j in range(width)]) / s0[:, None]
        centred = x - mean[stratum]
        information = (centred * (weight * (deaths / s0)[stratum])[:, None]).T @ centred
        beta = beta + np.linalg.solve(information, centred[event].sum(axis=0))
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


def test_the_last_dose_falls_before_leaving_and_the_lagged_one_does_not(starters, covered):
    """Reverse causation stands in the last days only."""
    left = starters[starters["ended"] & (starters["reason"] == "dropout") & (starters["days"] > 60)]
    log = covered.merge(left[["episode", "last"]], on="episode")
    to_go = log["last"] - log["day"]
    mean = [log[to_go.between(*span)].groupby("episode")["dose"].mean().mean() for span in ((0, 3), (14, 20), (28, 34))]
    assert mean[0] < mean[1] - 4
    assert abs(mean[1] - mean[2]) < 1.5


# A nation


@pytest.fixture(scope="module")
def nation(tmp_path_factory):
    """Two thousand clients in the shape of China's programme."""
    folder = tmp_path_factory.mktemp("nation")
    write_national(folder, Generate(clients=2000, sites=20), 11)
    return folder


def test_a_nation_is_shaped_like_the_published_table(nation):
    table = read_published("li2013_table2")
    years = duckdb.sql(
        f"""WITH own AS (SELECT year(date) AS y, client_id, count(*) AS days, avg(dose_mg) AS mg
            FROM '{nation / "doses.parquet"}' GROUP BY ALL)
            SELECT y, count(*) AS clients, avg(days) AS days, avg(mg) AS mg FROM own GROUP BY y ORDER BY y"""
    ).df()
    assert years["y"].tolist() == list(range(2004, 2012))
    late = years["y"] >= 2007  # before, a nation of 2,000 has too few clients a year
    for column, indicator, within in (("days", "mean_days_in_treatment", 0.2), ("mg", "mean_dose_mg", 0.15)):
        published = table[table["indicator"] == indicator].set_index("year")["value"].reindex(years["y"]).to_numpy()
        assert np.allclose(years[column].astype(float)[late], published[late], rtol=within), indicator
    cumulative = table[table["indicator"] == "clients_cumulative"].set_index("year")["value"]
    entered = duckdb.sql(
        f"SELECT year(first) AS y, count(*) AS n FROM (SELECT min(date) AS first FROM '{nation / 'doses.parquet'}' GROUP BY client_id) GROUP BY y ORDER BY y"
    ).df()
    assert np.allclose(entered["n"].cumsum() / 2000, cumulative / cumulative.iloc[-1], atol=0.03)


def test_nobody_in_a_nation_is_dosed_at_a_site_before_it_opens(nation):
    early = duckdb.sql(
        f"""SELECT count(*) FROM '{nation / "doses.parquet"}' JOIN '{nation / "sites.parquet"}' USING (site_id)
            WHERE date < opened"""
    ).fetchall()
    assert early == [(0,)]


def test_a_nation_is_the_same_each_time(nation, tmp_path):
    write_national(tmp_path, Generate(clients=2000, sites=20), 11)
    for path in nation.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_dose_falls_before_some_dropouts_of_a_nation_and_reading_loses_no_row(nation, tmp_path):
    study = Study.model_validate(
        {
            "oatmill": 1,
            "id": "nation",
            "title": "Nation",
            "sources": {name: {"file": f"{name}.parquet"} for name in FILES},
            "definitions": {"deaths": "linked"},
        }
    ).model_copy(update={"folder": nation})
    intake = read_tables(study, tmp_path)
    assert (intake.ledger["rows_read"] == intake.ledger["rows_kept"] + intake.ledger["rows_quarantined"]).all()
    last = duckdb.sql(
        f"""SELECT dose_dmg, lag(dose_dmg, 14) OVER w AS before, day, lead(day) OVER w AS next FROM '{intake.doses}'
            WINDOW w AS (PARTITION BY client ORDER BY day)"""
    ).df()
    leaving = last[(last["next"] - last["day"] > GAP) & last["before"].notna()]
    staying = last[(last["next"] - last["day"] == 1) & last["before"].notna()]
    assert (leaving["dose_dmg"] < 0.8 * leaving["before"]).mean() > 0.2
    assert (staying["dose_dmg"] < 0.8 * staying["before"]).mean() < 0.05
