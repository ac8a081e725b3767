"""The gate: everything that would be published is read once more, as a stranger would find it.

counts      every number of clients must be one that the disclosure profile can produce
notebooks   executed notebooks show what `study.show` made, and nothing else
content     what is published, file by file
words       finding any of very many identifiers
search      identifiers, places on this machine, connection strings and tracebacks in all of it

(Structure, the rest of it, is the type `Released`, which tables, figures and writers accept alone.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oatmill.errors import GateRefused
from oatmill.gate.counts import Kinds, check_counts, read_kinds
from oatmill.gate.notebooks import check_notebooks
from oatmill.gate.search import check_bytes, private_texts
from oatmill.gate.words import Finder, is_distinctive
from oatmill.profiles import Profile
from oatmill.text import _

__all__ = ["Finder", "check_publishable", "is_distinctive", "private_texts", "read_kinds"]

_MOST_FAULTS = 20


def check_publishable(
    folder: Path,
    *,
    identifiers: Sequence[Path],
    private_texts: Sequence[str],
    profile: Profile,
    kinds: Kinds,
) -> None:
    """Refuse a folder that holds what must not be published.

    Parameters
    ----------
    folder : the report as it would be published
    identifiers : files with one raw identifier per line
    private_texts : places and names of this machine
    profile : the disclosure profile in force
    kinds : (page, output) -> (kind of result, whether all its sources are public)

    Raises
    ------
    GateRefused
        with every fault found (at most 20): the file and the place, never what stood there
    """
    faults = [
        *check_counts(folder, profile, kinds),
        *check_notebooks(folder),
        *check_bytes(folder, identifiers, private_texts),
    ]
    if faults:
        raise GateRefused(
            _("The finished report holds something that must not be published. The old report stays."),
            faults[:_MOST_FAULTS],
        )
