"""Opening compressed bytes, up to a limit."""

from __future__ import annotations

import zlib

LARGEST = 1 << 28  # bytes of one file; a report has far less in all
GZIP = 31  # zlib's window for it


class TooLarge(Exception):
    """More bytes than anything in a report has."""


def inflate(content: bytes, window: int = 15) -> bytes:
    """The bytes of a zlib stream (`GZIP`: of all members of a gzip file).

    Raises
    ------
    TooLarge, zlib.error
    """
    parts, left, room = [], content, LARGEST
    while left:
        opener = zlib.decompressobj(window)
        part = opener.decompress(left, room)
        if opener.unconsumed_tail or (not opener.eof and len(part) == room):
            raise TooLarge
        parts.append(part)
        room -= len(part)
        left = opener.unused_data if window == GZIP else b""
    return b"".join(parts)
