"""Figures of chapters 10 and 20: nothing leaves its box, and many sites or groups are no fault."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from oatmill.cohort import Cohort, Step
from oatmill.describe import estimate_age_and_sex, estimate_attrition, estimate_starters_by_site
from oatmill.disclosure import release
from oatmill.figures import Note, theme
from oatmill.figures.describe import plot_attrition, plot_pyramid, plot_starters_by_site
from oatmill.figures.flow import Stage, draw_flow, wrapped
from oatmill.figures.grid import MOST_ROWS
from oatmill.figures.quality import plot_dose_distribution, plot_site_months
from oatmill.figures.retention import plot_retention_by_group
from oatmill.results import Result, counts

LONG = (
    "Первый эпизод начался менее чем через тридцать дней после первого дня журнала соответствующего пункта выдачи, "
    "поэтому день начала лечения неизвестен; Донаудампфшиффартсэлектрицитэтенхауптбетрибсверкбауунтербеамтенгезельшафт"
)


def test_text_of_the_flow_stays_inside_its_boxes_and_boxes_apart() -> None:
    stages = [Stage("2 994 клиента", LONG), Stage("5 клиентов", "", "9 исключены", LONG), Stage("1", "", "4", LONG)]
    with theme():
        figure = draw_flow(stages)
        figure.canvas.draw()
    boxes = [patch.get_window_extent() for patch in figure.axes[0].patches if hasattr(patch, "get_boxstyle")]
    boxes = [box for box in boxes if box.width > 50]
    texts = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    inside = [any(b.x0 <= t.x0 and t.x1 <= b.x1 and b.y0 <= t.y0 and t.y1 <= b.y1 for b in boxes) for t in texts]
    assert len(boxes) == 5
    assert all(inside)
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])
    plt.close(figure)


def test_a_word_wider_than_its_box_is_broken() -> None:
    lines = list(wrapped("short " + "x" * 90, 2.0))
    assert lines[0] == "short"
    assert "".join(lines[1:]) == "x" * 90
    assert len(lines) > 2


def many_sites(sites: int) -> Cohort:
    rows = [(f"site {site:02d}", 30 * k) for site in range(sites) for k in range(12 + site % 5)]
    frame = pd.DataFrame(rows, columns=["site", "start_day"]).assign(client=range(len(rows)))
    return Cohort(frame, (Step("clients", len(rows), 0, "Clients"), Step("washout", len(rows), 0, LONG)))


def test_of_many_sites_the_largest_are_drawn_and_the_caption_says_so() -> None:
    plot = plot_starters_by_site(release(estimate_starters_by_site(many_sites(60)), "midpoint6"))
    assert len(plot.figure.axes[0].get_yticklabels()) == MOST_ROWS
    assert f"Only the {MOST_ROWS} largest of 60 sites" in plot.caption


@pytest.mark.parametrize("profile", ["midpoint6", "cms11", "none"])
def test_small_cohorts_give_a_figure_or_a_sentence(profile: str) -> None:
    frame = pd.DataFrame({"client": range(9), "start_day": range(9), "site": ["a"] * 8 + [None]})
    frame["sex"], frame["age"] = ["male"] * 7 + ["female", None], [30.0] * 8 + [None]
    cohort = Cohort(frame, (Step("clients", 9, 0, "Clients"),))
    for plot, result in (
        (plot_pyramid, estimate_age_and_sex(cohort)),
        (plot_starters_by_site, estimate_starters_by_site(cohort)),
        (plot_attrition, estimate_attrition(cohort)),
    ):
        shown = plot(release(result, profile))
        assert isinstance(shown, Note) or "nan" not in shown.alt


def client_days(**estimates: float) -> pd.DataFrame:
    frame = counts(estimates, estimand="client_days", group="dose_mg", population="all clients", n=40)
    return frame.rename(columns={"level": "term"}).assign(level="methadone", unit="client-days", n=40.0)


def test_doses_above_the_plausible_range_do_not_stretch_the_axis() -> None:
    released = release(Result("dose_distribution", "counts", client_days(**{"55": 90, "60": 90, ">500": 30})), "none")
    plot = plot_dose_distribution(released, "methadone")
    assert plot.figure.axes[0].get_xlim()[1] < 120
    assert "above 500 mg" in " ".join(text.get_text() for text in plot.figure.axes[0].texts)
    assert "Some lie above the plausible range" in plot.alt


def test_a_month_with_missing_log_is_marked() -> None:
    days = [
        {"level": site, "period": f"2020-{m:02d}", "estimate": 300.0, "n": 30.0} for site in "ab" for m in (1, 2, 4)
    ]
    same = {"estimand": "client_days", "population": "all clients", "group": "site", "unit": "client-days"}
    log = {"estimand": "missing_log_days", "population": "all sites", "group": "site", "unit": "site-days"}
    gone = pd.DataFrame([{"level": "b", "period": "2020-03", "estimate": 31.0}]).assign(**log)
    days_shown = release(Result("site_months", "counts", pd.DataFrame(days).assign(**same)), "midpoint6")
    plot = plot_site_months(days_shown, release(Result("missing_logs", "counts", gone), "midpoint6"))
    crosses = [line for line in plot.figure.axes[0].lines if line.get_marker() == "x"]
    assert {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in crosses} == {(2.5, 1.5)}, (
        "March, site b"
    )
    assert "1 site has a missing log" in plot.alt


def test_more_groups_than_colours_are_the_largest() -> None:
    rows = [
        {"level": f"g{level}", "day": day, "term": "horizon", "n": 100.0 + level, "events": 10.0, "estimate": 0.9, "censored": 0.0}
        for level in range(11) for day in (30, 60)
    ]  # fmt: skip
    frame = pd.DataFrame(rows).assign(
        estimand="retention", definition="ret_km|gap30", population="starters", group="site"
    )
    frame["lower"], frame["upper"] = 0.8, 0.95
    plot = plot_retention_by_group(release(Result("curves", "curve", frame), "none"), "Site")
    assert "Only the 8 largest of 11 groups" in plot.caption
    assert np.all([f"g{level}" in plot.alt for level in range(3, 11)])
