"""The published figures in data/published: their form, their arithmetic, and each figure against its place in the source.

The sources are not part of the package. Their folder is OATMILL_SOURCES, or ../shared/sources beside the project; without it
the re-reading tests skip. Figures and locators are compared after three repairs of the text files, made to both sides alike:
runs of white space become one space, hyphens are dropped together with a line break behind them, and so are ligatures
(fi, fl, ff, ffi, ffl) and the replacement character that stands for them.
"""

import csv
import itertools
import os
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "data" / "published"
SOURCES = Path(os.environ.get("OATMILL_SOURCES") or ROOT.parent / "shared" / "sources")

COLUMNS = [
    "id",
    "source",
    "place",
    "area",
    "population",
    "group",
    "measure",
    "qualifier",
    "value",
    "value_high",
    "unit",
    "date",
    "period_start",
    "period_end",
    "printed",
    "locator",
    "note",
]
TABLE2_COLUMNS = [
    "source",
    "place",
    "indicator",
    "label",
    "year",
    "value",
    "value_low",
    "value_high",
    "unit",
    "note",
    "printed",
]
OWN_LAYOUT = {"li2013_table2.csv", "li2013_notes.csv", "sources.csv"}
STATEMENTS = {
    "kyrgyz_registry.csv",
    "central_asia_china.csv",
    "yin2010_pilot_surveys.csv",
    "yin2010_scaleup.csv",
    "yin2010_policy.csv",
    "yin2010_effects.csv",
}
INDICATORS = [
    "clinics",
    "clients_per_clinic",
    "clients_per_clinic_range",
    "clients_per_staff",
    "clients_cumulative",
    "clients_year_end",
    "retention_percent",
    "mean_days_in_treatment",
    "mean_dose_mg",
    "se_dose_mg",
    "concurrent_use_percent",
    "hiv_testing_percent",
    "hcv_testing_percent",
    "syphilis_testing_percent",
    "training_cost_usd",
]
YEARS = range(2004, 2012)
QUALIFIERS = {"exact", "about", "at_least", "at_most", "more_than", "less_than"}
MISSING = "–"
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
NUMBER_WORDS = {word: float(n) for n, word in enumerate(WORDS)} | {"once": 1.0, "half": 50.0}
MULTIPLES = {"million": 1e6, "billion": 1e9}


def read(name):
    with (PUBLISHED / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_statements():
    """Rows of every file in the common layout, with the file's name."""
    names = sorted(path.name for path in PUBLISHED.glob("*.csv") if path.name not in OWN_LAYOUT)
    return [(name, row) for name in names for row in read(name)]


def statements():
    return [pytest.param(row, id=f"{name[:-4]}-{row['id']}") for name, row in read_statements()]


def values():
    """Single figures of the common layout, by id."""
    return {row["id"]: float(row["value"]) for _, row in read_statements() if row["value"]}


def table2():
    """Li 2013 Table 2 as {(indicator, year): row}."""
    return {(row["indicator"], int(row["year"])): row for row in read("li2013_table2.csv")}


def cell(indicator, year):
    return float(table2()[indicator, year]["value"])


def to_number(text):
    """A printed figure as a number: 1,114 and 37 345 (thousands), 0,9 (decimal comma), 1.27 million, eight.

    "half" is a share in percent.
    """
    text = text.strip().removesuffix("%")
    head, _, multiple = text.partition(" ")
    if multiple in MULTIPLES:
        return to_number(head) * MULTIPLES[multiple]
    if text.lower() in NUMBER_WORDS:
        return NUMBER_WORDS[text.lower()]
    if re.fullmatch(r"\d{1,3}([, ]\d{3})+", text):
        return float(re.sub("[, ]", "", text))
    if re.fullmatch(r"\d+[.,]\d{1,2}|\d+", text):
        return float(text.replace(",", "."))
    raise ValueError(text)


def to_numbers(printed):
    """One number, or the two ends of a range (60–100, 5 to 7)."""
    return [to_number(part) for part in re.split(r"–| to ", printed)]


def to_date(printed):
    return datetime.strptime(printed, "%B %d %Y").replace(tzinfo=UTC).date()


def normalise(text):
    text = re.sub(r"-\s*", "", text)
    text = re.sub("\ufffd|ffi|ffl|ff|fi|fl", "", text)
    return " ".join(text.split())


def contains_figure(text, printed):
    """Whether the figure stands in the text as a whole number or word, not as part of a longer one (US939 counts)."""
    before = r"(?<![\d.,])(?<!\d )" if printed[0].isdigit() else r"(?<!\w)"
    return re.search(rf"{before}{re.escape(printed)}(?!\w|[.,]\d| \d)", text) is not None


def is_iso(text):
    """Year, year and month, or day."""
    if not re.fullmatch(r"\d{4}(-\d\d){0,2}", text):
        return False
    date.fromisoformat((text + "-01-01")[:10])
    return True


@pytest.fixture(scope="module")
def source_text():
    if not SOURCES.is_dir():
        pytest.skip(f"the source papers are not in {SOURCES}; set OATMILL_SOURCES to their folder")
    keys = {row["id"]: row["file_key"] for row in read("sources.csv")}
    return {name: one_file(f"{key}_*.txt").read_text(encoding="utf-8") for name, key in keys.items()}


def one_file(pattern):
    (path,) = SOURCES.glob(pattern)
    return path


# Form


def test_files_are_complete_and_plain():
    assert {path.name for path in PUBLISHED.glob("*.csv")} >= STATEMENTS | OWN_LAYOUT
    for path in PUBLISHED.iterdir():
        raw = path.read_bytes()
        assert not raw.startswith(b"\xef\xbb\xbf"), path.name
        assert b"\r" not in raw and raw.endswith(b"\n"), path.name
        raw.decode("utf-8")


def test_every_row_has_every_column():
    for path in PUBLISHED.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert {len(row) for row in rows} == {len(rows[0])}, path.name
        assert all(text == text.strip() for row in rows for text in row), path.name
        if path.name not in OWN_LAYOUT:
            assert rows[0] == COLUMNS, path.name
    assert list(read("li2013_table2.csv")[0]) == TABLE2_COLUMNS


def test_readme_names_every_file_and_column():
    readme = (PUBLISHED / "README.md").read_text(encoding="utf-8")
    assert "public: true" in readme
    names = [path.name for path in PUBLISHED.glob("*.csv")]
    assert [n for n in [*names, *COLUMNS, *TABLE2_COLUMNS, *INDICATORS] if f"`{n}`" not in readme] == []


def test_sources_are_unique_and_used_by_known_id():
    rows = read("sources.csv")
    assert [row["file_key"] for row in rows] == ["000", "001", "002", "003", "004"]
    ids = {row["id"] for row in rows}
    assert ids == {"mat2021review", "yin2010", "li2013", "zhao2020", "ma2016"}
    used = [row for _, row in read_statements()] + read("li2013_table2.csv") + read("li2013_notes.csv")
    assert {row["source"] for row in used} <= ids
    assert {row["doi"] for row in rows if row["doi"]} == {
        "10.1093/ije/dyq210",
        "10.2471/BLT.12.108951",
        "10.7448/IAS.19.4.20879",
    }


def test_statement_ids_are_unique_in_all_files():
    ids = [row["id"] for _, row in read_statements()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("row", statements())
def test_statement_is_well_formed(row):
    for column in ("id", "measure"):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", row[column])
    assert re.fullmatch(r"([a-z][a-z0-9_]*)?", row["group"])
    assert all(row[column] for column in ("place", "area", "population", "unit", "locator"))
    assert row["qualifier"] in QUALIFIERS
    assert len(row["locator"].split()) <= 12
    dates = [row[column] for column in ("date", "period_start", "period_end") if row[column]]
    assert all(is_iso(text) for text in dates)
    assert not (row["date"] and (row["period_start"] or row["period_end"]))
    if row["period_end"]:
        assert row["period_start"] <= row["period_end"]


@pytest.mark.parametrize("row", statements())
def test_statement_value_is_the_printed_figure(row):
    if row["unit"] == "rule":
        assert (row["value"], row["value_high"], row["printed"]) == ("", "", "")
    elif row["unit"] == "date":
        assert row["value"] == "" and row["date"] == to_date(row["printed"]).isoformat()
    else:
        ends = [float(row[column]) for column in ("value", "value_high") if row[column]]
        assert ends == to_numbers(row["printed"])
        assert ends == sorted(ends) and len(ends) <= 2
        if row["unit"] == "percent":
            assert 0 <= ends[0] <= ends[-1] <= 100


@pytest.mark.parametrize(
    ("printed", "numbers"),
    [
        ("1,114", [1114]),
        ("37 345", [37345]),
        ("0,9%", [0.9]),
        ("1,3 million", [1.3e6]),
        ("1.24 billion", [1.24e9]),
        ("5 to 7", [5, 7]),
        ("60–100", [60, 100]),
        ("eight", [8]),
        ("600 000", [600000]),
    ],
)
def test_printed_figures_are_read(printed, numbers):
    assert to_numbers(printed) == pytest.approx(numbers)


@pytest.mark.parametrize("printed", ["37 34", "about 5", "1.2345", "1,1145", ""])
def test_unclear_figures_are_refused(printed):
    with pytest.raises(ValueError, match=rf"^{printed}$"):
        to_numbers(printed)


def test_a_figure_inside_a_longer_one_does_not_count():
    assert contains_figure("94,600 people", "94,600")
    assert not contains_figure("94,600 people", "600")
    assert not contains_figure("97 554 clients", "554")
    assert not contains_figure("97 554 clients", "97")
    assert not contains_figure("21.4% of them", "1.4%")
    assert not contains_figure("CNY 10.5 a day", "10")


# Li 2013, Table 2


def test_table2_has_15_indicators_and_8_years_in_order():
    rows = [(row["indicator"], int(row["year"])) for row in read("li2013_table2.csv")]
    assert rows == list(itertools.product(INDICATORS, YEARS))


def test_table2_values_are_the_printed_ones():
    for row in read("li2013_table2.csv"):
        figure = row["printed"].rstrip("ae")
        found = [row[column] for column in ("value", "value_low", "value_high")]
        if figure == MISSING:
            assert found == ["", "", ""]
        elif row["indicator"] == "clients_per_clinic_range":
            assert found == ["", *figure.split("–")]
        elif row["indicator"] == "clients_per_staff":
            assert found == [figure.removeprefix("1:"), "", ""] and row["unit"] == "clients per staff member"
        else:
            assert found == [figure.replace(" ", ""), "", ""]
            assert float(row["value"]) == to_number(figure)


def test_table2_place_and_unit_follow_the_indicator():
    rows = read("li2013_table2.csv")
    assert all(row["place"] == f"Table 2, row {INDICATORS.index(row['indicator']) + 1}" for row in rows)
    assert len({(row["indicator"], row["label"], row["unit"]) for row in rows}) == len(INDICATORS)


def test_table2_notes_are_explained():
    notes = {row["note"]: row["indicators"].split("|") for row in read("li2013_notes.csv")}
    assert list(notes) == list("abcdefg")
    marked = {(row["note"], row["indicator"]) for row in read("li2013_table2.csv") if row["note"]}
    assert marked == {(note, indicator) for note, named in notes.items() for indicator in named}
    cells = [(row["indicator"], row["year"]) for row in read("li2013_table2.csv") if row["note"] in {"a", "e"}]
    assert cells == [
        ("clients_per_clinic", "2006"),
        ("concurrent_use_percent", "2004"),
        ("concurrent_use_percent", "2005"),
    ]


def test_table2_missing_cells_are_the_tests_before_2010():
    missing = {(row["indicator"], int(row["year"])) for row in read("li2013_table2.csv") if row["printed"] == MISSING}
    assert missing == set(itertools.product(INDICATORS[11:14], range(2004, 2010)))


@pytest.mark.parametrize("year", YEARS)
def test_table2_adds_up(year):
    clinics, closing = cell("clinics", year), cell("clients_year_end", year)
    mean = cell("clients_per_clinic", year)
    span = table2()["clients_per_clinic_range", year]
    assert round(closing / clinics) == mean  # 878 / 8 = 109.75 -> 110 ... 140102 / 738 = 189.8 -> 190
    assert float(span["value_low"]) < mean < float(span["value_high"])
    assert closing < cell("clients_cumulative", year)
    assert cell("mean_days_in_treatment", year) < 365
    if year > YEARS[0]:
        assert cell("clinics", year) > cell("clinics", year - 1)
        assert cell("clients_cumulative", year) > cell("clients_cumulative", year - 1)


def test_table2_net_exit_rates_of_2007_to_2011():
    """Per 100 person-years by mean stock: opening + new - closing over (opening + closing) / 2."""
    rates = []
    for year in range(2007, 2012):
        opening, closing = cell("clients_year_end", year - 1), cell("clients_year_end", year)
        new = cell("clients_cumulative", year) - cell("clients_cumulative", year - 1)
        rates.append(100 * (opening + new - closing) / ((opening + closing) / 2))
    assert [round(rate, 1) for rate in rates] == [67.6, 59.7, 42.8, 37.5, 23.7]


# Arithmetic of the statements


def test_kyrgyz_stock_and_flow():
    v = values()
    assert v["kg_stock_end"] + v["kg_exits"] - v["kg_enrolments"] == 548  # implied for 1 January 2017
    assert v["kg_stock_2021_start"] - v["kg_stock_end"] == 319
    assert round(v["kg_exits"] * v["kg_exits_death_percent"] / 100) == 238
    assert round(v["kg_enrolments"] * v["kg_enrolments_primary_percent"] / 100) == 491
    assert v["kg_registered_dead"] > v["kg_exits"]  # cannot be deaths among the exits
    assert v["kg_sites_health_care"] + v["kg_sites_penitentiary"] == v["kg_sites_total"] == v["kg_sites_total_2021"]


def test_kazakh_and_chinese_coverage():
    v = values()
    assert v["kz_in_treatment_2019_men"] + v["kz_in_treatment_2019_women"] == v["kz_in_treatment_2019"]
    coverage = 100 * v["kz_in_treatment_2019"] / v["kz_opioid_users_estimate"]
    assert round(coverage, 1) == v["kz_coverage_2019"]
    assert v["kg_intro_in_treatment"] + v["kz_intro_in_treatment"] < v["ca_in_treatment"]
    assert 100 * v["ca_in_treatment"] / v["ca_dependent_estimate"] < v["ca_coverage_below"]


def test_pilot_clinics_and_surveys():
    v = values()
    provinces = ["sichuan", "yunnan", "guizhou", "guangxi", "zhejiang"]
    assert sum(v[f"yin_pilot_clinics_{province}"] for province in provinces) == v["yin_pilot_clinics"]
    assert round(v["yin_survey_n_entry"] / v["yin_pilot_enrolled"], 2) == 0.57
    assert v["yin_seronegative"] > v["yin_pilot_enrolled"]  # a misfit of the source
    stayed = 1 - v["yin_pilot_dropout"] / 100
    assert round(stayed * v["yin_injecting_month_12"], 1) == 4.2  # lower bound at 12 months, percent
    assert round(stayed * v["yin_employment_month_12"], 1) == 20.7
    assert round(stayed * v["yin_crime_month_12"], 1) == 1.8


def test_scale_up_agrees_with_table2():
    v = values()
    for year in (2005, 2006, 2007, 2009):
        assert v[f"yin_clinics_{year}"] == cell("clinics", year)
    for year in (2005, 2006, 2007):
        assert v[f"yin_clients_{year}"] == cell("clients_cumulative", year)
    assert v["yin_intro_clients_daily_2009"] == cell("clients_year_end", 2009)
    assert v["yin_clients_ever_2009"] == round(cell("clients_cumulative", 2009), -3)
    assert v["cn_clients_2006"] == cell("clients_cumulative", 2006)


def test_heroin_argument_of_2006():
    v = values()
    grams = v["yin_heroin_g_per_day"] * v["yin_days_forward"]
    assert grams == pytest.approx(v["yin_heroin_per_person"])
    yuan = grams * v["yin_heroin_price_yuan"]
    assert yuan == pytest.approx(v["yin_value_per_person_yuan"])
    assert round(yuan / v["yin_exchange_rate_2006"], 2) == v["yin_value_per_person_usd"]
    assert round(v["yin_heroin_price_yuan"] / v["yin_exchange_rate_2006"], 2) == v["yin_heroin_price_usd"]
    for year, person_years in ((2008, 77600), (2009, 102300)):
        tonnes = v["yin_heroin_g_per_day"] * 365 * person_years / 1e6
        assert round(tonnes, 1) == v[f"yin_heroin_avoided_{year}"]


# Each figure against its place in the source


@pytest.mark.parametrize("row", statements())
def test_figure_stands_in_the_source(row, source_text):
    text, locator = normalise(source_text[row["source"]]), normalise(row["locator"])
    assert text.count(locator) == 1, "the locator must be found exactly once"
    printed = row["printed"]
    if row["unit"] == "date":
        assert printed in row["locator"]
    elif printed:
        assert contains_figure(row["locator"], printed)


def test_figures_of_one_locator_stand_in_the_order_of_its_rows():
    """So that two figures of one fragment cannot be swapped (40 and 70%)."""
    for name in sorted(STATEMENTS):
        printed = {}
        for row in read(name):
            if row["printed"]:
                printed.setdefault(row["locator"], []).append(row["printed"])
        for locator, figures in printed.items():
            rest = locator
            for figure in figures:
                assert contains_figure(rest, figure), (name, locator, figure)
                rest = rest[rest.index(figure) + len(figure) :]


def source_table2(text):
    """The table's cells in order: 15 rows of label and 8 years."""
    body = text.split("Table 2.\t", 1)[1].split("HCV, hepatitis C virus;", 1)[0]
    cells = [line.strip() for line in body.splitlines() if line.strip()]
    first = cells.index("2011") + 1
    assert cells[first - 8 : first] == [str(year) for year in YEARS]
    return [cells[i : i + 9] for i in range(first, len(cells), 9)]


def test_table2_reads_as_in_the_source(source_text):
    rows = read("li2013_table2.csv")
    typed = []
    for group in (rows[i : i + 8] for i in range(0, len(rows), 8)):
        notes = {row["note"] for row in group}
        row_note = notes.pop() if len(notes) == 1 else ""
        typed.append([group[0]["label"] + row_note, *(row["printed"] for row in group)])
    assert typed == source_table2(source_text["li2013"])


@pytest.mark.parametrize("row", read("li2013_notes.csv"), ids=lambda row: row["note"])
def test_note_stands_in_the_source(row, source_text):
    after = source_text["li2013"].split("Table 2.\t", 1)[1]
    (line,) = re.findall(rf"^\t*{row['note']}\t(.+)$", after, flags=re.MULTILINE)
    assert normalise(row["locator"]) in normalise(line)
    assert len(row["locator"].split()) <= 12
    figures = set(re.findall(r"\d+(?:\.\d+)?", row["paraphrase"]))
    assert figures <= set(re.findall(r"\d+(?:\.\d+)?", line))
