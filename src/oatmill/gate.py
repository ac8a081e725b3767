"""The gate: everything that would be published is read once more, as a stranger would find it.

Counts: every number of clients in results.csv and the tables must be one that the disclosure profile can
produce. Bytes: every file, the members of site.zip and the pictures inside pages are searched for raw
identifiers, places on this machine, connection strings and tracebacks. (Structure, the third part, is the type
`Released`, which tables, figures and writers accept alone.)
"""

from __future__ import annotations

import base64
import csv
import datetime as dt
import getpass
import hashlib
import html
import json
import math
import re
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oatmill.errors import Fault, GateRefused
from oatmill.profiles import Profile
from oatmill.text import _

Kinds = Mapping[tuple[str, str], tuple[str, bool]]

_SHOWN = re.compile(r'<(?:div|figure|p) class="oatmill-[a-z]+"')
_SHORTEST = 6  # shorter identifiers are guarded by structure
_MOST_FAULTS = 20
_VALUES = ("estimate", "lower", "upper", "se", "n", "events")
_PICTURE = re.compile(rb"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")
_ESCAPES = (b"\\n", b"\\t", b"\\r", b'\\"')
_COMMON_USERS = {"root", "user", "admin", "administrator", "runner", "ubuntu", "jovyan", "vagrant", "default", "guest"}
_DATE = re.compile(r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}$")
_PATTERNS = {
    "path": re.compile(
        rb"(?<![\w/.:-])/(?:home|Users|root|tmp|var|mnt|srv|private)/[\w.-]|\b[A-Za-z]:\\{1,2}\w+\\|file:///"
    ),
    "connection": re.compile(
        rb"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'<>]+:[^\s/@\"'<>]+@|(?i:\b(?:password|pwd)=[^\s;&\"'<]+)"
    ),
    "traceback": re.compile(rb"Traceback \(most recent call last\)"),
}


def check_publishable(
    folder: Path,
    *,
    identifiers: Sequence[Path],
    private_texts: Sequence[str],
    profile: Profile,
    kinds: Kinds,
) -> None:
    """Refuse a folder that holds what must not be published.

    Parameters
    ----------
    folder : the report as it would be published
    identifiers : files with one raw identifier per line
    private_texts : places and names of this machine
    profile : the disclosure profile in force
    kinds : (page, output) -> (kind of result, whether all its sources are public)

    Raises
    ------
    GateRefused
        with every fault found (at most 20): the file and the place, never what stood there
    """
    faults = [
        *check_counts(folder, profile, kinds),
        *check_notebooks(folder),
        *check_bytes(folder, identifiers, private_texts),
    ]
    if faults:
        raise GateRefused(
            _("The finished report holds something that must not be published. The old report stays."),
            faults[:_MOST_FAULTS],
        )


# Counts


def read_kinds(results: Path) -> dict[tuple[str, str], tuple[str, bool]]:
    """The kind of each unreleased Result, from the files beside it under `work/<id>/results`."""
    kinds = {}
    for file in sorted(results.glob("*/*.json")):
        facts = json.loads(file.read_text(encoding="utf-8"))
        if "kind" in facts:
            kinds[file.parent.name, file.stem] = facts["kind"], bool(facts["public"])
    return kinds


def check_counts(folder: Path, profile: Profile, kinds: Kinds) -> Iterator[Fault]:
    """Every count that the profile cannot have produced, in results.csv and in each table."""
    files = [folder / "results" / "results.csv", *sorted((folder / "results" / "tables").glob("*.csv"))]
    for file in filter(Path.is_file, [*files, *sorted((folder / "site" / "data").glob("*.csv"))]):
        with file.open(encoding="utf-8", newline="") as stream:
            for line, row in enumerate(csv.DictReader(stream), start=2):
                for column, what in _wrong_counts(row, profile, kinds):
                    yield Fault(what, file.relative_to(folder).as_posix(), line, column)


def _wrong_counts(row: Mapping[str, str], profile: Profile, kinds: Kinds) -> Iterator[tuple[str, str]]:
    known = kinds.get((row.get("page", ""), row.get("output", "")))
    if known is None:
        yield "output", _("no Result of this page and output is known, so nothing can be checked")
        return
    kind, public = known
    if row["status"] != "shown" and any(row[name] for name in _VALUES):
        yield "status", _("a withheld cell holds a number")
    if public or profile.rule == "exact":
        return
    if kind == "indicators":
        yield "output", _("figures without clients behind them are released from public sources only")
    for name in ("n", "events", *(["estimate"] if kind == "counts" else [])):
        if row[name] and not _can_be(float(row[name]), profile, steps=kind == "curve"):
            yield name, _("not a count that the disclosure profile can produce")
    if kind == "proportions" and row["estimate"] and not _is_share(row):
        yield "estimate", _("not the share of the released counts")


def _can_be(value: float, profile: Profile, steps: bool) -> bool:
    """Whether a released count can be this; `steps`: differences of released counts, as under a curve."""
    if value == 0:
        return True
    if value < 0 or not value.is_integer():
        return False
    if profile.rule == "midpoint":
        half = profile.base // 2
        return value % math.gcd(profile.base, half) == 0 if steps else value % profile.base == profile.base - half
    return value % profile.base == 0 and (steps or value >= profile.count(profile.redact_up_to + 1))


def _is_share(row: Mapping[str, str]) -> bool:
    if not row["n"] or not row["events"]:
        return False
    return math.isclose(float(row["estimate"]), float(row["events"]) / float(row["n"]), rel_tol=1e-6)


# Notebooks


def check_notebooks(folder: Path) -> Iterator[Fault]:
    """Every output of a published notebook that `study.show` did not make: it may hold rows of data."""
    for path in sorted(folder.rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for number, cell in enumerate(cells, start=1):
            if any(not _is_shown(output) for output in cell.get("outputs", [])):
                yield Fault(
                    _("cell {cell} shows something that was not released", cell=number),
                    path.relative_to(folder).as_posix(),
                    cure=_("Show results with study.show(...); end the cell with nothing else, and print nothing."),
                )


def _is_shown(output: Mapping[str, Any]) -> bool:
    markup = "".join(output.get("data", {}).get("text/html", ""))
    return output["output_type"] == "display_data" and _SHOWN.match(markup) is not None


# Bytes


def check_bytes(folder: Path, identifiers: Iterable[Path], private_texts: Iterable[str]) -> Iterator[Fault]:
    """Every published file that holds a raw identifier, a private text or a forbidden pattern."""
    finder = Finder(name for file in identifiers for name in file.read_text(encoding="utf-8").splitlines())
    private = [variant for text in private_texts for variant in _variants(text)]
    for name, content in _published(folder):
        places = [(place, _("a client identifier")) for place in finder.find(content)]
        places += [(place, _("a place or a name of this machine")) for place in _find_all(content, private)]
        if "/_static/" not in f"/{name}":
            places += _find_patterns(content)
        for place, what in places[:3]:
            yield Fault(what, name, content.count(b"\n", 0, place) + 1)


def _published(folder: Path) -> Iterator[tuple[str, bytes]]:
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


def _find_patterns(content: bytes) -> list[tuple[int, str]]:
    told = {
        "path": _("a path on this machine"),
        "connection": _("a connection string or password"),
        "traceback": _("a Python traceback"),
    }
    return [(match.start(), told[name]) for name, pattern in _PATTERNS.items() for match in pattern.finditer(content)]


def _find_all(content: bytes, texts: Iterable[bytes]) -> list[int]:
    return [place for text in texts if (place := content.find(text)) >= 0]


def private_texts(work: Path) -> list[str]:
    """What would tell where and by whom a report was made: the home and working folders and the user's name."""
    places = {str(folder) for folder in (Path.home(), Path.cwd(), work, work.parent)}
    texts = [place + mark for place in sorted(places) if len(place) > 3 for mark in "/\\"]
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        user = ""
    return texts + ([user] if len(user) >= _SHORTEST and user.lower() not in _COMMON_USERS else [])


def _variants(text: str) -> set[bytes]:
    """A text as it may stand in HTML, JSON and addresses."""
    forms = {text, html.escape(text), json.dumps(text)[1:-1], urllib.parse.quote(text)}
    return {form.encode() for form in forms}


@dataclass(frozen=True)
class _Words:
    """Words of six bytes or more, found by their last six: a table of 2**20 bits, then a binary search."""

    tails: np.ndarray
    sieve: np.ndarray
    words: frozenset[bytes]
    lengths: tuple[int, ...]


class Finder:
    """Finds any of many identifiers in a text, ignoring case, as a whole word.

    >>> list(Finder(["KG-2016-0001", "12345678"]).find(b"see kg-2016-0001, 12345678 and KG-2016-00012"))
    [4]
    """

    def __init__(self, identifiers: Iterable[str]):
        kept = {name.strip() for name in identifiers}
        forms = {form.lower() for name in kept if is_distinctive(name) for form in _variants(name)}
        words = frozenset(form for form in forms if len(form) >= _SHORTEST)
        tails = np.unique([int.from_bytes(word[-_SHORTEST:], "big") for word in words]).astype(np.uint64)
        sieve = np.zeros(1 << 20, bool)
        sieve[_slot(tails)] = True
        self._words = _Words(tails, sieve, words, tuple(sorted({len(word) for word in words})))

    def find(self, content: bytes) -> Iterator[int]:
        """Where an identifier starts."""
        text = content.lower()
        for escape in _ESCAPES:
            text = text.replace(escape, b"  ")
        for end in self._ends(text):
            for length in self._words.lengths:
                start = end - length
                if start >= 0 and text[start:end] in self._words.words and _alone(text, start, end):
                    yield start
                    break

    def _ends(self, text: bytes) -> list[int]:
        if len(text) < _SHORTEST or not len(self._words.tails):
            return []
        letters = np.frombuffer(text, np.uint8)
        windows = np.zeros(len(letters) - _SHORTEST + 1, np.uint64)
        for shift in range(_SHORTEST):
            windows = (windows << np.uint64(8)) | letters[shift : shift + len(windows)]
        near = np.flatnonzero(self._words.sieve[_slot(windows)])
        place = np.minimum(np.searchsorted(self._words.tails, windows[near]), len(self._words.tails) - 1)
        hits = near[self._words.tails[place] == windows[near]]
        return (hits + _SHORTEST).tolist()


def _slot(values: np.ndarray) -> np.ndarray:
    return (values * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(44)


def _alone(text: bytes, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before.isalnum() or after.isalnum())


def is_distinctive(identifier: str) -> bool:
    """Whether finding this text in a page would mean anything: six characters, not a plain number or date."""
    if len(identifier) < _SHORTEST or _DATE.match(identifier):
        return False
    try:
        float(identifier)
    except ValueError:
        return not _is_day(identifier)
    return False


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
