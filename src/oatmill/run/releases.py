"""Published releases, kept in `work/<id>/releases/<name>/`: what readers have seen, for the next report to heed.

release.json   every count as released, how they add up, and the true counts behind the released values
manifest.json  the manifest of the report that was published
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from oatmill.errors import DisclosureRefused
from oatmill.study import Study
from oatmill.text import _

if TYPE_CHECKING:
    from oatmill.disclosure import Release


def read_last_release(work: Path, study: Study) -> Release | None:
    """The release that was published last; None before the first.

    Raises
    ------
    DisclosureRefused
        where the study's profile is not that of the release: two roundings of one count reveal it
    """
    from oatmill.disclosure import Release

    file = last_release_file(work)
    if file is None:
        return None
    last = Release.from_json(json.loads(file.read_text(encoding="utf-8")))
    if last.profile != study.disclosure.profile:
        raise DisclosureRefused(
            _(
                "The release {name} was published under the profile {old}; under {new} each count would have a second "
                "rounding, and the two together would reveal it.",
                name=last.name,
                old=last.profile,
                new=study.disclosure.profile,
            ),
            cure=_("Set `disclosure: profile` back to {old}.", old=last.profile),
        )
    return last


def last_release_file(work: Path) -> Path | None:
    """The file of the release that was published last: releases are numbered in their order."""
    files = sorted((work / "releases").glob("*/release.json"), key=_number)
    return files[-1] if files else None


def _number(file: Path) -> int:
    return int(json.loads(file.read_text(encoding="utf-8"))["number"])
