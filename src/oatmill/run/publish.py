"""The whole of `oatmill publish`: a report becomes a published release, or is refused; nothing is sent anywhere."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.errors import Fault, ReleaseRefused
from oatmill.profiles import PROFILES
from oatmill.run.releases import (
    About,
    heeded_name,
    keep_release,
    last_name,
    list_releases,
    put_aside,
    read_last_release,
)
from oatmill.run.safety import check_publishable
from oatmill.run.seal import added_files, changed_files, has_its_results, heeds_last_release, read_seal
from oatmill.run.switch import Places, finish_switch, locked
from oatmill.study import WINDOWS_RESERVED
from oatmill.text import _, use_language

if TYPE_CHECKING:
    from oatmill.disclosure import Release

    Manifest = Mapping[str, Any]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9_-])?")  # Windows drops a dot at the end of a name
_MOST_FAULTS = 20


@dataclass(frozen=True)
class Published:
    """A release that was just published. `settings`: what was set otherwise in the release before."""

    about: About
    report: Path
    work: Path
    before: str | None
    settings: Sequence[str]


def find_report(given: Path, out: Path) -> Places:
    """The places of a report that is named by its folder, or by the id of its study.

    Raises
    ------
    ReleaseRefused
        where no report was made there
    """
    folder = given.resolve()
    places = (
        Places(folder.parents[1], folder.name) if folder.parent.name == "reports" else Places(out.resolve(), given.name)
    )
    finished = [home for home in (places.report, places.old) if (home / "manifest.json").is_file()]
    if not finished:
        made = sorted(file.parent.name for file in (places.out / "reports").glob("[!.]*/manifest.json"))
        raise ReleaseRefused(
            _("There is no report {id} in the folder reports.", id=places.id),
            [Fault(_("the reports there"), found=", ".join(made))] if made else (),
            cure=_("Name the folder of a report, as in: oatmill publish reports/my-study --name 2026-01"),
        )
    if not read_seal(places):
        raise ReleaseRefused(
            _(
                "The folder work that belongs to this report is not here, so it cannot be compared with earlier releases."
            ),
            cure=_("Publish where the report was made, or make it again here with: oatmill report"),
        )
    use_language(json.loads((finished[0] / "manifest.json").read_text(encoding="utf-8"))["study"]["language"])
    return places


def publish_report(
    places: Places, name: str, *, wait: bool = False, gate: Callable[[Path, Path], None] = check_publishable
) -> Published:
    """Note that a report is published under this name, so that the next reports heed what its readers have seen.

    Raises
    ------
    ReleaseRefused
        where the report is not as its run left it, may not be published, or does not heed the last release
    GateRefused
        where it holds something that must not be published
    """
    _refuse_name(name)
    with locked(places, wait):
        finish_switch(places)
        _refuse_altered(places)
        manifest = json.loads((places.report / "manifest.json").read_text(encoding="utf-8"))
        _refuse_internal(manifest)
        _refuse_taken(name, places)
        _refuse_unheeded(places)
        gate(places.report, places.work)
        return _publish(name, places, manifest)


def withdraw_release(places: Places, name: str, *, wait: bool = False) -> None:
    """Put the last release aside, which nobody has seen.

    Raises
    ------
    ReleaseRefused
        where this is not the name of the last release
    """
    with locked(places, wait):
        last = last_name(places.work)
        if name != last:
            raise ReleaseRefused(
                _("Only the last release can be withdrawn, and {name} is not the last one.", name=name),
                [Fault(_("the last release"), found=last)] if last else (),
                cure=_("See the releases with: oatmill publish reports/{id} --list", id=places.id),
            )
        put_aside(places.work, name)


def _publish(name: str, places: Places, manifest: Manifest) -> Published:
    from oatmill.disclosure import Officer, build_release
    from oatmill.pages import read_plan, read_results

    told, work = manifest["disclosure"], places.work
    last = read_last_release(work, told["profile"])
    officer = Officer(PROFILES[told["profile"]], {each["output"]: each["lift"] for each in told["exceptions"]})
    results = [result for page in read_results(work / "results").values() for result in page]
    release = build_release(name, results, officer, read_plan(work / "plan.json"), last)
    settings = _changed_settings(manifest, last.name, work) if last else []
    about = _about(release, last, number=len(list_releases(work)) + 1)
    copies = {
        "results": work / "results",
        "plan.json": work / "plan.json",
        "manifest.json": places.report / "manifest.json",
        "results.csv": places.report / "results" / "results.csv",
    }
    keep_release(about, release, copies, work)
    return Published(about, places.report, work, last.name if last else None, settings)


def _about(release: Release, last: Release | None, number: int) -> About:
    keys = [key for key, cell in release.book.cells.items() if cell.shown and release.anchors_of(key)]
    kept = sum(release.anchors_of(key)[0].kept for key in keys)
    known = sum(bool(last and last.anchors_of(key)) for key in keys)
    made = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
    counts = {"counts": len(keys), "kept": kept, "changed": known - kept, "new": len(keys) - known}
    return About(release.name, number, made, release.profile, **counts)


def _changed_settings(manifest: Manifest, last: str, work: Path) -> list[str]:
    """Settings that the last release was published with in another way: its readers compare two definitions."""
    before = json.loads((work / "releases" / last / "manifest.json").read_text(encoding="utf-8"))
    definitions = sorted({*manifest["definitions"], *before["definitions"]})
    changed = [name for name in definitions if manifest["definitions"].get(name) != before["definitions"].get(name)]
    exceptions = [each["disclosure"]["exceptions"] for each in (manifest, before)]
    changed += ["covariates"] if manifest["covariates"] != before["covariates"] else []
    return changed + (["exceptions"] if exceptions[0] != exceptions[1] else [])


# What is refused


def _refuse_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name.split(".", maxsplit=1)[0] in WINDOWS_RESERVED:
        raise ReleaseRefused(
            _("A release cannot have this name."),
            [
                Fault(
                    _("the name after --name"),
                    expected=_("1 to 40 lower-case letters, digits, dots, hyphens and underscores, such as 2026-01"),
                )
            ],
        )


def _refuse_altered(places: Places) -> None:
    seal, again = read_seal(places), _("Make the report again with: oatmill report")
    if "files" not in seal:
        raise ReleaseRefused(_("This report was made by an earlier version of Oatmill."), cure=again)
    changed = [Fault(_("changed or removed"), file=name) for name in changed_files(places, seal)]
    if changed:
        raise ReleaseRefused(_("The report is not as its run left it."), changed[:_MOST_FAULTS], cure=again)
    added = [Fault(_("no run put it there"), file=name) for name in added_files(places, seal)]
    if added:
        cure = _("Take these files out of the folder; only what passed the checks may be published.")
        raise ReleaseRefused(_("The report is not as its run left it."), added[:_MOST_FAULTS], cure=cure)
    if not has_its_results(places, seal):
        raise ReleaseRefused(
            _("The unreleased results in the folder work are not those of this report: a later run did not finish."),
            cure=again,
        )


def _refuse_internal(manifest: Manifest) -> None:
    if manifest["disclosure"]["internal"]:
        raise ReleaseRefused(
            _("This report shows exact counts and is not for publication."),
            [Fault(_("the disclosure profile"), found=f"`{manifest['disclosure']['profile']}`")],
            cure=_("Set `disclosure: profile` in the study file to midpoint6, then make the report again."),
        )


def _refuse_taken(name: str, places: Places) -> None:
    if name in {about.name for about in list_releases(places.work)}:
        raise ReleaseRefused(
            _("There is a release {name} already, and what was published cannot be replaced.", name=name),
            cure=_("Choose another name; to see those taken: oatmill publish reports/{id} --list", id=places.id),
        )


def _refuse_unheeded(places: Places) -> None:
    if heeds_last_release(places, read_seal(places)):
        return
    last, heeded = last_name(places.work), heeded_name(places.work)
    if last is None:
        told = _("This report heeds the release {heeded}, which has been withdrawn since.", heeded=heeded)
    else:
        told = _(
            "This report was made without heed to the release {last}, which readers will compare it with.", last=last
        )
    raise ReleaseRefused(told, cure=_("Make the report again with: oatmill report"))
