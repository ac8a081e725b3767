"""Structure of the published notebooks: they show what `study.show` made, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from oatmill.errors import Fault
from oatmill.text import _

_PLAIN = "<IPython.core.display.HTML object>"  # how IPython shows a piece of HTML where it cannot
_SHOWN = re.compile(r'<(?:div|figure|p) class="oatmill-[a-z]+"')


def check_notebooks(folder: Path) -> Iterator[Fault]:
    """Every output of a published notebook that `study.show` did not make: it may hold rows of data."""
    for path in sorted(folder.rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for number, cell in enumerate(cells, start=1):
            if cell.get("attachments") or not all(map(_is_shown, cell.get("outputs", []))):
                yield Fault(
                    _("cell {cell} shows something that was not released", cell=number),
                    path.relative_to(folder).as_posix(),
                    cure=_("Show results with study.show(...); end the cell with nothing else, and print nothing."),
                )


def _is_shown(output: Mapping[str, Any]) -> bool:
    data = output.get("data", {})
    plain = "".join(data.get("text/plain", _PLAIN))
    markup = "".join(data.get("text/html", ""))
    known = set(data) <= {"text/html", "text/plain"} and plain == _PLAIN
    return output["output_type"] == "display_data" and known and _SHOWN.match(markup) is not None
