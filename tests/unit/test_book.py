"""The book's sources: what is generated, what is escaped, what is refused. (tests/site builds and opens it.)"""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from helpers.dummy_study import DOSES, code, dummy_parts, markdown, write_notebook, write_study

from oatmill.book import building, markup, pages
from oatmill.book.chapters import prepare
from oatmill.book.dictionary import optional_for, required_by
from oatmill.book.sources import contents, write_sources
from oatmill.definitions import DEFINITIONS
from oatmill.errors import BookFailed, NotSupported
from oatmill.intake.messages import all_row_rules, read_messages
from oatmill.run import Chapter, find_chapters, make_report
from oatmill.run import report as report_module
from oatmill.schema import TABLES
from oatmill.study import Definitions
from oatmill.text import use_language

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "book"
SHOWN = """from IPython.display import HTML, display
display(HTML('<p class="oatmill-note">shown</p>'))"""


@pytest.fixture(autouse=True)
def english():
    yield
    use_language("en")


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """What a run hands to the book: a page that is reduced and one that is refused."""
    folder = tmp_path_factory.mktemp("book")
    write_study(folder / "study", "programme_name: The <b>programme</b>")
    cells = ("cards(('Clients', '597', 'in the log'))", "one = 1", SHOWN, markdown("## Limits"))
    lost = {"clients.sex": "no split by sex"}
    write_notebook(folder / "study" / "notebooks", "10_quality", *cells, requires=DOSES, optional=lost)
    published = "cards(('in the registry', '871', 'published'))"
    write_notebook(folder / "study" / "notebooks", "40_published", published)
    write_notebook(folder / "study" / "notebooks", "50_registry", requires={"registry": ["client_id"]})
    kept = []

    def keep(given, target):
        kept.append(given)
        (target / "site").mkdir()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_module, "bundle", lambda: folder / "no-bundle")
        make_report(folder / "study", folder / "out", parts=dummy_parts(build_book=keep))
    return kept[0]


@pytest.fixture
def sources(material, tmp_path) -> Path:
    write_sources(material, tmp_path / "book")
    return tmp_path / "book"


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def test_landing_page_has_title_cards_banner_and_chapters(sources):
    text = read(sources, "index.md")
    assert text.startswith("# A small programme\n")
    assert '<p class="oatmill-card-value">597</p><p class="oatmill-card-label">Clients</p>' in text
    assert "Synthetic data" in text
    assert "| [Quality](10_quality.ipynb) | What about quality? | reduced: the page says what is missing |" in text
    assert "| [Registry](50_registry.md) | What about registry? | no: the page says why |" in text
    assert r"The \<b\>programme\</b\>" in text


def test_cards_of_published_figures_stand_apart(sources):
    own, _heading, published = read(sources, "index.md").partition("**From published figures, not from this study**")
    assert "597" in own
    assert "871" in published


def test_a_refused_chapter_says_what_it_lacks_and_what_to_add(sources):
    text = read(sources, "50_registry.md")
    assert "This study has no registry.client_id, which this chapter needs." in text
    assert "add to the study file: `registry.client_id`" in text


def test_a_reduced_chapter_says_what_is_lost(sources):
    notebook = json.loads(read(sources, "10_quality.ipynb"))
    assert "This study has no clients.sex: no split by sex." in notebook["cells"][1]["source"]
    assert "Synthetic data" in notebook["cells"][1]["source"]


def test_capabilities_name_the_columns_to_add(sources):
    text = read(sources, "capabilities.md")
    assert "| Chapter | Can run | What it loses | What to add |" in text
    assert "| Quality | reduced | no split by sex | `clients.sex` |" in text
    assert "| Registry | no | the whole chapter | `registry.client_id` |" in text


def test_dictionary_has_every_column_of_the_schema(sources):
    text = read(sources, "dictionary.md")
    for table in TABLES.values():
        part = text.split(f"## {table.name}\n")[1].split("\n## ")[0]
        assert re.findall(r"^\| `(\w+)`", part, re.MULTILINE) == list(table.names)


def test_dictionary_says_which_chapter_requires_a_column_and_which_can_do_without(sources):
    rows = dict(re.findall(r"^\| (`\w+`) \|(.*)\|$", read(sources, "dictionary.md").split("## doses")[0], re.MULTILINE))
    assert rows["`sex`"].endswith("|   | Quality: no split by sex ")
    assert rows["`education`"].endswith("|   |   ")
    doses = read(sources, "dictionary.md").split("## doses\n")[1].split("\n## ")[0]
    assert "| `date` | Day of dispensing | date |   | *the table*<br>Quality |   |" in doses
    assert "The table needs one of these: `start` + `end`; `days` + `ended`." in read(sources, "dictionary.md")


def test_a_chapter_with_a_choice_of_tables_requires_a_column_unless_it_has_the_other():
    either = Chapter("30_x", Path(), "X", requires=({"doses": ("date",)}, {"episodes": ("start", "end"), "exits": ()}))
    assert list(required_by("doses", "date", [either])) == ["X (unless the study has `episodes` or `exits`)"]
    assert list(required_by("doses", "dose_mg", [either])) == []
    assert list(required_by("episodes", "end", [either])) == ["X (unless the study has `doses`)"]
    assert list(required_by("exits", "", [either])) == ["X (unless the study has `doses`)"]


def test_a_loss_stands_with_each_column_that_would_prevent_it():
    chapter = Chapter(
        "30_x", Path(), "X", optional={"doses.site_id or clients.site_id": "no sites", "exits": "no ends"}
    )
    assert list(optional_for("clients.site_id", [chapter])) == ["X (or `doses.site_id`): no sites"]
    assert list(optional_for("exits", [chapter])) == ["X: no ends"]
    assert list(optional_for("exits.reason", [chapter])) == []


def test_every_declaration_of_a_notebook_stands_in_the_dictionary():
    """Each column that a chapter of this project names, and none that the schema does not have."""
    for chapter in find_chapters(ROOT / "notebooks"):
        named = [
            (table, column) for choice in chapter.requires for table, columns in choice.items() for column in columns
        ]
        optional = [place.partition(".") for places in chapter.optional for place in places.split(" or ")]
        for table, column in [*named, *((table, column) for table, _dot, column in optional if column)]:
            assert column in TABLES[table].names, f"{chapter.page}: {table}.{column}"


def test_messages_have_their_example_cure_and_exit_code(sources):
    text = read(sources, "messages.md")
    part = text.split("(message-cells-unreadable)=\n")[1].split("(message-")[0]
    assert part.startswith("### \\{n\\} cell cannot be read (line \\{lines\\})\n")
    assert "```text\nclient_id,date,dose_mg\nA1,31.01.2020,60\n```" in part
    assert "**What to do**: If the whole column is written so" in part
    assert "Exit code: 15 (Cells that cannot be read as what their column holds)" in part
    entries, checks = read_messages()
    assert text.count("**What to do**") == len(entries) + len(checks)


def test_checks_are_listed_as_a_study_file_names_them(sources):
    text = read(sources, "messages.md")
    after_death = "| `doses.after_death` | dated after the client's recorded death | `quarantine` (or `stop`) |"
    assert f"{after_death} [what to do](#check-after-death) |" in text
    assert "| `clients.repeated_client_id` | several different rows with one value of `client_id` | `stop` |" in text
    assert "| `exits.not_in_doses` | clients with a recorded exit and without any dose | `warn` |" in text
    listed = set(re.findall(r"^\| `(\w+\.\w+)` \|", text, re.MULTILINE))
    assert listed >= {f"{table}.{rule.id}" for table, rules in all_row_rules().items() for rule in rules}
    targets = set(re.findall(r"^\((check-[\w-]+)\)=$", text, re.MULTILINE))
    assert set(re.findall(r"\(#(check-[\w-]+)\)", text)) == targets


def test_methods_end_with_every_setting_and_every_definition(sources):
    text = read(sources, "methods.md")
    assert "<!-- settings -->" not in text
    for name in [*Definitions.model_fields, *DEFINITIONS]:
        assert f"`{name}`" in text


def test_provenance_names_inputs_and_no_place(sources, material):
    text = read(sources, "provenance.md")
    (entry,) = material.manifest["inputs"]
    assert f"| `doses` | `doses.csv` | `{entry['sha256'][:16]}` | synthetic |" in text
    assert "bytes" not in entry, "a file's size tells how many rows it has"
    assert str(material.work.parents[1]) not in text


def test_configuration_is_strict_offline_and_of_this_study(sources):
    config = yaml.safe_load(read(sources, "_config.yml"))
    assert config["title"] == "A small programme"
    assert config["author"] == "A. Author"
    assert config["execute"]["execute_notebooks"] == "off"
    assert "sphinx_thebe" not in config["sphinx"]["config"]["extensions"]
    assert "sphinx-mathjax-offline" in config["sphinx"]["config"]["extensions"]
    assert "announcement" not in config["sphinx"]["config"]["html_theme_options"]


def test_an_internal_profile_is_announced_on_every_page(material, tmp_path):
    internal = material.study.model_copy(
        update={"disclosure": material.study.disclosure.model_copy(update={"profile": "none"})}
    )
    changed = type(material)(**{**material.__dict__, "study": internal})
    write_sources(changed, tmp_path / "book")
    options = yaml.safe_load(read(tmp_path / "book", "_config.yml"))["sphinx"]["config"]["html_theme_options"]
    assert options["announcement"] == "Not for publication: this report shows exact counts."


def test_every_page_of_the_contents_is_there(sources, material):
    toc = contents(material.pages)
    files = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    for name in files:
        assert any((sources / f"{name}{suffix}").is_file() for suffix in (".md", ".ipynb")), name
    myst = yaml.safe_load(read(sources, "myst.yml"))
    assert [Path(entry["file"]).stem for entry in myst["project"]["toc"]] == files


def test_generated_text_speaks_the_study_language(material, tmp_path):
    use_language("ru")
    write_sources(material, tmp_path / "book")
    text = read(tmp_path / "book", "index.md")
    assert "## Вопросы и главы" in text
    assert "Синтетические данные" in text
    assert "Project-Id-Version" not in read(tmp_path / "book", "dictionary.md"), "an empty message gives the header"


# Pieces


def test_code_goes_behind_a_toggle_and_silent_cells_join_the_next():
    shown = {"outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]}
    cells = [markdown("# T"), code("a = 1", "parameters"), code("b = 2"), code("a + b") | shown, markdown("## Limits")]
    notebook = {"cells": cells}
    prepare(notebook, "")
    assert [cell["source"] for cell in notebook["cells"]] == ["# T", "a = 1\n\nb = 2\n\na + b", "## Limits"]
    assert "hide-input" in notebook["cells"][1]["metadata"]["tags"]


@pytest.mark.parametrize("text", ["a|b", "*bold*", "[link](x)", "<script>", "$x$", "`code`", "# no heading", "a_b"])
def test_plain_text_is_escaped(text):
    from markdown_it import MarkdownIt

    inner = MarkdownIt().render(markup.plain(text))
    assert re.sub(r"&(lt|gt);", lambda m: "<>"[m[1] == "gt"], inner.strip()[3:-4]) == text


def test_cards_are_escaped():
    assert "<script>" not in markup.cards([{"label": "<script>", "value": "1", "note": ""}])
    assert markup.cards([]) == ""


def test_values_of_settings():
    assert [pages._value(value) for value in (None, [30, 90], 7, "x")] == ["-", "30, 90", "7", "x"]


# What is made from the site


def test_zip_is_the_same_for_the_same_site(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for file in ("index.html", "z.css"):
            (tmp_path / name / file).write_text(file, encoding="utf-8")
        building.zip_site(tmp_path / name, tmp_path / f"{name}.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["site/index.html", "site/z.css"]


def test_a_link_to_data_that_is_not_there_fails(tmp_path):
    built = tmp_path / "built"
    (built / "_static" / "mathjax").mkdir(parents=True)
    (built / "30.html").write_text('<a href="data/gone.csv" download>Data</a>', encoding="utf-8")
    with pytest.raises(BookFailed, match=r"data/gone\.csv"):
        building.finish_site(built, tmp_path / "stage", tmp_path / "site")


def test_a_warning_of_sphinx_fails_the_book_and_is_told(tmp_path):
    (tmp_path / "_config.yml").write_text("title: x\nonly_build_toc_files: true\n", encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n", encoding="utf-8")
    (tmp_path / "index.md").write_text("# One\n\n[gone](gone.md)\n", encoding="utf-8")
    with pytest.raises(BookFailed, match=r"index\.md:3: WARNING"):
        building.build_site(tmp_path, tmp_path / "logs" / "book.log")
    assert "WARNING" in (tmp_path / "logs" / "book.log").read_text(encoding="utf-8")


def test_without_chromium_a_pdf_is_refused_at_once(monkeypatch):
    monkeypatch.delenv("OATMILL_CHROMIUM", raising=False)
    monkeypatch.setattr(building.shutil, "which", lambda name: None)
    with pytest.raises(NotSupported, match="A PDF needs Chromium"):
        building.require_chromium()


def test_links_to_files_leave_the_page_that_is_printed(tmp_path):
    page = tmp_path / "index.html"
    links = (
        '<a class="x" href="data/a.csv" download>Data</a> <a href="#limits">L</a> <a href="https://example.org">E</a>'
    )
    page.write_text(links, encoding="utf-8")
    building._unlink_files(page)
    kept = '<a class="x" download>Data</a> <a href="#limits">L</a> <a href="https://example.org">E</a>'
    assert page.read_text(encoding="utf-8") == kept


# Hand-written sources


def test_every_citation_has_an_entry():
    known = set(re.findall(r"^@\w+\{(\w+),", read(BOOK, "references.bib"), re.MULTILINE))
    cited = {key for entry in DEFINITIONS.values() for key in entry.sources}
    for path in [*BOOK.glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]:
        groups = re.findall(r"\{cite:[a-z]\}`([^`]+)`", path.read_text(encoding="utf-8"))
        cited |= {key.strip() for group in groups for key in group.split(",")}
    assert cited <= known
    assert {"li2013", "yin2010", "ma2016", "zhao2020", "mat2021review"} <= known


def test_book_holds_sources_only():
    held = {path.name for path in BOOK.iterdir()}
    assert held == {
        "_config.yml",
        "_static",
        "cluster.md",
        "disclosure.md",
        "glossary.md",
        "locale",
        "methods.md",
        "references.bib",
        "references.md",
    }


def test_colours_of_the_site_are_those_of_okabe_and_ito():
    css = read(BOOK, "_static/oatmill.css")
    for colour in ("#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00"):
        assert colour in css


CATALOGUES = sorted(path for top in (BOOK, ROOT / "src" / "oatmill") for path in (top / "locale").rglob("*.po"))


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_catalogues_keep_the_places_of_their_messages(path):
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        for message in read_po(file):
            if message.id and isinstance(message.id, str):
                places = [sorted(re.findall(r"\{\w+\}", text)) for text in (message.id, message.string)]
                assert places[0] == places[1], message.id


def test_every_tool_of_the_book_is_locked():
    with (ROOT / "pyproject.toml").open("rb") as file:
        needed = tomllib.load(file)["project"]["dependencies"]
    assert "jupyter-book==1.0.4.post1" in needed
