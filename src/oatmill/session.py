"""What a notebook opens: the study, its stations, and the run it belongs to.

By hand a notebook only shows. Within `oatmill report` (the environment variable OATMILL_RUN names the run's
settings) the same calls also file Results, released rows, figures and tables for the book.
"""

from __future__ import annotations

import ast
import base64
import difflib
import html
import io
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.disclosure import RELEASED_COLUMNS, Plan, Released, release
from oatmill.errors import NotSupported, ParameterUnknown
from oatmill.profiles import PROFILES
from oatmill.results import Result
from oatmill.store import Fingerprints, Store, bundle, hash_text, lock_hash, read_frame, source_hash, write_atomically, write_frame
from oatmill.study import Study, read_study, settings_of
from oatmill.text import _, use_language

if TYPE_CHECKING:
    import pandas as pd

    from oatmill.cohort import Cohort
    from oatmill.episodes import SiteCalendar
    from oatmill.figures import Plot
    from oatmill.intake import Intake
    from oatmill.tables import Table

_INTAKE_DEFINITIONS = ("blank_dose", "exact_duplicates", "dose_is_total", "data_cut", "medication")
RESULT_COLUMNS = ("page", "output", *RELEASED_COLUMNS)


@dataclass(frozen=True)
class Run:
    """The report run that a notebook belongs to."""

    work: Path
    stage: Path | None = None
    page: str = ""
    plan: Plan = Plan()
    changes: dict[str, Any] | None = None

    @classmethod
    def current(cls, study: Study) -> Run:
        if "OATMILL_RUN" not in os.environ:
            home = bundle() if (bundle() / "pyproject.toml").is_file() else Path.cwd()
            return cls(Path(os.environ.get("OATMILL_OUT", home)) / "work" / study.id)
        settings = json.loads(Path(os.environ["OATMILL_RUN"]).read_text(encoding="utf-8"))
        return cls(
            Path(settings["work"]),
            Path(os.environ.get("OATMILL_STAGE", settings["stage"])),
            os.environ["OATMILL_PAGE"],
            read_plan(Path(settings["plan"])),
        )


def read_plan(path: Path) -> Plan:
    if not path.is_file():
        return Plan()
    cells = json.loads(path.read_text(encoding="utf-8"))["withheld"]
    return Plan({output: tuple(tuple(cell) for cell in kept) for output, kept in cells.items()})


def write_plan(plan: Plan, path: Path) -> None:
    write_atomically(path, json.dumps({"withheld": {name: sorted(plan.of(name)) for name in sorted(plan.withheld)}}))


def open_study(study_file: str | Path | None = None, **knobs: Any) -> Session:
    """Open a study in a notebook.

    Parameters
    ----------
    study_file : a study file or its folder; None means the demo study
    knobs : definitions to change for this notebook only, as `gap_days=14`; None leaves the study file's value

    Raises
    ------
    ParameterUnknown : Papermill injected a parameter that the notebook does not have
    StudyMissing, StudyNotYaml, StudyInvalid
    """
    _refuse_unknown_parameters(("study_file", *knobs))
    changes = dict(_run_changes())
    turned = {f"definitions.{name}": value for name, value in knobs.items() if value is not None}
    study = read_study(study_file or bundle() / "data" / "demo", changes | turned)
    use_language(study.language)
    session = Session(study, Run.current(study), turned)
    session.show_banners()
    return session


def _run_changes() -> dict[str, Any]:
    if "OATMILL_RUN" not in os.environ:
        return {}
    return dict(json.loads(Path(os.environ["OATMILL_RUN"]).read_text(encoding="utf-8")).get("changes") or {})


def _refuse_unknown_parameters(known: Sequence[str]) -> None:
    for name in _injected_names():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = _("Did you mean `{name}`?", name=close[0]) if close else ""
            text = _("This notebook has no parameter `{name}`.", name=name)
            raise ParameterUnknown(" ".join(filter(None, [text, hint])), cure=_("Known: {names}", names=", ".join(known)))


def _injected_names() -> list[str]:
    """The names that Papermill's injected cell assigned (it starts with the comment `# Parameters`)."""
    try:
        from IPython import get_ipython
    except ImportError:
        return []
    shell = get_ipython()
    cells = [cell for cell in (shell.user_ns.get("_ih", []) if shell else []) if cell.startswith("# Parameters\n")]
    if not cells:
        return []
    targets = [node.targets for node in ast.parse(cells[-1]).body if isinstance(node, ast.Assign)]
    return [target.id for group in targets for target in group if isinstance(target, ast.Name)]


class Session:
    """An open study: its stations, built when they are first asked for, and the way to show results."""

    def __init__(self, study: Study, run: Run, turned: dict[str, Any] | None = None):
        self.study, self.run, self.turned = study, run, turned or {}
        self.store = Store(run.work)
        if study.generate:
            self.study = study.model_copy(update={"folder": self._generated()})

    # Stations, in the order of the data's path.

    def _generated(self) -> Path:
        from oatmill.synthetic import write_programme

        plan = self.study.generate
        if plan is None:
            raise NotSupported(_("The study file does not ask for generated data."))
        key = hash_text(plan.model_dump_json(), str(self.study.seed), source_hash("synthetic", "schema"))
        return self.store.folder_of("generated", key, lambda folder: write_programme(folder, plan, self.study.seed))

    @cached_property
    def intake_key(self) -> str:
        settings = settings_of(self.study)
        read = {name: settings["definitions"][name] for name in _INTAKE_DEFINITIONS}
        prints = Fingerprints(self.run.work)
        paths = {table: self.study.path_of(table) for table in sorted(self.study.sources)}
        files = [f"{table}:{prints.of(path)}" for table, path in paths.items() if path.is_file()]
        modules = source_hash("intake", "schema", "errors", "store")
        return hash_text(*files, json.dumps([settings["sources"], read], sort_keys=True), modules, lock_hash())

    @cached_property
    def intake(self) -> Intake:
        from oatmill.intake import read_intake, read_tables, write_intake

        def build(folder: Path) -> None:
            write_intake(read_tables(self.study, folder), folder)

        return read_intake(self.store.folder_of("intake", self.intake_key, build))

    @cached_property
    def calendar(self) -> SiteCalendar:
        from oatmill.episodes import build_calendar

        return build_calendar(self.doses, self.intake.sites, self.study.definitions, self._opened())

    @property
    def doses(self) -> Path:
        if self.intake.doses is None:
            raise NotSupported(_("This study has no dosing log."), cure=_("Add a `doses` source to the study file."))
        return self.intake.doses

    def episodes(self, gap_days: int | None = None) -> pd.DataFrame:
        """Treatment episodes by the gap rule; None: the study's own gap."""
        from oatmill.episodes import build_episodes

        gap = gap_days or self.study.definitions.gap_days

        def build(folder: Path) -> None:
            tables = self.intake.tables
            frame = build_episodes(
                self.doses,
                definitions=self.study.definitions.model_copy(update={"gap_days": gap}),
                calendar=self.calendar,
                clients=tables.get("clients"),
                exits=tables.get("exits"),
            )
            write_frame(frame, folder / "episodes.parquet")

        return read_frame(self.store.folder_of(f"episodes_{gap}", self._key("episodes"), build) / "episodes.parquet")

    def cohort(self, gap_days: int | None = None) -> Cohort:
        """Starters' first episodes with their outcome and covariates, and the attrition on the way there."""
        from oatmill.cohort import build_cohort

        definitions = self.study.definitions
        if gap_days:
            definitions = definitions.model_copy(update={"gap_days": gap_days})
        return build_cohort(self.episodes(gap_days), self.intake.tables.get("clients"), definitions, self.calendar)

    @cached_property
    def intervals(self) -> Path:
        """Runs of equal lagged dose of the cohort, (start, stop], on disk."""
        from oatmill.intervals import build_intervals

        def build(folder: Path) -> None:
            build_intervals(
                self.doses, self.cohort().frame, definitions=self.study.definitions, to=folder / "intervals.parquet"
            )

        return self.store.folder_of("intervals", self._key("intervals"), build) / "intervals.parquet"

    def build_stations(self) -> None:
        """Build every station that this study's data support."""
        if self.intake.doses is not None:
            self.episodes()
            self.episodes(self.study.definitions.co_primary_gap_days)
            _ = self.intervals

    def _opened(self) -> dict[str, int]:
        sites = self.intake.tables.get("sites")
        if sites is None or "opened_day" not in sites:
            return {}
        known = sites.dropna(subset=["opened_day"])
        return dict(zip(known["site_id"], known["opened_day"].astype(int), strict=True))

    def _key(self, station: str) -> str:
        path = ("episodes", "cohort", "intervals")
        modules = source_hash(*path[: path.index(station) + 1])
        return hash_text(self.intake_key, json.dumps(settings_of(self.study)["definitions"], sort_keys=True), modules)

    # Showing.

    def release(self, result: Result) -> Released:
        """Release a Result, and file it when the notebook belongs to a report run."""
        released = release(result, self.study.disclosure.profile, self.run.plan)
        if self.run.stage:
            _file_result(result, self.run.work / "results" / self.run.page)
            rows = released.frame.assign(page=self.run.page, output=result.output)[list(RESULT_COLUMNS)]
            write_rows(rows, self.run.stage / "released" / self.run.page / f"{result.output}.csv")
        return released

    def show(self, *things: Plot | Table | Sequence[str]) -> None:
        """Show figures, tables and lists of sentences (key findings), and file the first two for the book."""
        from oatmill.tables import Table

        for thing in things:
            if isinstance(thing, Table):
                self._show_table(thing)
            elif hasattr(thing, "figure"):
                self._show_plot(thing)
            else:
                self._show_sentences(thing)

    def add_cards(self, cards: Sequence[tuple[str, str, str]]) -> None:
        """Offer key numbers (label, value, note) for the landing page."""
        if self.run.stage:
            rows = [dict(zip(("label", "value", "note"), card, strict=True)) for card in cards]
            write_atomically(self.run.stage / "cards" / f"{self.run.page}.json", json.dumps(rows, ensure_ascii=False))

    def show_banners(self) -> None:
        """Say on the page what a reader must know before any number."""
        if PROFILES[self.study.disclosure.profile].internal:
            _display(_banner(_("Not for publication: this report shows exact counts.")))
        if self.turned and not self.run.stage:
            names = ", ".join(sorted(name.removeprefix("definitions.") for name in self.turned))
            _display(_banner(_("Changed by hand in this notebook: {names}. These are not the report's numbers.", names=names)))

    def show_synthetic(self) -> None:
        """Label a page that shows invented clients."""
        if self.study.synthetic:
            _display(_banner(_("Synthetic data: invented clients, made by a generator whose truth is known.")))

    def _show_plot(self, plot: Plot) -> None:
        picture = _svg(plot)
        if self.run.stage:
            folder = self.run.stage / "figures"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{plot.name}.svg").write_bytes(picture)
            plot.figure.savefig(folder / f"{plot.name}.png", dpi=200, metadata={"Software": None})
            self._write_data(plot.name, plot.data)
        source = base64.b64encode(picture).decode()
        _display(
            f'<figure class="oatmill-figure"><img src="data:image/svg+xml;base64,{source}" alt="{html.escape(plot.alt)}">'
            f"<figcaption>{html.escape(plot.caption)} {self._link(plot.name)}</figcaption></figure>"
        )

    def _show_table(self, table: Table) -> None:
        if self.run.stage:
            self._write_data(table.name, table.data)
        _display(f'<div class="oatmill-table">{table.html}<p class="oatmill-data">{self._link(table.name)}</p></div>')

    def _show_sentences(self, sentences: Any) -> None:
        title = html.escape(_("Key findings"))
        items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
        _display(f'<div class="oatmill-findings"><p class="oatmill-findings-title">{title}</p><ul>{items}</ul></div>')

    def _write_data(self, name: str, data: pd.DataFrame) -> None:
        if self.run.stage:
            rows = data.assign(page=self.run.page)[list(RESULT_COLUMNS)]
            write_rows(rows, self.run.stage / "tables" / f"{name}.csv")

    def _link(self, name: str) -> str:
        return f'<a href="data/{name}.csv" download>{html.escape(_("Data (CSV)"))}</a>' if self.run.stage else ""


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Write released rows as CSV: UTF-8, 10 significant digits, the same bytes on every platform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(path, index=False, float_format="%.10g", encoding="utf-8", lineterminator="\n")


def _file_result(result: Result, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_frame(result.frame, folder / f"{result.output}.parquet")
    about = {"output": result.output, "kind": result.kind, "public": result.public}
    write_atomically(folder / f"{result.output}.json", json.dumps(about))


def read_results(folder: Path) -> list[Result]:
    """The unreleased Results that notebooks filed under `work/<id>/results`, in the order of pages and outputs."""
    results = []
    for about in sorted(p for p in folder.glob("*/*.json") if not p.name.endswith(".types.json")):
        facts = json.loads(about.read_text(encoding="utf-8"))
        frame = read_frame(about.with_suffix(".parquet"))
        results.append(Result(facts["output"], facts["kind"], frame, facts["public"]))
    return results


def forget_results(folder: Path, page: str) -> None:
    shutil.rmtree(folder / page, ignore_errors=True)


def _svg(plot: Plot) -> bytes:
    buffer = io.BytesIO()
    from oatmill.figures import theme

    with theme():
        plot.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": plot.alt})
    return buffer.getvalue()


def _banner(text: str) -> str:
    return f'<div class="oatmill-banner" role="note">{html.escape(text)}</div>'


def _display(markup: str) -> None:
    try:
        from IPython.display import HTML, display
    except ImportError:
        return
    display(HTML(markup))
