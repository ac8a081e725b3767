"""Who is counted: the identity of every count in a Result, the same wherever in the book it stands.

A key names what is counted, in which population, by which rule for the end of an episode, and in which part of it.
Two outputs that count the same clients share a key, and so have one released value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from oatmill.results import Place, Result

Key = tuple[str, ...]

KEY = ("what", "population", "ends", "model", "group", "level", "term", "day", "period")
_PART = KEY[3:]
_MEMBERS = ("clients", "starters", "share")  # estimands that count members of a population, nothing else
SIGNED = ("residual", "carried", "net_exits")  # differences, which may lie below zero
CUMULATIVE = ("left", "censored", "entered")
CURVE_KEYS = ("estimand", "definition", "population", "model", "group", "level", "unit")


@dataclass(frozen=True)
class Curve:
    """The cumulative counts behind one curve, by row of its frame (sorted by day).

    size : clients at risk on the first day
    left, censored, entered : counts up to and including the day; `entered` before it
    """

    frame: pd.DataFrame
    size: int
    left: np.ndarray
    censored: np.ndarray
    entered: np.ndarray

    @cached_property
    def row(self) -> dict[str, Any]:
        """What the curve's rows have in common."""
        return {str(name): self.frame[name].iloc[0] for name in CURVE_KEYS}

    @cached_property
    def size_key(self) -> Key:
        return key_of("", self.row, group=self.row["group"], level=self.row["level"])

    def on(self, what: str, day: float | str) -> Key:
        """The key of a cumulative count on a day."""
        rule = self.row["definition"].partition("|")[0]
        key = self.size_key
        return (f"{what} {rule}", *key[1:7], day if isinstance(day, str) else f"{day:g}", key[8])


def whole_of(key: Key) -> Key:
    """The key of the whole curve where this is a count on one of its days; else the key itself.

    The classes of a curve's counts are as wide on every day, or its steps would not be comparable.
    """
    kind, _space, rule = key[0].partition(" ")
    return (f"curve {rule}", *key[1:7], "", key[8]) if kind in CUMULATIVE else key


def key_of(what: str, row: Mapping[Any, Any], **part: str) -> Key:
    """A key in the row's population; `part` says which part of it, nothing: the whole."""
    ends = str(row["definition"]).partition("|")[2]
    return (what, str(row["population"]), ends, *(part.get(name, "") for name in _PART))


def keys_of(result: Result) -> dict[Place, Key]:
    """The key of every count of a Result that is no curve, by (row, column). Derived and public Results have none."""
    if result.public or result.kind in ("curve", "derived", "indicators"):
        return {}
    rows = result.frame.to_dict("records")
    return {(at, column): key for at, row in enumerate(rows) for column, key in _keys(result.kind, row)}


def _keys(kind: str, row: Mapping[Any, Any]) -> Iterator[tuple[str, Key]]:
    part = {name: f"{row[name]:g}" if name == "day" and row[name] == row[name] else str(row[name]) for name in _PART}
    part["day"] = "" if part["day"] == "nan" else part["day"]
    what = "" if row["estimand"] in _MEMBERS else str(row["estimand"])
    if kind == "counts":
        own = f"{what} {row['unit']}".strip() if row["unit"] != "clients" else what
        yield "estimate", key_of(own, row, **part)
    if kind == "counts" and row["unit"] != "clients":
        yield "n", key_of(f"clients behind {own}", row, **part)
    elif kind in ("counts", "proportions", "means", "regression"):
        yield "n", key_of("", row)
    if kind == "proportions":
        yield "events", key_of(what, row, **part)
    elif kind == "counts":
        yield "events", key_of(f"events {own}", row, **part)
    elif kind == "regression":
        yield "events", key_of("events", row)


def curves_of(result: Result) -> list[Curve]:
    """The curves of a Result, each with its rows in the order of days."""
    if result.kind != "curve" or result.public:
        return []
    groups = result.frame.groupby(list(CURVE_KEYS), sort=False)
    return [_curve(part.sort_values("day", kind="stable")) for _name, part in groups]


def all_keys(result: Result) -> set[Key]:
    """The keys of every count of a Result."""
    days = {
        curve.on(what, day) for curve in curves_of(result) for what in CUMULATIVE for day in curve.frame["day"].tolist()
    }
    return days | {curve.size_key for curve in curves_of(result)} | set(keys_of(result).values())


def _curve(frame: pd.DataFrame) -> Curve:
    at_risk, events, censored = (frame[name].to_numpy(float) for name in ("n", "events", "censored"))
    left, lost = np.cumsum(events), np.cumsum(censored)
    gone_before = np.concatenate([[0.0], (left + lost)[:-1]])
    return Curve(frame, int(at_risk[0]), left, lost, at_risk - at_risk[0] + gone_before)
