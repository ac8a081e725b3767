"""The registry of retention definitions: one entry for each rule that is in use somewhere, and for each measure.

Every number about retention in a report names one of these ids. Methods page, banners and messages take their
words from here, so that a rule is worded once.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from oatmill.errors import Fault, StudyInvalid
from oatmill.text import _


@dataclass(frozen=True)
class Definition:
    """One published rule or measure.

    Parameters
    ----------
    id : what the study file, `results.csv` and the text of the book call it
    kind : "gap" (when an episode ends), "retention" (share in treatment at a day) or "window" (a companion figure
        of a follow-up window)
    rule : the rule in words (English; `words` gives it in the report's language)
    formula : the same, exactly; T is days in treatment, t a day, C the data cut, G the gap in days, A = C - G
    users : who uses it
    sources : keys in the book's references.bib
    beware : the known bias, or what a reader is likely to get wrong
    excerpt : True where the source was seen only as an abstract or an excerpt, or is still to be verified
    computed : True where this version of oatmill computes it
    gap_days : G, for a rule that is a plain gap of consecutive dose-free days
    """

    id: str
    kind: Literal["gap", "retention", "window"]
    rule: str
    formula: str
    users: str = ""
    sources: tuple[str, ...] = ()
    beware: str = ""
    excerpt: bool = False
    computed: bool = False
    gap_days: int | None = None

    @property
    def words(self) -> str:
        """The rule in the report's language."""
        return _(self.rule)

    @property
    def warning(self) -> str:
        """What to beware of, in the report's language; empty where nothing is known."""
        return _(self.beware) if self.beware else ""


_GAP_RULES = (
    Definition(
        id="gap7",
        kind="gap",
        rule="An episode ends at 7 or more consecutive dose-free days, on its last covered day.",
        formula="next - last > 7",
        users="Nova Scotia; New South Wales (more than 6 days)",
        beware="The New South Wales rule is still to be verified.",
        excerpt=True,
        computed=True,
        gap_days=7,
    ),
    Definition(
        id="gap8",
        kind="gap",
        rule="An episode ends at 8 or more (more than 7) consecutive dose-free days, on its last covered day.",
        formula="next - last > 8",
        users="Ireland; China, protocol of 2006 (7 consecutive missed days are allowed)",
        sources=("cousins2017", "durand2020", "yin2010"),
        beware="One day more than gap7: doses on day 1 and day 9 are two episodes there and one here.",
        excerpt=True,
        computed=True,
        gap_days=8,
    ),
    Definition(
        id="gap14",
        kind="gap",
        rule="An episode ends at 14 or more consecutive dose-free days, on its last covered day.",
        formula="next - last > 14",
        users="Ontario; the United States trial network",
        computed=True,
        gap_days=14,
    ),
    Definition(
        id="gap28",
        kind="gap",
        rule="An episode ends at 28 or more consecutive dose-free days, on its last covered day.",
        formula="next - last > 28",
        users="CPRD prescriptions (United Kingdom)",
        beware="Made for prescriptions, whose days of supply are assumed; still to be verified.",
        excerpt=True,
        computed=True,
        gap_days=28,
    ),
    Definition(
        id="gap30",
        kind="gap",
        rule="An episode ends at 30 or more consecutive dose-free days, on its last covered day.",
        formula="next - last > 30",
        users="Haiphong (a month)",
        sources=("khue2017",),
        beware="Knowing a dropout takes 30 days; returns within them are not seen.",
        excerpt=True,
        computed=True,
        gap_days=30,
    ),
    Definition(
        id="d15of90",
        kind="gap",
        rule=(
            "The 16th dose-free day within any 90 consecutive days of an episode ends it, on the last covered day "
            "before that 16th; the next covered day starts a new episode with a fresh count."
        ),
        formula="dose-free days in some window of 90 days > 15",
        users="China, scheme of 2003 (at most 15 missed days in 90)",
        sources=("yin2010",),
        beware="The source does not say consecutive: the 15 days are read as a total.",
    ),
    Definition(
        id="nqf180",
        kind="gap",
        rule="Days in treatment of 180 or more under gap8, among starters who could have reached it.",
        formula="T >= 180 with G = 8, among starters with C - first day + 1 >= 180 + G",
        users="NQF 3175 and MIPS 468 (United States)",
        beware="T >= 180, not > 180 as for retention at day 180; the gap is still to be verified.",
        excerpt=True,
    ),
    Definition(
        id="ctn4w",
        kind="gap",
        rule="Treatment ends with 4 consecutive weeks without a urine sample.",
        formula="4 weeks without a sample in a row",
        users="CTN-0094 (trials of the United States trial network, harmonised)",
        beware="Counts visits, not doses.",
        excerpt=True,
    ),
)

_MEASURES = (
    Definition(
        id="ret_km",
        kind="retention",
        rule=(
            "Kaplan-Meier of starters' first episode. Every end is an event (dropout, administrative, completed taper, "
            "prison, death); censored only at the analysis date and on the last covered day before a transfer out of "
            "the register."
        ),
        formula="S(t) = P(T > t)",
        beware="Clients transferred out are assumed to stay like the rest.",
        computed=True,
    ),
    Definition(
        id="ret_km_net",
        kind="retention",
        rule="As ret_km, with death and prison censored.",
        formula="S(t) with death and prison censored",
        beware="Always higher than ret_km; not a probability of being in treatment; never the headline.",
        computed=True,
    ),
    Definition(
        id="ret_cif",
        kind="retention",
        rule="1 minus the cumulative incidence of dropout, the other ends competing.",
        formula="1 - CIF_dropout(t)",
        beware="Counts the dead as not dropped out, so it is printed only beside ret_km.",
    ),
    Definition(
        id="ret_fixed",
        kind="retention",
        rule="Starters with more than t days in treatment, among starters whose day t is on or before the analysis date.",
        formula="#(T > t) / #(C - first day + 1 >= t + G)",
        beware="Recent starters leave the denominator.",
        computed=True,
    ),
    Definition(
        id="ret_on_oat",
        kind="retention",
        rule="Starters with some episode that runs on day t, that day itself covered or not; denominator as ret_fixed.",
        formula="#(first day <= day t < last covered day, any episode) / #(C - first day + 1 >= t + G)",
        beware="At or above ret_fixed by construction: same gap, same denominator.",
    ),
    Definition(
        id="ret_programme",
        kind="retention",
        rule="ret_fixed in the programme view of the first site.",
        formula="as ret_fixed, the doses of one site at a time",
        beware="Mixes moving with leaving.",
    ),
    Definition(
        id="december",
        kind="retention",
        rule=(
            "Clients alive on 31 December with at least one dose in December of a year, among clients with at least "
            "one dose in that year who did not die in it."
        ),
        formula="#(alive on 31 December, dose in December of y) / #(dose in y, did not die in y)",
        users="China's national programme",
        sources=("li2013",),
        beware=(
            "A programme convention, not a survival probability; always split in carried over, first entrants and "
            "returners, and shown beside ret_km at 365. The source subtracts deaths from the denominator only; they "
            "are taken out of both here, which keeps it at 1 or below."
        ),
    ),
    Definition(
        id="kp_mat6",
        kind="retention",
        rule="Number of clients on OAT for 6 months or more in the period.",
        formula="#(6 months or more on OAT in the period)",
        users="PEPFAR",
        beware="A count, not a share; quarters are never summed.",
        excerpt=True,
    ),
    Definition(
        id="completed_window",
        kind="window",
        rule="No run of G or more dose-free days within days 1 to H, where follow-up stops by design at day H.",
        formula="#(no run of >= G dose-free days in days 1..H) / #(starters whose day H is on or before C)",
        beware="Never to be read as retention at day H: no exit can be seen after day H - G.",
        computed=True,
    ),
)

DEFINITIONS: Mapping[str, Definition] = MappingProxyType({entry.id: entry for entry in (*_GAP_RULES, *_MEASURES)})

GAP_RULES: tuple[str, ...] = tuple(entry.id for entry in _GAP_RULES)
RETENTION_MEASURES: tuple[str, ...] = tuple(entry.id for entry in _MEASURES if entry.kind == "retention")
COMPUTED: tuple[str, ...] = tuple(entry.id for entry in DEFINITIONS.values() if entry.computed)
GAP_GRID: tuple[int, ...] = (3, 5, 7, 8, 14, 28, 30)


def definition_of(name: str, among: Sequence[str] | None = None) -> Definition:
    """The definition with this id.

    Parameters
    ----------
    name : an id
    among : the ids that are allowed here (default: all)

    Raises
    ------
    StudyInvalid
        With the nearest id, where there is none of this name.

    Examples
    --------
    >>> definition_of("gap8").gap_days
    8
    """
    known = tuple(DEFINITIONS) if among is None else tuple(among)
    if name in known:
        return DEFINITIONS[name]
    fault = Fault(_("unknown name"), found=f"`{name}`", expected=_expected(name, known))
    raise StudyInvalid(_("There is no definition of that name."), [fault])


def nearest_definition(name: str, among: Sequence[str] | None = None) -> str | None:
    """The id most like a misspelt one; None where nothing is close."""
    close = difflib.get_close_matches(name, tuple(DEFINITIONS) if among is None else tuple(among), n=1, cutoff=0.5)
    return close[0] if close else None


def gap_rule_of(gap_days: int) -> Definition | None:
    """The named gap rule with this many days, where somebody uses it."""
    return next((entry for entry in _GAP_RULES if entry.gap_days == gap_days), None)


def _expected(name: str, known: Sequence[str]) -> str:
    near, names = nearest_definition(name, known), ", ".join(known)
    return _("did you mean `{name}`? (known: {names})", name=near, names=names) if near else names
