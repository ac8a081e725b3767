"""What README and CONTRIBUTING show is so: their commands exist, their links lead somewhere, the cheap ones are run."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.small_report import exits, put_report

from oatmill import __version__
from oatmill.cli import main
from oatmill.cli.words import build_parser
from oatmill.errors import EXIT_CODES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/demo/README.md", "data/published/README.md")
FENCE = re.compile(r"^```sh\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
BOOTSTRAP = (ROOT / "bootstrap.py").read_text(encoding="utf-8")


def commands(page: str) -> list[str]:
    """The command lines that a page shows, without their comments."""
    blocks = FENCE.findall((ROOT / page).read_text(encoding="utf-8"))
    lines = (line.split("  #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


def shown(program: str) -> list[tuple[str, str]]:
    return [(page, line) for page in PAGES for line in commands(page) if re.match(rf"{program}\b", line)]


def bootstrap_commands() -> set[str]:
    return set(re.findall(r'^        "([a-z-]+)": (?:lambda|\w+,)', BOOTSTRAP, flags=re.MULTILINE))


def targets() -> set[str]:
    (line,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    return set(line.split())


# Every command that is shown


def test_every_command_shown_is_of_a_known_program():
    known = ("make", "python bootstrap.py", "py bootstrap.py", "oatmill", "pre-commit", "python tests/", "cd tests/")
    assert [line for page in PAGES for line in commands(page) if not line.startswith(known)] == []


@pytest.mark.parametrize(("page", "line"), shown("make"))
def test_make_target_exists(page, line):
    assert line.split()[1] in targets()


@pytest.mark.parametrize(("page", "line"), shown("py(thon)? bootstrap.py"))
def test_bootstrap_command_exists(page, line):
    assert line.split()[2] in bootstrap_commands()


@pytest.mark.parametrize(("page", "line"), shown("oatmill"))
def test_oatmill_command_is_understood(page, line):
    words = shlex.split(line)[1:]
    if "--help" in words:
        with pytest.raises(SystemExit) as stopped:
            build_parser().parse_args(words)
        assert stopped.value.code == 0
    else:
        assert callable(build_parser().parse_args(words).command)


@pytest.mark.parametrize(("page", "line"), shown("(python|cd) tests/"))
def test_script_of_the_tests_exists(page, line):
    folder, words = ROOT, shlex.split(line)
    if words[0] == "cd":
        folder, words = ROOT / words[1], words[3:]
    assert (folder / words[1]).is_file()


# Make and bootstrap


def test_make_calls_bootstrap_by_the_same_name(requires):
    make = requires("make")
    for target in targets() - {"help", "clean"}:
        words = [str(make), "--dry-run", "--no-print-directory", target, "PYTHON=python", "ARGS=more words"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
        assert done.stdout.strip() == f"python bootstrap.py {target} more words"
        assert target in bootstrap_commands()


def test_make_alone_shows_every_target(requires):
    make = requires("make")
    done = subprocess.run([str(make)], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert set(re.findall(r"^make ([a-z-]+)", done.stdout, flags=re.MULTILINE)) == targets() - {"help"}


def test_bootstrap_help_names_its_commands():
    help_text = runpy.run_path(str(ROOT / "bootstrap.py"))["__doc__"]
    named = set(re.findall(r"^    python bootstrap\.py ([a-z-]+)", help_text, flags=re.MULTILINE))
    assert named == bootstrap_commands()


def test_bootstrap_refuses_an_unknown_command_before_it_builds_anything():
    words = [sys.executable, str(ROOT / "bootstrap.py"), "reprot"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert done.returncode != 0
    assert "reprot" in done.stderr
    assert "Building" not in done.stdout


# The cheap commands, run


def test_version_and_help(capsys):
    for words in (["--version"], ["--help"], ["report", "--help"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 0
    told = capsys.readouterr().out
    assert f"oatmill {__version__}" in told
    assert all(str(code) in told for code in EXIT_CODES)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A folder with the files that README names."""
    folder = tmp_path_factory.mktemp("readme")
    assert main(["synth", str(folder), "--clients", "120", "--sites", "2", "--years", "2"]) == 0
    (folder / "study.yaml").unlink()
    return folder


def test_init_and_check_as_shown(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    lines = [line for line in commands("README.md") if line.startswith(("oatmill init", "oatmill check"))]
    assert len(lines) == 2
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0
    assert (files / "my-study" / "study.yaml").is_file()
    told = capsys.readouterr().out
    assert "30_retention" in told
    assert "quarantined" in told


def test_publish_as_shown(tmp_path, monkeypatch, capsys):
    put_report(tmp_path, exits(6), changes={"id": "my-study"})
    monkeypatch.chdir(tmp_path)
    (line,) = (line for line in commands("README.md") if line.startswith("oatmill publish"))
    assert main(shlex.split(line)[1:]) == 0
    assert "Published as 2026-01" in capsys.readouterr().out
    assert (tmp_path / "work" / "my-study" / "releases" / "2026-01").is_dir()


# What else is said


def test_links_lead_somewhere():
    text = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", text[page])]
    local = [(page, link.split("#")[0]) for page, link in links if not re.match(r"https?:|#", link)]
    assert [(page, link) for page, link in local if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_chapters_are_the_notebooks():
    table = re.findall(r"^\| (?!chapter)([^|]+) \| ([^|]+) \|$", README, flags=re.MULTILINE)
    notebooks = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    declared = [notebook["metadata"]["oatmill"] for notebook in notebooks]
    assert table == [(about["title"], about["question"]) for about in declared]


def test_versions_of_python_are_the_supported_ones():
    names = runpy.run_path(str(ROOT / "bootstrap.py"))
    (oldest, newest) = names["OLDEST"][1], names["NEWEST"][1]
    assert f"Python {', '.join(f'3.{n}' for n in range(oldest, newest))} or 3.{newest} " in README


def test_files_named_in_the_table_of_derived_files_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.split("| derived file | source | command |")[1].split("\n\n")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    assert rows
    for _start, derived, _source, command, _end in rows:
        for name in re.findall(r"`((?:tests|bench|requirements)[\w./]+)`", derived):
            assert (ROOT / name).is_file(), name
        for target in re.findall(r"make ([a-z-]+)", command):
            assert target in targets()


def test_tables_of_folders_are_complete():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `tests/(\w+)` \|", text, flags=re.MULTILINE))
    present = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.rglob("*.[pyY]*"))}
    assert named == {name for name in present if not name.startswith("__")}
