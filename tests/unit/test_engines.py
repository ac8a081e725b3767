"""An engine that is not there: one clear error, before anything is asked of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from oatmill.engine import Engine
from oatmill.episodes.engines import open_log
from oatmill.errors import PackageMissing

ENGINES = [Engine(name="duckdb"), Engine(name="spark", master_from="OUR_SPARK")]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_packages_that_are_missing_name_the_extra(monkeypatch, engine):
    monkeypatch.setitem(sys.modules, "ibis", None)
    with pytest.raises(PackageMissing) as caught, open_log(engine, Path("doses.parquet")):
        pass
    assert 'pip install "oatmill[spark]"' in caught.value.report()
    assert caught.value.__context__ is None
