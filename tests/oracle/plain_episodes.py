"""Episodes and the dose window once more: slow, plain, one day at a time, sharing no code with oatmill.

Written from the definitions alone. A client's days are walked from the first dose to the data cut; every day is
covered, missing log or dose-free. No running maxima, no sorting tricks, no sums of differences.
"""

from __future__ import annotations

import pandas as pd

PRIORITY = ["death", "prison", "transfer_out", "completed_taper", "administrative", "dropout"]


def missing_days(log: pd.DataFrame, cut: int, closing: tuple[int, ...] = ()) -> dict[int, set[int]]:
    """site -> days on which its log is missing, up to the cut."""
    missing: dict[int, set[int]] = {}
    for site, rows in log[log["day"] <= cut].groupby("site"):
        seen = set(rows["day"])
        missing[site] = set()
        run: list[int] = []
        for day in range(min(seen), cut + 2):
            if day <= cut and day not in seen:
                run.append(day)
                continue
            while run and (run[0] + 3) % 7 in closing:
                run.pop(0)
            if run:
                before = rows[(rows["day"] >= run[0] - 7) & (rows["day"] < run[0])]
                if before["client"].nunique() >= 5:
                    missing[site] |= set(run)
            run = []
    return missing


def site_cut(missing: set[int], cut: int) -> int:
    """C of the clients last dosed at a site: the day before a missing log that lasts to the cut."""
    while cut in missing:
        cut -= 1
    return cut


def cover(rows: pd.DataFrame, records: list[tuple[int, str]], cut: int, medication: int = 0) -> dict[int, float | None]:
    """day -> dose in mg (None: covered, dose of the medication not known) of one client's rows, in order."""
    covered: dict[int, tuple[int, list[tuple[int, float | None]]]] = {}
    for row in rows.itertuples():
        for day in range(row.day, row.day + row.take_home_days + 1):
            stopped = any(why in ("death", "prison") and row.day <= when < day for when, why in records)
            if day > row.day and (day > cut or stopped):
                break
            dispensed, parts = covered.get(day, (row.day, []))
            if row.day > dispensed:
                parts = []
            dose = None if pd.isna(row.dose_dmg) else row.dose_dmg / 10
            covered[day] = (row.day, [*parts, (row.medication, dose)])
    doses: dict[int, float | None] = {}
    for day, (_dispensed, parts) in covered.items():
        own = [dose for drug, dose in parts if drug == medication]
        doses[day] = None if not own or None in own else round(sum(own), 1)
    return doses


def plain_episodes(
    log: pd.DataFrame,
    gap: int,
    *,
    exits: pd.DataFrame | None = None,
    cut: int | None = None,
    link: int = 30,
    view: str = "any_oat",
    closing: tuple[int, ...] = (),
) -> pd.DataFrame:
    """One row per client and episode: client, start_day, end_day, dosed_days, missed_days, missing_log_days, open, site,
    exit_reason, exit_day, first_dose_mg, mean_dose_mg, last_dose_mg, max_dose_mg."""
    cut = int(log["day"].max()) if cut is None else cut
    log = log[log["day"] <= cut].sort_values(["client", "day", "site", "medication"])
    missing = missing_days(log, cut, closing)
    out = []
    for client, rows in log.groupby("client"):
        known = [] if exits is None else exits[exits["client"] == client]
        records = (
            [] if exits is None else [(int(day), why) for day, why in zip(known["day"], known["reason"], strict=True)]
        )
        parts = [rows] if view == "any_oat" else [part for _site, part in rows.groupby("site")]
        found = [episode for part in parts for episode in walk(part, records, gap, missing, cut)]
        if view == "programme":
            found = [
                a for a in found if not (a["end_day"] - a["start_day"] + 1 < gap and any(inside(a, b) for b in found))
            ]
        found.sort(key=lambda episode: (episode["start_day"], episode["site"]))
        for number, episode in enumerate(found, start=1):
            episode.update({"client": client, "episode": number, "exit_reason": None, "exit_day": None})
            if not episode["open"]:
                episode.update(why_ended(episode, found, records, set(rows["day"]), gap, link, cut))
            out.append(episode)
    return pd.DataFrame(out)


def inside(a: dict, b: dict) -> bool:
    return a["site"] != b["site"] and b["start_day"] < a["start_day"] and a["end_day"] < b["end_day"]


def walk(rows: pd.DataFrame, records: list, gap: int, missing: dict[int, set[int]], cut: int) -> list[dict]:
    """Walk one client's days (at one site, in the programme view)."""
    at = {row.day: row.site for row in rows.itertuples()}
    cut = site_cut(missing[rows["site"].iloc[-1]], cut)
    doses = cover(rows, records, cut)
    episodes: list[dict] = []
    site, free, current = None, 0, None
    for day in range(min(doses), cut + 1):
        site = at.get(day, site)
        if day in doses:
            if current is None:
                current = {"start_day": day, "site": rows[rows["day"] == day]["site"].iloc[0], "free": 0, "lost": 0}
                current |= {"dosed_days": 0, "mg": []}
                free = lost = 0
            current["free"] += free
            current["lost"] += lost
            free = lost = 0
            current["dosed_days"] += 1
            current["end_day"] = day
            current["mg"].append(doses[day])
        elif current is not None and day in missing[site]:
            lost += 1
        elif current is not None:
            free += 1
            if free >= gap:
                episodes.append(finished(current, is_open=False, known_day=day))
                current = None
    if current is not None:
        episodes.append(finished(current, is_open=True, known_day=None))
    return episodes


def finished(current: dict, is_open: bool, known_day: int | None) -> dict:
    doses = current.pop("mg")
    known = [dose for dose in doses if dose is not None]
    return {
        **current,
        "missed_days": current["free"],
        "missing_log_days": current["lost"],
        "open": is_open,
        "known_day": known_day,
        "first_dose_mg": doses[0],
        "last_dose_mg": doses[-1],
        "mean_dose_mg": sum(known) / len(known) if known else None,
        "max_dose_mg": max(known) if known else None,
    }


def why_ended(
    episode: dict, all_of_client: list[dict], records: list, dosed: set[int], gap: int, link: int, cut: int
) -> dict:
    """The earliest record between the last covered day and the end of its linkage window."""
    candidates = []
    for when, recorded in records:
        moved = recorded == "prison" and any(when < day <= when + gap for day in dosed)
        why = "transfer_out" if moved else recorded
        began = [e for e in all_of_client if e["start_day"] <= when]
        if when > cut or not began or max(began, key=lambda e: (e["start_day"], e["site"])) is not episode:
            continue
        days_after = when - episode["end_day"]
        if 0 <= days_after <= (gap if why in ("death", "prison") else link):
            candidates.append((when, PRIORITY.index(why)))
    if not candidates:
        return {"exit_reason": "dropout", "exit_day": None}
    when, rank = min(candidates)
    return {"exit_reason": PRIORITY[rank], "exit_day": when}


def plain_exposure(
    doses: dict[int, float | None], start: int, time: int, lag: int, window: int = 7
) -> dict[int, tuple]:
    """day of the episode -> (mean dose over the window, carried), for each day at risk up to `time`."""
    out: dict[int, tuple] = {}
    last = None
    for day in range(lag + window, time + 1):
        days = range(day - lag - window + 1, day - lag + 1)
        seen = [doses[start + d - 1] for d in days if doses.get(start + d - 1) is not None]
        if seen:
            last = sum(seen) / len(seen)
        out[day] = (last, not seen)
    return out


def plain_outcome(
    covered: set[int], cut: int, gap: int, window: int | None = None, look_ahead: bool = False
) -> tuple[int, bool] | None:
    """(last day at risk, left) of the first episode of one client without missing log, as of A = cut - gap.

    None: started after A. Only days that the rule may look at are looked at.
    """
    start, as_of = min(covered), cut - gap
    if start > as_of:
        return None
    whole = window is not None and not look_ahead and start + window - 1 <= cut
    last_seen = start + window - 1 if whole else cut
    run = 0
    for day in range(start, last_seen + 1):
        run = 0 if day in covered else run + 1
        if run == gap:
            time = day - gap - start + 1
            too_long = window is not None and (time > window if look_ahead else day > start + window - 1)
            return (window, False) if too_long else (time, True)
    stop = window if whole else as_of - start + 1
    return (min(stop, window) if window is not None else stop), False
