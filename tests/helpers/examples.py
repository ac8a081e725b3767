"""A worked example of the registry as an open study: its drawn log, and the numbers exactly as they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from helpers import dosing

from oatmill.cohort import Cohort, build_cohort
from oatmill.definitions import Example, definition_of, function_of
from oatmill.disclosure import Released, release
from oatmill.episodes import SiteCalendar
from oatmill.episodes.years import build_client_years
from oatmill.results import Result
from oatmill.retention import Material
from oatmill.rules import Log, build_by_rule, definitions_under
from oatmill.study import Definitions


@dataclass(frozen=True)
class DrawnStudy:
    """What `retention.Material` asks for, from an example."""

    example: Example
    folder: Path

    has_log = True
    offers_causes = True

    @cached_property
    def lines(self) -> list[int]:
        """The line of each client."""
        return [line for line, (n, _days) in enumerate(self.example.log) for _client in range(n)]

    @property
    def definitions(self) -> Definitions:
        told = self.example
        more = {"horizons": told.horizons, "follow_up_days": told.follow_up_days}
        return dosing.settings(told.gap_days, told.cut, **more)

    @cached_property
    def calendar(self) -> SiteCalendar:
        drawn = dosing.drawn(*(self.example.log[line][1] for line in self.lines))
        return dosing.calendar_of(drawn, self.folder, self.definitions)

    @property
    def data_cut(self) -> int:
        return self.calendar.data_cut

    @property
    def exits(self) -> pd.DataFrame:
        told = self.example.exits
        return dosing.records(
            *((client, day, why) for client, line in enumerate(self.lines) for at, day, why in told if at == line)
        )

    @property
    def tests(self) -> pd.DataFrame | None:
        if not self.example.samples:
            return None
        rows = [
            (who, dosing.absolute(day)) for who, line in enumerate(self.lines) for day in self.example.samples[line]
        ]
        return pd.DataFrame(rows, columns=["client", "day"]).assign(test="opioids in urine", result="negative")

    @property
    def log(self) -> Log:
        calendar = self.calendar  # writes the log
        return Log(self.folder / "doses.parquet", self.definitions, calendar, None, self.exits, self.tests)

    def episodes(self, gap_days: int | None = None) -> pd.DataFrame:
        return self.log.episodes(gap_days)

    def cohort(
        self, gap_days: int | None = None, *, by_cause: bool = False, rule: str | None = None, view: str | None = None
    ) -> Cohort:
        settings = self.definitions.model_copy(update={"gap_days": gap_days} if gap_days else {})
        if rule:
            settings = definitions_under(definition_of(rule), settings)
        episodes = build_by_rule(rule, self.log) if rule else self.log.episodes(gap_days, view)
        return build_cohort(episodes, None, settings, self.calendar, by_cause=by_cause, ends=rule or "")

    def client_years(self) -> pd.DataFrame:
        return build_client_years(self.log.doses, self.exits, self.calendar)

    def release(self, result: Result) -> Released:
        return release(result, "none")


def shown_by(name: str, study: Material) -> list[Released]:
    """What the function of a measure releases of this measure, other curves that it is made of left out."""
    shown = list(function_of(name)(study))
    return [each for each in shown if each.frame["definition"].iloc[0].startswith(f"{name}|")]


def episodes_in_words(study: DrawnStudy, rule: str) -> tuple[str, ...]:
    """The episodes of the first client of each line."""
    episodes = build_by_rule(rule, study.log)
    first = [study.lines.index(line) for line in range(len(study.example.log))]
    return tuple(dosing.in_words(episodes[episodes["client"] == client]) for client in first)


def measure_in_words(shown: Released) -> tuple[str, ...]:
    """`day 30: 24 of 40`, `day 30: 0.5625`, `2020: 20 clients`, `2021 returners: 10 of 10`: what is printed of a measure."""
    frame = shown.frame[shown.frame["status"] == "shown"]
    if shown.kind in ("curve", "derived"):
        frame = frame[frame["term"] == "horizon"]
    return tuple(_in_words(row) for row in frame.to_dict("records"))


def _in_words(row: dict) -> str:
    when = row["period"] if row["definition"].partition("|")[0] in ("december", "kp_mat6") else f"day {row['day']:g}"
    if row["unit"] == "clients":
        return f"{when}: {row['estimate']:g} clients"
    counts = row["events"] == row["events"] and row["unit"] == "proportion"
    value = f"{row['events']:g} of {row['n']:g}" if counts else f"{row['estimate']:.4f}"
    return f"{' '.join(filter(None, [when, row['level']]))}: {value}"
