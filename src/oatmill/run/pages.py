"""The executed pages, kept by content: `work/<id>/cache/<page>-<key>/` holds one notebook's run.

    notebook.ipynb   executed, without Papermill's additions
    stage/           what it released: released/ figures/ tables/ cards/
    results/         its unreleased Results
    state.json       state, reason, seconds, the disclosure plan it ran under

A page runs again when its key changes (its source, the library, the settings, the inputs, the lock) or when the
plan for the whole book changes one of its cells.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oatmill.run.chapters import Capability
from oatmill.run.progress import Bars, Console
from oatmill.store import hash_text, private_folder, remove_folder, write_atomically
from oatmill.text import _

PlanJson = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A chapter after its run. `state`: done, reduced, refused (with `reason`) or failed (with `error`)."""

    capability: Capability
    state: str
    reason: str = ""
    error: str = ""
    cell: int = 0
    seconds: float = 0.0
    cached: bool = False
    warnings: int = 0
    folder: Path | None = None
    plan: PlanJson = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.capability.chapter.page

    @property
    def notebook(self) -> Path | None:
        return self.folder / "notebook.ipynb" if self.folder and self.state in ("done", "reduced") else None


@dataclass(frozen=True)
class Setting:
    """What all pages of one run share. `key` covers everything but the notebook itself."""

    work: Path
    study_file: Path
    changes: Mapping[str, Any]
    key: str
    workers: int = 2
    debug: bool = False

    @property
    def cache(self) -> Path:
        return self.work / "cache"

    @property
    def run_file(self) -> Path:
        return self.work / "run.json"

    @property
    def plan_file(self) -> Path:
        return self.work / "plan.json"

    @property
    def plan(self) -> PlanJson:
        return json.loads(self.plan_file.read_text(encoding="utf-8")) if self.plan_file.is_file() else {}


def run_pages(
    capabilities: Sequence[Capability], setting: Setting, console: Console, again: frozenset[str] = frozenset()
) -> list[Page]:
    """Every chapter's page: from the cache, refused without a run, or run now (`workers` at a time).

    `again` names pages that run even when the cache has them.
    """
    known = {c.chapter.page: None if c.chapter.page in again else _known(c, setting) for c in capabilities}
    todo = [c for c in capabilities if known[c.chapter.page] is None]
    _write_run_file(setting)
    with console.notebooks([c.chapter.page for c in todo]) as bars:
        ran = _run_all(todo, setting, bars)
    return [known[c.chapter.page] or ran[c.chapter.page] for c in capabilities]


def _known(capability: Capability, setting: Setting) -> Page | None:
    if capability.state == "refused":
        return Page(capability, "refused", reason=capability.reason())
    folder = _folder(capability, setting)
    if not (folder / "state.json").is_file():
        return None
    facts = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return Page(capability, cached=True, folder=folder, **facts)


def _folder(capability: Capability, setting: Setting) -> Path:
    key = hash_text(setting.key, capability.state, capability.chapter.path.read_text(encoding="utf-8"))
    return setting.cache / f"{capability.chapter.page}-{key}"


def _write_run_file(setting: Setting) -> None:
    private_folder(setting.work)
    values = {
        "study_file": str(setting.study_file),
        "work": str(setting.work),
        "stage": str(setting.cache / ".by-hand"),
        "changes": dict(setting.changes),
        "plan": str(setting.plan_file),
        "page": None,
    }
    write_atomically(setting.run_file, json.dumps(values, default=str))


def _run_all(todo: Sequence[Capability], setting: Setting, bars: Bars) -> dict[str, Page]:
    if not todo:
        return {}
    from oatmill.run.kernel import stop_kernels, stopping

    stopping.clear()
    pool = ThreadPoolExecutor(max(1, setting.workers))
    try:
        return {page.name: page for page in pool.map(lambda c: _run_one(c, setting, bars), todo)}
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        stop_kernels()
        raise
    finally:
        pool.shutdown()


def _run_one(capability: Capability, setting: Setting, bars: Bars) -> Page:
    from oatmill.run import kernel

    chapter, started = capability.chapter, time.monotonic()
    scratch = _scratch(setting, chapter.page)
    bars.started(chapter.page, _count_cells(chapter.path) + 1)
    environment = kernel.kernel_environment(
        OATMILL_RUN=str(setting.run_file),
        OATMILL_STAGE=str(scratch / "stage"),
        OATMILL_PAGE=chapter.page,
        IPYTHONDIR=str(setting.work / "ipython"),
    )
    executed = kernel.execute(
        chapter.path, {"study_file": str(setting.study_file)}, environment, lambda: bars.cell_done(chapter.page)
    )
    if kernel.stopping.is_set():
        raise InterruptedError(chapter.page)
    page = _page(capability, executed, time.monotonic() - started, setting)
    _write_log(page, executed, setting)
    bars.ended(chapter.page, state_word(page.state), page.seconds)
    return _keep(page, executed, scratch, setting)


def _scratch(setting: Setting, page: str) -> Path:
    """The folder that a page's run fills; what an earlier run of the page left is cleared away."""
    folder = setting.cache / f".{page}"
    for stale in (folder, setting.work / "results" / page):
        shutil.rmtree(stale, ignore_errors=True)
    (folder / "stage").mkdir(parents=True)
    return folder


def _count_cells(path: Path) -> int:
    return len(json.loads(path.read_text(encoding="utf-8"))["cells"])


def _page(capability: Capability, executed: Any, seconds: float, setting: Setting) -> Page:
    failure = executed.failure
    same: dict[str, Any] = {"seconds": round(seconds, 2), "warnings": executed.warnings, "plan": setting.plan}
    if failure is None:
        return Page(capability, "done" if capability.state == "full" else "reduced", **same)
    if failure.refusal:
        return Page(capability, "refused", reason=failure.message, **same)
    return Page(capability, "failed", error=failure.kind, cell=failure.cell, **same)


def _keep(page: Page, executed: Any, scratch: Path, setting: Setting) -> Page:
    """Move a finished page into the cache in place of older ones; a failed one leaves nothing."""
    import nbformat

    if page.state == "failed":
        shutil.rmtree(scratch)
        return page
    write_atomically(scratch / "notebook.ipynb", nbformat.writes(executed.notebook) + "\n")
    results = setting.work / "results" / page.name
    if results.is_dir():
        shutil.move(results, scratch / "results")
    facts = {name: getattr(page, name) for name in ("state", "reason", "seconds", "warnings", "plan")}
    write_atomically(scratch / "state.json", json.dumps(facts))
    for older in setting.cache.glob(f"{page.name}-*"):
        remove_folder(older)
    folder = _folder(page.capability, setting)
    os.replace(scratch, folder)
    return Page(page.capability, folder=folder, **facts)


def _write_log(page: Page, executed: Any, setting: Setting) -> None:
    """What happened, without anything that the data could hold: an exception's message is never written."""
    lines = [
        f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ} {page.name}",
        f"state: {page.state}",
        f"seconds: {page.seconds}",
        f"cells with warnings: {page.warnings}",
    ]
    failure = executed.failure
    if failure:
        lines += [f"error: {failure.kind}", f"cell: {failure.cell}", *(f"at: {frame}" for frame in failure.frames)]
    write_atomically(setting.work / "logs" / f"{page.name}.log", "\n".join(lines) + "\n")
    if failure and setting.debug:
        text = f"{failure.kind}: {failure.message}\n\n{failure.traceback}\n"
        write_atomically(setting.work / "debug" / f"{page.name}.txt", text)


def restore_results(pages: Sequence[Page], work: Path) -> None:
    """Make `work/<id>/results` hold exactly the unreleased Results of these pages."""
    shutil.rmtree(work / "results", ignore_errors=True)
    for page in pages:
        if page.folder and (page.folder / "results").is_dir():
            shutil.copytree(page.folder / "results", work / "results" / page.name)


def state_word(state: str) -> str:
    words: dict[str, Callable[[], str]] = {
        "done": lambda: _("done"),
        "reduced": lambda: _("reduced"),
        "refused": lambda: _("refused"),
        "failed": lambda: _("failed"),
    }
    return words[state]()
