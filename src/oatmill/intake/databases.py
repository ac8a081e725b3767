"""Tables of databases are read once, into the private work folder; from there on they are files like others.

What is fingerprinted is the content that was read. The manifest names the table, never the server.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from oatmill.source import Source
from oatmill.store import hash_file
from oatmill.study import Study


def fetch(study: Study, work: Path, *, again: bool = False) -> Study:
    """The study with its databases read; what was read before is kept unless `again`.

    Raises
    ------
    DatabaseUnreachable, PackageMissing
    """
    if not study.databases:
        return study
    folder = work / "databases"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    study = study.model_copy(update={"exports": folder})
    for table, source in study.databases.items():
        (target,) = study.paths_of(table).values()
        if again or not target.is_file():
            _fetch(source, target)
    return study


def _fetch(source: Source, target: Path) -> None:
    """Read the table; a file that would not change stays as it is, and a broken read leaves none."""
    from oatmill.intake.readers.postgres import export

    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    new = Path(name)
    try:
        export(source, new)
        if not target.is_file() or hash_file(new) != hash_file(target):
            os.replace(new, target)
    finally:
        new.unlink(missing_ok=True)
