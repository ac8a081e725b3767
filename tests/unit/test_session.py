"""What a notebook opens, shows and files."""

from __future__ import annotations

import json
import types
from pathlib import Path

import pandas as pd
import pytest

from oatmill import pages, session
from oatmill.disclosure import Plan
from oatmill.disclosure.keys import keys_of
from oatmill.errors import NotSupported, ParameterUnknown
from oatmill.pages import Page, read_plan, read_results
from oatmill.results import Result, counts
from oatmill.session import Session, open_study
from oatmill.study import Study

SMALLEST = "oatmill: 1\nid: try\ntitle: Try\n"


@pytest.fixture
def study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OATMILL_OUT", str(tmp_path / "out"))
    file = tmp_path / "study.yaml"
    file.write_text(SMALLEST, encoding="utf-8")
    return file


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    markup: list[str] = []
    monkeypatch.setattr(pages, "_display", markup.append)
    return markup


def injected(monkeypatch: pytest.MonkeyPatch, cell: str) -> None:
    shell = types.SimpleNamespace(user_ns={"_ih": ["", "gap_days = None", cell]})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)


def test_an_injected_parameter_that_does_not_exist_is_refused_with_the_nearest(
    study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    injected(monkeypatch, "# Parameters\ngap_dayz = 14\n")
    with pytest.raises(ParameterUnknown, match=r"no parameter `gap_dayz`\. Did you mean `gap_days`\?"):
        open_study(study_file, gap_days=None)


def test_an_injected_parameter_that_exists_is_accepted(study_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    injected(monkeypatch, "# Parameters\ngap_days = 14\n")
    assert open_study(study_file, gap_days=14).definitions.gap_days == 14


def test_a_knob_turned_by_hand_is_said_on_the_page(study_file: Path, shown: list[str]) -> None:
    open_study(study_file, gap_days=None)
    assert shown == []
    open_study(study_file, gap_days=14)
    assert "Changed by hand in this notebook: gap_days" in shown[0]


def test_an_internal_profile_is_said_on_the_page(study_file: Path, shown: list[str]) -> None:
    study_file.write_text(SMALLEST + "disclosure: {profile: none}\n", encoding="utf-8")
    open_study(study_file)
    assert "Not for publication" in shown[0]


def test_a_study_without_a_log_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "clients.csv").write_text("client_id\na1\na2\n", encoding="utf-8")
    study = Study(oatmill=1, id="try", title="Try", sources={"clients": {"file": "clients.csv"}}, folder=tmp_path)
    opened = Session(study.model_copy(update={"folder": tmp_path}), Page(tmp_path / "work"))
    with pytest.raises(NotSupported, match="no dosing log"):
        _ = opened.doses


def small_result() -> Result:
    return Result("sexes", "counts", counts({"male": 20, "female": 4}, estimand="clients", group="sex"))


def test_by_hand_nothing_is_filed(tmp_path: Path) -> None:
    opened = Session(Study(oatmill=1, id="try", title="Try"), Page(tmp_path / "work"))
    opened.release(small_result())
    assert not (tmp_path / "work" / "results").exists()


def test_in_a_run_the_result_and_its_released_rows_are_filed(tmp_path: Path) -> None:
    page = Page(tmp_path / "work", tmp_path / "stage", "20_cohort")
    opened = Session(Study(oatmill=1, id="try", title="Try"), page)
    opened.release(small_result())
    rows = pd.read_csv(tmp_path / "stage" / "released" / "20_cohort" / "sexes.csv")
    assert rows[["page", "output", "level", "estimate", "status"]].to_numpy().tolist() == [
        ["20_cohort", "sexes", "male", 21.0, "shown"],
        ["20_cohort", "sexes", "female", 3.0, "shown"],
    ]
    kept = read_results(tmp_path / "work" / "results")["20_cohort"][0]
    assert kept.frame["estimate"].tolist() == [20, 4]


def test_the_plan_of_the_book_is_applied(tmp_path: Path) -> None:
    first = keys_of(small_result())[0, "estimate"]
    told = json.dumps(Plan(withheld=frozenset({first})).to_json())
    (tmp_path / "plan.json").write_text(told, encoding="utf-8")
    plan = read_plan(tmp_path / "plan.json")
    opened = Session(Study(oatmill=1, id="try", title="Try"), Page(tmp_path / "work", plan=plan))
    assert opened.release(small_result()).frame["status"].tolist() == ["withheld", "shown"]
    assert read_plan(tmp_path / "none.json") == Plan()


def test_findings_and_cards_are_text_not_markup(tmp_path: Path, shown: list[str]) -> None:
    opened = Session(Study(oatmill=1, id="try", title="Try"), Page(tmp_path / "work", tmp_path / "stage", "p"))
    opened.show(["<script>alert(1)</script> & more"])
    assert "&lt;script&gt;" in shown[0] and "<script>" not in shown[0]
    opened.add_cards([("retained", "75%", "note")])
    cards = json.loads((tmp_path / "stage" / "cards" / "p.json").read_text(encoding="utf-8"))
    assert cards == [{"label": "retained", "value": "75%", "note": "note"}]


def test_stations_depend_on_the_settings_they_read(tmp_path: Path) -> None:
    study = Study(oatmill=1, id="try", title="Try")
    page = Page(tmp_path / "work")
    same = Session(study.model_copy(update={"title": "Other"}), page)
    cut = study.definitions.model_copy(update={"blank_dose": "covered"})
    other = Session(study.model_copy(update={"definitions": cut}), page)
    assert Session(study, page).intake_key == same.intake_key != other.intake_key
    assert session.Session(study, page)._key("episodes") != session.Session(study, page)._key("intervals")


def test_a_report_takes_no_definition_from_a_notebook(
    study_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.json").write_text('{"changes": {}}', encoding="utf-8")
    monkeypatch.setenv("OATMILL_RUN", str(tmp_path / "run.json"))
    with pytest.raises(ParameterUnknown, match="not from the parameters of a notebook"):
        open_study(study_file, gap_days=14)
