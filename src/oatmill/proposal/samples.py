"""A UTF-8 CSV file -> its sample. Stands in until the readers of all formats are merged."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path

from oatmill.intake.sample import SAMPLE_ROWS, Sample

_LONGEST_HEADER = 1 << 16


def read_samples(path: Path) -> list[Sample]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        line = file.readline(_LONGEST_HEADER)
        mark = max(",;\t|", key=line.count)
        try:
            header = [name.strip() for name in next(csv.reader([line.rstrip("\r\n")], delimiter=mark), [])]
            width = len(header)
            rows = [
                tuple((*row, *[""] * width)[:width]) for row in islice(csv.reader(file, delimiter=mark), SAMPLE_ROWS)
            ]
        except csv.Error:
            header, rows = [], []
    settings = {} if mark == "," else {"delimiter": mark}
    return [Sample(path, settings, tuple(header), tuple(rows))]
