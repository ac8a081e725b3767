"""Where the episode rule runs when the study file names an engine: DuckDB by way of Ibis, or a Spark cluster.

Every engine answers the same few questions about the log, each with a table small enough to come home. Ibis and
PySpark are extra packages and slow to import: they are imported when an engine is opened. The address of a cluster is
never written anywhere, and no word of its driver is passed on, since those can hold parts of it.
"""

from __future__ import annotations

import importlib
import os
import sys
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from oatmill.engine import Engine
from oatmill.episodes.calendar import DAYS_BEFORE, SiteCalendar
from oatmill.episodes.exits import doses_follow
from oatmill.episodes.log import MEMORY, ROWS_AT_ONCE, Flags, Ints
from oatmill.episodes.spells import ENDS_COVER, build_spells
from oatmill.errors import EngineUnreachable, Fault, PackageMissing
from oatmill.schema import MEDICATIONS
from oatmill.study import Definitions
from oatmill.text import _

if TYPE_CHECKING:
    from ibis.expr.types import Table

Found = TypeVar("Found")
REMOTE = "sc://"  # how the address of a Spark Connect server begins
_MEMORY = "4GB"  # of DuckDB
_DRIVERS = ("pyspark", "py4j", "grpc", "ibis")  # whose errors may hold an address


class BuiltinLog:
    """The log as a file, read by Oatmill itself; `rows_at_once` and `memory` as for `log.map_rows`."""

    def __init__(self, doses: Path, rows_at_once: int = ROWS_AT_ONCE, memory: int = MEMORY):
        self.doses, self.rows_at_once, self.memory = doses, rows_at_once, memory

    def spells(self, definitions: Definitions, calendar: SiteCalendar, exits: pd.DataFrame | None) -> pd.DataFrame:
        """Episodes by the gap rule; see `build_spells`."""
        return build_spells(
            self.doses, definitions, calendar, exits, rows_at_once=self.rows_at_once, memory=self.memory
        )

    def doses_follow(self, who: Ints, when: Ints, days: int, cut: int) -> Flags:
        """Whether the client has a dose on one of the `days` days after `when`, at the latest on C."""
        return doses_follow(self.doses, who, when, days, cut)


class EngineLog(ABC):
    """A dosing log where an engine keeps it. `doses` is the table of its rows, as the intake writes them."""

    def __init__(self, backend: Any, doses: Table):
        self.backend, self.doses, self._stack = backend, doses, ExitStack()

    @abstractmethod
    def small(self, frame: pd.DataFrame) -> Table:
        """A small table of whole numbers, brought to where the log is."""

    @abstractmethod
    def kept(self, table: Table) -> Table:
        """A table that is used more than once, worked out once."""

    def fetch(self, table: Table) -> pd.DataFrame:
        return self.backend.to_pandas(table)

    def last_day(self) -> int | None:
        """The last day with a row."""
        last = self.fetch(self.doses.agg(day=self.doses.day.max()))["day"][0]
        return None if pd.isna(last) else int(last)

    def size(self) -> dict[str, int]:
        """Rows, clients and the sum of the known doses: what must agree with the log that the intake wrote."""
        log = self.doses
        found = self.fetch(
            log.agg(
                rows=log.count(), clients=log.client.nunique(), dose_dmg=log.dose_dmg.cast("int64").sum().fill_null(0)
            )
        )
        return {name: int(found[name][0]) for name in ("rows", "clients", "dose_dmg")}

    def site_days(self, cut: int) -> tuple[Ints, Ints, Ints]:
        """Each site and day with a row up to C, and its number of rows, sorted by site and day."""
        log = self._log(cut)
        found = self.fetch(log.group_by(["site", "day"]).agg(n=log.count())).sort_values(["site", "day"])
        site, day, n = (found[name].to_numpy(np.int64) for name in ("site", "day", "n"))
        return site, day, n

    def clients_before(self, run_site: Ints, start: Ints) -> Ints:
        """Clients with a row at the site in the days before each run that may be missing log."""
        n = np.zeros(len(run_site), dtype=np.int64)
        if not len(run_site):
            return n
        with self._done():
            log = self._log(int(start.max()))
            runs = self.small(pd.DataFrame({"run": np.arange(len(start)), "run_site": run_site, "run_start": start}))
            near = log.join(runs, log.site == runs.run_site)
            near = near.filter(near.day.between(near.run_start - DAYS_BEFORE, near.run_start - 1))
            found = self.fetch(near.group_by("run").agg(n=near.client.nunique()))
        n[found["run"].to_numpy(np.int64)] = found["n"]
        return n

    def spells(self, definitions: Definitions, calendar: SiteCalendar, exits: pd.DataFrame | None) -> pd.DataFrame:
        """Episodes by the gap rule, as the built-in engine makes them: the columns of `spells.COLUMNS`, sorted by
        client and first day (and site, in the programme view)."""
        from oatmill.episodes.expression import Rule, spells_of

        medication = MEDICATIONS.index(definitions.medication)
        rule = Rule(
            definitions.gap_days, definitions.view, calendar.missing_log, medication, data_cut=calendar.data_cut
        )
        with self._done():
            table = spells_of(
                self.doses,
                rule,
                cuts=self.small(cuts_of(calendar)),
                runs=self._some(runs_of(calendar, definitions.gap_days)),
                ends=self._some(ends_of(exits)),
                keep=self.kept,
            )
            found = self.fetch(table)
        whole = [name for name in found if name not in ("final", "dose_sum_dmg")]
        found = found.astype(dict.fromkeys(whole, np.int32) | {"final": bool, "dose_sum_dmg": np.int64})
        return found.sort_values(["client", "start_day", "site"], ignore_index=True)

    def doses_follow(self, who: Ints, when: Ints, days: int, cut: int) -> Flags:
        """Whether the client has a dose on one of the `days` days after `when`, at the latest on C."""
        follows = np.zeros(len(who), dtype=bool)
        if not len(who):
            return follows
        with self._done():
            asked = self.small(pd.DataFrame({"ask": np.arange(len(who)), "who": who, "since": when}))
            log = self._log(cut).select("client", "day")
            met = log.join(asked, log.client == asked.who)
            met = met.filter((met.day > met.since) & (met.day <= met.since + days))
            found = self.fetch(met.select("ask").distinct())
        follows[found["ask"].to_numpy(np.int64)] = True
        return follows

    def _log(self, cut: int) -> Table:
        from oatmill.episodes.expression import log_of

        return log_of(self.doses, cut)

    def _some(self, frame: pd.DataFrame) -> Table | None:
        return self.small(frame) if len(frame) else None

    @contextmanager
    def _done(self) -> Iterator[None]:
        """What was stored for one question goes when it is answered."""
        with self._stack:
            yield
        self._stack = ExitStack()


class DuckLog(EngineLog):
    """The log as a file, read by DuckDB."""

    def small(self, frame: pd.DataFrame) -> Table:
        return self._table(frame)

    def kept(self, table: Table) -> Table:
        return self._table(table)

    def _table(self, content: Any) -> Table:
        name = _new_name()
        table = self.backend.create_table(name, content, temp=True)
        self._stack.callback(self.backend.drop_table, name, force=True)
        return table


class SparkLog(EngineLog):
    """The log as a table of a Spark cluster: only temporary views are made there, so that reading rights suffice."""

    def __init__(self, backend: Any, doses: Table, session: Any):
        super().__init__(backend, doses)
        self.session = session

    def small(self, frame: pd.DataFrame) -> Table:
        return self._view(self.session.createDataFrame(frame.astype("int64")))

    def kept(self, table: Table) -> Table:
        stored = self.session.sql(self.backend.compile(table)).cache()
        self._stack.callback(stored.unpersist)
        return self._view(stored)

    def _view(self, frame: Any) -> Table:
        name = _new_name()
        frame.createOrReplaceTempView(name)
        self._stack.callback(self.session.catalog.dropTempView, name)
        return self.backend.table(name)

    def fetch(self, table: Table) -> pd.DataFrame:
        return quietly(lambda: super(SparkLog, self).fetch(table), _("the cluster broke off while it worked"))


def cuts_of(calendar: SiteCalendar) -> pd.DataFrame:
    """C of every site and of the rows without one: cut_site, cut_day."""
    return pd.DataFrame({"cut_site": [*range(len(calendar.sites)), -1], "cut_day": calendar.cut_day})


def runs_of(calendar: SiteCalendar, gap_days: int) -> pd.DataFrame:
    """Runs of missing log: run_site, run_start, run_end, chain.

    `chain` is the same for runs of one site with fewer than `gap_days` days between: under the bound "covered" a client
    is carried over all of them.
    """
    site, start, end = calendar.run_site, calendar.run_start, calendar.run_end
    new = np.ones(len(site), dtype=bool)
    new[1:] = (site[1:] != site[:-1]) | (start[1:] - end[:-1] - 1 >= gap_days)
    return pd.DataFrame({"run_site": site, "run_start": start, "run_end": end, "chain": np.cumsum(new)})


def ends_of(exits: pd.DataFrame | None) -> pd.DataFrame:
    """Recorded deaths and imprisonments, which end take-home cover: client, ended_on."""
    if exits is None:
        return pd.DataFrame({"client": [], "ended_on": []}, dtype="int64")
    kept = exits[exits["reason"].isin(ENDS_COVER) & exits["day"].notna()]
    return pd.DataFrame({"client": kept["client"], "ended_on": kept["day"]}).astype("int64")


@contextmanager
def open_log(engine: Engine, doses: Path) -> Iterator[EngineLog]:
    """The log of a study at its engine, open while it is used.

    Parameters
    ----------
    engine : of the study file; not `builtin`
    doses : the log as the intake wrote it

    Raises
    ------
    PackageMissing, EngineUnreachable
    """
    opened = _spark_log if engine.name == "spark" else _duck_log
    with opened(engine, doses) as log:
        yield log


@contextmanager
def other_engine(engine: Engine, doses: Path) -> Iterator[EngineLog | None]:
    """The log at the engine that the study file names; None where that is Oatmill itself."""
    if engine.name == "builtin":
        yield None
        return
    with open_log(engine, doses) as log:
        yield log


@contextmanager
def _duck_log(_engine: Engine, doses: Path) -> Iterator[EngineLog]:
    # What does not fit into memory goes beside the log, which is private already.
    backend = _package("ibis").duckdb.connect(memory_limit=_MEMORY, temp_directory=str(doses.parent / "duckdb.tmp"))
    try:
        yield DuckLog(backend, backend.read_parquet(str(doses)))
    finally:
        backend.disconnect()


@contextmanager
def _spark_log(engine: Engine, doses: Path) -> Iterator[EngineLog]:
    ibis, sql = _package("ibis"), _package("pyspark.sql")
    address = os.environ.get(engine.master_from or "", "")
    if not address:
        raise _unreachable(
            _("the environment variable {name} is not set", name=engine.master_from),
            _("Set it to the address of the cluster, as `spark://host:7077`, `yarn`, `sc://host:15002` or `local[*]`."),
        )
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = quietly(lambda: _session(sql, address), _("the Spark cluster cannot be reached"))
    backend = quietly(lambda: ibis.pyspark.connect(session), _("the Spark cluster cannot be reached"))
    log = SparkLog(backend, _spark_table(backend, engine.table or str(doses)), session)
    if engine.table:
        _check_same(log, doses)
    yield log


def _session(sql: Any, address: str) -> Any:
    builder = sql.SparkSession.builder.appName("oatmill")
    if address.startswith(REMOTE):
        return builder.remote(address).getOrCreate()
    return builder.master(address).config("spark.ui.showConsoleProgress", "false").getOrCreate()


def _spark_table(backend: Any, name: str) -> Table:
    """A table of the catalog (`schema.table`), or a Parquet file or folder that the cluster can read."""
    what = _("the cluster has no such table or file, or this user may not read it")
    if "/" in name:
        return quietly(lambda: backend.read_parquet(name), what)
    *schema, table = name.split(".")
    return quietly(lambda: backend.table(table, database=".".join(schema) or None), what)


def _check_same(log: EngineLog, doses: Path) -> None:
    """Refuse a table of the cluster that does not hold the log that the intake wrote."""
    with _duck_log(Engine(name="duckdb"), doses) as here:
        read, found = here.size(), log.size()
    if read == found:
        return
    fault = Fault(
        _("the table of the cluster is not the log that was read"),
        found=_("{rows} rows of {clients} clients, {mg} mg in all", **_counts(found)),
        expected=_("{rows} rows of {clients} clients, {mg} mg in all", **_counts(read)),
        cure=_("Copy `doses.parquet` of the last `oatmill check` to the cluster again."),
    )
    raise EngineUnreachable(_("The engine of the study file cannot be used."), [fault])


def _counts(size: dict[str, int]) -> dict[str, str]:
    mg = size["dose_dmg"] / 10
    return {"rows": f"{size['rows']:,}", "clients": f"{size['clients']:,}", "mg": f"{mg:,.1f}"}


def _new_name() -> str:
    return f"oatmill_{uuid.uuid4().hex}"


def _package(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        pass
    raise PackageMissing(
        _("The engine of the study file needs packages that are not installed."),
        cure=_("Install them with: {command}", command='pip install "oatmill[spark]"'),
    )


def quietly(step: Callable[[], Found], what: str) -> Found:
    """The step's result. The driver's error is forgotten before ours is raised: no chain may show an address."""
    try:
        return step()
    except Exception as error:  # each of the packages has errors of its own
        if type(error).__module__.split(".")[0] not in _DRIVERS:
            raise
    raise _unreachable(what, _("Check the address, the table and the rights with whoever runs the cluster."))


def _unreachable(what: str, cure: str) -> EngineUnreachable:
    return EngineUnreachable(_("The engine of the study file cannot be used."), [Fault(what, cure=cure)])
