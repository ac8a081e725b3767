"""The gate: everything that would be published is read once more, as a stranger would find it.

counts      every number of clients must be one that the disclosure profile can produce
notebooks   executed notebooks show what `study.show` made, and nothing else
inflate     opening compressed bytes, up to a limit
pdf         the text of a PDF that Chromium printed
content     what is published, piece by piece: files, what is inside them, and their names
words       finding any of very many words, however a file spells them
search      identifiers, places on this machine, connection strings and tracebacks in all of it

(Structure, the rest of it, is the type `Released`, which tables, figures and writers accept alone.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oatmill.errors import GateRefused
from oatmill.gate.content import check_archives
from oatmill.gate.counts import Filed, Kinds, Rows, check_counts, read_kinds
from oatmill.gate.notebooks import check_notebooks
from oatmill.gate.search import Search, check_bytes, check_names, private_texts
from oatmill.gate.words import Finder, is_distinctive
from oatmill.profiles import Profile
from oatmill.text import _

__all__ = ["Filed", "Finder", "check_publishable", "is_distinctive", "private_texts", "read_kinds"]

_MOST_FAULTS = 20


def check_publishable(
    folder: Path,
    *,
    identifiers: Sequence[Path],
    private_texts: Sequence[str],
    profile: Profile,
    kinds: Kinds,
    rows: Rows,
    unused: Sequence[Path] = (),
    meant: Sequence[str] = (),
) -> None:
    """Refuse a folder that holds what must not be published.

    Parameters
    ----------
    folder : the report as it would be published
    identifiers : files with one raw identifier per line
    private_texts : places and names of this machine
    profile : the disclosure profile in force
    kinds : (page, output) -> kind of result, whether all its sources are public, whether it repeats counts of curves
    rows : (page, output) -> its rows, as text, released once more
    unused : files with one value per line, of columns about clients that nothing uses
    meant : what the study file says to be published, such as title and authors

    Raises
    ------
    GateRefused
        with every fault found (at most 20): the file and the place, never what stood there
    """
    search = Search(identifiers, unused, private_texts, meant)
    # A name that holds an identifier comes alone: the other faults would repeat it.
    faults = list(check_names(folder, search)) or [
        *check_counts(folder, profile, kinds, rows),
        *check_notebooks(folder),
        *check_archives(folder),
        *check_bytes(folder, search),
    ]
    if faults:
        raise GateRefused(
            _("The finished report holds something that must not be published. The old report stays."),
            faults[:_MOST_FAULTS],
            cure=_(
                "Show results through study.show(...) only, take names of people and places on this machine out of titles, "
                "notes and notebooks, then run the command again."
            ),
        )
