"""Why an episode ended: recorded exits linked to episodes by date."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from oatmill.episodes.log import Flags, Ints, pack
from oatmill.schema import EXIT_REASONS

FATES = ("used", "second", "followed_by_doses", "too_late", "open_episode", "no_episode", "after_cut")
NO_EXIT = -1
_DEATH, _PRISON, _TRANSFER, _DROPOUT = (
    EXIT_REASONS.index(reason) for reason in ("death", "prison", "transfer_out", "dropout")
)


@dataclass(frozen=True)
class Links:
    """`reason` (index into EXIT_REASONS, `NO_EXIT` while open) and `day` (of the record; `NO_EXIT` without one) per
    episode, and `fate`, what became of each record (index into `FATES`), in the order of the records."""

    reason: Ints
    day: Ints
    dated: Flags
    fate: Ints


def link_exits(
    spells: pd.DataFrame,
    records: pd.DataFrame,
    inside: Flags,
    *,
    gap_days: int,
    exit_link_days: int,
    data_cut: int,
) -> Links:
    """Link recorded exits to episodes.

    A record belongs to the client's latest episode that began on or before its date. Death and prison count from the
    last covered day up to `gap_days` after it, the other reasons, dated by paperwork, up to `exit_link_days`. Of
    several the earliest counts; on one day the order of `EXIT_REASONS` decides. Prison followed by doses at any site
    within `gap_days` days is a transfer. A record followed by covered days of the same episode is no exit, and none
    dated after C is used. An ended episode without one is a dropout; an open one has no reason yet.

    Parameters
    ----------
    spells : episodes, sorted by client and start: client, start_day, end_day, open
    records : recorded exits: client, day, reason (no missing values)
    inside : of each record, whether it is an imprisonment and doses follow within `gap_days`
    gap_days, exit_link_days : days
    data_cut : C
    """
    client, start_day, end_day = (spells[name].to_numpy(np.int64) for name in ("client", "start_day", "end_day"))
    is_open = spells["open"].to_numpy()
    who, when = records["client"].to_numpy(np.int64), records["day"].to_numpy(np.int64)
    why = pd.Categorical(records["reason"], categories=EXIT_REASONS).codes.astype(np.int64)
    why = np.where(inside, _TRANSFER, why)
    base = int(min(start_day.min(), when.min(initial=start_day.min())))
    episode = np.searchsorted(pack(client, start_day, base), pack(who, when, base), side="right") - 1
    at = np.maximum(episode, 0)
    limit = np.where((why == _DEATH) | (why == _PRISON), gap_days, exit_link_days)
    fate = np.select(
        [
            when > data_cut,
            (episode < 0) | (client[at] != who),
            when < end_day[at],
            is_open[at],
            when > end_day[at] + limit,
        ],
        [FATES.index(f) for f in ("after_cut", "no_episode", "followed_by_doses", "open_episode", "too_late")],
        FATES.index("second"),
    )
    candidate = np.flatnonzero(fate == FATES.index("second"))
    # A recorded dropout says no more than no record: any other reason within its days goes before it.
    dropout = why[candidate] == _DROPOUT
    order = candidate[np.lexsort((why[candidate], when[candidate], dropout, at[candidate]))]
    used = order[np.append(True, np.diff(at[order]) != 0)] if len(order) else order
    fate[used] = FATES.index("used")
    reason, day = np.where(is_open, NO_EXIT, _DROPOUT), np.full(len(client), NO_EXIT, dtype=np.int64)
    dated = np.zeros(len(client), dtype=bool)
    reason[at[used]], day[at[used]], dated[at[used]] = why[used], when[used], True
    return Links(reason, day, dated, fate)


def count_fates(reasons: pd.Series, links: Links) -> pd.DataFrame:
    """Records by reason and fate: reason, fate, count."""
    counted = pd.DataFrame({"reason": reasons.to_numpy(), "fate": np.array(FATES)[links.fate]})
    return counted.groupby(["reason", "fate"], as_index=False).size().rename(columns={"size": "count"})


def doses_follow(doses: Path, who: Ints, when: Ints, days: int, last_day: int) -> Flags:
    """Whether the client has a dose on one of the `days` days after `when`, up to `last_day`."""
    found = np.zeros(len(who), dtype=bool)
    if not len(who):
        return found
    asked = pd.DataFrame({"place": np.arange(len(who)), "client": who, "after": when, "until": when + days})
    with duckdb.connect() as connection:
        connection.register("asked", asked.assign(until=asked["until"].clip(upper=last_day)))
        places = connection.execute(
            """SELECT DISTINCT place FROM read_parquet($doses) AS log JOIN asked USING (client)
               WHERE log.day > asked.after AND log.day <= asked.until""",
            {"doses": str(doses)},
        ).fetchnumpy()["place"]
    found[np.asarray(places, dtype=np.int64)] = True
    return found
