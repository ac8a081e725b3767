"""The gate: planted canaries must be found wherever they stand, and nothing else."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import os
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from helpers.programmes import book_of, random_programme
from helpers.published import planned

from oatmill.disclosure import release
from oatmill.errors import GateRefused
from oatmill.gate import Filed, Finder, check_publishable, content, inflate, is_distinctive, private_texts, read_kinds
from oatmill.gate.counts import check_counts
from oatmill.pages import rows_as_csv
from oatmill.profiles import PROFILES
from oatmill.retention import estimate_incidence

HEADER = (
    "page,output,estimand,definition,population,model,group,level,term,day,period,"
    "estimate,lower,upper,se,n,events,unit,status,reason"
)
KINDS = {
    ("20", "counts"): Filed("counts", False),
    ("30", "curve"): Filed("curve", False),
    ("30", "shares"): Filed("proportions", False),
    ("60", "published"): Filed("indicators", True),
    ("60", "secret"): Filed("indicators", False),
    ("30", "incidence"): Filed("derived", False, of_curves=True),
    ("50", "rates"): Filed("derived", False),
}


def row(page: str, output: str, status: str = "shown", **cells: str) -> str:
    values = {"page": page, "output": output, "status": status, **cells}
    return ",".join(values.get(name, "") for name in HEADER.split(","))


@pytest.fixture
def report(tmp_path) -> Path:
    folder = tmp_path / "report"
    for name in ("results/tables", "site/data", "site/_static", "notebooks"):
        (folder / name).mkdir(parents=True)
    (folder / "site" / "index.html").write_text("<h1>Retention</h1>\n<p>9 clients</p>\n", encoding="utf-8")
    write_results(folder, row("20", "counts", estimate="9", unit="clients"))
    return folder


def write_results(folder: Path, *rows: str) -> None:
    (folder / "results" / "results.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")


def own_rows(folder: Path) -> dict[tuple[str, str], frozenset[tuple[str, ...]]]:
    """The rows that stand in the folder, as if each were what its Result gives."""
    rows: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for file in [path for path in folder.rglob("*.csv") if path.is_file()]:
        for line in csv.reader(file.read_text(encoding="utf-8", errors="replace").splitlines()):
            rows.setdefault(tuple(line[:2]), set()).add(tuple(line))
    return {place: frozenset(found) for place, found in rows.items()}


def faults(
    folder: Path, *identifiers: str, private=(), profile: str = "midpoint6", unused=(), meant: str = "", rows=None
) -> list[str]:
    known, others = folder.parent / "identifiers.txt", folder.parent / "unused_values.txt"
    known.write_text("\n".join(identifiers) + "\n", encoding="utf-8")
    others.write_text("\n".join(unused) + "\n", encoding="utf-8")
    options = {"private_texts": private, "profile": PROFILES[profile], "kinds": KINDS, "unused": [others]}
    options["rows"] = own_rows(folder) if rows is None else rows
    try:
        check_publishable(folder, identifiers=[known], meant=[meant], **options)
    except GateRefused as error:
        return [fault.text() for fault in error.faults]
    return []


def test_a_clean_report_passes(report):
    assert faults(report, "KG-2016-0001") == []


# Counts


@pytest.mark.parametrize(
    ("profile", "allowed", "refused"),
    [
        ("midpoint6", ["0", "3", "9", "597"], ["1", "5", "7", "10", "9.5"]),
        ("redact7_round5", ["0", "10", "15"], ["5", "7", "12"]),
        ("cms11", ["0", "10", "25"], ["5", "11"]),
        ("none", ["0", "1", "7"], []),
    ],
)
def test_counts_that_the_profile_can_produce(report, profile, allowed, refused):
    for value in allowed:
        write_results(report, row("20", "counts", estimate=value))
        assert faults(report, profile=profile) == [], value
    for value in refused:
        write_results(report, row("20", "counts", estimate=value))
        assert len(faults(report, profile=profile)) == 1, value


def test_a_wrong_count_is_told_by_file_line_and_column_and_not_by_value(report):
    write_results(report, row("20", "counts", estimate="9"), row("20", "counts", n="7"))
    assert faults(report) == [
        "file results/results.csv, line 3, column n: not a count that the disclosure profile can produce"
    ]


def test_tables_and_the_data_behind_links_are_checked_too(report):
    for name in ("results/tables/t.csv", "site/data/t.csv"):
        (report / name).write_text(f"{HEADER}\n{row('20', 'counts', estimate='8')}\n", encoding="utf-8")
    assert [text.split(",")[0] for text in faults(report)] == ["file results/tables/t.csv", "file site/data/t.csv"]


def test_under_a_curve_stand_differences_of_released_counts(report):
    write_results(report, row("30", "curve", day="1", n="594", events="3"))
    assert faults(report) == []
    write_results(report, row("30", "curve", day="1", n="595", events="3"))
    assert len(faults(report)) == 1


def test_a_row_must_be_what_its_result_gives(report):
    """9 could be a released count, but the Result behind it gives 15."""
    given = row("20", "counts", estimate="15", unit="clients")
    expected = {("20", "counts"): frozenset([tuple(given.split(","))])}
    assert faults(report, rows=expected) == [
        "file results/results.csv, line 2, column output: not the row that its Result gives under this profile and plan"
    ]
    write_results(report, given)
    assert faults(report, rows=expected) == []


def test_counts_in_wider_classes(report):
    """Classes of 12 and 24 have the midpoints 6, 18 ... and 12, 36 ...; 1 and 5 are in no class."""
    for value in ("6", "18", "12", "36"):
        write_results(report, row("20", "counts", estimate=value))
        assert faults(report) == [], value
    write_results(report, row("20", "counts", estimate="5"))
    assert len(faults(report)) == 1


def test_a_share_is_the_share_of_the_released_counts(report):
    write_results(report, row("30", "shares", estimate="0.6", n="15", events="9"))
    assert faults(report) == []
    write_results(report, row("30", "shares", estimate="0.61", n="15", events="9"))
    assert "not the share" in faults(report)[0]
    write_results(report, row("30", "shares", estimate="0.6"))
    assert "not the share" in faults(report)[0]


def test_published_figures_stay_exact_and_confidential_indicators_are_refused(report):
    write_results(report, row("60", "published", estimate="7", n="7"))
    assert faults(report) == []
    write_results(report, row("60", "secret", estimate="0.5"))
    assert "public sources only" in faults(report)[0]


def test_a_withheld_cell_must_be_empty(report):
    write_results(report, row("20", "counts", status="withheld", estimate="9"))
    assert "a withheld cell holds a number" in faults(report)[0]


def test_an_output_without_a_result_is_refused(report):
    write_results(report, row("99", "unknown", estimate="9"))
    assert "no Result of this page and output is known" in faults(report)[0]


def test_kinds_are_read_from_the_results(tmp_path):
    folder = tmp_path / "results" / "30"
    folder.mkdir(parents=True)
    (folder / "curve.json").write_text('{"kind": "curve", "public": false, "output": "curve"}', encoding="utf-8")
    (folder / "curve.types.json").write_text('["x"]', encoding="utf-8")
    told = '{"kind": "derived", "public": false, "output": "cif", "of_curves": true}'
    (folder / "cif.json").write_text(told, encoding="utf-8")
    expected = {("30", "cif"): Filed("derived", False, of_curves=True), ("30", "curve"): Filed("curve", False)}
    assert read_kinds(tmp_path / "results") == expected


def test_what_is_computed_from_curves_repeats_their_counts_and_nothing_else_does(report):
    """Numbers at risk are differences of rounded counts: 195 starters less 3 are 192."""
    write_results(report, row("30", "incidence", n="192"))
    assert faults(report) == []
    write_results(report, row("30", "incidence", n="193"), row("50", "rates", n="192"))
    assert [fault.split(",")[1] for fault in faults(report)] == [" line 2", " line 3"]


# Canaries in the bytes


CANARY = "KG-2016-0001"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("site/30.html", f"<p>{CANARY}</p>"),
        ("site/30.html", f"<p>{CANARY.lower()}</p>"),
        ("site/data/x.txt", f"a,{CANARY},b"),
        ("site/searchindex.js", json.dumps({"terms": [CANARY.lower()]})),
        ("site/_static/own.js", f"var x = '{CANARY}'"),
        ("notebooks/30.ipynb", json.dumps({"cells": [{"source": f"first\n{CANARY}\tlast"}]})),
        ("manifest.json", f'"{CANARY}"'),
    ],
)
def test_a_planted_identifier_is_found(report, place, text):
    (report / place).write_text(f"\n{text}\n", encoding="utf-8")
    assert faults(report, "other-identifier", CANARY) == [f"file {place}, line 2: a client identifier"]


def test_an_identifier_inside_a_picture_of_a_page_is_found(report):
    picture = base64.b64encode(f"<svg><text>{CANARY}</text></svg>".encode()).decode()
    (report / "site" / "30.html").write_text(f'<img src="data:image/svg+xml;base64,{picture}">', encoding="utf-8")
    assert faults(report, CANARY) == ["file site/30.html (picture), line 1: a client identifier"]


def test_an_identifier_inside_the_zip_is_found(report):
    with zipfile.ZipFile(report / "site.zip", "w") as archive:
        archive.writestr("site/30.html", f"<p>{CANARY}</p>")
    assert "file site.zip: site/30.html, line 1: a client identifier" in faults(report, CANARY)


@pytest.mark.parametrize("identifier", ["Иванов П.", "O'Brien & Co", "AB_12_cd", "客户一二三四"])
def test_identifiers_of_any_script_in_html_and_json(report, identifier):
    import html

    (report / "site" / "30.html").write_text(f"<p>{html.escape(identifier)}</p>", encoding="utf-8")
    (report / "site" / "searchindex.js").write_text(json.dumps(identifier), encoding="utf-8")
    assert len(faults(report, identifier)) == 2


@pytest.mark.parametrize(
    "identifier",
    [
        "12345",
        "123456",
        "12345678",
        "12345.5",
        "2016-01-01",
        "01.02.2016",
        "2016-01-01 10:00:00",
        "abcde",
        "1e10",
        "1 000 000",
    ],
)
def test_short_names_plain_numbers_and_dates_say_nothing(report, identifier):
    assert not is_distinctive(identifier)
    (report / "site" / "30.html").write_text(f"<p>{identifier}</p>", encoding="utf-8")
    assert faults(report, identifier) == []


def test_part_of_a_longer_word_is_no_identifier():
    finder = Finder(["client1", "KG-2016-0001"])
    assert list(finder.find(b"client12 xclient1 KG-2016-00012")) == []
    assert list(finder.find(b"client1 (client1)_client1")) == [0, 9, 18]


def test_many_identifiers_with_one_beginning_and_several_lengths():
    finder = Finder([f"CLIENT{n}" for n in range(5000)])
    assert list(finder.find(b"client clients client 12 client4999 client77 client5000")) == [25, 36]


def test_no_identifiers_at_all():
    assert list(Finder([]).find(b"client12345")) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see /home/somebody/data", "a path on this machine"),
        (r"see C:\Users\somebody", "a path on this machine"),
        (r'"C:\\Users\\somebody"', "a path on this machine"),
        ("file:///data/x.csv", "a path on this machine"),
        ("postgresql://somebody:secret@host/db", "a connection string or password"),
        ("Server=x;Password=secret;", "a connection string or password"),
        ("Traceback (most recent call last):", "a Python traceback"),
    ],
)
def test_what_a_machine_leaves_behind_is_found(report, text, what):
    (report / "site" / "30.html").write_text(f"<p>\n{text}</p>", encoding="utf-8")
    assert faults(report) == [f"file site/30.html, line 2: {what}"]


@pytest.mark.parametrize(
    "text", ["and/or/home", "https://example.org/home/x", "10:30", "a ratio of 3:1", "https://doi.org/10.1093/ije"]
)
def test_ordinary_text_is_left_alone(report, text):
    (report / "site" / "30.html").write_text(f"<p>{text}</p>", encoding="utf-8")
    assert faults(report) == []


def test_places_of_this_machine_are_found(report, tmp_path):
    (report / "site" / "30.html").write_text(f"<p>{tmp_path}/study</p>", encoding="utf-8")
    assert "a place or a name of this machine" in faults(report, private=private_texts(tmp_path / "work"))[0]


# Spelling


@pytest.mark.parametrize(
    "text",
    [
        "&#x0418;&#1074;анов &amp;amp; Co",
        r"\u0418\u0432\u0430\u043d\u043e\u0432 \u0026 Co",
        "%D0%98%D0%B2%D0%B0%D0%BD%D0%BE%D0%B2%20%26%20Co",
        "ИВАНОВ & CO",
        "Иванов\u00a0& Co",
        "<b>Ива</b>нов <i>&amp;</i> Co",
        "Ива\u006eов & Co".replace("n", "н"),
    ],
)
def test_an_identifier_is_found_however_it_is_spelt(report, text):
    (report / "site" / "30.html").write_text(f"<p>\n{text}</p>", encoding="utf-8")
    assert faults(report, "Иванов & Co") == ["file site/30.html, line 2: a client identifier"]


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_text_in_two_bytes_a_letter_is_read(report, coding):
    (report / "site" / "data" / "x.txt").write_bytes("Клиент Иванов П., 12".encode(coding))
    found = faults(report, "Иванов П.")
    assert found, "either read, or refused as what it does not say it is"


@pytest.mark.parametrize("text", ["ивановский", "Заиванов", "иванов2"])
def test_a_russian_word_that_holds_a_name_is_another_word(report, text):
    (report / "site" / "30.html").write_text(f"<p>{text}</p>", encoding="utf-8")
    assert faults(report, "Иванов") == []


def test_chinese_has_no_blanks_between_words(report):
    (report / "site" / "30.html").write_text("<p>客户王小明已离开</p>", encoding="utf-8")
    assert len(faults(report, "王小明")) == 1
    assert not is_distinctive("王明")


@pytest.mark.parametrize(
    "text",
    [
        "20101199012345",
        "20,101,199,012,345",
        "20 101 199 012 345",
        "20101199012345.0",
        "no. 20101199012345.",
        "(20101199012345)",
    ],
)
def test_a_long_number_is_found(report, text):
    (report / "site" / "30.html").write_text(f"<p>{text}</p>", encoding="utf-8")
    assert faults(report, "20101199012345") == ["file site/30.html, line 1: a client identifier"]


@pytest.mark.parametrize("text", ["0.123456789", "123456789.25", "1234567890", "ab123456789", "12,345,678"])
def test_a_long_number_within_another_is_no_identifier(report, text):
    (report / "site" / "30.html").write_text(f"<p>{text}</p>", encoding="utf-8")
    assert faults(report, "123456789", "12345678") == []


def test_a_telephone_is_found_as_digits_too(report):
    (report / "site" / "30.html").write_text("<p>996555123456</p>", encoding="utf-8")
    assert len(faults(report, "+996 (555) 12-34-56")) == 1


# Values of unused columns


def test_a_value_of_an_unused_column_is_found_and_the_cure_told(report):
    (report / "site" / "30.html").write_text("<p>\nZqvakov Xurel</p>", encoding="utf-8")
    (told,) = faults(report, unused=["Zqvakov Xurel"])
    assert told.startswith(
        "file site/30.html, line 2: a value of a column that nothing uses\n  what to do: Take columns"
    )


def test_ordinary_words_and_what_the_study_file_says_are_not_searched_for(report):
    words = ("methadone", "Retention", "Kaplan", "A. Zqvakov")
    (report / "site" / "30.html").write_text(f"<p>{' '.join(words)}</p>", encoding="utf-8")
    assert faults(report, unused=words, meant='"authors": ["A. Zqvakov"]') == []


# Inside files


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    whole = [(b"IHDR", bytes(13)), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + bytes(4) for kind, body in whole
    )


HIDDEN = CANARY.encode()
PACKED = {
    "tEXt": png((b"tEXt", b"Title\0" + HIDDEN)),
    "zTXt": png((b"zTXt", b"Title\0\0" + zlib.compress(HIDDEN))),
    "iTXt": png((b"iTXt", b"Title\0\1\0\0\0" + zlib.compress(HIDDEN))),
    "iTXt plain": png((b"iTXt", b"Title\0\0\0\0\0" + HIDDEN)),
    "eXIf": png((b"eXIf", b"II*\0" + HIDDEN)),
    "after the end": png() + HIDDEN,
}


@pytest.mark.parametrize("kind", PACKED)
def test_text_beside_the_pixels_of_a_picture_is_found(report, kind):
    (report / "results" / "figure.png").write_bytes(PACKED[kind])
    assert faults(report, CANARY) == ["file results/figure.png (beside the pixels), line 1: a client identifier"]
    page = f'<img src="data:image/png;base64,{base64.b64encode(PACKED[kind]).decode()}">'
    (report / "results" / "figure.png").unlink()
    (report / "site" / "30.html").write_text(page, encoding="utf-8")
    assert "file site/30.html (picture) (beside the pixels), line 1: a client identifier" in faults(report, CANARY)


def zipped(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def test_archives_in_archives_and_compressed_lists_are_opened(report):
    (report / "site" / "data" / "x.zip").write_bytes(zipped("inner.zip", zipped("a.csv", HIDDEN)))
    (report / "site" / "objects.inv").write_bytes(b"# Sphinx inventory version 2\n" + zlib.compress(HIDDEN))
    (report / "site" / "y.svg").write_bytes(gzip.compress(b"<!-- " + HIDDEN))
    places = {text.split(",")[0] for text in faults(report, CANARY) if text.endswith("a client identifier")}
    assert places == {"file site/data/x.zip: inner.zip: a.csv", "file site/objects.inv", "file site/y.svg (unpacked)"}


def test_the_zip_holds_what_stands_beside_it_and_nothing_else(report):
    page = (report / "site" / "index.html").read_bytes()
    (report / "site.zip").write_bytes(zipped("site/index.html", page))
    assert faults(report) == []
    (report / "site.zip").write_bytes(zipped("site/index.html", page + b" "))
    assert faults(report) == ["file site.zip: site/index.html: not the same as the file of this name in the report"]
    (report / "site.zip").write_bytes(zipped("site/other.html", page))
    assert len(faults(report)) == 1


def test_an_archive_that_grows_without_end_is_refused(report, monkeypatch):
    for module in (inflate, content):
        monkeypatch.setattr(module, "LARGEST", 1000)
    (report / "site" / "x.svg").write_bytes(gzip.compress(bytes(10_000)))
    (report / "site" / "y.zip").write_bytes(zipped("y.csv", bytes(10_000)))
    assert sum("more is packed into this file" in text for text in faults(report)) == 2


@pytest.mark.parametrize(
    "name", ["x.xlsx", "x.parquet", "x.jpg", "x.pkl", ".results.csv.abc", "site/_static/../x.woff", "LICENSE"]
)
def test_a_file_that_cannot_be_looked_into_is_refused(report, name):
    (report / name).write_bytes(b"anything")
    assert "a file of a kind that the gate cannot look into" in faults(report)[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.csv", b"\xff\xfa\x00"), ("x.png", b"GIF89a"), ("x.zip", b"PK\x03\x04"), ("x.pdf", b"%PDF-1.4 (LibreOffice)")],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(report, name, content):
    (report / name).write_bytes(content)
    assert "not what its name says" in faults(report)[0]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_is_refused(report, tmp_path):
    (report / "x.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert "a link to a file elsewhere" in faults(report)[0]


@pytest.mark.parametrize("name", [f"results/{CANARY}.csv", f"site/{CANARY}/x.csv"])
def test_names_of_files_and_folders_are_searched_and_not_repeated(report, name):
    (report / name).parent.mkdir(exist_ok=True)
    (report / name).write_text(CANARY, encoding="utf-8")
    told = faults(report, CANARY)
    assert told and CANARY not in "".join(told)
    assert f"file {name.split('/')[0]}: the name of a file in this folder holds a client identifier" in told[0]


def test_names_within_an_archive_are_searched(report):
    (report / "site.zip").write_bytes(zipped(f"site/{CANARY}.html", b"x"))
    told = faults(report, CANARY)
    assert told and told[0].startswith("file site.zip: the name") and CANARY not in "".join(told)


def test_a_pdf_that_chromium_printed_is_read(report, requires, tmp_path):
    page = tmp_path / "page.html"
    words = f"<title>Иванов П.</title><p>{CANARY}<p><a href='https://x.org/AB-12-cd'>x</a><p style='font-size:40px'>客户王小明"
    page.write_text(f"<meta charset=utf-8>{words}", encoding="utf-8")
    program = [
        str(requires("chromium")),
        "--headless",
        "--no-sandbox",
        "--no-pdf-header-footer",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    target = report / "report.pdf"
    subprocess.run([*program, f"--print-to-pdf={target}", page.as_uri()], check=True, capture_output=True, timeout=120)
    assert HIDDEN not in target.read_bytes()
    assert [text.split(",")[0] for text in faults(report, CANARY)] == ["file report.pdf (page 1)"]
    for word in ("Иванов П.", "AB-12-cd"):
        assert {text.split(",")[0] for text in faults(report, word)} == {"file report.pdf (titles and links)"}


def test_at_most_twenty_faults_are_told(report):
    write_results(report, *(row("20", "counts", estimate="8") for _ in range(50)))
    assert len(faults(report)) == 20


@pytest.mark.parametrize(
    ("output", "published"),
    [
        ({"output_type": "display_data", "data": {"text/html": ['<figure class="oatmill-figure">']}}, True),
        ({"output_type": "display_data", "data": {"text/html": ["<table><tr><td>17</td></tr></table>"]}}, False),
        (
            {"output_type": "display_data", "data": {"text/html": ['<p class="oatmill-note">'], "text/plain": "17"}},
            False,
        ),
        ({"output_type": "display_data", "data": {"text/html": ['<p class="oatmill-note">'], "image/png": ""}}, False),
        ({"output_type": "execute_result", "data": {"text/plain": ["   client  age"]}}, False),
        ({"output_type": "stream", "name": "stdout", "text": ["0 17 male"]}, False),
    ],
)
def test_a_notebook_publishes_only_what_was_shown_through_the_study(report, output, published):
    notebook = {"cells": [{"cell_type": "code", "source": "", "outputs": [output]}]}
    (report / "notebooks" / "70_own.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    found = [fault for fault in faults(report) if "70_own" in fault]
    assert found == [] if published else "cell 1 shows something that was not released" in found[0]


@pytest.mark.parametrize("profile", ["midpoint6", "redact7_round5", "acro10", "cms11"])
def test_every_count_of_random_books_can_be_published(tmp_path, profile):
    """What disclosure control releases, the gate lets through: of many programmes, numbers computed from curves included."""
    lines, kinds = [], {}
    for seed in range(1, 7):
        results = book_of(random_programme(seed))
        plan = planned(results, profile)
        shown = {each.output: release(each, profile, plan) for each in results}
        for name in [name.removeprefix("dropout_") for name in shown if name.startswith("dropout_")]:
            cif = estimate_incidence(shown[f"retention_{name}"], shown[f"dropout_{name}"])
            shown[cif.output] = release(cif, profile, plan)
        for output, each in shown.items():
            kinds[str(seed), output] = Filed(each.kind, False, of_curves=output.startswith("retention_cif"))
            text = rows_as_csv(each.frame.assign(page=str(seed), output=output))
            lines += text.splitlines()[1:]
    (tmp_path / "results").mkdir()
    write_results(tmp_path, *lines)
    assert any(",retention_cif_" in line for line in lines)
    assert list(check_counts(tmp_path, PROFILES[profile], kinds, own_rows(tmp_path))) == []
