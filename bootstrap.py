"""Build Oatmill's environment from the lock and run a command in it.

Needs nothing but Python 3.11 to 3.13 and a package index. Standard library only.

    python bootstrap.py report     build .venv if needed, then make the report of the demo study
    python bootstrap.py test       ... then run the tests
    python bootstrap.py check      format, lint, types, tests
    python bootstrap.py lab        JupyterLab on the notebooks, in an environment of its own (.venv-lab)
    python bootstrap.py spark      the tests of the episodes on DuckDB and Spark, in an environment of its own (.venv-spark); needs Java
    python bootstrap.py soak       the long runs; appends a dated line to bench/soak.csv
    python bootstrap.py bench      timings against named peers (`bench episodes`, `bench long_log`: others)
    python bootstrap.py lock       resolve requirements.lock again (maintainers; `lock --upgrade` takes newer versions)
    python bootstrap.py lock-check show that every locked package has a wheel for Windows, macOS and Linux
    python bootstrap.py env        build the environment only
    python bootstrap.py oatmill    any command of Oatmill: python bootstrap.py oatmill check my-study

Words after the command go to the program it starts: `python bootstrap.py test -k episodes`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
# Whole files of tests, two at a time and more where there are processors: what a file builds, it builds once.
PARALLEL = ("-n", str(max(2, min(os.cpu_count() or 1, 4))), "--dist", "loadfile")
SECTIONS = ("run", "dev", "lab", "spark")
SOURCES = ("pyspark",)  # the only package without a wheel
HEADING = re.compile(r"^# == (\w+) ==$")
OLDEST, NEWEST = (3, 11), (3, 13)


def say(message: str) -> None:
    print(message, flush=True)


def clean_environment() -> dict[str, str]:
    """The child's environment: compiled files are written (imports are five times faster), text is UTF-8."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME")}
    return {**kept, "PYTHONUTF8": "1"}


def check_python() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Oatmill needs Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}; this is {found}.\n"
            f"Start it with another one, for example: {'py -3.12' if os.name == 'nt' else 'python3.12'} "
            f"bootstrap.py {' '.join(sys.argv[1:])}"
        )


def read_lock() -> dict[str, list[str]]:
    """The lock's entries by section: run (what a report needs), dev (tests), lab (JupyterLab), spark (Ibis, PySpark)."""
    sections: dict[str, list[str]] = {name: [] for name in SECTIONS}
    current = None
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if heading := HEADING.match(line):
            current = heading[1]
        elif current and line and not line.startswith("#"):
            if line.startswith(" "):
                sections[current][-1] += "\n" + line
            else:
                sections[current].append(line)
    return sections


def wanted_entries(names: tuple[str, ...]) -> list[str]:
    sections = read_lock()
    return [entry for name in names for entry in sections[name]]


def python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp_of(entries: list[str]) -> str:
    import tomllib  # not in Python 3.10, which check_python refuses in words

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    installed = [repr(project[name]) for name in ("project", "build-system")] + [repr(project["tool"]["hatch"])]
    text = "\n".join([sys.version, str(ROOT), *entries, *installed])
    return hashlib.sha256(text.encode()).hexdigest()


def build_environment(folder: Path, names: tuple[str, ...]) -> Path:
    """Make `folder` hold exactly the locked packages of these sections and Oatmill itself."""
    entries = wanted_entries(names)
    stamp_file, stamp = folder / "oatmill-stamp", stamp_of(entries)
    python = python_of(folder)
    if stamp_file.is_file() and stamp in stamp_file.read_text(encoding="utf-8").split():
        return python
    started = time.monotonic()
    say(f"Building the environment {folder.name} (once; a few minutes on a slow connection)")
    if not has_pip(python):
        say("  1/3 creating it")
        create(folder)
    say(f"  2/3 installing {len(entries)} packages from the lock")
    install_locked(python, entries)
    say("  3/3 installing Oatmill itself")
    run_pip(python, ["install", "--no-build-isolation", "--no-deps", "--editable", str(ROOT)], lambda line: None)
    kept = stamp_file.read_text(encoding="utf-8").split() if stamp_file.is_file() and names != SECTIONS[:1] else []
    stamps = [stamp] + ([stamp_of(wanted_entries(SECTIONS[:1]))] if names != SECTIONS[:1] else [])
    stamp_file.write_text("\n".join(dict.fromkeys(stamps + kept)), encoding="utf-8")
    say(f"  ready after {time.monotonic() - started:.0f} s")
    return python


def has_pip(python: Path) -> bool:
    """Whether the environment is whole: one that was killed while it was made has no pip."""
    if not python.exists():
        return False
    return (
        subprocess.call([str(python), "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        == 0
    )


def create(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True)
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"The environment could not be made ({error}). On Debian and Ubuntu: apt install python3-venv")


def install_locked(python: Path, entries: list[str]) -> None:
    seen: set[str] = set()

    def progress(line: str) -> None:
        if match := re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.\-]+)", line):
            seen.add(match[1])
            if len(seen) % 25 == 0:
                say(f"      {len(seen)} of {len(entries)} looked up")
        elif line.startswith("Installing collected"):
            say("      unpacking")

    options = ["--require-hashes", "--no-deps", "--progress-bar", "off"]
    # What has no wheel is built with the setuptools of the lock, which has to be there first.
    built = [entry for entry in entries if named(entry) in SOURCES]
    wheels = [entry for entry in entries if entry not in built]
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch) / "requirements.txt"
        part.write_text("\n".join(wheels) + "\n", encoding="utf-8")
        run_pip(python, ["install", *options, "--only-binary", ":all:", "-r", str(part)], progress)
        if built:
            part.write_text("\n".join(built) + "\n", encoding="utf-8")
            run_pip(python, ["install", *options, "--use-pep517", "--no-build-isolation", "-r", str(part)], progress)


def run_pip(python: Path, words: list[str], each_line: Callable[[str], None]) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", env=clean_environment()
    )
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        each_line(line)
    if process.wait():
        sys.exit("The installation failed. pip's last words:\n" + "".join(lines[-15:]))


def run(python: Path, *words: str) -> int:
    return subprocess.call([str(python), *words], cwd=ROOT, env=clean_environment())


def resolve_lock(python: Path, words: list[str]) -> int:
    """Write requirements.lock: names, versions, hashes; a section per use; no address.

    Versions stay as they are where they still fit; `words` go to uv: `--upgrade`, or `--upgrade-package NAME`.
    """
    extras = ("build", "formats", "dev", "lab", "spark")
    everything = compile_entries(python, extras, words=words)
    everything = compile_entries(python, extras, pins_of(everything), sources=True) | everything
    pinned = pins_of(everything)
    run_extras = ("build", "formats")
    names = {
        "run": set(compile_entries(python, run_extras, pinned)),
        "dev": set(compile_entries(python, (*run_extras, "dev"), pinned)),
        "lab": set(compile_entries(python, (*run_extras, "dev", "lab"), pinned)),
        "spark": set(compile_entries(python, (*run_extras, "dev", "spark"), pinned, sources=True)),
    }
    names["run"] |= (names["lab"] & names["spark"]) - names["dev"]  # neither environment holds the other's section
    lines = [
        "# Made by `python bootstrap.py lock` from pyproject.toml; do not edit.",
        "# run: what a report needs. dev: what the tests need besides. lab: what JupyterLab needs besides.",
        "# spark: what the episodes on DuckDB or Spark by way of Ibis need besides.",
    ]
    done: set[str] = set()
    for section in SECTIONS:
        lines.append(f"# == {section} ==")
        lines += [everything[name] for name in sorted(names[section] - done)]
        done |= names[section]
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")
    say(f"{LOCK.name}: {len(everything)} packages")
    return 0


def named(entry: str) -> str:
    return re.split(r"[=<>;\[ ]", entry, maxsplit=1)[0]


def pins_of(entries: dict[str, str]) -> str:
    return "\n".join(re.sub(r" ;.*", "", entry.split(" \\")[0]) for entry in entries.values())


def compile_entries(
    python: Path,
    extras: tuple[str, ...],
    constraints: str = "",
    *,
    sources: bool = False,
    words: list[str] | None = None,
) -> dict[str, str]:
    """What uv resolves for these extras, from wheels only; `sources`: with the packages that have none."""
    options = "--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url"
    with tempfile.TemporaryDirectory() as scratch:
        pins, target, without = (Path(scratch) / name for name in ("pins.txt", "resolved.txt", "without.txt"))
        pins.write_text(constraints + "\n", encoding="utf-8")
        without.write_text("\n".join(SOURCES) + "\n", encoding="utf-8")
        shutil.copyfile(LOCK, target)  # uv keeps the versions that it finds where it writes
        command = ["pip", "compile", *options.split(), "--quiet", "--constraint", str(pins), "pyproject.toml"]
        command += [] if sources else ["--only-binary", ":all:", "--excludes", str(without)]
        for extra in extras:
            command += ["--extra", extra]
        subprocess.run(
            [str(python), "-m", "uv", *command, *(words or []), "--output-file", str(target)],
            cwd=ROOT,
            env=clean_environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        text = target.read_text(encoding="utf-8")
    entries: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith(" "):
            entries[name] += "\n" + line
        elif line and not line.startswith("#"):
            name = named(line)
            # a package with two entries (two markers) keeps both
            entries[name] = f"{entries[name]}\n{line}" if name in entries else line
    return entries


def check_lock(python: Path) -> int:
    """Resolve the lock from wheels only, for each platform and Python that Oatmill supports."""
    with tempfile.TemporaryDirectory() as scratch:
        locked = Path(scratch) / "wheels.txt"
        entries = [entry for entry in wanted_entries(SECTIONS) if named(entry) not in SOURCES]
        locked.write_text("\n".join(entries) + "\n", encoding="utf-8")
        return check_wheels(python, locked)


def check_wheels(python: Path, locked: Path) -> int:
    failed = 0
    for platform in ("windows", "macos", "linux"):
        for version in ("3.11", "3.12", "3.13"):
            words = ["-m", "uv", "pip", "compile", "--quiet", "--only-binary", ":all:", "--no-deps", "-o", os.devnull]
            words += ["--python-platform", platform, "--python-version", version, str(locked)]
            code = run(python, *words)
            say(f"{platform:8} Python {version}: {'wheels for every package' if code == 0 else 'NOT INSTALLABLE'}")
            failed += code != 0
    return 1 if failed else 0


def which_bench(words: list[str]) -> list[str]:
    """`episodes` or `long_log` first names another program than that of the curves and regressions."""
    named = words[:1] if words and (ROOT / "bench" / f"{words[0]}.py").is_file() else ["bench"]
    return [f"bench/{named[0]}.py", *(words[1:] if words[:1] == named else words)]


def run_checks(python: Path, words: list[str]) -> int:
    steps = [
        ("format", ["-m", "ruff", "format", "--check", "."]),
        ("lint", ["-m", "ruff", "check", "."]),
        ("types", ["-m", "mypy"]),
        ("tests", ["-m", "pytest", *PARALLEL, *words]),
    ]
    for name, step in steps:
        say(f"== {name}")
        if code := run(python, *step):
            return code
    return 0


def run_spark(python: Path, words: list[str]) -> int:
    """The tests of the other engines; nothing is skipped, and one process has one Spark."""
    os.environ["OATMILL_REQUIRE"] = "ibis,java"
    return run(python, "-m", "pytest", "tests/spark", *words)


def main(words: list[str]) -> int:
    command, rest = (words[0], words[1:]) if words else ("", [])
    if command in ("", "-h", "--help", "help"):
        say(__doc__ or "")
        return 0 if command else 2
    check_python()
    actions: dict[str, Callable[[Path], int]] = {
        "env": lambda python: run(python, "-m", "oatmill", "--version"),
        "report": lambda python: run(python, "-m", "oatmill", "report", *(rest or ["data/demo"])),
        "oatmill": lambda python: run(python, "-m", "oatmill", *rest),
        "test": lambda python: run(python, "-m", "pytest", *PARALLEL, *rest),
        "check": lambda python: run_checks(python, rest),
        "lab": lambda python: run(python, "-m", "jupyterlab", "notebooks", *rest),
        "spark": lambda python: run_spark(python, rest),
        "soak": lambda python: run(python, "bench/soak.py", *rest),
        "bench": lambda python: run(python, *which_bench(rest)),
        "lock": lambda python: resolve_lock(python, rest),
        "lock-check": check_lock,
    }
    if command not in actions:
        sys.exit(f"Unknown command: {command}. Known: {', '.join(actions)}")
    if command == "lab":
        return actions[command](build_environment(ROOT / ".venv-lab", ("run", "lab")))
    if command == "spark":
        return actions[command](build_environment(ROOT / ".venv-spark", ("run", "dev", "spark")))
    sections = ("run",) if command in ("report", "env", "oatmill") else ("run", "dev")
    return actions[command](build_environment(ROOT / ".venv", sections))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
