"""Tables of chapter 20."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from oatmill.disclosure import Released
from oatmill.labels import COVARIATES, LEVELS, label
from oatmill.tables import Table, make_table, withheld
from oatmill.text import _, integer, number, percent

MOST_GROUPS = 6  # columns of groups that fit on a page
_ALL = " all"  # the column of all clients, which no group can be called
_NOT_LISTED = {"area": ("site",)}  # counted so that the sums are known, not shown


def table_characteristics(shares: Released, mean_age: Released | None) -> Table:
    """Table 1: starters by the study's covariates."""
    rows = []
    for row in shares.frame.to_dict("records"):
        shown = row["status"] == "shown"
        rows.append(
            {
                "level": label(LEVELS, row["level"]),
                "clients": integer(row["events"]) if shown else withheld(),
                "share": percent(row["estimate"]) if shown else withheld(),
                "group": label(COVARIATES, row["group"]),
            }
        )
    notes = []
    if mean_age is not None and mean_age.frame["status"].iloc[0] == "shown":
        mean, sd = (number(mean_age.one(estimand=name)["estimate"]) for name in ("mean_age", "sd_age"))
        notes.append(_("Mean age {mean} years, standard deviation {sd}.", mean=mean, sd=sd))
    return make_table(
        [shares] if mean_age is None else [shares, mean_age],
        pd.DataFrame(rows),
        name="characteristics",
        caption=_("Clients analysed, at entry"),
        headings={"level": _("Characteristic"), "clients": _("Clients"), "share": _("Share")},
        groups="group",
        notes=notes,
    )


def table_episodes(released: Released) -> Table:
    """Clients by their number of episodes."""
    frame = released.frame
    names = [_("5 and more") if level == "5" else level for level in frame["level"]]
    counts = [withheld() if value != value else integer(value) for value in frame["estimate"]]
    return make_table(
        released,
        pd.DataFrame({"episodes": names, "clients": counts}),
        name="episodes_per_client",
        caption=_("Episodes per client in the log"),
        headings={"episodes": _("Episodes"), "clients": _("Clients")},
    )


def table_first_return(released: Released) -> Table:
    """Clients with one episode, and those who came back by the days they were away."""
    rows = pd.DataFrame(
        {
            "who": [
                _who_returned(group, level) for group, level in zip(*_columns(released, "group", "level"), strict=True)
            ],
            "clients": [_count(value) for value in released.frame["estimate"]],
            "share": [percent(value / n) for value, n in zip(*_columns(released, "estimate", "n"), strict=True)],
        }
    )
    return make_table(
        released,
        rows,
        name="first_return",
        caption=_("One episode, or back again: days between the first episode and the second"),
        headings={"who": "", "clients": _("Clients"), "share": _("Share")},
        notes=[_("Days from the last covered day of the first episode to the first of the second, both left out.")],
    )


def _who_returned(group: str, level: str) -> str:
    if group == "episodes":
        return _("One episode")
    if level.endswith("+"):
        return _("Back after {days} days or more", days=level.removesuffix("+"))
    low, high = level.split("-")
    if low == "0":
        return _("Back after up to {days} days", days=high)
    return _("Back after {low} to {high} days", low=low, high=high)


def table_one(counts: Released, ages: Released | None, age: Released | None, differences: Released, by: str) -> Table:
    """Table 1: each characteristic by the groups of one column, with the largest standardised difference.

    `ages`: mean age by group; `age`: that of all.
    """
    sizes = counts.where(group=by)
    shown = _largest_groups(sizes)
    lines = [_size_line(sizes, shown)]
    if ages is not None and len(ages.frame):
        lines.append(_age_line(ages, age, differences, shown))
    for name in _covariates_of(counts, by):
        lines += _lines_of(counts, differences, name, by, shown)
    heads = {group: label(LEVELS, group) for group in shown}
    notes = [
        _("SMD: standardised mean difference, the largest between two of the groups; not known is left out of it.")
    ]
    notes.append(
        _(
            "It is computed from the counts and means as they are shown here. From about 0.1 two groups differ noticeably."
        )
    )
    if len(shown) < len(sizes):
        notes.append(_("Only the {n} largest groups are shown; the data file has all.", n=integer(len(shown))))
    return make_table(
        [each for each in (counts, ages, age, differences) if each is not None],
        pd.DataFrame(lines, columns=["what", _ALL, *shown, "smd", "block"]),
        name="table_one",
        caption=_("Table 1. Clients analysed, by {column}", column=label(COVARIATES, by)),
        headings={"what": _("Characteristic"), _ALL: _("All"), **heads, "smd": _("SMD")},
        groups="block",
        notes=notes,
    )


def _largest_groups(sizes: pd.DataFrame) -> list[str]:
    """The groups that fit beside each other, in their order; those whose size is not known among the smallest."""
    largest = sizes.assign(size=sizes["estimate"].fillna(0)).nlargest(MOST_GROUPS, "size", keep="first")
    return [level for level in sizes["level"] if level in set(largest["level"])]


def _covariates_of(counts: Released, by: str) -> list[str]:
    margins = counts.frame.loc[counts.frame["term"] == "", "group"]
    return [name for name in dict.fromkeys(margins) if name not in (by, *_NOT_LISTED.get(by, ()))]


def _size_line(sizes: pd.DataFrame, shown: Sequence[str]) -> dict[str, str]:
    known = sizes.set_index("level")["estimate"]
    line = {"what": _("Clients"), _ALL: _count(sizes["n"].max()), "smd": "", "block": _("Overall")}
    return line | {group: _count(known[group]) for group in shown}


def _age_line(ages: Released, age: Released | None, differences: Released, shown: Sequence[str]) -> dict[str, str]:
    found = ages.frame.set_index(["level", "estimand"])["estimate"].to_dict()
    if age is not None:
        found |= {(_ALL, row["estimand"]): row["estimate"] for row in age.frame.to_dict("records")}
    line = {
        "what": _("Mean age (standard deviation), years"),
        "smd": _largest(differences, "age", shown),
        "block": _("Overall"),
    }
    for group in (_ALL, *shown):
        mean, sd = (found.get((group, name), float("nan")) for name in ("mean_age", "sd_age"))
        line[group] = f"{number(mean)} ({number(sd)})" if mean == mean else withheld()
    return line


def _lines_of(
    counts: Released, differences: Released, name: str, by: str, shown: Sequence[str]
) -> list[dict[str, str]]:
    """One line per level; shares are of the clients whose value is known or not, so that they add up to the group."""
    table = ", ".join(sorted([name, by]))
    value, group = ("level", "term") if table.startswith(f"{name}, ") else ("term", "level")
    cells = counts.where(group=table).set_index([value, group])["estimate"]
    sizes = counts.where(group=by).set_index("level")["estimate"]
    margin = counts.where(group=name)
    lines = []
    for place, (level, count, n) in enumerate(zip(margin["level"], margin["estimate"], margin["n"], strict=True)):
        line = {
            "what": label(LEVELS, level),
            "smd": "" if place or name == "age" else _largest(differences, name, shown),
        }
        line[_ALL] = _count_and_share(count, n)
        for each in shown:
            line[each] = _count_and_share(cells[level, each], sizes[each])
        lines.append(line | {"block": label(COVARIATES, name)})
    return lines


def _count_and_share(count: float, size: float) -> str:
    if count != count:
        return withheld()
    return f"{integer(count)} ({percent(min(count / size, 1), 0)})" if size > 0 else integer(count)


def _largest(differences: Released, name: str, shown: Sequence[str]) -> str:
    """The largest difference between two of the groups that stand in the table."""
    pairs = differences.where(group=name)
    found = pairs.loc[pairs["level"].isin(shown) & pairs["term"].isin(shown), "estimate"].max()
    return number(found, 2) if found == found else withheld()


def _columns(released: Released, *names: str) -> list[pd.Series]:
    return [released.frame[name] for name in names]


def _count(value: float) -> str:
    return withheld() if value != value else integer(value)
