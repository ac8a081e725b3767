"""numba's decorator; where there is no numba the functions run as plain Python, slowly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    import numba

    compiled: Callable[[Any], Any] = numba.njit(cache=True, nogil=True)
except ImportError:  # no wheel on this platform

    def compiled(function: Any) -> Any:
        return function
