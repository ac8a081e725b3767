"""What is seen in the XML of an .xlsx workbook before a library opens it: how far it reaches, which cells are errors."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from oatmill.errors import Fault
from oatmill.intake.readers.base import Unreadable
from oatmill.text import _

MOST_CELLS = 60_000_000  # of the rectangle that holds all of a sheet
_CHUNK = 1 << 20
_TAIL = 4096  # of a part, seen again with the next one
_LARGEST_INDEX = 4 << 20
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="(\d+)"')
_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]{1,3})\d')
_ERROR = re.compile(
    rb'<(?:\w+:)?c\b(?=[^>]*\bt="e")[^>]*?\br="([A-Z]{1,3})(\d+)"[^>]*>.{0,2000}?<(?:\w+:)?v>([^<]{1,40})<', re.DOTALL
)


def column_of(letters: str) -> int:
    """The position of a column, from 0.

    >>> column_of("A"), column_of("AA")
    (0, 26)
    """
    position = 0
    for letter in letters:
        position = position * 26 + ord(letter) - 64
    return position - 1


def check_extent(path: Path, name: str) -> None:
    """Refuse a sheet whose cells lie so far apart that the rectangle around them fills the memory."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.startswith("xl/worksheets/") and member.endswith(".xml"):
                rows, columns = 0, 0
                for part in _parts(archive, member):
                    rows = max([rows, *map(int, _ROW.findall(part))])
                    columns = max([columns, *(column_of(c.decode()) + 1 for c in set(_CELL.findall(part)))])
                if rows * columns > MOST_CELLS:
                    raise Unreadable(_far(name))


def errors_of(path: Path, sheet: str) -> dict[int, dict[int, str]]:
    """Cells of an .xlsx sheet that hold an error such as #N/A: row -> column -> error. A library gives them as blank."""
    found: dict[int, dict[int, str]] = {}
    if not zipfile.is_zipfile(path):
        return found
    with zipfile.ZipFile(path) as archive:
        member = _member_of(archive, sheet)
        for part in _parts(archive, member) if member else ():
            if b't="e"' in part:
                for column, row, error in _ERROR.findall(part):
                    found.setdefault(int(row), {})[column_of(column.decode())] = error.decode("utf-8", "replace")
    return found


def _parts(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """The member in parts that overlap, so that no cell is cut in two in all of them."""
    tail = b""
    with archive.open(member) as stream:
        while block := stream.read(_CHUNK):
            yield tail + block
            tail = block[-_TAIL:]


def _member_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The part of the archive that holds a sheet."""
    try:
        book = _tree(archive, "xl/workbook.xml")
        links = {link.get("Id"): link.get("Target", "") for link in _tree(archive, "xl/_rels/workbook.xml.rels")}
        for node in book.iter():
            if node.tag.endswith("}sheet") and node.get("name") == sheet:
                key = next((value for name, value in node.attrib.items() if name.endswith("}id")), None)
                target = links.get(key, "").lstrip("/")
                member = target if target.startswith("xl/") else f"xl/{target}"
                return member if member in archive.namelist() else None
    except (KeyError, ET.ParseError):
        pass
    return None


def _tree(archive: zipfile.ZipFile, member: str) -> ET.Element:
    if archive.getinfo(member).file_size > _LARGEST_INDEX:
        raise KeyError(member)
    return ET.fromstring(archive.read(member))


def _far(name: str) -> Fault:
    return Fault(
        _("cells of a sheet lie so far apart that it cannot be read"),
        file=name,
        cure=_("Delete what stands far below or to the right of the table, and save the workbook again."),
    )
