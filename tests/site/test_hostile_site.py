"""A study whose files, names and title are hostile: its site shows them as text, and nothing happens in the browser."""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.dummy_study import code, markdown, write_notebook
from helpers.hostile import BEACON, EVERY, FAMILIES, MARK, SURROGATES

from oatmill.book import build_book
from oatmill.gate import _PATTERNS
from oatmill.run import Parts, make_report
from oatmill.run import report as report_module
from oatmill.text import use_language

ROOT = Path(__file__).parents[2]
RUN = f"window.{MARK}=1"
TITLE = f"</title><img src=x onerror={RUN}> & <b>b</b> \\(\\href{{javascript:{RUN}}}{{x}}\\) {{cite}}`kaplan1958` $x$ *e* {{{{ title }}}}"
AUTHORS = [f"<script>{RUN}</script>", "(x)=", f'"><img src={BEACON}/a.png onerror={RUN}>']
FILE = f"doses<img src=x onerror={RUN}>|`[1]*'.csv"
COLUMN = f"<svg onload={RUN}>"
# The gate would refuse a report that holds what looks like a place on this machine or a password.
SHOWN = [text for text in EVERY if not any(p.search(text.encode()) for p in _PATTERNS.values())]
TRIMMED = " \t\r\n\u00a0\ufeff"  # the intake takes these off the ends of a cell
BIG = [*FAMILIES["html"][:3], "$x^2$", "=1+1", "\u202eabc", "{{ x }}", "_hidden"]
SITES = list(dict.fromkeys(text.strip(TRIMMED) for text in SHOWN if text.strip(TRIMMED)))

PLUG_IN = f"""import json
import pandas as pd
import oatmill as om
from oatmill.results import Result
study = om.open_study(study_file)
strings = json.loads({json.dumps(json.dumps(SHOWN))})
halves = json.loads({json.dumps(json.dumps(SURROGATES))})  # no file can hold these, so no Result does
rows = pd.DataFrame({{"level": strings, "events": 60.0, "n": 600.0, "estimate": 0.1}})
rows = rows.assign(group="site_id", estimand="share", population="plug-in", unit="proportion")
shares = study.release(Result("plugin", "proportions", rows))"""
SHOW = """study.show(om.table_characteristics(shares, None))
study.show([*strings, *halves])
study.show_sentences(strings)
study.add_cards([(text, text, text) for text in strings[::9]])"""


def write_data(folder: Path) -> None:
    """A client at each hostile site, and sixteen at a few of them, each with two months of doses."""
    folder.mkdir(parents=True)
    sites = [*SITES, *(site for site in BIG for _ in range(16))]
    first = dt.date(2020, 1, 1)
    with (folder / "clients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("client_id", "sex", "site_id", COLUMN)])
        csv.writer(file).writerows((n, ("male", "female")[n % 2], site, "x") for n, site in enumerate(sites))
    with (folder / FILE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("client_id", "date", "dose_mg")])
        for n in range(len(sites)):
            days = [first + dt.timedelta(days=n % 30 + day) for day in range(20 + n % 60)]
            csv.writer(file).writerows((n, day, 60) for day in days)


def write_study(folder: Path) -> Path:
    write_data(folder)
    study = {
        "oatmill": 1,
        "id": "hostile",
        "title": TITLE,
        "subtitle": TITLE[::-1],
        "programme_name": f"- <i>x</i> {RUN}",
        "authors": AUTHORS,
        "sources": {
            "clients": {"file": "clients.csv", "synthetic": True},
            "doses": {"file": FILE, "synthetic": True},
        },
        "definitions": {"gap_days": 14, "data_cut": "2020-06-30", "prior_treatment": "none", "horizons": [10, 30]},
        "covariates": ["sex", "site_id"],
    }
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    return file


def declare(path: Path, **about: Any) -> None:
    """Metadata of a chapter, which pages of the book repeat."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"]["oatmill"] |= about
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="module")
def report(requires, tmp_path_factory) -> Path:
    requires("chromium")
    folder = tmp_path_factory.mktemp("hostile")
    write_study(folder / "study")
    notebooks = folder / "study" / "notebooks"
    notebooks.mkdir()
    for name in ("10_data_quality", "20_cohort"):
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", notebooks)
    plug_in = write_notebook(notebooks, "90_hostile", PLUG_IN, code(SHOW), markdown("## Limits"))
    declare(plug_in, title=TITLE, question=TITLE, optional={"clients.hiv": TITLE})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_module, "bundle", lambda: folder / "no-bundle")
        made = make_report(folder / "study", folder / "out", parts=Parts(build_book), pdf=True)
    use_language("en")
    return made.folder
