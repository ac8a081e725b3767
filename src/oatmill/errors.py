"""Every error that a user can see: what is wrong, where, what was found and expected, and what to do.

Each cause has a class and an exit code of its own. All faults of one kind come in one report. Nothing here
may hold a client identifier or a free-text value: `found` describes a value, it does not repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oatmill.text import _, visible


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where.

    `row` is the line of the file as an editor shows it (the header is line 1).
    """

    what: str
    file: str | None = None
    row: int | None = None
    column: str | None = None
    found: str | None = None
    expected: str | None = None
    cure: str | None = None

    def text(self) -> str:
        place = [
            _("file {file}", file=self.file) if self.file else "",
            _("line {row}", row=self.row) if self.row else "",
            _("column {column}", column=self.column) if self.column else "",
        ]
        lines = [": ".join(filter(None, [", ".join(filter(None, place)), self.what]))]
        if self.found:
            lines.append("  " + _("found: {text}", text=self.found))
        if self.expected:
            lines.append("  " + _("expected: {text}", text=self.expected))
        if self.cure:
            lines.append("  " + _("what to do: {text}", text=self.cure))
        return "\n".join(map(visible, lines))


class OatmillError(Exception):
    """A mistake that the user can mend. Shown as text, never as a traceback."""

    exit_code = 1

    def __init__(self, message: str, faults: Sequence[Fault] = (), cure: str | None = None):
        self.message, self.faults, self.cure = message, tuple(faults), cure
        super().__init__(self.report())

    def report(self) -> str:
        lines = [self.message, *(fault.text() for fault in self.faults)]
        if self.cure:
            lines.append(_("What to do: {text}", text=self.cure))
        return "\n".join(map(visible, "\n".join(lines).split("\n")))


class UsageError(OatmillError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class StudyMissing(OatmillError):
    """There is no study file where one was named."""

    exit_code = 10


class StudyNotYaml(OatmillError):
    """The study file cannot be read as YAML."""

    exit_code = 11


class StudyInvalid(OatmillError):
    """The study file has an unknown key or a value that is not allowed."""

    exit_code = 12


class FileMissing(OatmillError):
    """A data file named in the study file does not exist or cannot be opened."""

    exit_code = 13


class ColumnsWrong(OatmillError):
    """A table lacks a required column, or the study file names one that the file does not have."""

    exit_code = 14


class ValuesWrong(OatmillError):
    """Cells that cannot be read as what their column holds."""

    exit_code = 15


class TableEmpty(OatmillError):
    """A table has a header and no rows, or no row is left after the checks."""

    exit_code = 16


class NotSupported(OatmillError):
    """The data cannot support what was asked. A chapter that raises it is shown as refused, with this reason."""

    exit_code = 17


class DisclosureRefused(OatmillError):
    """Something would be shown that the disclosure profile does not allow, or that no rule covers."""

    exit_code = 18


class GateRefused(OatmillError):
    """The finished report holds something that must not be published. Nothing was replaced."""

    exit_code = 19


class RunLocked(OatmillError):
    """Another run is at work on the same report."""

    exit_code = 20


class ParameterUnknown(OatmillError):
    """A notebook was given a parameter that it does not have."""

    exit_code = 21


class ReleaseRefused(OatmillError):
    """The report cannot be published under this name: the message says what it does not fit."""

    exit_code = 22


class PackageMissing(OatmillError):
    """A file needs a package of the extra `formats`, or an engine one of `spark`, that is not installed."""

    exit_code = 23


class DatabaseUnreachable(OatmillError):
    """A database named in the study file cannot be read; the message says at which step."""

    exit_code = 24


class EngineUnreachable(OatmillError):
    """The engine that the study file names cannot be reached, or its log is not the one that was read."""

    exit_code = 25


class ChapterFailed(OatmillError):
    """A chapter stopped on an error that is not the user's. The other chapters are finished and kept."""

    exit_code = 70


class BookFailed(OatmillError):
    """The book could not be built. The old report stays."""

    exit_code = 71


EXIT_CODES: dict[int, str] = {0: "Done."} | {
    kind.exit_code: (kind.__doc__ or "").strip() for kind in OatmillError.__subclasses__()
}
