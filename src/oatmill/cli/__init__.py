"""The command `oatmill`: thin. Each command reads its words, calls one function and says what came of it.

words       the words of each command, and the help
commands    report, check, synth, run
publishing  publish: note, list, withdraw
proposal    init: from the headers of files to a study.yaml to edit
"""

from __future__ import annotations

import datetime as dt
import io
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from oatmill.cli.words import build_parser
from oatmill.errors import ChapterFailed, OatmillError
from oatmill.text import _

_UNEXPECTED = ChapterFailed.exit_code
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code says how it ended (`oatmill --help` lists them)."""
    words = build_parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a Windows code page may lack a letter of a title
            stream.reconfigure(errors="backslashreplace")
    try:
        return int(words.command(words) or 0)
    except OatmillError as error:
        tell(error.report())
        return error.exit_code
    except KeyboardInterrupt:
        tell(_("Stopped. What was finished is kept; the old report stays."))
        return _INTERRUPTED
    except Exception as error:
        if getattr(words, "debug", False):
            raise
        place = write_crash(error, Path(getattr(words, "out", ".")))
        text = _("Oatmill stopped on an error of its own. Please send the file {file} to its authors.", file=str(place))
        tell(text)
        return _UNEXPECTED


def write_crash(error: BaseException, out: Path) -> Path:
    """Note the kind of an error and the lines of oatmill it came through, never its message, which may hold data."""
    from oatmill.store import private_folder, write_atomically

    steps = [step for step in traceback.extract_tb(error.__traceback__) if "oatmill" in Path(step.filename).parts]
    frames = [f"at: {step_of(step)}" for step in steps]
    now = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    text = "\n".join([now, f"error: {type(error).__name__}", *frames]) + "\n"
    try:
        file = private_folder(out / "work") / "last-error.log"
        write_atomically(file, text)
    except OSError:
        file = Path(tempfile.mkdtemp(prefix="oatmill-")) / "last-error.log"
        write_atomically(file, text)
    return file


def step_of(step: traceback.FrameSummary) -> str:
    """A line of oatmill, without the place where it is installed."""
    parts = Path(step.filename).parts
    start = len(parts) - parts[::-1].index("oatmill") - 1
    return f"{'/'.join(parts[start:])}:{step.lineno} in {step.name}"


def tell(text: str) -> None:
    sys.stderr.write(text + "\n")
