"""A flow chart: boxes one under the other, and beside the arrows what left the flow.

Everything is laid out in inches, from the measured width of the text, so that no text leaves its box in any language.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import TextToPath

from oatmill.figures import BLUE, GREY
from oatmill.text import visible

_WIDTH, _BOX, _EDGE, _SIZE = 4.9, 2.1, 0.06, 10.0  # inches; points
_LINE, _PAD, _GAP = 1.35 * _SIZE / 72, 0.1, 0.3


@dataclass(frozen=True)
class Stage:
    """One box: a `head` in bold, words under it, and what was left out on the way to it (nothing: no box)."""

    head: str
    words: str = ""
    out_head: str = ""
    out_words: str = ""


def draw_flow(stages: Sequence[Stage]) -> Figure:
    """The stages from top to bottom; what was left out stands to the right of the arrow."""
    boxes = [_lines(stage.head, stage.words, _BOX) for stage in stages]
    side_width = _WIDTH - _BOX - 2 * _EDGE - 0.3
    outs = [_lines(stage.out_head, stage.out_words, side_width) for stage in stages]
    total = sum(map(_height, boxes)) + sum(_between(out) for out in outs[1:]) + 2 * _EDGE
    figure = plt.figure(figsize=(_WIDTH, total))
    # A layout of its own, or saving under the theme would ask for one that needs a grid of axes.
    figure.set_layout_engine(PlaceHolderLayoutEngine(adjust_compatible=False, colorbar_gridspec=False))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _WIDTH), ylim=(0, total))
    axes.axis("off")
    top, middle = total - _EDGE, _EDGE + _BOX / 2
    for number, (lines, out) in enumerate(zip(boxes, outs, strict=True)):
        if number:
            _arrow(axes, (middle, top), (middle, top - _between(out)))
            if out:
                height = top - _between(out) / 2
                _arrow(axes, (middle, height), (_WIDTH - _EDGE - side_width, height))
                _box(axes, (_WIDTH - _EDGE - side_width, height + _height(out) / 2), side_width, out, GREY, "white")
            top -= _between(out)
        _box(axes, (_EDGE, top), _BOX, lines, BLUE, "#EAF2F8")
        top -= _height(lines)
    return figure


def _lines(head: str, words: str, width: float) -> list[tuple[str, bool]]:
    """The lines of a box, each with whether it is bold."""
    parts = ((head, True), (words, False))
    return [(line, bold) for text, bold in parts if text for line in wrapped(text, width - 2 * _PAD, bold)]


def wrapped(text: str, width: float, bold: bool = False) -> Iterator[str]:
    """The text in lines no wider than `width` inches; a word that is wider than a line is broken."""
    font = FontProperties(size=_SIZE, weight="bold" if bold else "normal", family="DejaVu Sans")
    line = ""
    for word in visible(text).split():
        longer = f"{line} {word}" if line else word
        if _measured(longer, font) <= width:
            line = longer
            continue
        if line:
            yield line
        line = ""
        for letter in word:
            if line and _measured(line + letter, font) > width:
                yield line
                line = ""
            line += letter
    if line:
        yield line


def _measured(text: str, font: FontProperties) -> float:
    width, _height, _descent = TextToPath().get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def _height(lines: Sequence[tuple[str, bool]]) -> float:
    return len(lines) * _LINE + 2 * _PAD


def _between(out: Sequence[tuple[str, bool]]) -> float:
    return _height(out) + 0.16 if out else _GAP


def _box(
    axes: Axes, corner: tuple[float, float], width: float, lines: Sequence[tuple[str, bool]], edge: str, face: str
) -> None:
    left, top = corner
    height = _height(lines)
    shape = "round,pad=0,rounding_size=0.06"
    axes.add_patch(
        FancyBboxPatch((left, top - height), width, height, shape, facecolor=face, edgecolor=edge, linewidth=1.2)
    )
    for number, (text, bold) in enumerate(lines):
        where = (left + width / 2, top - _PAD - (number + 0.5) * _LINE)
        axes.text(*where, text, ha="center", va="center_baseline", fontsize=_SIZE, fontweight="bold" if bold else None)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)
