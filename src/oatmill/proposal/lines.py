"""Lines of a study file: live ones, and ones that are commented out until somebody decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import yaml

from oatmill.text import visible

TODO = "TODO"


@dataclass(frozen=True)
class Line:
    """One line. `live`: it counts; otherwise it is written as a comment. `note` is the comment after it."""

    text: str
    note: str = ""
    live: bool = True
    depth: int = 0

    def written(self) -> str:
        note = f"  # {visible(self.note)}" if self.note else ""
        text = " ".join(self.text.splitlines())  # a name with a line break must not end a comment
        return "  " * self.depth + ("" if self.live else "# ") + text + note

    @property
    def waits(self) -> bool:
        """Whether it asks for a decision."""
        return TODO in self.note or TODO in self.text


def todo(words: str) -> str:
    return f"{TODO} {words}"


def nest(key: str, inner: Sequence[Line], note: str = "") -> list[Line]:
    """A key and the lines under it; commented out itself where none of them is live."""
    if not inner:
        return []
    live = any(line.live for line in inner)
    return [Line(f"{key}:", note, live), *(replace(line, depth=line.depth + 1) for line in inner)]


def off(lines: Iterable[Line]) -> list[Line]:
    """Lines commented out as one block, whose own comments stay comments when the block is brought back."""
    return [replace(line, text=_indented(line), live=False, depth=0) for line in lines]


def _indented(line: Line) -> str:
    return "  " * line.depth + ("" if line.live else "# ") + line.text


def quoted(name: str) -> str:
    """A name as YAML in quotation marks, on one line."""
    return str(yaml.safe_dump(name, default_style='"', allow_unicode=True, width=float("inf"))).strip()


def listed(names: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"
