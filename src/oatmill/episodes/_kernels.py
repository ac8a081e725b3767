"""The compiled sweeps over the dosing log.

Rows come sorted by group (a client, or a client at one site), then by day, site and medication; `first` holds the
first row of each group and one past the last.
"""

from __future__ import annotations

import numpy as np

from oatmill.episodes._compiled import compiled

NOT_KNOWN = -1
NEVER = 2**31 - 1
SKIP, DOSE_FREE, COVERED = range(3)  # how days of missing log count


@compiled
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


@compiled
def _until(today, take_home, limits):  # type: ignore[no-untyped-def]
    """The last day covered by a row of `today`: its supply, up to C and to the next recorded death or imprisonment."""
    cut, ends_day, end, end_stop = limits
    until = min(today + take_home, max(cut, today))
    for record in range(end, end_stop):
        if ends_day[record] >= today:
            return min(until, ends_day[record])
    return until


@compiled
def _dose_on(x, today, rows, columns, wanted, limits):  # type: ignore[no-untyped-def]
    """The dose on day `x` from the rows of `today` that cover it."""
    dose, medication, take_home = columns
    total, some, known = 0, False, True
    for row in range(rows[0], rows[1]):
        if medication[row] == wanted and _until(today, take_home[row], limits) >= x:
            total, some, known = total + dose[row], True, known and dose[row] != NOT_KNOWN
    return total if some and known else NOT_KNOWN


@compiled
def _supply(ring, today, rows, columns, wanted, limits):  # type: ignore[no-untyped-def]
    """Write the doses of the days that the rows of `today` cover; returns the last of them."""
    until = today
    for row in range(rows[0], rows[1]):
        until = max(until, _until(today, columns[2][row], limits))
    for x in range(today, until + 1):
        ring[x % ring.size] = _dose_on(x, today, rows, columns, wanted, limits)
    return until


@compiled
def _records_of(who, ends_client, end):  # type: ignore[no-untyped-def]
    """First and last place of a client's records, sought from `end` on."""
    while end < ends_client.size and ends_client[end] < who:
        end += 1
    stop = end
    while stop < ends_client.size and ends_client[stop] == who:
        stop += 1
    return end, stop


@compiled
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
    ring = np.full(int(take_home.max()) + 1, NOT_KNOWN, dtype=np.int32)
    size = day.size + int(take_home.sum())
    out_row, out_day, out_dose = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.int32)
    first_day = np.zeros(first.size, dtype=np.int64)
    n, end, stop = 0, 0, 0
    for group in range(first.size - 1):
        row, last = first[group], first[group + 1]
        end, stop = _records_of(client[row], ends_client, end)
        reach = day[row] - 1
        while row < last:
            today, after = day[row], row + 1
            while after < last and day[after] == today:
                after += 1
            if after == row + 1 and take_home[row] == 0 and reach < today:
                out_row[n], out_day[n] = row, today
                out_dose[n] = dose[row] if medication[row] == wanted else NOT_KNOWN
                n, reach = n + 1, today
            else:
                limits = (cut[group], ends_day, end, stop)
                reach = max(reach, _supply(ring, today, (row, after), columns, wanted, limits))
                for x in range(today, min(reach + 1, day[after] if after < last else NEVER)):
                    out_row[n], out_day[n], out_dose[n] = after - 1, x, ring[x % ring.size]
                    n += 1
            row = after
        first_day[group + 1] = n
    return first_day, out_row[:n], out_day[:n], out_dose[:n]


@compiled
def _place(site, log):  # type: ignore[no-untyped-def]
    """A site's place in the calendar; rows without a site have the last one."""
    return site if site >= 0 else log[0].size - 2


@compiled
def until_of_rows(first, cut, client, day, take_home, ends_client, ends_day):  # type: ignore[no-untyped-def]
    """The last day that each row covers; parameters as for `cover`."""
    out = np.empty(day.size, dtype=np.int64)
    end, stop = 0, 0
    for group in range(first.size - 1):
        end, stop = _records_of(client[first[group]], ends_client, end)
        for row in range(first[group], first[group + 1]):
            out[row] = (
                _until(day[row], take_home[row], (cut[group], ends_day, end, stop)) if take_home[row] else day[row]
            )
    return out


@compiled
def missing_between(log, site, begin, last):  # type: ignore[no-untyped-def]
    """Missing-log days of a site among `begin` .. `last`."""
    first_run, run_start, run_end = log
    site, total = _place(site, log), 0
    for run in range(first_run[site], first_run[site + 1]):
        if run_start[run] > last:
            break
        total += max(0, min(run_end[run], last) - max(run_start[run], begin) + 1)
    return total


@compiled
def carried_through(log, site, last, before, gap_days):  # type: ignore[no-untyped-def]
    """`last` moved over the runs of missing log that begin before the gap is reached (bound "covered" only)."""
    first_run, run_start, run_end = log
    site = _place(site, log)
    for run in range(first_run[site], first_run[site + 1]):
        if run_end[run] <= last:
            continue
        if last >= before - 1 or run_start[run] >= before or run_start[run] - last - 1 >= gap_days:
            break
        last = min(run_end[run], before - 1)
    return last


@compiled
def _most_episodes(first_day, day, gap_days):  # type: ignore[no-untyped-def]
    most = first_day.size - 1
    for i in range(1, day.size):
        most += day[i] - day[i - 1] > gap_days
    return most


@compiled
def split(first_day, row, day, site, cut, log, missing_log, gap_days):  # type: ignore[no-untyped-def]
    """Episodes by the gap rule, in the order of the groups.

    An episode ends when at least `gap_days` dose-free days follow a covered day; days of missing log between do not
    count (`next - last - 1 - missing >= gap_days`).

    Parameters
    ----------
    first_day, row, day : covered days, as `cover` returns them
    site : of each row (-1 = not known)
    cut : C of each group
    log : first run of each site (and one past the last), first and last day of each run of missing log
    missing_log : `SKIP`, `DOSE_FREE` or `COVERED`

    Returns
    -------
    begin : the first of each episode's covered days, and one past the last
    group : of each episode
    end : its last covered day; under `COVERED` this may be a day of missing log
    missing : its days of missing log
    """
    most = _most_episodes(first_day, day, gap_days)
    begin, group_of = np.empty(most + 1, np.int64), np.empty(most, np.int64)
    end, missing = np.empty(most, np.int64), np.zeros(most, np.int64)
    n = 0
    for group in range(first_day.size - 1):
        begin[n], group_of[n] = first_day[group], group
        for i in range(first_day[group] + 1, first_day[group + 1]):
            if day[i] - day[i - 1] == 1:
                continue
            place = site[row[i - 1]]
            lost = missing_between(log, place, day[i - 1] + 1, day[i] - 1)
            end[n] = day[i - 1]
            if missing_log == COVERED:
                end[n] = carried_through(log, place, day[i - 1], day[i], gap_days)
            if day[i] - end[n] - 1 - (lost if missing_log == SKIP else 0) >= gap_days:
                missing[n] += missing_between(log, place, day[i - 1] + 1, end[n])
                n += 1
                begin[n], group_of[n] = i, group
            elif missing_log != DOSE_FREE:
                missing[n] += lost
        i = first_day[group + 1] - 1
        end[n] = day[i]
        if missing_log == COVERED:
            end[n] = carried_through(log, site[row[i]], day[i], cut[group] + 1, gap_days)
        missing[n] += missing_between(log, site[row[i]], day[i] + 1, end[n])
        n += 1
    begin[n] = day.size
    return begin[: n + 1], group_of[:n], end[:n], missing[:n]


@compiled
def sum_doses(begin, dose):  # type: ignore[no-untyped-def]
    """Sum of the known doses of each episode, number of days with one, and the highest (-1 = none)."""
    total, known = np.zeros(begin.size - 1, np.int64), np.zeros(begin.size - 1, np.int32)
    highest = np.full(begin.size - 1, NOT_KNOWN, np.int32)
    for episode in range(begin.size - 1):
        for i in range(begin[episode], begin[episode + 1]):
            if dose[i] != NOT_KNOWN:
                total[episode] += dose[i]
                known[episode] += 1
                highest[episode] = max(highest[episode], dose[i])
    return total, known, highest


@compiled
def distinct(first_row, last_row, code, size):  # type: ignore[no-untyped-def]
    """Distinct codes (-1 .. size - 2) among the rows of each episode."""
    seen = np.full(size, -1, dtype=np.int64)
    out = np.zeros(first_row.size, dtype=np.int32)
    for episode in range(first_row.size):
        for row in range(first_row[episode], last_row[episode] + 1):
            if row > first_row[episode] and code[row] == code[row - 1]:
                continue
            if seen[code[row]] != episode:
                seen[code[row]] = episode
                out[episode] += 1
    return out


@compiled
def count_site_days(site, day, first_day, count):  # type: ignore[no-untyped-def]
    """Add the rows of each site (the last line: not known) and day to `count`."""
    for i in range(site.size):
        count[site[i], day[i] - first_day] += 1


@compiled
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
        total, count = _known_doses(known[entry[stay] + 1 : entry[stay] + window])
        begin, value = n, np.nan
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


@compiled
def _known_doses(dose):  # type: ignore[no-untyped-def]
    """Sum of the known doses, and how many there are."""
    total, count = 0, 0
    for value in dose:
        if value != NOT_KNOWN:
            total, count = total + value, count + 1
    return total, count


@compiled
def _by_day(group, start_day, time, first_day, day, dose):  # type: ignore[no-untyped-def]
    """The dose on each day (1 .. time) of a stay, -1 where it is not known or the day is not covered."""
    known = np.full(time + 1, NOT_KNOWN, dtype=np.int32)
    if group >= 0:
        for i in range(first_day[group], first_day[group + 1]):
            x = day[i] - start_day + 1
            if 1 <= x <= time:
                known[x] = dose[i]
    return known
