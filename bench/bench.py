"""Timings against named peers, on invented cohorts: Kaplan-Meier and Cox regression.

    python bench/bench.py                  20,000 clients
    python bench/bench.py --clients 100000 --rounds 5

The programs take turns within each round, so that a busy machine slows all of them; the table shows the fastest of the
rounds. Each peer has to give the same estimates, otherwise its timing means nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from statsmodels.duration.hazard_regression import PHReg

from oatmill.survival import count_by_day, fit_cox, kaplan_meier, survival_at

DAYS = 1461
COEFFICIENTS = {"dose": -0.13, "age": -0.02, "male": 0.15, "injects": 0.25}
TERMS = list(COEFFICIENTS)
SAME = 1e-4  # absolute; lifelines stops its Newton steps early


def make_cohort(clients: int, seed: int = 1) -> pd.DataFrame:
    """One row per client: time in whole days, whether the client left, four covariates."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(
        {
            "dose": rng.normal(6, 2, clients),  # tens of mg
            "age": rng.normal(3.6, 0.8, clients),  # tens of years
            "male": rng.integers(0, 2, clients),
            "injects": rng.integers(0, 2, clients),
        }
    )
    leaves = np.ceil(rng.exponential(600, clients) * np.exp(-x.to_numpy() @ np.array(list(COEFFICIENTS.values()))))
    censored = rng.integers(30, DAYS, clients)
    return x.assign(time=np.minimum(leaves, censored).astype(int), event=(leaves <= censored).astype(int))


def curves(frame: pd.DataFrame) -> dict[str, Callable[[], np.ndarray]]:
    """Programs that give the share retained after a year."""

    def ours() -> np.ndarray:
        return np.atleast_1d(survival_at(kaplan_meier(count_by_day(frame["time"], frame["event"])), [365])["survival"])

    def lifelines() -> np.ndarray:
        return np.atleast_1d(KaplanMeierFitter().fit(frame["time"], frame["event"]).predict(365))

    return {"oatmill": ours, "lifelines": lifelines}


def regressions(frame: pd.DataFrame) -> dict[str, Callable[[], np.ndarray]]:
    """Programs that give the four log hazard ratios, ties by Efron's method."""

    def ours() -> np.ndarray:
        return np.asarray(fit_cox(None, frame["time"], frame["event"], frame[TERMS]).coefficients)

    def lifelines() -> np.ndarray:
        return CoxPHFitter().fit(frame, "time", "event").params_[TERMS].to_numpy()

    def statsmodels() -> np.ndarray:
        model = PHReg(frame["time"].to_numpy(), frame[TERMS].to_numpy(), status=frame["event"].to_numpy(), ties="efron")
        return model.fit().params

    return {"oatmill": ours, "lifelines": lifelines, "statsmodels": statsmodels}


def compare(what: str, programs: dict[str, Callable[[], np.ndarray]], rounds: int) -> list[dict[str, object]]:
    fastest = dict.fromkeys(programs, np.inf)
    found = {}
    for _round in range(rounds):
        for name, program in programs.items():
            started = time.perf_counter()
            found[name] = program()
            fastest[name] = min(fastest[name], time.perf_counter() - started)
    return [
        {
            "what": what,
            "program": name if name == "oatmill" else f"{name} {version(name)}",
            "seconds": round(seconds, 4),
            "times oatmill": round(seconds / fastest["oatmill"], 1),
            "agrees": bool(np.allclose(found[name], found["oatmill"], atol=SAME)),
        }
        for name, seconds in fastest.items()
    ]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Timings against named peers, on an invented cohort.")
    parser.add_argument("--clients", type=int, default=20_000, help="clients of the cohort (default: 20,000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each program runs (default: 3)")
    size = parser.parse_args(argv)
    frame = make_cohort(size.clients)
    rows = compare("Kaplan-Meier", curves(frame), size.rounds)
    rows += compare("Cox, 4 covariates", regressions(frame), size.rounds)
    print(pd.DataFrame(rows).to_string(index=False))
    return 0 if all(row["agrees"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
