"""What is published, file by file: members of archives and pictures inside pages as files of their own."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

_PICTURE = re.compile(rb"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")


def published(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of everything published, each content once; pictures in pages as files of their own."""
    seen: set[bytes] = set()
    for name, content in _files(folder):
        digest = hashlib.sha256(content).digest()
        if digest not in seen:
            seen.add(digest)
            yield name, content
            for match in _PICTURE.finditer(content):
                yield f"{name} (picture)", base64.b64decode(match[1])


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    yield f"{name}: {member}", archive.read(member)
        else:
            yield name, path.read_bytes()
