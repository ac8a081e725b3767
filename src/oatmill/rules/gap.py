"""The plain gaps: an episode ends at so many consecutive dose-free days."""

from __future__ import annotations

import pandas as pd

from oatmill.definitions import DEFINITIONS, Definition, computes
from oatmill.rules.frames import Log


@computes(*(entry.id for entry in DEFINITIONS.values() if entry.gap_days))
def by_gap(rule: Definition, log: Log) -> pd.DataFrame:
    return log.episodes(rule.gap_days)
