"""Oatmill: from the dosing records of an opioid agonist treatment programme to a checked, publishable report.

The data's path, in reading order. A module imports only modules above it; the estimators (marked *) do not
import each other. The architecture test reads the order here.

    text            every reader-facing string, number and date: gettext and Babel
    errors          every error a user can see, with its exit code
    schema          each table declared once: column, type, unit, allowed values
    definitions     the registry of retention definitions and their sources
    profiles        disclosure profiles, read from one commented data file
    source          where one table is and how it is read
    engine          what makes the episodes: Oatmill, DuckDB or Spark
    study           the study file -> a frozen Study
    store           stations on disk, fingerprints, keys
    published       figures copied from papers, read exactly as they stand there
    synthetic       a programme of invented clients whose truth is known
    intake          a file -> a validated table and quarantined rows
    proposal        files nobody has described yet -> a study file to edit
    episodes        dosing log -> treatment episodes by the gap rule
    rules           episodes by the other published rules
    intervals       doses and episodes -> runs of equal exposure, (start, stop]
    cohort          episodes -> analysis table; require_* drops rows and says why, add_* adds columns
    survival        Kaplan-Meier, Aalen-Johansen, Cox on day tables; imports nothing of oatmill
    results         Result: a tidy frame of unrounded numbers and what made them
    quality *       chapter 10
    describe *      chapter 20
    retention *     chapter 30
    dose *          chapter 40
    registry *      chapter 50
    programme *     chapter 60
    disclosure      Result -> Released: the only door to tables, figures and files
    labels          what codes are called in front of readers
    tables          Released -> a table
    figures         Released -> a figure
    findings        Released -> sentences
    pages           a page while its notebook runs: what it shows and what it files
    session         what a notebook opens: a study and its stations; release and show
    gate            scans everything that would be published
    run             which notebooks can run on this data; run them
    book            executed notebooks -> site
    cli             the command `oatmill`
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Module -> its public names, loaded on first use so that the command line starts fast.
_PUBLIC: dict[str, tuple[str, ...]] = {
    "cohort": (
        "add_groups",
        "choose_group",
    ),
    "describe": (
        "estimate_age_and_sex",
        "estimate_attrition",
        "estimate_characteristics",
        "estimate_differences",
        "estimate_episodes_per_client",
        "estimate_first_return",
        "estimate_mean_age",
        "estimate_starters_by_quarter",
        "estimate_starters_by_site",
        "estimate_table_one",
    ),
    "quality": (
        "estimate_checks",
        "estimate_dose_distribution",
        "estimate_ledger",
        "estimate_missing",
        "estimate_missing_logs",
        "estimate_site_months",
    ),
    "retention": (
        "estimate_completed_window",
        "estimate_definitions",
        "estimate_exits",
        "estimate_fixed_retention",
        "estimate_retention",
    ),
    "dose": (
        "estimate_band_rates",
        "estimate_carried_share",
        "estimate_dose_curve",
        "estimate_dose_slope",
        "estimate_left_before_risk",
        "estimate_model_clients",
        "estimate_naive_slopes",
        "estimate_person_time",
        "fit_dose_model",
        "read_risk_rows",
    ),
    "published": ("read_published",),
    "registry": (
        "audit_published",
        "build_ledger",
        "estimate_coverage",
        "estimate_registry_ledger",
        "estimate_registry_person_time",
        "estimate_registry_rates",
    ),
    "programme": (
        "build_own_programme",
        "build_published_programme",
        "estimate_december",
        "estimate_flows",
        "estimate_indicators",
        "estimate_net_exit_rates",
        "estimate_reach",
        "estimate_scale_up",
        "estimate_text_retention",
        "estimate_trends",
    ),
    "labels": (
        "COVARIATES",
        "label",
    ),
    "tables.consequences": ("table_consequences",),
    "tables.describe": (
        "table_characteristics",
        "table_episodes",
        "table_first_return",
        "table_one",
    ),
    "tables.dose": (
        "table_dose_bands",
        "table_dose_slopes",
    ),
    "tables.programme": (
        "table_december",
        "table_flows",
        "table_indicators",
        "table_reach",
        "table_trends",
    ),
    "tables.quality": (
        "table_checks",
        "table_duplicates",
        "table_ledger",
        "table_missing",
    ),
    "tables.registry": (
        "table_coverage",
        "table_published_figures",
        "table_rate_bounds",
        "table_readings",
        "table_registry_ledger",
    ),
    "tables.retention": (
        "table_definitions",
        "table_exits",
    ),
    "figures.describe": (
        "plot_attrition",
        "plot_pyramid",
        "plot_starters",
        "plot_starters_by_site",
    ),
    "figures.dose": (
        "plot_dose_curve",
        "plot_why_not",
    ),
    "figures.programme": (
        "plot_indicators",
        "plot_net_exits",
        "plot_scale_up",
    ),
    "figures.quality": (
        "plot_dose_distribution",
        "plot_site_months",
    ),
    "figures.registry": (
        "plot_rate_bounds",
        "plot_readings",
        "plot_registry_ledger",
    ),
    "figures.definitions": ("plot_definitions",),
    "figures.retention": (
        "plot_retention",
        "plot_retention_by_group",
    ),
    "findings.describe": (
        "cards_cohort",
        "findings_cohort",
    ),
    "findings.dose": (
        "cards_dose",
        "findings_dose",
    ),
    "findings.programme": (
        "cards_programme",
        "findings_own_programme",
        "findings_programme",
    ),
    "findings.quality": ("findings_quality",),
    "findings.registry": (
        "cards_registry",
        "findings_registry",
    ),
    "findings.retention": (
        "cards_retention",
        "findings_definitions",
        "findings_retention",
        "limits_definitions",
        "limits_retention",
    ),
    "session": ("open_study",),
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"oatmill.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'oatmill' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
