"""Which reader a file needs: by what it begins with, since a name can say anything."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

HEAD = 4096
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAS = bytes(12) + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf"
_R = (b"RDX2\n", b"RDX3\n", b"X\n", b"RDA2\n", b"RDA3\n", b"A\n")
_R_NAMES = (".rds", ".rda", ".rdata")
_OLD_STATA = range(0x66, 0x74)  # the first byte is the release, 102 to 115
# bzip2, xz, zstd, 7z, rar: never unpacked
_PACKED = (b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!\x1a")
_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "parquet"),
    (b"SQLite format 3\x00", "sqlite"),
    (_OLE, "workbook"),
    (b"<stata_dta>", "dta"),
    (b"$FL2", "sav"),
    (b"$FL3", "sav"),
    (_SAS, "sas7bdat"),
    (b"HEADER RECORD*******LIB", "xport"),
)


def kind_of(path: Path, head: bytes) -> str:
    """The kind of a file: text, gzip, zip, packed, workbook, parquet, sqlite, r, dta, sav, por, sas7bdat or xport."""
    ending = path.suffix.lower()
    for sign, kind in _SIGNS:
        if head.startswith(sign):
            return kind
    if ending in _R_NAMES and (_begins_like_r(head) or head.startswith(_PACKED[:2])):
        return "r"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(path)
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(_PACKED):
        return "packed"
    if ending == ".dta" and head[:1] and head[0] in _OLD_STATA:
        return "dta"
    return "por" if ending == ".por" and b"SPSS PORT FILE" in head else "text"


def _begins_like_r(head: bytes) -> bool:
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(31).decompress(head, 16)
        except zlib.error:
            return False
    return head.startswith(_R)


def _kind_of_zip(path: Path) -> str:
    """A workbook is a zip archive too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "workbook" if path.suffix.lower() != ".zip" else "zip"
    open_document = {"mimetype", "content.xml"} <= names
    return "workbook" if "[Content_Types].xml" in names or open_document else "zip"


# Names of files that are never text.
NOT_TEXT = frozenset(
    (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".dta", ".sav", ".zsav", ".por", ".sas7bdat", ".xpt", ".parquet")
) | frozenset((".rds", ".rda", ".rdata", ".sqlite", ".sqlite3"))
