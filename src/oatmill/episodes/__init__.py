"""Dosing log -> treatment episodes by the gap rule.

Reading order: `log` (rows of the log, in chunks of clients), `calendar` (each site's log and its holes), `cover`
(the days that a row covers), `gaps` (where an episode ends), `exits` (why), `starters` (who begins in the log).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from oatmill.episodes.calendar import MissingLog, SiteCalendar, build_calendar, day_number
from oatmill.episodes.cover import Days, covered_days, covered_until
from oatmill.episodes.exits import FATES, Links, doses_follow, link_exits
from oatmill.episodes.gaps import (
    Spells,
    count_distinct,
    dose_summary,
    groups_of,
    guest_visits,
    last_of_each,
    split_at_gaps,
)
from oatmill.episodes.log import ROWS_AT_ONCE, Rows, read_rows
from oatmill.episodes.starters import add_starters, check_washout, opened_with_log
from oatmill.errors import TableEmpty
from oatmill.schema import EXIT_REASONS, MEDICATIONS
from oatmill.study import Definitions
from oatmill.text import _

__all__ = [
    "Days",
    "MissingLog",
    "Rows",
    "SiteCalendar",
    "build_calendar",
    "build_episodes",
    "check_washout",
    "count_exit_records",
    "covered_days",
    "covered_until",
    "day_number",
    "read_rows",
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

    Returns
    -------
    DataFrame
        Sorted by client and episode (1, 2 ... by first day). Days are days since 1970-01-01.

        - `start_day`, `end_day`: first and last covered day; `days` = end - start + 1
        - `dosed_days` (covered), `missed_days` (dose-free), `missing_log_days`: they add up to `days`
        - `first_dose_mg`, `mean_dose_mg`, `last_dose_mg`, `max_dose_mg`: of the study's medication
        - `site`, `last_site` (codes), `n_sites`, `medication` (first), `n_medications`
        - `open`: the last covered day is later than A, so that the end is not known
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
    parts = [_chunk(rows, definitions, calendar, exits) for rows in read_rows(doses, calendar.data_cut, rows_at_once)]
    if not parts:
        raise TableEmpty(
            _("There is no dose on or before the data cut."),
            cure=_("Check `definitions.data_cut` and the dates of the doses."),
        )
    episodes = pd.concat(parts, ignore_index=True)
    home = pd.Index(calendar.sites).get_indexer(pd.Index(episodes["site"]))
    opened = opened_with_log(calendar.first_day[home], calendar.opened_day[home])
    episodes["log_first_day"] = calendar.first_day[home].astype(np.int32)
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
    records = usable_exits(exits)
    fate = np.full(len(records), FATES.index("no_episode"))
    for rows in read_rows(doses, calendar.data_cut):
        spells, _days = _split(rows, definitions, calendar, exits)
        here = _among(records, rows)
        fate[here] = _link(spells, records[here], rows, definitions, calendar.data_cut).fate
    counted = pd.DataFrame({"reason": records["reason"].to_numpy(), "fate": np.array(FATES)[fate]})
    return counted.groupby(["reason", "fate"], as_index=False).size().rename(columns={"size": "count"})


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


def _chunk(rows: Rows, definitions: Definitions, calendar: SiteCalendar, exits: pd.DataFrame | None) -> pd.DataFrame:
    spells, summary = _split(rows, definitions, calendar, exits)
    records = usable_exits(exits)
    links = _link(spells, records[_among(records, rows)], rows, definitions, calendar.data_cut)
    return _frame(spells, summary, links, rows, calendar, definitions.gap_days)


def _split(
    rows: Rows, definitions: Definitions, calendar: SiteCalendar, exits: pd.DataFrame | None
) -> tuple[Spells, dict[str, np.ndarray]]:
    """Episodes of these rows and the figures of each, sorted by client and first day."""
    programme = definitions.view == "programme"
    if programme:
        rows = rows.take(np.lexsort((rows.medication, rows.day, rows.site, rows.client)))
    group = groups_of(rows, definitions.view)
    until = covered_until(rows, exits, calendar.cut_day[last_of_each(group, rows.site)])
    spells = split_at_gaps(rows, group, until, calendar, definitions.gap_days, definitions.exit_link_days)
    days = covered_days(rows, spells.of_row, until, MEDICATIONS.index(definitions.medication))
    summary = dose_summary(days, len(spells)) | {
        "n_sites": count_distinct(spells.of_row, rows.site, len(spells)),
        "n_medications": count_distinct(spells.of_row, rows.medication, len(spells)),
    }
    if not programme:
        return spells, summary
    keep = np.flatnonzero(~guest_visits(spells, definitions.gap_days))
    keep = keep[np.lexsort((spells.site[keep], spells.start_day[keep], spells.client[keep]))]
    columns = {name: getattr(spells, name)[keep] for name in Spells.__dataclass_fields__ if "row" not in name}
    kept = Spells(first_row=spells.first_row, of_row=spells.of_row, **columns)
    return kept, {name: values[keep] for name, values in summary.items()}


def _among(records: pd.DataFrame, rows: Rows) -> np.ndarray:
    """Which records are of clients in this chunk (chunks are ranges of clients)."""
    client = records["client"].to_numpy(np.int64)
    return (client >= rows.client[0]) & (client <= rows.client[-1])


def _link(spells: Spells, records: pd.DataFrame, rows: Rows, definitions: Definitions, data_cut: int) -> Links:
    return link_exits(
        spells.client,
        spells.start_day,
        spells.end_day,
        spells.open,
        records,
        rows,
        gap_days=definitions.gap_days,
        exit_link_days=definitions.exit_link_days,
        data_cut=data_cut,
    )


def _frame(
    spells: Spells,
    summary: dict[str, np.ndarray],
    links: Links,
    rows: Rows,
    calendar: SiteCalendar,
    gap_days: int,
) -> pd.DataFrame:
    start, end = spells.start_day, spells.end_day
    first = np.flatnonzero(np.append(True, np.diff(spells.client) != 0))
    number = np.arange(len(spells)) - np.repeat(first, np.diff(np.append(first, len(spells)))) + 1
    days = end - start + 1
    frame = pd.DataFrame(
        {
            "client": spells.client,
            "episode": number,
            "start_day": start,
            "end_day": end,
            "days": days,
            "dosed_days": summary["dosed_days"],
            "missed_days": days - summary["dosed_days"] - spells.missing_log_days,
            "missing_log_days": spells.missing_log_days,
            **{name: summary[name] for name in ("first_dose_mg", "mean_dose_mg", "last_dose_mg", "max_dose_mg")},
            "site": calendar.codes[spells.site],
            "last_site": calendar.codes[spells.last_site],
            "n_sites": summary["n_sites"],
            "medication": np.array([*MEDICATIONS, None], dtype=object)[spells.medication],
            "n_medications": summary["n_medications"],
            "open": spells.open,
            "exit_reason": np.array([*EXIT_REASONS, None], dtype=object)[links.reason],
            "exit_day": pd.arrays.IntegerArray(links.day.astype(np.int32), ~links.dated),
            "moved": ~spells.open & doses_follow(rows, spells.client, end, gap_days),
            "known_day": pd.arrays.IntegerArray(spells.known_day.astype(np.int32), spells.open.copy()),
            "cut_day": spells.cut_day,
            "analysis_day": spells.analysis_day,
            "cause_analysis_day": spells.cause_analysis_day,
        }
    )
    whole = frame.select_dtypes(np.int64).columns
    return frame.astype(dict.fromkeys(whole, np.int32))
