"""Files of the same shape, such as one for each month: looked at as one, since together they are one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from oatmill.intake.sample import Sample

# What may differ from file to file: marks are read from the cells, totals stand where there are some.
_OWN = ("encoding", "decimal", "thousands", "total_lines")


def join_alike(samples: Sequence[Sample]) -> list[Sample]:
    """One sample for all files that have the same columns and are read in the same way, in the place of the first."""
    joined: list[Sample] = []
    for sample in samples:
        place = next((k for k, one in enumerate(joined) if _is_alike(one, sample)), None)
        if place is None:
            joined.append(sample)
        else:
            joined[place] = _join(joined[place], sample)
    return joined


def _is_alike(one: Sample, other: Sample) -> bool:
    if "url_from" in one.settings or one.path == other.path or other.path in one.more:
        return False
    ways = [{key: value for key, value in each.settings.items() if key not in _OWN} for each in (one, other)]
    same = (one.header, one.native, one.labels, ways[0]) == (other.header, other.native, other.labels, ways[1])
    return same and bool(one.header) and len({_encoding(each) for each in (one, other)} - {None}) < 2


def _encoding(sample: Sample) -> str | None:
    """None: there are only letters that every encoding has."""
    plain = all(cell.isascii() for row in (sample.header, *sample.rows) for cell in row)
    return None if plain else str(sample.settings.get("encoding", "utf-8"))


def _join(one: Sample, other: Sample) -> Sample:
    settings = other.settings | one.settings
    named = next((each for each in (one, other) if _encoding(each)), one)
    settings |= {key: value for key, value in named.settings.items() if key == "encoding"}
    totals = [word for each in (one, other) for word in each.settings.get("total_lines", ())]
    if totals:
        settings["total_lines"] = list(dict.fromkeys(totals))
    doubts = tuple(dict.fromkeys((*one.doubts, *other.doubts)))
    return replace(one, settings=settings, rows=one.rows + other.rows, doubts=doubts, more=(*one.more, other.path))
