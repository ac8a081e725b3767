"""Oatmill: from the dosing records of an opioid agonist treatment programme to a checked, publishable report.

The data's path, in reading order. A module imports only modules above it; the estimators (marked *) do not
import each other. The architecture test reads the order here.

    text            every reader-facing string, number and date: gettext and Babel
    errors          every error a user can see, with its exit code
    schema          each table declared once: column, type, unit, allowed values
    definitions     the registry of retention definitions and their sources
    profiles        disclosure profiles, read from one commented data file
    study           the study file -> a frozen Study
    store           stations on disk, fingerprints, keys
    intake          a file -> a validated table and quarantined rows
    episodes        dosing log -> treatment episodes by the gap rule
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
    tables          Released -> a table
    figures         Released -> a figure
    session         what a notebook opens: study, stations, the run it belongs to; release and show
    gate            scans everything that would be published
    run             which notebooks can run on this data; run them
    book            executed notebooks -> site
    synthetic       a programme of invented clients whose truth is known
    cli             the command `oatmill`
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> module. Modules are loaded on first use, so that the command line starts fast.
_PUBLIC: dict[str, str] = {}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"oatmill.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'oatmill' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
