"""A real Spark on this computer, started once; it takes as long to start as most tests take."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from oatmill.engine import Engine
from oatmill.episodes.engines import EngineLog, open_log

MASTER = "OATMILL_TEST_SPARK"
QUIET = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
}


@pytest.fixture(scope="session")
def spark(requires) -> Iterator[object]:
    requires("ibis")
    requires("java")
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ[MASTER] = "local[2]"
    builder = SparkSession.builder.appName("oatmill-tests").master("local[2]")
    for key, value in QUIET.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def on_duckdb(requires) -> Callable[[Path], AbstractContextManager[EngineLog]]:
    requires("ibis")
    return lambda doses: open_log(Engine(name="duckdb"), doses)


@pytest.fixture
def on_spark(spark) -> Callable[..., AbstractContextManager[EngineLog]]:
    return lambda doses, table=None: open_log(Engine(name="spark", master_from=MASTER, table=table), doses)
