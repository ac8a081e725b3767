"""What makes a run safe to publish: the plan, the pages it changes, and the gate with what this machine knows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.errors import DisclosureRefused, Fault, GateRefused
from oatmill.profiles import PROFILES
from oatmill.run.pages import PlanJson
from oatmill.run.releases import read_last_release
from oatmill.study import Study
from oatmill.text import _

if TYPE_CHECKING:
    from oatmill.gate.counts import Rows

    RowsAgain = Callable[[Path, Mapping[str, Any]], Rows]


def plan_release(work: Path, study: Study) -> PlanJson:
    """The disclosure plan for the whole book, from all unreleased Results and the last published release."""
    from oatmill.disclosure import Officer, Plan
    from oatmill.disclosure import plan_release as plan_book
    from oatmill.pages import read_results

    results = [result for page in read_results(work / "results").values() for result in page]
    _refuse_unknown_exceptions(study, {result.output for result in results})
    if PROFILES[study.disclosure.profile].internal:
        return Plan().to_json()  # an internal report shows exact counts and is never published
    officer = Officer(PROFILES[study.disclosure.profile], study.disclosure.lifted)
    return plan_book(results, officer, read_last_release(work, study.disclosure.profile)).to_json()


def _refuse_unknown_exceptions(study: Study, outputs: set[str]) -> None:
    unknown = [each.output for each in study.disclosure.exceptions if each.output not in outputs]
    if unknown:
        faults = [Fault(_("no output of this report has this name"), found=f"`{name}`") for name in unknown]
        raise DisclosureRefused(
            _("The study file lifts thresholds for outputs that do not exist."),
            faults,
            cure=_("The outputs are named in the column `output` of results.csv."),
        )


def pages_changed(old: PlanJson, new: PlanJson, work: Path) -> set[str]:
    """Pages with a number that the two plans show in two ways."""
    from oatmill.disclosure import Plan, shown_differently
    from oatmill.pages import read_results

    before, after = (Plan.from_json(plan) if plan else Plan() for plan in (old, new))
    if before == after:
        return set()
    pages = read_results(work / "results").items()
    return {page for page, results in pages if any(shown_differently(each, before, after) for each in results)}


def check_publishable(folder: Path, work: Path, rows_again: RowsAgain | None = None) -> None:
    """The gate, with what this machine knows: identifiers, places, and each Result, released once more."""
    from oatmill import gate

    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    identifiers, unused = (
        sorted((work / "stations").glob(f"intake-*/{name}.txt")) for name in ("identifiers", "unused_values")
    )
    if not identifiers and not all(entry["public"] for entry in manifest["inputs"]):
        raise GateRefused(_("The identifiers that must not be published are not at hand, so nothing can be checked."))
    gate.check_publishable(
        folder,
        identifiers=identifiers,
        private_texts=gate.private_texts(work),
        profile=PROFILES[manifest["disclosure"]["profile"]],
        kinds=gate.read_kinds(work / "results"),
        rows=(rows_again or released_again)(work, manifest["disclosure"]),
        unused=unused,
        meant=[json.dumps(manifest["study"], ensure_ascii=False)],
    )


def gate_of_one_run() -> Callable[[Path, Path], None]:
    """The gate for the checks of one run: between them no Result changes, so they are released once more only once."""
    known: dict[Path, Rows] = {}

    def once(work: Path, disclosure: Mapping[str, Any]) -> Rows:
        if work not in known:
            known[work] = released_again(work, disclosure)
        return known[work]

    return partial(check_publishable, rows_again=once)


def released_again(work: Path, disclosure: Mapping[str, Any]) -> Rows:
    """What each Result gives under the profile and the plan, as rows of text; derived ones have no rule of their own."""
    from oatmill.disclosure import release
    from oatmill.pages import read_plan, read_results, rows_as_csv

    plan = read_plan(work / "plan.json")
    lifted = {each["output"]: each["lift"] for each in disclosure["exceptions"]}
    rows = {}
    for page, results in read_results(work / "results").items():
        for result in results:
            if result.kind != "derived":
                released = release(result, disclosure["profile"], plan, lifted.get(result.output, ()))
                text = rows_as_csv(released.frame.assign(page=page, output=result.output))
                rows[page, result.output] = frozenset(map(tuple, csv.reader(io.StringIO(text))))
    return rows
