"""Finding any of very many identifiers in the bytes of a file."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

SHORTEST = 6  # shorter identifiers are guarded by structure
_ESCAPES = (b"\\n", b"\\t", b"\\r", b'\\"')
_DATE = re.compile(r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}$")


def variants(text: str) -> set[bytes]:
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
        forms = {form.lower() for name in kept if is_distinctive(name) for form in variants(name)}
        words = frozenset(form for form in forms if len(form) >= SHORTEST)
        tails = np.unique([int.from_bytes(word[-SHORTEST:], "big") for word in words]).astype(np.uint64)
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
        if len(text) < SHORTEST or not len(self._words.tails):
            return []
        letters = np.frombuffer(text, np.uint8)
        windows = np.zeros(len(letters) - SHORTEST + 1, np.uint64)
        for shift in range(SHORTEST):
            windows = (windows << np.uint64(8)) | letters[shift : shift + len(windows)]
        near = np.flatnonzero(self._words.sieve[_slot(windows)])
        place = np.minimum(np.searchsorted(self._words.tails, windows[near]), len(self._words.tails) - 1)
        hits = near[self._words.tails[place] == windows[near]]
        return (hits + SHORTEST).tolist()


def _slot(values: np.ndarray) -> np.ndarray:
    return (values * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(44)


def _alone(text: bytes, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before.isalnum() or after.isalnum())


def is_distinctive(identifier: str) -> bool:
    """Whether finding this text in a page would mean anything: six characters, not a plain number or date."""
    if len(identifier) < SHORTEST or _DATE.match(identifier):
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
