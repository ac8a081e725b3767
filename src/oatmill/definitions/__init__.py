"""The registry of retention definitions: one entry for each rule that is in use somewhere, and for each measure.

Every number about retention in a report names one of these ids. Methods page, banners and messages take their
words from here, so that a rule is worded once. To add a definition: an entry with its worked example in `episode_rules`
or `measures`, and the function that computes it, marked `@computes(id)`, in `oatmill.rules` or `oatmill.retention`.

Reading order: `entry` (what a definition says), `episode_rules`, `measures`, `functions` (what computes them).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from oatmill.definitions.entry import Definition, Example
from oatmill.definitions.episode_rules import EPISODE_RULES
from oatmill.definitions.functions import computes, function_of
from oatmill.definitions.measures import MEASURES
from oatmill.errors import Fault, StudyInvalid
from oatmill.text import _

__all__ = [
    "COMPUTED",
    "DEFINITIONS",
    "GAP_GRID",
    "GAP_RULES",
    "OTHER_RULES",
    "RETENTION_MEASURES",
    "Definition",
    "Example",
    "computes",
    "definition_of",
    "function_of",
    "gap_rule_of",
    "nearest_definition",
]

DEFINITIONS: Mapping[str, Definition] = MappingProxyType({entry.id: entry for entry in (*EPISODE_RULES, *MEASURES)})

GAP_RULES: tuple[str, ...] = tuple(entry.id for entry in EPISODE_RULES)
OTHER_RULES: tuple[str, ...] = tuple(entry.id for entry in EPISODE_RULES if entry.gap_days is None)
RETENTION_MEASURES: tuple[str, ...] = tuple(entry.id for entry in MEASURES if entry.kind == "retention")
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
    return next((entry for entry in EPISODE_RULES if entry.gap_days == gap_days), None)


def _expected(name: str, known: Sequence[str]) -> str:
    near, names = nearest_definition(name, known), ", ".join(known)
    return _("did you mean `{name}`? (known: {names})", name=near, names=names) if near else names
