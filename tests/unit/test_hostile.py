"""Hostile text on each kind of output: it is shown as text, whole, and nothing else comes of it."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml
from helpers.hostile import EVERY, FAMILIES, SURROGATES

from oatmill.book import building, markup, theme
from oatmill.disclosure import release
from oatmill.errors import Fault, StudyInvalid
from oatmill.figures import in_figure, make_plot
from oatmill.figures import theme as figure_theme
from oatmill.figures.grid import MOST_ROWS
from oatmill.figures.quality import plot_site_months
from oatmill.figures.retention import plot_retention_by_group
from oatmill.labels import LEVELS, label
from oatmill.pages import Page, write_rows
from oatmill.proposal.lines import quoted
from oatmill.results import Result
from oatmill.run import Console
from oatmill.store import file_name
from oatmill.tables import make_table
from oatmill.tables.describe import table_characteristics
from oatmill.text import in_csv, in_html, visible

ROOT = Path(__file__).parents[2]
ALL = [*EVERY, *SURROGATES]
# What a reader takes an apostrophe away before, as the docstring of `in_csv` says.
NEUTRAL = re.compile(r"^'(?=\s*'*[=+\-@＝＋－＠])|(?<=[;,])'(?='*[=+\-@＝＋－＠])")

TABLE_TAGS = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "span", "div", "br"}


class Reader(HTMLParser):
    """What a browser makes of a page: its tags, and the text of each cell, item or paragraph."""

    def __init__(self, markup: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inside = False
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.texts.append("")
        self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.texts[-1] += data


def one_line(text: str) -> str:
    return " ".join(visible(text).split())


def released(levels: list[str], n: float = 60):
    rows = pd.DataFrame({"level": levels, "estimate": n, "n": 600.0, "events": n})
    rows = rows.assign(estimate=0.1, group="site_id", estimand="share", population="starters", unit="proportion")
    return release(Result("characteristics", "proportions", rows), "midpoint6")


# The list


def test_the_list_is_long_and_has_every_family():
    assert len(EVERY) == len(set(EVERY)) >= 300
    assert all(len(strings) >= 9 for strings in FAMILIES.values())


# Text


def test_what_is_shown_can_be_seen_and_written():
    for text in ALL:
        shown = visible(text)
        assert visible(shown) == shown
        assert shown.encode("utf-8")
        assert {char for char in shown if not char.isprintable()} <= set("\u00a0\u2003\u3000"), ascii(text)
        assert len(shown) <= len(text)


def test_text_that_is_no_threat_stays_as_it_is():
    for text in ("Бишкек № 1", "中文诊所", "الرياض", "𝕏😀", "naïve café", "A & B <C>", "e\u0301"):
        assert visible(text) == text


# Tables


def test_a_table_shows_every_string():
    table = table_characteristics(released(EVERY), None)
    page = Reader(table.html.partition("</style>")[2])
    shown = [
        text for (tag, about), text in zip(page.tags, page.texts, strict=True) if tag == "td" and "headers" in about
    ]
    assert shown[::3] == [label(LEVELS, visible(text)) for text in EVERY]
    assert {tag for tag, _about in page.tags} <= TABLE_TAGS
    assert {name for _tag, about in page.tags for name in about if name.startswith("on")} == set()


def test_every_place_of_a_table_shows_text():
    columns = [f"c{number}" for number in range(len(ALL))]
    frame = pd.DataFrame([ALL], columns=columns).assign(g=ALL[0])
    same = {"name": "x", "caption": "c", "groups": "g"}
    wide = make_table(released(["a"]), frame, headings=dict(zip(columns, ALL, strict=True)), **same)
    long = make_table(released(["a"]), pd.DataFrame({"a": "x", "g": ALL}), headings={}, notes=ALL, **same)
    for table, tag, about in ((wide, "td", "headers"), (wide, "th", "id"), (long, "th", "id"), (long, "span", "class")):
        page = Reader(table.html.partition("</style>")[2])
        assert {name for name, _about in page.tags} <= TABLE_TAGS
        found = [
            one_line(text)
            for (name, has), text in zip(page.tags, page.texts, strict=True)
            if (name, about in has) == (tag, True)
        ]
        assert set(map(one_line, ALL)) <= set(found), (tag, set(map(one_line, ALL)) - set(found))


def test_a_caption_is_text():
    for text in ALL[::5]:
        html = make_table(released(["a"]), pd.DataFrame({"a": ["x"]}), name="x", caption=text, headings={}).html
        assert visible(text) in Reader(html.partition("</style>")[2]).texts


# HTML


def test_everything_that_a_page_shows_is_escaped(monkeypatch, tmp_path):
    shown: list[str] = []
    monkeypatch.setattr("oatmill.pages._display", shown.append)
    page = Page(tmp_path)
    for text in ALL:
        page.show_note(text)
        page.show_banner(text)
        page.show_findings([text])
    for markup_, text in zip(shown, [text for text in ALL for _ in range(3)], strict=True):
        reader = Reader(markup_)
        assert reader.texts[-1] == visible(text)
        assert {tag for tag, _about in reader.tags} <= {"p", "div", "ul", "li"}
        assert len(reader.tags) <= 4


def test_an_attribute_holds_the_text():
    for text in ALL:
        (tag,) = Reader(f'<img alt="{in_html(text)}">').tags
        assert tag == ("img", {"alt": visible(text)})


# Markdown, read by the parser of the book


@pytest.fixture(scope="module")
def render():
    from markdown_it.renderer import RendererHTML
    from myst_parser.config.main import MdParserConfig
    from myst_parser.parsers.mdit import create_md_parser

    config = yaml.safe_load((ROOT / "book" / "_config.yml").read_text(encoding="utf-8"))
    extensions = config["parse"]["myst_enable_extensions"]
    return create_md_parser(MdParserConfig(enable_extensions=set(extensions)), RendererHTML).render


def test_markdown_shows_every_string(render):
    for text in ALL:
        plain = markup.plain(text)
        for source, tags in ((f"# {plain}", ["h1"]), (plain, ["p"]), (f"*{plain}*", ["p", "em"])):
            if one_line(text):
                page = Reader(render(source))
                assert [tag for tag, _about in page.tags] == tags, (text, source)
                assert page.texts[-1].strip() == one_line(text)


@pytest.mark.parametrize("write", [markup.plain, markup.code])
def test_a_table_in_markdown_keeps_its_cells(render, write):
    for text in ALL:
        page = Reader(render(markup.table(["a", "b"], [[write(text), "end"]])))
        cells = [tag for tag, _about in page.tags if tag in ("td", "th")]
        assert cells == ["th", "th", "td", "td"], text
        assert page.texts[-1] == "end"
        assert one_line("".join(page.texts[-4:-1])) in (one_line(text), ""), text
        assert not {tag for tag, _about in page.tags} - {"table", "thead", "tbody", "tr", "th", "td", "code"}


def test_cards_banners_and_boxes_are_html(render):
    for text in ALL:
        card = {"label": text, "value": text, "note": text}
        source = markup.cards([card]) + "\n" + markup.banner(text) + "\n" + markup.paragraphs(text, "oatmill-lost")
        page = Reader(render(source))
        assert {tag for tag, _about in page.tags} <= {"div", "p", "br"}, text
        assert sum(found == visible(text) for found in page.texts) >= 4 or not text.strip()


# What Sphinx and its theme write


def test_the_theme_gets_titles_escaped_once():
    from jinja2 import Template

    for text in ALL:
        context = {"docstitle": text}
        theme.escape_titles(None, "index", "page.html", context, None)
        written = [Template(f"<p>{{{{ docstitle{each} }}}}</p>").render(context) for each in ("", "|e", "|striptags|e")]
        assert Reader(written[0]).texts == Reader(written[1]).texts == [visible(text)]
        assert [len(Reader(markup_).tags) for markup_ in written] == [1, 1, 1]


def test_headings_in_the_search_index_are_html(tmp_path):
    index = tmp_path / "searchindex.js"
    headings = {visible(text): [[0, None]] for text in ALL}
    index.write_text(f"Search.setIndex({json.dumps({'alltitles': headings, 'titles': ['A']})})", encoding="utf-8")
    building._escape_headings(index)
    written = json.loads(index.read_text(encoding="utf-8").removeprefix("Search.setIndex(").removesuffix(")"))
    assert [Reader(f"<p>{title}</p>").texts for title in written["alltitles"]] == [[title] for title in headings]
    assert written["titles"] == ["A"]


# Figures


def curves(levels: list[str]):
    rows = [
        {"level": level, "term": term, "day": day, "estimate": 0.9, "lower": 0.8, "upper": 0.95, "se": 0.02, "n": 100.0}
        | {"events": 60.0, "censored": 0.0}
        for level in levels
        for day, term in ((30.0, ""), (90.0, "horizon"))
    ]
    frame = pd.DataFrame(rows).assign(definition="ret_km|gap30", estimand="retention", group="site_id")
    return release(Result("retention_by_site_id", "curve", frame, public=True), "midpoint6")


def site_months(levels: list[str]):
    rows = [
        {"level": level, "period": month, "estimate": 60.0, "n": 60.0}
        for level in levels
        for month in ("2020-01", "2020-03")
    ]
    frame = pd.DataFrame(rows).assign(estimand="client_days", group="site", unit="client-days")
    return release(Result("site_months", "counts", frame), "midpoint6")


def parts(strings: list[str], size: int):
    return [strings[start : start + size] for start in range(0, len(strings), size)]


@pytest.mark.parametrize("levels", parts(EVERY, 8)[::4], ids=lambda levels: ascii(levels[0])[:30])
def test_curves_are_drawn_with_their_names(levels, tmp_path):
    plot = plot_retention_by_group(curves(levels), levels[0])
    legend = plot.figure.axes[0].get_legend()
    names = [in_figure(label(LEVELS, level)) for level in levels]
    assert [text.get_text() for text in legend.get_texts()] == names
    _draw(plot)


@pytest.mark.parametrize("levels", parts(EVERY, MOST_ROWS), ids=lambda levels: ascii(levels[0])[:30])
def test_sites_are_drawn_with_their_names(levels):
    log = {"estimand": "missing_log_days", "group": "site", "unit": "site-days"}
    gone = pd.DataFrame([{"level": levels[0], "period": "2020-02", "estimate": 31.0}]).assign(**log)
    plot = plot_site_months(site_months(levels), release(Result("missing_logs", "counts", gone), "midpoint6"))
    names = [text.get_text() for text in plot.figure.axes[0].get_yticklabels()]
    assert sorted(names) == sorted(map(in_figure, levels))
    _draw(plot)


def _draw(plot) -> None:
    with warnings.catch_warnings(), figure_theme():
        warnings.simplefilter("error", RuntimeWarning)
        buffer = io.BytesIO()
        plot.figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": plot.alt})
    picture = ET.fromstring(buffer.getvalue())
    title = picture.find(".//{http://purl.org/dc/elements/1.1/}title")
    assert title is not None
    assert title.text == plot.alt
    assert not [e for e in picture.iter() if e.tag.rpartition("}")[2] in ("script", "foreignObject", "a")]
    links = [value for e in picture.iter() for name, value in e.attrib.items() if name.endswith("href")]
    assert all(value.startswith(("#", "data:image/png;base64,")) for value in links)
    assert not [name for e in picture.iter() for name in e.attrib if name.startswith("on")]


def test_no_dollar_is_mathematics():
    with figure_theme():
        figure, axes = plt.subplots()
        texts = [axes.text(0, 0, in_figure(text)) for text in FAMILIES["latex"]]
        assert not any(text._preprocess_math(text.get_text())[1] for text in texts)
        plt.close(figure)


def test_the_words_of_a_figure_can_be_written():
    figure = plt.figure()
    plt.close(figure)
    for text in [*ALL[::10], *SURROGATES]:
        plot = make_plot(released(["a"]), figure, name="x", caption=text, alt=text)
        assert plot.alt == visible(text)
        assert len(in_figure(text)) <= 30


# CSV


def test_rows_are_read_back_and_hold_no_formula(tmp_path):
    frame = released(EVERY).frame.assign(page="10_x", output="x")
    write_rows(frame, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [NEUTRAL.sub("", row["level"]) for row in rows] == [visible(text) for text in EVERY]
    assert {row["n"] for row in rows} == {"597"}
    assert pd.read_csv(tmp_path / "x.csv", keep_default_na=False)["level"].tolist() == [row["level"] for row in rows]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_separator_a_spreadsheet_takes(separator):
    for text in ALL:
        for cell in in_csv(text).split(separator):
            number = re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?", cell)
            assert number or not cell.startswith(tuple("=+-@\t\r\n＝＋－＠")), text


def test_numbers_keep_their_sign():
    assert [in_csv(text) for text in ("-5", "+5", "-5,5", "1e3", "60+", "<25")] == [
        "-5",
        "+5",
        "-5,5",
        "1e3",
        "60+",
        "<25",
    ]


# Names of files


def test_no_string_becomes_the_name_of_a_file():
    allowed = [text for text in ALL if re.fullmatch(r"[A-Za-z][\w-]{0,79}", text, re.ASCII)]
    assert not {"a.", "con.txt", "..", "a/b"} & set(allowed)
    for name in (set(ALL) - set(allowed)) | {"CON", "aux", "Lpt9", "COM1"}:
        with pytest.raises(ValueError, match="the name of an output"):
            file_name(name)
        with pytest.raises(ValueError, match="the name of an output"):
            Result(name, "counts", pd.DataFrame({"estimate": [1.0]}))


# Messages


def test_a_message_cannot_speak_to_the_terminal(tmp_path):
    for text in ALL:
        told = Fault("what", file=text, column=text, found=text, expected=text, cure=text).text()
        assert told.count("\n") == 3
        assert told.replace("\n", "") == visible(told.replace("\n", ""))
        stream = io.StringIO()
        Console(stream).say(text)
        assert "\x1b" not in stream.getvalue()


def test_a_refusal_cannot_either():
    report = StudyInvalid("file \x1b[2J", [Fault("what", column="a\x1b]0;b\x07")], cure="x\u202ey").report()
    assert report.split("\n") == [visible(line) for line in report.split("\n")]


# Study files that oatmill init proposes


def test_a_proposed_study_file_names_columns_as_they_are():
    for text in EVERY:
        line = f"    client_id: {quoted(text)}  # TODO is this right?"
        assert "\n" not in line
        assert yaml.safe_load(line) == {"client_id": text}


def test_manifests_and_settings_are_json():
    assert json.loads(json.dumps(EVERY, ensure_ascii=False).encode()) == EVERY
