"""How starters' first episodes stood at the end of follow-up."""

from __future__ import annotations

import pandas as pd

from oatmill.cohort import EVENT_CODES, Cohort
from oatmill.results import Result, sums_by
from oatmill.study import Definitions


def estimate_exits(cohort: Cohort, definitions: Definitions) -> Result:
    """Starters by how their first episode stood at the end of follow-up: still in treatment, or why it ended."""
    found = cohort.frame["event"].value_counts()
    named = {"in_treatment": 0} | EVENT_CODES
    rows = [
        {"level": name, "estimate": float(found.get(code, 0)), "n": len(cohort.frame)} for name, code in named.items()
    ]
    same = {
        "estimand": "clients",
        "population": cohort.population,
        "definition": f"exit_reason|{cohort.ends}",
        "group": "exit_reason",
        "unit": "clients",
    }
    frame = pd.DataFrame(rows).assign(**same)
    return Result("exit_reasons", "counts", frame, sums=sums_by(frame, ["group"], "estimate"))
