"""Files of a study -> validated tables and quarantined rows.

Reading order: `files` (text), `parts` (several files of one table), `columns` (which column is which), `identifying` (columns that name a person), `cells`
(types), `rules` (the checks of a row), `rows` (quarantine), `rejected` (what goes back to the clinic), `pseudonyms`,
`doses` (the log as Parquet), `frames` (the other tables), `searched` (what must not be found in a report), `checks`
(what was looked at). `messages` lists what all of them can say. DuckDB does the reading, so that a dosing log of many
millions of rows never becomes a frame.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb
import pandas as pd

from oatmill.errors import ColumnsWrong, Fault, FileMissing, TableEmpty, ValuesWrong
from oatmill.intake.cells import build_typed
from oatmill.intake.checks import (
    Check,
    check_exits,
    check_links,
    check_log,
    check_persons,
    check_table,
    count,
    log_facts,
)
from oatmill.intake.columns import Layout, build_layout
from oatmill.intake.databases import fetch
from oatmill.intake.doses import write_doses
from oatmill.intake.files import FIRST_LINES, DataFile, first_lines
from oatmill.intake.frames import build_frame, number_clients, number_sites
from oatmill.intake.identifying import check_identifying
from oatmill.intake.parts import Span, load_table, open_table, spans_of
from oatmill.intake.pseudonyms import write_pseudonyms
from oatmill.intake.readers.base import exists
from oatmill.intake.rejected import words_of, write_rejected
from oatmill.intake.rows import check_unique, kept, out, quarantine, quarantine_copies
from oatmill.intake.rules import Rule, check_chosen, row_rules
from oatmill.intake.searched import write_identifiers, write_unused_values
from oatmill.study import Study
from oatmill.text import _, ngettext

__all__ = ["Intake", "read_tables"]

_MEMORY = (
    "2GB"  # of DuckDB; what does not fit goes to disk, so that a log of any length can be read on a small computer
)


@dataclass
class _Faults:
    """What is wrong with the rows of all tables, reported at once."""

    named: list[Fault] = field(default_factory=list)
    empty: list[Fault] = field(default_factory=list)
    wrong: list[Fault] = field(default_factory=list)

    def stop(self) -> None:
        if self.named:
            raise ColumnsWrong(
                _("Columns of the files say who the clients are."), [*self.named, *self.empty, *self.wrong]
            )
        if self.empty:
            raise TableEmpty(_("A table of the study has no rows."), self.empty + self.wrong)
        if self.wrong:
            raise ValuesWrong(_("Some cells of the files cannot be read as what their columns hold."), self.wrong)


@dataclass(frozen=True)
class Intake:
    """What the files of a study hold, once checked.

    Attributes
    ----------
    tables : every table but `doses`. `client_id` is `client` (int32, 0.. in the order of the identifiers);
        a date column X is `X_day` and `date` is `day` (Int32, days since 1970-01-01); categories are text
        (missing: None), numbers float64, whole numbers Int32, flags boolean
    doses : Parquet file of the dosing log: client INT, day INT, dose_dmg INT (tenths of a mg; NULL: covered,
        dose unknown), site INT (index into `sites`; -1: unknown), medication TINYINT (index into
        `schema.MEDICATIONS`), take_home_days SMALLINT; unique by (client, day, site, medication) and sorted so
    sites : site codes in order
    ledger : one row per file: table, file, rows_read, rows_kept, rows_quarantined (read = kept + quarantined),
        lines_skipped (titles, comments and blank lines, which are no rows)
    checks : one row per check: table, check, severity (stop, quarantine, warn), rule (words), count
    facts : n_clients, n_sites and, where there is a log, log_first_day, log_last_day, n_clients_log, dose_rows,
        client_days, rows_summed_away, rows_not_covering, rows_dose_unknown
    """

    tables: dict[str, pd.DataFrame]
    doses: Path | None
    sites: tuple[str, ...]
    ledger: pd.DataFrame
    checks: pd.DataFrame
    facts: dict[str, int | float]


def read_tables(study: Study, folder: Path, *, key: bytes | None = None, threads: int | None = None) -> Intake:
    """Read and check every source of the study.

    Parameters
    ----------
    folder : private folder for doses.parquet, identifiers.txt, unused_values.txt, pseudonyms.parquet and
        rejected/, a workbook for each file (written too when the intake stops)
    key : of the pseudonyms; None: none are made
    threads : of DuckDB; the result does not depend on it

    Raises
    ------
    FileMissing, ColumnsWrong, TableEmpty, ValuesWrong
        with every fault of every table that can be found at that stage

    Notes
    -----
    A row is either kept or quarantined. A kept dose row may still cover no day (a zero dose) or share its day
    with others (summed): `facts` counts both, so that the log adds up from the file to the Parquet file.
    """
    rejected = folder / "rejected"
    rejected.mkdir(parents=True, exist_ok=True)
    layouts = _layouts(fetch(study, folder) if study.exports is None else study)
    with _database(folder, threads) as con:
        faults = _load(con, layouts, folder)
        rules = _set_aside(con, study, layouts, rejected, faults)
        return _hand_over(con, study, layouts, rules, folder, key)


def _layouts(study: Study) -> dict[str, Layout]:
    """Find every file and every column."""
    layouts: dict[str, Layout] = {}
    missing: list[Fault] = []
    wrong: list[Fault] = []
    for table in study.sources:
        file, faults = open_table(study, table)
        missing += faults
        if file is not None:
            layouts[table], faults = build_layout(file)
            wrong += faults
    if study.definitions.dose_is_total and "doses" in layouts and not layouts["doses"].has("take_home_days"):
        wrong.append(_supply_unknown(layouts["doses"].file))
    if missing:
        raise FileMissing(_("A file of the study cannot be read."), missing + wrong)
    if wrong:
        raise ColumnsWrong(_("The columns of the files are not those that the study needs."), wrong)
    return layouts


@contextmanager
def _database(folder: Path, threads: int | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB database on disk, so that a log larger than the memory can be read; removed at the end."""
    path = folder / "intake.duckdb"
    _remove(path)
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "memory_limit": _MEMORY,
    }
    if threads:
        config["threads"] = threads
    con = duckdb.connect(str(path), config=config)
    try:
        con.execute("SET preserve_insertion_order = true")
        yield con
    finally:
        con.close()
        _remove(path)


def _remove(path: Path) -> None:
    for file in (path, path.with_name(path.name + ".wal")):
        file.unlink(missing_ok=True)
    shutil.rmtree(path.with_name(path.name + ".tmp"), ignore_errors=True)  # what did not fit into memory


def _load(con: duckdb.DuckDBPyConnection, layouts: dict[str, Layout], folder: Path) -> _Faults:
    """Read all rows of all tables and type them; a table without rows stays out."""
    faults = _Faults()
    for layout in layouts.values():
        broken = load_table(con, layout.file, folder)
        faults.wrong += broken
        if not exists(con, layout.file.raw):
            continue
        if count(con, layout.file.raw) == 0 and not broken:
            faults.empty.append(_empty(layout.file, _("the file has a header and no rows")))
            continue
        faults.named += check_identifying(con, layout)
        build_typed(con, layout)
    return faults


def _set_aside(
    con: duckdb.DuckDBPyConnection, study: Study, layouts: dict[str, Layout], folder: Path, faults: _Faults
) -> dict[str, list[Rule]]:
    """Quarantine rows; stop where a check says so, where none is left, or where a key stands twice.

    The rejected rows are written before anything stops, so that whoever must mend them can see them.
    """
    typed = {name: layout for name, layout in layouts.items() if exists(con, layout.file.raw)}
    typed = {name: layout for name, layout in typed.items() if count(con, layout.file.raw)}
    rules = {table: row_rules(study, typed, table) for table in typed}
    check_chosen(study, {table: [rule.id for rule in known] for table, known in rules.items()})
    # Exits come first: a dose after a recorded death is quarantined.
    for table in sorted(typed, key=lambda name: name != "exits"):
        faults.wrong += quarantine(con, typed, table, rules[table])
        quarantine_copies(con, typed[table], study.definitions)
    if "doses" in typed and study.definitions.blank_dose == "stop":
        faults.wrong += _blank_doses(con, typed["doses"])
    for layout in typed.values():
        write_rejected(con, layout, words_of(rules[layout.table.name]), folder)
    faults.wrong += [fault for layout in typed.values() for fault in check_unique(con, layout)]
    if not faults.wrong:
        none = _("no row is left after the checks")
        faults.empty += [_empty(layout.file, none) for layout in typed.values() if count(con, kept(layout)) == 0]
    faults.stop()
    return rules


def _hand_over(
    con: duckdb.DuckDBPyConnection,
    study: Study,
    layouts: dict[str, Layout],
    rules: dict[str, list[Rule]],
    folder: Path,
    key: bytes | None,
) -> Intake:
    """Number clients and sites, write the files, build the frames."""
    write_identifiers(con, layouts.values(), folder / "identifiers.txt")
    write_unused_values(con, layouts.values(), folder / "unused_values.txt")
    facts: dict[str, int | float] = {"n_clients": number_clients(con, layouts.values())}
    if key is not None:
        write_pseudonyms(con, key, folder / "pseudonyms.parquet")
    sites = number_sites(con, layouts.values())
    facts["n_sites"] = len(sites)
    checks = [check for table in layouts for check in check_table(con, layouts, table, rules[table], study.definitions)]
    doses = None
    if log := layouts.get("doses"):
        doses = folder / "doses.parquet"
        write_doses(con, log, study.definitions, layouts.get("clients"), doses)
        checks += check_log(con, log, study.definitions, layouts.get("clients"))
        facts |= log_facts(con, log)
    if exits := layouts.get("exits"):
        checks += check_exits(con, exits, layouts.get("doses"))
    checks += check_persons(con, layouts)
    checks += check_links(con, layouts)
    checks.sort(key=lambda check: list(layouts).index(check.table))
    tables = {table: build_frame(con, layout) for table, layout in layouts.items() if table != "doses"}
    return Intake(tables, doses, sites, _ledger(con, layouts), _frame(checks), facts)


def _ledger(con: duckdb.DuckDBPyConnection, layouts: dict[str, Layout]) -> pd.DataFrame:
    """Rows read, kept and quarantined of each file, each counted on its own, so that their sum is a test."""
    rows = [
        (
            table,
            span.file.name,
            *(count(con, f"{rows} WHERE {span.where}") for rows in _ledger_of(layout)),
            count(con, f"skipped_{span.file.key} WHERE why <> 'inside'"),  # that is a part of a row
        )
        for table, layout in layouts.items()
        for span in spans_of(con, layout.file)
    ]
    return pd.DataFrame(rows, columns=["table", "file", "rows_read", "rows_kept", "rows_quarantined", "lines_skipped"])


def _ledger_of(layout: Layout) -> tuple[str, str, str]:
    return f"(SELECT rowid AS row FROM {layout.file.raw})", kept(layout), out(layout)


def _frame(checks: list[Check]) -> pd.DataFrame:
    return pd.DataFrame([asdict(check) for check in checks], columns=["table", "check", "severity", "rule", "count"])


def _blank_doses(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Fault]:
    # A row that is quarantined is so whatever its dose.
    found = [_blank_in(con, layout, span) for span in spans_of(con, layout.file)]
    return [fault for fault in found if fault]


def _blank_in(con: duckdb.DuckDBPyConnection, layout: Layout, span: Span) -> Fault | None:
    blank = f"{kept(layout)} WHERE dose_mg IS NULL AND NOT bad_dose_mg AND {span.where}"
    rows = con.execute(f"SELECT row FROM {blank} ORDER BY row LIMIT {FIRST_LINES + 1}").fetchall()
    if not rows:
        return None
    n = count(con, blank)
    lines = span.lines(con, [row for (row,) in rows])
    what = ngettext(
        "{n} dose is blank (line {lines})", "{n} doses are blank (lines {lines})", n, lines=first_lines(lines)
    )
    cure = _(
        "Say what a blank dose means, under `definitions:` in the study file: `blank_dose: covered` (the client was "
        "dosed, the dose is unknown) or `blank_dose: not_covered` (the client was not dosed that day)."
    )
    column = layout.file.source.columns.get("dose_mg", "dose_mg")
    return Fault(what, file=span.file.name, row=lines[0], column=column, found=_("a blank cell"), cure=cure)


def _supply_unknown(file: DataFile) -> Fault:
    what = _("`dose_is_total` needs the number of days that each row supplies")
    cure = _("Map the column `take_home_days`, or take `dose_is_total` out of the study file.")
    return Fault(what, file=file.name, column="take_home_days", cure=cure)


def _empty(file: DataFile, what: str) -> Fault:
    cure = _("Give a file with rows, or take the table out of the study file.")
    return Fault(what, file=file.name, expected=_("at least one row"), cure=cure)
