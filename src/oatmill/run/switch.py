"""One run at a time, and a report that is replaced whole or not at all.

A run fills `reports/.<id>.new/`. When it is complete: `<id>` becomes `.<id>.old`, `.<id>.new` becomes `<id>`,
`.<id>.old` is deleted. Whatever step is interrupted, `finish_switch` puts the folder right: while `<id>` or
nothing else is there a `.new` may be half-written and is dropped; only when `.old` stands alone is it complete.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oatmill.errors import RunLocked
from oatmill.store import private_folder
from oatmill.text import _

_TRIES = 10  # Windows refuses to rename a folder while another program looks into it


@dataclass(frozen=True)
class Places:
    """The folders of one study under `out`."""

    out: Path
    id: str

    @property
    def work(self) -> Path:
        return self.out / "work" / self.id

    @property
    def report(self) -> Path:
        return self.out / "reports" / self.id

    @property
    def new(self) -> Path:
        return self.out / "reports" / f".{self.id}.new"

    @property
    def old(self) -> Path:
        return self.out / "reports" / f".{self.id}.old"


@contextmanager
def locked(places: Places, wait: bool = False) -> Iterator[None]:
    """Hold the study's lock.

    Raises
    ------
    RunLocked
        when another run holds it and `wait` is false
    """
    from filelock import FileLock, Timeout

    private_folder(places.work.parent)
    private_folder(places.work)
    lock = FileLock(places.work / "run.lock", timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:
        raise RunLocked(
            _("Another run is at work on the report {id}.", id=places.id),
            cure=_("Wait until it has ended, or add --wait."),
        ) from None
    try:
        yield
    finally:
        lock.release()


def finish_switch(places: Places) -> None:
    """Put right what an interrupted run left. The caller holds the lock."""
    if not places.report.is_dir() and places.old.is_dir():
        _rename(places.new if places.new.is_dir() else places.old, places.report)
    for leftover in (places.new, places.old):
        remove(leftover)


def start_new(places: Places) -> Path:
    """An empty `.new` folder, which nobody else can read before it has passed the gate."""
    remove(places.new)
    places.new.mkdir(parents=True)
    places.new.chmod(0o700)
    return places.new


def switch(places: Places) -> None:
    """Put the complete `.new` in the report's place."""
    if places.report.is_dir():
        _rename(places.report, places.old)
    _rename(places.new, places.report)
    remove(places.old)


def let_all_read(folder: Path) -> None:
    """Give what will be published the rights of a published file: a web server must be able to read it."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


def _rename(source: Path, target: Path) -> None:
    for left in range(_TRIES, 0, -1):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if left == 1:
                raise RunLocked(
                    _("The folder {name} is open in another program.", name=target.name),
                    cure=_("Close the windows that show the report, then run the command again."),
                ) from None
            time.sleep(0.2)
