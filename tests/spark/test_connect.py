"""Spark Connect: the way to a cluster from a computer without Java. Server and client are processes of their own, since
a process has one kind of Spark."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from helpers import dosing
from oracle.test_episodes_pandas import random_log

from oatmill.episodes import build_calendar, build_spells

pytestmark = [pytest.mark.ibis, pytest.mark.java]

SERVER = """
import sys
from pyspark.sql import SparkSession
settings = {"spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin", "spark.ui.enabled": "false",
            "spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": sys.argv[1],
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.sql.shuffle.partitions": "1",
            "spark.sql.codegen.wholeStage": "false", "spark.sql.adaptive.enabled": "false"}  # little data: plan fast
builder = SparkSession.builder.master("local[2]")
for key, value in settings.items():
    builder = builder.config(key, value)
session = builder.getOrCreate()
print("ready", flush=True)
sys.stdin.read()
session.stop()
"""
CLIENT = """
import sys
from pathlib import Path
from oatmill.engine import Engine
from oatmill.episodes import build_calendar
from oatmill.episodes.engines import open_log
from oatmill.study import Definitions
doses = Path(sys.argv[1])
with open_log(Engine(name="spark", master_from="OUR_SPARK"), doses) as log:
    definitions = Definitions(gap_days=7)
    calendar = build_calendar(doses, ["A", "B"], definitions, engine=log)
    log.spells(definitions, calendar, None).to_csv(sys.stdout, index=False)
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-c", SERVER, str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, encoding="utf-8") as server:
        assert server.stdout is not None and server.stdout.readline() == "ready\n"
        yield f"sc://127.0.0.1:{port}"
        server.communicate(timeout=60)


def test_episodes_over_spark_connect(tmp_path, address):
    doses = dosing.write(random_log(1), tmp_path)
    definitions = dosing.settings(7)
    expected = build_spells(doses, definitions, build_calendar(doses, ["A", "B"], definitions))
    assert len(expected) >= 40
    assert (expected["missing_log_days"] > 0).any(), "the calendar made by the engine matters"
    text = called(doses, address, tmp_path / "spells.csv")
    pd.testing.assert_frame_equal(pd.read_csv(text), expected, check_dtype=False)


def called(doses: Path, address: str, target: Path) -> Path:
    words = [sys.executable, "-W", "ignore", "-c", CLIENT, str(doses)]
    environment = {**os.environ, "OUR_SPARK": address}
    with target.open("wb") as stream:
        subprocess.run(words, env=environment, stdout=stream, check=True, timeout=300)
    return target
