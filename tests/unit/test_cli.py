"""The command line: what a newcomer reads, one exit code per cause, never a traceback for a user's mistake."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.dummy_study import write_study

import oatmill
from oatmill import cli
from oatmill.cli import commands, main
from oatmill.errors import EXIT_CODES, UsageError
from oatmill.study import read_study

HEADERS = {
    "clients.csv": "client_id,sex,age,hiv\n1,male,30,no\n",
    "log.csv": "Patient;DoseDate;mg;colour\n1;2020-01-01;60;red\n",
    "выбытие.csv": "код,дата,причина\n1,2020-02-01,death\n",
}


def run(capsys, *words: object) -> tuple[int, str, str]:
    try:
        code = main([str(word) for word in words])
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


# Help


def test_help_names_every_command_and_every_exit_code(capsys):
    code, out, _err = run(capsys, "--help")
    assert code == 0
    for name in ("report", "publish", "check", "init", "synth", "run"):
        assert re.search(rf"^    {name} ", out, re.MULTILINE)
    for number, meaning in EXIT_CODES.items():
        assert f"{number}  {meaning}" in out


@pytest.mark.parametrize("command", ["report", "publish", "check", "init", "synth", "run"])
def test_every_command_has_help(capsys, command):
    code, out, _err = run(capsys, command, "--help")
    assert code == 0
    assert len(out.splitlines()) > 5


def test_version(capsys):
    assert run(capsys, "--version")[:2] == (0, f"oatmill {oatmill.__version__}\n")


def test_an_unknown_command_is_a_usage_error(capsys):
    assert run(capsys, "reprot")[0] == 2
    assert run(capsys)[0] == 2


def test_python_m_oatmill_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "oatmill", "--version"], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.startswith("oatmill ")


# Mistakes


def broken(folder: Path, name: str) -> Path:
    """A study with one mistake."""
    write_study(folder)
    study, doses = folder / "study.yaml", folder / "doses.csv"
    text = study.read_text(encoding="utf-8")
    mistakes = {
        "not yaml": lambda: study.write_text("oatmill: [1\n", encoding="utf-8"),
        "unknown key": lambda: study.write_text(text + "tittle: x\n", encoding="utf-8"),
        "missing file": doses.unlink,
        "wrong column": lambda: doses.write_text("client,date,dose_mg\n1,2020-01-01,60\n", encoding="utf-8"),
        "text in a dose": lambda: doses.write_text("client_id,date,dose_mg\n1,2020-01-01,sixty\n", encoding="utf-8"),
        "empty table": lambda: doses.write_text("client_id,date,dose_mg\n", encoding="utf-8"),
        "no study": study.unlink,
    }
    mistakes[name]()
    return folder


MISTAKES = {
    "no study": 10,
    "not yaml": 11,
    "unknown key": 12,
    "missing file": 13,
    "wrong column": 14,
    "text in a dose": 15,
    "empty table": 16,
}


@pytest.mark.parametrize("command", ["check", "report"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_has_one_message_and_a_code_of_its_own(tmp_path, capsys, command, mistake):
    code, _out, err = run(capsys, command, broken(tmp_path / "study", mistake), "--out", tmp_path)
    assert code == MISTAKES[mistake]
    assert "Traceback" not in err
    assert err.strip()
    assert "sixty" not in err
    assert not (tmp_path / "reports" / "dummy").exists()
    assert not (tmp_path / "reports" / ".dummy.new").exists()


def test_a_misspelt_key_is_answered_with_the_line_and_the_nearest(tmp_path, capsys):
    _code, _out, err = run(capsys, "check", broken(tmp_path / "study", "unknown key"))
    assert "line 7" in err
    assert "did you mean `title`?" in err


def test_an_error_of_its_own_is_one_sentence_and_a_log_without_the_message(tmp_path, capsys, monkeypatch):
    def breaks(_words):
        raise ZeroDivisionError("client KG-2016-0001")

    monkeypatch.setattr(commands, "check", breaks)
    code, _out, err = run(capsys, "check", tmp_path, "--out", tmp_path)
    assert code == 70
    assert len(err.strip().splitlines()) == 1
    assert "KG-2016" not in err
    log = (tmp_path / "work" / "last-error.log").read_text(encoding="utf-8")
    assert "error: ZeroDivisionError" in log
    assert "at: oatmill/cli/__init__.py:" in log
    assert "KG-2016" not in log
    assert str(tmp_path) not in log
    with pytest.raises(ZeroDivisionError):
        main(["check", str(tmp_path), "--debug"])


def test_stopping_is_no_error_of_its_own(capsys, monkeypatch):
    def stops(_words):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "check", stops)
    code, _out, err = run(capsys, "check")
    assert (code, len(err.splitlines())) == (130, 1)


# Words


def test_values_are_read_as_yaml():
    given = ["definitions.gap_days=14", "definitions.horizons=[30, 90]", "title=a=b", "definitions.look_ahead=true"]
    assert commands.pairs(given) == {
        "definitions.gap_days": 14,
        "definitions.horizons": [30, 90],
        "title": "a=b",
        "definitions.look_ahead": True,
    }


@pytest.mark.parametrize("word", ["gap_days", "=14", "x=[1"])
def test_what_is_no_pair_is_refused(word):
    with pytest.raises(UsageError, match=re.escape(word)):
        commands.pairs([word])


def test_the_demo_is_the_default_study():
    assert commands.demo().parts[-2:] == ("data", "demo")


# check


def test_check_prints_rows_checks_and_chapters(tmp_path, capsys):
    write_study(tmp_path, "definitions: {prior_treatment: none}")
    rows = ["A1,2020-01-01,60", "A1,2020-01-01,60", "A1,2020-01-02,60", "B2,2020-01-02,50"]
    (tmp_path / "doses.csv").write_text("\n".join(["client_id,date,dose_mg", *rows]) + "\n", encoding="utf-8")
    code, out, err = run(capsys, "check", tmp_path, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert re.search(r"doses +doses\.csv +4 +3 +1 +0$", out, re.MULTILINE)
    assert re.search(r"30_retention +(in full|reduced)", out)
    assert "A1" not in out


# synth


def test_synth_writes_a_study_and_overwrites_none(tmp_path, capsys):
    words = ("synth", tmp_path / "s", "--clients", 60, "--sites", 3, "--years", 1, "--seed", 7)
    code, out, _err = run(capsys, *words)
    assert code == 0
    assert "oatmill report" in out
    study = read_study(tmp_path / "s")
    assert study.seed == 7
    assert all(
        source.synthetic and path.is_file()
        for name, source in study.sources.items()
        for path in study.paths_of(name).values()
    )
    assert run(capsys, *words)[0] == 2


# init


@pytest.fixture
def files(tmp_path) -> list[Path]:
    (tmp_path / "data").mkdir()
    paths = [tmp_path / "data" / name for name in HEADERS]
    for path in paths:
        path.write_text(HEADERS[path.name], encoding="utf-8")
    return paths


def test_init_proposes_a_study_that_names_what_it_found(tmp_path, capsys, files):
    code, out, _err = run(capsys, "init", tmp_path / "My Study", *files)
    assert code == 0
    assert "TODO" in out
    text = (tmp_path / "My Study" / "study.yaml").read_text(encoding="utf-8")
    proposed = yaml.safe_load(text)
    assert proposed["id"] == "my-study"
    assert proposed["sources"] == {
        "clients": {"file": "../data/clients.csv"},
        "doses": {
            "file": "../data/log.csv",
            "delimiter": ";",
            "columns": {"client_id": "Patient", "date": "DoseDate", "dose_mg": "mg"},
        },
        "exits": {"file": "../data/выбытие.csv", "columns": {"client_id": "код", "date": "дата", "reason": "причина"}},
    }
    assert 'not used: "colour"' in text
    assert "TODO" in text
    read_study(tmp_path / "My Study")


def test_init_again_changes_nothing_where_nothing_is_new(tmp_path, capsys, files):
    assert run(capsys, "init", tmp_path, *files)[0] == 0
    before = (tmp_path / "study.yaml").read_bytes()
    code, out, _err = run(capsys, "init", tmp_path, *files)
    assert code == 0
    assert "nothing was changed" in out
    assert (tmp_path / "study.yaml").read_bytes() == before


def test_init_marks_what_is_lacking_and_does_not_take_one_table_twice(tmp_path, capsys, files):
    other = tmp_path / "data" / "log2.csv"
    other.write_text("client_id,dose_mg,take_home_days\n", encoding="utf-8")
    assert run(capsys, "init", tmp_path / "s", files[1], other)[0] == 0
    text = (tmp_path / "s" / "study.yaml").read_text(encoding="utf-8")
    assert "# date:  # TODO required; which column is it?" in text
    assert list(yaml.safe_load(text)["sources"]) == ["doses"]


def test_init_names_every_file_that_does_not_exist(tmp_path, capsys):
    code, _out, err = run(capsys, "init", tmp_path / "s", tmp_path / "a.csv", tmp_path / "b.csv")
    assert code == 13
    assert "a.csv" in err
    assert "b.csv" in err
    assert not (tmp_path / "s").exists()


def test_init_looks_at_a_table_of_a_database(tmp_path, capsys, monkeypatch):
    """The server itself is tested with the readers; here it hands over three rows."""

    def export(source, target):
        assert (source.url_from, source.table) == ("CLINIC_URL", "public.doses")
        target.write_text("id,dose date,dose_mg\n1,2020-01-31,60\n1,2020-02-01,60\n2,2020-02-01,80\n", encoding="utf-8")

    monkeypatch.setattr("oatmill.intake.readers.postgres.export", export)
    assert run(capsys, "init", tmp_path / "s", "--url-from", "CLINIC_URL", "--table", "public.doses")[0] == 0
    source = read_study(tmp_path / "s").sources["doses"]
    assert (source.file, source.url_from, source.table) == ((), "CLINIC_URL", "public.doses")
    assert source.columns == {"client_id": "id", "date": "dose date"}
    before = (tmp_path / "s" / "study.yaml").read_bytes()
    assert run(capsys, "init", tmp_path / "s", "--url-from", "CLINIC_URL", "--table", "public.doses")[0] == 0
    assert (tmp_path / "s" / "study.yaml").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--table", "doses"),
        ("--url-from", "X"),
        ("--url-from", "postgresql://me:secret@host/db", "--table", "doses"),
    ],
)
def test_init_without_anything_to_look_at_is_a_usage_error(tmp_path, capsys, words):
    code, _out, err = run(capsys, "init", tmp_path / "s", *words)
    assert code == 2
    assert "secret" not in err
    assert not (tmp_path / "s").exists()


# run


def test_a_misspelt_parameter_of_a_bundled_notebook_is_refused(capsys, tmp_path):
    code, _out, err = run(capsys, "run", "30_retention", "-p", "gap_dys=14", "--to", tmp_path / "x.ipynb")
    assert code == 21
    assert "did you mean `gap_days`?" in err


def test_a_notebook_that_does_not_exist_is_a_usage_error(capsys):
    assert run(capsys, "run", "99_nothing")[0] == 2


def test_main_returns_numbers(capsys, monkeypatch):
    monkeypatch.setattr(commands, "check", lambda words: None)
    assert cli.main(["check"]) == 0


def test_check_asks_whether_earlier_treatment_was_possible(tmp_path, capsys):
    """40 clients, all dosed from the log's first day on: nobody passes the washout, so the user is asked which it is."""
    rows = [
        f"c{client:03d},2020-{month:02d}-{day:02d},60"
        for client in range(40)
        for month in (1, 2, 3)
        for day in range(1, 29)
    ]
    (tmp_path / "doses.csv").write_text("client_id,date,dose_mg\n" + "\n".join(rows) + "\n", encoding="utf-8")
    text = "oatmill: 1\nid: asked\ntitle: Asked\nsources:\n  doses: {file: doses.csv}\n"
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    assert main(["check", str(tmp_path), "--out", str(tmp_path / "out")]) == 12
    assert "prior_treatment" in capsys.readouterr().err
    (tmp_path / "study.yaml").write_text(text + "definitions: {prior_treatment: none}\n", encoding="utf-8")
    assert main(["check", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
