"""Stations on disk: one table per arrow of the data's path, found again by a key.

The key of a station is a hash of the keys before it, of the settings it reads, of the source of the modules
that made it and of the lock, so a stale table is never found. A file is written under a temporary name and
moved, so a half-written one is never found either.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_PACKAGE = Path(__file__).parent
# A letter first; none of the names that Windows keeps for devices.
_FILE_NAME = re.compile(r"(?!(?i:con|prn|aux|nul|com\d|lpt\d)\Z)[A-Za-z][\w-]{0,79}", re.ASCII)
_PRIVATE_README = """This folder holds unreleased results, raw identifiers and rejected rows.
Never share it and never publish it. What may be published is in the folder `reports`.
"""


def bundle() -> Path:
    """The folder that holds notebooks/, book/ and data/: inside the wheel, or the clone of an editable install."""
    wheel = _PACKAGE / "_bundle"
    return wheel if wheel.is_dir() else _PACKAGE.parents[1]


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can read, with a README that says so."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    note = path / "README.txt"
    if not note.is_file():
        note.write_text(_PRIVATE_README, encoding="utf-8")
    return path


def file_name(name: str) -> str:
    """The name of an output, which becomes the name of files: letters, digits, `_` and `-`, never a path.

    Raises
    ------
    ValueError
    """
    if not _FILE_NAME.fullmatch(name):
        raise ValueError("the name of an output has letters, digits, `_` and `-`, a letter first, 80 at most")
    return name


def hash_text(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_hash(*names: str) -> str:
    """Hash of the source of these modules or packages of oatmill (all of them when none is named)."""
    roots = [_PACKAGE / name for name in names] if names else [_PACKAGE]
    files = [f for root in roots for f in (root.rglob("*") if root.is_dir() else [root.with_suffix(".py")])]
    kept = sorted(f for f in files if f.suffix in {".py", ".toml", ".po"} and "_bundle" not in f.parts)
    return hash_text(*(f"{f.relative_to(_PACKAGE).as_posix()}:{hash_file(f)}" for f in kept))


def lock_hash() -> str:
    return hash_file(bundle() / "requirements.lock")[:16]


class Fingerprints:
    """Hashes of input files, remembered by path, size and modification time in `fingerprints.json`.

    A file that was only touched is hashed again and gives the same fingerprint.
    """

    def __init__(self, folder: Path):
        self._file = folder / "fingerprints.json"
        known = self._file.read_text(encoding="utf-8") if self._file.is_file() else "{}"
        self._known: dict[str, list[Any]] = json.loads(known)

    def of(self, path: Path) -> str:
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns]
        entry = self._known.get(str(path))
        if entry is None or entry[:2] != mark:
            self._known[str(path)] = entry = [*mark, hash_file(path)]
            write_atomically(self._file, json.dumps(self._known, indent=1))
        return str(entry[2])


def write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.replace(name, path)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that a half-removed one is never found under its name."""
    doomed = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".removed-")) / folder.name
    os.replace(folder, doomed)
    shutil.rmtree(doomed.parent, ignore_errors=True)


class Store:
    """The stations of one study, under `work/<id>/stations`."""

    def __init__(self, work: Path):
        self.folder = private_folder(work) / "stations"
        self.folder.mkdir(exist_ok=True)
        self.used: set[str] = set()

    def folder_of(self, name: str, key: str, build: Callable[[Path], None]) -> Path:
        """The station's folder; `build` fills it when it is not there yet."""
        target = self.folder / f"{name}-{key}"
        self.used.add(target.name)
        if target.is_dir():
            return target
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix=f".{name}-"))
        try:
            build(scratch)
            os.replace(scratch, target)
        except OSError:
            if not target.is_dir():  # else another notebook has built it meanwhile
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return target

    def prune(self) -> None:
        """Remove the stations that this store was not asked for, and what killed builds left behind.

        Only for a run that holds the study's lock and has asked for all its stations.
        """
        for folder in self.folder.iterdir():
            if folder.name not in self.used:
                remove_folder(folder)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as Parquet, with its column types beside it (Parquet alone would lose Int32 and boolean)."""
    import duckdb

    with duckdb.connect() as connection:
        connection.register("frame", frame.reset_index(drop=True))
        connection.execute("COPY frame TO ? (FORMAT parquet)", [str(path)])
    types = {column: str(kind) for column, kind in frame.dtypes.items()}
    write_atomically(path.with_suffix(".types.json"), json.dumps(types))


def read_frame(path: Path) -> pd.DataFrame:
    """Read a frame that `write_frame` wrote, with the same column types."""
    return read_frames([path])[0]


def read_frames(paths: Iterable[Path]) -> list[pd.DataFrame]:
    """Read many frames: opening DuckDB takes longer than reading a small one."""
    import duckdb

    with duckdb.connect() as connection:
        return [_typed(connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).df(), path) for path in paths]


def _typed(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    return frame.astype(json.loads(path.with_suffix(".types.json").read_text(encoding="utf-8")))
