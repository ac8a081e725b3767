"""A book as its readers get it: the rows of results.csv, as text. And the same rows unrounded, to know the truth."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import pandas as pd

from oatmill.disclosure import Officer, Plan, Release, plan_release, release
from oatmill.disclosure.planning import build_release
from oatmill.profiles import PROFILES
from oatmill.results import Result

Rows = list[dict[str, str]]


def published_rows(results: Iterable[Result], profile: str, plan: Plan) -> Rows:
    return [row for result in results for row in _text(release(result, profile, plan).frame, result.output)]


def exact_rows(results: Iterable[Result]) -> Rows:
    """The Results as they are; curves with every day and with who is no longer followed."""
    return [row for each in results for row in _text(each.frame.assign(status="shown", reason=""), each.output)]


def _text(frame: pd.DataFrame, output: str) -> Rows:
    text = io.StringIO(frame.assign(output=output).to_csv(index=False, float_format="%.10g"))
    return list(csv.DictReader(text))


def planned(results: Sequence[Result], profile: str, last: Release | None = None) -> Plan:
    return plan_release(results, Officer(PROFILES[profile], {}), last)


def released(name: str, results: Sequence[Result], profile: str, plan: Plan, last: Release | None) -> Release:
    """What `oatmill publish` keeps of a release."""
    return build_release(name, results, Officer(PROFILES[profile], {}), plan, last)
