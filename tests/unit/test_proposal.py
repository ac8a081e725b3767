"""What `oatmill init` makes of files: the table, the columns, what it settles and what it leaves to the user."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from oatmill.errors import StudyNotYaml
from oatmill.intake.sample import Sample
from oatmill.proposal import merge, propose_sources, study_text
from oatmill.proposal.matching import match_sample
from oatmill.study import Study, read_study


def sample(text: str, name: str = "data.csv", **more: object) -> Sample:
    """Lines with `|` between cells; the first is the header."""
    lines = [tuple(cell.strip() for cell in line.split("|")) for line in text.strip().splitlines()]
    settings: dict[str, object] = more.pop("settings", {})  # type: ignore[assignment]
    return Sample(Path(name).resolve(), settings, lines[0], tuple(lines[1:]), **more)  # type: ignore[arg-type]


def proposal(*samples: Sample) -> str:
    return study_text(Path(), propose_sources(samples, Path()))


def live(text: str) -> dict[str, object]:
    """What counts in a proposed study file; it is always one that can be read."""
    tree = yaml.safe_load(text)
    Study.model_validate(tree)
    return tree["sources"]


LOG = """
Код пациента | ФИО                  | Дата приёма | Доза, мг | Препарат   | На руки (дней)
А-1          | Иванов Иван Иванович | 31.12.2019  | 62,5     | метадон    | 0
А-1          | Иванов Иван Иванович | 01.01.2020  | 62,5     | Метадон    | н/д
А-2          | Петров Пётр Петрович | 01.01.2020  |          | субутекс   | 1
А-2          | Петров Пётр Петрович | 02.01.2020  | 8        | налтрексон | 1
"""


def test_a_russian_log_is_settled_but_for_what_nobody_can_know():
    text = proposal(sample(LOG))
    assert live(text) == {
        "doses": {
            "file": "data.csv",
            "date_format": "%d.%m.%Y",
            "decimal": ",",
            "columns": {
                "client_id": "Код пациента",
                "date": "Дата приёма",
                "dose_mg": "Доза, мг",
                "medication": "Препарат",
                "take_home_days": "На руки (дней)",
            },
            "codes": {"medication": {"метадон": "methadone", "Метадон": "methadone", "субутекс": "buprenorphine"}},
            "missing": ["", "н/д"],
            "drop": ["ФИО"],
        }
    }
    assert '# "налтрексон": methadone | buprenorphine' in text
    assert "# blank_dose: covered  # TODO 1 of 4 doses are blank" in text
    assert "# data_cut: 2020-01-02  # TODO" in text


def test_no_cell_that_can_name_a_client_is_written():
    text = proposal(sample(LOG))
    assert "А-1" not in text
    assert "Иванов" not in text


def test_day_and_month_that_can_be_swapped_are_asked_about():
    text = proposal(sample("id | dose date | dose_mg\n1 | 03/04/2019 | 60\n1 | 04/04/2019 | 60"))
    assert "date_format" not in live(text)["doses"]
    asked = [line for line in text.splitlines() if "TODO day or month first?" in line]
    assert [line.split('"')[1] for line in asked] == ["%d/%m/%Y", "%m/%d/%Y"]


def test_a_number_of_two_readings_is_asked_about():
    """1,234 can be 1.234 or 1234; days of treatment can be both."""
    text = proposal(sample("client_id | days | ended\n1 | 1,234 | yes\n2 | 2,345 | no"))
    assert not {"decimal", "thousands"} & set(live(text)["episodes"])
    assert text.count("TODO how are numbers written?") >= 2


def test_a_dose_that_can_only_be_one_thing_is_settled():
    """60,500 mg would be beyond any dose: the comma parts decimals."""
    text = proposal(sample("client_id | date | dose_mg\n1 | 2020-01-01 | 60,500\n1 | 2020-01-02 | 80,250"))
    assert live(text)["doses"]["decimal"] == ","


def test_millilitres_need_the_strength():
    text = proposal(sample("client_id | date | Volume (ml)\n1 | 2020-01-01 | 6\n1 | 2020-01-02 | 8"))
    assert yaml.safe_load(text)["sources"]["doses"]["dose_unit"] == "ml"
    assert "# mg_per_ml: 10  # TODO" in text
    with pytest.raises(ValueError, match="mg_per_ml"):
        live(text)


def test_a_dose_without_a_unit_is_asked_about():
    asked = "# dose_unit: ml  # TODO"
    assert asked in proposal(sample("client_id | date | dose\n1 | 2020-01-01 | 6"))
    assert asked not in proposal(sample("client_id | date | dose (mg)\n1 | 2020-01-01 | 6"))


def test_sexes_in_numbers_are_never_guessed_but_the_file_may_say():
    cells = "client_id | sex\n" + "\n".join(f"{k} | {1 + k % 2}" for k in range(9))
    assert "codes" not in live(proposal(sample(cells)))["clients"]
    labelled = sample(cells, labels={"sex": {"1": "мужской", "2": "женский"}})
    assert live(proposal(labelled))["clients"]["codes"] == {"sex": {"1": "male", "2": "female"}}


def test_a_column_called_male_asks_for_it():
    text = proposal(sample("client_id | male\n1 | Yes\n2 | No"))
    assert live(text)["clients"]["codes"] == {"sex": {"Yes": "male", "No": "female"}}


def test_whether_treatment_ended_is_asked_where_the_name_is_vague():
    text = proposal(sample("id | time | los | censor\n1 | 188 | 123 | 1\n2 | 26 | 25 | 0\n3 | 9 | 8 | 1"))
    assert live(text)["episodes"]["columns"] == {"client_id": "id"}
    assert '# ended: "censor"  # TODO' in text and "(1: 2, 0: 1)" in text
    assert '# days: "los"  # TODO' in text and '# days: "time"  # TODO' in text


def test_a_file_that_fits_two_tables_is_a_doubt_and_its_name_decides():
    spells = (
        "Код пациента | Дата поступления | Дата выбытия | Пол\n1 | 03.04.2019 | | м\n2 | 03.04.2019 | 05.06.2019 | ж"
    )
    text = proposal(sample(spells))
    assert not live(text)
    assert "fits episodes, registry equally well" in text
    back = "\n".join(
        line.replace("# ", "", 1)
        if k > text.splitlines().index("  # registry:  # one row per enrolment spell in a registry") - 1
        and line.startswith("  # ")
        else line
        for k, line in enumerate(text.replace("sources: {}", "sources:").splitlines())
    )
    assert live(back)["registry"]["columns"]["left"] == "Дата выбытия"
    assert list(live(proposal(sample(spells, name="registry.csv")))) == ["registry"]


def test_values_decide_too():
    """`date` with numbers is no date; a key that repeats makes no table of clients."""
    assert match_sample(sample("client_id | date | dose_mg\n1 | 5 | 60\n1 | 6 | 60"))[0].lacking == ("date",)
    many = "client_id | sex\n" + "1 | m\n" * 20
    assert all(one.table.name != "clients" for one in match_sample(sample(many)))


def test_a_file_of_no_table_is_named_and_not_used():
    text = proposal(sample("colour | shape\nred | round"))
    assert not live(text)
    assert '"data.csv": which table is it?' in text


def test_numbers_that_may_stand_for_not_known_are_asked_about():
    text = proposal(sample("client_id | age | sex\n1 | 30 | m\n2 | -9 | f\n3 | 99 | m"))
    assert '# missing: ["", "-9", "99"]  # TODO' in text
    assert "missing" not in live(text)["clients"]


MONTH = "client_id | date | dose_mg | site_id\nA | 2020-0{month}-01 | 60 | {site}\nA | 2020-0{month}-02 | 60 | {site}"


def month(number: int, site: str = "North", **more: object) -> Sample:
    return sample(MONTH.format(month=number, site=site), f"log-{number}.csv", **more)


def test_files_of_the_same_columns_are_one_table():
    (one,) = propose_sources([month(1), month(2), month(3)], Path())
    assert (one.live, one.table) == (True, "doses")
    assert live(proposal(month(1), month(2), month(3)))["doses"]["file"] == ["log-1.csv", "log-2.csv", "log-3.csv"]
    assert "3 files of the same columns; looked at: all of it, 6 rows" in proposal(month(1), month(2), month(3))


def test_a_month_without_foreign_letters_or_totals_is_read_like_the_others():
    russian = {"encoding": "cp1251", "total_lines": ["Итого"]}
    for samples in ([month(1), month(2, "Север", settings=russian)], [month(1, "Север", settings=russian), month(2)]):
        source = live(proposal(*samples))["doses"]
        assert (source["file"], source["encoding"]) == (["log-1.csv", "log-2.csv"], "cp1251")
        assert source["total_lines"] == ["Итого"]


@pytest.mark.parametrize(
    "other",
    [
        month(2, settings={"delimiter": ";"}),
        month(2, native=True),
        month(2, "Север"),  # UTF-8, which the other is not
        sample("client_id | date | dose_mg\nA | 2020-02-01 | 60", "log-2.csv"),
    ],
)
def test_files_that_differ_are_not_joined(other):
    one, two = propose_sources([month(1, "Юг", settings={"encoding": "cp1251"}), other], Path())
    assert (one.live, two.live) == (True, False)
    assert "add it to the list at `file:`" in two.lines[0].text


def test_a_joined_file_is_known_when_init_runs_again(tmp_path):
    for number in (1, 2):
        (tmp_path / f"log-{number}.csv").write_text("client_id,date,dose_mg\n", encoding="utf-8")
    samples = [
        Sample(
            tmp_path / f"log-{number}.csv", {}, ("client_id", "date", "dose_mg"), (("A", f"2020-0{number}-01", "60"),)
        )
        for number in (1, 2)
    ]
    for written in ("[log-1.csv, log-2.csv]", "log-*.csv"):
        before = f"oatmill: 1\nid: t\ntitle: T\nsources:\n  doses:\n    file: {written}\n"
        assert merge(before, samples, tmp_path).text == before


def test_settings_and_doubts_of_the_reader_are_handed_on():
    one = sample(
        LOG,
        settings={"encoding": "cp1251", "header_line": 3, "total_lines": ["Итого"], "sheet": "Лист 1"},
        doubts=("Is it so?",),
    )
    text = proposal(one)
    source = live(text)["doses"]
    assert {key: source[key] for key in one.settings} == one.settings
    assert "# TODO Is it so?" in text


def test_a_table_of_a_database_is_named_as_one():
    settings = {"url_from": "CLINIC_URL", "table": "public.doses"}
    text = proposal(sample("client_id | date | dose_mg\n1 | 2020-01-01 | 60", settings=settings, native=True))
    assert live(text) == {"doses": settings}


@pytest.mark.parametrize(
    "name", ["dose\nid: stolen", "dose # date:", 'do"se', "дозы: {a: b}", "\u200bdose", "x\u2028y"]
)
def test_a_column_of_any_name_stays_a_comment_or_a_name(name):
    one = Sample(
        Path("data.csv").resolve(), {}, ("client_id", "date", "dose_mg", name), (("1", "2020-01-01", "60", "x"),)
    )
    assert live(proposal(one)) == {"doses": {"file": "data.csv"}}


# Run again


def test_run_again_every_line_stays_and_what_is_new_comes_as_a_comment(tmp_path):
    mine = (
        "oatmill: 1\nid: mine\ntitle: Mine  # my words\nsources:\n  clients:\n    file: clients.csv\n"
        "    columns: {client_id: Код}\n\ndefinitions:\n  gap_days: 14 # two weeks\n"
    )
    clients = sample("Код | Пол | ФИО\n1 | м | А\n2 | ж | Б", name=str(tmp_path / "clients.csv"))
    log = sample(LOG, name=str(tmp_path / "log.csv"))
    merged = merge(mine, [clients, log], tmp_path)
    lines = merged.text.splitlines()
    kept = [line for line in lines if line in mine.splitlines()]
    assert kept == mine.splitlines()
    assert yaml.safe_load(merged.text) == yaml.safe_load(mine)
    assert '    # TODO new in the file, not used: "Пол", "ФИО"' in lines
    assert lines.index("  # doses:  # one row per client and day of dispensing") < lines.index("definitions:")
    assert merge(merged.text, [clients, log], tmp_path).text == merged.text, "a third run finds nothing new"


@pytest.mark.parametrize("sources", ["sources: {clients: {file: clients.csv}}", "id: x", "sources:"])
def test_run_again_on_other_ways_to_write_it(tmp_path, sources):
    text = f"oatmill: 1\n{sources}\n"
    merged = merge(text, [sample(LOG, name=str(tmp_path / "log.csv"))], tmp_path)
    assert merged.text.startswith(text)
    assert yaml.safe_load(merged.text) == yaml.safe_load(text)
    assert "doses:" in merged.text


def test_a_study_file_that_is_no_yaml_is_left_alone(tmp_path):
    with pytest.raises(StudyNotYaml):
        merge("a: [", [sample(LOG)], tmp_path)


def test_a_proposed_file_is_one_that_oatmill_reads(tmp_path):
    (tmp_path / "study.yaml").write_text(proposal(sample(LOG)), encoding="utf-8")
    assert read_study(tmp_path).sources["doses"].decimal == ","
