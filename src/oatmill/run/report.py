"""The whole of `oatmill report`: stations, notebooks, disclosure plan, second pass, book, gate, switch."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.errors import ChapterFailed, Fault
from oatmill.run import record
from oatmill.run.chapters import Capability, Chapter, capabilities_of, columns_of, find_chapters
from oatmill.run.pages import Page, PlanJson, Setting, restore_results, run_pages
from oatmill.run.progress import Console
from oatmill.run.releases import heeded_name, last_mark
from oatmill.run.safety import gate_of_one_run, pages_changed, plan_release
from oatmill.run.seal import is_intact, read_seal, write_seal
from oatmill.run.switch import Places, finish_switch, let_all_read, locked, remove, start_new, switch
from oatmill.store import Fingerprints, bundle, hash_text, write_atomically
from oatmill.study import Study, read_study
from oatmill.text import _, number, use_language

if TYPE_CHECKING:
    from oatmill.session import Session


@dataclass(frozen=True)
class BookMaterial:
    """What the book is made of. `stage` holds the released rows, figures, tables and cards of all pages."""

    study: Study
    pages: Sequence[Page]
    capabilities: Sequence[Capability]
    manifest: Mapping[str, Any]
    stage: Path
    work: Path
    pdf: bool = False


@dataclass(frozen=True)
class Parts:
    """The steps that stand elsewhere: building the stations, planning the release, building the book, the gate."""

    build_book: Callable[[BookMaterial, Path], None]
    build_stations: Callable[[Study, Path], Study] | None = None
    plan_release: Callable[[Path, Study], PlanJson] | None = None
    pages_changed: Callable[[PlanJson, PlanJson, Path], set[str]] | None = None
    check_publishable: Callable[[Path, Path], None] | None = None


@dataclass(frozen=True)
class Report:
    """A finished report. `unchanged`: nothing had to be done."""

    folder: Path
    pages: Sequence[Page] = ()
    unchanged: bool = False
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def index(self) -> Path:
        return self.folder / "site" / "index.html"


def make_report(
    study_file: Path,
    out: Path,
    *,
    parts: Parts,
    changes: Mapping[str, Any] | None = None,
    workers: int = 2,
    wait: bool = False,
    pdf: bool = False,
    debug: bool = False,
    console: Console | None = None,
) -> Report:
    """Make `out/reports/<id>` from a study file, doing only what has changed since the last time.

    Raises
    ------
    OatmillError
        any mistake of the user's; `ChapterFailed` when a notebook stopped on an error that is not the user's
        (the other notebooks are finished and kept); the old report stays in all these cases
    """
    study = read_study(study_file, changes)
    use_language(study.language)
    file = study_file / "study.yaml" if study_file.is_dir() else study_file
    work = _Work(
        study, file.resolve(), Places(out.resolve(), study.id), dict(changes or {}), parts, console or Console()
    )
    with locked(work.places, wait):
        finish_switch(work.places)
        return work.run(workers, pdf, debug)


@dataclass
class _Work:
    study: Study
    study_file: Path
    places: Places
    changes: dict[str, Any]
    parts: Parts
    console: Console
    timings: dict[str, float] = field(default_factory=dict)

    def run(self, workers: int, pdf: bool, debug: bool) -> Report:
        chapters = find_chapters(bundle() / "notebooks", self.study.folder / "notebooks")
        self.study = read_databases(self.study, self.places.work)
        fingerprints = record.input_fingerprints(self.study, self.places.work)
        key = hash_text(record.report_key(self.study, fingerprints, chapters, pdf), last_mark(self.places.work))
        if self._is_made(key):
            self.console.say(_("Nothing has changed since this report was made."))
            return Report(self.places.report, unchanged=True)
        actual = self._timed(_("Reading and checking the data"), "data", self._stations)
        capabilities = capabilities_of(chapters, columns_of(actual))
        common = record.page_key(self.study, fingerprints)
        setting = Setting(self.places.work, self.study_file, self.changes, common, workers, debug)
        pages = self._timed(_("Running the notebooks"), "notebooks", lambda: self._notebooks(capabilities, setting))
        _refuse_failed(pages)
        self._publish(actual, capabilities, pages, pdf)
        write_seal(self.places, key)
        return Report(self.places.report, pages, timings=self.timings)

    def _is_made(self, key: str) -> bool:
        seal = read_seal(self.places)
        return seal.get("key") == key and is_intact(self.places, seal)

    def _timed(self, text: str, name: str, step: Callable[[], Any]) -> Any:
        started = time.monotonic()
        self.console.say(text)
        result = step()
        self.timings[name] = time.monotonic() - started
        self.console.say("  " + _("{seconds} s", seconds=number(self.timings[name])))
        return result

    def _stations(self) -> Study:
        return (self.parts.build_stations or build_stations)(self.study, self.places.work)

    def _notebooks(self, capabilities: Sequence[Capability], setting: Setting) -> list[Page]:
        pages = run_pages(capabilities, setting, self.console)
        restore_results(pages, setting.work)
        plan = (self.parts.plan_release or plan_release)(setting.work, self.study)
        write_atomically(setting.plan_file, json.dumps(plan, sort_keys=True))
        changed = self._changed(pages, plan, setting.work)
        if changed:
            self.console.say(_("Running again what the disclosure plan changes"))
            todo = [capability for capability in capabilities if capability.chapter.page in changed]
            again = {page.name: page for page in run_pages(todo, setting, self.console, again=frozenset(changed))}
            pages = [again.get(page.name, page) for page in pages]
            restore_results(pages, setting.work)
        return pages

    def _changed(self, pages: Sequence[Page], plan: PlanJson, work: Path) -> set[str]:
        """The pages that ran under a plan that differs from `plan` in one of their cells."""
        differ = self.parts.pages_changed or pages_changed
        ran = [(page.name, page.plan, json.dumps(page.plan, sort_keys=True)) for page in pages if page.folder]
        plans = {text: before for _name, before, text in ran}
        differing = {text: differ(before, plan, work) for text, before in plans.items()}
        return {name for name, _before, text in ran if name in differing[text]}

    def _publish(self, actual: Study, capabilities: Sequence[Capability], pages: list[Page], pdf: bool) -> None:
        new = start_new(self.places)
        try:
            self._fill(new, actual, capabilities, pages, pdf)
        except BaseException:
            remove(new)  # what did not pass the gate must not lie beside what did
            raise
        switch(self.places)

    def _fill(self, new: Path, actual: Study, capabilities: Sequence[Capability], pages: list[Page], pdf: bool) -> None:
        stage = self.places.work / "stage"
        shutil.rmtree(stage, ignore_errors=True)
        record.collect_stages(pages, stage)
        from oatmill.gate import read_kinds

        rows = write_results_folder(stage, new / "results")
        kinds = read_kinds(self.places.work / "results")
        record.write_disclosure_record(rows, kinds, self.study, new / "results" / "disclosure_record.csv")
        write_notebooks(pages, new / "notebooks")
        known = Fingerprints(self.places.work)
        manifest = record.build_manifest(self.study, actual, pages, self.timings, known)
        manifest["disclosure"]["after_release"] = heeded_name(self.places.work)
        write_atomically(new / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
        gate = self.parts.check_publishable or gate_of_one_run()
        gate(new, self.places.work)  # before Sphinx, whose warnings repeat what pages hold
        material = BookMaterial(self.study, pages, capabilities, manifest, stage, self.places.work, pdf)
        self._timed(_("Building the book"), "book", lambda: self.parts.build_book(material, new))
        self._timed(_("Checking that everything may be published"), "gate", lambda: gate(new, self.places.work))
        let_all_read(new)


def _refuse_failed(pages: Sequence[Page]) -> None:
    failed = [page for page in pages if page.state == "failed"]
    if not failed:
        return
    faults = [
        Fault(_("stopped at cell {cell} with {error}", cell=page.cell, error=page.error), file=f"{page.name}.ipynb")
        for page in failed
    ]
    raise ChapterFailed(
        _("Some notebooks stopped on an error. The others are finished and kept; the old report stays."),
        faults,
        cure=_("Read the logs in the folder work. With --debug the full messages are kept there too."),
    )


def write_results_folder(stage: Path, target: Path) -> list[dict[str, str]]:
    """results/: results.csv, and each figure and table as a file of its own; hands back the rows of results.csv."""
    target.mkdir(parents=True)
    rows = record.write_results(stage, target / "results.csv")
    for name in ("figures", "tables"):
        if (stage / name).is_dir():
            shutil.copytree(stage / name, target / name)
    return rows


def write_notebooks(pages: Sequence[Page], target: Path) -> None:
    target.mkdir(parents=True)
    for page in pages:
        if page.notebook:
            shutil.copyfile(page.notebook, target / f"{page.name}.ipynb")


def open_session(study: Study, work: Path) -> Session:
    """The study with its stations, in this process."""
    from oatmill.pages import Page as Showing
    from oatmill.session import Session

    return Session(study, Showing(work))


def read_databases(study: Study, work: Path) -> Study:
    """The study with the present content of its databases."""
    if not study.databases:
        return study
    from oatmill.intake.databases import fetch

    return fetch(study, work, again=True)


def build_stations(study: Study, work: Path) -> Study:
    """Build every station once; hands back the study with the folder of the files it read."""
    session = open_session(study, work)
    session.build_stations()
    return session.study


def chapters_of(study: Study) -> list[Chapter]:
    return find_chapters(bundle() / "notebooks", study.folder / "notebooks")
