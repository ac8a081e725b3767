"""Stations on disk: found by key, never half written."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from oatmill.store import Fingerprints, Store, bundle, read_frame, source_hash, write_atomically, write_frame


def test_a_station_is_built_once_per_key(tmp_path: Path) -> None:
    built = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "a.txt").write_text("x", encoding="utf-8")

    store = Store(tmp_path / "work")
    first = store.folder_of("doses", "k1", build)
    assert store.folder_of("doses", "k1", build) == first
    assert len(built) == 1
    newer = Store(tmp_path / "work")
    newer.folder_of("doses", "k2", build)
    assert first.is_dir(), "another notebook may be reading it"
    (newer.folder / ".doses-killed").mkdir()
    newer.prune()
    assert [path.name for path in newer.folder.iterdir()] == ["doses-k2"]


def test_a_station_that_another_notebook_built_meanwhile_is_taken(tmp_path: Path) -> None:
    store = Store(tmp_path / "work")

    def build(_folder: Path) -> None:
        (store.folder / "doses-k").mkdir()
        (store.folder / "doses-k" / "a.txt").write_text("theirs", encoding="utf-8")

    found = store.folder_of("doses", "k", build)
    assert (found / "a.txt").read_text(encoding="utf-8") == "theirs"
    assert [path.name for path in store.folder.iterdir()] == ["doses-k"]


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "work")

    def build(folder: Path) -> None:
        (folder / "half.txt").write_text("x", encoding="utf-8")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.folder_of("doses", "k", build)
    assert list(store.folder.iterdir()) == []


def test_the_private_folder_says_never_share(tmp_path: Path) -> None:
    work = tmp_path / "work"
    Store(work)
    assert "Never share" in (work / "README.txt").read_text(encoding="utf-8")
    if os.name == "posix":
        assert work.stat().st_mode & 0o077 == 0


def test_a_touched_file_keeps_its_fingerprint_and_a_changed_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x", encoding="utf-8")
    prints = Fingerprints(tmp_path)
    before = prints.of(file)
    os.utime(file, (1, 1))
    assert Fingerprints(tmp_path).of(file) == before
    file.write_text("y", encoding="utf-8")
    assert prints.of(file) != before


def test_frames_keep_their_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"client": pd.array([1, 2], "int32"), "day": pd.array([None, 3], "Int32"), "sex": ["male", None]}
    )
    frame["open"] = pd.array([True, None], "boolean")
    write_frame(frame, tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "a.parquet"), frame)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    write_atomically(file, "old")

    def full_disk(*_words: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_atomically(file, "new")
    assert file.read_text(encoding="utf-8") == "old"


def test_the_bundle_holds_what_a_report_needs() -> None:
    assert {"notebooks", "book", "data"} <= {path.name for path in bundle().iterdir()}


def test_the_source_of_a_module_is_part_of_its_hash() -> None:
    assert source_hash("study") != source_hash("study", "schema")
    assert source_hash("survival") == source_hash("survival")
