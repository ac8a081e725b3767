"""One notebook through Papermill, in a kernel with an environment of its own.

Several notebooks run at once in threads of one process, so what differs between their kernels (the page, the
folder of its outputs) is handed to each kernel when it starts, never put in `os.environ`.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import DeadKernelError
from papermill import execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import ERROR_MARKER_TAG

from oatmill import errors

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FRAME = re.compile(r"oatmill[/\\]([\w/\\]+\.py)(?:\x1b\[[0-9;]*m)*:(\d+)")
_KIND = re.compile(r"[A-Za-z_]{1,40}")
_REFUSALS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.OatmillError)
}
_DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONSTARTUP", "PYTHONWARNINGS")
_IPC_LONGEST = 90  # a socket's path may hold about 100 characters

live_kernels: set[Any] = set()
stopping = threading.Event()
_lock = threading.Lock()


@dataclass(frozen=True)
class Failure:
    """Why a notebook stopped. `cell` counts from 1 over the cells of the notebook as it is written.

    `message` and `traceback` may hold anything that the data hold; only `refusal` says that the message is ours.
    """

    kind: str
    message: str
    cell: int
    frames: tuple[str, ...]
    traceback: str

    @property
    def refusal(self) -> bool:
        return self.kind in _REFUSALS


@dataclass(frozen=True)
class Executed:
    """A notebook after its run: without Papermill's metadata and without the cell it injected."""

    notebook: Any
    failure: Failure | None
    warnings: int


class _Client(PapermillNotebookClient):
    """Starts its kernel over ipc where the system has it: no port is opened and none can be taken."""

    def create_kernel_manager(self) -> Any:
        manager = super().create_kernel_manager()
        self.socket_folder = tempfile.mkdtemp(prefix="oat-")
        if sys.platform != "win32" and len(self.socket_folder) < _IPC_LONGEST:
            manager.transport = "ipc"
            manager.connection_file = str(Path(self.socket_folder) / "k.json")
        with _lock:
            live_kernels.add(manager)
        return manager

    def forget(self, manager: Any) -> None:
        with _lock:
            live_kernels.discard(manager)
        shutil.rmtree(getattr(self, "socket_folder", ""), ignore_errors=True)


class OatmillEngine(NBClientEngine):
    """Papermill's engine, with an environment per kernel and a call after each cell."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        folder, environment, cell_done = (kwargs[name] for name in ("folder", "environment", "cell_done"))
        kwargs["keep"](nb_man.nb)  # Papermill drops its copy of the notebook when a cell fails
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            startup_timeout=kwargs.get("start_timeout", 60),
            timeout=None,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(folder)}},
            on_cell_complete=lambda cell, cell_index: cell_done(),
        )
        manager = client.km = client.create_kernel_manager()
        client.owns_km = True
        try:
            # What a kernel itself prints (not its cells) could hold data, and would tear the progress bars.
            client.execute(env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        finally:
            client.forget(manager)


papermill_engines.register("oatmill", OatmillEngine)


def kernel_environment(**values: str) -> dict[str, str]:
    """The environment of a kernel: this one's without what would slow it or change it, and these values."""
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    fixed = {
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    return {**kept, **fixed, **values}


def stop_kernels() -> None:
    """Kill every kernel that still runs; the threads that wait for them then end."""
    stopping.set()
    with _lock:
        running = [getattr(manager.provisioner, "process", None) for manager in live_kernels]
    for process in running:
        if process is not None and process.poll() is None:
            process.kill()


def execute(
    path: Path,
    parameters: Mapping[str, Any],
    environment: Mapping[str, str],
    cell_done: Callable[[], None] = lambda: None,
) -> Executed:
    """Run a notebook top to bottom; an error in a cell is handed back, not raised."""
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    failure, kept = None, []  # type: Failure | None, list[Any]
    options = {"engine_name": "oatmill", "kernel_name": "python3", "language": "python", "progress_bar": False}
    engine = {"folder": path.parent, "environment": dict(environment), "cell_done": cell_done, "keep": kept.append}
    try:
        execute_notebook(str(path), None, dict(parameters), **options, **engine)
    except PapermillExecutionError as error:
        failure = _failure(error, kept[0])
    except DeadKernelError:
        failure = Failure("DeadKernelError", "", 0, (), "")
    finally:
        _close_own_loop()
    return Executed(tidy(kept[0]), failure, _count_warnings(kept[0]))


def _close_own_loop() -> None:
    """nbclient leaves this thread's event loop open; a loop that somebody else is running is not ours to close."""
    loop = ensure_event_loop()
    if not loop.is_running():
        loop.close()


def _failure(error: PapermillExecutionError, notebook: Any) -> Failure:
    cells = [cell for cell in notebook.cells if ERROR_MARKER_TAG not in cell.metadata.get("tags", [])]
    written = [cell for cell in cells[: error.cell_index] if not _injected(cell)]
    traceback = "\n".join(error.traceback)
    plain = _ANSI.sub("", traceback)
    return Failure(kind_of(error.ename), error.evalue, len(written) + 1, frames_of(traceback), plain)


def kind_of(name: str) -> str:
    """The class of an exception; one that a notebook made up may have anything for its name.

    >>> kind_of("ValueError"), kind_of("KG20160001")
    ('ValueError', 'Exception')
    """
    return name if _KIND.fullmatch(name) else "Exception"


def frames_of(traceback: str) -> tuple[str, ...]:
    """Lines of oatmill in a traceback. Its text holds the message too, so only files that exist are told."""
    package = Path(errors.__file__).parent
    return tuple(f"oatmill/{name}:{line}" for name, line in _FRAME.findall(traceback) if (package / name).is_file())


def _injected(cell: Any) -> bool:
    return "injected-parameters" in cell.metadata.get("tags", [])


def tidy(notebook: Any) -> Any:
    """The notebook without what Papermill added, and without warnings: they name files and may hold data."""
    result = copy.deepcopy(notebook)
    result.metadata.pop("papermill", None)
    added = {"injected-parameters", ERROR_MARKER_TAG}
    result.cells = [cell for cell in result.cells if not added & set(cell.metadata.get("tags", []))]
    for cell in result.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return result


def _count_warnings(notebook: Any) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum(output.output_type == "stream" and output.name == "stderr" for output in outputs)
