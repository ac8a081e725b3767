"""A study of dummy notebooks that write the files a real page writes, without reading any data.

A test of running, building and publishing needs pages, not estimates; these run in about a second each.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from oatmill.run import Parts
from oatmill.run.safety import check_publishable
from oatmill.run.switch import Places

PIXEL = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSI4IiBoZWlnaHQ9IjgiLz4="

HELPERS = """
import csv, json, os
from pathlib import Path
run = json.loads(Path(os.environ["OATMILL_RUN"]).read_text(encoding="utf-8"))
page, stage, work = os.environ["OATMILL_PAGE"], Path(os.environ["OATMILL_STAGE"]), Path(run["work"])
plan_file = Path(run["plan"])
withheld = json.loads(plan_file.read_text(encoding="utf-8"))["withheld"] if plan_file.is_file() else []
COLUMNS = ("page output estimand definition population model group level term day period estimate lower upper se n "
           "events unit status reason").split()

def release(output, *rows, kind="counts", public=False):
    for folder in (stage / "released" / page, stage / "tables"):
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{output}.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\\n")
            writer.writeheader()
            for row in rows:
                hidden = {"estimate": "", "n": "", "events": "", "status": "withheld"} if output in withheld else {}
                writer.writerow(dict.fromkeys(COLUMNS, "") | {"page": page, "output": output, "status": "shown"} | row | hidden)
    results = work / "results" / page
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{output}.json").write_text(json.dumps({"output": output, "kind": kind, "public": public}), encoding="utf-8")

def cards(*rows):
    (stage / "cards").mkdir(exist_ok=True)
    named = [dict(zip(("label", "value", "note"), row)) for row in rows]
    (stage / "cards" / f"{page}.json").write_text(json.dumps(named), encoding="utf-8")
"""

DOSES = {"doses": ["client_id", "date", "dose_mg"]}


def markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def code(text: str, *tags: str) -> dict[str, Any]:
    metadata = {"tags": list(tags)} if tags else {}
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": text}


def write_notebook(
    folder: Path,
    page: str,
    *cells: str | dict[str, Any],
    title: str = "",
    requires: Any = None,
    optional: Mapping[str, str] | None = None,
) -> Path:
    """A notebook with a title, a parameters cell, the helpers, and these cells (text is code)."""
    title = title or page.split("_", 1)[1].replace("_", " ").capitalize()
    about = {
        "title": title,
        "question": f"What about {title.lower()}?",
        "requires": requires or {},
        "optional": optional or {},
    }
    first = [
        markdown(f"# {title}\n\nWho stays?"),
        code("study_file = None  # None: the demo", "parameters"),
        code(HELPERS),
    ]
    body = [code(cell) if isinstance(cell, str) else cell for cell in cells]
    every = [cell | {"id": f"cell-{number}"} for number, cell in enumerate([*first, *body])]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": every, "metadata": spec | {"oatmill": about}, "nbformat": 4, "nbformat_minor": 5}
    path = folder / f"{page}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    return path


def write_study(folder: Path, *more: str) -> Path:
    """A study file with a dosing log of one row, labelled synthetic."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "doses.csv").write_text("client_id,date,dose_mg\nKG-2016-0001,2020-01-01,60\n", encoding="utf-8")
    lines = ["oatmill: 1", "id: dummy", "title: A small programme", "authors: [A. Author]"]
    lines += ["sources:", "  doses: {file: doses.csv, synthetic: true}", *more]
    file = folder / "study.yaml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def write_dummy_book(material: Any, target: Path) -> None:
    """A site of one page, for tests that are not about the book."""
    (target / "site").mkdir(parents=True)
    (target / "site" / "index.html").write_text(f"<h1>{material.study.title}</h1>", encoding="utf-8")


def dummy_stations(study: Any, work: Path) -> Any:
    folder = work / "stations" / "intake-dummy"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "identifiers.txt").write_text("KG-2016-0001\n", encoding="utf-8")
    return study


def dummy_parts(withheld: Sequence[str] = (), build_book: Any = write_dummy_book, **more: Any) -> Parts:
    """The steps that stand elsewhere, as dummies; the plan withholds these outputs whole."""
    plan = {"withheld": list(withheld)}
    parts = Parts(build_book, dummy_stations, lambda work, study: plan, dummy_pages_changed, dummy_gate)
    return replace(parts, **more)


def dummy_gate(folder: Path, work: Path) -> None:
    """The real gate, where the rows of a dummy page, which has no Result, stand for what its Result would give."""
    check_publishable(folder, work, dummy_rows)


def dummy_rows(work: Path, disclosure: Mapping[str, Any]) -> dict[tuple[str, str], frozenset[tuple[str, ...]]]:
    rows = {}
    for path in (work / "stage" / "released").glob("*/*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows[path.parent.name, path.stem] = frozenset(map(tuple, csv.reader(file)))
    return rows


def dummy_pages_changed(old: Mapping[str, Any], new: Mapping[str, Any], work: Path) -> set[str]:
    """Pages with an output that one of two dummy plans withholds."""
    differ = set(old.get("withheld", ())) ^ set(new["withheld"])
    return {file.parent.name for file in (work / "results").glob("*/*.json") if file.stem in differ}


def places(out: Path) -> Places:
    return Places(out.resolve(), "dummy")
