"""Client identifiers -> pseudonyms that only the owner of the key can link.

The tables number clients 0, 1, ..., in each study anew. A pseudonym is the same in every study and release that
has the same key: the first 16 hexadecimal digits of HMAC-SHA-256 of the identifier.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

import duckdb

from oatmill.errors import Fault, StudyInvalid
from oatmill.intake import sql
from oatmill.text import _

KEY_FILE = "pseudonym.key"
_BYTES = 32
_DIGITS = 16
_BATCH = 10_000


def read_key(work: Path) -> bytes:
    """The key in the study's private folder, made on first use. Who has it and an identifier can find its pseudonym.

    Raises
    ------
    StudyInvalid
        where the file is there and holds no key: a new one would unlink all earlier releases
    """
    path = work / KEY_FILE
    if not path.exists():
        _write_new(path)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, OSError):
        key = b""
    if len(key) != _BYTES:
        cure = _("Put the key back from a copy. Without it, remove the file; pseudonyms then start anew.")
        fault = Fault(_("the file holds no key"), file=KEY_FILE, expected=_("64 hexadecimal digits"), cure=cure)
        raise StudyInvalid(_("The key of the pseudonyms cannot be read."), [fault])
    return key


def pseudonym(key: bytes, identifier: str) -> str:
    """The pseudonym of one client: 16 hexadecimal digits."""
    return hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def write_pseudonyms(con: duckdb.DuckDBPyConnection, key: bytes, path: Path) -> None:
    """Write (client INTEGER, pseudonym VARCHAR) from the table `numbers` (raw, client)."""
    con.execute("CREATE TABLE pseudonyms (client INTEGER, pseudonym VARCHAR)")
    cursor = con.cursor()
    found = cursor.execute("SELECT client, raw FROM numbers ORDER BY client")
    while batch := found.fetchmany(_BATCH):
        import pandas as pd

        made = pd.DataFrame(  # noqa: F841 # DuckDB reads it by its name
            {"client": [client for client, _raw in batch], "pseudonym": [pseudonym(key, raw) for _client, raw in batch]}
        )
        con.execute("INSERT INTO pseudonyms SELECT * FROM made")
    cursor.close()
    con.execute(f"COPY (SELECT * FROM pseudonyms ORDER BY client) TO {sql.value(str(path))} (FORMAT parquet)")


def _write_new(path: Path) -> None:
    """A new key that only its owner can read; another process may have made one meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="ascii", newline="\n") as stream:
        stream.write(secrets.token_hex(_BYTES) + "\n")
