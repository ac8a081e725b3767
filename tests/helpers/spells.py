"""Spells of another engine against the episodes of the built-in one, and logs to compare them on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from helpers import dosing

from oatmill.episodes import SiteCalendar
from oatmill.episodes.engines import EngineLog
from oatmill.schema import MEDICATIONS
from oatmill.study import Definitions

# Ibis 12 asks DuckDB by a name that DuckDB is about to drop.
IBIS_WARNS = "ignore:fetch_arrow_table.. is deprecated:DeprecationWarning"
PLAIN = ["client", "start_day", "end_day", "dosed_days", "missing_log_days", "n_sites", "n_medications"]
DOSES = ["first", "last", "max"]


def seen_as_episodes(spells: pd.DataFrame, definitions: Definitions, calendar: SiteCalendar) -> pd.DataFrame:
    """What the columns of spells say, in the words of episodes."""
    home, codes = spells["home_site"].to_numpy(), np.array([*MEDICATIONS, None], dtype=object)
    mg = {f"{name}_dose_mg": spells[f"{name}_dose_dmg"].where(spells[f"{name}_dose_dmg"] >= 0) / 10 for name in DOSES}
    analysis_day = calendar.analysis_day(definitions.gap_days)[home]
    return spells[PLAIN].assign(
        **mg,
        mean_dose_mg=spells["dose_sum_dmg"] / (10 * spells["dose_days"].where(spells["dose_days"] > 0)),
        site=calendar.codes[spells["site"]],
        last_site=calendar.codes[spells["last_site"]],
        medication=codes[spells["medication"]],
        cut_day=calendar.cut_day[home],
        analysis_day=analysis_day,
        open=spells["final"].to_numpy() & (spells["end_day"].to_numpy() > analysis_day),
    )


def assert_same(log: EngineLog, rows: pd.DataFrame, folder, definitions, *, exits=None, missing_log="skip") -> int:
    """The engine's spells are the built-in engine's episodes; how many there are. `rows` lie in `folder` already."""
    calendar = dosing.calendar_of(rows, folder, definitions, missing_log=missing_log)
    spells = log.spells(definitions, calendar, exits)
    episodes = dosing.built(rows, folder, definitions, exits=exits, missing_log=missing_log)
    found = seen_as_episodes(spells, definitions, calendar)
    pd.testing.assert_frame_equal(found, episodes[list(found)], check_dtype=False, rtol=1e-12, atol=0)
    return len(spells)
