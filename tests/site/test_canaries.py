"""Thousands of planted names, numbers and notes, and none of them in any published byte, log or message.

One whole report of a small study in the way a user makes it, in a process of its own, so that everything it
writes to its streams is seen; the same people under other client numbers; and notebooks that give data away.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.canaries import Canaries, write_canary_study, write_source
from helpers.dummy_study import code, write_dummy_book, write_notebook, write_study

from oatmill.book.building import find_chromium
from oatmill.cli import main
from oatmill.gate.content import published
from oatmill.gate.words import Finder, fold, unescape
from oatmill.run import Console, Parts, make_report

RAISES = "raise ValueError(NAME)"
MADE_UP = "raise type(NAME.split()[0], (Exception,), {})(NAME + ' oatmill/' + NUMBER + '.py:1')"
PRINTS = "print(NAME)"
FRAME = "rows"
MARKUP = """from IPython.display import HTML, display
display(HTML(f'<p class="oatmill-note">{NAME} {NUMBER}</p>'))"""
WARNS = "import sys, warnings; warnings.warn(NAME); print(NUMBER, file=sys.stderr)"


@dataclass
class Run:
    """A study, what is planted in it and where its report goes."""

    folder: Path
    canaries: Canaries

    @property
    def report(self) -> Path:
        return self.folder / "reports" / "canaries"

    @property
    def work(self) -> Path:
        return self.folder / "work" / "canaries"

    def make(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        words = (
            sys.executable,
            "-m",
            "oatmill",
            "report",
            str(self.folder / "study"),
            "--out",
            str(self.folder),
            *words,
        )
        environment = {**os.environ, "PYTHONUTF8": "1"}
        return subprocess.run(words, capture_output=True, cwd=self.folder, env=environment, check=False)

    def logs(self) -> list[bytes]:
        files = [*(self.work / "logs").rglob("*"), *self.work.parent.glob("*.log")]
        return [path.read_bytes() for path in files if path.is_file()]


def short_numbers(canaries: Canaries, n: int) -> list[str]:
    return [str(number) for number in canaries.random.sample(range(1000, 10_000), n)]


def long_numbers(canaries: Canaries, n: int) -> list[str]:
    return [canaries.digits(14) for _client in range(n)]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return write_source(tmp_path_factory.mktemp("source"))


def start(folder: Path, source: Path, seed: str, number) -> Run:
    return Run(folder, write_canary_study(folder / "study", source, seed, number))


@pytest.fixture(scope="module")
def short(tmp_path_factory, source) -> Run:
    """The report of clients with short numbers; with a PDF where Chromium is there."""
    run = start(tmp_path_factory.mktemp("short"), source, "short", short_numbers)
    done = run.make(*["--pdf"][: bool(find_chromium())])
    assert done.returncode == 0, done.stderr.decode()
    assert found(run.canaries.texts, [done.stdout, done.stderr]) == set()
    return run


def found(texts: Iterable[str], contents: Iterable[bytes]) -> set[str]:
    """The canaries that stand in these contents, found without the gate's own search."""
    whole = "\n".join(fold(unescape(content)).decode("utf-8", "ignore") for content in contents)
    words = set(re.findall(r"\w+", whole))
    seen = set()
    for text in texts:
        plain = fold(text.encode()).decode()
        telling = [word for word in re.findall(r"\w+", plain) if _is_telling(word)]
        if any(word in words for word in telling) if telling else plain in whole:
            seen.add(text)
    return seen


def _is_telling(word: str) -> bool:
    """Whether no report has this word by chance; Chinese has no blanks between words, so it is looked for as a whole."""
    mixed = not word.isalpha() and not word.isdigit()
    return len(word) >= 9 and (mixed or word.isdigit() or word[0] < "\u2e80")


def test_none_of_the_planted_is_in_a_published_byte_or_a_log(short, record_property):
    pieces = list(published(short.report))
    assert not [piece.name for piece in pieces if piece.fault]
    assert {"site.zip", "manifest.json", "notebooks"} <= {path.name for path in short.report.iterdir()}
    finder = Finder(short.canaries.texts)
    seen = [
        piece.name
        for piece in pieces
        for text in (piece.content, unescape(piece.content))
        if any(finder.find(fold(text)))
    ]
    assert seen == []
    own = [piece.content for piece in pieces if "/_static/" not in f"/{piece.name}"]
    assert found(short.canaries.texts, [*own, *short.logs()]) == set()
    planted = len(short.canaries.texts) + len(short.canaries.numbers)
    record_property("canaries", planted)
    told = f"{planted} canaries, {len(pieces)} pieces, {sum(len(piece.content) for piece in pieces)} bytes\n"
    sys.stdout.write(told)
    assert planted > 5000, told


def test_the_search_of_this_test_finds_what_is_there(short):
    """So that an empty answer above means something."""
    some = sorted(short.canaries.texts)[:: len(short.canaries.texts) // 300]
    held = [json.dumps(text).encode() for text in some]
    assert found(some, held) == set(some)


def test_the_private_lists_hold_quarantined_and_unused_values(short):
    (folder,) = (short.work / "stations").glob("intake-*")
    values = set((folder / "unused_values.txt").read_text(encoding="utf-8").splitlines())
    assert {text for text in short.canaries.texts if not re.match(r"R\d", text)} - values == set()
    assert (short.work / "rejected" / "doses.xlsx").is_file()


def test_other_client_numbers_give_the_same_report(short, source, tmp_path):
    """Numbers too short to be searched for are in no published byte, since the bytes do not depend on them.

    The second report has a book of one page and only the chapters that read the study: a book is made of its
    notebooks, results, key numbers and manifest, and these are compared.
    """
    other = start(tmp_path / "long", source, "long", long_numbers)
    for page in ("50_other", "60_other"):
        write_notebook(other.folder / "study" / "notebooks", page)
    said = io.StringIO()
    make_report(other.folder / "study", other.folder, parts=Parts(write_dummy_book), console=Console(said))
    assert found([*other.canaries.texts, *other.canaries.numbers], [said.getvalue().encode(), *other.logs()]) == set()
    names = [path.relative_to(other.report) for path in other.report.rglob("*") if of_the_study(path)]
    assert len(names) > 30
    assert [name.as_posix() for name in names if differs(name, short, other)] == []
    assert rows_of_the_study(short) == rows_of_the_study(other)
    assert cards_of_the_study(short) == cards_of_the_study(other) != {}
    mine, theirs = (set(re.findall(rb"\w+", (run.report / "manifest.json").read_bytes())) for run in (short, other))
    assert {number.encode() for number in short.canaries.numbers} & (mine - theirs) == set()


def of_the_study(path: Path) -> bool:
    return path.parent.name in ("figures", "tables") or (path.suffix == ".ipynb" and path.name < "50")


def differs(name: Path, one: Run, other: Run) -> bool:
    return (one.report / name).read_bytes() != (other.report / name).read_bytes()


def rows_of_the_study(run: Run) -> list[bytes]:
    lines = (run.report / "results" / "results.csv").read_bytes().splitlines()
    return [line for line in lines if line[:2] < b"50"]


def cards_of_the_study(run: Run) -> dict[str, bytes]:
    """The key numbers that stand on the landing page."""
    return {path.name: path.read_bytes() for path in run.work.glob("stage/cards/[1-4]*.json")}


def own_notebook(run: Run, page: str, cell: str) -> None:
    """A chapter of the study's own that reads its files, as anybody's may."""
    read = (
        "import csv; from pathlib import Path\n"
        "file = Path(study_file).parent / 'clients.csv'\n"
        "rows = list(csv.DictReader(file.open(encoding='utf-8')))[:5]\n"
        "NAME, NUMBER = rows[0]['who'], rows[0]['person_number']"
    )
    write_notebook(run.folder / "study" / "notebooks", page, code(read), code(cell))


def refused(run: Run, *words: str) -> tuple[int, str]:
    """Exit code and message of a run; nothing of the data may be in its streams and logs, and the old report stays."""
    before = (run.report / "manifest.json").read_bytes()
    done = run.make(*words)
    assert found(run.canaries.texts, [done.stdout, done.stderr, *run.logs()]) == set()
    assert b"Traceback" not in done.stderr
    assert (run.report / "manifest.json").read_bytes() == before
    assert not list(run.report.parent.glob(".*")), "nothing that did not pass lies beside what did"
    return done.returncode, done.stderr.decode()


def test_an_exception_with_data_in_it_tells_nothing(short):
    for page, cell in (("70_raises", RAISES), ("71_made_up", MADE_UP)):
        own_notebook(short, page, cell)
    status, told = refused(short)
    assert status == 70
    assert "file 70_raises.ipynb: stopped at cell 5 with ValueError" in told
    assert "file 71_made_up.ipynb: stopped at cell 5 with Exception" in told
    for path in (short.folder / "study" / "notebooks").glob("*.ipynb"):
        path.unlink()


def test_a_notebook_that_gives_data_away_is_refused(short):
    for page, cell in (("72_prints", PRINTS), ("73_frame", FRAME), ("74_markup", MARKUP), ("75_warns", WARNS)):
        own_notebook(short, page, cell)
    status, told = refused(short)
    assert status == 19
    assert "file notebooks/72_prints.ipynb: cell 5 shows something that was not released" in told
    assert "file notebooks/73_frame.ipynb: cell 5 shows something that was not released" in told
    assert re.search(r"file notebooks/74_markup\.ipynb, line \d+: a value of a column that nothing uses", told)
    assert "75_warns" not in told, "what a notebook warns of is not published"
    assert "What to do: " in told


HEADER = "client_id,date,dose_mg,who\n"
GOOD = "KG-zqvakov1,2016-01-01,60,Zqvakov Xurel\n"
FAULTY = {
    "a dose that is a name": HEADER + GOOD + "KG-zqvakov2,2016-01-02,Zqvakov Xurel,\n",
    "a date that is a passport": HEADER + GOOD + "KG-zqvakov2,AN7654321,60,\n",
    "too many cells": HEADER + GOOD + "KG-zqvakov2,2016-01-02,60,Zqvakov,Xurel,AN7654321\n",
    "an open quote": HEADER + GOOD + 'KG-zqvakov2,2016-01-02,60,"Zqvakov Xurel\n',
    "no header": GOOD + "KG-zqvakov2,2016-01-02,60,Zqvakov Xurel\n",
    "clients side by side": "date,KG-zqvakov11,KG-zqvakov23\n2016-01-01,60,40\n",
    "a code for the medication": "client_id,date,dose_mg,medication\nKG-zqvakov1,2016-01-01,60,Zqvakov\n",
    "a blank dose": HEADER + "KG-zqvakov1,2016-01-01,,Zqvakov Xurel\n",
    "nobody left": HEADER + ",2016-01-01,60,Zqvakov Xurel\n",
    "half a letter": HEADER + "KG-zqvakov1,2016-01-01,60,Zqvakov \udcd0\n",
}


@pytest.mark.parametrize("what", FAULTY)
def test_a_message_about_a_faulty_file_repeats_nothing_of_it(tmp_path, capsys, what):
    write_study(tmp_path / "study")
    (tmp_path / "study" / "doses.csv").write_bytes(FAULTY[what].encode("utf-8", "surrogateescape"))
    status = main(["check", str(tmp_path / "study"), "--out", str(tmp_path)])
    told = "".join(capsys.readouterr()).lower()
    assert status in range(10, 20), told
    assert "doses.csv" in told
    assert not re.search(r"zqvakov|xurel|an7654321", told), told
