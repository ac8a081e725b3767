"""What users build on, as one readable list: a change here is a change of the public interface.

To accept a change: `python tests/test_public.py`, and a line in CHANGELOG.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import oatmill
from oatmill.cli.words import build_parser
from oatmill.engine import Engine
from oatmill.errors import EXIT_CODES
from oatmill.pages import RESULT_COLUMNS
from oatmill.study import Definitions, Disclosure, Generate, Source, Study

SNAPSHOT = Path(__file__).parent / "snapshots" / "public.txt"


def commands() -> dict[str, list[str]]:
    parsers = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    return {name: sorted(o for a in p._actions for o in (a.option_strings or [a.dest])) for name, p in parsers.items()}


def public_text() -> str:
    models = (Study, Source, Definitions, Disclosure, Engine, Generate)
    parts = {
        "import oatmill as om": list(oatmill.__all__),
        "commands": [f"{name}: {' '.join(words)}" for name, words in sorted(commands().items())],
        "exit codes": [f"{code}: {text}" for code, text in sorted(EXIT_CODES.items())],
        "study.yaml (oatmill: 1)": [
            f"{m.__name__}: {', '.join(n for n in m.model_fields if n not in ('folder', 'exports'))}" for m in models
        ],
        "results.csv": list(RESULT_COLUMNS),
    }
    return "\n\n".join("\n".join([f"[{title}]", *lines]) for title, lines in parts.items()) + "\n"


def test_the_public_interface_is_the_one_on_record() -> None:
    assert public_text() == SNAPSHOT.read_text(encoding="utf-8")


if __name__ == "__main__":
    SNAPSHOT.write_text(public_text(), encoding="utf-8")
