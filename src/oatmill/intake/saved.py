"""An intake on disk, so that the files are read once."""

from __future__ import annotations

import json
from pathlib import Path

from oatmill.intake import Intake
from oatmill.store import read_frame, write_atomically, write_frame


def write_intake(intake: Intake, folder: Path) -> None:
    """Keep an intake in the folder that already holds its doses.parquet."""
    for name, frame in intake.tables.items():
        write_frame(frame, folder / f"table_{name}.parquet")
    write_frame(intake.ledger, folder / "ledger.parquet")
    write_frame(intake.checks, folder / "checks.parquet")
    about = {
        "tables": list(intake.tables),
        "doses": intake.doses is not None,
        "sites": list(intake.sites),
        "facts": intake.facts,
    }
    write_atomically(folder / "intake.json", json.dumps(about))


def read_intake(folder: Path) -> Intake:
    about = json.loads((folder / "intake.json").read_text(encoding="utf-8"))
    return Intake(
        {name: read_frame(folder / f"table_{name}.parquet") for name in about["tables"]},
        folder / "doses.parquet" if about["doses"] else None,
        tuple(about["sites"]),
        read_frame(folder / "ledger.parquet"),
        read_frame(folder / "checks.parquet"),
        about["facts"],
    )
