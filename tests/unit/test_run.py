"""Running a report: which chapters can run, what runs again, what an error leaves behind.

The notebooks are dummies (`helpers/dummy_study.py`) in real kernels; the book is a page of one line.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from helpers.dummy_study import DOSES, code, dummy_parts, places, write_notebook, write_study

from oatmill.errors import ChapterFailed, FileMissing, OatmillError, ParameterUnknown, RunLocked, UsageError
from oatmill.run import Console, capabilities_of, find_chapters, make_report, run_notebook
from oatmill.run import report as report_module
from oatmill.run import switch as switch_module
from oatmill.run.chapters import columns_of, read_header
from oatmill.run.switch import finish_switch, start_new, switch
from oatmill.study import read_study

COUNT = 'release("clients", {"estimand": "clients", "estimate": "9", "unit": "clients"})'
CURVE = (
    'release("curve", {"day": "90", "n": "9", "events": "3"}, {"day": "30", "n": "15", "events": "6"}, kind="curve")'
)


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A study with two chapters that can run and one that cannot; no notebooks but its own."""
    monkeypatch.setattr(report_module, "bundle", lambda: tmp_path / "no-bundle")
    folder = tmp_path / "study"
    write_study(folder)
    write_notebook(
        folder / "notebooks", "10_quality", COUNT, requires=DOSES, optional={"clients.sex": "no split by sex"}
    )
    write_notebook(folder / "notebooks", "30_retention", CURVE, requires=DOSES)
    write_notebook(folder / "notebooks", "50_registry", "1", requires={"registry": ["client_id", "enrolled"]})
    return folder


def make(study: Path, out: Path, parts=None, **more):
    said = io.StringIO()
    made = make_report(study, out, parts=parts or dummy_parts(), console=Console(said), **more)
    return made, said.getvalue()


def ran(said: str) -> set[str]:
    return {line.split(":")[0].strip() for line in said.splitlines() if line.endswith(": started")}


# Chapters and what they need


def test_a_later_folder_adds_and_replaces_by_number(tmp_path):
    for folder, page in (("a", "10_one"), ("a", "20_two"), ("b", "20_other"), ("b", "31_more"), ("b", "notes")):
        write_notebook(tmp_path / folder, page, title=page)
    assert [c.page for c in find_chapters(tmp_path / "a", tmp_path / "b")] == ["10_one", "20_other", "31_more"]


def test_two_notebooks_of_one_number_are_refused(tmp_path):
    write_notebook(tmp_path, "10_one")
    write_notebook(tmp_path, "10_two")
    with pytest.raises(UsageError, match="number 10"):
        find_chapters(tmp_path)


def test_a_notebook_that_is_not_one_is_refused_by_name(tmp_path):
    (tmp_path / "10_one.ipynb").write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match=r"10_one\.ipynb"):
        find_chapters(tmp_path)


@pytest.mark.parametrize(
    ("requires", "optional", "columns", "state", "lacks"),
    [
        ({}, {}, {}, "full", ()),
        ({"doses": ["date"]}, {}, {"doses": {"date"}}, "full", ()),
        ({"doses": ["date", "dose_mg"]}, {}, {"doses": {"date"}}, "refused", ("doses.dose_mg",)),
        ({"doses": []}, {}, {}, "refused", ("doses",)),
        ([{"doses": ["date"]}, {"episodes": ["start", "end"]}], {}, {"episodes": {"start", "end"}}, "full", ()),
        ([{"doses": ["date"]}, {"episodes": ["start", "end"]}], {}, {}, "refused", ("doses.date",)),
        ({"doses": ["date"]}, {"clients.sex": "no split"}, {"doses": {"date"}}, "reduced", ()),
        ({"doses": ["date"]}, {"clients.sex": "no split"}, {"doses": {"date"}, "clients": {"sex"}}, "full", ()),
    ],
)
def test_capability(tmp_path, requires, optional, columns, state, lacks):
    write_notebook(tmp_path, "10_one", requires=requires, optional=optional)
    (found,) = capabilities_of(find_chapters(tmp_path), {name: frozenset(held) for name, held in columns.items()})
    assert (found.state, found.lacks) == (state, lacks)


def test_columns_are_read_from_headers_under_their_own_names(tmp_path):
    (tmp_path / "log.csv").write_bytes("\ufeffPatient;Datum;mg;extra\n".encode())
    write_study(tmp_path, "  exits: {file: exits.csv, constants: {reason: death}}")
    (tmp_path / "exits.csv").write_text("client_id\tdate\n", encoding="utf-8")
    changes = {
        "sources.doses.file": "log.csv",
        "sources.doses.columns": {"client_id": "Patient", "date": "Datum", "dose_mg": "mg"},
    }
    held = columns_of(read_study(tmp_path, changes))
    assert held == {"doses": {"client_id", "date", "dose_mg"}, "exits": {"client_id", "date", "reason"}}
    assert read_header(tmp_path / "log.csv") == ["Patient", "Datum", "mg", "extra"]


def test_all_missing_files_are_named_at_once(tmp_path):
    write_study(tmp_path, "  exits: {file: gone.csv}")
    (tmp_path / "doses.csv").unlink()
    with pytest.raises(FileMissing) as caught:
        columns_of(read_study(tmp_path))
    assert [fault.file for fault in caught.value.faults] == ["doses.csv", "gone.csv"]


# A report


def test_a_report_from_end_to_end(study, tmp_path):
    made, said = make(study, tmp_path / "out")
    assert [(page.name, page.state) for page in made.pages] == [
        ("10_quality", "reduced"),
        ("30_retention", "done"),
        ("50_registry", "refused"),
    ]
    assert (
        made.pages[2].reason == "This study has no `registry.client_id`, `registry.enrolled`, which this chapter needs."
    )
    assert ran(said) == {"10_quality", "30_retention"}
    held = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*") if path.is_file()}
    assert held == {
        "manifest.json",
        "notebooks/10_quality.ipynb",
        "notebooks/30_retention.ipynb",
        "results/disclosure_record.csv",
        "results/results.csv",
        "results/tables/clients.csv",
        "results/tables/curve.csv",
        "site/index.html",
    }
    assert not places(tmp_path / "out").new.exists()


def test_the_officer_reads_what_was_done_to_each_output(study, tmp_path):
    """The record counts the rows of each output by what was done to them, and names who lifted a threshold."""
    exceptions = [
        {"output": "curve", "lift": ["small_group"], "approved_by": "A. Officer", "reason": "agreed by the board"}
    ]
    changes = {"disclosure.exceptions": exceptions}
    made, _said = make(study, tmp_path / "out", dummy_parts(withheld=["curve"]), changes=changes)
    lines = (made.folder / "results" / "disclosure_record.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "page,output,rule,action,rows,reason"
    assert {line.split(",")[1]: line.split(",")[3] for line in lines[1:3]} == {
        "clients": "rounded",
        "curve": "withheld",
    }
    assert lines[-1] == ",curve,small_group,threshold lifted,,A. Officer: agreed by the board"


def test_results_are_sorted_by_page_output_and_day(study, tmp_path):
    made, _said = make(study, tmp_path / "out")
    with (made.folder / "results" / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["page"], row["output"], row["day"]) for row in rows] == [
        ("10_quality", "clients", ""),
        ("30_retention", "curve", "30"),
        ("30_retention", "curve", "90"),
    ]


def test_manifest_tells_what_made_the_report_but_not_where(study, tmp_path):
    made, _said = make(study, tmp_path / "out", changes={"definitions.gap_days": 14})
    text = (made.folder / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert manifest["schema_version"] == 1
    assert manifest["definitions"]["gap_days"] == 14
    assert [(entry["table"], entry["file"], len(entry["sha256"])) for entry in manifest["inputs"]] == [
        ("doses", "doses.csv", 64)
    ]
    assert {name: entry["state"] for name, entry in manifest["chapters"].items()} == {
        "10_quality": "reduced",
        "30_retention": "done",
        "50_registry": "refused",
    }
    assert str(tmp_path) not in text


def test_executed_notebooks_hold_nothing_of_papermill(study, tmp_path):
    made, _said = make(study, tmp_path / "out")
    notebook = json.loads((made.folder / "notebooks" / "10_quality.ipynb").read_text(encoding="utf-8"))
    assert "papermill" not in notebook["metadata"]
    assert not any("papermill" in cell["metadata"] or "execution" in cell["metadata"] for cell in notebook["cells"])
    assert len(notebook["cells"]) == 4
    assert str(tmp_path) not in json.dumps(notebook)


def test_a_kernel_has_the_study_and_an_environment_of_its_own(study, tmp_path):
    told = (
        "from IPython.display import HTML, display\n"
        'found = [os.environ["OATMILL_PAGE"], os.environ["PYTHONUTF8"], "PYTHONDONTWRITEBYTECODE" in os.environ]\n'
        """display(HTML(f'<p class="oatmill-note">{found} {Path(study_file).name}</p>'))"""
    )
    for page in ("10_quality", "30_retention"):
        write_notebook(study / "notebooks", page, told)
    made, _said = make(study, tmp_path / "out")
    shown = [
        json.loads(page.notebook.read_text(encoding="utf-8"))["cells"][3]["outputs"][0]["data"]["text/html"]
        for page in made.pages[:2]
    ]
    assert ["".join(text) for text in shown] == [
        f"<p class=\"oatmill-note\">['{page}', '1', False] study.yaml</p>" for page in ("10_quality", "30_retention")
    ]
    assert "OATMILL_PAGE" not in os.environ


# What runs again


def test_only_what_changed_runs_again(study, tmp_path):
    out = tmp_path / "out"
    first, _said = make(study, out)
    results = (first.folder / "results" / "results.csv").read_bytes()

    made, said = make(study, out)
    assert made.unchanged
    assert said == "Nothing has changed since this report was made.\n"

    for file in [study / "study.yaml", study / "doses.csv", *(study / "notebooks").glob("*.ipynb")]:
        os.utime(file)
    assert make(study, out)[0].unchanged, "a touch is not a change"

    write_notebook(study / "notebooks", "30_retention", CURVE + "  # edited", requires=DOSES)
    made, said = make(study, out)
    assert ran(said) == {"30_retention"}
    assert [page.cached for page in made.pages] == [True, False, False]
    assert (made.folder / "results" / "results.csv").read_bytes() == results

    (study / "doses.csv").write_text("client_id,date,dose_mg\nKG-2016-0001,2020-01-02,60\n", encoding="utf-8")
    assert ran(make(study, out)[1]) == {"10_quality", "30_retention"}
    assert ran(make(study, out, changes={"definitions.gap_days": 7})[1]) == {"10_quality", "30_retention"}


def test_an_unchanged_report_loads_nothing_and_starts_no_kernel(study, tmp_path):
    out = tmp_path / "out"
    make(study, out)
    script = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from helpers.dummy_study import dummy_parts
from oatmill.run import make_report, report
report.bundle = lambda: Path({str(tmp_path / "no-bundle")!r})
started = time.monotonic()
made = make_report(Path({str(study)!r}), Path({str(out)!r}), parts=dummy_parts())
heavy = {{"pandas", "numpy", "duckdb", "papermill", "nbformat", "jupyter_client", "matplotlib", "oatmill.intake"}}
print(made.unchanged, sorted(heavy & set(sys.modules)), time.monotonic() - started < 1)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False)
    assert done.stdout.splitlines()[-1:] == ["True [] True"], done.stderr


def test_the_plan_runs_again_only_the_pages_that_it_changes(study, tmp_path):
    made, said = make(study, tmp_path / "out", dummy_parts(withheld=["curve"]))
    assert said.count("30_retention: started") == 2
    assert said.count("10_quality: started") == 1
    with (made.folder / "results" / "results.csv").open(encoding="utf-8") as file:
        status = {row["output"]: row["status"] for row in csv.DictReader(file)}
    assert status == {"clients": "shown", "curve": "withheld"}
    write_notebook(study / "notebooks", "10_quality", COUNT + "  # edited", requires=DOSES)
    assert ran(make(study, tmp_path / "out", dummy_parts(withheld=["curve"]))[1]) == {"10_quality"}


# Errors in notebooks


def test_a_failing_notebook_leaves_the_others_and_the_old_report(study, tmp_path):
    out = tmp_path / "out"
    old = make(study, out)[0].folder / "manifest.json"
    before = old.read_bytes()
    secret = 'raise ValueError("the client KG-2016-0001 is wrong")'
    write_notebook(study / "notebooks", "10_quality", COUNT, secret, requires=DOSES)
    write_notebook(study / "notebooks", "30_retention", CURVE + "  # edited", requires=DOSES)
    with pytest.raises(ChapterFailed) as caught:
        make(study, out)
    assert caught.value.exit_code == 70
    assert [fault.text() for fault in caught.value.faults] == [
        "file 10_quality.ipynb: stopped at cell 5 with ValueError"
    ]
    log = (places(out).work / "logs" / "10_quality.log").read_text(encoding="utf-8")
    assert "error: ValueError\ncell: 5\n" in log
    assert "KG-2016" not in log
    assert not (places(out).work / "debug").exists()
    assert old.read_bytes() == before

    write_notebook(study / "notebooks", "10_quality", COUNT, "one = 1", requires=DOSES)
    assert ran(make(study, out)[1]) == {"10_quality"}, "what was finished is kept"


def test_debug_keeps_the_full_text_in_work(study, tmp_path):
    write_notebook(study / "notebooks", "10_quality", 'raise ValueError("full text")', requires=DOSES)
    with pytest.raises(ChapterFailed):
        make(study, tmp_path / "out", debug=True)
    assert "full text" in (places(tmp_path / "out").work / "debug" / "10_quality.txt").read_text(encoding="utf-8")


def test_a_log_names_the_lines_of_oatmill(study, tmp_path):
    write_notebook(
        study / "notebooks", "10_quality", "from oatmill.schema import TABLES", 'TABLES["doses"].column("x")'
    )
    with pytest.raises(ChapterFailed):
        make(study, tmp_path / "out")
    log = (places(tmp_path / "out").work / "logs" / "10_quality.log").read_text(encoding="utf-8")
    assert "at: oatmill/schema.py:" in log


def test_a_log_names_only_lines_that_exist_and_no_class_that_was_made_up():
    from oatmill.run.kernel import frames_of, kind_of

    assert frames_of("oatmill/schema.py:12 and oatmill/KG_2016_0001.py:3") == ("oatmill/schema.py:12",)
    assert [kind_of(name) for name in ("KeyError", "KG20160001", "Иванов")] == ["KeyError", "Exception", "Exception"]


def test_an_error_of_oatmill_refuses_the_page_and_not_the_report(study, tmp_path):
    reason = "from oatmill.errors import NotSupported\nraise NotSupported('Too few clients for a curve.')"
    write_notebook(study / "notebooks", "30_retention", reason, requires=DOSES)
    made, _said = make(study, tmp_path / "out")
    assert [page.state for page in made.pages] == ["reduced", "refused", "refused"]
    assert made.pages[1].reason == "Too few clients for a curve."
    assert not (made.folder / "notebooks" / "30_retention.ipynb").exists()


def test_a_kernel_that_dies_is_a_failure(study, tmp_path):
    write_notebook(study / "notebooks", "10_quality", "os._exit(3)", requires=DOSES)
    with pytest.raises(ChapterFailed, match="DeadKernelError"):
        make(study, tmp_path / "out")


def test_warnings_are_counted_and_neither_logged_nor_published(study, tmp_path):
    write_notebook(
        study / "notebooks", "10_quality", 'import warnings; warnings.warn("KG-2016-" + "0001")', requires=DOSES
    )
    made, _said = make(study, tmp_path / "out")
    assert made.pages[0].warnings == 1
    assert "UserWarning" not in (made.folder / "notebooks" / "10_quality.ipynb").read_text(encoding="utf-8")
    log = (places(tmp_path / "out").work / "logs" / "10_quality.log").read_text(encoding="utf-8")
    assert "KG-2016" not in log


# The switch and the lock


def put(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "page").write_text(text, encoding="utf-8")


def shown(out: Path) -> str | None:
    page = places(out).report / "page"
    return page.read_text(encoding="utf-8") if page.is_file() else None


class Interrupted(Exception):
    """Stands for a power cut."""


@pytest.mark.parametrize(("cut_before", "expected"), [(1, "old"), (2, "new"), (3, "new"), (4, "new")])
def test_whatever_step_is_cut_one_whole_report_stands(tmp_path, monkeypatch, cut_before, expected):
    """Steps: 1 `<id>` -> `.old`, 2 `.new` -> `<id>`, 3 delete `.old`; 4: nothing is cut."""
    where = places(tmp_path)
    put(where.report, "old")
    put(where.new, "new")
    steps = iter(range(1, 10))

    def cutting(do):
        def step(*words):
            if next(steps) == cut_before:
                raise Interrupted
            return do(*words)

        return step

    monkeypatch.setattr(switch_module.os, "replace", cutting(os.replace))
    monkeypatch.setattr(switch_module, "remove", cutting(switch_module.remove))
    if cut_before < 4:
        with pytest.raises(Interrupted):
            switch(where)
    else:
        switch(where)
    monkeypatch.undo()
    finish_switch(where)
    assert shown(tmp_path) == expected
    assert not where.new.exists()
    assert not where.old.exists()
    finish_switch(where)
    assert shown(tmp_path) == expected


def test_a_half_written_first_report_is_dropped(tmp_path):
    put(places(tmp_path).new, "half")
    finish_switch(places(tmp_path))
    assert shown(tmp_path) is None
    assert not places(tmp_path).new.exists()


def test_a_half_written_second_report_is_dropped(tmp_path):
    put(places(tmp_path).report, "old")
    put(places(tmp_path).new, "half")
    finish_switch(places(tmp_path))
    assert shown(tmp_path) == "old"


def test_an_old_report_alone_comes_back(tmp_path):
    put(places(tmp_path).old, "old")
    finish_switch(places(tmp_path))
    assert shown(tmp_path) == "old"


def test_a_new_folder_starts_empty_and_closed(tmp_path):
    put(places(tmp_path).new, "half")
    new = start_new(places(tmp_path))
    assert list(new.iterdir()) == []
    if os.name == "posix":
        assert new.stat().st_mode & 0o777 == 0o700, "nobody reads what has not passed the gate"


@pytest.mark.parametrize("broken", ["build_book", "check_publishable"])
def test_an_error_after_the_notebooks_leaves_the_old_report(study, tmp_path, broken):
    out = tmp_path / "out"
    before = (make(study, out)[0].folder / "manifest.json").read_bytes()

    def breaks(*_words):
        raise OatmillError("broken")

    with pytest.raises(OatmillError, match="broken"):
        make(study, out, dummy_parts(**{broken: breaks}), changes={"title": "Other"})
    assert (places(out).report / "manifest.json").read_bytes() == before
    make(study, out, changes={"title": "Other"})
    assert not places(out).new.exists()


def test_a_second_run_is_refused(study, tmp_path):
    out = tmp_path / "out"
    make(study, out)
    with FileLock(places(out).work / "run.lock"), pytest.raises(RunLocked, match="Another run"):
        make(study, out)


def test_work_is_private_and_says_so(study, tmp_path):
    make(study, tmp_path / "out")
    work = places(tmp_path / "out").work
    assert "Never share" in (work / "README.txt").read_text(encoding="utf-8")
    if os.name == "posix":
        assert work.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_a_web_server_can_read_what_is_published(study, tmp_path):
    made, _said = make(study, tmp_path / "out")
    assert {path.stat().st_mode & 0o777 for path in made.folder.rglob("*") if path.is_file()} == {0o644}
    assert {path.stat().st_mode & 0o777 for path in [made.folder, *made.folder.rglob("*")] if path.is_dir()} == {0o755}


# By hand


def test_a_misspelt_parameter_is_refused_with_the_nearest(tmp_path):
    notebook = write_notebook(tmp_path, "10_one", code("gap_days = None", "parameters"))
    text = notebook.read_text(encoding="utf-8").replace(
        "study_file = None  # None: the demo", "study_file = None\\ngap_days = None"
    )
    notebook.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterUnknown) as caught:
        run_notebook(notebook, {"gap_dys": 14}, tmp_path / "run.ipynb")
    assert "did you mean `gap_days`?" in caught.value.report()
    assert not (tmp_path / "run.ipynb").exists()


def test_a_notebook_by_hand_takes_its_parameter(tmp_path, monkeypatch):
    notebook = write_notebook(tmp_path, "10_one", title="One")
    plain = json.loads(notebook.read_text(encoding="utf-8"))
    plain["cells"] = [plain["cells"][1], code("print(study_file)") | {"id": "told"}]
    notebook.write_text(json.dumps(plain), encoding="utf-8")
    executed = run_notebook(notebook, {"study_file": "mine"}, tmp_path / "run.ipynb")
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    told = "".join(cells[-1]["outputs"][0]["text"]).strip()
    assert told == str(Path("mine").resolve()), "the kernel stands elsewhere, so the path is made whole"


# Progress


def test_bars_are_drawn_on_a_terminal_only():
    said = io.StringIO()
    with Console(said, bars=True).notebooks(["10_one"]) as bars:
        bars.started("10_one", 2)
        bars.cell_done("10_one")
        bars.ended("10_one", "done", 1.0)
    assert "10_one" in said.getvalue()
    assert not Console(io.StringIO()).bars
