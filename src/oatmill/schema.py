"""Each input table, declared once.

Reader, checker, synthetic generator, data dictionary and `oatmill init` all derive from `TABLES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "date", "number", "integer", "category", "flag", "text"]


@dataclass(frozen=True)
class Column:
    """One column: what it holds, its unit and its allowed values.

    `id` is a client identifier and leaves the intake only as a number. `category` takes the values of
    `allowed`, or any short code where `allowed` is empty. `flag` is yes or no. `low` and `high` bound what
    is plausible: a value outside is reported, an impossible one is refused by the intake.
    """

    name: str
    kind: Kind
    description: str
    required: bool = False
    unit: str | None = None
    allowed: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Table:
    """One table: its row grain and its columns."""

    name: str
    grain: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


SEXES = ("male", "female")
YES_NO = ("yes", "no", "unknown")
EXIT_REASONS = ("death", "prison", "transfer_out", "completed_taper", "administrative", "dropout")
MEDICATIONS = ("methadone", "buprenorphine", "morphine", "codeine", "other")
# The highest daily dose that can be right, in mg. What is higher is counted, not changed. Labels and guidelines stay
# well below: methadone 200, buprenorphine 32 (a depot is recorded by its day's share), slow-release morphine 1,200.
PLAUSIBLE_DOSE_MG = {"methadone": 500.0, "buprenorphine": 64.0, "morphine": 2000.0, "codeine": 2400.0, "other": 5000.0}
EDUCATIONS = ("none", "primary", "secondary", "vocational", "higher")
EMPLOYMENTS = ("employed", "unemployed", "student", "retired", "other")
MARITAL_STATUSES = ("married", "single", "divorced", "widowed", "other")
ENROLMENT_TYPES = ("primary", "repeat", "transfer_in")
DOSE_MEANINGS = ("entry", "usual", "maximum", "mean", "last", "unknown")

_client = Column("client_id", "id", "Client identifier, the same in every table", required=True)
_site = Column("site_id", "category", "Site (clinic) code")

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "clients",
            "one row per client",
            (
                _client,
                Column("sex", "category", "Sex", allowed=SEXES),
                Column("birth_date", "date", "Date of birth"),
                Column("age", "number", "Age at first enrolment", unit="years", low=10, high=100),
                _site,
                Column("enrolled", "date", "First enrolment in this or an earlier register, where it is known"),
                Column("education", "category", "Highest education reached"),
                Column("employment", "category", "Employment at entry"),
                Column("marital_status", "category", "Marital status at entry"),
                Column("injecting", "category", "Injecting at entry", allowed=YES_NO),
                Column("hiv", "category", "HIV status at entry"),
                Column("hcv", "category", "Hepatitis C status at entry"),
                Column("prior_prison", "category", "Ever in prison before entry", allowed=YES_NO),
                Column("first_use_age", "number", "Age at first opioid use", unit="years", low=5, high=100),
                Column("arm", "category", "Arm of a trial, or treatment modality"),
                Column("enrolment_type", "category", "First or repeat enrolment", allowed=ENROLMENT_TYPES),
            ),
        ),
        Table(
            "doses",
            "one row per client and day of dispensing",
            (
                _client,
                Column("date", "date", "Day of dispensing", required=True),
                Column("dose_mg", "number", "One day's dose", required=True, unit="mg", low=0, high=500),
                Column("medication", "category", "Medication dispensed", allowed=MEDICATIONS),
                _site,
                Column("take_home_days", "integer", "Further days supplied to take home", unit="days", low=0, high=60),
            ),
        ),
        Table(
            "exits",
            "one row per recorded exit",
            (
                _client,
                Column("date", "date", "Date of the recorded exit", required=True),
                Column("reason", "category", "Recorded reason", required=True, allowed=EXIT_REASONS),
                Column("destination_site", "category", "Site a client was transferred to"),
            ),
        ),
        Table(
            "tests",
            "one row per test",
            (
                _client,
                Column("date", "date", "Day of the test", required=True),
                Column("test", "category", "What was tested", required=True),
                Column("result", "category", "Result", required=True),
                _site,
            ),
        ),
        Table(
            "surveys",
            "one row per client and wave",
            (
                _client,
                Column("date", "date", "Day of the interview"),
                Column("month", "integer", "Month since entry", unit="months", low=0, high=240),
                Column("injecting", "category", "Injecting in the past month", allowed=YES_NO),
                Column("employed", "category", "Employed", allowed=YES_NO),
                Column("crime", "category", "Involved in crime in the past month", allowed=YES_NO),
                Column("family_relation", "category", "Relation with the family"),
            ),
        ),
        Table(
            "episodes",
            "one row per client and treatment spell, where there is no dosing log",
            (
                _client,
                Column("start", "date", "First day in treatment"),
                Column("end", "date", "Last day in treatment; blank where it goes on"),
                Column("days", "integer", "Days in treatment", unit="days", low=0, high=30000),
                Column("ended", "flag", "Whether treatment ended (yes) or was still going on (no)"),
                Column("exit_reason", "category", "Why treatment ended", allowed=EXIT_REASONS),
                Column(
                    "dose_mg",
                    "number",
                    "The client's dose (see dose_meaning in the study file)",
                    unit="mg",
                    low=0,
                    high=500,
                ),
                _site,
                Column("sex", "category", "Sex", allowed=SEXES),
                Column("age", "number", "Age at entry", unit="years", low=10, high=100),
                Column("prior_prison", "category", "Ever in prison before entry", allowed=YES_NO),
            ),
        ),
        Table(
            "registry",
            "one row per enrolment spell in a registry",
            (
                _client,
                Column("enrolled", "date", "Day of enrolment", required=True),
                Column("left", "date", "Last day in treatment; blank where still enrolled", required=True),
                Column("enrolment_type", "category", "Primary or repeat enrolment", allowed=ENROLMENT_TYPES),
                Column("exit_reason", "category", "Why the client left", allowed=EXIT_REASONS),
                _site,
                Column("site_type", "category", "Health-care or penitentiary site"),
                Column("oblast", "category", "Oblast (region)"),
                Column("sex", "category", "Sex", allowed=SEXES),
                Column("birth_year", "integer", "Year of birth", low=1900, high=2100),
                Column("employment", "category", "Employment"),
                Column("education", "category", "Education"),
                Column("marital_status", "category", "Marital status"),
            ),
        ),
        Table(
            "registry_counts",
            "one row per period and site, where only counts exist",
            (
                Column("period", "text", "Period: a year (2020) or a month (2020-03)", required=True),
                Column("opening", "integer", "Clients enrolled at the start of the period", required=True, low=0),
                Column("enrolled", "integer", "Enrolments in the period", required=True, low=0),
                Column("left", "integer", "Exits in the period", required=True, low=0),
                Column("closing", "integer", "Clients enrolled at the end of the period", required=True, low=0),
                _site,
                Column("deaths", "integer", "Exits by death, part of `left`", low=0),
                Column("enrolled_primary", "integer", "First enrolments, part of `enrolled`", low=0),
            ),
        ),
        Table(
            "programme",
            "one row per year, with any of the programme indicators",
            (
                Column("year", "integer", "Calendar year", required=True, low=1960, high=2100),
                Column("clinics", "number", "Clinics in operation", low=0),
                Column("clients_per_clinic", "number", "Mean number of clients per clinic", low=0),
                Column("clients_per_staff", "number", "Clients per staff member", low=0),
                Column("clients_cumulative", "number", "Clients ever enrolled by the end of the year", low=0),
                Column("clients_year_end", "number", "Clients on treatment at the end of the year", low=0),
                Column("retention_percent", "number", "Annual retention rate", unit="%", low=0, high=100),
                Column(
                    "mean_days_in_treatment",
                    "number",
                    "Mean days in treatment in the year",
                    unit="days",
                    low=0,
                    high=366,
                ),
                Column("mean_dose_mg", "number", "Mean daily methadone dose", unit="mg", low=0, high=500),
                Column(
                    "se_dose_mg", "number", "Printed as the standard error of the mean daily dose", unit="mg", low=0
                ),
                Column(
                    "concurrent_use_percent", "number", "Clients with concurrent opioid use", unit="%", low=0, high=100
                ),
                Column("hiv_testing_percent", "number", "Clients tested for HIV", unit="%", low=0, high=100),
                Column("hcv_testing_percent", "number", "Clients tested for hepatitis C", unit="%", low=0, high=100),
                Column("syphilis_testing_percent", "number", "Clients tested for syphilis", unit="%", low=0, high=100),
                Column("training_cost_usd", "number", "Provider training costs in the year", unit="US$", low=0),
            ),
        ),
        Table(
            "sites",
            "one row per site",
            (
                Column("site_id", "category", "Site (clinic) code", required=True),
                Column("name", "text", "Name of the site"),
                Column("area", "category", "Area"),
                Column("type", "category", "Type of site"),
                Column("opened", "date", "Opening day"),
                Column("capacity", "integer", "Places", low=0),
            ),
        ),
    )
}
