"""A page of the book while its notebook runs: what it shows, and what it files for the report.

By hand a notebook only shows. Within `oatmill report` (the environment variable OATMILL_RUN names a file with
the run's settings) the same calls also file Results, released rows, figures and tables.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from oatmill.disclosure import RELEASED_COLUMNS, Plan, Released
from oatmill.figures import Plot, theme
from oatmill.results import TEXT_COLUMNS, Result, Sum
from oatmill.store import bundle, file_name, read_frames, write_atomically, write_frame
from oatmill.tables import Table
from oatmill.text import _, in_csv, in_html

RESULT_COLUMNS = ("page", "output", *RELEASED_COLUMNS)


@dataclass(frozen=True)
class Page:
    """Where a notebook's outputs go.

    `work` is the study's private folder; `stage` the folder of this run's releasable files, None by hand.
    """

    work: Path
    stage: Path | None = None
    name: str = ""
    plan: Plan = Plan()

    @classmethod
    def current(cls, study_id: str) -> Page:
        """The page of the report run that this process belongs to, or one that files nothing."""
        if "OATMILL_RUN" not in os.environ:
            home = bundle() if (bundle() / "pyproject.toml").is_file() else Path.cwd()
            return cls(Path(os.environ.get("OATMILL_OUT", home)) / "work" / study_id)
        run = run_settings()
        stage = Path(os.environ.get("OATMILL_STAGE", run["stage"]))
        return cls(Path(run["work"]), stage, os.environ["OATMILL_PAGE"], read_plan(Path(run["plan"])))

    def file(self, result: Result, released: Released) -> None:
        """Keep the Result for the plan of the whole book, and the released rows for results.csv."""
        if self.stage is None:
            return
        folder = self.work / "results" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        write_frame(result.frame, folder / f"{result.output}.parquet")
        about = {"output": result.output, "kind": result.kind, "public": result.public, "parameters": result.parameters}
        about["sums"] = result.sums
        about["of_curves"] = any(source.kind == "curve" for source in result.sources)
        write_atomically(folder / f"{result.output}.json", json.dumps(about))
        rows = released.frame.assign(page=self.name, output=result.output)
        write_rows(rows, self.stage / "released" / self.name / f"{result.output}.csv")

    def show_plot(self, plot: Plot) -> None:
        picture = _svg(plot)
        if self.stage:
            folder = self.stage / "figures"
            folder.mkdir(parents=True, exist_ok=True)
            name = file_name(plot.name)
            (folder / f"{name}.svg").write_bytes(picture)
            with theme():
                plot.figure.savefig(folder / f"{name}.png", dpi=200, metadata={"Software": None})
        source = f"data:image/svg+xml;base64,{base64.b64encode(picture).decode()}"
        narrow = ' class="oatmill-narrow"' if plot.narrow else ""
        _display(
            f'<figure class="oatmill-figure"><img{narrow} src="{source}" alt="{in_html(plot.alt)}">'
            f'<figcaption>{in_html(plot.caption)} <span class="oatmill-note">{in_html(plot.notes)}</span> '
            f"{self._data(plot.name, plot.data)}</figcaption></figure>"
        )

    def show_table(self, table: Table) -> None:
        link = self._data(table.name, table.data)
        _display(f'<div class="oatmill-table">{table.html}<p class="oatmill-data">{link}</p></div>')

    def show_note(self, text: str) -> None:
        _display(f'<p class="oatmill-withheld">{in_html(text)}</p>')

    def show_findings(self, sentences: Sequence[str]) -> None:
        title = in_html(_("Key findings"))
        items = "".join(f"<li>{in_html(sentence)}</li>" for sentence in sentences)
        _display(f'<div class="oatmill-findings"><p class="oatmill-findings-title">{title}</p><ul>{items}</ul></div>')

    def show_banner(self, text: str) -> None:
        _display(f'<div class="oatmill-banner" role="note">{in_html(text)}</div>')

    def add_cards(self, cards: Sequence[tuple[str, str, str]]) -> None:
        """Offer key numbers (label, value, note) for the landing page."""
        if self.stage:
            rows = [dict(zip(("label", "value", "note"), card, strict=True)) for card in cards]
            write_atomically(self.stage / "cards" / f"{self.name}.json", json.dumps(rows, ensure_ascii=False))

    def _data(self, name: str, data: pd.DataFrame) -> str:
        """File the rows behind a figure or table, and link them."""
        if self.stage is None:
            return ""
        write_rows(data.assign(page=self.name), self.stage / "tables" / f"{file_name(name)}.csv")
        return f'<a href="data/{name}.csv" download>{in_html(_("Data (CSV)"))}</a>'


def run_settings() -> dict[str, Any]:
    """The settings of the report run that this process belongs to; empty by hand."""
    if "OATMILL_RUN" not in os.environ:
        return {}
    return dict(json.loads(Path(os.environ["OATMILL_RUN"]).read_text(encoding="utf-8")))


def read_plan(path: Path) -> Plan:
    if not path.is_file():
        return Plan()
    return Plan.from_json(json.loads(path.read_text(encoding="utf-8")))


def read_results(folder: Path) -> dict[str, list[Result]]:
    """The unreleased Results that notebooks filed under `work/<id>/results`, by page."""
    results: dict[str, list[Result]] = {}
    files = sorted(path for path in folder.glob("*/*.json") if not path.name.endswith(".types.json"))
    for about, frame in zip(files, read_frames(path.with_suffix(".parquet") for path in files), strict=True):
        facts = json.loads(about.read_text(encoding="utf-8"))
        facts.pop("of_curves")  # for the gate; the sources themselves are not kept
        facts["sums"] = tuple(Sum(*(tuple(map(tuple, side)) for side in each)) for each in facts["sums"])
        results.setdefault(about.parent.name, []).append(Result(frame=frame, **facts))
    return results


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Write released rows as CSV: UTF-8, 10 significant digits, no formulas, the same bytes on every platform."""
    write_atomically(path, rows_as_csv(rows))


def rows_as_csv(rows: pd.DataFrame) -> str:
    rows = rows.assign(**{name: rows[name].map(in_csv) for name in TEXT_COLUMNS})
    return str(rows[list(RESULT_COLUMNS)].to_csv(index=False, float_format="%.10g", lineterminator="\n"))


def _svg(plot: Plot) -> bytes:
    buffer = io.BytesIO()
    with theme():
        plot.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": plot.alt})
    return buffer.getvalue()


def _display(markup: str) -> None:
    from IPython.display import HTML, display

    display(HTML(markup))
