"""What every test may ask for: a requirement that skips with a reason, and the real data.

A test that needs a program or data that a machine may not have asks for it:

    def test_page_opens(requires):
        chromium = requires("chromium")

It skips with the reason where the thing is absent, and fails instead where the environment variable
OATMILL_REQUIRE (names, separated by commas) asks for it, as `.ci/run` does: nothing is left out unseen.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def _program(*names: str) -> Path | None:
    found = (shutil.which(name) for name in names)
    return next((Path(path) for path in found if path), None)


def _folder(variable: str, name: str) -> Path | None:
    folder = Path(os.environ.get(variable) or ROOT.parent / "shared" / name)
    return folder if folder.is_dir() else None


def _package(name: str) -> Path | None:
    found = importlib.util.find_spec(name)
    return Path(found.origin) if found and found.origin else None


# name -> how to find it, and what to do where it is absent
REQUIREMENTS: dict[str, tuple[Callable[[], Path | None], str]] = {
    "chromium": (
        lambda: _program("chromium", "chromium-browser", "google-chrome", "chrome"),
        "Chromium is not installed",
    ),
    "postgresql": (lambda: _program("pg_ctl", "pg_ctlcluster"), "PostgreSQL is not installed"),
    "java": (lambda: _program("java"), "Java is not installed"),
    "ibis": (lambda: _package("ibis"), "the extra `spark` is not installed; run: python bootstrap.py spark"),
    "make": (lambda: _program("make"), "make is not installed"),
    "git": (
        lambda: _program("git") if (ROOT / ".git").exists() else None,
        "this is not a git clone, or git is not installed",
    ),
    "realdata": (
        lambda: _folder("OATMILL_REALDATA", "realdata"),
        "the real data are not here; set OATMILL_REALDATA to their folder",
    ),
    "sources": (
        lambda: _folder("OATMILL_SOURCES", "sources"),
        "the source papers are not here; set OATMILL_SOURCES to their folder",
    ),
}


def required_names() -> set[str]:
    return {name.strip() for name in os.environ.get("OATMILL_REQUIRE", "").split(",") if name.strip()}


def find_or_skip(name: str) -> Path:
    """Where the thing is; skip with a reason where it is absent, fail where OATMILL_REQUIRE names it."""
    find, reason = REQUIREMENTS[name]
    found = find()
    if found is None and name in required_names():
        pytest.fail(f"OATMILL_REQUIRE asks for {name}, but {reason}", pytrace=False)
    if found is None:
        pytest.skip(reason)
    return found


def pytest_configure() -> None:
    if unknown := required_names() - set(REQUIREMENTS):
        raise pytest.UsageError(
            f"OATMILL_REQUIRE names {', '.join(sorted(unknown))}; known are {', '.join(REQUIREMENTS)}"
        )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A marker with the name of a requirement asks for it, as `requires` does."""
    for mark in item.iter_markers():
        if mark.name in REQUIREMENTS:
            find_or_skip(mark.name)


@pytest.fixture(scope="session")
def requires() -> Callable[[str], Path]:
    return find_or_skip


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real data sets; never committed."""
    return find_or_skip("realdata")
