"""Published releases, kept in `work/<id>/releases/<name>/`: what readers have seen, for the next report to heed.

release.json   name, number in the order of publication, day, profile, how many counts
counts.json    every count as released, how they add up, and the true counts behind the released values
plan.json      the plan it was published under
results/       its unreleased Results
manifest.json, results.csv   as published
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oatmill.errors import DisclosureRefused
from oatmill.store import hash_file, private_folder, write_atomically
from oatmill.text import _

if TYPE_CHECKING:
    from oatmill.disclosure import Release

_NEW = ".new"


@dataclass(frozen=True)
class About:
    """One published release: how many counts it shows, and of these, how many kept or changed a value, or are new."""

    name: str
    number: int
    made: str
    profile: str
    counts: int
    kept: int
    changed: int
    new: int


def list_releases(work: Path) -> list[About]:
    """The published releases, in their order."""
    files = (file for file in (work / "releases").glob("*/release.json") if not file.parent.name.startswith("."))
    found = [About(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
    return sorted(found, key=lambda about: about.number)


def last_name(work: Path) -> str | None:
    """The name of the release that was published last; None before the first."""
    releases = list_releases(work)
    return releases[-1].name if releases else None


def last_mark(work: Path) -> str:
    """A hash of the release that was published last: a report that heeds another one is out of date."""
    name = last_name(work)
    return hash_file(work / "releases" / name / "counts.json") if name else ""


def heeded_name(work: Path) -> str | None:
    """The name of the release that the plan of the last run heeds."""
    told = json.loads((work / "plan.json").read_text(encoding="utf-8")).get("after")
    return str(told) if told else None


def read_last_release(work: Path, profile: str) -> Release | None:
    """What was published last; None before the first.

    Raises
    ------
    DisclosureRefused
        where it was published under another profile: two roundings of one count reveal it
    """
    from oatmill.disclosure import Release

    name = last_name(work)
    if name is None:
        return None
    last = Release.from_json(json.loads((work / "releases" / name / "counts.json").read_text(encoding="utf-8")))
    if last.profile != profile:
        raise DisclosureRefused(
            _(
                "The release {name} was published under the profile {old}; under {new} each count would have a second "
                "rounding, and the two together would reveal it.",
                name=last.name,
                old=last.profile,
                new=profile,
            ),
            cure=_("Set `disclosure: profile` back to {old}.", old=last.profile),
        )
    return last


def keep_release(about: About, release: Release, copies: Mapping[str, Path], work: Path) -> Path:
    """Put a release among the others, whole or not at all. The caller holds the lock.

    Parameters
    ----------
    copies : names of its further files and folders, and what they are copies of
    """
    home = private_folder(work) / "releases"
    new = home / _NEW
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name, source in copies.items():
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, new / name)
    write_atomically(new / "counts.json", json.dumps(release.to_json()))
    write_atomically(new / "release.json", json.dumps(asdict(about), indent=1) + "\n")
    for path in [home, new, *new.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    os.replace(new, home / about.name)
    return home / about.name


def put_aside(work: Path, name: str) -> None:
    """Let a release be none any more; its folder stays, under a name that is not looked at. The caller holds the lock."""
    aside = work / "releases" / f".withdrawn-{name}"
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(work / "releases" / name, aside)
