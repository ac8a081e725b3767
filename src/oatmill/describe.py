"""Chapter 20: who is in the analysis. Episodes and cohort -> counts of clients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd

from oatmill.cohort import Cohort
from oatmill.results import Place, Result, Shown, Sum, sums_by

DOSED = "clients with a dose"
RETURN_DAYS = (-1, 90, 180, 365, np.inf)  # days without treatment, each class closed above
_PER_CELL = 12
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


def estimate_starters_by_site(cohort: Cohort) -> Result:
    """Starters by site and period of their first day, with the totals of both.

    The period is a month, a quarter or a year: the shortest in which a site has on average `_PER_CELL` starters. With
    fewer, a count shown in a class says nothing.
    """
    frame = pd.DataFrame({"level": _named_levels(cohort.frame, "site")})
    days = pd.to_datetime(cohort.frame["start_day"].astype("int64"), unit="D")
    frame["quarter"], frame["period"] = days.dt.to_period("Q").astype(str), _periods(days, frame["level"].nunique())
    cells = frame.groupby(["level", "period"], as_index=False).size().assign(group="site")
    sites = frame.groupby("level", as_index=False).size().assign(group="site", period="")
    periods = frame.groupby("period", as_index=False).size()
    quarters = frame.groupby("quarter", as_index=False).size().rename(columns={"quarter": "period"})
    rows = pd.concat([cells, sites, periods, quarters], ignore_index=True).fillna({"group": "", "level": ""})
    rows = rows.drop_duplicates(["group", "level", "period"]).rename(columns={"size": "estimate"})
    rows = rows.reset_index(drop=True).assign(estimand="starters", unit="clients", **_who(cohort))
    rows["n"] = np.where((rows["group"] == "") | (rows["period"] == ""), float(len(frame)), np.nan)
    return Result("starters_by_site", "counts", rows, sums=_sums_of_sites(rows))


def _periods(days: pd.Series, sites: int) -> pd.Series:
    for length in ("M", "Q", "Y"):
        found = days.dt.to_period(length)
        if len(days) >= _PER_CELL * sites * ((found.max() - found.min()).n + 1 if len(days) else 0):
            break
    return found.astype(str)


def _sums_of_sites(rows: pd.DataFrame) -> tuple[Sum, ...]:
    """A period is the sum of its sites, a site of its periods, all are the sites; months make up quarters and these years."""
    at: dict[tuple[str, str], Place] = {}
    for place, row in enumerate(rows.to_dict("records")):
        at[row["level"] if row["group"] else "", row["period"]] = (place, "estimate")
    sites = [site for site, period in at if site and not period]
    found = [(at[site, ""], [at[s, p] for s, p in at if s == site and p]) for site in sites]
    cells = {period for site, period in at if site and period}
    found += [(at["", period], [at[s, p] for s, p in at if s and p == period]) for period in sorted(cells)]
    for longer in sorted({period for site, period in at if not site and period}):
        shorter = [at["", p] for s, p in at if not s and p and _is_part(p, longer)]
        found += [(at["", longer], shorter)] if shorter else []
    if sites:
        whole = (at[sites[0], ""][0], "n")
        found.append((whole, [at[site, ""] for site in sites]))
    return tuple(Sum((whole,), tuple(parts)) for whole, parts in found)


def _is_part(period: str, longer: str) -> bool:
    """Whether a month lies in a quarter, or a quarter in a year.

    >>> _is_part("2016-04", "2016Q2"), _is_part("2016Q2", "2016"), _is_part("2016-04", "2016")
    (True, True, False)
    """
    if "-" in period:
        return longer == f"{period[:4]}Q{(int(period[5:]) + 2) // 3}"
    return "Q" in period and longer == period[:4]


def estimate_age_and_sex(cohort: Cohort) -> Result:
    """Starters by age in bands of five years and sex: the population pyramid."""
    return _crossed("age_and_sex", cohort, ["age"], "sex")


def estimate_table_one(cohort: Cohort, covariates: Sequence[str], by: str) -> Result:
    """Starters with each value of each covariate, by the levels of another column; not known is a level of its own.

    Rows with one `group` are counts of all starters; those with two (`injecting, sex`) of both, `level` being the value
    of the first and `term` that of the second.
    """
    more = ["site"] if by == "area" and "site" in cohort.frame else []  # an area is the sum of its sites
    return _crossed("table_one", cohort, [name for name in (*covariates, *more) if name != by], by)


def _crossed(output: str, cohort: Cohort, names: Sequence[str], by: str) -> Result:
    """Counts by each of `names` and `by`, with both margins. The two names stand in alphabetical order, whatever is asked."""
    named = pd.DataFrame({name: _named_levels(cohort.frame, name) for name in [by, *names]})
    rows = _margin(named, by)
    for name in names:
        rows += [*_margin(named, name), *_cells(named, *sorted([name, by]))]
    frame = pd.DataFrame(rows, columns=["group", "level", "term", "estimate"])
    frame = frame.assign(estimand="starters", unit="clients", **_who(cohort))
    frame["n"] = np.where(frame["term"] == "", float(len(named)), np.nan)
    return Result(output, "counts", frame, sums=_sums_of_margins(frame))


def _margin(named: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    found = named[name].value_counts()
    return [
        {"group": name, "level": level, "term": "", "estimate": int(found[level])} for level in in_order(found.index)
    ]


def _cells(named: pd.DataFrame, one: str, other: str) -> list[dict[str, Any]]:
    found = named.groupby([one, other]).size()
    return [
        {"group": f"{one}, {other}", "level": level, "term": term, "estimate": int(found.get((level, term), 0))}
        for level in in_order(named[one].unique())
        for term in in_order(named[other].unique())
    ]


def _sums_of_margins(frame: pd.DataFrame) -> tuple[Sum, ...]:
    """All are the levels of each column, and each level is the sum of its cells in each table."""
    rows = frame.to_dict("records")
    margins = frame[frame["term"] == ""]
    found = list(_wholes(margins))
    for table in frame.loc[frame["term"] != "", "group"].unique():
        for side, name in zip(("level", "term"), table.split(", "), strict=True):
            for at in margins.index[margins["group"] == name]:
                cells = [n for n, row in enumerate(rows) if row["group"] == table and row[side] == rows[at]["level"]]
                found.append(Sum(((at, "estimate"),), tuple((n, "estimate") for n in cells)))
    return tuple(found)


def _wholes(margins: pd.DataFrame) -> Iterator[Sum]:
    for places in margins.groupby("group", sort=False).groups.values():
        yield Sum(((int(places[0]), "n"),), tuple((int(place), "estimate") for place in places))


def in_order(levels: Iterable[str]) -> list[str]:
    """Levels as a table lists them: those that begin with `<` first, what is not known last.

    >>> in_order(["missing", "25-29", "<25"])
    ['<25', '25-29', 'missing']
    """
    return sorted(levels, key=lambda level: (level == "missing", not level.startswith("<"), level))


def estimate_characteristics(cohort: Cohort, covariates: Sequence[str]) -> Result:
    """Share of starters with each value of each covariate; ages by band; clients without a value are `missing`."""
    frame = cohort.frame
    rows = []
    for name in covariates:
        found = _named_levels(frame, name).value_counts()
        rows += [
            {"group": name, "level": level, "events": int(found[level]), "n": len(frame)}
            for level in in_order(found.index)
        ]
    shares = pd.DataFrame(rows, columns=["group", "level", "events", "n"])
    shares = shares.assign(estimate=shares["events"] / shares["n"], estimand="share", unit="proportion", **_who(cohort))
    return Result("characteristics", "proportions", shares, sums=sums_by(shares, ["group"], "events"))


def estimate_mean_age(cohort: Cohort, by: str | None = None) -> Result:
    """Mean and standard deviation of age at entry of starters whose age is known, each with its standard error.

    That of the standard deviation is the one for normal ages, sd / sqrt(2 n). `by`: in each level of this column, the
    population's name being that of the level; a level with fewer than two known ages has none.
    """
    known = cohort.frame.assign(age=cohort.frame["age"].astype(float)).dropna(subset=["age"])
    population = f"{cohort.population} whose age is known"
    if by is None:
        rows = _mean_and_sd(known["age"], population)
    else:
        levels = _named_levels(known, by)
        rows = [
            row | {"group": by, "level": level}
            for level in in_order(levels.unique())
            if (levels == level).sum() > 1
            for row in _mean_and_sd(known.loc[levels == level, "age"], f"{population} ({by}: {level})")
        ]
    columns = ["estimand", "estimate", "se", "n", "population", "group", "level"][: None if by else 5]
    frame = pd.DataFrame(rows, columns=columns).assign(definition=_who(cohort)["definition"], unit="years")
    return Result("mean_age" if by is None else "mean_age_by_group", "means", frame)


def _mean_and_sd(ages: pd.Series, population: str) -> list[dict[str, Any]]:
    n, sd = len(ages), ages.std(ddof=1)
    same = {"n": n, "population": population}
    return [
        {"estimand": "mean_age", "estimate": ages.mean(), "se": sd / np.sqrt(n), **same},
        {"estimand": "sd_age", "estimate": sd, "se": sd / np.sqrt(2 * n), **same},
    ]


def estimate_differences(counts: Shown, ages: Shown | None, by: str) -> Result:
    """Standardised mean differences of each covariate between the levels of `by`, two by two (`level` and `term`).

    They are computed from the released counts, means and standard deviations, so that they tell nothing more.

    Parameters
    ----------
    counts : of `estimate_table_one`, released
    ages : of `estimate_mean_age` by the same column, released; None: age is compared by its bands

    Notes
    -----
    Counts: Yang & Dalton (2012) over the levels that are known, which with two levels is the difference of shares over
    the root of the mean of their variances. Age: the difference of means over the root of the mean of the variances.
    There is no sign: the order of levels has no meaning.
    """
    sizes = _shown(counts, group=by).set_index("level")["estimate"].drop("missing", errors="ignore")
    names = dict.fromkeys(name for table in counts.frame["group"] for name in table.split(", ") if name != by)
    rows = [
        {
            "group": name, "level": one, "term": other, "n": min(sizes[one], sizes[other]),
            "estimate": _age_smd(ages, one, other) if name == "age" and ages else _counts_smd(counts, name, by, one, other),
        }
        for name in names
        for one, other in combinations(sizes.index, 2)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["group", "level", "term", "n", "estimate"]).assign(estimand="smd")
    for column in ("population", "definition"):
        frame[column] = counts.frame[column].iloc[0] if len(counts.frame) else ""
    frame["unit"] = "standard deviations"
    return Result("differences", "derived", frame, sources=(counts, *([ages] if ages else [])))


def _shown(released: Shown, **equal: str) -> pd.DataFrame:
    frame = released.frame[released.frame["status"] == "shown"]
    for column, value in equal.items():
        frame = frame[frame[column] == value]
    return frame


def _counts_smd(counts: Shown, name: str, by: str, one: str, other: str) -> float:
    table = ", ".join(sorted([name, by]))
    value, group = ("level", "term") if table.startswith(f"{name}, ") else ("term", "level")
    cells = counts.frame[(counts.frame["group"] == table) & (counts.frame[value] != "missing")]
    found = [cells[cells[group] == level].set_index(value)["estimate"] for level in (one, other)]
    return smd_of_counts(*(part.reindex(found[0].index).to_numpy(float) for part in found))


def _age_smd(ages: Shown, one: str, other: str) -> float:
    found = _shown(ages).set_index(["level", "estimand"])["estimate"]
    wanted = [(level, name) for level in (one, other) for name in ("mean_age", "sd_age")]
    if not all(place in found.index for place in wanted):
        return np.nan
    first, first_sd, second, second_sd = (float(found[place]) for place in wanted)
    return smd_of_means(first, first_sd, second, second_sd)


def smd_of_means(first: float, first_sd: float, second: float, second_sd: float) -> float:
    """The difference of two means in units of their common standard deviation.

    >>> smd_of_means(36, 8, 32, 8)
    0.5
    """
    spread = float(np.sqrt((first_sd**2 + second_sd**2) / 2))
    return abs(first - second) / spread if spread > 0 else np.nan


def smd_of_counts(first: np.ndarray, second: np.ndarray) -> float:
    """Yang & Dalton's difference of two rows of counts over the same levels; missing where it has no value.

    >>> round(smd_of_counts(np.array([50, 50]), np.array([30, 70])), 4)  # 0.2 / sqrt((0.25 + 0.21) / 2)
    0.417
    """
    some = first + second != 0  # also where a count is withheld: then there is no value
    if first.sum() == 0 or second.sum() == 0 or np.isnan(first + second).any():
        return np.nan
    p, q = first[some][1:] / first.sum(), second[some][1:] / second.sum()
    spread = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    if np.linalg.matrix_rank(spread) < len(p):  # two groups with no value in common
        return np.nan
    return float(np.sqrt((p - q) @ np.linalg.solve(spread, p - q)))


def estimate_episodes_per_client(episodes: pd.DataFrame) -> Result:
    """Clients by the number of episodes they have in the log (5 stands for 5 and more)."""
    per_client = episodes.groupby("client")["episode"].max().clip(upper=5)
    found = per_client.value_counts().sort_index()
    rows = pd.DataFrame({"level": [str(k) for k in found.index], "estimate": found.to_numpy(float)})
    same = {"estimand": "clients", "population": DOSED, "group": "episodes", "unit": "clients"}
    rows = rows.assign(n=len(per_client), **same)
    return Result("episodes_per_client", "counts", rows, sums=sums_by(rows, ["estimand"], "estimate"))


def estimate_first_return(episodes: pd.DataFrame) -> Result:
    """Clients by the days between their first episode and the second; those with one episode first."""
    two = episodes[episodes["episode"] <= 2].sort_values(["client", "episode"])
    away = two.groupby("client")["start_day"].last() - two.groupby("client")["end_day"].first() - 1
    once = two.groupby("client").size() == 1
    classes = pd.cut(away[~once], list(RETURN_DAYS), labels=_return_labels())
    found = {"1": int(once.sum())} | classes.value_counts(sort=False).to_dict()
    groups = ["episodes", *["days away"] * (len(found) - 1)]
    rows = pd.DataFrame({"group": groups, "level": list(found), "estimate": list(map(float, found.values()))})
    rows = rows.assign(estimand="clients", population=DOSED, unit="clients", n=float(two["client"].nunique()))
    return Result("first_return", "counts", rows, sums=sums_by(rows, ["estimand"], "estimate"))


def _return_labels() -> list[str]:
    *inner, last = pairwise(RETURN_DAYS)
    return [*(f"{low + 1}-{high:g}" for low, high in inner), f"{last[0] + 1}+"]


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
