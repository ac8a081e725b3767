"""What was done to each output, for the officer who signs: output, rule, action, how many rows, reason."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from oatmill.disclosure.released import Released

RECORD_COLUMNS = ("page", "output", "rule", "action", "rows", "reason")


def disclosure_record(released: Iterable[tuple[str, Released, bool]]) -> pd.DataFrame:
    """One row per output, action and reason. `released`: page, what it released, whether its sources are public."""
    rows = []
    for page, each, public in released:
        for (status, reason), found in each.frame.groupby(["status", "reason"], sort=True):
            action = "published as it stands" if public else "coarsened" if reason and status == "shown" else status
            rows.append((page, each.output, each.kind, action, len(found), reason))
    return pd.DataFrame(rows, columns=list(RECORD_COLUMNS))
