"""trace: one client's episodes, for the analyst's own screen."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.cli.commands import align, opened
from oatmill.errors import UsageError
from oatmill.run import Console
from oatmill.text import _, date, integer, number, visible

if TYPE_CHECKING:
    from oatmill.episodes import SiteCalendar
    from oatmill.episodes.trace import Run, Trace
    from oatmill.study import Definitions

say = Console().say
_EPOCH = dt.date(1970, 1, 1)


def trace(words: argparse.Namespace) -> int:
    from oatmill.episodes.trace import trace_client

    with opened(words) as (_study, session):
        found = trace_client(
            session.doses,
            _number_of(words.client, session.doses.parent / "pseudonyms.parquet"),
            definitions=session.definitions,
            calendar=session.calendar,
            clients=session.intake.tables.get("clients"),
            exits=session.intake.tables.get("exits"),
        )
    if found is None:
        raise UsageError(_("This client has no dose on or before the data cut."))
    for line in _lines(found, session.definitions, session.calendar):
        say(line)
    return 0


def _number_of(client: str, pseudonyms: Path) -> int:
    """The client's number in the tables, from a pseudonym or the beginning of one."""
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT client FROM read_parquet($path) WHERE starts_with(pseudonym, $client) LIMIT 2",
            {"path": str(pseudonyms), "client": client},
        ).fetchall()
    if len(found) == 1 and client:
        return int(found[0][0])
    raise UsageError(
        _("No client has this pseudonym.") if not found else _("Several clients' pseudonyms begin like this."),
        cure=_("Pseudonyms stand in {path}, one for each client.", path=str(pseudonyms)),
    )


def _lines(found: Trace, definitions: Definitions, calendar: SiteCalendar) -> list[str]:
    cut = date(_day(calendar.data_cut))
    lines = [
        _("For your own screen: never publish, print or send this."),
        _("An episode ends at {gap} or more consecutive dose-free days; the data cut is {cut}.", gap=definitions.gap_days, cut=cut),
    ]  # fmt: skip
    runs = list(found.runs)
    for episode in found.episodes.to_dict("records"):
        # the days of the episode, and what follows them
        own = [run for run in runs if run.first_day >= episode["start_day"]]
        last = next((k for k, run in enumerate(own) if run.first_day > episode["end_day"]), len(own))
        lines += ["", _headline(episode, definitions.gap_days)]
        lines += ["  " + line for line in _table(own[: last + 1], calendar, definitions.gap_days)]
    if found.exits:
        lines += ["", _("Recorded exits:")]
        lines += [f"  {date(_day(day))}  {_(reason)}" for day, reason in found.exits]
    return lines


def _headline(episode: dict[Any, Any], gap_days: int) -> str:
    text = _(
        "Episode {number}: {first} to {last}, {days} days: {dosed} dosed, {missed} dose-free, {lost} of missing log.",
        number=episode["episode"],
        first=date(_day(episode["start_day"])),
        last=date(_day(episode["end_day"])),
        days=integer(episode["days"]),
        dosed=integer(episode["dosed_days"]),
        missed=integer(episode["missed_days"]),
        lost=integer(episode["missing_log_days"]),
    )
    if episode["open"]:
        return text + " " + _("Open: {gap} dose-free days have not been seen by the data cut.", gap=gap_days)
    why = {"rule": episode["closed_by"], "reason": _(episode["exit_reason"])}
    return text + " " + _("Ended by {rule}; reason: {reason}.", **why)


def _table(runs: list[Run], calendar: SiteCalendar, gap_days: int) -> list[str]:
    header = [_("first day"), _("last day"), _("days"), _("what"), _("mg"), _("site"), ""]
    return align(header, [_row(run, calendar, gap_days) for run in runs])


def _row(run: Run, calendar: SiteCalendar, gap_days: int) -> list[str]:
    kinds = {
        "dosed": _("dosed"),
        "taken home": _("taken home"),
        "missing log": _("missing log"),
        "dose-free": _("dose-free"),
    }
    covered = run.kind in ("dosed", "taken home")
    dose = "" if not covered else number(run.dose_dmg / 10, 1) if run.dose_dmg >= 0 else _("not known")
    site = visible(str(calendar.codes[run.site])) if covered and run.site >= 0 else ""
    note = ""
    if run.kind == "dose-free":
        less = run.counted < gap_days
        note = f"{integer(run.counted)} < {gap_days}" if less else f"{integer(run.counted)} ≥ {gap_days}"
    return [
        date(_day(run.first_day)), date(_day(run.last_day)), integer(run.days), kinds[run.kind], dose, site, note,
    ]  # fmt: skip


def _day(day: int) -> dt.date:
    return _EPOCH + dt.timedelta(days=day)
