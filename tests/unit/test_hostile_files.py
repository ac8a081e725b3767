"""Files and study files that would fill the memory, unpack themselves, or lead somewhere else: refused, at once and in words."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import yaml

from oatmill.cli import main
from oatmill.errors import FileMissing, OatmillError, StudyInvalid, StudyNotYaml, ValuesWrong
from oatmill.intake import read_tables
from oatmill.intake.files import LONGEST_LINE
from oatmill.study import LARGEST_FILE, Study, read_study

HEADER = b"client_id,date,dose_mg\n"
ROWS = b"A,2020-01-01,60\nB,2020-01-01,60\n"
STUDY = "oatmill: 1\nid: hostile\ntitle: T\nsources:\n  doses: {file: doses.csv}\n"
FIFTY_MB, TWO_GB = 50 << 20, 2 << 30


def refusal(folder: Path, kind: type[OatmillError], file: str = "doses.csv", **source: str) -> str:
    study = Study(oatmill=1, id="hostile", title="T", sources={"doses": {"file": file, **source}}, folder=folder)
    with pytest.raises(kind) as caught:
        read_tables(study, folder / "work")
    return caught.value.report()


def write_study(folder: Path, text: str = STUDY) -> Path:
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder


# Cells and lines


@pytest.mark.skipif(sys.platform == "win32", reason="needs files with holes")
@pytest.mark.parametrize("size", [LONGEST_LINE, 40 << 20, TWO_GB])
def test_an_endless_cell_is_refused_with_its_line(tmp_path, size):
    with (tmp_path / "doses.csv").open("wb") as file:
        file.write(HEADER + ROWS + b"C,")
        file.seek(size, os.SEEK_CUR)
        file.write(b",60\n" + ROWS)
    started = time.monotonic()
    report = refusal(tmp_path, ValuesWrong)
    assert "file doses.csv, line 4: " in report
    assert "a line longer than 2,097,152 bytes" in report
    assert "what to do:" in report
    assert time.monotonic() - started < 20


def test_an_endless_cell_with_line_ends_is_refused(tmp_path):
    """Lines inside quotes that look like rows: none of them is taken for one."""
    inside = b"x,2020-01-01,60\n"
    cell = b'C,"' + inside * ((40 << 20) // len(inside)) + b'",60\n'
    (tmp_path / "doses.csv").write_bytes(HEADER + ROWS + cell + ROWS)
    assert "file doses.csv, line 4" in refusal(tmp_path, ValuesWrong)


def test_a_long_line_below_the_limit_is_read(tmp_path):
    cell = b"C,2020-01-02,60," + b"x" * (LONGEST_LINE // 2) + b"\n"
    header, rows = HEADER.replace(b"\n", b",note\n"), ROWS.replace(b"\n", b",\n")
    (tmp_path / "doses.csv").write_bytes(header + rows + cell + rows.replace(b"01-01", b"01-03"))
    study = Study(oatmill=1, id="hostile", title="T", sources={"doses": {"file": "doses.csv"}}, folder=tmp_path)
    assert read_tables(study, tmp_path / "work").ledger["rows_read"].tolist() == [5]


def test_a_cell_of_a_hundred_megabytes_stays_out_of_the_memory(tmp_path):
    with (tmp_path / "doses.csv").open("wb") as file:
        file.write(HEADER + ROWS + b"C,")
        for _part in range(2):
            file.write(b"x" * FIFTY_MB)
        file.write(b",60\n")
    write_study(tmp_path)
    words = ["check", str(tmp_path), "--out", str(tmp_path / "out")]
    code = f"""import resource
from oatmill.cli import main
import duckdb, pandas
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
status = main({words!r})
print(status, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"""
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    status, grown_mb = map(int, done.stdout.split()[-2:])
    assert status == 15
    assert grown_mb < 90, "the cell is larger than that"
    assert "line 4" in done.stderr
    assert "xxx" not in done.stderr


def test_a_header_without_end_is_refused(tmp_path):
    (tmp_path / "doses.csv").write_bytes(b"x" * (3 << 20))
    assert "the header cannot be read" in refusal(tmp_path, FileMissing)
    (tmp_path / "doses.csv").write_bytes(b"a," * 3_000 + b"\n")
    assert "more than 2,000 columns" in refusal(tmp_path, FileMissing)


def test_a_proposal_does_not_read_a_header_without_end(tmp_path, capsys):
    (tmp_path / "doses.csv").write_bytes(b"x" * (3 << 20))
    assert main(["init", str(tmp_path / "study"), str(tmp_path / "doses.csv")]) == 0
    assert yaml.safe_load((tmp_path / "study" / "study.yaml").read_text(encoding="utf-8"))["oatmill"] == 1


# Archives, and what is no file


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doses.csv", HEADER + b"0" * (50 << 20))


ARCHIVES = {
    "doses.csv.bz2": lambda path: path.write_bytes(bz2.compress(HEADER + b"0" * (1 << 20))),
    "doses.xz": lambda path: path.write_bytes(lzma.compress(HEADER + b"0" * (1 << 20))),
    "doses.zst": lambda path: path.write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 50),
    "doses.7z": lambda path: path.write_bytes(b"7z\xbc\xaf\x27\x1c" + b"x" * 50),
    "doses.rar": lambda path: path.write_bytes(b"Rar!\x1a\x07\x01" + b"x" * 50),
}


BOMBS = {
    "doses.csv.gz": lambda path: path.write_bytes(gzip.compress(HEADER + b"0,2020-01-01,60\n" * (4 << 20))),
    "doses.zip": zipped,
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_archive_that_unpacks_without_end_is_refused(tmp_path, name):
    BOMBS[name](tmp_path / name)
    report = refusal(tmp_path, ValuesWrong, name)
    assert (
        f"file {name}: the archive unpacks to far more than a table can be\n  what to do: Unpack it yourself" in report
    )
    assert sum(path.stat().st_size for path in (tmp_path / "work").rglob("*") if path.is_file()) == 0


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_half_an_archive_is_refused(tmp_path, name, share):
    BOMBS[name](tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    study = Study(oatmill=1, id="hostile", title="T", sources={"doses": {"file": name}}, folder=tmp_path)
    with pytest.raises((FileMissing, ValuesWrong), match=r"damaged|far more"):
        read_tables(study, tmp_path / "work")


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_not_unpacked(tmp_path, name):
    ARCHIVES[name](tmp_path / name)
    report = refusal(tmp_path, FileMissing, name)
    assert f"file {name}: the file is an archive that is not unpacked here\n  what to do: Unpack it" in report
    renamed = tmp_path / "doses.csv"
    os.replace(tmp_path / name, renamed)
    assert "not unpacked here" in refusal(tmp_path, FileMissing)


@pytest.mark.parametrize("name", ["doses.csv.gz", "doses.zst"])
def test_a_name_alone_unpacks_nothing(tmp_path, name):
    (tmp_path / name).write_bytes(HEADER + ROWS)
    study = Study(oatmill=1, id="hostile", title="T", sources={"doses": {"file": name}}, folder=tmp_path)
    assert read_tables(study, tmp_path / "work").ledger["rows_read"].tolist() == [2]


@pytest.mark.parametrize("encoding", ["zlib", "bz2", "hex", "base64", "rot13", "undefined", "no-such"])
def test_an_encoding_that_is_none_is_refused(tmp_path, encoding):
    (tmp_path / "doses.csv").write_bytes(HEADER + ROWS)
    assert "cannot be read as text" in refusal(tmp_path, FileMissing, encoding=encoding)


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "doses.csv").mkdir()
    write_study(tmp_path)
    assert main(["check", str(tmp_path), "--out", str(tmp_path / "out")]) == 13
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "out")]) == 13


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
@pytest.mark.parametrize("file", ["pipe", "/dev/zero"])
def test_a_pipe_or_a_device_is_not_read(tmp_path, file):
    os.mkfifo(tmp_path / "pipe")
    write_study(tmp_path, STUDY.replace("doses.csv", file))
    done = subprocess.run(
        [sys.executable, "-m", "oatmill", "check", str(tmp_path), "--out", str(tmp_path / "out")],
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 13


# Names


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not allow")
@pytest.mark.parametrize(
    "name", ["doses*.csv", "doses?.csv", "doses[12].csv", "do'ses.csv", "$(id).csv", "-rf", "a;b|c.csv"]
)
def test_the_name_of_a_file_is_no_pattern(tmp_path, name):
    """Another file that the name would match as a pattern is not read."""
    for other in ("doses1.csv", "doses2.csv"):
        (tmp_path / other).write_bytes(HEADER + ROWS * 50)
    (tmp_path / name).write_bytes(HEADER + ROWS)
    study = Study(oatmill=1, id="hostile", title="T", sources={"doses": {"file": name}}, folder=tmp_path)
    assert read_tables(study, tmp_path / "work").ledger["rows_read"].tolist() == [2]


def test_text_of_a_file_writes_nothing_elsewhere(tmp_path):
    places = ("../../outside", "/etc/outside", "..\\outside", "C:\\outside", "~/outside")
    rows = "".join(f"{place},{place},F\n" for place in places)
    (tmp_path / "clients.csv").write_text(f"client_id,site_id,sex\n{rows}".replace(",F", ",female"), encoding="utf-8")
    study = Study(oatmill=1, id="hostile", title="T", sources={"clients": {"file": "clients.csv"}}, folder=tmp_path)
    taken = read_tables(study, tmp_path / "deep" / "er" / "work")
    assert sorted(taken.sites) == sorted(places)
    assert {path.name for path in tmp_path.rglob("*")} <= {
        "clients.csv",
        "deep",
        "er",
        "work",
        "rejected",
        "identifiers.txt",
        "unused_values.txt",
    }


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "a b", "con", "x" * 41, "a\n", ".", "é"])
def test_a_study_is_named_by_letters_digits_and_hyphens(tmp_path, name):
    with pytest.raises(StudyInvalid):
        read_study(write_study(tmp_path, STUDY.replace("hostile", f'"{name}"' if "\n" not in name else '"a\\n"')))


# Study files

LAUGH = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))


@pytest.mark.parametrize(
    "text",
    [
        LAUGH,
        "a: &a [*a]\n",
        STUDY + "definitions: &d {gap_days: 30}\nseed: *d\n",
        STUDY + "x: !!python/object/apply:os.system [exit 1]\n",
        "!!python/object/new:os.system [exit 1]",
        STUDY + "definitions: {data_cut: 2020-13-45}\n",
        STUDY + f"seed: {'9' * 5000}\n",
        "[" * 2_000,
        STUDY + "x: " + "{a: " * 2_000 + "\n",
        STUDY.replace("title: T", 'title: "half \\ud800"'),
        STUDY.replace("doses.csv", '"doses\\0.csv"'),
        STUDY + "? [a, b]\n: 1\n",
        STUDY + "#" * LARGEST_FILE,
    ],
    ids=["laugh", "itself", "alias", "call", "new", "date", "number", "deep", "deeper", "half", "nul", "key", "large"],
)
def test_a_study_file_holds_plain_values(tmp_path, text):
    started = time.monotonic()
    with pytest.raises(StudyNotYaml):
        read_study(write_study(tmp_path, text))
    assert time.monotonic() - started < 10
    assert main(["check", str(tmp_path), "--out", str(tmp_path / "out")]) == 11


def test_words_of_the_study_can_be_seen(tmp_path):
    text = STUDY.replace("title: T", 'title: "a\\u202eb\\x1b[31m\\nc"\nauthors: ["x\\u200by"]')
    study = read_study(write_study(tmp_path, text))
    assert study.title == "a\ufffdb\ufffd[31m c"
    assert study.authors == ("x\ufffdy",)


@pytest.mark.parametrize("value", ["2020-13-45", "9" * 5000, "!!python/name:os.system", "[" * 1500])
def test_a_value_on_the_command_line_is_plain_too(tmp_path, value):
    words = ["check", str(write_study(tmp_path)), "--out", str(tmp_path / "out")]
    assert main([*words, "--set", f"definitions.data_cut={value}"]) == 2
