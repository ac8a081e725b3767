"""What there is to look at: the tables of files, and a table of a database."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from oatmill.errors import Fault, FileMissing, UsageError
from oatmill.intake.readers.samples import read_samples
from oatmill.intake.sample import Sample
from oatmill.source import Source
from oatmill.text import _


def sample_files(files: Sequence[Path]) -> list[Sample]:
    """Every table of every file, in order.

    Raises
    ------
    FileMissing : with every file that does not exist, or the first that cannot be read
    """
    absent = [file for file in files if not file.is_file()]
    if absent:
        what = _("there is no such file")
        raise FileMissing(_("Some files do not exist."), [Fault(what, str(file)) for file in absent])
    return [sample for file in files for sample in read_samples(file)]


def sample_database(url_from: str, table: str) -> Sample:
    """A table of a PostgreSQL database, whose URL is in the environment variable `url_from`.

    Raises
    ------
    DatabaseUnreachable, PackageMissing
    UsageError : no environment variable can have this name
    """
    from oatmill.intake.readers.postgres import export

    try:
        source = Source(url_from=url_from, table=table)
    except ValidationError:
        what = _("`--url-from` is the name of an environment variable that holds the URL, never the URL itself.")
        raise UsageError(what) from None
    with tempfile.TemporaryDirectory(prefix="oatmill-") as place:
        target = Path(place) / "table.csv"
        export(source, target)
        (seen,) = read_samples(target)
    return replace(seen, path=Path(table), settings={"url_from": url_from, "table": table}, native=True)
