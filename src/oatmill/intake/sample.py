"""The beginning of a file, as `oatmill init` looks at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLE_ROWS = 5000


@dataclass(frozen=True)
class Sample:
    """What can be seen of one table of a file (a sheet, a data frame, a member of an archive) without a study file.

    Attributes
    ----------
    path : the file
    settings : the keys of `sources:` that are needed to read it so (encoding, delimiter, sheet, header_line ...),
        where they are not the defaults
    header : names of the columns, in the file's order
    rows : the first `SAMPLE_ROWS` rows as text, as long as the header; dates that the file itself marks as dates are
        written YYYY-MM-DD, numbers with a decimal point
    native : the format has dates and numbers of its own, so that `rows` leaves no doubt about them
    labels : by column, the file's own words for its codes (Stata, SPSS, SAS)
    more : other files of the same shape, whose rows are among `rows`
    doubts : what was guessed and should be looked at by the user, each a sentence
    """

    path: Path
    settings: dict[str, Any]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    native: bool = False
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    more: tuple[Path, ...] = ()


def read_samples(path: Path) -> list[Sample]:
    """Everything that can be read as a table in a file, as far as it can be told without a study file.

    Raises
    ------
    FileMissing, PackageMissing
    """
    from oatmill.intake.readers.samples import read_samples as read

    return read(path)
