"""A table or a view of a PostgreSQL database -> a CSV file in the private work folder, through pg8000.

The address comes from the environment variable that the study file names. It is never written anywhere: messages
name the variable and the step that failed, and no error of the driver is passed on, since those can hold parts of
the address.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from oatmill.errors import DatabaseUnreachable, Fault
from oatmill.intake import sql
from oatmill.intake.readers.base import needed
from oatmill.source import Source
from oatmill.text import _

CONNECT_SECONDS = 15
READ_SECONDS = 600  # a server that says nothing for so long is gone
_SCHEMES = ("postgresql", "postgres")
_COLUMNS = """SELECT a.attrelid::regclass::text, a.attname::text, format_type(a.atttypid, NULL)
FROM pg_attribute a WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
# One order of rows and one spelling of values, whatever the server's settings.
_SETTINGS = (
    "START TRANSACTION READ ONLY",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL synchronize_seqscans = off",
    "SET LOCAL max_parallel_workers_per_gather = 0",
)
Found = TypeVar("Found")


@dataclass(frozen=True)
class _Address:
    host: str
    port: int
    user: str
    database: str
    password: str | None = field(repr=False)
    sslmode: str = "prefer"


def export(source: Source, target: Path) -> None:
    """Write the table of `source` to `target` as CSV in UTF-8; columns under `drop` stay on the server.

    Raises
    ------
    DatabaseUnreachable, PackageMissing
    """
    address = _address(source)
    native = needed("pg8000.native", "pg8000")
    with _connected(native, address, source) as run:
        for statement in _SETTINGS:
            run(statement)
        copy = f"COPY ({_query(run, source)}) TO STDOUT (FORMAT csv, HEADER true, ENCODING 'UTF8')"
        with target.open("wb") as stream:
            run(copy, stream=stream)


def _address(source: Source) -> _Address:
    text = os.environ.get(source.url_from or "", "")
    if not text:
        what = _("the environment variable {name} is not set", name=source.url_from)
        raise _error(source, what, _cure_address(source))
    try:
        parts = urlsplit(text)
        port, host = parts.port or 5432, parts.hostname
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    if not host or parts.scheme not in _SCHEMES or not parts.path.strip("/") or not parts.username:
        raise _error(
            source, _("what {name} holds is not the URL of a database", name=source.url_from), _cure_address(source)
        )
    return _Address(
        host,
        port,
        unquote(parts.username or ""),
        unquote(parts.path.strip("/")),
        None if parts.password is None else unquote(parts.password),
        parse_qs(parts.query).get("sslmode", ["prefer"])[0],
    )


def _cure_address(source: Source) -> str:
    return _(
        "Set {name} to postgresql://user:password@host:5432/database before you start Oatmill; write signs such as "
        "@ / # in the password as %40 %2F %23.",
        name=source.url_from,
    )


@contextmanager
def _connected(native: Any, address: _Address, source: Source) -> Iterator[Callable[..., Any]]:
    """A function that runs statements; every failure of the driver becomes a sentence without its words."""
    plug = _quietly(source, lambda: socket.create_connection((address.host, address.port), CONNECT_SECONDS))
    plug.settimeout(READ_SECONDS)
    try:
        con = _quietly(
            source,
            lambda: native.Connection(
                address.user,
                host=address.host,
                database=address.database,
                password=address.password,
                sock=plug,
                ssl_context=_tls(address.sslmode),
                application_name="oatmill",
            ),
            login=True,
        )
        yield lambda *words, **named: _quietly(source, lambda: con.run(*words, **named), reading=True)
    finally:
        plug.close()


def _tls(mode: str) -> Any:
    if mode == "disable":
        return False
    if mode in ("verify-ca", "verify-full"):
        return ssl.create_default_context()
    return True if mode == "require" else None


def _quietly(source: Source, step: Callable[[], Found], *, login: bool = False, reading: bool = False) -> Found:
    """The step's result. The driver's error is forgotten before ours is raised: no chain may show the address."""
    code: str | None = None
    try:
        return step()
    except Exception as error:  # noqa: BLE001 # the driver raises its own, sockets theirs
        told = error.args[0] if error.args else None
        code = str(told.get("C", "")) if isinstance(told, dict) else None
    raise _error(source, *_words(source, code, login=login, reading=reading))


def _words(source: Source, code: str | None, *, login: bool, reading: bool) -> tuple[str, str]:
    if code in ("28P01", "28000"):
        return _("the database refuses the user or the password"), _(
            "Check the user and the password in {name}.", name=source.url_from
        )
    if code == "3D000":
        return _("the server has no such database"), _(
            "Check the name of the database in {name}.", name=source.url_from
        )
    if code == "42501":
        cure = _("Ask who runs the database for the right to SELECT from it.")
        return _("this user may not read the table"), cure
    if code and not code.startswith("57P") and not code.startswith("08"):
        cure = _("Try the same table in another program, or read a view made for this study.")
        return _("the database cannot give the table (SQLSTATE {code})", code=code), cure
    if reading:
        cure = _("Start the command again; nothing of the broken read is used. If it happens again, ask who runs it.")
        return _("the connection to the database broke off while it was read"), cure
    if login:
        return _("the server did not let the connection in"), _cure_address(source)
    cure = _(
        "Check that the server runs, that host and port in {name} are right, and the network.", name=source.url_from
    )
    return _("the server of the database cannot be reached"), cure


def _query(run: Callable[..., Any], source: Source) -> str:
    """The SELECT of all columns as text."""
    name = source.table or ""
    quoted = ".".join(sql.name(part) for part in name.split("."))
    columns = run(_COLUMNS, name=quoted) or (run(_COLUMNS, name=name) if name.replace(".", "").isidentifier() else [])
    if not columns:
        cure = _("Name the table or view under `table:` in the study file, as schema.table.")
        raise _error(source, _("the database has no such table, or this user may not see it"), cure)
    cells = [f"{_cell(source, column, sort)} AS {sql.name(column)}" for _table, column, sort in columns]
    return f"SELECT {', '.join(cells)} FROM {columns[0][0]}"


def _cell(source: Source, column: str, sort: str) -> str:
    if column in source.drop:
        return "NULL::text"
    if sort.startswith("timestamp"):
        return f"regexp_replace({sql.name(column)}::timestamp::text, ' 00:00:00$', '')"
    return f"{sql.name(column)}::text"


def _error(source: Source, what: str, cure: str) -> DatabaseUnreachable:
    fault = Fault(what, file=source.name, cure=cure)
    return DatabaseUnreachable(_("A table of a database cannot be read."), [fault])
