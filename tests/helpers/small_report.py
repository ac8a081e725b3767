"""A report of a few Results, put in place as a run puts it there, without notebooks or a book: a moment each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from helpers.dummy_study import dummy_stations, write_study

from oatmill.disclosure import release
from oatmill.pages import Page, read_plan
from oatmill.results import Result, counts
from oatmill.run import record
from oatmill.run.releases import heeded_name
from oatmill.run.report import write_results_folder
from oatmill.run.safety import plan_release
from oatmill.run.seal import write_seal
from oatmill.run.switch import Places, start_new, switch
from oatmill.store import Fingerprints, private_folder, write_atomically
from oatmill.study import read_study


def exits(value: int) -> Result:
    """One count, in no sum."""
    return Result("exits", "counts", counts({"": value}, estimand="exits", population="p"))


def put_report(out: Path, *results: Result, changes: dict | None = None) -> Places:
    """`out/reports/dummy` and the folder work that belongs to it."""
    study = read_study(write_study(out / "study"), changes)
    places = Places(out.resolve(), study.id)
    work = private_folder(places.work)
    dummy_stations(study, work)
    for name in ("results", "stage"):
        shutil.rmtree(work / name, ignore_errors=True)
    (work / "plan.json").unlink(missing_ok=True)
    page = Page(work, work / "stage", "10_numbers")
    for _pass in range(2):  # the first for the plan
        for result in results:
            page.file(result, release(result, study.disclosure.profile, read_plan(work / "plan.json")))
        write_atomically(work / "plan.json", json.dumps(plan_release(work, study)))
    new = start_new(places)
    write_results_folder(work / "stage", new / "results")
    manifest = record.build_manifest(study, study, [], {}, Fingerprints(work))
    manifest["disclosure"]["after_release"] = heeded_name(work)
    write_atomically(new / "manifest.json", json.dumps(manifest))
    write_atomically(new / "site" / "index.html", "<h1>A small programme</h1>")
    switch(places)
    write_seal(places, "key")
    return places
