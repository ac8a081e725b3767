"""Data frames of R (.rds, .rda) through rdata. Factors come as their labels, dates as dates, NA is blank."""

from __future__ import annotations

import bz2
import gzip
import lzma
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from oatmill.errors import Fault, OatmillError
from oatmill.intake.readers import archives
from oatmill.intake.readers.base import (
    DataFile,
    Unreadable,
    append_frame,
    damaged,
    data_file,
    finish,
    needed,
    start,
    texts_of,
)
from oatmill.intake.readers.sqlite import no_such_table
from oatmill.intake.sample import SAMPLE_ROWS, Sample
from oatmill.source import Source
from oatmill.text import _

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MOST_BYTES = 2 << 30  # of the unpacked file, which R itself holds in memory
_CHUNK = 1 << 22
_OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))


def open_file(table: str, source: Source, path: Path, kind: str) -> DataFile:
    frame = _chosen(_frames(path, source.name), source)
    return data_file(table, source, path, frame.columns, kind=kind, native=True, first_line=1)


def load(con: duckdb.DuckDBPyConnection, file: DataFile, folder: Path) -> list[Fault]:
    start(con, file)
    append_frame(con, file, texts_of(_chosen(_frames(file.path, file.name), file.source)))
    finish(con, file)
    return []


def samples(path: Path, kind: str) -> list[Sample]:
    frames = _frames(path, path.name)
    found = []
    for name, frame in frames.items():
        texts = texts_of(frame.head(SAMPLE_ROWS)).fillna("")
        rows = tuple(tuple(row) for row in texts.itertuples(index=False, name=None))
        settings = {"table": name} if len(frames) > 1 else {}
        found.append(Sample(path, settings, tuple(map(str, frame.columns)), rows, native=True))
    return found


def _frames(path: Path, name: str) -> dict[str, pd.DataFrame]:
    """Every data frame of the file, by its name in R (an .rds file holds one object without a name)."""
    import pandas as pd

    rdata = needed("rdata", "rdata")
    found: Any = None
    try:
        found = _converted(rdata, _bytes(path, name))
    except (Unreadable, OatmillError):
        raise
    except Exception:  # noqa: BLE001 # the library raises many kinds for a damaged file
        pass
    if found is None:
        raise Unreadable(damaged(name))
    objects = found if isinstance(found, dict) else {"": found}
    return {str(key): value for key, value in objects.items() if isinstance(value, pd.DataFrame)}


def _converted(rdata: Any, data: bytes) -> Any:
    classes = dict(rdata.conversion.DEFAULT_CLASS_MAP) | {"Date": _dates, "POSIXct": _times}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that it does not know: tibbles, labelled numbers
        parsed = rdata.parser.parse_data(data)
        return rdata.conversion.convert(parsed, classes, default_encoding="utf-8")


def _dates(values: Any, _attributes: Any) -> Any:
    return _moments(values, 86_400)


def _times(values: Any, _attributes: Any) -> Any:
    return _moments(values, 1)


def _moments(values: Any, seconds: int) -> Any:
    """Days or seconds since 1970 as datetimes."""
    import numpy as np

    numbers: Any = np.ma.filled(np.ma.asarray(values, dtype="float64"), np.nan) * seconds
    known = np.isfinite(numbers)
    moments = np.full(numbers.shape, np.datetime64("NaT"), dtype="datetime64[us]")
    moments[known] = np.rint(numbers[known] * 1e6).astype("int64").astype("datetime64[us]")
    return moments


def _bytes(path: Path, name: str) -> bytes:
    """The unpacked file, within limits."""
    with path.open("rb") as stream:
        head = stream.read(8)
    opener: Any = next((found for sign, found in _OPENERS if head.startswith(sign)), open)
    parts, size, packed = [], 0, path.stat().st_size
    with opener(path, "rb") as stream:
        inside: IO[bytes] = stream
        while part := inside.read(_CHUNK):
            size += len(part)
            if size > MOST_BYTES or size > max(archives.MOST_RATIO * packed, 16 << 20):
                raise Unreadable(archives.too_large(name))
            parts.append(part)
    return b"".join(parts)


def _chosen(frames: dict[str, pd.DataFrame], source: Source) -> pd.DataFrame:
    found = [frame for name, frame in frames.items() if source.table in (None, name)]
    if len(found) == 1:
        return found[0]
    if not frames:
        cure = _("Save one data frame from R, with saveRDS(frame, file).")
        raise Unreadable(Fault(_("the file holds no data frame"), file=source.name, cure=cure))
    raise Unreadable(no_such_table(source, list(frames)))
