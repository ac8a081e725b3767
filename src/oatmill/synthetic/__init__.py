"""An invented programme whose truth is known: the files of a study, made from a seed.

Reading order: `model` (what is true), `people`, `course` (day by day), `dips`, `tables` (what a programme hands
over), `truth`; `national` makes a programme the size of a nation. Two calls with the same settings write the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np

from oatmill.synthetic import model, tables, truth
from oatmill.synthetic.course import Clinic, Rules
from oatmill.synthetic.national import write_national
from oatmill.synthetic.people import BURN_IN, day_number, draw_candidates, draw_sites, later

if TYPE_CHECKING:
    from oatmill.study import Generate

__all__ = ["write_national", "write_programme"]


def write_programme(folder: Path, generate: Generate, seed: int) -> None:
    """Write clients.csv, doses.csv, exits.csv, tests.csv, sites.csv and truth.json.

    Parameters
    ----------
    folder : made where it does not exist; files of these names are replaced
    generate : number of clients and sites, years, first day of the log
    seed : of numpy's PCG64

    Notes
    -----
    The log begins with clients already in treatment. Before its first day the same programme runs for some
    time, and those who leave by then are not in the files. In the files stand, as in life: missed days, doses
    to take home from the third year on, transfers with a log that goes on elsewhere, returns, deaths during
    and after treatment, a week without log at one site, a few copied rows and missing covariates. The dose of
    some clients falls in the days before they leave: their last dose is a consequence, not a cause.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.Generator(np.random.PCG64(seed))
    first, last = day_number(generate.start), day_number(later(generate.start, generate.years)) - 1
    sites = draw_sites(generate, rng)
    people = draw_candidates(generate, sites, rng)
    rules = Rules(
        returns_from=first,
        take_home_from=day_number(later(generate.start, model.TAKE_HOME_FROM_YEAR)),
        holidays=_holidays(generate),
    )
    course = Clinic(people, sites, rules, rng).run(first - BURN_IN, last)
    number = tables.choose_clients(course, generate.clients, len(people), first, rng)
    window = tables.Window(first, last, number)
    with duckdb.connect() as con:
        con.register("doses", tables.doses_frame(course, sites, window, rng))
        tables.write(con, folder, "doses", tables.doses_columns(sites, window), "doses", "day, site, client, copy")
    tables.write_tables(folder, course, people, sites, window, tables.first_doses(course, len(people)), rng)
    starters = (number > 0) & (people.entry >= first)
    arrivals = np.bincount(people.site[starters], minlength=generate.sites)
    retention = truth.true_retention(truth.draw_starters(sites, arrivals, rng), sites, rng)
    text = json.dumps(truth.describe(generate, seed, retention), indent=2) + "\n"
    (folder / "truth.json").write_text(text, encoding="utf-8", newline="\n")


def _holidays(generate: Generate) -> frozenset[int]:
    """Days on which more clients than usual stay away."""
    years = range(generate.start.year, generate.start.year + generate.years + 1)
    dates = [dt.date(year, month, day) for year in years for month, day in ((1, 1), (1, 2), (3, 21), (5, 9))]
    return frozenset(map(day_number, dates))
