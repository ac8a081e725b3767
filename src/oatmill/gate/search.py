"""Bytes: everything published is searched for identifiers and for what would tell of this machine."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from oatmill.errors import Fault
from oatmill.gate.content import published
from oatmill.gate.words import SHORTEST, Finder, variants
from oatmill.text import _

_COMMON_USERS = {"root", "user", "admin", "administrator", "runner", "ubuntu", "jovyan", "vagrant", "default", "guest"}
_PATTERNS = {
    "path": re.compile(
        rb"(?<![\w/.:-])/(?:home|Users|root|tmp|var|mnt|srv|private)/[\w.-]|\b[A-Za-z]:\\{1,2}\w+\\|file:///"
    ),
    "connection": re.compile(
        rb"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'<>]+:[^\s/@\"'<>]+@|(?i:\b(?:password|pwd)=[^\s;&\"'<]+)"
    ),
    "traceback": re.compile(rb"Traceback \(most recent call last\)"),
}


def check_bytes(folder: Path, identifiers: Iterable[Path], private_texts: Iterable[str]) -> Iterator[Fault]:
    """Every published file that holds a raw identifier, a private text or a forbidden pattern."""
    finder = Finder(name for file in identifiers for name in file.read_text(encoding="utf-8").splitlines())
    private = [variant for text in private_texts for variant in variants(text)]
    for name, content in published(folder):
        places = [(place, _("a client identifier")) for place in finder.find(content)]
        places += [(place, _("a place or a name of this machine")) for place in _find_all(content, private)]
        if "/_static/" not in f"/{name}":
            places += _find_patterns(content)
        for place, what in places[:3]:
            yield Fault(what, name, content.count(b"\n", 0, place) + 1)


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
    return texts + ([user] if len(user) >= SHORTEST and user.lower() not in _COMMON_USERS else [])
