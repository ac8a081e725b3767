"""Tables of chapter 30."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from oatmill.definitions import DEFINITIONS
from oatmill.disclosure import Released
from oatmill.labels import ENTRIES, MEASURES, REASONS, label, label_of_rule
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, integer, percent, share_limits


def table_definitions(released: Sequence[Released]) -> Table:
    """Every definition that was computed, side by side: who is counted, the share, and what to beware of.

    `released`: of `estimate_definitions`.
    """
    order = list(DEFINITIONS)
    rows = sorted((row for each in released for row in _rows(each)), key=lambda row: order.index(row["measure"]))
    headings = {"ends": _("Episodes, part"), "day": _("Day, year"), "clients": _("Clients")}
    headings |= {"estimate": _("Retention"), "interval": _("95% interval")}
    return make_table(
        released,
        pd.DataFrame([row | {"measure": _heading(row["measure"])} for row in rows]),
        name="retention_definitions",
        caption=_("Every definition on the same data"),
        headings=headings,
        groups="measure",
        notes=[
            _("Retained at day t: more than t days in treatment."),
            _(
                "Intervals are log-log for curves and the incidence of dropout, Wilson for shares. They do not cover what the "
                "choice of a definition moves."
            ),
        ],
    )


def _heading(measure: str) -> str:
    """A definition's name, and its known bias beside it."""
    warning = DEFINITIONS[measure].warning
    return _("{name}. Beware: {warning}", name=label(MEASURES, measure), warning=warning)


def _rows(released: Released) -> list[dict[str, str]]:
    frame = released.frame
    if released.kind in ("curve", "derived"):
        frame = frame[frame["term"] == "horizon"]
    return [_row(row) for row in frame.to_dict("records")]


def _row(row: Mapping[Any, Any]) -> dict[str, str]:
    shown, share = row["status"] == "shown", row["unit"] != "clients"
    part = label(ENTRIES, row["level"]) if row["level"] else ""
    return {
        "measure": row["definition"].partition("|")[0],
        "ends": ", ".join(filter(None, [label_of_rule(row["definition"]), part])),
        "day": row["period"] if math.isnan(row["day"]) else integer(row["day"]),
        "clients": _unbroken(_clients(row)) if shown else withheld(),
        "estimate": (percent(row["estimate"]) if share else "–") if shown else withheld(),
        "interval": _unbroken(share_limits(row["lower"], row["upper"])) if shown and share else "–",
    }


def _unbroken(text: str) -> str:
    """Text that stays on one line of a cell."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _clients(row: Mapping[Any, Any]) -> str:
    """Numerator and denominator; of a curve, which has none, the number at risk."""
    if row["unit"] == "clients":
        return integer(row["estimate"])
    if row["term"] == "horizon":
        return _("{n} at risk", n=integer(row["n"]))
    return _("{k} of {n}", k=integer(row["events"]), n=integer(row["n"]))


def table_exits(released: Released) -> Table:
    """How the first episode of each starter ended."""
    rows = []
    for name in REASONS:
        row = released.one(level=name)
        rows.append(
            {
                "reason": label(REASONS, name),
                "clients": integer(row["estimate"]) if row["status"] == "shown" else withheld(),
            }
        )
    total = integer(released.frame["n"].iloc[0])
    return make_table(
        released,
        pd.DataFrame(rows),
        name="exit_reasons",
        caption=_("How the first episode stood at the end of follow-up"),
        headings={"reason": _("Reason"), "clients": _("Clients (of {n})", n=total)},
    )
