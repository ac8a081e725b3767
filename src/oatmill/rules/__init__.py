"""Episodes by a published rule: a dosing log and the id of a rule -> treatment episodes.

Reading order: `frames` (what a rule is given, and the columns it hands on), `gap` (the plain gaps), `dose_free` (so many
dose-free days within so many), `samples` (weeks without a urine sample). Each registers its function by the id of its
definition, so that a new rule is an entry of `definitions` and a function here.
"""

from __future__ import annotations

import pandas as pd

from oatmill.definitions import GAP_RULES, definition_of, function_of
from oatmill.rules import dose_free, gap, samples
from oatmill.rules.frames import Log, definitions_under

__all__ = ["Log", "build_by_rule", "definitions_under", "dose_free", "gap", "samples"]


def build_by_rule(rule: str, log: Log) -> pd.DataFrame:
    """Treatment episodes by a published rule.

    Parameters
    ----------
    rule : id of a definition of kind "gap" (`d15of90`)
    log : the dosing log and what belongs to it

    Returns
    -------
    DataFrame
        One row per client and episode, sorted by both, with the columns that `cohort.build_cohort` reads: `client`,
        `episode`, `start_day`, `end_day`, `days`, `open`, `exit_reason`, `exit_day`, `site`, `last_site`, `known_day`,
        `cut_day`, `analysis_day`, `cause_analysis_day`, `log_first_day`, and those of `episodes.starters.add_starters`.

    Raises
    ------
    StudyInvalid
        With the nearest id, where there is no rule of this name.
    NotSupported
        Where the rule needs a table that the study does not have, or one that does not fit it.
    """
    entry = definition_of(rule, among=GAP_RULES)
    frame: pd.DataFrame = function_of(rule)(entry, log)
    return frame
