"""Which function computes a definition: registered where it is written, found by the definition's id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def computes(*names: str) -> Callable[[F], F]:
    """Register the function below as the one that computes these definitions.

    Raises
    ------
    ValueError
        Where a definition has one already.
    """

    def register(function: F) -> F:
        for name in names:
            if name in _FUNCTIONS:
                raise ValueError(f"{name} is computed by {_FUNCTIONS[name].__name__} already")
            _FUNCTIONS[name] = function
        return function

    return register


def function_of(name: str) -> Callable[..., Any]:
    """The function that computes a definition; the module that holds it must have been imported."""
    return _FUNCTIONS[name]
