"""A programme the size of a nation, shaped like China's from 2004 to 2011, written day by day in bounded memory.

Sites open, clients come and doses rise as Table 2 of Li 2013 says, scaled to the number of clients asked for; the
course of treatment is that of `model`, with no supply to take home.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

from oatmill.published import read_published, select_figures
from oatmill.synthetic import model, tables, truth
from oatmill.synthetic.course import Clinic, Course, Rules, stack
from oatmill.synthetic.dips import Dips
from oatmill.synthetic.model import Floats, Ints
from oatmill.synthetic.people import People, Sites, day_number, draw_people

if TYPE_CHECKING:
    from oatmill.study import Generate

DAYS_AT_ONCE = 30
# Times the hazards of `model`, and mg above the published mean of the first year (which holds titration): with these
# the clients of each year, their days in treatment and their own mean doses come near to those of Table 2.
HAZARD, MORE_MG = 1.5, 5.0
_COPIES = 1 / 20_000  # share of rows written twice


def write_national(folder: Path, generate: Generate, seed: int) -> None:
    """Write clients, doses, exits, tests and sites as Parquet, and truth.json.

    Parameters
    ----------
    folder : made where it does not exist; files of these names are replaced
    generate : number of clients and of sites; the years are those of the published table
    seed : of numpy's PCG64

    Notes
    -----
    The log begins with the programme itself, so that nobody is in treatment before it and every first episode is a
    starter's. The dose of some clients falls before they leave, as in the small programme.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.Generator(np.random.PCG64(seed))
    published = _published()
    sites = _draw_sites(generate.sites, published, rng)
    people = _draw_people(generate.clients, sites, published, rng)
    first, last = day_number(dt.date(published.index[0], 1, 1)), day_number(dt.date(published.index[-1], 12, 31))
    number = 1 + rng.permutation(len(people))
    window = tables.Window(first, last, number)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".rows-") as scratch:
        clinic = Clinic(people, sites, Rules(returns_from=first, hazard=HAZARD, anywhere=True), rng)
        written = _Written(Path(scratch), sites, window, len(people), rng)
        for day in range(first, last + 1):
            clinic.run(day, day)
            if (day - first) % DAYS_AT_ONCE == DAYS_AT_ONCE - 1 or day == last:
                written.take(clinic.course, None if day == last else day - model.DIP_DAYS[1])
        written.join(folder / "doses.parquet")
    tables.write_tables(folder, clinic.course, people, sites, window, written.first_dose, rng, kind="parquet")
    sample = people.at_once(rng.choice(len(people), min(len(people), truth.STARTERS), replace=False))
    retention = truth.true_retention(sample, sites, rng, HAZARD)
    text = json.dumps(truth.describe(generate, seed, retention, HAZARD), indent=2) + "\n"
    (folder / "truth.json").write_text(text, encoding="utf-8", newline="\n")


def sites_for(clients: int) -> int:
    """As many sites as the published programme had at its end for so many clients."""
    last = _published().iloc[-1]
    return max(1, round(last["clinics"] * clients / last["clients_cumulative"]))


def _published() -> pd.DataFrame:
    """Clinics, new clients and mean dose by year, as published."""
    table = read_published("li2013_table2")
    columns = {
        name: select_figures(table, indicator=name).set_index("year")["value"]
        for name in ("clinics", "clients_cumulative", "mean_dose_mg")
    }
    frame = pd.DataFrame(columns).sort_index()
    return frame.assign(new=frame["clients_cumulative"].diff().fillna(frame["clients_cumulative"]))


def _draw_sites(n: int, published: pd.DataFrame, rng: np.random.Generator) -> Sites:
    """Sites that open as the published numbers of clinics grow: the first ones with the programme."""
    year = np.asarray(published.index)
    until = np.maximum(1, np.round(published["clinics"] / published["clinics"].iloc[-1] * n).astype(int))
    place = np.searchsorted(until, np.arange(n), side="right")
    begin = np.asarray([day_number(dt.date(int(y), 1, 1)) for y in year])
    opened = np.where(place == 0, begin[0], begin[place] + np.sort(rng.integers(1, 300, n)))
    weight = np.exp(rng.normal(0, 0.7, n))
    width = len(str(n))
    return Sites(
        code=[f"S{k:0{width}d}" for k in range(1, n + 1)],
        opened=opened,
        old=place == 0,
        weight=weight,
        mean_dose=model.SITE_MEAN + rng.normal(0, model.SITE_SD, n),
        frailty=np.exp(rng.normal(0, model.FRAILTY_SD, n)),
    )


def _draw_people(n: int, sites: Sites, published: pd.DataFrame, rng: np.random.Generator) -> People:
    """Clients by year of entry as published, each at a site that is open by then."""
    share = (published["new"] / published["new"].sum()).to_numpy()
    year = np.sort(rng.choice(len(share), n, p=share))
    begin = np.asarray([day_number(dt.date(int(y), 1, 1)) for y in published.index])
    entry = np.sort(begin[year] + rng.integers(0, 365, n))
    site = np.empty(n, dtype=np.int64)
    month = (entry - begin[0]) // 30
    for now in np.unique(month):
        here = np.flatnonzero(month == now)
        there = np.flatnonzero(sites.opened <= entry[here[0]])
        weight = sites.weight[there]
        site[here] = rng.choice(there, here.size, p=weight / weight.sum())
    # Everyone is first prescribed as in the first year; that doses rise after entry makes the rest of the trend.
    return draw_people(entry, site, sites, rng, published["mean_dose_mg"].iloc[0] + MORE_MG - model.SITE_MEAN)


class _Written:
    """Rows of the log as they are written, some days at a time, and each client's first dose."""

    def __init__(self, folder: Path, sites: Sites, window: tables.Window, clients: int, rng: np.random.Generator):
        self.folder, self.sites, self.window, self.rng = folder, sites, window, rng
        self.parts: list[Path] = []
        self.first_dose = np.full(clients, np.iinfo(np.int64).max)
        self.dips, self.spells_seen = Dips(clients), 0

    def take(self, course: Course, up_to: int | None) -> None:
        """Write the days up to `up_to` (None: all): later ones may still turn out to be the last before a dropout."""
        self.dips.add(stack(course.spells[self.spells_seen :], 6), self.rng)
        self.spells_seen = len(course.spells)
        rows = stack(course.rows, 6)
        keep = np.ones(len(rows[0]), dtype=bool) if up_to is None else rows[1] <= up_to
        course.rows = [tuple(column[~keep] for column in rows)]
        client, day, dose, take_home, site, spell = (column[keep] for column in rows)
        np.minimum.at(self.first_dose, client, day)
        dose = self.dips.lowered(client, day, dose, spell)
        there = ~tables.lost_week(day, site, self.sites, self.window)
        values: dict[str, Ints | Floats] = {"client": self.window.number[client], "day": day, "dose_mg": dose}
        frame = pd.DataFrame(values | {"take_home_days": take_home, "site": site})[there].astype("int32")
        copies = frame[self.rng.random(len(frame)) < _COPIES]
        path = self.folder / f"{len(self.parts):05}.parquet"
        with duckdb.connect() as connection:
            connection.register("rows", pd.concat([frame, copies]))
            connection.execute(
                f"COPY (SELECT * FROM rows ORDER BY day, site, client) TO '{tables.quoted(path)}' (FORMAT parquet)"
            )
        self.parts.append(path)

    def join(self, to: Path) -> None:
        """All days in one file, in their order."""
        parts, columns = (
            f"read_parquet({[str(part) for part in self.parts]!r})",
            tables.doses_columns(self.sites, self.window),
        )
        with duckdb.connect() as connection:
            connection.execute("SET preserve_insertion_order = true")
            tables.write(connection, to.parent, "doses", columns, parts, None, "parquet")
