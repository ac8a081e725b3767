"""gzip and zip: read as a stream, within limits, so that a small archive cannot fill the disk.

No name inside an archive is ever used as a path, and an archive in an archive is not opened.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from oatmill.errors import Fault
from oatmill.intake.readers.base import Unreadable, damaged
from oatmill.text import _, integer

MOST_UNPACKED = 64 << 30  # bytes
MOST_RATIO = 200  # unpacked to packed; no log of doses comes near it
_FREE = 16 << 20  # bytes before the ratio is looked at
_NESTED = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!\x1a")
_ERRORS = (OSError, EOFError, zlib.error, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError)


class _Guarded:
    """Reads a packed stream and stops where it grows beyond what a table can be."""

    def __init__(self, stream: IO[bytes], packed: int, name: str):
        self._stream, self._packed, self._name, self._read = stream, max(packed, 1), name, 0

    def read(self, size: int) -> bytes:
        try:
            part = self._stream.read(size)
        except _ERRORS:
            part = None
        if part is None:
            raise Unreadable(damaged(self._name))
        if not self._read and part.startswith(_NESTED):
            raise Unreadable(_nested(self._name))
        self._read += len(part)
        if self._read > MOST_UNPACKED or (self._read > _FREE and self._read > MOST_RATIO * self._packed):
            raise Unreadable(too_large(self._name))
        return part


@contextmanager
def unpacked(path: Path, kind: str, member: str | None, name: str) -> Iterator[_Guarded]:
    """The one file inside, as a stream.

    Raises
    ------
    Unreadable : a damaged archive, several files and no `member`, a nested archive, or one that grows too large
    """
    with ExitStack() as stack:
        try:
            inside, packed = _inside(stack, path, kind, member, name)
        except _ERRORS:
            inside = None
        if inside is None:
            raise Unreadable(damaged(name))
        yield _Guarded(inside, packed, name)


def _inside(stack: ExitStack, path: Path, kind: str, member: str | None, name: str) -> tuple[IO[bytes] | None, int]:
    if kind == "gzip":
        return stack.enter_context(gzip.GzipFile(path, "rb")), path.stat().st_size  # type: ignore[return-value]
    archive = stack.enter_context(zipfile.ZipFile(path))
    info = _member(archive, member, name)
    return stack.enter_context(archive.open(info)), info.compress_size


def members(path: Path) -> list[str]:
    """The names of the files in a zip archive, folders and what macOS adds left out."""
    with zipfile.ZipFile(path) as archive:
        return [info.filename for info in _files(archive)]


def check_container(path: Path, name: str) -> None:
    """Read a workbook's zip container once, so that neither a bomb nor a damaged one reaches its library."""
    fault = None
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > max(MOST_RATIO * path.stat().st_size, _FREE):
                fault = too_large(name)
            elif any(info.flag_bits & 1 for info in infos):
                fault = locked(name)
            elif archive.testzip() is not None:
                fault = damaged(name)
    except _ERRORS:
        fault = damaged(name)
    if fault:
        raise Unreadable(fault)


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]


def _member(archive: zipfile.ZipFile, member: str | None, name: str) -> zipfile.ZipInfo:
    files = _files(archive)
    found = [info for info in files if member in (None, info.filename)]
    if len(found) == 1:
        if found[0].flag_bits & 1:
            raise Unreadable(locked(name))
        return found[0]
    raise Unreadable(
        Fault(
            _("the archive holds {n} files, and the study file does not say which one", n=integer(len(files)))
            if member is None
            else _("the archive has no file of the name that the study file gives"),
            file=name,
            cure=_("Name the file with `member:` under the source in the study file, as the archive lists it."),
        )
    )


def too_large(name: str) -> Fault:
    return Fault(
        _("the archive unpacks to far more than a table can be"),
        file=name,
        cure=_("Unpack it yourself, look at what is in it, and name that file."),
    )


def locked(name: str) -> Fault:
    return Fault(
        _("the file is protected by a password"),
        file=name,
        cure=_("Open it in its own program, save it without a password in a safe place, and name that file."),
    )


def _nested(name: str) -> Fault:
    return Fault(
        _("the archive holds another archive or a workbook, not a text file"),
        file=name,
        cure=_("Unpack it and name the file that was in it."),
    )
