"""The study file: what is accepted, and the full text of what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from oatmill.errors import StudyInvalid, StudyMissing, StudyNotYaml
from oatmill.study import read_study, settings_of

SMALLEST = "oatmill: 1\nid: try\ntitle: Try\n"


def written(folder: Path, text: str) -> Path:
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder


def test_smallest_study_has_the_defaults_of_the_definitions(tmp_path: Path) -> None:
    definitions = read_study(written(tmp_path, SMALLEST)).definitions
    assert (definitions.gap_days, definitions.co_primary_gap_days, definitions.washout) == (30, 7, 30)
    assert (definitions.lag_days, definitions.stabilisation_days, definitions.exit_link_days) == (14, 28, 30)
    assert definitions.open_episode_censoring == "cut_minus_gap"


def test_paths_are_relative_to_the_study_file(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, SMALLEST + "sources:\n  doses: {file: in/doses.csv}\n"))
    assert list(study.paths_of("doses").values()) == [(tmp_path / "in" / "doses.csv").resolve()]


def test_a_study_is_frozen(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, SMALLEST))
    with pytest.raises(Exception, match="frozen"):
        study.id = "other"  # type: ignore[misc]


def test_changes_overrule_the_file(tmp_path: Path) -> None:
    folder = written(tmp_path, SMALLEST + "definitions: {gap_days: 7}\n")
    assert read_study(folder, {"definitions.gap_days": 14}).definitions.gap_days == 14


def test_every_misspelt_name_is_reported_with_its_line_and_the_nearest_one(tmp_path: Path) -> None:
    text = (
        SMALLEST
        + "definitions:\n  gap_dayz: 3\nsources:\n  dose: {file: a.csv}\n  clients: {file: b.csv, colums: {}}\n"
    )
    with pytest.raises(StudyInvalid) as refused:
        read_study(written(tmp_path, text))
    report = refused.value.report()
    assert "study.yaml, line 5: unknown name\n  found: `gap_dayz`\n  expected: did you mean `gap_days`?" in report
    assert "study.yaml, line 7: unknown name\n  found: `dose`\n  expected: did you mean `doses`?" in report
    assert "study.yaml, line 8: unknown name\n  found: `colums`\n  expected: did you mean `columns`?" in report


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("covariates: [sexx]", "did you mean `sex`?"),
        ("sources: {clients: {file: a, columns: {sexx: x}}}", "did you mean `sex`?"),
        ("disclosure: {profile: midpoint7}", "one of midpoint6, redact7_round5, acro10, cms11, none"),
        ("language: fr", "'en', 'ru', 'ky' or 'zh'"),
        ("definitions: {horizons: [90, 30]}", "rising days of 1 or more"),
        ("definitions: {open_episode_censoring: never}", "'cut_minus_gap' or 'cut'"),
    ],
)
def test_values_that_are_not_allowed(tmp_path: Path, line: str, expected: str) -> None:
    with pytest.raises(StudyInvalid) as refused:
        read_study(written(tmp_path, SMALLEST + line + "\n"))
    assert "line 4" in refused.value.report()
    assert expected in refused.value.report()


@pytest.mark.parametrize("name", ["Demo", "a b", "con", "x" * 41, "../up"])
def test_an_id_is_a_safe_folder_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(StudyInvalid):
        read_study(written(tmp_path, f"oatmill: 1\nid: '{name}'\ntitle: Try\n"))


def test_each_kind_of_bad_file_has_its_own_class_and_exit_code(tmp_path: Path) -> None:
    with pytest.raises(StudyMissing) as missing:
        read_study(tmp_path)
    with pytest.raises(StudyNotYaml) as broken:
        read_study(written(tmp_path, "a: [1\nb"))
    with pytest.raises(StudyNotYaml, match="there are no keys in it"):
        read_study(written(tmp_path, "- a\n- b\n"))
    assert (missing.value.exit_code, broken.value.exit_code, StudyInvalid.exit_code) == (10, 11, 12)
    assert "line 2" in broken.value.report()


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    with pytest.raises(StudyNotYaml):
        read_study(written(tmp_path, "oatmill: !!python/object/apply:os.getcwd []\n"))


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    text = SMALLEST + "definitions:\n  gap_days: 30\n  gap_days: 7\n"
    with pytest.raises(StudyInvalid, match=r"line 6: the key `gap_days` stands twice"):
        read_study(written(tmp_path, text))


def test_the_folder_is_not_a_key_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StudyInvalid, match="unknown name"):
        read_study(written(tmp_path, SMALLEST + "folder: elsewhere\n"))


def test_a_change_below_something_that_has_no_keys_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, SMALLEST + "definitions:\n")
    assert read_study(folder, {"definitions.gap_days": 14}).definitions.gap_days == 14
    with pytest.raises(StudyInvalid, match="has no keys of its own"):
        read_study(folder, {"title.x": 1})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("engine: sparc", "did you mean `spark`? (known: builtin, duckdb, spark)"),
        ("engine: {name: Duckdb}", "did you mean `duckdb`?"),
        ("engine: {name: spark, masterfrom: X}", "did you mean `master_from`?"),
        ("engine: spark", "`master_from:` beside `name: spark`"),
        ("engine: {name: duckdb, table: a.b}", "only beside `name: spark`"),
        ("engine: {name: spark, master_from: 'spark://host:7077'}", "pattern"),
        ("engine: 7", "valid dictionary"),
    ],
)
def test_an_engine_that_is_not_allowed(tmp_path: Path, line: str, expected: str) -> None:
    with pytest.raises(StudyInvalid) as caught:
        read_study(written(tmp_path, f"oatmill: 1\nid: a\ntitle: T\n{line}\n"))
    assert "study.yaml, line 4" in caught.value.report()
    assert expected in caught.value.report()


def test_where_the_cluster_is_leaves_the_study_file_for_no_other_file(tmp_path: Path) -> None:
    engine = "engine: {name: spark, master_from: OUR_SPARK, table: secret_schema.doses}"
    study = read_study(written(tmp_path, f"oatmill: 1\nid: a\ntitle: T\n{engine}\n"))
    assert (study.engine.master_from, study.engine.table) == ("OUR_SPARK", "secret_schema.doses")
    assert settings_of(study)["engine"] == {"name": "spark"}
