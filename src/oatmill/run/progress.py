"""What a run shows: a bar per notebook on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from oatmill.text import _, number, visible


class Bars(Protocol):
    """Progress of several notebooks at once; called from their threads."""

    def started(self, page: str, cells: int) -> None: ...

    def cell_done(self, page: str) -> None: ...

    def ended(self, page: str, state: str, seconds: float) -> None: ...


class Console:
    """Where a run speaks to its user.

    Parameters
    ----------
    stream : where to write; None: standard output as it is at the time
    bars : whether to draw bars; None: when the stream is a terminal
    """

    def __init__(self, stream: Any = None, bars: bool | None = None):
        self._stream, self._bars = stream, bars

    @property
    def stream(self) -> Any:
        return self._stream or sys.stdout

    @property
    def bars(self) -> bool:
        return bool(self.stream.isatty()) if self._bars is None else self._bars

    def say(self, text: str) -> None:
        print("\n".join(map(visible, text.split("\n"))), file=self.stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Announce a step, and say how long it took."""
        started = time.monotonic()
        self.say(text)
        yield
        self.say("  " + _("{seconds} s", seconds=number(time.monotonic() - started)))

    @contextmanager
    def notebooks(self, pages: Sequence[str]) -> Iterator[Bars]:
        if not self.bars or not pages:
            yield _Lines(self)
            return
        with _rich_progress(self.stream) as progress:
            yield _RichBars(progress, pages)


class _Lines:
    def __init__(self, console: Console):
        self._console = console

    def started(self, page: str, cells: int) -> None:
        self._console.say("  " + _("{page}: started", page=page))

    def cell_done(self, page: str) -> None:
        pass

    def ended(self, page: str, state: str, seconds: float) -> None:
        told = {"page": page, "state": state, "seconds": number(seconds)}
        self._console.say("  " + _("{page}: {state} after {seconds} s", **told))


class _RichBars:
    def __init__(self, progress: Any, pages: Sequence[str]):
        self._progress = progress
        self._tasks = {page: progress.add_task(page, total=1, start=False, state=_("waiting")) for page in pages}

    def started(self, page: str, cells: int) -> None:
        self._progress.update(self._tasks[page], total=cells, state=_("running"))
        self._progress.start_task(self._tasks[page])

    def cell_done(self, page: str) -> None:
        self._progress.advance(self._tasks[page])

    def ended(self, page: str, state: str, seconds: float) -> None:
        task = self._tasks[page]
        total = self._progress.tasks[task].total if state != "failed" else None
        self._progress.update(task, state=state, **({"completed": total} if total else {}))
        self._progress.stop_task(task)


def _rich_progress(stream: Any) -> Any:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = [TextColumn("  {task.description:<24}"), BarColumn(bar_width=24), TextColumn("{task.fields[state]:<10}")]
    return Progress(*columns, TimeElapsedColumn(), console=RichConsole(file=stream))
