"""What is published, piece by piece: every file, what is inside it, and the names of files.

Inside: members of archives, compressed streams, text beside the pixels of PNG, pictures and other data in
base64 in pages and notebooks, the text of PDF pages. A file that the gate cannot look into is refused.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from oatmill.errors import Fault
from oatmill.gate import pdf
from oatmill.gate.inflate import GZIP, LARGEST, TooLarge, inflate
from oatmill.text import _

_TEXTS = frozenset([".html", ".css", ".js", ".svg", ".csv", ".json", ".ipynb", ".txt", ".md"])
_OTHERS = frozenset([".png", ".pdf", ".zip", ".inv"])
# What Sphinx and its theme bring along; nothing of a study is ever written there.
_STATIC_TEXTS = frozenset([".po"])
_STATIC_OTHERS = frozenset([".mo", ".ico", ".woff", ".woff2", ".ttf"])
_NAMES = (".buildinfo",)
_DEEPEST = 5  # archives and pictures within each other

_EMBEDDED = re.compile(rb"data:[\w/.+-]*(?:;[\w.=-]+)*;base64,([A-Za-z0-9+/=]+)")
_ATTACHED = re.compile(rb'"(?:image|application|audio|video)/[\w.+-]+":\s*"([A-Za-z0-9+/=\\n]{16,})"')
_COMMENTS = re.compile(rb"(?:#[^\n]*\n)+")
_BROKEN = (
    zlib.error, zipfile.BadZipFile, struct.error, pdf.Unreadable, UnicodeError, ValueError, KeyError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"pHYs", b"gAMA", b"sRGB", b"cHRM", b"sBIT", b"bKGD", b"tRNS")


@dataclass(frozen=True)
class Piece:
    """Something published: where it stands, its bytes, whether they are text; `fault`: why it cannot be searched."""

    name: str
    content: bytes = b""
    text: bool = False
    fault: str = ""

    @property
    def static(self) -> bool:
        """Whether it belongs to Sphinx and its theme, and is the same for every study."""
        return "/_static/" in f"/{self.name}"


def names_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Folder and name of every file and folder below `folder`, and archive and name of every member of an archive."""
    for path in _paths(folder):
        name = path.relative_to(folder)
        yield name.parent.as_posix(), name.name
        if path.suffix == ".zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from ((name.as_posix(), member) for member in archive.namelist())


def published(folder: Path) -> Iterator[Piece]:
    """Everything published: each content once, with all that is inside it."""
    seen: set[bytes] = set()
    for path in _paths(folder):
        if path.is_symlink() or path.is_file():
            yield from _once(_file(path, path.relative_to(folder).as_posix()), seen)


def check_archives(folder: Path) -> Iterator[Fault]:
    """Every member of an archive that is not, byte for byte, a file that stands beside the archive."""
    for path in _paths(folder):
        if path.suffix != ".zip" or not zipfile.is_zipfile(path):
            continue
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                twin = path.parent / entry.filename
                if not twin.is_file() or zlib.crc32(twin.read_bytes()) != entry.CRC:
                    name = f"{path.relative_to(folder).as_posix()}: {entry.filename}"
                    yield Fault(_("not the same as the file of this name in the report"), name)


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def _file(path: Path, name: str) -> Iterator[Piece]:
    if path.is_symlink():
        yield Piece(name, fault=_("a link to a file elsewhere"))
    else:
        yield from unpack(name, path.read_bytes())


def _once(pieces: Iterable[Piece], seen: set[bytes]) -> Iterator[Piece]:
    for piece in pieces:
        digest = hashlib.sha256(piece.content).digest() + bytes([piece.static])
        if piece.fault or digest not in seen:
            seen.add(digest)
            yield piece


def unpack(name: str, content: bytes, deep: int = 0, kind: str | None = None) -> Iterator[Piece]:
    """A file and everything inside it. `kind`: its path where that is not the end of `name`; "" where it has none."""
    path = PurePosixPath(name if kind is None else kind)
    try:
        if deep > _DEEPEST:
            raise TooLarge
        if kind == "" or _has_known_kind(path):
            yield from _inside(name, path, content, deep + 1)
        else:
            yield Piece(name, fault=_("a file of a kind that the gate cannot look into"))
    except TooLarge:
        yield Piece(name, fault=_("more is packed into this file than the gate can look through"))
    except _BROKEN:
        yield Piece(name, fault=_("a file that is not what its name says, so that it cannot be searched"))


def _has_known_kind(path: PurePosixPath) -> bool:
    if path.name in _NAMES:
        return True
    if path.name.startswith("."):
        return False
    return path.suffix in _TEXTS | _OTHERS or _is_static(path)


def _is_static(path: PurePosixPath) -> bool:
    return "_static" in path.parts and path.suffix in _STATIC_TEXTS | _STATIC_OTHERS


def _inside(name: str, path: PurePosixPath, content: bytes, deep: int) -> Iterator[Piece]:
    if content.startswith(b"PK\x03\x04"):
        yield from _members(name, content, deep)
    elif content.startswith(b"\x1f\x8b"):
        yield from unpack(f"{name} (unpacked)", inflate(content, GZIP), deep, "")
    elif content.startswith(b"%PDF"):
        yield from (Piece(f"{name} ({place})", text, text=True) for place, text in pdf.texts(content))
    elif content.startswith(b"\x89PNG"):
        yield from (Piece(f"{name} (beside the pixels)", text, text=True) for text in _beside_pixels(content))
    elif path.suffix == ".inv":
        head = _COMMENTS.match(content)
        start = head.end() if head else 0
        yield Piece(name, content[:start] + inflate(content[start:]), text=True)
    elif path.suffix in _STATIC_OTHERS:
        yield Piece(name, content)
    elif path.suffix in _OTHERS:
        raise ValueError
    else:
        yield from _text(name, path.suffix, _as_utf8(content), deep)


def _as_utf8(content: bytes) -> bytes:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16").encode()
    content.decode("utf-8")  # a text in another encoding is refused
    return content


def _text(name: str, suffix: str, content: bytes, deep: int) -> Iterator[Piece]:
    """A text without the data that are packed into it in base64, and these."""
    found = [match[1] for match in _EMBEDDED.finditer(content)]
    plain = _EMBEDDED.sub(b"data:", content)
    if suffix == ".ipynb":
        found += [match[1].replace(b"\\n", b"") for match in _ATTACHED.finditer(plain)]
    yield Piece(name, plain, text=True)
    for packed in dict.fromkeys(found):
        yield from unpack(f"{name} (picture)", base64.b64decode(packed + b"=="), deep, "")


def _members(name: str, content: bytes, deep: int) -> Iterator[Piece]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        notes = [archive.comment, *(entry.comment + entry.extra for entry in archive.infolist())]
        yield Piece(f"{name} (comments)", b"\n".join(filter(None, notes)), True)
        for entry in archive.infolist():
            if entry.file_size > LARGEST:
                raise TooLarge
            yield from unpack(f"{name}: {entry.filename}", archive.read(entry), deep, entry.filename)


def _beside_pixels(content: bytes) -> Iterator[bytes]:
    place = 8
    while place < len(content):
        size, kind = struct.unpack(">I4s", content[place : place + 8])
        body = content[place + 8 : place + 8 + size]
        place += size + 12
        if kind in (b"zTXt", b"iTXt", b"iCCP"):
            yield _inflated_text(body)
        elif kind not in _PIXELS:
            yield body
        if kind == b"IEND":
            break
    if content[place:]:
        yield content[place:]


def _inflated_text(body: bytes) -> bytes:
    """The text of a PNG chunk with what is compressed in it opened."""
    start = body.find(b"x", body.find(b"\0") + 1)
    try:
        return body[:start] + b" " + inflate(body[start:]) if start > 0 else body
    except zlib.error:
        return body
