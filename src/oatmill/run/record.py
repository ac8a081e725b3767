"""What a report writes down about itself: results.csv, manifest.json, and the key that says it is unchanged."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.metadata
import io
import json
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import oatmill
from oatmill.profiles import PROFILES
from oatmill.run.chapters import Chapter
from oatmill.run.pages import Page
from oatmill.store import Fingerprints, bundle, hash_file, hash_text, lock_hash, source_hash, write_atomically
from oatmill.study import Study, settings_of

if TYPE_CHECKING:
    from oatmill.gate.counts import Kinds

SCHEMA_VERSION = 1
RESULT_COLUMNS = (
    "page", "output", "estimand", "definition", "population", "model", "group", "level", "term", "day", "period",
    "estimate", "lower", "upper", "se", "n", "events", "unit", "status", "reason",
)  # fmt: skip
RECORD_COLUMNS = ("page", "output", "rule", "action", "rows", "reason")
# Modules that cannot change what a notebook computes: an edit of them runs no notebook again.
_AFTER_NOTEBOOKS = ("gate", "run", "book", "cli", "__main__", "__init__")


def page_key(study: Study, fingerprints: Mapping[str, str]) -> str:
    """Everything that a page depends on but its own notebook."""
    package = Path(oatmill.__file__).parent
    names = {path.stem if path.suffix == ".py" else path.name for path in package.iterdir()} - {
        "__pycache__",
        "_bundle",
    }
    modules = sorted(name for name in names - set(_AFTER_NOTEBOOKS) if (package / name).suffix != ".toml")
    profiles = hash_file(package / "profiles.toml")
    return hash_text(
        _settings(study), json.dumps(dict(fingerprints)), source_hash(*modules, "run/kernel"), profiles, *_environment()
    )


def report_key(study: Study, fingerprints: Mapping[str, str], chapters: Sequence[Chapter], pdf: bool) -> str:
    """Everything that a report depends on."""
    notebooks = [f"{chapter.page}:{hash_file(chapter.path)}" for chapter in chapters]
    book = sorted(path for path in (bundle() / "book").rglob("*") if path.is_file())
    sources = [f"{path.relative_to(bundle()).as_posix()}:{hash_file(path)}" for path in book]
    parts = (_settings(study), json.dumps(dict(fingerprints)), source_hash(), str(pdf), *notebooks, *sources)
    return hash_text(*parts, *_environment())


def input_fingerprints(study: Study, work: Path) -> dict[str, str]:
    """sha256 of every input file, remembered by path, size and modification time.

    A file that the generator makes is not here: its settings and its source are in the keys.
    """
    known = Fingerprints(work)
    files = {(table, name): path for table in sorted(study.sources) for name, path in study.paths_of(table).items()}
    published = sorted((bundle() / "data" / "published").glob("*.csv"))
    inputs = {f"{table}: {name}": known.of(path) for (table, name), path in files.items() if path.is_file()}
    return inputs | {f"published/{path.name}": known.of(path) for path in published}


def _settings(study: Study) -> str:
    return json.dumps(settings_of(study), sort_keys=True)


def _environment() -> tuple[str, ...]:
    return (sys.version, lock_hash())


def collect_stages(pages: Iterable[Page], target: Path) -> None:
    """Put the stage folders of all pages together: released/ figures/ tables/ cards/."""
    target.mkdir(parents=True, exist_ok=True)
    for page in pages:
        if page.notebook and page.folder:
            shutil.copytree(page.folder / "stage", target, dirs_exist_ok=True)


def write_results(stage: Path, target: Path) -> list[dict[str, str]]:
    """results.csv: the released rows of all pages, unique and sorted."""
    unique = {tuple(row.get(name) or "" for name in RESULT_COLUMNS) for row in _released(stage)}
    rows = sorted(unique, key=_order)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(RESULT_COLUMNS)
    writer.writerows(rows)
    write_atomically(target, text.getvalue())
    return [dict(zip(RESULT_COLUMNS, row, strict=True)) for row in rows]


def write_disclosure_record(rows: Iterable[Mapping[str, str]], kinds: Kinds, study: Study, target: Path) -> None:
    """disclosure_record.csv, for the officer who signs: what was done to the rows of each output, and why."""
    told = Counter(_record_of(row, *kinds[row["page"], row["output"]][:2]) for row in rows)
    exceptions = [
        ("", each.output, ", ".join(each.lift), "threshold lifted", "", f"{each.approved_by}: {each.reason}")
        for each in study.disclosure.exceptions
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(RECORD_COLUMNS)
    writer.writerows([*sorted((*what[:4], str(n), what[4]) for what, n in told.items()), *exceptions])
    write_atomically(target, text.getvalue())


def _record_of(row: Mapping[str, str], kind: str, public: bool) -> tuple[str, str, str, str, str]:
    if public:
        action = "published figures, as they stand"
    elif row["status"] != "shown":
        action = "withheld"
    else:
        action = "coarsened" if row["reason"] else "rounded"
    return row["page"], row["output"], kind, action, row["reason"]


def _released(stage: Path) -> Iterable[dict[str, str]]:
    for path in sorted((stage / "released").rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def _order(row: tuple[str, ...]) -> tuple[Any, ...]:
    day = RESULT_COLUMNS.index("day")
    return (*row[:day], float(row[day] or -1), *row[day:])


def build_manifest(
    study: Study, actual: Study, pages: Sequence[Page], timings: Mapping[str, float], known: Fingerprints
) -> dict[str, Any]:
    """What made this report.

    Parameters
    ----------
    study : as the study file says
    actual : the same with the folder that holds the files read (a generated study's are in `work`)
    known : hashes of files that were read before, so that a large one is not read again
    """
    settings = settings_of(study)
    return {
        "schema_version": SCHEMA_VERSION,
        "study": {
            name: settings[name] for name in ("id", "title", "subtitle", "authors", "language", "programme_name")
        },
        "made": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
        "inputs": _inputs(actual, known),
        "definitions": settings["definitions"],
        "covariates": settings["covariates"],
        "disclosure": settings["disclosure"] | {"internal": PROFILES[study.disclosure.profile].internal},
        "generated": settings["generate"],
        "seed": study.seed,
        "chapters": {page.name: _chapter(page) for page in pages},
        "timings_seconds": {name: round(seconds, 1) for name, seconds in timings.items()},
        "code": {"oatmill": oatmill.__version__, "source": source_hash(), "lock": lock_hash()},
        "python": platform.python_version(),
        "platform": platform.system(),
        "packages": _packages(),
    }


def _inputs(study: Study, known: Fingerprints) -> list[dict[str, Any]]:
    return [
        {
            "table": table,
            "file": source.table if source.url_from else PurePath(name.replace("\\", "/")).name,
            "sha256": known.of(path),
            "public": source.public,
            "synthetic": source.synthetic,
        }
        for table, source in sorted(study.sources.items())
        for name, path in study.paths_of(table).items()
        if path.is_file()
    ]


def _chapter(page: Page) -> dict[str, Any]:
    chapter = page.capability.chapter
    told: dict[str, Any] = {"title": chapter.title, "state": page.state, "seconds": page.seconds}
    if page.state == "refused":
        told["reason"] = page.reason
    if page.capability.loses:
        told["lost"] = dict(page.capability.loses)
    return told | {"notebook": hash_file(chapter.path)}


def _packages() -> dict[str, str]:
    found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in importlib.metadata.distributions()}
    return dict(sorted(found.items()))
