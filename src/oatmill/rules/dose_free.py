"""So many dose-free days within so many days of an episode end it: `d15of90`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from oatmill.definitions import Definition, computes
from oatmill.episodes import Rows, SiteCalendar, covered_until, map_rows
from oatmill.episodes.log import Flags, Ints, pack
from oatmill.errors import NotSupported, TableEmpty
from oatmill.rules.frames import Log, Spells, first_of_each, joined, last_of_each, rule_frame, with_starters
from oatmill.text import _

MOST_DOSE_FREE = 15
WINDOW_DAYS = 90


@computes("d15of90")
def by_dose_free_days(rule: Definition, log: Log) -> pd.DataFrame:
    """The 16th dose-free day within any 90 days of an episode ends it, on the last covered day before that 16th.

    Notes
    -----
    The rule is stricter than a gap of 16 days, which is the case of 16 such days in a row: a client who misses one day in
    five is out of treatment within three months, however long the attendance goes on.
    """
    if log.calendar.missing_log == "covered":
        raise NotSupported(_("{rule} is not computed with days of missing log counted as covered.", rule=rule.id))
    parts = map_rows(
        lambda rows: split_at_limit(covered_stretches(rows, log), log.calendar), log.doses, log.calendar.data_cut
    )
    if not parts:
        raise TableEmpty(_("There is no dose on or before the data cut."))
    return with_starters(rule_frame(joined(parts), log, rule), log, rule)


@dataclass(frozen=True)
class Stretches:
    """Runs of consecutive covered days, sorted by client and first day, and the gap after each.

    `free`: dose-free days of the gap, which for a client's last stretch runs to the client's C; `lost`: its days of missing
    log. `site` of the first row, `last_site` of the last row, `home` of the client's last row.
    """

    client: Ints
    first: Ints
    last: Ints
    site: Ints
    last_site: Ints
    home: Ints
    free: Ints
    lost: Ints


def covered_stretches(rows: Rows, log: Log) -> Stretches:
    """The runs of covered days of these clients."""
    of_client = last_of_each(rows.client)
    home = np.repeat(rows.site[of_client], np.diff(np.append(-1, of_client)))
    until = covered_until(rows, log.exits, log.calendar.cut_day[rows.site[of_client]])
    reach = _furthest(rows.client, until)
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(rows.client) != 0) | (rows.day[1:] > reach[:-1] + 1)
    begin = np.flatnonzero(new)
    end = np.append(begin[1:], len(rows)) - 1
    client, first, last, last_site = rows.client[begin], rows.day[begin], reach[end], rows.site[end]
    final = np.append(np.diff(client) != 0, True)
    after = np.where(final, log.calendar.cut_day[home[begin]] + 1, np.append(first[1:], 0))
    lost = log.calendar.uncounted_between(last_site, last + 1, after - 1)
    free = np.maximum(after - last - 1 - lost, 0)
    return Stretches(client, first, last, rows.site[begin], last_site, home[begin], free, lost)


def _furthest(client: Ints, until: Ints) -> Ints:
    """The last day covered by any row of the client so far."""
    base = int(until.min())
    number = np.cumsum(np.append(0, np.diff(client) != 0))
    return (np.maximum.accumulate(pack(number, until, base)) & 0xFFFFFFFF) + base


@dataclass(frozen=True)
class _FreeDays:
    """The dose-free days that can matter, in order: at most 16 of a gap, since the 16th in a row ends an episode.

    `gap`: the stretch before; `number`: which day of that gap; `over`: it is the 16th within 90 days of one client;
    `before`: how many stand before each stretch's gap.
    """

    gap: Ints
    number: Ints
    over: Flags
    before: Ints


def _free_days(found: Stretches) -> _FreeDays:
    counted = np.minimum(found.free, MOST_DOSE_FREE + 1)
    before = np.cumsum(counted) - counted
    gap = np.repeat(np.arange(len(counted)), counted)
    number = np.arange(len(gap)) - before[gap] + 1
    # Days of missing log are taken out of time, so that they fill no place in the 90 days.
    at = (found.last - (np.cumsum(found.lost) - found.lost))[gap] + number
    over = np.zeros(len(gap), dtype=bool)
    back = MOST_DOSE_FREE
    over[back:] = (at[back:] - at[:-back] < WINDOW_DAYS) & (found.client[gap[back:]] == found.client[gap[:-back]])
    return _FreeDays(gap, number, over, before)


def split_at_limit(found: Stretches, calendar: SiteCalendar) -> Spells:
    """Join stretches to episodes, one of every client at a time: each begins with a fresh count.

    Examples
    --------
    Dose-free on days 11-18, 29-35 and 100: day 100 is the 16th within days 11-100, so the episode ends on day 99. Were the
    last of them day 101, days 12-101 would hold 15.
    """
    days = _free_days(found)
    over_gap = np.append(days.gap[days.over], len(found.client))
    over_number = np.append(days.number[days.over], 0)
    over = np.flatnonzero(days.over)
    begin, stop = first_of_each(found.client), last_of_each(found.client)
    parts = []
    while len(begin):
        # The 16th since this episode began, or a later one: earlier ones belong to the episode before.
        place = np.searchsorted(over, days.before[begin] + MOST_DOSE_FREE)
        ended = over_gap[place] <= stop
        end = np.where(ended, over_gap[place], stop)
        known = calendar.known_day(found.last_site[end], found.last[end], np.where(ended, over_number[place], 0))
        parts.append(
            Spells(
                client=found.client[begin],
                start_day=found.first[begin],
                end_day=found.last[end],
                site=found.site[begin],
                last_site=found.last_site[end],
                home=found.home[begin],
                known_day=known,
                open=~ended,
            )
        )
        more = ended & (end < stop)
        begin, stop = end[more] + 1, stop[more]
    return joined(parts)
