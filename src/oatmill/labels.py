"""What codes are called in front of readers: covariates, exit reasons, measures, exposures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from oatmill.text import _

Labels = Mapping[str, Callable[[], str]]

COVARIATES: Labels = {
    "sex": lambda: _("Sex"),
    "age": lambda: _("Age at entry (years)"),
    "injecting": lambda: _("Injecting at entry"),
    "education": lambda: _("Education"),
    "employment": lambda: _("Employment"),
    "marital_status": lambda: _("Marital status"),
    "hiv": lambda: _("HIV"),
    "hcv": lambda: _("Hepatitis C"),
    "prior_prison": lambda: _("Ever in prison"),
    "arm": lambda: _("Arm"),
    "enrolment_type": lambda: _("Enrolment"),
    "site_id": lambda: _("Site"),
    "site": lambda: _("Site of the first episode"),
    "area": lambda: _("Area of the site"),
    "returned": lambda: _("Came back later"),
    "birth_date": lambda: _("Date of birth"),
    "enrolled": lambda: _("Date of first enrolment"),
    "first_use_age": lambda: _("Age at first opioid use"),
    "dose_mg": lambda: _("Dose"),
    "medication": lambda: _("Medication"),
    "reason": lambda: _("Reason"),
}
REASONS: Labels = {
    "in_treatment": lambda: _("still in treatment, or follow-up ended"),
    "dropout": lambda: _("dropout"),
    "death": lambda: _("death"),
    "prison": lambda: _("prison"),
    "transfer_out": lambda: _("transfer out of the register"),
    "completed_taper": lambda: _("completed taper"),
    "administrative": lambda: _("administrative"),
}
MEASURES: Labels = {
    "ret_km": lambda: _("Kaplan-Meier; every end counts (ret_km)"),
    "ret_km_net": lambda: _("Kaplan-Meier; death and prison censored (ret_km_net)"),
    "ret_cif": lambda: _("Not dropped out; the other ends compete (ret_cif)"),
    "ret_fixed": lambda: _("Share of those who could reach the day (ret_fixed)"),
    "ret_on_oat": lambda: _("In treatment on the day, also after a return (ret_on_oat)"),
    "ret_programme": lambda: _("Still at the first site (ret_programme)"),
    "nqf180": lambda: _("180 days or more (nqf180)"),
    "december": lambda: _("A dose in December, of all with a dose in the year (december)"),
    "kp_mat6": lambda: _("Six months or more in treatment (kp_mat6)"),
    "completed_window": lambda: _("No gap within the window (completed_window)"),
}
RULES: Labels = {
    "recorded": lambda: _("recorded end"),
    "d15of90": lambda: _("rule d15of90"),
    "ctn4w": lambda: _("rule ctn4w"),
}
ENTRIES: Labels = {
    "carried_over": lambda: _("carried over"),
    "first_entrants": lambda: _("first entrants"),
    "returners": lambda: _("returners"),
}
EXPOSURES: Labels = {
    "lagged dose": lambda: _("Lagged dose (this report)"),
    "naive: entry": lambda: _("Dose at entry"),
    "naive: maximum": lambda: _("Highest dose ever"),
    "naive: mean": lambda: _("Mean of the whole episode"),
    "naive: last": lambda: _("Last dose"),
}
LEVELS: Labels = {
    "male": lambda: _("male"),
    "female": lambda: _("female"),
    "yes": lambda: _("yes"),
    "no": lambda: _("no"),
    "unknown": lambda: _("unknown"),
    "missing": lambda: _("not known"),
    "methadone": lambda: _("methadone"),
    "buprenorphine": lambda: _("buprenorphine"),
}


def label_of_rule(definition: str) -> str:
    """How ends are known, as the part behind the bar of a definition says (`ret_km|gap30`): a gap in days, a rule, a record."""
    ends = definition.partition("|")[2]
    return _("gap of {days} days", days=ends.removeprefix("gap")) if ends.startswith("gap") else label(RULES, ends)


def label(labels: Labels, code: str) -> str:
    """The reader's name of a code; the code itself, without underscores, where it has none."""
    return labels[code]() if code in labels else code.replace("_", " ")
