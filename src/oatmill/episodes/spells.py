"""Episodes from the log alone: where each begins and ends, and the doses in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from oatmill.episodes import _kernels as kernels
from oatmill.episodes.calendar import SiteCalendar
from oatmill.episodes.log import MEMORY, ROWS_AT_ONCE, Flags, Ints, Rows, read_rows
from oatmill.schema import MEDICATIONS
from oatmill.study import Definitions

ENDS_COVER = ("death", "prison")
COLUMNS = (
    "client", "start_day", "end_day", "site", "last_site", "home_site", "medication", "n_sites", "n_medications",
    "dosed_days", "missing_log_days", "dose_sum_dmg", "dose_days", "first_dose_dmg", "last_dose_dmg", "max_dose_dmg",
    "final",
)  # fmt: skip
_OF_KERNEL = {
    "start_day": kernels.START,
    "end_day": kernels.END,
    "dosed_days": kernels.DOSED,
    "missing_log_days": kernels.MISSING,
    "dose_sum_dmg": kernels.DOSE_SUM,
    "dose_days": kernels.DOSE_DAYS,
    "first_dose_dmg": kernels.FIRST_DOSE,
    "last_dose_dmg": kernels.LAST_DOSE,
    "max_dose_dmg": kernels.MAX_DOSE,
}


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
    parts = [
        _spells_of(rows, definitions, calendar, ends)
        for rows in read_rows(doses, calendar.data_cut, rows_at_once, memory)
    ]
    if not parts:
        return pd.DataFrame({name: np.zeros(0, bool if name == "final" else np.int64) for name in COLUMNS})
    return pd.concat(parts, ignore_index=True)


def deaths_and_prisons(exits: pd.DataFrame | None) -> tuple[Ints, Ints]:
    """Client and day of the records that end take-home cover, sorted."""
    if exits is None or not len(exits):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    ends = exits.loc[exits["reason"].isin(ENDS_COVER) & exits["day"].notna(), ["client", "day"]].to_numpy(np.int64)
    ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
    return np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1])


def first_of_groups(*columns: Ints) -> Ints:
    """Where the value of any of these columns changes, and one past the last."""
    new = np.ones(len(columns[0]), dtype=bool)
    new[1:] = False
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return np.append(np.flatnonzero(new), len(new))


def _spells_of(rows: Rows, definitions: Definitions, calendar: SiteCalendar, ends: tuple[Ints, Ints]) -> pd.DataFrame:
    programme = definitions.view == "programme"
    if programme:
        rows = rows.take(np.lexsort((rows.medication, rows.day, rows.site, rows.client)))
    first = first_of_groups(rows.client, rows.site) if programme else first_of_groups(rows.client)
    cut = calendar.cut_day[rows.site[first[1:] - 1]]
    columns = (rows.dose_dmg, rows.medication, rows.take_home)
    wanted = MEDICATIONS.index(definitions.medication)
    days = kernels.cover(first, cut, rows.client, rows.day, columns, wanted, *ends)
    place = np.where(rows.site < 0, len(calendar.sites), rows.site)
    rule = (kernels.SKIP, kernels.DOSE_FREE, kernels.COVERED)[
        ("skip", "dose_free", "covered").index(calendar.missing_log)
    ]
    found = kernels.split(*days, place, cut, calendar.runs_of_sites, rule, definitions.gap_days)
    frame = _frame(found, rows, first)
    if not programme:
        return frame
    frame = frame[~guest_visits(frame, definitions.gap_days)]
    return frame.iloc[np.lexsort((frame["site"], frame["start_day"], frame["client"]))].reset_index(drop=True)


def _frame(found: Ints, rows: Rows, first: Ints) -> pd.DataFrame:
    group, last_row = found[:, kernels.GROUP], found[:, kernels.LAST_ROW]
    begins = np.append(True, np.diff(group) != 0)
    first_row = np.where(begins, first[group], np.append(0, last_row[:-1] + 1))
    values = {
        "client": rows.client[first_row],
        "site": rows.site[first_row],
        "last_site": rows.site[last_row],
        "home_site": rows.site[first[group + 1] - 1],
        "medication": rows.medication[first_row],
        "n_sites": kernels.distinct(first_row, last_row, rows.site, int(rows.site.max()) + 2),
        "n_medications": kernels.distinct(first_row, last_row, rows.medication, int(rows.medication.max()) + 2),
        **{name: found[:, column] for name, column in _OF_KERNEL.items()},
    }
    kinds = {"dose_sum_dmg": np.int64}
    whole = {name: values[name].astype(kinds.get(name, np.int32)) for name in COLUMNS if name != "final"}
    return pd.DataFrame(whole | {"final": found[:, kernels.FINAL] == 1})


def guest_visits(spells: pd.DataFrame, gap_days: int) -> Flags:
    """Programme view: episodes that are guest doses, not a stay.

    Fewer than `gap_days` days at a site, strictly inside an episode of the same client at another site.
    """
    client, site, start, end = (spells[name].to_numpy() for name in ("client", "site", "start_day", "end_day"))
    guest = np.zeros(len(spells), dtype=bool)
    short = np.flatnonzero(end - start + 1 < gap_days)
    begin = np.searchsorted(client, client[short], side="left")
    stop = np.searchsorted(client, client[short], side="right")
    for offset in range(int((stop - begin).max(initial=0))):
        other = np.minimum(begin + offset, stop - 1)
        guest[short] |= (site[other] != site[short]) & (start[other] < start[short]) & (end[other] > end[short])
    return guest
