"""Which days a row of the log covers, and with what dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from oatmill.episodes.log import UNKNOWN, Flags, Ints, Rows, pack

ENDS_COVER = ("death", "prison")


@dataclass(frozen=True)
class Days:
    """Covered days, one value per owner and day, sorted.

    `owner` is whatever the caller groups by (an episode or a client); `dose_dmg` the day's dose in tenths of mg of
    the study's medication, `UNKNOWN` where the day is covered and that dose is not known.
    """

    owner: Ints
    day: Ints
    dose_dmg: Ints


def covered_until(rows: Rows, exits: pd.DataFrame | None, cut_day: Ints | int | None = None) -> Ints:
    """The last day that each row covers.

    A row on day d with k take-home days covers d .. d + k, at most up to the day of the client's next recorded death
    or imprisonment on or after d, and up to C.

    Parameters
    ----------
    rows : rows of the log
    exits : recorded exits (client, day, reason), or None
    cut_day : C of each row, or one for all; None: no limit

    Examples
    --------
    d = 10, k = 6: covers 10 .. 16. Prison recorded on day 12: covers 10 .. 12. C = 14: covers 10 .. 14.
    """
    until = rows.day + rows.take_home
    if cut_day is not None:
        until = np.minimum(until, np.maximum(cut_day, rows.day))
    supply = np.flatnonzero(rows.take_home > 0)
    if exits is None or not len(exits) or not len(supply):
        return until
    ends = exits.loc[exits["reason"].isin(ENDS_COVER) & exits["day"].notna(), ["client", "day"]].to_numpy(np.int64)
    if not len(ends):
        return until
    base = int(min(rows.day.min(), ends[:, 1].min()))
    keys = np.sort(pack(ends[:, 0], ends[:, 1], base))
    here = pack(rows.client[supply], rows.day[supply], base)
    there = pack(rows.client[supply], until[supply], base)
    record = keys[np.minimum(np.searchsorted(keys, here), len(keys) - 1)]
    capped = (record >= here) & (record < there)
    until[supply[capped]] -= (there - record)[capped]
    return until


def covered_days(rows: Rows, owner: Ints, until: Ints, medication: int) -> Days:
    """One row per owner and covered day, with the dose of that day.

    Overlapping supply covers a day once and is not carried over: the day's dose is that of the latest day of
    dispensing that covers it, summed over that day's rows of `medication`. Another medication covers the day, its
    milligrams are not mixed in. `owner` must not decrease.
    """
    n = until - rows.day + 1
    dose = np.where(rows.medication == medication, rows.dose_dmg, 0)
    part = rows.medication == medication
    if (n == 1).all():
        return _summed(owner, rows.day, rows.day, dose, part)
    row = np.repeat(np.arange(len(rows)), n)
    day = rows.day[row] + np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    key = pack(owner[row], day, int(rows.day.min()))
    if (np.diff(key) < 0).any():
        order = np.argsort(key, kind="stable")
        row, day = row[order], day[order]
    return _summed(owner[row], day, rows.day[row], dose[row], part[row])


def _summed(owner: Ints, day: Ints, dispensed: Ints, dose: Ints, part: Flags) -> Days:
    """Sum over the rows of one owner and day that stem from the latest day of dispensing (rows are in order)."""
    new = np.ones(len(day), dtype=bool)
    new[1:] = (np.diff(day) != 0) | (np.diff(owner) != 0)
    first = np.flatnonzero(new)
    if len(first) == len(day):
        return Days(owner, day, np.where(part, dose, UNKNOWN))
    latest = np.maximum.reduceat(dispensed, first)
    part = part & (dispensed == np.repeat(latest, np.diff(np.append(first, len(day)))))
    known = part & (dose != UNKNOWN)
    total = np.add.reduceat(np.where(known, dose, 0), first)
    blank = np.add.reduceat((part & ~known).astype(np.int64), first)
    some = np.add.reduceat(part.astype(np.int64), first)
    return Days(owner[first], day[first], np.where((some > 0) & (blank == 0), total, UNKNOWN))
