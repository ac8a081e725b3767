"""The demo study's estimates against the generator's own truth.

Tolerances: retention within three standard errors (sampling and Monte Carlo together) of the truth at every
horizon; the 95% interval of the hazard ratio per 10 mg holds the true one; each covariate's log hazard ratio within
three of its standard errors. The chance that a right program fails by bad luck is under 2% for a fresh seed; the
demo's seed is fixed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oatmill.dose import estimate_dose_curve, estimate_dose_slope, fit_dose_model, read_risk_rows
from oatmill.pages import Page
from oatmill.retention import estimate_retention
from oatmill.session import Session
from oatmill.store import bundle
from oatmill.study import read_study


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Session:
    study = read_study(bundle() / "data" / "demo")
    return Session(study, Page(tmp_path_factory.mktemp("work")))


@pytest.fixture(scope="module")
def truth(demo: Session) -> dict[str, Any]:
    return dict(json.loads(Path(demo.study.folder, "truth.json").read_text(encoding="utf-8")))


def test_retention_covers_the_truth(demo: Session, truth: dict[str, Any]) -> None:
    curve = estimate_retention(demo.cohort(), demo.definitions).frame
    for day in demo.definitions.horizons:
        row = curve[(curve["day"] == day) & (curve["term"] == "horizon")].iloc[0]
        true, monte_carlo = truth["retention"]["at"][str(day)], truth["retention"]["monte_carlo_se"][str(day)]
        assert abs(row["estimate"] - true) < 3 * np.hypot(row["se"], monte_carlo), f"day {day}"


def test_the_dose_effect_covers_the_truth(demo: Session, truth: dict[str, Any]) -> None:
    rows = read_risk_rows(demo.intervals(), demo.cohort().frame, demo.definitions, demo.covariates)
    model = fit_dose_model(rows, demo.definitions, demo.covariates, spline=False)
    slope = estimate_dose_slope(model, demo.definitions).frame.iloc[0]
    true = truth["dose"]["beta_per_10_mg"]
    assert slope["lower"] < np.exp(true) < slope["upper"]

    found = dict(zip(model.fit.names, zip(model.fit.coefficients, model.fit.standard_errors, strict=True), strict=True))
    known = truth["log_hazard_ratios"]
    expected = {
        "sex: male": -known["female"],
        "age": known["age_per_10_years_from_35"] / 10,
        "injecting: yes": known["injecting"],
    }
    for name, value in expected.items():
        coefficient, se = found[name]
        assert abs(coefficient - value) < 3 * se, name

    spline = estimate_dose_curve(fit_dose_model(rows, demo.definitions, demo.covariates), demo.definitions).frame
    inside = spline[spline["term"].isin(["40", "80"])].set_index("term")
    for dose, row in inside.iterrows():
        assert row["lower"] < np.exp(true * (float(str(dose)) - 60) / 10) < row["upper"], dose
