"""The sweeps over the dosing log that are compiled. Without numba the same functions run as plain Python, slowly.

Rows come sorted by group (a client, or a client at one site), then by day, site and medication; `first` holds the
first row of each group and one past the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from numba import njit
except ImportError:  # no wheel on this platform

    def njit(**_options: Any) -> Callable[[Any], Any]:
        return lambda function: function


NOT_KNOWN = -1
NEVER = 2**31 - 1
SKIP, DOSE_FREE, COVERED = range(3)  # how days of missing log count

# Columns of what `split` returns.
START, END, LAST_ROW, GROUP, FINAL, DOSED, MISSING, DOSE_SUM, DOSE_DAYS, FIRST_DOSE, LAST_DOSE, MAX_DOSE = range(12)
COLUMNS = 12


@njit(cache=True, nogil=True)
def in_order(client, day, site, medication):  # type: ignore[no-untyped-def]
    """Whether rows are sorted by client, day, site and medication."""
    for i in range(1, client.size):
        if client[i] != client[i - 1]:
            if client[i] < client[i - 1]:
                return False
        elif day[i] != day[i - 1]:
            if day[i] < day[i - 1]:
                return False
        elif site[i] != site[i - 1]:
            if site[i] < site[i - 1]:
                return False
        elif medication[i] < medication[i - 1]:
            return False
    return True


@njit(cache=True, nogil=True)
def _until(today, supply, cut, ends_day, end, end_stop):  # type: ignore[no-untyped-def]
    """The last day covered by a row of `today`: its supply, up to C and to the next recorded death or imprisonment."""
    until = min(today + supply, max(cut, today))
    for record in range(end, end_stop):
        if ends_day[record] >= today:
            return min(until, ends_day[record])
    return until


@njit(cache=True, nogil=True)
def _dose_on(x, today, rows, columns, wanted, cut, ends_day, end, end_stop):  # type: ignore[no-untyped-def]
    """The dose on day `x` from the rows of `today` that cover it; -2 where none does."""
    dose, medication, take_home = columns
    total, found, known = 0, -2, True
    for row in range(rows[0], rows[1]):
        if _until(today, take_home[row], cut, ends_day, end, end_stop) < x:
            continue
        found = max(found, NOT_KNOWN)
        if medication[row] == wanted:
            found = 0
            known = known and dose[row] != NOT_KNOWN
            total += dose[row]
    if found == 0:
        return total if known else NOT_KNOWN
    return found


@njit(cache=True, nogil=True)
def cover(first, cut, client, day, columns, wanted, ends_client, ends_day):  # type: ignore[no-untyped-def]
    """Covered days of each group: one value per day, sorted.

    Overlapping supply covers a day once, with the dose of the latest day of dispensing that covers it.

    Parameters
    ----------
    first, client, day : rows
    cut : C of each group
    columns : dose (tenths of mg, -1 = not known), medication and take-home days of each row
    wanted : the medication whose doses are summed
    ends_client, ends_day : recorded deaths and imprisonments, sorted

    Returns
    -------
    first_day : the first covered day of each group in the arrays below, and one past the last
    row : the last row dispensed on or before the day
    day, dose : of each covered day; the dose in tenths of mg, -1 = not known
    """
    dose, medication, take_home = columns
    ring = np.full(int(take_home.max()) + 1, -2, dtype=np.int64)
    size = day.size + int(take_home.sum())
    out_row, out_day, out_dose = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.int32)
    first_day = np.zeros(first.size, dtype=np.int64)
    n, end = 0, 0
    for group in range(first.size - 1):
        row, stop = first[group], first[group + 1]
        while end < ends_client.size and ends_client[end] < client[row]:
            end += 1
        end_stop = end
        while end_stop < ends_client.size and ends_client[end_stop] == client[row]:
            end_stop += 1
        reach = day[row] - 1
        while row < stop:
            today, after = day[row], row + 1
            while after < stop and day[after] == today:
                after += 1
            before = day[after] if after < stop else NEVER
            until = today
            for k in range(row, after):
                if take_home[k] > 0:
                    until = max(until, _until(today, take_home[k], cut[group], ends_day, end, end_stop))
            for x in range(today, until + 1):
                if after == row + 1:
                    value = dose[row] if medication[row] == wanted else NOT_KNOWN
                else:
                    value = _dose_on(x, today, (row, after), columns, wanted, cut[group], ends_day, end, end_stop)
                ring[x % ring.size] = value
            reach = max(reach, until)
            for x in range(today, min(reach, before - 1) + 1):
                out_row[n], out_day[n], out_dose[n] = after - 1, x, ring[x % ring.size]
                n += 1
            row = after
        first_day[group + 1] = n
    return first_day, out_row[:n], out_day[:n], out_dose[:n]


@njit(cache=True, nogil=True)
def missing_between(log, site, begin, last):  # type: ignore[no-untyped-def]
    """Missing-log days of a site among `begin` .. `last`."""
    first_run, run_start, run_end = log
    total = 0
    for run in range(first_run[site], first_run[site + 1]):
        if run_start[run] > last:
            break
        total += max(0, min(run_end[run], last) - max(run_start[run], begin) + 1)
    return total


@njit(cache=True, nogil=True)
def carried_through(log, site, last, before, gap_days):  # type: ignore[no-untyped-def]
    """`last` moved over the runs of missing log that begin before the gap is reached (bound "covered" only)."""
    first_run, run_start, run_end = log
    for run in range(first_run[site], first_run[site + 1]):
        if run_end[run] <= last:
            continue
        if last >= before - 1 or run_start[run] >= before or run_start[run] - last - 1 >= gap_days:
            break
        last = min(run_end[run], before - 1)
    return last


@njit(cache=True, nogil=True)
def _most_episodes(first_day, day, gap_days):  # type: ignore[no-untyped-def]
    most = first_day.size - 1
    for i in range(1, day.size):
        most += day[i] - day[i - 1] > gap_days
    return most


@njit(cache=True, nogil=True)
def split(first_day, row, day, dose, site, cut, log, missing_log, gap_days):  # type: ignore[no-untyped-def]
    """Episodes by the gap rule, in the order of the groups.

    An episode ends when at least `gap_days` dose-free days follow a covered day; days of missing log between do not
    count (`next - last - 1 - missing >= gap_days`).

    Parameters
    ----------
    first_day, row, day, dose : covered days, as `cover` returns them
    site : of each row, an index into the calendar (the last place for rows without a site)
    cut : C of each group
    log : first run of each site (and one past the last), first and last day of each run of missing log
    missing_log : `SKIP`, `DOSE_FREE` or `COVERED`

    Returns
    -------
    One line per episode: see the names of the columns above. `LAST_ROW` is the episode's last row of the log, `FINAL`
    whether it is the last of its group, `DOSED` the covered days, `MISSING` the days of missing log.
    """
    out = np.zeros((_most_episodes(first_day, day, gap_days), COLUMNS), dtype=np.int64)
    n = -1
    for group in range(first_day.size - 1):
        for i in range(first_day[group], first_day[group + 1]):
            begins = i == first_day[group]
            if not begins and day[i] - day[i - 1] > 1:
                last, place = day[i - 1], site[row[i - 1]]
                lost = missing_between(log, place, last + 1, day[i] - 1)
                if missing_log == COVERED:
                    last = carried_through(log, place, last, day[i], gap_days)
                begins = day[i] - last - 1 - (lost if missing_log == SKIP else 0) >= gap_days
                if begins:
                    _close(out[n], day[i - 1], last, row[i - 1], dose[i - 1], log, place)
                elif missing_log != DOSE_FREE:
                    out[n, MISSING] += lost
            if begins:
                n += 1
                out[n, START], out[n, GROUP], out[n, FIRST_DOSE], out[n, MAX_DOSE] = day[i], group, dose[i], NOT_KNOWN
            out[n, DOSED] += 1
            if dose[i] != NOT_KNOWN:
                out[n, DOSE_SUM] += dose[i]
                out[n, DOSE_DAYS] += 1
                out[n, MAX_DOSE] = max(out[n, MAX_DOSE], dose[i])
        i = first_day[group + 1] - 1
        last, place = day[i], site[row[i]]
        if missing_log == COVERED:
            last = carried_through(log, place, last, cut[group] + 1, gap_days)
        _close(out[n], day[i], last, row[i], dose[i], log, place)
        out[n, FINAL] = 1
    return out[: n + 1]


@njit(cache=True, nogil=True)
def _close(episode, covered, end, row, dose, log, site):  # type: ignore[no-untyped-def]
    episode[END], episode[LAST_ROW], episode[LAST_DOSE] = end, row, dose
    if end > covered:
        episode[MISSING] += missing_between(log, site, covered + 1, end)


@njit(cache=True, nogil=True)
def distinct(first_row, last_row, code, size):  # type: ignore[no-untyped-def]
    """Distinct codes (-1 .. size - 2) among the rows of each episode."""
    seen = np.full(size, -1, dtype=np.int64)
    out = np.zeros(first_row.size, dtype=np.int64)
    for episode in range(first_row.size):
        for row in range(first_row[episode], last_row[episode] + 1):
            if row > first_row[episode] and code[row] == code[row - 1]:
                continue
            if seen[code[row]] != episode:
                seen[code[row]] = episode
                out[episode] += 1
    return out


@njit(cache=True, nogil=True)
def count_rows(client, base, count):  # type: ignore[no-untyped-def]
    """Add the rows of each client to `count`."""
    for i in range(client.size):
        count[client[i] - base] += 1


@njit(cache=True, nogil=True)
def scatter(client, key, base, place, keys):  # type: ignore[no-untyped-def]
    """Put each row's key at the next free place of its client."""
    for i in range(client.size):
        who = client[i] - base
        keys[place[who]] = key[i]
        place[who] += 1


@njit(cache=True, nogil=True)
def sort_each(first, keys):  # type: ignore[no-untyped-def]
    """Sort the keys of each client."""
    for who in range(first.size - 1):
        part = keys[first[who] : first[who + 1]]
        for i in range(1, part.size):
            if part[i] < part[i - 1]:
                part.sort()
                break


@njit(cache=True, nogil=True)
def exposure(group, start_day, time, entry, first_day, day, dose, lag, window):  # type: ignore[no-untyped-def]
    """Runs of days at risk with the same mean dose over `window` days that end `lag` days before.

    Parameters
    ----------
    group, start_day, time, entry : of each stay; `group` is its place in `first_day` (-1: no row in the log)
    first_day, day, dose : covered days, as `cover` returns them

    Returns
    -------
    stay, start, stop, dose_mg (NaN before any known dose), carried (none of the window's days has a known dose)
    """
    size = 0
    for stay in range(time.size):
        size += max(0, time[stay] - (entry[stay] + lag + window - 1))
    out_stay, out_start, out_stop = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.int32)
    out_dose, out_carried = np.empty(size, np.float64), np.empty(size, np.bool_)
    n = 0
    for stay in range(time.size):
        first = entry[stay] + lag + window
        if first > time[stay]:
            continue
        known = _by_day(group[stay], start_day[stay], time[stay], first_day, day, dose)
        begin, total, count, value = n, 0, 0, np.nan
        for x in range(entry[stay] + 1, entry[stay] + window):
            if known[x] != NOT_KNOWN:
                total, count = total + known[x], count + 1
        for at_risk in range(first, time[stay] + 1):
            x = at_risk - lag
            if known[x] != NOT_KNOWN:
                total, count = total + known[x], count + 1
            if at_risk > first and known[x - window] != NOT_KNOWN:
                total, count = total - known[x - window], count - 1
            if count > 0:
                value = total / (10 * count)
            same = n > begin and out_carried[n - 1] == (count == 0)
            if same and (out_dose[n - 1] == value or (np.isnan(value) and np.isnan(out_dose[n - 1]))):
                out_stop[n - 1] = at_risk
                continue
            out_stay[n], out_start[n], out_stop[n] = stay, at_risk - 1, at_risk
            out_dose[n], out_carried[n] = value, count == 0
            n += 1
    return out_stay[:n], out_start[:n], out_stop[:n], out_dose[:n], out_carried[:n]


@njit(cache=True, nogil=True)
def _by_day(group, start_day, time, first_day, day, dose):  # type: ignore[no-untyped-def]
    """The dose on each day (1 .. time) of a stay, -1 where it is not known or the day is not covered."""
    known = np.full(time + 1, NOT_KNOWN, dtype=np.int32)
    if group >= 0:
        for i in range(first_day[group], first_day[group + 1]):
            x = day[i] - start_day + 1
            if 1 <= x <= time:
                known[x] = dose[i]
    return known
