"""So many weeks without a urine sample end treatment: `ctn4w`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from oatmill.definitions import Definition, computes
from oatmill.episodes import Rows, map_rows
from oatmill.episodes.log import Ints
from oatmill.errors import NotSupported
from oatmill.rules.frames import Log, Spells, first_of_each, joined, last_of_each, rule_frame, with_starters
from oatmill.text import _

EMPTY_WEEKS = 4
NAMED = "urine"
LEAST_OFTEN = 0.5  # share of the intervals between samples that are at most four weeks long


@computes("ctn4w")
def by_samples(rule: Definition, log: Log) -> pd.DataFrame:
    """Four consecutive weeks of treatment without a sample end it, on the day of the last sample before them.

    One row per client, from the first covered day on: what comes after the end is not looked at.

    Raises
    ------
    NotSupported
        Without a table `tests`, where no test in it is named urine, or where samples are taken more rarely than every four
        weeks.
    """
    samples = urine_samples(log)
    _check_often(samples, rule)
    parts = map_rows(lambda rows: _first_spells(rows, samples, log), log.doses, log.calendar.data_cut)
    return with_starters(rule_frame(joined(parts), log, rule), log, rule)


def urine_samples(log: Log) -> pd.DataFrame:
    """Days with a urine sample: client, day, each once, sorted."""
    if log.tests is None:
        raise NotSupported(
            _("This study has no table of tests."),
            cure=_("Add a `tests` source to the study file: client_id, date, test."),
        )
    named = log.tests["test"].astype("string").str.lower().str.contains(NAMED, na=False)
    found = log.tests.loc[named & log.tests["day"].notna(), ["client", "day"]].astype(np.int64)
    if found.empty:
        raise NotSupported(
            _("No test is named urine, so that urine samples cannot be told from other tests."),
            cure=_("Name it in the study file, under `sources: tests: codes: test`."),
        )
    found = found[found["day"] <= log.calendar.data_cut]
    return found.drop_duplicates().sort_values(["client", "day"], ignore_index=True)


def _check_often(samples: pd.DataFrame, rule: Definition) -> None:
    """The reason stands on a page, so it names no share of the samples."""
    apart = samples.groupby("client")["day"].diff().dropna()
    often = float((apart <= 7 * EMPTY_WEEKS).mean()) if len(apart) else 0.0
    if often < LEAST_OFTEN:
        raise NotSupported(
            _(
                "Most samples follow the one before after more than {days} days: by {rule} nearly everybody would seem to "
                "leave at once.",
                days=7 * EMPTY_WEEKS,
                rule=rule.id,
            )
        )


def _first_spells(rows: Rows, samples: pd.DataFrame, log: Log) -> Spells:
    first, last = first_of_each(rows.client), last_of_each(rows.client)
    client, start, home = (values.astype(np.int64) for values in (rows.client[first], rows.day[first], rows.site[last]))
    cut = log.calendar.cut_day[home]
    who, week, day = _sampled_weeks(samples, client, start, cut)
    final = last_of_each(who)
    # After the last sample only whole weeks that are over by C can be empty.
    following = np.append(week[1:], 0)
    following[final] = (cut - start + 1) // 7 + 1
    empty = np.flatnonzero(following - week > EMPTY_WEEKS)
    ended = np.isin(np.arange(len(client)), who[empty])
    at = final.copy()
    at[ended] = empty[first_of_each(who[empty])]
    return Spells(
        client=client,
        start_day=start,
        end_day=day[at],
        site=rows.site[first],
        last_site=home,
        home=home,
        known_day=start - 1 + 7 * (week[at] + EMPTY_WEEKS),
        open=~ended,
    )


def _sampled_weeks(samples: pd.DataFrame, client: Ints, start: Ints, cut: Ints) -> tuple[Ints, Ints, Ints]:
    """The weeks of treatment with a sample and the day of the last one in each: index of the client, week, day.

    Week 0 stands before them, on day 1: the end of a client whose first four weeks are empty.
    """
    who = pd.Index(client).get_indexer(pd.Index(samples["client"]))
    day = samples["day"].to_numpy(np.int64)
    seen = (who >= 0) & (day >= start[who]) & (day <= cut[who])
    who, day = who[seen], day[seen]
    everybody = np.arange(len(client))
    who, day, week = (
        np.concatenate(pair) for pair in ((everybody, who), (start, day), (0 * start, (day - start[who]) // 7 + 1))
    )
    order = np.lexsort((day, week, who))
    who, day, week = who[order], day[order], week[order]
    kept = np.append((np.diff(who) != 0) | (np.diff(week) != 0), True)
    return who[kept], week[kept], day[kept]
