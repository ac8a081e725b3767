"""Invented clients, and their standardised mean differences by the package tableone. Not run by the tests.

    pip install tableone==0.9.6
    python make_expected.py

writes people.csv (240 clients, some values missing) and expected.csv. tableone compares the known values only where
its `include_null` is False, as the report does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from tableone import TableOne

HERE = Path(__file__).parent
COLUMNS = ["age", "injecting", "education"]


def people() -> pd.DataFrame:
    random = np.random.default_rng(20)
    area = random.choice(["north", "south", "west"], 240, p=[0.5, 0.3, 0.2])
    shift = np.select([area == "north", area == "south"], [0, 4], 7)
    frame = pd.DataFrame({"client": np.arange(240), "area": area})
    frame["sex"] = np.where(random.random(240) < 0.3, "female", "male")
    frame["age"] = (random.normal(32, 7, 240) + shift).round().clip(18)
    frame["injecting"] = np.where(random.random(240) < 0.4 + shift / 20, "yes", "no")
    frame["education"] = random.choice(["higher", "primary", "secondary", "vocational"], 240, p=[0.1, 0.2, 0.5, 0.2])
    for name in COLUMNS:
        frame[name] = frame[name].mask(random.random(240) < 0.05)
    return frame


def differences(frame: pd.DataFrame, by: str) -> list[dict[str, object]]:
    categorical = [name for name in COLUMNS if name != "age"]
    table = TableOne(
        frame, columns=COLUMNS, categorical=categorical, groupby=by, smd=True, pval=False, include_null=False
    ).smd_table
    rows = []
    for pair in table.columns:
        one, other = pair.partition("(")[2].rstrip(")").split(",")
        for name in table.index.get_level_values(0):
            rows.append({"by": by, "group": name.partition(",")[0], "level": one, "term": other})
            rows[-1]["smd"] = abs(float(np.ravel(table.loc[[name], pair])[0]))
    return rows


if __name__ == "__main__":
    invented = people()
    invented.to_csv(HERE / "people.csv", index=False, lineterminator="\n")
    found = pd.DataFrame([row for by in ("sex", "area") for row in differences(invented, by)])
    found.to_csv(HERE / "expected.csv", index=False, lineterminator="\n", float_format="%.10g")
