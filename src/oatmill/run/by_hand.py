"""The whole of `oatmill run NOTEBOOK -p name=value`: one notebook by hand, outside any report."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oatmill.errors import ChapterFailed, Fault, OatmillError, ParameterUnknown, UsageError
from oatmill.store import write_atomically
from oatmill.text import _


def run_notebook(notebook: Path, parameters: Mapping[str, Any], target: Path) -> Path:
    """Run a notebook with these parameters and write the executed copy to `target`.

    Raises
    ------
    ParameterUnknown : a name that the notebook's parameters cell does not have
    ChapterFailed : the notebook stopped
    """
    import nbformat
    from papermill import inspect_notebook

    from oatmill.run import kernel

    if not notebook.is_file():
        raise UsageError(_("There is no notebook {file}.", file=notebook.name))
    refuse_unknown(parameters, list(inspect_notebook(str(notebook))), notebook.name)
    executed = kernel.execute(notebook.resolve(), _resolved(parameters), kernel.kernel_environment())
    write_atomically(target, nbformat.writes(executed.notebook) + "\n")
    failure = executed.failure
    if failure and failure.refusal:
        kinds = {kind.__name__: kind for kind in OatmillError.__subclasses__()}
        raise kinds.get(failure.kind, OatmillError)(failure.message)
    if failure:
        place = Fault(
            _("stopped at cell {cell} with {error}", cell=failure.cell, error=failure.kind), file=notebook.name
        )
        raise ChapterFailed(_("The notebook stopped on an error."), [place], cure=_("Open {file}.", file=target.name))
    return target


def _resolved(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The study file's path from here: the kernel stands in the notebook's folder."""
    if not parameters.get("study_file"):
        return dict(parameters)
    return {**parameters, "study_file": str(Path(parameters["study_file"]).resolve())}


def refuse_unknown(parameters: Mapping[str, Any], known: list[str], notebook: str) -> None:
    faults = []
    for name in parameters:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = (
                _("did you mean `{name}`? (known: {names})", name=close[0], names=", ".join(known)) if close else None
            )
            faults.append(Fault(_("no such parameter"), notebook, found=f"`{name}`", expected=hint or ", ".join(known)))
    if faults:
        raise ParameterUnknown(_("The notebook does not have these parameters."), faults)
