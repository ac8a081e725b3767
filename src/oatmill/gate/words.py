"""Finding any of very many words in the text of a file, however the file spells it.

A word and a text meet in one normal form: escapes of HTML, JSON and addresses undone, Unicode in its
compatibility form, case folded. Distinctive is a text of six letters or digits (an ideograph counts as two)
that is not a plain number, a date or a time of day; or a whole number of nine digits or more.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

SHORTEST = 6  # shorter identifiers are guarded by structure
LONG_NUMBER = 9  # digits; no count, date or time in a report has so many
_STEP = 1 << 18  # bytes looked at together, so that they stay in the processor's cache
_TAIL = np.uint64((1 << 8 * SHORTEST) - 1)
_PASSES = 3  # JSON within HTML within JSON
_ESCAPE = re.compile(
    rb"[\\&%](?:(?<=\\)(?:u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*|x[0-9a-fA-F]{2}|[nrt\"'/\\])"
    rb"|(?<=&)#?\w{1,31};|(?<=%)[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*)"
)
_COMBINING = re.compile(rb"\xcc[\x80-\xbf]|\xcd[\x80-\xaf]")  # accents that belong to the letter before
_FOREIGN = re.compile(rb"[\x80-\xff]+")
_SIGNS = {b"\\n": b"  ", b"\\r": b"  ", b"\\t": b"  "}  # two blanks: lines are counted in the file as it is
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ t][\d:.]+z?)?|\d{1,2}:\d{2}(:\d{2})?|\d{4}-?w\d{2}(-?\d)?")
_GROUPS = re.compile(  # as in _ESCAPE, the first letter is fixed for the sake of speed
    rb"[0-9](?<![0-9]{2})(?<![0-9][ ,.][0-9])[0-9]{0,2}([ ,.])[0-9]{3}\1[0-9]{3}(?:\1[0-9]{3})*(?![0-9])"
)
_ENDS_IN_NUMBER = re.compile(r"\d[.,]$")
_BEGINS_WITH_DECIMALS = re.compile(r"[.,](?!0(?!\d))\d")
_GROUPED = re.compile(r"[-+]?\d{1,3}([ ,.'_]\d{3})+([.,]\d*)?")


# The normal form


def unescape(content: bytes) -> bytes:
    """The text with the escapes of HTML, JSON, JavaScript and addresses undone, however nested.

    >>> unescape(rb"O&#x27;Brien \\u0418 a%20b")
    b"O'Brien \\xd0\\x98 a b"
    """
    for _again in range(_PASSES):
        plain = _ESCAPE.sub(_sign, content)
        if plain == content:
            break
        content = plain
    return content


def _sign(escape: re.Match[bytes]) -> bytes:
    text = escape[0]
    if text.startswith(b"&"):
        return html.unescape(text.decode("ascii", "ignore")).encode("utf-8", "ignore")
    if text.startswith(b"%"):
        return bytes.fromhex(text.replace(b"%", b"").decode("ascii")).replace(b"\n", b" ")
    if text.startswith(b"\\u"):
        units = bytes.fromhex(text.replace(b"\\u", b"").decode("ascii"))
        return units.decode("utf-16-be", "ignore").replace("\n", " ").encode()
    if text.startswith(b"\\x"):
        return chr(int(text[2:], 16)).replace("\n", " ").encode()
    return _SIGNS.get(text, text[1:])


def fold(content: bytes) -> bytes:
    """One case and one form of every letter; line ends stay where they are."""
    if _COMBINING.search(content):
        return _folded(content)
    return _FOREIGN.sub(lambda run: _folded(run[0]), content.lower())  # whole files would take five times as long


def _folded(content: bytes) -> bytes:
    return unicodedata.normalize("NFKC", content.decode("utf-8", "ignore")).casefold().encode()


def normal(text: str) -> str:
    """A word as it is searched for."""
    if text.isascii() and text.isalnum():
        return text.lower()
    word = fold(unescape(text.strip().encode())).decode("utf-8", "ignore").strip()
    return word.removesuffix(".0") if word[:-2].isdigit() else word  # a number that pandas took for a float


def ungroup(text: bytes) -> bytes:
    """The text with the digits of long numbers put together, line by line.

    >>> ungroup(b"20,101,199,012,345 or 20 101 199 012 345; 1,000")
    b'20101199012345 or 20101199012345; 1,000'
    """
    return _GROUPS.sub(lambda number: number[0].translate(None, b" ,."), text)


# What is worth a search


def is_distinctive(identifier: str) -> bool:
    """Whether finding this text in a page would mean anything.

    >>> [is_distinctive(text) for text in ("KG-001", "王小明", "20101199012345", "123456", "2016-01-31", "1,000,000")]
    [True, True, True, False, False, False]
    """
    text = normal(identifier)
    if text.isdigit():
        return len(text) >= LONG_NUMBER
    if len(text) + sum(map(_is_ideograph, text)) < SHORTEST or _DATE.fullmatch(text):
        return False
    if _GROUPED.fullmatch(text):
        return len(_digits(text)) >= LONG_NUMBER
    return not _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_ideograph(letter: str) -> bool:
    """Chinese and Japanese letters: no blank stands between their words."""
    return "\u2e80" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff" or "\U00020000" <= letter <= "\U0003ffff"


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _forms(words: Iterable[str]) -> Iterator[bytes]:
    """Distinctive words as they may stand in a page; a telephone or a long number also as digits alone."""
    for word in filter(is_distinctive, words):
        text = normal(word)
        yield text.encode()
        if not text.isalnum() and len(digits := _digits(text)) >= LONG_NUMBER and not any(map(str.isalpha, text)):
            yield digits.encode()


@dataclass(frozen=True)
class _Table:
    """Words by their last six bytes. Words themselves are not kept: a million takes 20 MB."""

    sieve: np.ndarray  # 2**20 flags: whether some word has a tail of this hash
    tails: np.ndarray  # sorted, with `lengths`: the pairs that occur
    lengths: np.ndarray
    words: np.ndarray  # hashes of whole words, sorted


class Finder:
    """Finds any of many identifiers in a text in normal form, as a whole word.

    >>> list(Finder(["KG-2016-0001", "12345678"]).find(b"see kg-2016-0001, 12345678 and kg-2016-00012"))
    [4]
    """

    def __init__(self, identifiers: Iterable[str]):
        words = [form for form in _forms(identifiers) if len(form) >= SHORTEST]
        tails = np.fromiter((int.from_bytes(word[-SHORTEST:], "little") for word in words), np.uint64, len(words))
        lengths = np.fromiter(map(len, words), np.uint64, len(words))
        pairs = np.unique((tails << np.uint64(16)) | lengths)  # a tail has 48 bits
        tails = pairs >> np.uint64(16)
        sieve = np.zeros(1 << 20, bool)
        sieve[_slot(tails)] = True
        hashes = np.unique(np.fromiter(map(hash, words), np.int64, len(words)))
        self._table = _Table(sieve, tails, (pairs & np.uint64(0xFFFF)).astype(np.int64), hashes)

    def __bool__(self) -> bool:
        return len(self._table.words) > 0

    def find(self, text: bytes) -> Iterator[int]:
        """Where an identifier starts. `text` is in normal form: `fold(unescape(content))`."""
        return (start for start, _end in self.spans(text))

    def spans(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Where an identifier starts and ends."""
        for end, first, last in self._ends(text):
            if text[end : end + 1].isalnum():
                continue
            for length in self._table.lengths[first:last].tolist():
                start = end - length
                if start >= 0 and self._knows(text[start:end]) and _alone(text, start, end):
                    yield start, end
                    break

    def _knows(self, word: bytes) -> bool:
        mark, words = hash(word), self._table.words
        place = int(np.searchsorted(words, mark))
        return place < len(words) and int(words[place]) == mark

    def _ends(self, text: bytes) -> Iterator[tuple[int, int, int]]:
        """Ends of six bytes that end some word, and where the lengths of such words stand in the table."""
        table, padded = self._table, text + b"\0\0"
        for start in range(0, len(text) - SHORTEST + 1 if self else 0, _STEP):
            size = min(_STEP, len(text) - SHORTEST + 1 - start)
            windows = np.ndarray(size, "<u8", padded, start, (1,)) & _TAIL
            near = np.flatnonzero(table.sieve[_slot(windows)])
            first = np.searchsorted(table.tails, windows[near], "left")
            last = np.searchsorted(table.tails, windows[near], "right")
            hits = np.flatnonzero(first < last)
            ends = near[hits] + start + SHORTEST
            yield from zip(ends.tolist(), first[hits].tolist(), last[hits].tolist(), strict=True)


def _slot(values: np.ndarray) -> np.ndarray:
    return (values * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(44)


def _alone(text: bytes, start: int, end: int) -> bool:
    """Whether what stands here is a whole word, and no part of a number with decimals other than .0."""
    before = text[max(0, start - 4) : start].decode("utf-8", "ignore")
    after = text[end : end + 4].decode("utf-8", "ignore")
    if _goes_on(before[-1:]) or _goes_on(after[:1]):
        return False
    if not text[start:end].isdigit():
        return True
    return not (_ENDS_IN_NUMBER.search(before) or _BEGINS_WITH_DECIMALS.match(after))


def _goes_on(letter: str) -> bool:
    return letter.isalnum() and not _is_ideograph(letter)
