"""Episodes from the log alone: where each begins and ends, and the doses in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from oatmill.episodes import _kernels as kernels
from oatmill.episodes.calendar import SiteCalendar
from oatmill.episodes.log import MEMORY, ROWS_AT_ONCE, Flags, Ints, Rows, map_rows
from oatmill.schema import MEDICATIONS
from oatmill.study import Definitions

ENDS_COVER = ("death", "prison")
COLUMNS = (
    "client", "start_day", "end_day", "site", "last_site", "home_site", "medication", "n_sites", "n_medications",
    "dosed_days", "missing_log_days", "dose_sum_dmg", "dose_days", "first_dose_dmg", "last_dose_dmg", "max_dose_dmg",
    "final",
)  # fmt: skip
MISSING_LOG = {"skip": kernels.SKIP, "dose_free": kernels.DOSE_FREE, "covered": kernels.COVERED}


def build_spells(
    doses: Path,
    definitions: Definitions,
    calendar: SiteCalendar,
    exits: pd.DataFrame | None = None,
    *,
    rows_at_once: int = ROWS_AT_ONCE,
    memory: int = MEMORY,
) -> pd.DataFrame:
    """Episodes by the gap rule from the log and the recorded deaths and imprisonments, which end take-home cover.

    Returns
    -------
    DataFrame
        One row per episode, sorted by client and first day (and site, in the programme view); integers but for
        `final`. Days are days since 1970-01-01.

        - `client`, `start_day`, `end_day` (first and last covered day)
        - `site`, `last_site`: of the first and the last row; `home_site`: of the last row of the client (in the
          programme view: the same site); indices into `calendar.sites`, -1 = not known
        - `medication` (of the first row), `n_sites`, `n_medications`
        - `dosed_days` (covered), `missing_log_days`
        - `dose_sum_dmg` over `dose_days`, the covered days whose dose of the study's medication is known, and
          `max_dose_dmg`, `first_dose_dmg`, `last_dose_dmg` (of the first and the last covered day): -1 = not known
        - `final`: no episode of the client (at the site) follows
    """
    ends = deaths_and_prisons(exits)
    parts = map_rows(
        lambda rows: _spells_of(rows, definitions, calendar, ends), doses, calendar.data_cut, rows_at_once, memory
    )
    columns = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS} if parts else {}
    return pd.DataFrame(columns, columns=list(COLUMNS))


def deaths_and_prisons(exits: pd.DataFrame | None) -> tuple[Ints, Ints]:
    """Client and day of the records that end take-home cover, sorted."""
    if exits is None or not len(exits):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    ends = exits.loc[exits["reason"].isin(ENDS_COVER) & exits["day"].notna(), ["client", "day"]].to_numpy(np.int64)
    ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
    return np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1])


def covered_until(rows: Rows, exits: pd.DataFrame | None, cut_day: Ints | int) -> Ints:
    """The last day that each row covers.

    A row on day d with k take-home days covers d .. d + k, at most up to the day of the client's next recorded death
    or imprisonment on or after d, and up to C.

    Parameters
    ----------
    rows : rows of the log
    exits : recorded exits (client, day, reason), or None
    cut_day : C of each client of the rows, or one for all

    Examples
    --------
    d = 10, k = 6: covers 10 .. 16. Prison recorded on day 12: covers 10 .. 12. C = 14: covers 10 .. 14.
    """
    first = first_of_groups(rows.client)
    cut = np.broadcast_to(np.asarray(cut_day, dtype=np.int64), len(first) - 1).copy()
    until: Ints = kernels.until_of_rows(first, cut, rows.client, rows.day, rows.take_home, *deaths_and_prisons(exits))
    return until


def first_of_groups(*columns: Ints) -> Ints:
    """Where the value of any of these columns changes, and one past the last."""
    new = np.ones(len(columns[0]), dtype=bool)
    new[1:] = False
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return np.append(np.flatnonzero(new), len(new))


def _spells_of(
    rows: Rows, definitions: Definitions, calendar: SiteCalendar, ends: tuple[Ints, Ints]
) -> dict[str, np.ndarray]:
    programme = definitions.view == "programme"
    if programme:
        rows = rows.take(np.lexsort((rows.medication, rows.day, rows.site, rows.client)))
    first = first_of_groups(rows.client, rows.site) if programme else first_of_groups(rows.client)
    cut = calendar.cut_day[rows.site[first[1:] - 1]]
    columns = (rows.dose_dmg, rows.medication, rows.take_home)
    wanted, missing_log = MEDICATIONS.index(definitions.medication), MISSING_LOG[calendar.missing_log]
    first_day, row, day, dose = kernels.cover(first, cut, rows.client, rows.day, columns, wanted, *ends)
    begin, group, end, missing = kernels.split(
        first_day, row, day, rows.site, cut, calendar.runs_of_sites, missing_log, definitions.gap_days
    )
    last = begin[1:] - 1
    total, known, highest = kernels.sum_doses(begin, dose)
    spells = _of_rows(rows, first, group, row[last]) | {
        "start_day": day[begin[:-1]],
        "end_day": end.astype(np.int32),
        "dosed_days": np.diff(begin).astype(np.int32),
        "missing_log_days": missing.astype(np.int32),
        "dose_sum_dmg": total,
        "dose_days": known,
        "first_dose_dmg": dose[begin[:-1]],
        "last_dose_dmg": dose[last],
        "max_dose_dmg": highest,
        "final": np.append(np.diff(group) != 0, True),
    }
    if not programme:
        return spells
    stays = np.flatnonzero(~guest_visits(spells, definitions.gap_days))
    order = np.lexsort((spells["site"][stays], spells["start_day"][stays], spells["client"][stays]))
    return {name: values[stays[order]] for name, values in spells.items()}


def _of_rows(rows: Rows, first: Ints, group: Ints, last_row: Ints) -> dict[str, np.ndarray]:
    """Who, where and what: from each episode's first and last row."""
    begins = np.append(True, np.diff(group) != 0)
    first_row = np.where(begins, first[group], np.append(0, last_row[:-1] + 1))
    return {
        "client": rows.client[first_row],
        "site": rows.site[first_row],
        "last_site": rows.site[last_row],
        "home_site": rows.site[first[group + 1] - 1],
        "medication": rows.medication[first_row].astype(np.int32),
        "n_sites": kernels.distinct(first_row, last_row, rows.site, int(rows.site.max()) + 2),
        "n_medications": kernels.distinct(first_row, last_row, rows.medication, int(rows.medication.max()) + 2),
    }


def guest_visits(spells: dict[str, np.ndarray], gap_days: int) -> Flags:
    """Programme view: episodes that are guest doses, not a stay.

    Fewer than `gap_days` days at a site, strictly inside an episode of the same client at another site.
    """
    client, site, start, end = (spells[name] for name in ("client", "site", "start_day", "end_day"))
    guest = np.zeros(len(client), dtype=bool)
    short = np.flatnonzero(end - start + 1 < gap_days)
    begin = np.searchsorted(client, client[short], side="left")
    stop = np.searchsorted(client, client[short], side="right")
    for offset in range(int((stop - begin).max(initial=0))):
        other = np.minimum(begin + offset, stop - 1)
        guest[short] |= (site[other] != site[short]) & (start[other] < start[short]) & (end[other] > end[short])
    return guest
