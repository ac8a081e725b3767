"""Whatever a file holds: a clear refusal with an exit code on record, or a ledger that adds up to the row.

Each example is a file; those of cells hold dozens of rows each. The long runs ask for more: OATMILL_FUZZ=5000.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from helpers.small_intake import ledger_of, rejected, study_of
from hypothesis import HealthCheck, given, settings

from oatmill.errors import EXIT_CODES, OatmillError, TableEmpty
from oatmill.intake import Intake, read_tables

FILES = int(os.environ.get("OATMILL_FUZZ", "40"))
SLOW = settings(
    max_examples=FILES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
HEADER = ("client_id", "date", "dose_mg", "site_id", "medication", "take_home_days", "note")
LOG = "client_id,date,dose_mg\n" + "".join(f"{k % 7},2020-01-{k % 28 + 1:02},{40 + k}.5\n" for k in range(60))
SET_ASIDE = {f"doses.unreadable_{name}": "quarantine" for name in ("date", "dose_mg", "medication", "take_home_days")}

odd_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r\n"), max_size=12)
dates = st.one_of(
    st.dates().map(str), st.sampled_from(["", "31.12.2019", "2020-02-30", "2020-13-01", "43831", "0000-00-00"])
)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(str),
    st.sampled_from(["", "60", "6e1", "1e999", "-0", "0x10", "1_0", "12,5", "nan", "９", "+60", "60mg"]),
)
row = st.tuples(
    st.one_of(st.sampled_from("abc"), odd_text),
    st.one_of(dates, odd_text),
    st.one_of(numbers, odd_text),
    st.one_of(st.sampled_from(["A", ""]), odd_text),
    st.one_of(st.sampled_from(["methadone", "Buprenorphine", ""]), odd_text),
    st.one_of(st.integers(-5, 400).map(str), odd_text),
    odd_text,
)


def read(files: dict[str, bytes], **settings) -> Intake | None:
    """The intake of these files, or None where it is refused in the way that is on record."""
    with tempfile.TemporaryDirectory() as name:
        folder, error = Path(name), None
        try:
            intake = read_tables(study_of(folder, files, {"blank_dose": "covered"}, **settings), folder / "work")
        except OatmillError as refused:
            error = refused
        if error:
            assert error.exit_code in EXIT_CODES and error.faults
            return None
        for table in files:
            n_read, kept, out = ledger_of(intake, table)
            assert n_read == kept + out
            if out:
                assert len(rejected(folder, table)) == 1 + out
        return intake


@SLOW
@given(st.lists(row, min_size=1, max_size=60))
def test_no_row_is_lost_whatever_its_cells_hold(rows):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([HEADER, *rows])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = study_of(folder, {"doses": text.getvalue().encode()}, {"blank_dose": "covered"}, SET_ASIDE)
        try:
            intake = read_tables(study, folder / "work")
        except TableEmpty:
            assert len(rejected(folder)) == 1 + len(rows)  # all of them, each with its line
            return
        n_read, kept, out = ledger_of(intake)
        assert n_read == len(rows) == kept + out
        lines = [int(line) for line, *_cells in rejected(folder)[1:]] if out else []
        assert lines == sorted(set(lines)) and len(lines) == out and all(2 <= line <= len(rows) + 1 for line in lines)


@SLOW
@given(st.lists(st.tuples(st.integers(0, len(LOG)), st.binary(max_size=4)), min_size=1, max_size=6), st.booleans())
def test_bytes_that_somebody_spoilt(changes, inserted):
    data = LOG.encode()
    for at, new in changes:
        data = data[:at] + new + data[at if inserted else at + len(new) :]
    read({"doses": data})


@SLOW
@given(
    st.lists(st.one_of(st.sampled_from([*HEADER, "", "Дата", "剂量", '"', "=1"]), odd_text), max_size=9),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1251", "gb18030"]),
    st.sampled_from(["utf-8", "utf-16", "cp1251", "gb18030", "latin-1"]),
)
def test_headers_delimiters_and_encodings(header, delimiter, written, said):
    lines = [delimiter.join(header), *(delimiter.join(["1", "2020-01-01", "60"][: len(header)]) for _k in range(3))]
    data = "\n".join(lines).encode(written, errors="replace")
    read({"doses": data, "clients": b"client_id\n1\n"}, doses={"encoding": said})


@SLOW
@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"PAR1", b"SQLite format 3\x00", b"$FL2@(#)", b"<stata_dta>", b"RDX3\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"]))  # fmt: skip
def test_what_only_begins_like_a_known_format(rest, beginning):
    assert read({"doses": beginning + rest}) is None
