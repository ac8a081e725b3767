"""A real trial runs with a study file only."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from oatmill.intake import read_tables
from oatmill.study import read_study

STUDY = Path(__file__).parents[1] / "realdata" / "ctn0030" / "study.yaml"


def test_ctn0030(realdata, tmp_path):
    for file in (realdata / "ctn0030").glob("*.csv"):
        shutil.copyfile(file, tmp_path / file.name)
    shutil.copyfile(STUDY, tmp_path / "study.yaml")
    intake = read_tables(read_study(tmp_path), tmp_path / "work")
    # The counts of the data set's own README: 868 people, 651 of them dosed; a few client-days stand twice.
    assert intake.ledger.set_index("table")["rows_kept"].to_dict() == {"clients": 868, "doses": 50432, "tests": 6435}
    assert intake.ledger["rows_quarantined"].sum() == 0
    assert (intake.facts["n_clients"], intake.facts["n_clients_log"], intake.facts["client_days"]) == (868, 651, 50344)
    clients = intake.tables["clients"]
    assert clients["sex"].value_counts(dropna=False).to_dict() == {"male": 522, "female": 345, None: 1}
    assert int(clients["enrolled_day"].isna().sum()) == 215  # never randomised
    log = "SELECT sum(dose_dmg), min(site), any_value(medication) FROM read_parquet(?)"
    total, site, medication = duckdb.execute(log, [str(intake.doses)]).fetchall()[0]
    text = duckdb.execute(
        "SELECT sum(dose_mg * 10)::BIGINT FROM read_csv(?)", [str(tmp_path / "doses.csv")]
    ).fetchall()[0]
    assert (total, site, medication) == (text[0], 0, 1)
