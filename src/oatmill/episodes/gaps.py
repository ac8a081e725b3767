"""The gap rule: rows of the log -> episodes, each a stretch of rows of one client (and site, in the programme view)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oatmill.episodes.calendar import SiteCalendar
from oatmill.episodes.cover import Days
from oatmill.episodes.log import UNKNOWN, Flags, Ints, Rows, pack


@dataclass(frozen=True)
class Spells:
    """Episodes, one value per episode, in the order of the rows they were made from.

    `first_row` (with one more value at the end) and `of_row` tie them to the rows; `open`, `cut_day` and
    `analysis_day` are those of the calendar site of the client's last row.
    """

    first_row: Ints
    of_row: Ints
    client: Ints
    start_day: Ints
    end_day: Ints
    site: Ints
    last_site: Ints
    medication: Ints
    missing_log_days: Ints
    cut_day: Ints
    analysis_day: Ints
    cause_analysis_day: Ints
    known_day: Ints
    open: Flags

    def __len__(self) -> int:
        return len(self.client)


def groups_of(rows: Rows, view: str) -> Ints:
    """0, 1, 2 ... for each client (any-OAT view), or each client and site (programme view); rows in that order."""
    new = np.ones(len(rows), dtype=bool)
    new[1:] = np.diff(rows.client) != 0
    if view == "programme":
        new[1:] |= np.diff(rows.site) != 0
    return np.cumsum(new) - 1


def last_of_each(group: Ints, values: Ints) -> Ints:
    """For every row the value in the last row of its group."""
    last = np.flatnonzero(np.append(np.diff(group) != 0, True))
    return values[last][group]


def split_at_gaps(
    rows: Rows, group: Ints, until: Ints, calendar: SiteCalendar, gap_days: int, exit_link_days: int
) -> Spells:
    """Episodes by the gap rule.

    Within a group an episode ends when at least `gap_days` consecutive dose-free days follow a covered day, so a new
    one begins where `next - last > gap_days`; days of missing log between do not count (`next - last - 1 - missing
    >= gap_days`). It ends on its last covered day. It is open when its last covered day is later than A.

    Parameters
    ----------
    rows, group : rows in the order of `group` (see `groups_of`), then by day
    until : last day that each row covers
    calendar : of the whole log
    gap_days : G, in days
    exit_link_days : days for which a recorded exit is linked (for the analysis date of exits by cause)

    Examples
    --------
    Doses on day 1 and day 9 have 7 dose-free days between: 9 - 1 = 8 > 7, two episodes at G = 7, and not > 8, one
    episode at G = 8.
    """
    reach = _reach(group, until)
    new = np.ones(len(rows), dtype=bool)
    new[1:] = np.diff(group) != 0
    same = np.flatnonzero(~new)
    last, site = reach[same - 1], rows.site[same - 1]
    carried = calendar.carried_through(site, last, rows.day[same], gap_days)
    missing = calendar.missing_between(site, last + 1, rows.day[same] - 1)
    uncounted = missing if calendar.missing_log == "skip" else 0
    broken = rows.day[same] - carried - 1 - uncounted >= gap_days
    new[same[broken]] = True
    end = reach.copy()
    end[same[broken] - 1] = carried[broken]
    inside = np.zeros(len(rows), dtype=np.int64)
    if calendar.missing_log != "dose_free":
        inside[same[~broken]] = missing[~broken]
    return _spells(rows, group, reach, end, new, inside, calendar, gap_days, exit_link_days)


def _spells(
    rows: Rows,
    group: Ints,
    reach: Ints,
    end: Ints,
    new: Flags,
    inside: Ints,
    calendar: SiteCalendar,
    gap_days: int,
    exit_link_days: int,
) -> Spells:
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(rows)) - 1
    final = np.append(group[first[1:]] != group[first[:-1]], True)
    home = last_of_each(group, rows.site)[first]
    cut, end_day = calendar.cut_day[home], end[last]
    end_day[final] = calendar.carried_through(home[final], end_day[final], cut[final] + 1, gap_days)
    analysis_day = calendar.analysis_day(gap_days)[home]
    is_open = final & (end_day > analysis_day)
    missing = np.add.reduceat(inside, first)
    if calendar.missing_log == "covered":  # the end may lie in a run of missing log
        missing = missing + calendar.missing_between(rows.site[last], reach[last] + 1, end_day)
    return Spells(
        first_row=np.append(first, len(rows)),
        of_row=np.cumsum(new) - 1,
        client=rows.client[first],
        start_day=rows.day[first],
        end_day=end_day,
        site=rows.site[first],
        last_site=rows.site[last],
        medication=rows.medication[first],
        missing_log_days=missing,
        cut_day=cut,
        analysis_day=analysis_day,
        cause_analysis_day=calendar.analysis_day(max(gap_days, exit_link_days))[home],
        known_day=calendar.known_day(rows.site[last], end_day, gap_days),
        open=is_open,
    )


def _reach(group: Ints, until: Ints) -> Ints:
    """The last day covered by any row of the group so far."""
    base = int(until.min())
    return (np.maximum.accumulate(pack(group, until, base)) & 0xFFFFFFFF) + base


def count_distinct(of_row: Ints, code: Ints, n: int) -> Ints:
    """Distinct codes among the rows of each of `n` episodes."""
    keep = np.ones(len(of_row), dtype=bool)
    keep[1:] = (np.diff(of_row) != 0) | (np.diff(code) != 0)
    pairs = np.unique(pack(of_row[keep], code[keep], UNKNOWN))
    return np.bincount(pairs >> 32, minlength=n)


def dose_summary(days: Days, n: int) -> dict[str, np.ndarray]:
    """Covered days and doses of `n` episodes, from their covered days (`owner` = episode).

    `dosed_days` counts covered days; the doses (mg) are taken over the covered days whose dose is known: first and
    last are those of the first and the last covered day, missing where that day's dose is not known.
    """
    first = np.flatnonzero(np.append(True, np.diff(days.owner) != 0))
    last = np.append(first[1:], len(days.owner)) - 1
    known = days.dose_dmg != UNKNOWN
    total = np.add.reduceat(np.where(known, days.dose_dmg, 0), first)
    n_known = np.add.reduceat(known.astype(np.int64), first)
    mg = np.where(known, days.dose_dmg / 10, np.nan)
    with np.errstate(invalid="ignore"):
        mean = total / (10 * n_known)
    return {
        "dosed_days": np.bincount(days.owner, minlength=n),
        "first_dose_mg": mg[first],
        "mean_dose_mg": mean,
        "last_dose_mg": mg[last],
        "max_dose_mg": np.where(n_known > 0, np.maximum.reduceat(days.dose_dmg, first) / 10, np.nan),
    }


def guest_visits(spells: Spells, gap_days: int) -> Flags:
    """Programme view: episodes that are guest doses, not a stay.

    Fewer than `gap_days` days at a site, strictly inside an episode of the same client at another site.
    """
    guest = np.zeros(len(spells), dtype=bool)
    short = np.flatnonzero(spells.end_day - spells.start_day + 1 < gap_days)
    begin = np.searchsorted(spells.client, spells.client[short], side="left")
    stop = np.searchsorted(spells.client, spells.client[short], side="right")
    for offset in range(int((stop - begin).max(initial=0))):
        other = np.minimum(begin + offset, stop - 1)
        guest[short] |= (
            (spells.site[other] != spells.site[short])
            & (spells.start_day[other] < spells.start_day[short])
            & (spells.end_day[other] > spells.end_day[short])
        )
    return guest
