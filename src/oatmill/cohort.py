"""Episodes -> the analysis table, one row per client, and the flow chart of how it came about.

`require_*` only drops rows and says why; `add_*` only adds columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from oatmill.episodes import SiteCalendar, check_washout, day_number
from oatmill.errors import NotSupported, StudyInvalid
from oatmill.schema import EXIT_REASONS
from oatmill.study import Definitions
from oatmill.text import _

EVENT_CODES: dict[str, int] = {reason: code for code, reason in enumerate(EXIT_REASONS, start=1)}
DAYS_PER_YEAR = 365.25
KNOWN_REASONS = "starters whose reasons are known"
GROUPS = ("sex", "area", "returned", "injecting", "hiv", "hcv", "prior_prison", "arm", "enrolment_type")


@dataclass(frozen=True)
class Step:
    """One line of the flow chart: how many clients are left, how many this step removed, and why."""

    step: str
    n: int
    removed: int
    reason: str


@dataclass(frozen=True)
class Cohort:
    """The analysis table and its flow chart.

    Parameters
    ----------
    frame : one row per client, sorted by client
    attrition : the steps; the first counts all clients
    by_cause : whether exits may be analysed by cause (assessed as of C - max(G, exit_link_days))
    recorded : ends are recorded, not inferred from a gap
    population : what the clients are called; another choice of clients has another name
    ends : by which rule their episodes end (`gap30`, `recorded`)
    """

    frame: pd.DataFrame
    attrition: tuple[Step, ...]
    by_cause: bool = False
    recorded: bool = False
    population: str = "starters"
    ends: str = ""

    def without(self, drop: pd.Series | np.ndarray, step: str, reason: str) -> Cohort:
        """The cohort without these rows; the step is noted, also where it removes nobody."""
        mask = np.asarray(drop, dtype=bool)
        frame = self.frame[~mask].reset_index(drop=True)
        done = Step(step, int(frame["client"].nunique()), int(mask.sum()), reason)
        return replace(self, frame=frame, attrition=(*self.attrition, done))


def build_cohort(
    episodes: pd.DataFrame,
    clients: pd.DataFrame | None,
    definitions: Definitions,
    calendar: SiteCalendar,
    *,
    by_cause: bool = False,
    prevalent: Literal["exclude", "late_entry"] = "exclude",
    ends: str = "",
) -> Cohort:
    """Starters' first episodes with time and event, one row per client.

    Parameters
    ----------
    episodes : of `build_episodes`, made with the same definitions
    clients : the clients table, or None
    definitions : open_episode_censoring, follow_up_days, look_ahead, gap_days and prior_treatment are read
    calendar : of the log
    by_cause : assess everything as of C - max(G, exit_link_days), as exits by cause need it
    prevalent : "exclude", or "late_entry": clients already in treatment when the log begins, whose enrolment date is
        known, are followed from that date and enter on the log's first day
    ends : the rule by which the episodes end, where it is not the gap of the definitions (`d15of90`)

    Returns
    -------
    Cohort
        `frame`: every column of `episodes`, `time`, `event`, `entry` and `potential_days` (see `add_outcome`), and
        every column of the clients table.

    Raises
    ------
    StudyInvalid
        Where more than half of first episodes fail the washout and the study file does not say why.
    NotSupported
        Where exits by cause are asked for under `open_episode_censoring: cut`.
    """
    check_washout(episodes, definitions)
    _check_settings(definitions, by_cause)
    everyone = Step("clients", int(episodes["client"].nunique()), 0, _("Clients with a dose in the log"))
    cohort = Cohort(episodes, (everyone,), by_cause, ends=ends or f"gap{definitions.gap_days}")
    cohort = require_first_episode(replace(cohort, population=_population(definitions, by_cause, prevalent)))
    if prevalent == "exclude":
        cohort = require_starter(cohort, definitions)
    else:
        cohort = add_known_start(require_known_start(cohort))
    cohort = require_started_before(cohort, definitions)
    cohort = add_outcome(cohort, definitions)
    if prevalent == "late_entry":
        cohort = require_time_at_risk(cohort)
    return add_covariates(cohort, clients)


def _population(definitions: Definitions, by_cause: bool, prevalent: str) -> str:
    """Starters; assessed earlier, so that every reason is known, they are fewer."""
    if prevalent == "late_entry":
        return "starters and clients in treatment before"
    earlier = by_cause and definitions.exit_link_days > definitions.gap_days
    return KNOWN_REASONS if earlier else "starters"


def require_first_episode(cohort: Cohort) -> Cohort:
    """Keep each client's first episode. Removes later episodes, no client."""
    frame = cohort.frame[cohort.frame["episode"] == 1].reset_index(drop=True)
    done = Step("first_episode", len(frame), 0, _("First episode of each client"))
    return replace(cohort, frame=frame, attrition=(*cohort.attrition, done))


def require_starter(cohort: Cohort, definitions: Definitions) -> Cohort:
    """Drop prevalent clients: those whose first episode began too soon after the log, then those marked as repeat."""
    frame = cohort.frame
    early = frame["prevalent"] & ~frame["washout_met"]
    reason = _(
        "First episode began less than {days} days after the first day of the site's log", days=definitions.washout
    )
    cohort = cohort.without(early, "washout", reason)
    return cohort.without(
        cohort.frame["prevalent"], "first_enrolment", _("Marked as a repeat enrolment or a transfer in")
    )


def require_known_start(cohort: Cohort) -> Cohort:
    """Drop prevalent clients whose day 1 is not known: no enrolment date on or before the first dose."""
    frame = cohort.frame
    known = (frame["enrolled_day"] <= frame["start_day"]).fillna(False).astype(bool)
    reason = _("In treatment before the log begins, day of enrolment not known")
    return cohort.without(frame["prevalent"] & ~known, "known_start", reason)


def require_started_before(cohort: Cohort, definitions: Definitions) -> Cohort:
    """Drop clients who started after the day as of which everything is assessed."""
    late = cohort.frame["start_day"] > as_of_day(cohort.frame, definitions, cohort.by_cause)
    return cohort.without(late, "started_before", _("Started after the analysis date"))


def require_time_at_risk(cohort: Cohort) -> Cohort:
    """Drop clients whose follow-up is over before they come under observation (late entry only)."""
    frame = cohort.frame
    return cohort.without(frame["time"] <= frame["entry"], "time_at_risk", _("Not observed before follow-up ends"))


def add_known_start(cohort: Cohort) -> Cohort:
    """Let the time of prevalent clients run from their enrolment date: `start_day` is that day, `days` follow."""
    frame = cohort.frame
    start = frame["start_day"].where(~frame["prevalent"], frame["enrolled_day"]).astype(np.int32)
    days = (frame["end_day"] - start + 1).astype(np.int32)
    return replace(cohort, frame=frame.assign(start_day=start, days=days))


def as_of_day(frame: pd.DataFrame, definitions: Definitions, by_cause: bool = False) -> pd.Series:
    """The day as of which each client is assessed: A = C - G; C - max(G, exit_link_days) by cause; C under `cut`."""
    if definitions.open_episode_censoring == "cut":
        return frame["cut_day"]
    return frame["cause_analysis_day" if by_cause else "analysis_day"]


def add_outcome(cohort: Cohort, definitions: Definitions) -> Cohort:
    """Add `time`, `event`, `entry`, `potential_days` and, with a follow-up window, `completed_window`.

    With T days in treatment a client is at risk on days entry + 1 .. T and the event falls on day T.

    - `time`: last day at risk; `event`: 0 censored, else the cause code (`EVENT_CODES`)
    - `potential_days`: the day on which the client would be censored without an event: follow-up possible
    - `cut_minus_gap`: an end after A is censored at A, on day A - start + 1. `cut`: an open episode is censored at C
    - `follow_up_days` H: the first run of G dose-free days *inside* days 1 .. H is the end; others are censored on day
      H, and those whose day H lies after C at A. So no exit falls after day H - G. With `look_ahead` ends are found
      in the whole log, then censored on day H
    - `completed_window`: True without such a run in days 1 .. H, False with one, missing where day H lies after C

    Examples
    --------
    G = 7, H = 20, doses on days 1 .. 13 and none after: days 14 .. 20 are 7 dose-free days inside the window, an event
    on day 13 = H - G. Doses on days 1 .. 14: 6 dose-free days inside, censored on day 20.
    """
    frame = cohort.frame
    as_of = as_of_day(frame, definitions, cohort.by_cause).to_numpy(np.int64)
    start, end = frame["start_day"].to_numpy(np.int64), frame["end_day"].to_numpy(np.int64)
    ended = ~frame["open"].to_numpy(bool) & (end <= as_of)
    potential = as_of - start + 1
    if definitions.follow_up_days is not None:
        inside, whole = _window(frame, definitions, as_of)
        potential = np.minimum(potential, definitions.follow_up_days)
        if definitions.look_ahead:
            ended &= end - start + 1 <= definitions.follow_up_days
        else:
            ended = inside & (ended | whole)
            potential = np.where(whole, definitions.follow_up_days, potential)
        frame = frame.assign(completed_window=pd.arrays.BooleanArray(~inside, ~whole))
    codes = frame["exit_reason"].map(EVENT_CODES).fillna(0).to_numpy(np.int64)
    frame = frame.assign(
        time=np.where(ended, end - start + 1, potential).astype(np.int32),
        event=np.where(ended, codes, 0).astype(np.int8),
        entry=_entry(frame),
        potential_days=potential.astype(np.int32),
    )
    return replace(cohort, frame=frame)


def add_covariates(cohort: Cohort, clients: pd.DataFrame | None) -> Cohort:
    """Add every column of the clients table; a missing age is computed from the date of birth at the first day."""
    if clients is None:
        return cohort
    frame = cohort.frame
    new = [name for name in clients.columns if name != "client" and name not in frame]
    table = clients.drop_duplicates("client").set_index("client")[new]
    frame = frame.join(table, on="client")
    if "birth_date_day" in frame:
        years = (frame["start_day"] - frame["birth_date_day"]).astype("Float64") / DAYS_PER_YEAR
        whole = np.floor(years.to_numpy(np.float64, na_value=np.nan))
        given = frame["age"] if "age" in frame else pd.Series(np.nan, index=frame.index)
        frame = frame.assign(age=given.astype(np.float64).fillna(pd.Series(whole, index=frame.index)))
    return replace(cohort, frame=frame)


def add_groups(cohort: Cohort, episodes: pd.DataFrame | None, sites: pd.DataFrame | None) -> Cohort:
    """Add what groups of clients are made of: `returned` (yes, no: has a later episode) and `area` of the site."""
    frame = cohort.frame
    if episodes is not None:
        again = episodes.loc[episodes["episode"] > 1, "client"]
        frame = frame.assign(returned=np.where(frame["client"].isin(again), "yes", "no"))
    if sites is not None and "area" in sites and "site" in frame:
        areas = sites.drop_duplicates("site_id").set_index("site_id")["area"]
        frame = frame.assign(area=frame["site"].map(areas))
    return replace(cohort, frame=frame)


def choose_group(cohort: Cohort, wanted: str | None) -> str | None:
    """The column to compare clients by: the one asked for, else the first of sex, area and coming back that there is.

    Raises
    ------
    NotSupported
        for a column that the cohort does not have, or that is a measurement
    """
    usable = [name for name in (*GROUPS, "site") if name in cohort.frame and cohort.frame[name].notna().any()]
    if wanted is not None and wanted not in usable:
        raise NotSupported(
            _("Clients cannot be compared by `{name}`.", name=wanted),
            cure=_("Use one of: {names}.", names=", ".join(usable)),
        )
    return wanted or next((name for name in usable if cohort.frame[name].nunique() > 1), None)


def build_cohort_from_episodes(table: pd.DataFrame, definitions: Definitions) -> Cohort:
    """The analysis table from recorded treatment spells, where there is no dosing log.

    Parameters
    ----------
    table : one row per client and spell: client, and start_day and end_day (last day in treatment; missing while it
        goes on), or days and ended; every other column is kept
    definitions : data_cut and follow_up_days are read. Ends are recorded and not inferred from a gap, so that
        everything is assessed as of C (default: the last day in the table)

    Returns
    -------
    Cohort
        First spells. `ended` without a reason is a dropout. A stay of 0 days counts as day 1: the client was seen on
        one day. Who is a starter is not known from such a table: the report says so.
    """
    _check_spells(table)
    everyone = Step("clients", int(table["client"].nunique()), 0, _("Clients with a treatment spell"))
    # First recorded is not first ever, so these are not called starters.
    cohort = Cohort(table, (everyone,), by_cause=True, recorded=True, population="clients", ends="recorded")
    cohort = require_first_spell(cohort)
    dated = "start_day" in table and bool(table["start_day"].notna().any())
    frame = _dated_spells(cohort.frame, definitions) if dated else _counted_spells(cohort.frame)
    cohort = replace(cohort, frame=frame)
    if dated:
        late = (frame["start_day"] > frame["cut_day"]).fillna(False)
        cohort = cohort.without(late, "started_before", _("Started after the data cut"))
    unknown = cohort.frame["time"].fillna(0) < 1
    cohort = cohort.without(unknown, "known_time", _("Days in treatment not known"))
    return _add_recorded_outcome(cohort, definitions)


def require_first_spell(cohort: Cohort) -> Cohort:
    """Keep each client's first recorded spell: the earliest, or the first in the file where there are no dates."""
    order = ["client", "start_day"] if "start_day" in cohort.frame else ["client"]
    frame = cohort.frame.sort_values(order, kind="stable", na_position="last").drop_duplicates("client")
    done = Step("first_episode", len(frame), 0, _("First episode of each client"))
    return replace(cohort, frame=frame.reset_index(drop=True), attrition=(*cohort.attrition, done))


def _dated_spells(frame: pd.DataFrame, definitions: Definitions) -> pd.DataFrame:
    start = frame["start_day"].astype("Int32")
    end = (frame["end_day"] if "end_day" in frame else pd.Series(pd.NA, index=frame.index)).astype("Int32")
    if "days" in frame:
        end = end.fillna(start + frame["days"].clip(lower=1) - 1)
    if definitions.data_cut is not None:
        cut = day_number(definitions.data_cut)
    else:
        cut = int(pd.concat([start, end]).max())
    ended = (frame["ended"].fillna(end.notna()) if "ended" in frame else end.notna()).astype(bool)
    last = end.where(end.notna() | ended, cut).clip(upper=cut)
    ended &= (end <= cut).fillna(False).astype(bool)
    return frame.assign(cut_day=cut, ended=ended, time=(last - start + 1).astype("Int32"))


def _counted_spells(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(ended=frame["ended"].astype(bool), time=frame["days"].clip(lower=1).astype("Int32"))


def _add_recorded_outcome(cohort: Cohort, definitions: Definitions) -> Cohort:
    frame = cohort.frame
    days, ended = frame["time"].to_numpy(np.int64), frame["ended"].to_numpy(bool)
    horizon = definitions.follow_up_days or np.iinfo(np.int32).max
    reason = frame["exit_reason"] if "exit_reason" in frame else pd.Series(None, index=frame.index, dtype=object)
    codes = reason.map(EVENT_CODES).fillna(EVENT_CODES["dropout"]).to_numpy(np.int64)
    ended = ended & (days <= horizon)
    frame = frame.assign(
        days=days.astype(np.int32),
        time=np.minimum(days, horizon).astype(np.int32),
        event=np.where(ended, codes, 0).astype(np.int8),
        entry=np.zeros(len(frame), dtype=np.int32),
        site=frame.get("site_id"),
    )
    return replace(cohort, frame=frame)


def _window(frame: pd.DataFrame, definitions: Definitions, as_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether a run of G dose-free days lies inside days 1 .. H, and whether day H is on or before C.

    By cause a window must end max(G, exit_link_days) - G days earlier, so that its exits are linked.
    """
    day_h = frame["start_day"].to_numpy(np.int64) + (definitions.follow_up_days or 0) - 1
    never = np.iinfo(np.int64).max
    known = np.where(frame["open"].to_numpy(bool), never, frame["known_day"].fillna(0).to_numpy(np.int64))
    cut = frame["cut_day"].to_numpy(np.int64)
    if definitions.open_episode_censoring == "cut_minus_gap":
        cut = cut - (frame["analysis_day"].to_numpy(np.int64) - as_of)
    return known <= day_h, day_h <= cut


def _entry(frame: pd.DataFrame) -> np.ndarray:
    """Days before the client came under observation: d - 1 for one first seen on day d, 0 for a starter."""
    before = np.maximum(frame["log_first_day"] - frame["start_day"], 0)
    return np.where(frame["starter"], 0, before).astype(np.int32)


def _check_settings(definitions: Definitions, by_cause: bool) -> None:
    if by_cause and definitions.open_episode_censoring == "cut":
        raise NotSupported(
            _("Exits by cause are not offered where open episodes are censored at the data cut."),
            cure=_("Set `definitions.open_episode_censoring: cut_minus_gap`."),
        )
    horizon = definitions.follow_up_days
    if horizon is not None and not definitions.look_ahead and horizon <= definitions.gap_days:
        raise StudyInvalid(
            _(
                "Within {window} days no run of {gap} dose-free days can follow a dose, so that nobody could leave.",
                window=horizon,
                gap=definitions.gap_days,
            ),
            cure=_("Choose `definitions.follow_up_days` longer than `definitions.gap_days`, or `look_ahead: true`."),
        )


def _check_spells(table: pd.DataFrame) -> None:
    dated = "start_day" in table and table["start_day"].notna().any()
    if dated or ("days" in table and "ended" in table and table["ended"].notna().all()):
        return
    raise NotSupported(
        _("Treatment spells need a start and an end, or the days in treatment and whether treatment ended."),
        cure=_("Name `start` and `end`, or `days` and `ended`, under `sources.episodes.columns`."),
    )
