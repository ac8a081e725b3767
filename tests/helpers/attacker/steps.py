"""Turning the step path of a published curve figure back into numbers."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

_SVG = "{http://www.w3.org/2000/svg}"
_POINT = re.compile(r"[ML] ([-\d.]+) ([-\d.]+)")
_LEAST_STEPS = 4  # an axis and a grid line have two points

Points = list[tuple[float, float]]


def steps_in(figure: Path, share_per_tick: float = 0.25) -> list[Points]:
    """The (day, share) of each corner where a curve steps down, by curve, in the first axes of an SVG figure.

    The grid lines stand at multiples of `share_per_tick`. The days are in points from the left edge, day 0: their
    unit is left to the reader, who has the labels under the ticks.
    """
    axes = next(
        g for g in ET.fromstring(figure.read_text(encoding="utf-8")).iter(f"{_SVG}g") if g.get("id") == "axes_1"
    )
    ticks = [_marks(group) for group in axes.iter(f"{_SVG}g") if (group.get("id") or "").startswith("ytick_")]
    (left, bottom), (_left, above) = ticks[0], ticks[1]
    scale = share_per_tick / (above - bottom)
    clipped = [_points(path) for path in axes.iter(f"{_SVG}path") if path.get("clip-path") and _is_line(path)]
    return [[(x - left, (y - bottom) * scale) for x, y in line[::2]] for line in clipped if len(line) >= _LEAST_STEPS]


def _marks(tick: ET.Element) -> tuple[float, float]:
    mark = next(tick.iter(f"{_SVG}use"))
    return float(mark.attrib["x"]), float(mark.attrib["y"])


def _is_line(path: ET.Element) -> bool:
    return "fill: none" in (path.get("style") or "")


def _points(path: ET.Element) -> Points:
    return [(float(x), float(y)) for x, y in _POINT.findall(path.attrib["d"])]
