"""Counts: every number of clients that is published must be one that the disclosure profile can produce.

And every published row must be the one that its Result gives when it is released once more, under the same profile
and plan: whatever a notebook did between releasing and showing, it changed no number.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from oatmill.errors import Fault
from oatmill.profiles import Profile
from oatmill.text import _


class Filed(NamedTuple):
    """What is known of an unreleased Result: `of_curves` = computed from released curves, whose counts it repeats."""

    kind: str
    public: bool
    of_curves: bool = False


Kinds = Mapping[tuple[str, str], Filed]
Rows = Mapping[tuple[str, str], frozenset[tuple[str, ...]]]

_VALUES = ("estimate", "lower", "upper", "se", "n", "events")


def read_kinds(results: Path) -> dict[tuple[str, str], Filed]:
    """The kind of each unreleased Result, from the files beside it under `work/<id>/results`."""
    kinds = {}
    for file in sorted(results.glob("*/*.json")):
        facts = json.loads(file.read_text(encoding="utf-8"))
        if "kind" in facts:
            kinds[file.parent.name, file.stem] = Filed(
                facts["kind"], bool(facts["public"]), bool(facts.get("of_curves"))
            )
    return kinds


def check_counts(folder: Path, profile: Profile, kinds: Kinds, rows: Rows) -> Iterator[Fault]:
    """Every count that the profile cannot have produced, in results.csv and in each table.

    Parameters
    ----------
    rows : (page, output) -> the rows, as text, that its Result gives; a `derived` output has none
    """
    files = [folder / "results" / "results.csv", *sorted((folder / "results" / "tables").glob("*.csv"))]
    for file in filter(Path.is_file, [*files, *sorted((folder / "site" / "data").glob("*.csv"))]):
        with file.open(encoding="utf-8", newline="") as stream:
            for line, row in enumerate(csv.DictReader(stream), start=2):
                for column, what in [*_wrong_counts(row, profile, kinds), *_wrong_row(row, kinds, rows)]:
                    yield Fault(what, file.relative_to(folder).as_posix(), line, column)


def _wrong_row(row: Mapping[str, str], kinds: Kinds, rows: Rows) -> Iterator[tuple[str, str]]:
    place = row.get("page", ""), row.get("output", "")
    if place in kinds and kinds[place].kind != "derived" and tuple(row.values()) not in rows.get(place, ()):
        yield "output", _("not the row that its Result gives under this profile and plan")


def _wrong_counts(row: Mapping[str, str], profile: Profile, kinds: Kinds) -> Iterator[tuple[str, str]]:
    known = kinds.get((row.get("page", ""), row.get("output", "")))
    if known is None:
        yield "output", _("no Result of this page and output is known, so nothing can be checked")
        return
    kind, public, of_curves = known
    if row["status"] != "shown" and any(row[name] for name in _VALUES):
        yield "status", _("a withheld cell holds a number")
    if public or profile.rule == "exact":
        return
    if kind == "indicators":
        yield "output", _("figures without clients behind them are released from public sources only")
    for name in ("n", "events", *(["estimate"] if kind == "counts" else [])):
        if row[name] and not _can_be(float(row[name]), profile, steps=kind == "curve" or of_curves):
            yield name, _("not a count that the disclosure profile can produce")
    if kind == "proportions" and row["estimate"] and not _is_share(row):
        yield "estimate", _("not the share of the released counts")


def _can_be(value: float, profile: Profile, steps: bool) -> bool:
    """Whether a released count can be this; `steps`: differences of released counts, as under a curve."""
    if value == 0:
        return True
    if not value.is_integer():
        return False
    if steps:
        return value > 0 and value % math.gcd(profile.base, profile.base // 2) == 0
    widths = [2**k for k in range(profile.widest.bit_length())]  # classes may be two or four times as wide
    return any(profile.count(profile.possible(value, times)[0], times) == value for times in widths)


def _is_share(row: Mapping[str, str]) -> bool:
    if not row["n"] or not row["events"]:
        return False
    return math.isclose(float(row["estimate"]), float(row["events"]) / float(row["n"]), rel_tol=1e-6)
