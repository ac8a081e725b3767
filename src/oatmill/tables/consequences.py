"""What the findings of chapter 10 mean for each later chapter: from released counts to sentences."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import COVARIATES, label
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, integer, ngettext, percent

_Row = tuple[str, str, str]  # chapter, finding, what it means there
_MUCH = 0.2  # a share of clients without a value from which a model loses a good part of its clients


def table_consequences(
    checks: Released, missing: Released | None, logs: Released | None, covariates: Iterable[str]
) -> Table:
    """Each finding that touches a later chapter, and how; made from what was found in these data."""
    rows = [*_of_logs(logs), *_of_checks(checks), *_of_missing(missing, covariates)]
    order = {name: place for place, name in enumerate((_("Cohort"), _("Retention"), _("Dose and dropout")))}
    rows.sort(key=lambda row: order[row[0]])
    if not rows:
        rows = [("", _("Nothing was found that touches a later chapter."), "")]
    return make_table(
        [each for each in (checks, missing, logs) if each is not None],
        pd.DataFrame(rows, columns=["chapter", "finding", "meaning"]),
        name="consequences",
        caption=_("What it means for the later chapters"),
        headings={"finding": _("Finding"), "meaning": _("What it means there")},
        groups="chapter",
        prose=["finding", "meaning"],
    )


def _of_logs(logs: Released | None) -> list[_Row]:
    if logs is None or logs.frame.empty:
        return []
    sites = logs.frame["level"].nunique()
    days = logs.where(period="")["estimate"].sum()
    finding = ngettext(
        "Missing log: {days} days at {n} site", "Missing log: {days} days at {n} sites", sites, days=integer(days)
    )
    means = _(
        "These days neither count as dose-free nor end an episode. A client who left during them seems to have left "
        "before them; the methods page gives the rule."
    )
    return [(_("Retention"), finding, means)]


def _of_checks(checks: Released) -> list[_Row]:
    meanings = _meanings()
    rows = []
    for row in checks.frame.to_dict("records"):
        if row["estimate"] != 0 and (row["group"], row["level"]) in meanings:
            n = withheld() if row["estimate"] != row["estimate"] else integer(row["estimate"])
            rule = row["term"].replace("`", "")
            finding = _("{table}: {rule} ({n} rows)", table=row["group"], rule=rule, n=n)
            rows += [(chapter, finding, means) for chapter, means in meanings[row["group"], row["level"]]]
    return rows


def _of_missing(missing: Released | None, covariates: Iterable[str]) -> list[_Row]:
    if missing is None:
        return []
    wanted, rows = set(covariates), []
    frame = missing.frame[missing.frame["population"] == "clients in the clients table"]
    for row in frame.to_dict("records"):
        name = "age" if row["level"] == "birth_date" else row["level"]
        if name not in wanted or row["estimate"] == 0:
            continue
        share = percent(row["estimate"]) if row["estimate"] == row["estimate"] else withheld()
        finding = _("{column}: not known for {share} of clients", column=label(COVARIATES, row["level"]), share=share)
        out = _("Clients without it are left out of the models that adjust for it.")
        if row["estimate"] >= _MUCH:
            out = _(
                "So many clients are left out of the models that adjust for it that it may be better left out itself."
            )
        rows.append((_("Cohort"), finding, _("They stand in a row of their own in the description.")))
        rows.append((_("Dose and dropout"), finding, out))
    return rows


def _meanings() -> dict[tuple[str, str], list[tuple[str, str]]]:
    """By table and check: the chapters that it touches, and how."""
    cohort, retention, dose = _("Cohort"), _("Retention"), _("Dose and dropout")
    no_covariates = _("They are analysed without sex, age and other columns of the clients table.")
    return {
        ("doses", "duplicate"): [(dose, _("The copies are left out, so that no day has its dose twice."))],
        ("doses", "day_summed"): [(dose, _("The doses of such a day are added; if the rows correct each other, too high."))],
        ("doses", "dose_blank"): [
            (retention, _("Whether such a day is covered decides where an episode ends; the study file says which.")),
            (dose, _("The dose of such a day is not known and enters no dose group.")),
        ],
        ("doses", "dose_zero"): [(retention, _("Such a row covers no day; enough of them in a row end an episode."))],
        ("doses", "medication_blank"): [(dose, _("Doses of another medication may be counted as milligrams of this one."))],
        ("doses", "site_blank"): [(cohort, _("These doses belong to no site: the site counts are too low."))],
        ("doses", "day_two_sites"): [(cohort, _("A client with doses at two sites belongs to the site of the first dose."))],
        ("doses", "implausible_dose_mg"): [(dose, _("Such doses enter as recorded, and may be typing errors."))],
        ("doses", "after_death"): [(retention, _("The death stands: one of the two dates is wrong."))],
        ("doses", "after_data_cut"): [(retention, _("Nothing after the data cut is used."))],
        ("doses", "blank_date"): [(retention, _("The days of these rows are not known and count as dose-free."))],
        ("doses", "not_in_clients"): [(cohort, no_covariates), (dose, _("They are left out of the models that adjust."))],
        ("clients", "not_in_doses"): [(cohort, _("They have no dose, so they are in no count of clients treated."))],
        ("clients", "implausible_age"): [(cohort, _("Such ages enter as recorded.")), (dose, _("They pull the effect of age."))],
        ("exits", "reason_blank"): [(retention, _("Such an exit counts as a dropout: dropout is overstated."))],
        ("exits", "not_in_doses"): [(retention, _("These exits belong to nobody in the log and are not used."))],
        ("exits", "two_deaths"): [(retention, _("The earlier date of death counts."))],
    }  # fmt: skip
