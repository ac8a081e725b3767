"""Messages, numbers and dates in the study's language."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

import pytest

from oatmill.errors import EXIT_CODES, Fault, OatmillError, ValuesWrong
from oatmill.text import _, date, integer, number, percent, use_language


@pytest.fixture(autouse=True)
def back_to_english() -> Iterator[None]:
    yield
    use_language("en")


def test_numbers_follow_the_language() -> None:
    assert (integer(1234567), number(1234.56, 1), percent(0.756)) == ("1,234,567", "1,234.6", "75.6%")
    use_language("ru")
    assert integer(1234567).replace("\xa0", " ") == "1 234 567"
    assert number(59.25, 2) == "59,25"


def test_missing_is_a_dash_and_zero_has_no_sign() -> None:
    assert (number(math.nan), number(None), percent(math.nan)) == ("–", "–", "–")
    assert number(-0.01, 1) == "0.0"


def test_dates_follow_the_language() -> None:
    day = dt.date(2021, 6, 9)
    assert date(day) == "9 June 2021"
    use_language("ru")
    assert date(day) == "9 июня 2021"


def test_an_unknown_message_stays_as_it_is() -> None:
    use_language("ru")
    assert _("no such message {n}", n=3) == "no such message 3"


def test_a_fault_says_where_what_and_what_to_do() -> None:
    fault = Fault("not a number", "doses.csv", 7, "dose_mg", "text of 3 characters", "a number", "Correct the cell.")
    assert fault.text() == (
        "file doses.csv, line 7, column dose_mg: not a number\n"
        "  found: text of 3 characters\n"
        "  expected: a number\n"
        "  what to do: Correct the cell."
    )
    assert ValuesWrong("Cells cannot be read.", [fault]).report().startswith("Cells cannot be read.\nfile doses.csv")


def test_every_error_has_an_exit_code_of_its_own() -> None:
    codes = [kind.exit_code for kind in OatmillError.__subclasses__()]
    assert len(codes) == len(set(codes))
    assert set(codes) | {0} == set(EXIT_CODES)
    assert all(EXIT_CODES.values())
