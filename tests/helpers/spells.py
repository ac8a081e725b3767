"""Spells of another engine against those of the built-in one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from helpers import dosing

from oatmill.episodes import build_spells
from oatmill.episodes.engines import EngineLog
from oatmill.study import Definitions

# Ibis 12 asks DuckDB by a name that DuckDB is about to drop.
IBIS_WARNS = "ignore:fetch_arrow_table.. is deprecated:DeprecationWarning"


def assert_same(
    log: EngineLog,
    rows: pd.DataFrame,
    folder: Path,
    definitions: Definitions,
    *,
    exits: pd.DataFrame | None = None,
    missing_log: str = "skip",
) -> int:
    """The engine's spells are those of the built-in engine, every column and its type; how many there are.

    `rows` lie in `folder` already.
    """
    calendar = dosing.calendar_of(rows, folder, definitions, missing_log=missing_log)
    built_in = build_spells(folder / "doses.parquet", definitions, calendar, exits)
    spells = log.spells(definitions, calendar, exits)
    pd.testing.assert_frame_equal(spells, built_in)
    return len(spells)
