"""Make the invented cohort behind the comparison with R: people.csv and intervals.csv.

    python tests/oracle/survival/make_cohort.py

240 people at 14 sites in 3 regions. Days are few (1 to 60), so most events are tied; a third enter late; everybody with
a dose change has more than one interval. Seeded, and committed as made, so that R and Python read the same bytes.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
N_PEOPLE, N_SITES, LAST_DAY = 240, 14, 60


def make_people(rng: np.random.Generator) -> pd.DataFrame:
    """One row per person: (entry, exit], cause 0 = censored, 1 to 3."""
    site = rng.integers(0, N_SITES, N_PEOPLE)
    age, male = rng.normal(36, 8, N_PEOPLE).round(1), rng.integers(0, 2, N_PEOPLE)
    mean_days = 30 * np.exp(0.02 * (age - 36) - 0.3 * male + rng.normal(0, 0.4, N_SITES)[site])
    leaves = np.ceil(rng.exponential(mean_days)).astype(int)
    censored = np.minimum(rng.integers(5, 2 * LAST_DAY, N_PEOPLE), LAST_DAY)
    cause = np.where(leaves <= censored, rng.choice([1, 2, 3], N_PEOPLE, p=[0.6, 0.25, 0.15]), 0)
    exit_day = np.minimum(leaves, censored)
    late = rng.random(N_PEOPLE) < 1 / 3
    entry = np.where(late, rng.integers(0, 20, N_PEOPLE), 0)
    people = pd.DataFrame({"client": np.arange(1, N_PEOPLE + 1), "site": site + 1, "region": site % 3 + 1})
    people = people.assign(entry=np.minimum(entry, exit_day - 1), exit=exit_day, cause=cause, age=age, male=male)
    return people.assign(weight=rng.integers(1, 13, N_PEOPLE) / 4, copies=rng.integers(1, 4, N_PEOPLE))


def make_intervals(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One row per person and stretch of equal dose: (start, stop], event 1 = cause 1."""
    rows = []
    for person in people.itertuples():
        inner = np.arange(person.entry + 1, person.exit)
        cuts = np.sort(rng.choice(inner, min(int(rng.integers(0, 4)), len(inner)), replace=False))
        days = [person.entry, *cuts.tolist(), person.exit]
        for start, stop in pairwise(days):
            event = int(person.cause == 1 and stop == person.exit)
            rows.append((person.client, start, stop, event, float(rng.integers(4, 25) * 5)))
    return pd.DataFrame(rows, columns=["client", "start", "stop", "event", "dose"])


if __name__ == "__main__":
    generator = np.random.default_rng(20110707)
    cohort = make_people(generator)
    covariates = cohort[["client", "site", "region", "age", "male", "weight"]]
    stretches = make_intervals(cohort, generator).merge(covariates, on="client")
    cohort.to_csv(HERE / "people.csv", index=False, lineterminator="\n")
    stretches.to_csv(HERE / "intervals.csv", index=False, lineterminator="\n")
