"""The rules that are no plain gap once more: slow, one day at a time, sharing no code with oatmill."""

from __future__ import annotations

import pandas as pd
from oracle.plain_episodes import cover, missing_days, site_cut


def plain_d15of90(log: pd.DataFrame, exits: pd.DataFrame, cut: int) -> dict[int, list[tuple]]:
    """client -> (start_day, end_day, open, known_day) of each episode."""
    log = log[log["day"] <= cut].sort_values(["client", "day", "site", "medication"])
    missing = missing_days(log, cut)
    found = {}
    for client, rows in log.groupby("client"):
        records = exits[exits["client"] == client]
        until = site_cut(missing[rows["site"].iloc[-1]], cut)
        doses = cover(rows, list(zip(records["day"], records["reason"], strict=True)), until)
        found[client] = _walk(_observed(rows, set(doses), missing, until))
    return found


def _observed(
    rows: pd.DataFrame, covered: set[int], missing: dict[int, set[int]], until: int
) -> list[tuple[int, bool]]:
    """(day, covered) of every day that is seen: missing-log days are not there at all."""
    at = {row.day: row.site for row in rows.itertuples()}
    site, days = None, []
    for day in range(rows["day"].min(), until + 1):
        site = at.get(day, site)
        if day in covered or day not in missing[site]:
            days.append((day, day in covered))
    return days


def _walk(days: list[tuple[int, bool]]) -> list[tuple]:
    episodes, start = [], 0
    for place, (day, covered) in enumerate(days):
        if start is None:
            if covered:
                start = place
            continue
        window = days[max(start, place - 89) : place + 1]
        if not covered and sum(not each for _day, each in window) == 16:
            last = max(seen for seen, each in days[start:place] if each)
            episodes.append((days[start][0], last, False, day))
            start = None
    if start is not None:
        last = max(seen for seen, each in days[start:] if each)
        episodes.append((days[start][0], last, True, None))
    return episodes


def plain_ctn4w(log: pd.DataFrame, samples: pd.DataFrame, cut: int) -> dict[int, tuple]:
    """client -> (start_day, end_day, open, known_day): weeks of treatment are walked until four in a row are empty."""
    log = log[log["day"] <= cut].sort_values(["client", "day", "site"])
    missing = missing_days(log, cut)
    found = {}
    for client, rows in log.groupby("client"):
        start, until = rows["day"].min(), site_cut(missing[rows["site"].iloc[-1]], cut)
        own = samples.loc[samples["client"] == client, "day"]
        days = sorted({day for day in own if start <= day <= until})
        last, empty, week = start, 0, start
        while week + 6 <= until and empty < 4:
            here = [day for day in days if week <= day < week + 7]
            last, empty = (here[-1], 0) if here else (last, empty + 1)
            week += 7
        if empty == 4:
            found[client] = (start, last, False, week - 1)
        else:
            found[client] = (start, max([*days, start]), True, None)
    return found
