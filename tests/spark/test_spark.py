"""The same expression on a real Spark of this computer: what DuckDB showed in full is shown again in a few logs."""

from __future__ import annotations

import traceback
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from helpers import dosing
from helpers.spells import IBIS_WARNS, assert_same
from oracle.test_episodes_pandas import random_exits, random_log

from oatmill.engine import Engine
from oatmill.episodes.engines import open_log
from oatmill.errors import EngineUnreachable

# Spark leaves the sockets of its answers to Python to close.
SOCKETS = (
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed <socket.socket:ResourceWarning",
)
pytestmark = [pytest.mark.ibis, pytest.mark.java, pytest.mark.filterwarnings(IBIS_WARNS, *SOCKETS)]

CASES = [(0, 7, "any_oat", "skip"), (1, 3, "programme", "covered"), (2, 30, "any_oat", "dose_free")]


@pytest.mark.parametrize(("seed", "gap", "view", "missing_log"), CASES)
def test_random_logs(tmp_path, on_spark, seed, gap, view, missing_log):
    rows, exits = random_log(seed), random_exits(seed)
    definitions = dosing.settings(gap, 140 if seed % 2 else None, view=view)
    with on_spark(dosing.write(rows, tmp_path)) as log:
        assert assert_same(log, rows, tmp_path, definitions, exits=exits, missing_log=missing_log) >= 40


def test_what_the_calendar_asks(tmp_path, on_spark):
    rows = random_log(1)
    cut, start = dosing.absolute(140), dosing.absolute(60)
    path = dosing.write(rows, tmp_path)
    with on_spark(path) as spark, open_log(Engine(name="duckdb"), path) as duck:
        for left, right in zip(spark.site_days(cut), duck.site_days(cut), strict=True):
            assert list(left) == list(right)
        runs = np.array([0, 1]), np.array([start, start])
        assert list(spark.clients_before(*runs)) == list(duck.clients_before(*runs))
        ask = rows["client"].to_numpy()[:50], rows["day"].to_numpy()[:50]
        assert list(spark.doses_follow(*ask, 1, cut)) == list(duck.doses_follow(*ask, 1, cut))
        assert spark.last_day() == duck.last_day()


def test_only_what_was_asked_for_is_left_on_the_cluster(tmp_path, on_spark, spark):
    rows, definitions = random_log(3), dosing.settings(7)
    with on_spark(dosing.write(rows, tmp_path)) as log:
        before = {table.name for table in spark.catalog.listTables()}
        log.spells(definitions, dosing.calendar_of(rows, tmp_path, definitions), random_exits(3))
        assert {table.name for table in spark.catalog.listTables()} == before
    assert not spark.sparkContext._jsc.getPersistentRDDs()


def test_a_table_of_the_cluster(tmp_path, on_spark, spark):
    """It is read where it is, and refused where it is not the log that the intake wrote."""
    rows, definitions = random_log(2), dosing.settings(14)
    path = dosing.write(rows, tmp_path)
    spark.read.parquet(str(path)).createOrReplaceTempView("doses_ready")
    with on_spark(path, "doses_ready") as log:
        assert assert_same(log, rows, tmp_path, definitions) >= 40
    spark.sql("SELECT * FROM doses_ready WHERE client <> 7").createOrReplaceTempView("doses_short")
    with (
        pytest.raises(EngineUnreachable, match="is not the log that was read") as caught,
        on_spark(path, "doses_short"),
    ):
        pass
    assert f"{len(rows):,} rows of 40 clients" in caught.value.report()
    assert f"{(rows['client'] != 7).sum():,} rows of 39 clients" in caught.value.report()


def test_a_folder_of_parquet_files(tmp_path, on_spark):
    path = dosing.write(random_log(0), tmp_path)
    folder = tmp_path / "lake"
    folder.mkdir()
    for part in range(3):
        query = f"SELECT * FROM '{path}' WHERE client % 3 = {part}"
        duckdb.sql(f"COPY ({query}) TO '{folder}/part-{part}.parquet' (FORMAT parquet)")
    with on_spark(path, f"{folder}/") as log:
        assert log.size()["clients"] == 40


@pytest.mark.parametrize("table", ["no_such_schema.table", "/no/such/place/doses.parquet"])
def test_a_table_that_is_not_there(tmp_path, on_spark, table):
    path = dosing.write(random_log(0), tmp_path)
    with pytest.raises(EngineUnreachable, match="no such table or file") as caught, on_spark(path, table):
        pass
    assert_says_nothing(caught.value, "Exception", str(Path.home()), "/no/such")


def test_an_address_that_is_not_set(tmp_path, spark, monkeypatch):
    monkeypatch.delenv("OATMILL_ELSEWHERE", raising=False)
    engine = Engine(name="spark", master_from="OATMILL_ELSEWHERE")
    with pytest.raises(EngineUnreachable, match="OATMILL_ELSEWHERE is not set"), open_log(engine, tmp_path):
        pass


def test_an_error_of_the_driver_says_nothing_of_it(tmp_path, on_spark):
    path = dosing.write(random_log(0), tmp_path)
    with on_spark(path) as log:
        path.unlink()
        with pytest.raises(EngineUnreachable, match="broke off") as caught:
            log.last_day()
    assert_says_nothing(caught.value, str(tmp_path), "Py4J", "org.apache")


def assert_says_nothing(error: EngineUnreachable, *secrets: str) -> None:
    assert error.__cause__ is None and error.__context__ is None
    whole = "".join(traceback.format_exception(error)).split("EngineUnreachable")[-1] + error.report()
    assert not [secret for secret in secrets if secret in whole]


def test_types_are_those_of_the_built_in_engine(tmp_path, on_spark):
    rows, definitions = dosing.drawn("DD.D", "b?"), dosing.settings(7)
    path = dosing.write(rows, tmp_path)
    calendar = dosing.calendar_of(rows, tmp_path, definitions)
    with on_spark(path) as spark, open_log(Engine(name="duckdb"), path) as duck:
        pd.testing.assert_frame_equal(
            spark.spells(definitions, calendar, None), duck.spells(definitions, calendar, None)
        )
