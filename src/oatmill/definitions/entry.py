"""What one definition says of itself, and the worked example that proves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from oatmill.text import _


@dataclass(frozen=True)
class Example:
    """A worked example: a tiny log, and what the definition makes of it. A test runs it through the code.

    Parameters
    ----------
    log : one line per kind of client: how many there are, and their days, the first on day 1. `D` a dose, `.` no dose,
        `3` a dose with 3 days to take home, `E` a dose at a second site; `D*40` stands for 40 such days. Blanks are ignored
    expected : what comes out, as text. Of a rule: the episodes of each line, `1-8 dropout | 20-20 open`. Of a measure:
        lines such as `day 30: 24 of 40`, or `day 30: 0.5625` where there is a share and no numerator
    why : the arithmetic
    gap_days : G, in days
    cut : C, the day of the drawing; None: the last day with a dose
    horizons : the days asked for
    exits : recorded exits: line (0 the first), day, reason
    samples : days with a urine sample, per line
    follow_up_days : H
    """

    log: tuple[tuple[int, str], ...]
    expected: tuple[str, ...]
    why: str
    gap_days: int = 7
    cut: int | None = None
    horizons: tuple[int, ...] = (30,)
    exits: tuple[tuple[int, int, str], ...] = ()
    samples: tuple[tuple[int, ...], ...] = ()
    follow_up_days: int | None = None


@dataclass(frozen=True)
class Definition:
    """One published rule or measure.

    Parameters
    ----------
    id : what the study file, `results.csv` and the text of the book call it
    kind : "gap" (when an episode ends), "retention" (share in treatment at a day, or a count) or "window" (a companion
        figure of a follow-up window)
    rule : the rule in words (English; `words` gives it in the report's language)
    formula : the same, exactly; T is days in treatment, t a day, C the data cut, G the gap in days, A = C - G
    example : what it makes of a tiny log
    reading : what the rule leaves open, and how it is read here
    users : who uses it
    sources : keys in the book's references.bib
    beware : the known bias, or what a reader is likely to get wrong
    excerpt : True where the source was seen only as an abstract or an excerpt, or is still to be verified
    computed : True where a function computes it (`definitions.function_of`)
    gap_days : G, for a rule that is a plain gap of consecutive dose-free days
    known_after_days : of a rule: this many days of log after the last covered day settle whether an episode has ended, so
        that everything is assessed as of A = C less these days (they take the place of G)
    """

    id: str
    kind: Literal["gap", "retention", "window"]
    rule: str
    formula: str
    example: Example
    reading: str = ""
    users: str = ""
    sources: tuple[str, ...] = ()
    beware: str = ""
    excerpt: bool = False
    computed: bool = True
    gap_days: int | None = None
    known_after_days: int | None = None

    @property
    def words(self) -> str:
        """The rule in the report's language."""
        return _(self.rule)

    @property
    def how_read(self) -> str:
        """How what the rule leaves open is read, in the report's language; empty where it leaves nothing open."""
        return _(self.reading) if self.reading else ""

    @property
    def warning(self) -> str:
        """What to beware of, in the report's language; empty where nothing is known."""
        return _(self.beware) if self.beware else ""
