"""What the last run made: hashes, kept in `work/<id>/report.json`, that tell whether it is still as the run left it.

files     every file of the report
private   the unreleased Results and the plan that the report was made from
heeds     the published release that the plan heeds
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oatmill.run.releases import last_mark
from oatmill.run.switch import Places
from oatmill.store import hash_file, hash_text, write_atomically


def write_seal(places: Places, key: str) -> None:
    """Note what a run has just made, and the key it was made under."""
    write_atomically(places.work / "report.json", json.dumps({"key": key, **_seal_of(places)}))


def read_seal(places: Places) -> dict[str, Any]:
    """What the last run noted; empty before the first."""
    file = places.work / "report.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def is_intact(places: Places, seal: Mapping[str, Any]) -> bool:
    """Whether everything that the run made is still there, as it was."""
    return "files" in seal and not changed_files(places, seal) and has_its_results(places, seal)


def changed_files(places: Places, seal: Mapping[str, Any]) -> list[str]:
    """Files of the report that were changed or removed since."""
    return [name for name, mark in seal["files"].items() if _mark(places.report / name) != mark]


def added_files(places: Places, seal: Mapping[str, Any]) -> list[str]:
    """Files in the report's folder that no run put there."""
    return sorted(set(_files(places.report)) - set(seal["files"]))


def has_its_results(places: Places, seal: Mapping[str, Any]) -> bool:
    """Whether the unreleased Results and the plan are those of the report: a run that failed leaves others."""
    return bool(seal["private"] == _private(places.work))


def heeds_last_release(places: Places, seal: Mapping[str, Any]) -> bool:
    """Whether no release was published or withdrawn since the report was made."""
    return bool(seal["heeds"] == last_mark(places.work))


def _seal_of(places: Places) -> dict[str, Any]:
    files = {name: _mark(path) for name, path in _files(places.report).items()}
    return {"files": files, "private": _private(places.work), "heeds": last_mark(places.work)}


def _private(work: Path) -> str:
    files = {f"results/{name}": path for name, path in _files(work / "results").items()}
    files["plan.json"] = work / "plan.json"
    return hash_text(*(f"{name}:{_mark(path)}" for name, path in files.items()))


def _files(folder: Path) -> dict[str, Path]:
    found = sorted(path for path in folder.rglob("*") if not path.is_dir())
    return {path.relative_to(folder).as_posix(): path for path in found}


def _mark(path: Path) -> str:
    return hash_file(path) if path.is_file() else ""
