"""Structure of the published notebooks: they show what `study.show` made, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from oatmill.errors import Fault
from oatmill.text import _

_SHOWN = re.compile(r'<(?:div|figure|p) class="oatmill-[a-z]+"')


def check_notebooks(folder: Path) -> Iterator[Fault]:
    """Every output of a published notebook that `study.show` did not make: it may hold rows of data."""
    for path in sorted(folder.rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for number, cell in enumerate(cells, start=1):
            if any(not _is_shown(output) for output in cell.get("outputs", [])):
                yield Fault(
                    _("cell {cell} shows something that was not released", cell=number),
                    path.relative_to(folder).as_posix(),
                    cure=_("Show results with study.show(...); end the cell with nothing else, and print nothing."),
                )


def _is_shown(output: Mapping[str, Any]) -> bool:
    markup = "".join(output.get("data", {}).get("text/html", ""))
    return output["output_type"] == "display_data" and _SHOWN.match(markup) is not None
