"""Who starts treatment in the log, and who was in treatment before it begins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from oatmill.episodes.log import Flags, Ints
from oatmill.errors import Fault, StudyInvalid
from oatmill.study import Definitions
from oatmill.text import _, percent

NOT_FIRST = ("repeat", "transfer_in")
MOST = 0.5


def add_starters(
    episodes: pd.DataFrame, clients: pd.DataFrame | None, definitions: Definitions, site_opened: Flags
) -> pd.DataFrame:
    """Add `washout_met`, `marked_repeat`, `starter`, `prevalent` and `enrolled_day`.

    A starter's first episode begins at least `washout_days` after the first day of that site's log, and the client is
    not marked repeat or transferred in. A site that opened on its first log day needs no washout, and
    `prior_treatment: none` makes every first episode a starter's. Every other first episode is prevalent.

    Parameters
    ----------
    episodes : with client, episode, start_day and log_first_day (of the site of the first dose)
    clients : the clients table (enrolment_type, enrolled_day are read where present), or None
    definitions : washout_days, gap_days and prior_treatment are read
    site_opened : per episode, whether its site's opening day is its first log day

    Examples
    --------
    Log from day 1, washout 30: a first dose on day 31 (31 - 1 = 30) makes a starter, on day 30 (29) it does not.
    """
    first = (episodes["episode"] == 1).to_numpy()
    waited: Ints = (episodes["start_day"] - episodes["log_first_day"]).to_numpy()
    met = (waited >= definitions.washout) | site_opened
    kind = _of_client(episodes, clients, "enrolment_type")
    marked = kind.isin(NOT_FIRST).to_numpy()
    untreated = definitions.prior_treatment == "none"
    starter = first & (untreated | (met & ~marked))
    return episodes.assign(
        washout_met=met,
        marked_repeat=marked,
        starter=starter,
        prevalent=first & ~starter,
        enrolled_day=_of_client(episodes, clients, "enrolled_day").astype("Int32"),
    )


def check_washout(episodes: pd.DataFrame, definitions: Definitions) -> None:
    """Stop and ask where more than half of the first episodes fail the washout.

    Passed where `prior_treatment` is written in the study file, whichever value it has: the question is answered.

    Raises
    ------
    StudyInvalid
    """
    if "prior_treatment" in definitions.model_fields_set:
        return
    first = episodes[episodes["episode"] == 1]
    share = float((~first["washout_met"]).mean()) if len(first) else 0.0
    if share <= MOST:
        return
    fault = Fault(
        _(
            "{share} of first episodes begin less than {days} days after the first day of their site's log, so that "
            "starters cannot be told from clients who were in treatment before",
            share=percent(share, 0),
            days=definitions.washout,
        ),
        expected=_(
            "`definitions.prior_treatment: none` (a trial or a new programme: nobody was treated before), or "
            "`definitions.prior_treatment: unknown` (they may have been: they are left out of curves and models)"
        ),
        cure=_(
            "Add one of the two lines to the study file; or give the sites' opening dates (`sites.opened`), or a "
            "shorter `definitions.washout_days`."
        ),
    )
    raise StudyInvalid(_("The study file must say whether clients were in treatment before the log begins."), [fault])


def _of_client(episodes: pd.DataFrame, clients: pd.DataFrame | None, column: str) -> pd.Series:
    if clients is None or column not in clients:
        return pd.Series([pd.NA] * len(episodes), index=episodes.index, dtype="object")
    values = clients.drop_duplicates("client").set_index("client")[column]
    return pd.Series(values.reindex(episodes["client"]).array, index=episodes.index)


def opened_with_log(first_day: np.ndarray, opened_day: np.ndarray) -> Flags:
    return np.asarray(first_day == opened_day, dtype=bool)
