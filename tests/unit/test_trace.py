"""`oatmill trace`: one client's days in runs, and nothing written."""

from __future__ import annotations

import duckdb
from helpers import dosing

from oatmill.cli import main
from oatmill.episodes.trace import trace_client

LINE = "DD..3.... DD" + "." * 12 + "EE?"


def traced(tmp_path, *lines: str, gap: int = 5, exits=None, client: int = 0):
    log, definitions = dosing.drawn(*lines), dosing.settings(gap)
    calendar = dosing.calendar_of(log, tmp_path, definitions)
    return trace_client(
        tmp_path / "doses.parquet", client, definitions=definitions, calendar=calendar, exits=exits
    ), calendar


def test_runs_cover_every_day_once_and_say_what_each_is(tmp_path):
    found, _calendar = traced(tmp_path, LINE)
    words = [(run.first_day - dosing.DAY_1 + 1, run.days, run.kind, run.counted) for run in found.runs]
    assert words == [
        (1, 2, "dosed", 0),
        (3, 2, "dose-free", 2),
        (5, 1, "dosed", 0),
        (6, 3, "taken home", 0),
        (9, 1, "dose-free", 1),
        (10, 2, "dosed", 0),
        (12, 12, "dose-free", 12),
        (24, 2, "dosed", 0),
        (26, 1, "dosed", 0),
    ]
    assert [run.dose_dmg for run in found.runs][-2:] == [600, -1]
    assert dosing.in_words(found.episodes) == "1-11 dropout | 24-26 open"
    assert not list(tmp_path.glob(".trace-*"))


def test_missing_log_is_not_dose_free(tmp_path):
    others = ["D" * 10 + "...." + "D" * 10] * 5
    found, _calendar = traced(tmp_path, "D" * 9 + "......" + "D" * 9, *others)
    assert [(run.kind, run.days, run.counted) for run in found.runs] == [
        ("dosed", 9, 0),
        ("dose-free", 1, 1),
        ("missing log", 4, 1),
        ("dose-free", 1, 2),
        ("dosed", 9, 0),
    ]


def test_take_home_ends_with_a_recorded_imprisonment_and_the_record_is_listed(tmp_path):
    exits = dosing.records((0, 3, "prison"), (1, 2, "death"))
    found, _calendar = traced(tmp_path, "D6...........", "D............D", exits=exits)
    assert [(run.kind, run.days) for run in found.runs] == [("dosed", 2), ("taken home", 1), ("dose-free", 11)]
    assert found.exits == ((dosing.absolute(3), "prison"),)


def test_a_client_without_a_dose(tmp_path):
    assert traced(tmp_path, LINE, client=9)[0] is None


def test_command(tmp_path, capsys):
    rows = [f"A1,2020-01-{day:02},60" for day in (1, 2, 5)] + ["B2,2020-01-03,40"]
    (tmp_path / "doses.csv").write_text("client_id,date,dose_mg\n" + "\n".join(rows) + "\n", encoding="utf-8")
    study = "oatmill: 1\nid: small\ntitle: Small\nsources: {doses: {file: doses.csv}}\ndefinitions: {gap_days: 7, prior_treatment: none}\n"
    (tmp_path / "study.yaml").write_text(study, encoding="utf-8")
    words = ["trace", str(tmp_path), "--out", str(tmp_path)]
    assert main([*words, "--client", "no-such"]) != 0
    (path,) = (tmp_path / "work" / "small" / "stations").glob("intake-*/pseudonyms.parquet")
    capsys.readouterr()
    for client, episode in (
        (0, "Episode 1: 1 January 2020 to 5 January 2020, 5 days: 3 dosed, 2 dose-free"),
        (1, "1 dosed"),
    ):
        ((name,),) = duckdb.execute(
            "SELECT pseudonym FROM read_parquet(?) WHERE client = ?", [str(path), client]
        ).fetchall()
        assert main([*words, "--client", name]) == 0
        out = capsys.readouterr().out
        assert episode in out
        assert "2 < 7" in out or client
        assert "A1" not in out
        assert "B2" not in out
