"""What a rule is given, and the columns that every rule hands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from oatmill.definitions import Definition
from oatmill.engine import BUILTIN, Engine
from oatmill.episodes import BuiltinLog, SiteCalendar, build_episodes, link_records, with_gap
from oatmill.episodes.engines import other_engine
from oatmill.episodes.log import Flags, Ints
from oatmill.episodes.starters import add_starters, opened_with_log
from oatmill.schema import EXIT_REASONS
from oatmill.study import Definitions


@dataclass(frozen=True)
class Log:
    """A dosing log and the tables beside it.

    Parameters
    ----------
    doses : parquet of the dosing log (see `episodes.build_episodes`)
    definitions : the study's settings
    calendar : of the same log
    clients, exits : as for `build_episodes`
    tests : client, day, test, result; or None
    engine : what makes the episodes of the plain gap rule
    """

    doses: Path
    definitions: Definitions
    calendar: SiteCalendar
    clients: pd.DataFrame | None = None
    exits: pd.DataFrame | None = None
    tests: pd.DataFrame | None = None
    engine: Engine = BUILTIN

    def episodes(self, gap_days: int | None = None, view: str | None = None) -> pd.DataFrame:
        """Episodes by the gap rule: the study's own, or with another gap."""
        with other_engine(self.engine, self.doses) as engine:
            return build_episodes(
                self.doses,
                definitions=self.definitions,
                calendar=self.calendar,
                clients=self.clients,
                exits=self.exits,
                gap_days=gap_days,
                view=view,
                engine=engine,
            )


@dataclass(frozen=True)
class Spells:
    """Spells of some clients, sorted by client and start; days since 1970-01-01, sites as indices into the calendar.

    `site` of the first covered day, `last_site` of the last row, `home` that of the client's last row in the log, whose
    log decides until when the client is seen. `known_day`: when the end is known; meaningless while `open`.
    """

    client: Ints
    start_day: Ints
    end_day: Ints
    site: Ints
    last_site: Ints
    home: Ints
    known_day: Ints
    open: Flags

    def take(self, index: Ints) -> Spells:
        return Spells(*(getattr(self, each.name)[index] for each in fields(self)))


def joined(parts: Sequence[Spells]) -> Spells:
    """Spells of the same clients, put in order."""
    columns = {each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Spells)}
    return Spells(**columns).take(np.lexsort((columns["start_day"], columns["client"])))


def definitions_under(rule: Definition, definitions: Definitions) -> Definitions:
    """The study's settings under a rule: the days after which it knows an end take the place of the gap.

    So they decide the analysis date, the washout (unless the study file sets it) and until when death and prison count.
    """
    return with_gap(definitions, rule.known_after_days)


def rule_frame(spells: Spells, log: Log, rule: Definition) -> pd.DataFrame:
    """The spells with what their clients' log and exits say of them, starters not yet told."""
    definitions, calendar = definitions_under(rule, log.definitions), log.calendar
    wait, cause_wait = definitions.gap_days, max(definitions.gap_days, definitions.exit_link_days)
    dated = {name: getattr(spells, name) for name in ("client", "start_day", "end_day", "open")}
    links = link_records(pd.DataFrame(dated), log.exits, BuiltinLog(log.doses), definitions, calendar)
    frame = pd.DataFrame(
        {
            "client": spells.client,
            "start_day": spells.start_day,
            "end_day": spells.end_day,
            "days": spells.end_day - spells.start_day + 1,
            "cut_day": calendar.cut_day[spells.home],
            "analysis_day": calendar.analysis_day(wait)[spells.home],
            "cause_analysis_day": calendar.analysis_day(cause_wait)[spells.home],
            "log_first_day": calendar.first_day[spells.site],
        }
    ).astype(np.int32)
    frame.insert(1, "episode", (frame.groupby("client").cumcount() + 1).astype(np.int32))
    return frame.assign(
        open=spells.open,
        exit_reason=np.array([*EXIT_REASONS, None], dtype=object)[links.reason],
        exit_day=pd.arrays.IntegerArray(links.day.astype(np.int32), ~links.dated),
        known_day=pd.arrays.IntegerArray(spells.known_day.astype(np.int32), spells.open.copy()),
        site=calendar.codes[spells.site],
        last_site=calendar.codes[spells.last_site],
    )


def with_starters(frame: pd.DataFrame, log: Log, rule: Definition) -> pd.DataFrame:
    """The episodes of all clients, with who begins treatment in the log."""
    home = pd.Index(log.calendar.sites).get_indexer(pd.Index(frame["site"]))
    opened = opened_with_log(log.calendar.first_day[home], log.calendar.opened_day[home])
    return add_starters(frame, log.clients, definitions_under(rule, log.definitions), opened)


def first_of_each(values: Ints) -> Ints:
    """Index of the first of each run of equal values.

    >>> first_of_each(np.array([4, 4, 7])).tolist()
    [0, 2]
    """
    return np.flatnonzero(np.append(True, np.diff(values) != 0)) if len(values) else np.zeros(0, dtype=np.int64)


def last_of_each(values: Ints) -> Ints:
    """Index of the last of each run of equal values.

    >>> last_of_each(np.array([4, 4, 7])).tolist()
    [1, 2]
    """
    return np.flatnonzero(np.append(np.diff(values) != 0, True)) if len(values) else np.zeros(0, dtype=np.int64)
