"""The wheel alone makes the report of the demo, from another folder.

Installing the locked packages a second time would take minutes, so the new environment sees the ones of the
environment that runs the tests, through a path file. Oatmill itself does not come along: an editable install is
a path file too, and Python does not follow those of a folder that was added by one. The test checks that.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow

# A demo that is quick to generate; its definitions and chapters are the demo's own.
SMALL = ["--set", "generate.clients=500", "--set", "generate.sites=4", "--set", "generate.years=2"]
SMALL += ["--set", "definitions.data_cut=2017-12-31", "--set", "definitions.death_linkage_date=2017-12-31"]


def call(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "OATMILL_OUT", "OATMILL_RUN")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | {"PYTHONUTF8": "1"}
    command = [str(word) for word in words]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (file,) = folder.glob("oatmill-*-py3-none-any.whl")
    return file


@pytest.fixture(scope="module")
def names(wheel) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The scripts folder of a fresh environment that holds the wheel and sees the locked packages."""
    folder = tmp_path_factory.mktemp("fresh") / "env"
    venv.create(folder, with_pip=False)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    words = ["--disable-pip-version-check", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel]
    call(sys.executable, "-m", "pip", *words, cwd=folder)
    places = {name: sysconfig.get_path(name) for name in ("purelib", "platlib")}
    there = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).stdout.strip()
    Path(there, "locked.pth").write_text("\n".join(dict.fromkeys(places.values())) + "\n", encoding="utf-8")
    return scripts


def test_wheel_carries_the_bundle(names):
    bundle = "oatmill/_bundle"
    wanted = [f"{bundle}/requirements.lock", f"{bundle}/book/methods.md", f"{bundle}/data/demo/study.yaml"]
    for folder in ("notebooks", "book", "data"):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and not hidden(path)]
        wanted += [f"{bundle}/{path.relative_to(ROOT).as_posix()}" for path in files]
    assert set(wanted) <= set(names)


def hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.relative_to(ROOT).parts)


def test_wheel_carries_the_data_files_of_the_package(names):
    files = [path for path in (ROOT / "src" / "oatmill").rglob("*") if path.suffix in (".toml", ".po")]
    assert {path.relative_to(ROOT / "src").as_posix() for path in files} <= set(names)


def test_wheel_carries_nothing_private_and_nothing_of_the_tests(names):
    unwanted = re.compile(r"(^|/)(work|reports|tests|bench|\.venv|\.git|__pycache__|_build|\.ipynb_checkpoints)/")
    assert [name for name in names if unwanted.search(name)] == []
    assert [name for name in names if not re.match(r"oatmill(-[\d.]+\.dist-info)?/", name)] == []


def test_command_of_the_wheel_says_its_version(installed, tmp_path):
    from oatmill import __version__

    assert call(installed / "oatmill", "--version", cwd=tmp_path).stdout.strip() == f"oatmill {__version__}"


def test_wheel_is_what_runs(installed, tmp_path):
    code = "import oatmill; print(oatmill.__file__)"
    file = Path(call(installed / "python", "-c", code, cwd=tmp_path).stdout.strip())
    assert file.is_relative_to(installed.parent), "the tests' own oatmill shadows the wheel"


def test_wheel_makes_the_report_of_the_demo_from_another_folder(installed, tmp_path):
    done = call(installed / "oatmill", "report", *SMALL, cwd=tmp_path)
    site = tmp_path / "reports" / "demo" / "site"
    assert str(site / "index.html") in done.stdout
    assert (site / "index.html").is_file()
    pages = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert pages <= {path.stem for path in site.glob("*.html")}
    assert (tmp_path / "reports" / "demo" / "results" / "results.csv").stat().st_size
    assert {path.name for path in tmp_path.iterdir()} == {"reports", "work"}
