"""What stands on the pages, beside what stands in results.csv: a reader of the pages knows no number more.

Tables and figures are made of Released rows only, so this holds by structure; here it is read off the finished site:
every number in a table, a finding, a caption or an alt text is a released one, or a share, a rate or a setting; every
corner of a curve, measured in the SVG file, is a released row. So the size of a file tells nothing more either.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from bs4 import BeautifulSoup
from helpers.attacker.steps import Points, steps_in

from oatmill.cli import main
from oatmill.pages import read_results
from oatmill.text import use_language

CHAPTERS = ("10_data_quality", "20_cohort", "30_retention", "40_dose_and_dropout")
NUMBER = re.compile(r"(?<![\w.])(\d[\d,]*(?:\.\d+)?)(\s?%)?")
VALUES = ("estimate", "lower", "upper", "se", "n", "events", "day")
TEXTS = ("definition", "group", "level", "term", "period", "model", "population", "unit")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pages")
    words = ["report", "--out", str(out), "--set", "generate.clients=400", "--set", "generate.sites=3"]
    words += ["--set", "generate.years=2", "--set", "definitions.data_cut=2017-12-31"]
    assert main([*words, "--set", "definitions.death_linkage_date=2017-12-31"]) == 0
    use_language("en")
    return out / "reports" / "demo"


def rows_of(report: Path, page: str) -> list[dict[str, str]]:
    with (report / "results" / "results.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["page"] == page]


def shown_on(report: Path, page: str) -> Iterator[str]:
    """The text of tables, findings, captions and alt texts; not of code and of the notebook's own prose."""
    soup = BeautifulSoup((report / "site" / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    for part in soup.select(".oatmill-table td, .oatmill-table th, .oatmill-findings li, figcaption, .gt_sourcenote"):
        yield part.get_text(" ")
    for picture in soup.select("figure.oatmill-figure img"):
        yield str(picture["alt"])


def numbers_in(text: str) -> Iterator[tuple[float, int, bool]]:
    """Each number, its decimals, and whether it is a percentage."""
    for match in NUMBER.finditer(text):
        digits = match[1].rstrip(",").replace(",", "")
        yield float(digits), len(digits.partition(".")[2]), bool(match[2])


def known_numbers(rows: list[dict[str, str]], settings: dict[str, Any], notes: str) -> tuple[set[float], set[float]]:
    """Whole numbers that may stand on a page as they are, and quantities that may stand there rounded."""
    whole = {number for number, _decimals, _percent in numbers_in(json.dumps(settings) + notes)}
    whole |= {number for row in rows for name in TEXTS for number, _d, _p in numbers_in(row[name].replace("_", " "))}
    whole |= {
        float(len({row[name] for row in rows if row["output"] == output}))
        for name in ("level", "period")
        for output in {row["output"] for row in rows}
    }
    whole.add(float(sum(row["output"] == "checks" and float(row["estimate"] or 1) == 0 for row in rows)))
    values = [{name: float(row[name]) for name in VALUES if row[name]} for row in rows]
    whole |= {value for row in values for value in row.values() if value.is_integer()}
    exact = {value for row in values for value in row.values()}
    years = {row["estimate"] / 365.25 for row in values if "estimate" in row}
    rates = {
        100 * row["events"] / (row["estimate"] / 365.25) for row in values if row.get("events") and row.get("estimate")
    }
    return whole, exact | years | rates


def shares_of(rows: list[dict[str, str]]) -> set[float]:
    """Percentages: of a released share, or of two counts, or sums of counts, of one group of an output."""
    found = {100 * float(row[name]) for row in rows for name in ("estimate", "lower", "upper") if row[name]}
    groups: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        if row["status"] == "shown":
            count = float(row["events"] or row["estimate"])
            groups.setdefault((row["output"], row["group"]), []).append(count)
            if ", " in row["group"]:  # a column of a table of two things
                groups.setdefault((row["output"], row["group"], row["term"]), []).append(count)
            if row["n"] and float(row["n"]):
                found.add(100 * count / float(row["n"]))
    for counts in groups.values():
        if len(counts) < 30:
            sums = {*counts, sum(counts), *(sum(counts) - one for one in counts)}
            found |= {100 * one / other for one in sums for other in sums if other}
    return found


def is_known(value: float, decimals: int, among: set[float]) -> bool:
    return any(math.isclose(value, round(each, decimals), abs_tol=10**-decimals * 0.51) for each in among)


@pytest.mark.parametrize("page", CHAPTERS)
def test_every_number_on_a_page_is_a_released_one(report: Path, page: str) -> None:
    rows = rows_of(report, page)
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    notes = (report / "site" / "disclosure.html").read_text(encoding="utf-8")
    whole, real = known_numbers(rows, manifest["definitions"], BeautifulSoup(notes, "html.parser").get_text(" "))
    shares = shares_of(rows)
    texts, unexplained, seen = list(shown_on(report, page)), [], 0
    for text in texts:
        for value, decimals, percent in numbers_in(text):
            seen += 1
            if percent:
                explained = is_known(value, decimals, shares)
            else:
                explained = value in whole or (bool(decimals) and is_known(value, decimals, real | shares))
                explained = explained or is_known(value, 0, {each for each in real if not each.is_integer()})
            if not explained:
                unexplained.append((value, text[:80]))
    assert seen > 20
    assert unexplained == []


def test_pictures_and_pages_hold_no_other_numbers(report: Path) -> None:
    """Text of figures is drawn as paths, so a picture holds no number in letters but its alt text."""
    for picture in (report / "results" / "figures").glob("*.svg"):
        drawn = ET.parse(picture)
        assert drawn.findall(".//{http://www.w3.org/2000/svg}text") == []
    assert not list(report.rglob("*.parquet"))


def curves_of(rows: list[dict[str, Any]]) -> list[set[tuple[float, float]]]:
    """(day, share) of every row of every curve, and where it starts."""
    curves: dict[tuple[str, ...], set[tuple[float, float]]] = {}
    for row in rows:
        if str(row["definition"]).startswith("ret_km") and row["status"] == "shown":
            name = (row["output"], row["level"])
            curves.setdefault(name, {(0.0, 1.0)}).add((float(row["day"]), float(row["estimate"])))
    return list(curves.values())


def draws(line: Points, curve: set[tuple[float, float]]) -> bool:
    """Whether all corners of a line are rows of the curve, with the unit of its days taken from the last."""
    unit = max(day for day, _share in curve) / line[-1][0]
    return all(
        any(math.isclose(x * unit, day, abs_tol=0.01) and math.isclose(y, share, abs_tol=1e-6) for day, share in curve)
        for x, y in line
    )


def test_the_steps_of_a_curve_are_released_rows(report: Path) -> None:
    """And they are not those of the curve of the true counts, which this would find."""
    released = curves_of(rows_of(report, "30_retention"))
    results = read_results(report.parents[1] / "work" / "demo" / "results")["30_retention"]
    frames = [each.frame.assign(output=each.output, status="shown") for each in results if each.kind == "curve"]
    true = curves_of([row for frame in frames for row in frame.to_dict("records")])
    lines = [line for name in ("retention", "retention_by_sex_gap30") for line in figure_lines(report, name)]
    assert len(lines) >= 3
    for line in lines:
        assert any(draws(line, curve) for curve in released)
        assert not any(draws(line, curve) for curve in true)


def figure_lines(report: Path, name: str) -> list[Points]:
    return steps_in(report / "results" / "figures" / f"{name}.svg")
