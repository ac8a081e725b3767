"""A registry in a real PostgreSQL server; and no word of its address in any message or file."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
import traceback
from pathlib import Path

import pytest
import yaml
from helpers.postgres import PASSWORD, QUOTED, server

from oatmill.cli import main
from oatmill.errors import DatabaseUnreachable
from oatmill.intake import read_tables
from oatmill.intake.databases import fetch
from oatmill.run.record import input_fingerprints
from oatmill.study import Study

URL = "postgresql://reader:s3cret%2Fp%40ss%23word@127.0.0.1:{port}/clinic"
SECRETS = (PASSWORD, QUOTED, "s3cret", "ss#word", "127.0.0.1", "wr0ng")

SETUP = (
    "CREATE ROLE reader LOGIN PASSWORD 's3cret/p@ss#word'",
    "CREATE SCHEMA oat",
    """CREATE TABLE oat.registry (id integer, "Имя" text, enrolled date, "left" timestamp, note text, weight float8,
       seen timestamptz)""",
    """INSERT INTO oat.registry VALUES (2, 'Иванов', '2019-12-31', '2020-02-01 00:00', 'a "b", c' || chr(10) || 'd', 0.1, NULL),
       (1, 'Петров', '2020-01-31', '2020-02-02', '', NULL, '2020-01-01 00:30+00')""",
    """CREATE VIEW oat.open AS SELECT id AS client_id, enrolled, "left" FROM oat.registry WHERE enrolled < '2020-01-01'""",
    "CREATE TABLE oat.closed (id integer)",
    """CREATE TABLE oat.long AS SELECT n AS id, date '2020-01-01' AS enrolled, repeat('x', 500) AS pad
       FROM generate_series(1, 400000) n""",
    "GRANT USAGE ON SCHEMA oat TO reader",
    "GRANT SELECT ON oat.registry, oat.open, oat.long TO reader",
)


@pytest.fixture(scope="module")
def postgres(requires):
    requires("postgresql")
    with server() as found:
        found.sql("CREATE DATABASE clinic", database="postgres")
        found.sql(*SETUP)
        yield found


@pytest.fixture
def study(postgres, monkeypatch, tmp_path) -> Study:
    monkeypatch.setenv("CLINIC", postgres.url)
    return study_of(tmp_path)


def study_of(folder: Path, table: str = "oat.registry", **source: object) -> Study:
    columns = {"client_id": "id"} if table != "oat.open" else {}
    registry = {"url_from": "CLINIC", "table": table, "columns": columns, **source}
    return Study.model_validate(
        {"oatmill": 1, "id": "pg", "title": "T", "sources": {"registry": registry}, "folder": folder}
    )


def refusal(study: Study) -> str:
    """The report of the error; neither it nor anything chained to it knows the address."""
    with pytest.raises(DatabaseUnreachable) as caught:
        fetch(study, study.folder / "work", again=True)
    error = caught.value
    assert error.__cause__ is None and error.__context__ is None
    whole = "".join(traceback.format_exception(error)) + repr(error) + error.report()
    assert not [secret for secret in SECRETS if secret in whole]
    assert not list((study.folder / "work").rglob("*.csv*")), "a broken read leaves nothing"
    return error.report()


pytestmark = pytest.mark.postgresql


def test_a_registry_is_read(study):
    registry = study.sources["registry"].model_copy(update={"drop": ("Имя",)})
    taken = read_tables(study.model_copy(update={"sources": {"registry": registry}}), study.folder / "work")
    frame = taken.tables["registry"]
    assert len(frame) == 2
    assert sorted(frame["enrolled_day"]) == [18261, 18292]
    assert taken.ledger[["file", "rows_read"]].values.tolist() == [["CLINIC: oat.registry", 2]]


def test_every_value_comes_as_text_and_dropped_columns_stay_on_the_server(postgres, study):
    study = study.model_copy(
        update={"sources": {"registry": study.sources["registry"].model_copy(update={"drop": ("Имя",)})}}
    )
    (path,) = fetch(study, study.folder / "work").paths_of("registry").values()
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "id,Имя,enrolled,left,note,weight,seen"
    assert text.splitlines()[1:3] == ['2,,2019-12-31,2020-02-01,"a ""b"", c', 'd",0.1,']
    assert text.splitlines()[3].startswith('1,,2020-01-31,2020-02-02,"",,2020-01-01')
    assert "Петров" not in text


def test_a_view_is_read(study, tmp_path):
    taken = read_tables(study_of(tmp_path, "oat.open"), tmp_path / "work")
    assert len(taken.tables["registry"]) == 1


def test_an_unchanged_database_has_an_unchanged_fingerprint(postgres, study, tmp_path):
    work = tmp_path / "work"
    first = input_fingerprints(fetch(study, work, again=True), work)
    (path,) = fetch(study, work).paths_of("registry").values()
    written = path.stat().st_mtime_ns
    assert input_fingerprints(fetch(study, work, again=True), work) == first
    assert path.stat().st_mtime_ns == written
    postgres.sql("INSERT INTO oat.registry (id, enrolled) VALUES (3, '2020-03-01')")
    try:
        assert input_fingerprints(fetch(study, work), work) == first, "notebooks read what the run has read"
        assert input_fingerprints(fetch(study, work, again=True), work) != first
    finally:
        postgres.sql("DELETE FROM oat.registry WHERE id = 3")


def test_a_wrong_password(study, monkeypatch):

    monkeypatch.setenv("CLINIC", os.environ["CLINIC"].replace(QUOTED, "wr0ng"))
    assert "the database refuses the user or the password" in refusal(study)


def test_a_missing_table_or_database_or_right(study, tmp_path, monkeypatch, postgres):
    assert "file CLINIC: oat.nothing: the database has no such table" in refusal(study_of(tmp_path, "oat.nothing"))
    assert "no such table" in refusal(study_of(tmp_path, 'x"; DROP TABLE oat.registry; --'))
    assert "this user may not read the table" in refusal(study_of(tmp_path, "oat.closed"))
    monkeypatch.setenv("CLINIC", postgres.url.replace("/clinic", "/clinics"))
    assert "the server has no such database" in refusal(study)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "clinic",
        "mysql://u:s3cret@127.0.0.1/clinic",
        "postgresql://reader:s3cret/p@127.0.0.1/x",
        "postgresql://u:p@[::1/x",
    ],
)
def test_what_is_no_url(study, monkeypatch, url):
    monkeypatch.setenv("CLINIC", url)
    report = refusal(study)
    assert "CLINIC is not set" in report or "not the URL of a database" in report
    assert "postgresql://user:password@host:5432/database" in report


def test_a_server_that_is_not_there(study, monkeypatch):
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        port = plug.getsockname()[1]
    monkeypatch.setenv("CLINIC", URL.format(port=port))
    assert "the server of the database cannot be reached" in refusal(study)


def test_a_server_that_speaks_something_else(study, monkeypatch):
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        plug.listen()

        def answer() -> None:
            with plug.accept()[0] as one:
                one.recv(100)
                one.sendall(b"HTTP/1.0 400\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv("CLINIC", URL.format(port=plug.getsockname()[1]))
        report = refusal(study)
        thread.join()
    assert "the server did not let the connection in" in report


@pytest.mark.parametrize("cut", [100_000, 20_000_000])
def test_a_connection_that_breaks_off(postgres, study, monkeypatch, tmp_path, cut):
    """A relay that goes away after `cut` bytes of the server's answer."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        plug.listen()
        thread = threading.Thread(target=_relay, args=(plug, postgres.port, cut))
        thread.start()
        monkeypatch.setenv("CLINIC", URL.format(port=plug.getsockname()[1]) + "?sslmode=disable")
        report = refusal(study_of(tmp_path, "oat.long"))
        thread.join()
    assert "the connection to the database broke off while it was read" in report
    assert "Start the command again" in report


def _relay(plug: socket.socket, port: int, cut: int) -> None:
    with plug.accept()[0] as near, socket.create_connection(("127.0.0.1", port)) as far:

        def forward() -> None:
            while words := near.recv(65536):
                far.sendall(words)

        thread = threading.Thread(target=forward)
        thread.start()
        while cut > 0 and (words := far.recv(65536)):
            near.sendall(words)
            cut -= len(words)
        near.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_session_that_the_server_ends(postgres, study, tmp_path):
    """The server kills the session while it waits for a lock on the table."""

    words = [
        str(postgres.binaries / "psql"),
        "-q",
        "-h",
        str(postgres.folder),
        "-p",
        str(postgres.port),
        "-U",
        "owner",
        "-d",
        "clinic",
    ]
    words += ["-c", "BEGIN; LOCK TABLE oat.registry IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT"]

    holder = subprocess.Popen(words, env={**os.environ, "PGPASSWORD": "owner"}, stdout=subprocess.DEVNULL)

    def end() -> None:
        postgres.sql(
            "DO $$ BEGIN FOR k IN 1..25 LOOP PERFORM pg_sleep(0.1); PERFORM pg_terminate_backend(pid) "
            "FROM pg_stat_activity WHERE application_name = 'oatmill' AND wait_event_type = 'Lock'; "
            "PERFORM pg_stat_clear_snapshot(); END LOOP; END $$"
        )

    time.sleep(0.7)
    thread = threading.Thread(target=end)
    thread.start()
    report = refusal(study)
    thread.join()
    holder.wait()
    assert "the connection to the database broke off while it was read" in report


def test_the_address_is_written_nowhere(postgres, study, tmp_path, capsys):
    """`check` on the command line: what it says and every file that it leaves."""
    registry = {"url_from": "CLINIC", "table": "oat.registry", "columns": {"client_id": "id"}, "drop": ["Имя"]}
    tree = {"oatmill": 1, "id": "pg", "title": "T", "sources": {"registry": registry}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert main(["check", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    told = "".join(capsys.readouterr())
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert files
    for secret in SECRETS:
        assert secret not in told
        assert not [path for path in files if secret.encode() in path.read_bytes()], secret


def test_the_manifest_names_the_table_and_not_the_server(study, tmp_path):
    from oatmill.run.record import build_manifest
    from oatmill.store import Fingerprints

    actual = fetch(study, tmp_path / "work", again=True)
    manifest = build_manifest(study, actual, [], {}, Fingerprints(tmp_path / "work"))
    (entry,) = manifest["inputs"]
    assert entry["file"] == "oat.registry" and len(entry["sha256"]) == 64
    assert not [secret for secret in SECRETS if secret in json.dumps(manifest)]
