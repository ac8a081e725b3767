"""Dosing log -> treatment episodes by the gap rule.

Reading order: `log` (rows of the log, in chunks of clients; `shuffled` brings another one into order), `calendar`
(each site's log and its holes), `spells` (what each row covers and where an episode ends; compiled in `_kernels`),
`exits` (why), `starters` (who begins in the log). `engines` and `expression`: the same rule on DuckDB or Spark, by way
of Ibis. `trace` explains one client's episodes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from oatmill.episodes.calendar import MissingLog, SiteCalendar, build_calendar, day_number
from oatmill.episodes.engines import BuiltinLog, EngineLog
from oatmill.episodes.exits import Links, count_fates, link_exits
from oatmill.episodes.log import MEMORY, ROWS_AT_ONCE, Rows, map_rows
from oatmill.episodes.spells import build_spells, covered_until
from oatmill.episodes.starters import add_starters, check_washout, opened_with_log
from oatmill.errors import TableEmpty
from oatmill.schema import EXIT_REASONS, MEDICATIONS
from oatmill.study import Definitions
from oatmill.text import _

__all__ = [
    "BuiltinLog",
    "MissingLog",
    "Rows",
    "SiteCalendar",
    "build_calendar",
    "build_episodes",
    "build_spells",
    "check_washout",
    "count_exit_records",
    "covered_until",
    "day_number",
    "link_records",
    "map_rows",
]


def build_episodes(
    doses: Path,
    *,
    definitions: Definitions,
    calendar: SiteCalendar,
    clients: pd.DataFrame | None = None,
    exits: pd.DataFrame | None = None,
    gap_days: int | None = None,
    view: str | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
    memory: int = MEMORY,
    engine: EngineLog | None = None,
) -> pd.DataFrame:
    """Treatment episodes by the gap rule, one row per client and episode.

    Parameters
    ----------
    doses : parquet of the dosing log: client, day, dose_dmg, site, medication, take_home_days
    definitions : the study's settings
    calendar : of the same log (`build_calendar`); its `missing_log` says how missing-log days count
    clients : the clients table, or None
    exits : recorded exits (client, day, reason), or None
    gap_days, view : instead of those of the definitions
    rows_at_once : rows of the log held in memory at a time
    memory : bytes that bringing an unsorted log into order may take
    engine : the same log at another engine (`engines.open_log`), which then does the work

    Returns
    -------
    DataFrame
        Sorted by client and episode (1, 2 ... by first day). Days are days since 1970-01-01.

        - `start_day`, `end_day`: first and last covered day; `days` = end - start + 1
        - `dosed_days` (covered), `missed_days` (dose-free), `missing_log_days`: they add up to `days`
        - `first_dose_mg`, `mean_dose_mg`, `last_dose_mg`, `max_dose_mg`: of the study's medication
        - `site`, `last_site` (codes), `n_sites`, `medication` (first), `n_medications`
        - `open`: the last covered day is later than A, so that the end is not known
        - `closed_by`: the rule that ended it, as `gap30` (None while open)
        - `exit_reason` (None while open), `exit_day` (of the record; missing without one)
        - `moved`: doses at another site follow within the gap (programme view)
        - `known_day`: the day on which the end is known (missing while open)
        - `cut_day`, `analysis_day`, `cause_analysis_day`: C, A = C - G and C - max(G, exit_link_days) for this client
        - `log_first_day`: of the site of the first dose
        - `washout_met`, `marked_repeat`, `starter`, `prevalent`, `enrolled_day`: see `add_starters`

    Notes
    -----
    First in the log is not first ever: a starter may have been treated before the log begins. An open episode is not
    a retained one: whether it ended is not known yet, which is why time is cut at A and not at C.
    """
    definitions = with_gap(definitions, gap_days, view)
    log = engine or BuiltinLog(doses, rows_at_once, memory)
    spells = log.spells(definitions, calendar, exits)
    if not len(spells):
        raise TableEmpty(
            _("There is no dose on or before the data cut."),
            cure=_("Check `definitions.data_cut` and the dates of the doses."),
        )
    spells = _assessed(spells, definitions, calendar)
    links = link_records(spells, exits, log, definitions, calendar)
    moved = _moved(spells, log, definitions, calendar)
    episodes = _frame(spells, links, moved, calendar, definitions.gap_days)
    home = spells["site"].to_numpy()
    episodes["log_first_day"] = calendar.first_day[home].astype(np.int32)
    opened = opened_with_log(calendar.first_day[home], calendar.opened_day[home])
    return add_starters(episodes, clients, definitions, opened)


def count_exit_records(
    doses: Path,
    *,
    definitions: Definitions,
    calendar: SiteCalendar,
    exits: pd.DataFrame | None,
    gap_days: int | None = None,
    view: str | None = None,
) -> pd.DataFrame:
    """What became of the recorded exits: one row per reason and fate, with the number of records.

    Fates: `used`; `second` (another record of the same episode counts); `followed_by_doses` (of the same episode);
    `too_late` (beyond the linkage window); `open_episode` (the end is not known yet); `no_episode` (before the first
    dose, or a client who is not in the log); `after_cut`.
    """
    definitions = with_gap(definitions, gap_days, view)
    log = BuiltinLog(doses)
    spells = _assessed(log.spells(definitions, calendar, exits), definitions, calendar)
    return count_fates(usable_exits(exits)["reason"], link_records(spells, exits, log, definitions, calendar))


def with_gap(definitions: Definitions, gap_days: int | None, view: str | None = None) -> Definitions:
    """The definitions with another gap or view; the washout follows the gap unless the study file sets it."""
    changes = {"gap_days": gap_days, "view": view}
    changes = {key: value for key, value in changes.items() if value is not None}
    return definitions.model_copy(update=changes) if changes else definitions


def usable_exits(exits: pd.DataFrame | None) -> pd.DataFrame:
    """Recorded exits with a date and a reason: client, day, reason."""
    if exits is None or not len(exits):
        return pd.DataFrame({"client": np.zeros(0, int), "day": np.zeros(0, int), "reason": np.zeros(0, object)})
    return exits.loc[exits["day"].notna() & exits["reason"].notna(), ["client", "day", "reason"]].reset_index(drop=True)


def _assessed(spells: pd.DataFrame, definitions: Definitions, calendar: SiteCalendar) -> pd.DataFrame:
    """With the days that the calendar decides, and whether the end is known: each client's last site gives C and A."""
    home, gap = spells["home_site"].to_numpy(), definitions.gap_days
    end = spells["end_day"].to_numpy(np.int64)
    analysis_day = calendar.analysis_day(gap)[home]
    return spells.assign(
        cut_day=calendar.cut_day[home],
        analysis_day=analysis_day,
        cause_analysis_day=calendar.analysis_day(max(gap, definitions.exit_link_days))[home],
        known_day=calendar.known_day(spells["last_site"].to_numpy(), end, gap),
        open=spells["final"].to_numpy() & (end > analysis_day),
    )


def link_records(
    spells: pd.DataFrame,
    exits: pd.DataFrame | None,
    log: BuiltinLog | EngineLog,
    definitions: Definitions,
    calendar: SiteCalendar,
) -> Links:
    """Recorded exits linked to episodes (client, start_day, end_day, open; sorted by client and start)."""
    records = usable_exits(exits)
    prison = records["reason"].eq("prison").to_numpy()
    inside = np.zeros(len(records), dtype=bool)
    who, when = (records.loc[prison, name].to_numpy(np.int64) for name in ("client", "day"))
    inside[prison] = log.doses_follow(who, when, definitions.gap_days, calendar.data_cut)
    return link_exits(
        spells,
        records,
        inside,
        gap_days=definitions.gap_days,
        exit_link_days=definitions.exit_link_days,
        data_cut=calendar.data_cut,
    )


def _moved(
    spells: pd.DataFrame, log: BuiltinLog | EngineLog, definitions: Definitions, calendar: SiteCalendar
) -> np.ndarray:
    """Whether doses follow within the gap: elsewhere, so only in the programme view."""
    ended = ~spells["open"].to_numpy()
    if definitions.view != "programme":
        return np.zeros(len(spells), dtype=bool)
    who, when = spells["client"].to_numpy(np.int64), spells["end_day"].to_numpy(np.int64)
    return ended & log.doses_follow(who, when, definitions.gap_days, calendar.data_cut)


def _frame(
    spells: pd.DataFrame, links: Links, moved: np.ndarray, calendar: SiteCalendar, gap_days: int
) -> pd.DataFrame:
    days = spells["end_day"] - spells["start_day"] + 1
    is_open = spells["open"].to_numpy()
    with np.errstate(invalid="ignore"):
        mean = spells["dose_sum_dmg"] / (10 * spells["dose_days"])
    frame = pd.DataFrame(
        {
            "client": spells["client"],
            "episode": spells.groupby("client").cumcount() + 1,
            "start_day": spells["start_day"],
            "end_day": spells["end_day"],
            "days": days,
            "dosed_days": spells["dosed_days"],
            "missed_days": days - spells["dosed_days"] - spells["missing_log_days"],
            "missing_log_days": spells["missing_log_days"],
            "first_dose_mg": _mg(spells["first_dose_dmg"]),
            "mean_dose_mg": mean,
            "last_dose_mg": _mg(spells["last_dose_dmg"]),
            "max_dose_mg": _mg(spells["max_dose_dmg"]),
            "site": calendar.codes[spells["site"]],
            "last_site": calendar.codes[spells["last_site"]],
            "n_sites": spells["n_sites"],
            "medication": np.array([*MEDICATIONS, None], dtype=object)[spells["medication"]],
            "n_medications": spells["n_medications"],
            "open": is_open,
            "closed_by": np.array([f"gap{gap_days}", None], dtype=object)[is_open.astype(int)],
            "exit_reason": np.array([*EXIT_REASONS, None], dtype=object)[links.reason],
            "exit_day": pd.arrays.IntegerArray(links.day.astype(np.int32), ~links.dated),
            "moved": moved,
            "known_day": pd.arrays.IntegerArray(spells["known_day"].to_numpy(np.int32), is_open.copy()),
            **{name: spells[name] for name in ("cut_day", "analysis_day", "cause_analysis_day")},
        }
    )
    whole = frame.select_dtypes(np.int64).columns
    return frame.astype(dict.fromkeys(whole, np.int32))


def _mg(dose_dmg: pd.Series) -> pd.Series:
    return (dose_dmg / 10).where(dose_dmg >= 0)
