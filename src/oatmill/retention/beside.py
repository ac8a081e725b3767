"""Every definition on the same data, side by side: each found by its id in the registry and computed where the data allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast

import pandas as pd

from oatmill.cohort import Cohort
from oatmill.definitions import DEFINITIONS, Definition, computes, definition_of, function_of
from oatmill.errors import NotSupported, OatmillError, StudyInvalid
from oatmill.results import Result, Shown
from oatmill.retention.curves import ends_of, estimate_dropout, estimate_retention
from oatmill.retention.incidence import estimate_incidence
from oatmill.retention.shares import (
    estimate_completed_window,
    estimate_fixed_retention,
    estimate_nqf180,
    estimate_on_oat,
    estimate_programme_retention,
)
from oatmill.retention.yearly import estimate_december_retention, estimate_six_months
from oatmill.rules import definitions_under
from oatmill.study import Definitions
from oatmill.text import _


class Material(Protocol):
    """What the definitions are computed from: an open study (`session.Session`)."""

    @property
    def definitions(self) -> Definitions: ...

    @property
    def has_log(self) -> bool: ...

    @property
    def offers_causes(self) -> bool: ...

    @property
    def data_cut(self) -> int: ...

    @property
    def exits(self) -> pd.DataFrame | None: ...

    def cohort(
        self, gap_days: int | None = None, *, by_cause: bool = False, rule: str | None = None, view: str | None = None
    ) -> Cohort: ...

    def episodes(self, gap_days: int | None = None) -> pd.DataFrame: ...

    def client_years(self) -> pd.DataFrame: ...

    def release(self, result: Result) -> Shown: ...


@dataclass(frozen=True)
class Beside:
    """Every definition on one study.

    Attributes
    ----------
    released : what could be computed, measures in the order of the registry, then the rules
    lacking : id of a definition or rule -> why it could not be computed
    """

    released: tuple[Shown, ...]
    lacking: tuple[tuple[str, str], ...]


def estimate_definitions(study: Material) -> Beside:
    """Compute and release every definition of retention that the study's data support.

    Rules for the end of an episode that are no plain gap are shown by `ret_km`, each with its own starters and analysis date.
    """
    once = _asked_once(study)
    released: list[Shown] = []
    lacking: list[tuple[str, str]] = []
    for entry in sorted(DEFINITIONS.values(), key=lambda entry: entry.kind == "gap"):
        if entry.computed and entry.gap_days is None:
            try:
                released.extend(_computed(entry, once))  # what comes before a refusal stays
            except (NotSupported, StudyInvalid) as error:
                lacking.append((entry.id, _reason(error)))
    return Beside(tuple(released), tuple(lacking))


def _asked_once(study: Material) -> Material:
    """The study, its episodes and cohorts read once although several definitions use them."""

    class Once:
        cohort, episodes = staticmethod(cache(study.cohort)), staticmethod(cache(study.episodes))

        def __getattr__(self, name: str) -> Any:
            return getattr(study, name)

    return cast(Material, Once())


def _computed(entry: Definition, study: Material) -> Iterator[Shown]:
    return _under_rule(entry, study) if entry.kind == "gap" else function_of(entry.id)(study)


def _under_rule(rule: Definition, study: Material) -> Iterator[Shown]:
    _require_log(study)
    cohort = study.cohort(rule=rule.id)
    yield study.release(estimate_retention(cohort, definitions_under(rule, study.definitions)))


def _reason(error: OatmillError) -> str:
    return " ".join(filter(None, [error.message, error.cure or ""]))


def _require_log(study: Material) -> None:
    if not study.has_log:
        raise NotSupported(_("It needs a dosing log."))


def _require_causes(study: Material) -> None:
    if not study.offers_causes:
        raise NotSupported(_("It needs the reasons of exits, assessed as of an analysis date before the data cut."))


@computes("ret_km")
def _km(study: Material) -> Iterator[Shown]:
    yield study.release(estimate_retention(study.cohort(), study.definitions))
    if study.has_log:
        narrow = study.definitions.co_primary_gap_days
        settings = study.definitions.model_copy(update={"gap_days": narrow})
        yield study.release(estimate_retention(study.cohort(narrow), settings))


@computes("ret_km_net")
def _km_net(study: Material) -> Iterator[Shown]:
    _require_causes(study)
    yield study.release(estimate_retention(study.cohort(by_cause=True), study.definitions, net=True))


@computes("ret_cif")
def _cif(study: Material) -> Iterator[Shown]:
    _require_causes(study)
    cohort = study.cohort(by_cause=True)
    every_end = study.release(estimate_retention(cohort, study.definitions))
    dropout = study.release(estimate_dropout(cohort, study.definitions))
    yield study.release(estimate_incidence(every_end, dropout))


@computes("ret_fixed")
def _fixed(study: Material) -> Iterator[Shown]:
    _require_log(study)
    yield study.release(estimate_fixed_retention(study.cohort(), study.definitions))


@computes("ret_on_oat")
def _on_oat(study: Material) -> Iterator[Shown]:
    _require_log(study)
    yield study.release(estimate_on_oat(study.cohort(), study.episodes(), study.definitions))


@computes("ret_programme")
def _programme(study: Material) -> Iterator[Shown]:
    _require_log(study)
    yield study.release(estimate_programme_retention(study.cohort(view="programme"), study.definitions))


@computes("nqf180")
def _nqf180(study: Material) -> Iterator[Shown]:
    _require_log(study)
    gap = definition_of("gap8")
    yield study.release(estimate_nqf180(study.cohort(gap.gap_days), definitions_under(gap, study.definitions)))


@computes("december")
def _december(study: Material) -> Iterator[Shown]:
    _require_log(study)
    ends = ends_of(study.cohort(), study.definitions)
    yield study.release(
        estimate_december_retention(study.client_years(), study.episodes(), study.exits, ends, study.data_cut)
    )


@computes("kp_mat6")
def _kp_mat6(study: Material) -> Iterator[Shown]:
    _require_log(study)
    ends = ends_of(study.cohort(), study.definitions)
    yield study.release(estimate_six_months(study.client_years(), study.episodes(), ends, study.data_cut))


@computes("completed_window")
def _completed_window(study: Material) -> Iterator[Shown]:
    _require_log(study)
    yield study.release(estimate_completed_window(study.cohort(), study.definitions))
