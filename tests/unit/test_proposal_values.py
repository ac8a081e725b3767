"""What the cells of a column can be: everything that reads all of them, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest

from oatmill.proposal.values import date_formats, fits, last_day, number, number_marks, read_cells
from oatmill.schema import TABLES


@pytest.mark.parametrize(
    ("cells", "ways"),
    [
        (["2019-12-31"], ("%Y-%m-%d",)),
        (["31.12.2019", "1.2.2020"], ("%d.%m.%Y",)),
        (["03/04/2019", "12/11/2019"], ("%d/%m/%Y", "%m/%d/%Y")),
        (["03/04/2019", "13/04/2019"], ("%d/%m/%Y",)),
        (["03/04/2019", "04/13/2019"], ("%m/%d/%Y",)),
        (["20191231"], ("%Y%m%d",)),
        (["2019年12月31日"], ("%Y年%m月%d日",)),
        (["2019-12-31 08:15:00"], ("%Y-%m-%d %H:%M:%S",)),
        (["31-Dec-2019"], ("%d-%b-%Y",)),
        (["60", "80"], ()),
        (["Ivanov"], ()),
        ([], ()),
    ],
)
def test_formats_are_those_that_read_every_date(cells, ways):
    assert date_formats(read_cells("d", cells)).ways == ways


def test_a_few_bad_dates_leave_a_format_that_is_not_whole():
    reading = date_formats(read_cells("d", ["31.12.2019"] * 9 + ["31.12"]))
    assert (reading.ways, reading.read, reading.whole) == (("%d.%m.%Y",), 9, False)


def test_numbers_with_commas_and_thousands():
    assert number("1 234,5", ",", " ") == 1234.5
    assert number("1\u00a0234", ".", " ") == 1234
    assert number("1,234.5", ".", ",") == 1234.5
    assert number("12,5", ".", ",") is None
    assert number("", ".", "") is None
    assert (",", "") in number_marks(read_cells("x", ["60,5", "80"])).ways
    assert number_marks(read_cells("x", ["60.5", "80"])).ways[0] == (".", "")
    assert number_marks(read_cells("x", ["sixty"])).ways == ()


def test_blank_cells_and_words_for_not_known_are_counted_apart():
    cells = read_cells("x", ["60", "", " ", "н/д", "60"])
    assert (dict(cells.values), cells.blank, dict(cells.missing), cells.rows) == ({"60": 2}, 2, {"н/д": 1}, 5)


def test_what_a_column_can_hold():
    doses, clients = TABLES["doses"], TABLES["clients"]
    dates, doses_seen, free = (
        read_cells("x", c) for c in (["2020-01-01"], ["60", "80"], [f"note {n}, long" for n in range(100)])
    )
    assert fits(doses.column("date"), dates) and not fits(doses.column("date"), doses_seen)
    assert fits(doses.column("dose_mg"), doses_seen) and not fits(doses.column("dose_mg"), dates)
    assert not fits(clients.column("sex"), free)
    assert fits(clients.column("sex"), read_cells("x", []))
    assert not fits(clients.column("client_id"), dates)


def test_last_day():
    assert last_day(read_cells("d", ["31.12.2019", "01.02.2019"]), "%d.%m.%Y") == dt.date(2019, 12, 31)
