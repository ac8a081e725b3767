"""Released -> a table. No estimation, no file writing; numbers become text here and nowhere earlier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from oatmill.disclosure import Released
from oatmill.errors import DisclosureRefused
from oatmill.text import _, in_html, visible


@dataclass(frozen=True)
class Table:
    """A table ready to show.

    `html` has a fixed id, so that two runs give the same bytes; `data` are the released rows it was made from.
    """

    name: str
    caption: str
    html: str
    data: pd.DataFrame


def make_table(
    source: Released | Sequence[Released],
    frame: pd.DataFrame,
    *,
    name: str,
    caption: str,
    headings: Mapping[str, str],
    notes: Sequence[str] = (),
    groups: str | None = None,
    prose: Sequence[str] = (),
) -> Table:
    """Lay out text columns as a table with a caption and notes.

    Parameters
    ----------
    source : the released results that every number in `frame` was taken from
    frame : text, one row per line of the table, columns in order
    headings : column -> heading, with the unit where there is one
    groups : column whose values head blocks of rows
    prose : columns of words, aligned to the left like the first one
    """
    sources = [source] if isinstance(source, Released) else list(source)
    if not all(isinstance(each, Released) for each in sources):
        raise DisclosureRefused(_("Tables are made from released results only."))
    from great_tables import GT, html

    shown = [column for column in frame.columns if column != groups]
    table = GT(frame.map(visible), id=f"table-{name.replace('_', '-')}", groupname_col=groups)
    table = table.tab_header(html(f"<span class='oatmill-caption'>{in_html(caption)}</span>"))
    table = table.cols_label({column: html(in_html(headings.get(column, column))) for column in shown})
    table = table.cols_align("right").cols_align("left", columns=[*shown[:1], *prose])
    table = table.tab_options(
        table_font_size="0.9em", table_width="auto", heading_align="left", table_font_names=["inherit"]
    )
    for note in dict.fromkeys([*notes, *(note for each in sources for note in each.notes)]):
        table = table.tab_source_note(html(in_html(note)))
    data = pd.concat([each.frame.assign(output=each.output) for each in sources], ignore_index=True)
    return Table(name, caption, table.as_raw_html(), data)


def withheld() -> str:
    """What stands in a cell that is not shown."""
    return _("withheld")
