"""Chapter 20: who is in the analysis. Episodes and cohort -> counts of clients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from oatmill.cohort import Cohort
from oatmill.results import Result, Sum, sums_by

DOSED = "clients with a dose"
AGE_BANDS = (0, 25, 30, 35, 40, 45, 50, 55, 60, 200)


def estimate_attrition(cohort: Cohort) -> Result:
    """Clients left after each step (`estimate`) and left out by it (`events`); `term`: reason, `period`: order."""
    rows = [
        {"level": step.step, "term": step.reason, "period": f"{order:02d}", "estimate": step.n, "events": step.removed}
        for order, step in enumerate(cohort.attrition)
    ]
    frame = pd.DataFrame(rows).assign(estimand="clients", group="step", unit="clients", **_who(cohort))
    first, last = frame.index[0], frame.index[-1]
    frame.loc[first, ["population", "definition"]] = ["clients with a spell" if cohort.recorded else DOSED, ""]
    frame["n"] = frame["estimate"].where(frame.index.isin([first, last]))  # the whole of the two populations
    whole = [Sum(((row, "n"),), ((row, "estimate"),)) for row in sorted({first, last})]
    left = [Sum(((k - 1, "estimate"),), ((k, "estimate"), (k, "events"))) for k in range(1, len(rows))]
    return Result("attrition", "counts", frame, sums=(*whole, *left))


def estimate_starters_by_quarter(cohort: Cohort) -> Result:
    """Starters by quarter of their first day."""
    days = pd.to_datetime(cohort.frame["start_day"], unit="D")
    found = days.dt.to_period("Q").astype(str).value_counts().sort_index()
    rows = pd.DataFrame({"period": found.index, "estimate": found.to_numpy(float), "n": len(days)})
    rows = rows.assign(estimand="starters", unit="clients", **_who(cohort))
    return Result("starters_by_quarter", "counts", rows, sums=sums_by(rows, ["estimand"], "estimate"))


def estimate_characteristics(cohort: Cohort, covariates: Sequence[str]) -> Result:
    """Share of starters with each value of each covariate; ages by band; clients without a value are `missing`."""
    frame = cohort.frame
    rows = []
    for name in covariates:
        found = _named_levels(frame, name).value_counts()
        order = sorted(found.index, key=lambda level: (level == "missing", not level.startswith("<"), level))
        rows += [{"group": name, "level": level, "events": int(found[level]), "n": len(frame)} for level in order]
    shares = pd.DataFrame(rows, columns=["group", "level", "events", "n"])
    shares = shares.assign(estimate=shares["events"] / shares["n"], estimand="share", unit="proportion", **_who(cohort))
    return Result("characteristics", "proportions", shares, sums=sums_by(shares, ["group"], "events"))


def estimate_mean_age(cohort: Cohort) -> Result:
    """Mean and standard deviation of age at entry of starters whose age is known, each with its standard error.

    That of the standard deviation is the one for normal ages, sd / sqrt(2 n).
    """
    ages = cohort.frame["age"].astype(float).dropna()
    n, sd = len(ages), ages.std(ddof=1)
    rows = [
        {"estimand": "mean_age", "estimate": ages.mean(), "se": sd / np.sqrt(n)},
        {"estimand": "sd_age", "estimate": sd, "se": sd / np.sqrt(2 * n)},
    ]
    frame = pd.DataFrame(rows).assign(**_who(cohort), n=n, unit="years")
    return Result("mean_age", "means", frame.assign(population=f"{cohort.population} whose age is known"))


def estimate_episodes_per_client(episodes: pd.DataFrame) -> Result:
    """Clients by the number of episodes they have in the log (5 stands for 5 and more)."""
    per_client = episodes.groupby("client")["episode"].max().clip(upper=5)
    found = per_client.value_counts().sort_index()
    rows = pd.DataFrame({"level": [str(k) for k in found.index], "estimate": found.to_numpy(float)})
    same = {"estimand": "clients", "population": DOSED, "group": "episodes", "unit": "clients"}
    rows = rows.assign(n=len(per_client), **same)
    return Result("episodes_per_client", "counts", rows, sums=sums_by(rows, ["estimand"], "estimate"))


def _who(cohort: Cohort) -> dict[str, str]:
    return {"population": cohort.population, "definition": f"cohort|{cohort.ends}"}


def _named_levels(frame: pd.DataFrame, name: str) -> pd.Series:
    """A covariate as text, ages in bands, `missing` where it is not known."""
    values = age_bands(frame[name]) if name == "age" else frame[name]
    return pd.Series(
        [("missing" if pd.isna(value) else str(value)) for value in values], index=frame.index, dtype=object
    )


def age_bands(ages: pd.Series) -> pd.Series:
    """Ages in bands of five years, as text (`25-29`); missing stays missing.

    >>> age_bands(pd.Series([24.9, 25, 61])).tolist()
    ['<25', '25-29', '60+']
    """
    labels = [
        f"<{AGE_BANDS[1]}",
        *(f"{low}-{high - 1}" for low, high in pairwise(AGE_BANDS[1:-1])),
    ]
    labels.append(f"{AGE_BANDS[-2]}+")
    bands = pd.cut(ages.astype(float), AGE_BANDS, right=False, labels=labels)
    return pd.Series(bands, index=ages.index, dtype=object)
