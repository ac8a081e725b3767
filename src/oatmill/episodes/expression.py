"""The episode rule as one Ibis expression: dosing log -> spells, unchanged on DuckDB and on Spark.

`spells_of` is the whole of it; the steps stand in its order. Nothing is computed here. Ibis is an extra package: this
module is imported only where the study file asks for it. What is known of the sites' logs comes as a small table of
runs. A key packs a day and a site into one number, so that the last row of a day is a plain maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from oatmill.episodes.calendar import MissingLog

if TYPE_CHECKING:
    from ibis.expr.types import IntegerValue, Table

UNKNOWN = -1
COLUMNS = (
    "client", "start_day", "end_day", "site", "last_site", "home_site", "medication", "n_sites", "n_medications",
    "dosed_days", "missing_log_days", "dose_sum_dmg", "dose_days", "first_dose_dmg", "last_dose_dmg", "max_dose_dmg",
    "final",
)  # fmt: skip
# A key holds a day, a site and a medication in this order; each must stay below these.
_DAYS, _SITES, _MEDICATIONS = 1 << 20, 1 << 24, 1 << 6


@dataclass(frozen=True)
class Rule:
    """Settings of the gap rule: `medication` is an index into `schema.MEDICATIONS`, `data_cut` a day number."""

    gap_days: int
    view: str
    missing_log: MissingLog
    medication: int
    data_cut: int

    @property
    def group(self) -> tuple[str, ...]:
        """What the gap rule is applied to: a client, or a client at one site."""
        return ("client", "site") if self.view == "programme" else ("client",)


def spells_of(
    doses: Table,
    rule: Rule,
    *,
    cuts: Table,
    runs: Table | None = None,
    ends: Table | None = None,
    keep: Callable[[Table], Table] = lambda table: table,
) -> Table:
    """Episodes by the gap rule, one row each, in no order; the columns are those of `COLUMNS`.

    Parameters
    ----------
    doses : client, day, dose_dmg, site, medication, take_home_days
    rule : its settings
    cuts : cut_site, cut_day: C of the clients last dosed at each site of the log
    runs : runs of missing log: run_site, run_start, run_end and `chain`, the same number for runs of a site with
        fewer than `gap_days` days between, rising with their start; None: there is none
    ends : recorded deaths and imprisonments: client, ended_on; None: there is none
    keep : given each table that is used more than once; a backend that would work it out each time stores it here
    """
    log = log_of(doses, rule.data_cut)
    runs = None if rule.missing_log == "dose_free" else runs
    groups = keep(_groups(log, rule, cuts))
    days = keep(_followed(covered_days(log, groups, rule, ends), rule))
    spells = keep(_summed(_numbered(days, rule, runs), rule).join(groups, rule.group))
    spells = keep(_with_ends(spells, rule, runs))
    return _with_distinct(_stays(spells, rule), log, rule).select(*COLUMNS)


def log_of(doses: Table, data_cut: int) -> Table:
    """The rows up to C, as whole numbers without missing values."""
    log = doses.select(
        client=doses.client.cast("int64"),
        day=doses.day.cast("int64"),
        dose=doses.dose_dmg.cast("int64").fill_null(UNKNOWN),
        site=doses.site.cast("int64").fill_null(UNKNOWN),
        medication=doses.medication.cast("int64").fill_null(UNKNOWN),
        take_home=doses.take_home_days.cast("int64").fill_null(0),
    )
    return log.filter(log.day <= data_cut)


def _row_key(log: Table) -> IntegerValue:
    return (log.day + _DAYS) * _SITES + log.site + 1


def _site_of(key: IntegerValue) -> IntegerValue:
    return key % _SITES - 1


def _groups(log: Table, rule: Rule, cuts: Table) -> Table:
    """Each client (at each site): the site of the last row, C there, and whether there are several codes."""
    various = (log.site.min() != log.site.max()) | (log.medication.min() != log.medication.max())
    found = log.group_by(rule.group).agg(home_key=_row_key(log).max(), various=various)
    found = found.mutate(home_site=_site_of(found.home_key))
    found = found.join(cuts, found.home_site == cuts.cut_site)
    return found.select(*rule.group, "home_site", "cut_day", "various")


def covered_days(log: Table, groups: Table, rule: Rule, ends: Table | None) -> Table:
    """One row per group and covered day: its dose, and keys of the first and last row dispensed on it.

    Overlapping supply covers a day once: the dose is that of the latest day of dispensing that covers it, summed over
    that day's rows of the study's medication.
    """
    wanted = log.medication == rule.medication
    log = log.mutate(
        dispensed=log.day,
        first_key=(log.site + 1) * _MEDICATIONS + log.medication + 1,
        last_key=_row_key(log),
        part=wanted.cast("int64"),
        blank=(wanted & (log.dose == UNKNOWN)).cast("int64"),
        mine=wanted.ifelse(log.dose, 0),
    )
    columns = (*rule.group, "day", "dispensed", "first_key", "last_key", "part", "blank", "mine")
    supply = _supply(log.filter(log.take_home > 0), groups, rule, ends)
    parts = log.select(*columns).union(supply.select(*columns))
    each = parts.group_by([*rule.group, "day", "dispensed"]).agg(
        first_key=parts.first_key.min(),
        last_key=parts.last_key.max(),
        dose=((parts.part.sum() > 0) & (parts.blank.sum() == 0)).ifelse(parts.mine.sum(), UNKNOWN),
    )
    return each.group_by([*rule.group, "day"]).agg(
        first_key=each.first_key.argmax(each.dispensed),
        last_key=each.last_key.max(),
        dose=each.dose.argmax(each.dispensed),
    )


def _supply(rows: Table, groups: Table, rule: Rule, ends: Table | None) -> Table:
    """The further days that rows cover, up to C and to the client's next recorded death or imprisonment."""
    rows = rows.join(groups.select(*rule.group, "cut_day"), rule.group)
    rows = rows.mutate(until=ibis.least(rows.day + rows.take_home, ibis.greatest(rows.cut_day, rows.day)))
    if ends is not None:
        key = ("client", "day", "site", "medication")
        later = rows.select(*key).join(ends, "client")
        later = later.filter(later.ended_on >= later.day)
        later = later.group_by(key).agg(ended_on=later.ended_on.min())
        rows = _left_join(rows, later, key)
        rows = rows.mutate(until=ibis.least(rows.until, rows.ended_on.fill_null(rows.until)))
    rows = rows.filter(rows.until > rows.day)
    return rows.mutate(day=ibis.range(rows.day + 1, rows.until + 1).unnest())


def _left_join(left: Table, right: Table, key: tuple[str, ...]) -> Table:
    """Every row of `left` with what `right` (unique by the key) adds to it."""
    right = right.rename({f"{name}_right": name for name in key})
    joined = left.left_join(right, [left[name] == right[f"{name}_right"] for name in key])
    return joined.drop(*(f"{name}_right" for name in key))


def at_gaps(gaps: Table, runs: Table, key: tuple[str, ...], gap_days: int) -> Table:
    """The missing log between two days, a row for each gap that has any.

    Parameters
    ----------
    gaps : the key (unique), `log_site`, `since` (the last day before the gap) and `before` (the first day after it)
    runs : as `spells_of` has them

    Returns
    -------
    Table
        The key; `lost`, days of missing log inside; `carried`, `since` moved over the runs that begin before the gap is
        reached; `passed`, days of missing log from `since` to `carried`
    """
    met = gaps.join(runs, gaps.log_site == runs.run_site)
    met = met.filter((met.run_start < met.before) & (met.run_end > met.since))
    until, begin = ibis.least(met.run_end, met.before - 1), ibis.greatest(met.run_start, met.since + 1)
    met = met.mutate(until=until, lost=until - begin + 1)
    chains = met.group_by([*key, "since", "chain"]).agg(
        begin=met.run_start.min(), until=met.until.max(), lost=met.lost.sum()
    )
    found = chains.group_by([*key, "since"]).agg(
        begin=chains.begin.min(),
        until=chains.until.argmin(chains.chain),
        passed=chains.lost.argmin(chains.chain),
        lost=chains.lost.sum(),
    )
    near = found.begin - found.since - 1 < gap_days
    return found.select(
        *key, lost=found.lost, carried=near.ifelse(found.until, found.since), passed=near.ifelse(found.passed, 0)
    )


def _followed(days: Table, rule: Rule) -> Table:
    """The covered days with the covered day before each, `since`, and the site whose log counts between the two: that
    of the last row dispensed until then."""
    in_order = ibis.window(group_by=rule.group, order_by="day")
    so_far = ibis.window(group_by=rule.group, order_by="day", preceding=None, following=0)
    days = days.mutate(last_key=days.last_key.max().over(so_far), since=days.day.lag().over(in_order), before=days.day)
    return days.mutate(log_site=_site_of(days.last_key.lag().over(in_order)))


def _numbered(days: Table, rule: Rule, runs: Table | None) -> Table:
    """The covered days with `episode`, its number in the group, and `inside`, the days of missing log since the covered
    day before it in the same episode."""
    so_far = ibis.window(group_by=rule.group, order_by="day", preceding=None, following=0)
    days = _with_missing_log(days, days.filter(days.before - days.since > 1), rule, runs, (*rule.group, "day"))
    last = days.carried if rule.missing_log == "covered" else days.since
    uncounted = days.lost if rule.missing_log == "skip" else 0
    new = days.since.isnull() | (days.day - last - 1 - uncounted >= rule.gap_days)
    days = days.mutate(new=new.cast("int64"), inside=new.ifelse(0, days.lost))
    return days.mutate(episode=days.new.sum().over(so_far))


def _with_missing_log(rows: Table, gaps: Table, rule: Rule, runs: Table | None, key: tuple[str, ...]) -> Table:
    """Add `lost`, `carried` and `passed` (see `at_gaps`)."""
    if runs is None:
        return rows.mutate(lost=ibis.literal(0, "int64"), carried=rows.since, passed=ibis.literal(0, "int64"))
    gaps = gaps.select(*key, "log_site", "since", "before")
    rows = _left_join(rows, at_gaps(gaps, runs, key, rule.gap_days), key)
    return rows.mutate(
        lost=rows.lost.fill_null(0), carried=rows.carried.fill_null(rows.since), passed=rows.passed.fill_null(0)
    )


def _summed(days: Table, rule: Rule) -> Table:
    """One row per episode, from its covered days."""
    known = days.dose != UNKNOWN
    found = days.group_by([*rule.group, "episode"]).agg(
        start_day=days.day.min(),
        last_day=days.day.max(),
        first_key=days.first_key.argmin(days.day),
        last_key=days.last_key.max(),
        dosed_days=days.count(),
        inside=days.inside.sum(),
        dose_sum_dmg=known.ifelse(days.dose, 0).sum(),
        dose_days=known.cast("int64").sum(),
        first_dose_dmg=days.dose.argmin(days.day),
        last_dose_dmg=days.dose.argmax(days.day),
        max_dose_dmg=days.dose.max(),
    )
    return found.mutate(
        site=found.first_key // _MEDICATIONS - 1,
        last_site=_site_of(found.last_key),
        medication=found.first_key % _MEDICATIONS - 1,
    )


def _with_ends(spells: Table, rule: Rule, runs: Table | None) -> Table:
    """With the last covered day: under the bound "covered" it may lie in a run of missing log after the last dose."""
    in_order = ibis.window(group_by=rule.group, order_by="start_day")
    spells = spells.mutate(next_day=spells.start_day.lead().over(in_order), since=spells.last_day)
    spells = spells.mutate(
        final=spells.next_day.isnull(),
        before=spells.next_day.fill_null(spells.cut_day + 1),
        log_site=spells.last_site,
    )
    if rule.missing_log == "skip":
        runs = None
    spells = _with_missing_log(spells, spells, rule, runs, (*rule.group, "start_day"))
    return spells.mutate(end_day=spells.carried, missing_log_days=spells.inside + spells.passed)


def _with_distinct(spells: Table, log: Table, rule: Rule) -> Table:
    """With the number of sites and medications among the rows of each episode."""
    key = (*rule.group, "start_day")
    several = spells.filter(spells.various).select(*key, "last_day")
    rows = log.join(several, rule.group)
    rows = rows.filter(rows.day.between(rows.start_day, rows.last_day))
    counted = rows.group_by(key).agg(n_sites=rows.site.nunique(), n_medications=rows.medication.nunique())
    spells = _left_join(spells, counted, key)
    return spells.mutate(n_sites=spells.n_sites.fill_null(1), n_medications=spells.n_medications.fill_null(1))


def _stays(spells: Table, rule: Rule) -> Table:
    """Programme view: without guest doses, fewer than `gap_days` days strictly inside an episode at another site."""
    if rule.view != "programme":
        return spells
    guests = spells.filter(spells.end_day - spells.start_day + 1 < rule.gap_days)
    guests = guests.select("client", "site", "start_day", "end_day")
    hosts = spells.select("client", host_site="site", host_start="start_day", host_end="end_day")
    both = guests.join(hosts, "client")
    inside = (both.host_start < both.start_day) & (both.host_end > both.end_day) & (both.host_site != both.site)
    key = ("client", "site", "start_day")
    return spells.anti_join(both.filter(inside).select(*key).distinct(), key)
