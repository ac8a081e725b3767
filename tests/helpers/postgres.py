"""A real PostgreSQL server for the tests: its own data folder, a port of the loopback, stopped at the end.

A server refuses to run as root; where the tests do, it runs as the user that the package has made.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "s3cret/p@ss#word"
QUOTED = "s3cret%2Fp%40ss%23word"


@dataclass
class Server:
    """`url` is of the role `reader`, who may only read; `sql` runs as the owner."""

    port: int
    process: subprocess.Popen[bytes]
    binaries: Path
    folder: Path

    @property
    def url(self) -> str:
        return f"postgresql://reader:{QUOTED}@127.0.0.1:{self.port}/clinic"

    def sql(self, *statements: str, database: str = "clinic") -> None:
        words = [str(self.binaries / "psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder)]
        words += ["-p", str(self.port), "-U", "owner", "-d", database]
        for statement in statements:
            words += ["-c", statement]
        _run(words, {"PGPASSWORD": "owner"})


@contextmanager
def server() -> Iterator[Server]:
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="oatmill-pg-"))
    try:
        folder.chmod(0o700)
        if _user():
            shutil.chown(folder, _user(), _user())
        word = folder / "password"
        word.write_text("owner", encoding="utf-8")
        word.chmod(0o644)
        data, port = folder / "data", _free_port()
        words = [str(binaries / "initdb"), "-D", str(data), "-U", "owner", "-A", "scram-sha-256", "-E", "UTF8"]
        _run([*words, "--locale", "C", "--no-sync", "--pwfile", str(word)])
        words = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1"]
        words += ["-k", str(folder), "-c", "fsync=off"]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_as_user())
        found = Server(port, process, binaries, folder)
        try:
            _wait(found)
            yield found
        finally:
            process.send_signal(signal.SIGINT)  # do not wait for those who are connected
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(found: Server) -> None:
    for _attempt in range(100):
        try:
            found.sql("SELECT 1", database="postgres")
            return
        except subprocess.CalledProcessError:
            if found.process.poll() is not None:
                raise
            time.sleep(0.1)


def _binaries() -> Path:
    beside = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return folders[0] if folders else Path(beside or "").resolve().parent


def _user() -> str | None:
    return "postgres" if hasattr(os, "geteuid") and os.geteuid() == 0 else None


def _as_user() -> dict[str, object]:
    return {"user": _user(), "group": _user(), "extra_groups": [], "cwd": "/"} if _user() else {}


def _run(words: list[str], more: dict[str, str] | None = None) -> None:
    environment = {**os.environ, **(more or {})}
    subprocess.run(words, check=True, capture_output=True, env=environment, **_as_user())


def _free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return plug.getsockname()[1]
