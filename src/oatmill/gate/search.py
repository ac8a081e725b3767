"""Bytes: everything published is searched for identifiers and for what would tell of this machine."""

from __future__ import annotations

import getpass
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import oatmill
from oatmill.errors import Fault
from oatmill.gate.content import Piece, names_in, published
from oatmill.gate.words import SHORTEST, Finder, fold, normal, unescape, ungroup
from oatmill.store import bundle
from oatmill.text import _

_COMMON = {"root", "user", "admin", "administrator", "runner", "ubuntu", "jovyan", "vagrant", "default", "guest"}
_OWN_TEXT = frozenset([".py", ".po", ".toml", ".md", ".ipynb", ".bib", ".csv", ".yml"])
_MOST_IN_A_PIECE = 3
_TAG = re.compile(rb"<[^<>]*>")
# The first letters of each pattern are fixed, since the search leaps from one to the next.
_PATTERNS = {
    "path": re.compile(
        rb"/(?<![\w/.:-]/)(?:home|[Uu]sers|root|tmp|var|mnt|srv|private)/[\w.-]|:(?<=\b[A-Za-z]:)\\{1,2}\w+\\|file:///"
    ),
    "connection": re.compile(
        rb"://(?<=[a-z0-9]://)[^\s/:@\"'<>]+:[^\s/@\"'<>]+@|[pP](?<!\w[pP])(?i:assword|wd)=[^\s;&\"'<]+"
    ),
    "traceback": re.compile(rb"Traceback \(most recent call last\)"),
}

Found = tuple[int, str, str | None]  # line, what stands there, what to do


class Search:
    """What must not be found.

    Parameters
    ----------
    identifiers : files with one raw client identifier per line
    unused : files with one value per line, of columns about clients that nothing uses
    private_texts : places (with a slash at the end) and names of this machine
    meant : texts that are meant to be published, such as the report's title and its authors

    Notes
    -----
    A value of an unused column is not searched for where it is an ordinary word: where it stands in Oatmill's own
    pages, notebooks and messages, or in `meant`. Identifiers are always searched for.
    """

    def __init__(
        self,
        identifiers: Iterable[Path],
        unused: Sequence[Path] = (),
        private_texts: Iterable[str] = (),
        meant: Iterable[str] = (),
    ):
        private = sorted(set(private_texts))
        names = [text for text in private if not _is_place(text)]
        ordinary = _ordinary(Finder(chain(_lines(unused), names)), meant)
        self.identifiers = Finder(_lines(identifiers))
        self.values = Finder(value for value in _lines(unused) if normal(value) not in ordinary)
        self.names = Finder(name for name in names if normal(name) not in ordinary)
        self.places = sorted({normal(text).encode() for text in private if _is_place(text)})

    def find(self, piece: Piece) -> Iterator[Found]:
        """Everything in this piece that must not be there."""
        own = piece.text and not piece.static
        plain = unescape(piece.content) if own else piece.content
        for text in _views(plain) if own else (plain.lower(),):
            # The theme's fonts and scripts are full of digits.
            found = [start for start, end in self.identifiers.spans(text) if own or not text[start:end].isdigit()]
            yield from _told(text, found, _("a client identifier"))
            places = [place for word in self.places if (place := text.find(word)) >= 0]
            yield from _told(text, [*places, *self.names.find(text)], _("a place or a name of this machine"))
            if own:
                unused = _("a value of a column that nothing uses")
                yield from _told(text, self.values.find(text), unused, _unused_cure())
        for text in dict.fromkeys((piece.content, plain)) if own else ():
            for kind, pattern in _PATTERNS.items():
                yield from _told(text, [match.start() for match in pattern.finditer(text)], _pattern_words(kind))


def check_bytes(folder: Path, search: Search) -> Iterator[Fault]:
    """Every published piece that holds what is searched for, or that cannot be searched."""
    for piece in published(folder):
        if piece.fault:
            leave = _("Figures are published as SVG and PNG, tables as CSV: leave other files out.")
            yield Fault(piece.fault, piece.name, cure=leave)
        for line, what, cure in list(dict.fromkeys(search.find(piece)))[:_MOST_IN_A_PIECE]:
            yield Fault(what, piece.name, line, cure=cure)


def check_names(folder: Path, search: Search) -> Iterator[Fault]:
    """Every file, folder or member of an archive whose name holds what is searched for; the name is not repeated."""
    for place, name in names_in(folder):
        for _at, what, _todo in search.find(Piece("", name.encode(), text=True)):
            cure = _("Give the output, the notebook or the file another name.")
            yield Fault(_("the name of a file in this folder holds {what}", what=what), place, cure=cure)
            break


def _views(plain: bytes) -> Iterator[bytes]:
    """A text in normal form, in every way in which it may be read."""
    text = fold(plain)
    yield text
    if (whole := ungroup(text)) != text:
        yield whole
    if b"</" in plain:
        yield fold(_TAG.sub(_line_ends, plain))  # <span>KG</span>-<span>2016</span>
    if b"\0" in plain:
        for coding in ("utf-16-le", "utf-16-be"):
            for start in (0, 1):
                yield fold(plain[start:].decode(coding, "ignore").encode("utf-8", "ignore"))


def _told(text: bytes, places: Iterable[int], what: str, cure: str | None = None) -> Iterator[Found]:
    for place in places:
        yield text.count(b"\n", 0, place) + 1, what, cure


def _unused_cure() -> str:
    return _("Take columns that nothing uses out of the files that Oatmill reads: it needs no names, numbers or notes.")


def _pattern_words(pattern: str) -> str:
    return {
        "path": _("a path on this machine"),
        "connection": _("a connection string or password"),
        "traceback": _("a Python traceback"),
    }[pattern]


def _line_ends(tag: re.Match[bytes]) -> bytes:
    return b"\n" * tag[0].count(b"\n")


def _lines(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        with file.open(encoding="utf-8", newline="\n") as stream:
            yield from (line.rstrip("\n") for line in stream)


def _ordinary(finder: Finder, meant: Iterable[str]) -> set[str]:
    """The words, in normal form, that stand in Oatmill's own text or in what is meant to be published."""
    if not finder:
        return set()
    folders = [Path(oatmill.__file__).parent, *(bundle() / name for name in ("book", "notebooks", "data/published"))]
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in _OWN_TEXT)
    texts = [*(file.read_bytes() for file in files), *(text.encode() for text in meant)]
    folded = (fold(unescape(text)) for text in texts)
    return {text[start:end].decode() for text in folded for start, end in finder.spans(text)}


def private_texts(work: Path) -> list[str]:
    """What would tell where and by whom a report was made: the home and working folders, the user and the machine."""
    places = {str(folder) for folder in (Path.home(), Path.cwd(), work, work.parent)}
    texts = [place + mark for place in sorted(places) if len(place) > 3 for mark in "/\\"]
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        user = ""
    return texts + [name for name in (user, platform.node()) if len(name) >= SHORTEST and name.lower() not in _COMMON]


def _is_place(text: str) -> bool:
    return text.endswith(("/", "\\"))
