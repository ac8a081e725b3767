"""Released -> a figure. One theme: readable in print, in grey and by colour-blind readers (Okabe & Ito 2008)."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec

import matplotlib.pyplot as plt
import pandas as pd
from cycler import cycler
from matplotlib.figure import Figure

from oatmill.disclosure import Released
from oatmill.errors import DisclosureRefused
from oatmill.text import _, visible

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000",
)  # fmt: skip
PALETTE = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK, YELLOW)
GREY = "#6B6B6B"
LIGHT = "#D9D9D9"
_LONGEST_LABEL = 30  # characters

_STYLE: Any = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": "#222222",
    "axes.labelsize": 10,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # ships with matplotlib and has Cyrillic, so that figures look the same everywhere
    "font.size": 10,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "oatmill",
    "text.parse_math": False,  # a dollar sign in the name of a site is a dollar sign
    "xtick.color": "#444444",
    "ytick.color": "#444444",
}

P = ParamSpec("P")


@dataclass(frozen=True)
class Plot:
    """A figure ready to show: what it is called, what stands under it and what it says in words.

    `narrow`: it can be read at the width of a phone, so that it shrinks there instead of scrolling.
    """

    name: str
    caption: str
    notes: str
    alt: str
    figure: Figure
    data: pd.DataFrame
    narrow: bool = False


@dataclass(frozen=True)
class Note:
    """A sentence in the place of a figure whose numbers are all withheld."""

    text: str


@contextmanager
def theme() -> Iterator[None]:
    with plt.rc_context(_STYLE), warnings.catch_warnings():
        # Letters that the font lacks are drawn as boxes; the text and the data beside the figure have them.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        yield


def in_figure(label: str) -> str:
    """A label that came from a file, as a figure shows it: one line, shortened at its end where it is long.

    >>> in_figure("x" * 50)
    'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'
    """
    shown = visible(label)
    return shown if len(shown) <= _LONGEST_LABEL else f"{shown[: _LONGEST_LABEL - 1]}…"


def themed(draw: Callable[P, Plot | Note]) -> Callable[P, Plot | Note]:
    """Run a drawing function under the theme and close its figure, so that a notebook does not show it twice.

    Where the first argument (a Released, or several) has no number that may be shown, a sentence takes the place
    of the figure.
    """

    @functools.wraps(draw)
    def run(*args: P.args, **kwargs: P.kwargs) -> Plot | Note:
        first: Any = args[0]
        if not any(_has_numbers(each) for each in (first if isinstance(first, Sequence) else [first])):
            return nothing_to_draw()
        with theme():
            plot = draw(*args, **kwargs)
        if isinstance(plot, Plot):
            plt.close(plot.figure)
        return plot

    return run


def nothing_to_draw() -> Note:
    return Note(_("This figure is withheld: too few clients or exits stand behind it."))


def _has_numbers(thing: Any) -> bool:
    """Whether there is anything to draw; what is not a Released is left to the drawing function."""
    return not isinstance(thing, Released) or bool((thing.frame["status"] == "shown").any())


def make_plot(
    source: Released | list[Released], figure: Figure, *, name: str, caption: str, alt: str, narrow: bool = False
) -> Plot:
    """Name a figure whose every number came from `source`."""
    sources = [source] if isinstance(source, Released) else source
    if not all(isinstance(each, Released) for each in sources):
        raise DisclosureRefused(_("Figures are made from released results only."))
    data = pd.concat([each.frame.assign(output=each.output) for each in sources], ignore_index=True)
    notes = " ".join(dict.fromkeys(note for each in sources for note in each.notes))
    return Plot(name, caption, notes, visible(alt), figure, data, narrow)
