"""`oatmill publish`: what it keeps, what it says, and everything that it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from helpers.dummy_study import write_study
from helpers.small_report import exits, put_report

from oatmill.cli import main
from oatmill.errors import GateRefused
from oatmill.run import releases as releases_module
from oatmill.run.publish import find_report, publish_report
from oatmill.run.releases import last_mark, last_name, list_releases
from oatmill.run.switch import Places

AGAIN = "What to do: Make the report again with: oatmill report\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a report of one count, made once for all tests."""
    return put_report(tmp_path_factory.mktemp("made"), exits(6)).out


@pytest.fixture
def places(tmp_path, made) -> Places:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return Places(tmp_path.resolve(), "dummy")


def publish(capsys, places: Places, *words: str) -> tuple[int, str, str]:
    code = main(["publish", str(places.report), *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def refused(capsys, places: Places, name: str = "2026-01") -> str:
    """The text of a refusal, which leaves nothing behind."""
    before = sorted(path.name for path in places.work.glob("releases/*"))
    code, out, err = publish(capsys, places, f"--name={name}")
    assert (code, out) == (22, "")
    assert sorted(path.name for path in places.work.glob("releases/*")) == before
    return err


def released(places: Places) -> str:
    return (places.report / "results" / "results.csv").read_text(encoding="utf-8")


# What it does


def test_a_published_report_is_kept_and_its_publisher_told(capsys, places):
    code, out, err = publish(capsys, places, "--name", "2026-01")
    assert (code, err) == (0, "")
    assert out == (
        "Published as 2026-01; nothing was sent anywhere.\n"
        "Counts: 1.\n"
        "\n"
        f"May be put online, whole or in parts: {places.report}\n"
        f"Must never leave you, and must not be lost: {places.work}\n"
        "The next report needs its folder releases to give readers the same numbers again.\n"
    )
    folder = places.work / "releases" / "2026-01"
    kept = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert kept == {
        "counts.json", "manifest.json", "plan.json", "release.json", "results.csv",
        "results/10_numbers/exits.json", "results/10_numbers/exits.parquet", "results/10_numbers/exits.types.json",
    }  # fmt: skip
    assert (folder / "results.csv").read_text(encoding="utf-8") == released(places)
    about = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", about.pop("made"))
    assert about == {
        "name": "2026-01", "number": 1, "profile": "midpoint6", "counts": 1, "kept": 0, "changed": 0, "new": 1,
    }  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_what_is_kept_is_private(places):
    publish_report(places, "2026-01")
    home = places.work / "releases"
    assert {path.stat().st_mode & 0o777 for path in home.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in [home, *home.rglob("*")] if path.is_dir()} == {0o700}


def test_the_next_report_heeds_it(capsys, tmp_path, places):
    publish_report(places, "2026-01")
    before = released(places)
    put_report(tmp_path, exits(6))
    assert released(places) == before, "the same data again change no number"
    put_report(tmp_path, exits(7))
    assert released(places) == before
    manifest = json.loads((places.report / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["disclosure"]["after_release"] == "2026-01"
    assert "Counts: 1 (value kept: 1, value changed: 0, new: 0)." in publish(capsys, places, "--name", "2026-02")[1]
    put_report(tmp_path, exits(14))
    assert released(places) != before
    assert "value kept: 0, value changed: 1" in publish(capsys, places, "--name", "2026-03")[1]


def test_a_report_is_named_by_its_folder_or_by_the_id_of_its_study(tmp_path, monkeypatch, places):
    assert find_report(tmp_path / "reports" / "dummy", Path("elsewhere")) == places
    assert find_report(Path("dummy"), tmp_path) == places
    monkeypatch.chdir(tmp_path)
    for words in ("reports/dummy", "reports/dummy/", "dummy"):
        assert find_report(Path(words), Path()) == places


def test_what_was_set_otherwise_is_named(capsys, tmp_path, places):
    publish_report(places, "2026-01")
    put_report(tmp_path, exits(6), changes={"definitions.gap_days": 14, "covariates": ["sex"]})
    out = publish(capsys, places, "--name", "2026-02")[1]
    assert "Set otherwise than in 2026-01: gap_days, covariates. Say so to readers.\n" in out


def test_the_list_of_releases(capsys, tmp_path, places):
    assert publish(capsys, places, "--list") == (0, "Nothing was published of dummy yet.\n", "")
    publish_report(places, "b")
    put_report(tmp_path, exits(60))
    publish_report(places, "a")
    code, out, _err = publish(capsys, places, "--list")
    assert code == 0
    header, _line, first, second = out.splitlines()
    assert re.split(r"\s{2,}", header) == ["Release", "Published", "Counts", "value kept", "value changed", "new"]
    assert re.split(r"\s{2,}", first)[::2] == ["b", "1", "0"]
    assert re.split(r"\s{2,}", second)[2:] == ["1", "0", "1", "0"]


def test_the_last_release_can_be_withdrawn(capsys, tmp_path, places):
    publish_report(places, "a")
    put_report(tmp_path, exits(7))
    publish_report(places, "b")
    code, _out, err = publish(capsys, places, "--withdraw", "a")
    assert code == 22
    assert err == (
        "Only the last release can be withdrawn, and a is not the last one.\n"
        "the last release\n  found: b\n"
        "What to do: See the releases with: oatmill publish reports/dummy --list\n"
    )
    code, out, _err = publish(capsys, places, "--withdraw", "b")
    assert code == 0
    assert out == (
        "b is no release any more. The next report is made without heed to it.\n"
        "If anybody outside has seen it, comparing it with the next release may reveal clients.\n"
        "Now make the report again: oatmill report\n"
    )
    assert last_name(places.work) == "a"
    assert (places.work / "releases" / ".withdrawn-b" / "release.json").is_file()


# What it refuses


def test_no_such_report(capsys, tmp_path, places):
    code, _out, err = publish(capsys, Places(tmp_path, "dumy"), "--name", "2026-01")
    assert code == 22
    assert err == (
        "There is no report dumy in the folder reports.\n"
        "the reports there\n  found: dummy\n"
        "What to do: Name the folder of a report, as in: oatmill publish reports/my-study --name 2026-01\n"
    )
    assert not (tmp_path / "work" / "dumy").exists()


def test_a_report_without_its_folder_work(capsys, places):
    shutil.rmtree(places.work)
    assert refused(capsys, places) == (
        "The folder work that belongs to this report is not here, so it cannot be compared with earlier releases.\n"
        "What to do: Publish where the report was made, or make it again here with: oatmill report\n"
    )


@pytest.mark.parametrize(
    "name", ["", "2026 01", "A", "-a", ".a", "a.", "a/b", "../a", "x" * 41, "con", "nul.2026", "é", "a\n"]
)
def test_a_name_that_no_folder_can_have(capsys, places, name):
    assert refused(capsys, places, name) == (
        "A release cannot have this name.\n"
        "the name after --name\n"
        "  expected: 1 to 40 lower-case letters, digits, dots, hyphens and underscores, such as 2026-01\n"
    )


@pytest.mark.parametrize("name", ["a", "2026-01", "2026.01_b", "x" * 40])
def test_names(places, name):
    assert publish_report(places, name).about.name == name


def test_a_name_that_is_taken(capsys, tmp_path, places):
    publish_report(places, "2026-01")
    put_report(tmp_path, exits(6))
    assert refused(capsys, places) == (
        "There is a release 2026-01 already, and what was published cannot be replaced.\n"
        "What to do: Choose another name; to see those taken: oatmill publish reports/dummy --list\n"
    )


def test_a_report_that_was_edited(capsys, places):
    (places.report / "site" / "index.html").write_text("<h1>Other</h1>", encoding="utf-8")
    (places.report / "results" / "results.csv").unlink()
    assert refused(capsys, places) == (
        "The report is not as its run left it.\n"
        "file results/results.csv: changed or removed\n"
        "file site/index.html: changed or removed\n" + AGAIN
    )


def test_a_report_with_a_file_that_no_run_made(capsys, places):
    (places.report / "site" / "notes.txt").write_text("x", encoding="utf-8")
    assert refused(capsys, places) == (
        "The report is not as its run left it.\n"
        "file site/notes.txt: no run put it there\n"
        "What to do: Take these files out of the folder; only what passed the checks may be published.\n"
    )
    (places.report / "site" / "notes.txt").unlink()
    publish_report(places, "2026-01")


def test_results_of_a_later_run_that_did_not_finish(capsys, places):
    (places.work / "results" / "10_numbers" / "exits.json").write_text("{}", encoding="utf-8")
    assert refused(capsys, places) == (
        "The unreleased results in the folder work are not those of this report: a later run did not finish.\n" + AGAIN
    )


def test_a_report_of_an_earlier_version(capsys, places):
    (places.work / "report.json").write_text('{"key": "x", "made": "y"}', encoding="utf-8")
    assert refused(capsys, places) == "This report was made by an earlier version of Oatmill.\n" + AGAIN


def test_an_internal_report(capsys, tmp_path):
    places = put_report(tmp_path, exits(6), changes={"disclosure.profile": "none"})
    assert refused(capsys, places) == (
        "This report shows exact counts and is not for publication.\n"
        "the disclosure profile\n  found: `none`\n"
        "What to do: Set `disclosure: profile` in the study file to midpoint6, then make the report again.\n"
    )


def test_a_report_made_without_heed_to_the_last_release(capsys, tmp_path, places):
    publish_report(places, "2026-01")
    assert refused(capsys, places, "2026-02") == (
        "This report was made without heed to the release 2026-01, which readers will compare it with.\n" + AGAIN
    )
    put_report(tmp_path, exits(6))
    assert main(["publish", str(places.report), "--withdraw", "2026-01"]) == 0
    capsys.readouterr()
    assert refused(capsys, places, "2026-02") == (
        "This report heeds the release 2026-01, which has been withdrawn since.\n" + AGAIN
    )


def test_another_release_of_the_same_name_is_another_release(capsys, tmp_path, places):
    publish_report(places, "a")
    put_report(tmp_path, exits(6))
    other = shutil.copytree(places.out, tmp_path / "other")
    assert main(["publish", "dummy", "--withdraw", "a", "--out", str(other)]) == 0
    put_report(other, exits(40))
    publish_report(Places(other, "dummy"), "a")
    shutil.rmtree(places.work / "releases")
    shutil.copytree(other / "work" / "dummy" / "releases", places.work / "releases")
    capsys.readouterr()
    assert "without heed to the release a" in refused(capsys, places, "b")


def test_another_profile(tmp_path, places):
    publish_report(places, "2026-01")
    with pytest.raises(Exception, match="a second rounding") as caught:
        put_report(tmp_path, exits(6), changes={"disclosure.profile": "acro10"})
    assert caught.value.exit_code == 18


def test_what_does_not_pass_the_gate(capsys, tmp_path):
    """The gate is run again: what it looks for may have been found out since."""
    places = put_report(tmp_path, exits(6))
    file = next((places.work / "stations").glob("intake-*/identifiers.txt"))
    file.write_text("small programme\n", encoding="utf-8")
    code, _out, err = publish(capsys, places, "--name", "2026-01")
    assert code == GateRefused.exit_code
    assert "index.html" in err
    assert not (places.work / "releases").exists()


def test_while_a_run_is_at_work(capsys, places):
    with FileLock(places.work / "run.lock"):
        code, _out, err = publish(capsys, places, "--name", "2026-01")
    assert code == 20
    assert err.startswith("Another run is at work on the report dummy.\n")


def test_one_of_three_acts_is_asked_for(places):
    for words in ([], ["--list", "--name", "a"]):
        with pytest.raises(SystemExit) as stopped:
            main(["publish", str(places.report), *words])
        assert stopped.value.code == 2


# What is cut short


@pytest.mark.parametrize("step", ["copytree", "copyfile", "write_atomically", "replace"])
def test_a_release_is_kept_whole_or_not_at_all(monkeypatch, places, step):
    class Interrupted(Exception):
        """Stands for a power cut."""

    def cut(*_words, **_more):
        raise Interrupted

    owner = {"copytree": releases_module.shutil, "copyfile": releases_module.shutil, "replace": releases_module.os}
    with monkeypatch.context() as patch:
        patch.setattr(owner.get(step, releases_module), step, cut)
        with pytest.raises(Interrupted):
            publish_report(places, "2026-01")
    assert list_releases(places.work) == []
    assert last_mark(places.work) == ""
    publish_report(places, "2026-01")
    assert [path.name for path in (places.work / "releases").iterdir()] == ["2026-01"]


def test_an_interrupted_switch_is_finished_first(tmp_path, places):
    os.replace(places.report, places.old)
    assert publish_report(find_report(Path("dummy"), tmp_path), "2026-01").report == places.report
    assert (places.report / "manifest.json").is_file()


def test_a_study_without_a_report_has_no_release(tmp_path):
    write_study(tmp_path / "study")
    assert list_releases(tmp_path / "work" / "dummy") == []
