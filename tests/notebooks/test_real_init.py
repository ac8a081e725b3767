"""Real data from `oatmill init` to a report, with the few lines that somebody who knows the data edits.

`tests/realdata/<name>/from_init.yaml` is the study file that a newcomer ends with. The data are not part of the project.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from oatmill.cli import main

STUDIES = Path(__file__).parents[1] / "realdata"
pytestmark = pytest.mark.realdata

FILES = {"ctn0030": ("clients.csv", "doses.csv"), "uis": ("uis.csv",)}

# name -> (part of a proposed line, what the line becomes). The last of each: what `oatmill check` then asks for.
EDITS = {
    "ctn0030": (
        ("title:", 'title: "Retention in a buprenorphine trial"'),
        ('# enrolled: "randomised_date"', 'enrolled: "randomised_date"'),
        ("medication: methadone", "medication: buprenorphine\n  dose_reference_mg: 16\n  dose_unit_mg: 4"),
        ("# prior_treatment: none", "prior_treatment: none"),
    ),
    "uis": (
        ("title:", 'title: "Time to return to drug use after residential treatment"'),
        ('# days: "time"', 'days: "time"'),
        ('# ended: "censor"', 'ended: "censor"'),
    ),
}
CHAPTERS = {
    "ctn0030": {
        "10_data_quality": "done",
        "20_cohort": "done",
        "30_retention": "reduced",
        "40_dose_and_dropout": "reduced",
        "50_kyrgyz_registry": "reduced",
        "60_programme": "reduced",
    },
    "uis": {
        "10_data_quality": "reduced",
        "20_cohort": "reduced",
        "30_retention": "reduced",
        "40_dose_and_dropout": "refused",
        "50_kyrgyz_registry": "reduced",
        "60_programme": "reduced",
    },
}


def proposed(folder: Path) -> str:
    """What init proposes for copies of the files."""
    files = [folder / name for name in FILES[folder.name]]
    assert main(["init", str(folder), *map(str, files)]) == 0
    return (folder / "study.yaml").read_text(encoding="utf-8")


def edited(text: str, name: str) -> str:
    lines = text.splitlines()
    for part, line in EDITS[name]:
        (place,) = [k for k, old in enumerate(lines) if old.lstrip().startswith(part)]
        lines[place] = lines[place][: len(lines[place]) - len(lines[place].lstrip())] + line
    return "\n".join(lines) + "\n"


@pytest.fixture(params=sorted(FILES))
def folder(request: pytest.FixtureRequest, realdata: Path, tmp_path: Path) -> Path:
    made = tmp_path / request.param
    made.mkdir()
    for name in FILES[request.param]:
        shutil.copyfile(realdata / request.param / name, made / name)
    return made


@pytest.mark.slow
def test_from_init_to_a_report(folder: Path, tmp_path: Path) -> None:
    text = edited(proposed(folder), folder.name)
    assert text == (STUDIES / folder.name / "from_init.yaml").read_text(encoding="utf-8")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    assert main(["check", str(folder), "--out", str(tmp_path)]) == 0
    assert main(["report", str(folder), "--out", str(tmp_path)]) == 0
    manifest = json.loads((tmp_path / "reports" / folder.name / "manifest.json").read_text(encoding="utf-8"))
    assert {name: chapter["state"] for name, chapter in manifest["chapters"].items()} == CHAPTERS[folder.name]
