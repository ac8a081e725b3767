"""Checks of raw arrays that more than one estimator needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from oatmill.survival._arrays import Floats, Integers
from oatmill.survival.errors import SurvivalError

LARGEST_DAY = 200_000
"""No person is followed for 547 years; a larger number is a date or a time in seconds."""


def as_whole_numbers(values: ArrayLike, name: str) -> Integers:
    """Return `values` as int64, refusing missing values, fractions and anything that is not a plain number.

    Parameters
    ----------
    values : array_like of int, bool, or float without fractions
    name : str
        What the values are, for the message.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    SurvivalError
        ``missing-values``, ``not-whole-numbers`` or ``not-one-dimensional``.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise SurvivalError(
            "not-one-dimensional", f"{name} must be one column of numbers, not {array.ndim}-dimensional."
        )
    if array.dtype.kind in "iub":
        return array.astype(np.int64, copy=False)
    floats = as_floats(array, name)
    whole = np.rint(floats)
    if not np.array_equal(whole, floats):
        raise SurvivalError("not-whole-numbers", f"{name} must be whole numbers; a fraction was found.")
    return whole.astype(np.int64)


def as_floats(values: ArrayLike, name: str) -> Floats:
    """Return `values` as finite float64.

    Raises
    ------
    SurvivalError
        ``not-numeric`` or ``missing-values`` (an infinite value counts as missing).
    """
    array = np.asarray(values)
    if array.dtype.kind in "mM":
        raise SurvivalError("not-numeric", f"{name} must be numbers (days), not dates.")
    try:
        floats = array.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise SurvivalError("not-numeric", f"{name} must be numbers without missing values.") from None
    if not np.isfinite(floats).all():
        raise SurvivalError("missing-values", f"{name} holds missing or infinite values.")
    return floats


def as_weights(values: ArrayLike, n: int) -> Floats:
    """Return case weights: finite, not negative, one per row, not all zero."""
    weights = as_floats(values, "weights")
    require_length(weights, n, "weights")
    if weights.min() < 0 or not weights.any():
        raise SurvivalError("bad-weights", "weights must not be negative, and at least one must be above zero.")
    return weights


def require_length(values: np.ndarray, n: int, name: str) -> None:
    """Refuse an array whose first dimension is not `n`."""
    if values.shape[:1] != (n,):
        found = "a single value" if values.ndim == 0 else f"{len(values)} rows"
        raise SurvivalError("length-mismatch", f"{name}: {n} rows expected, {found} found.")


def check_intervals(start: ArrayLike | None, stop: ArrayLike, event: ArrayLike) -> tuple[Integers, Integers, Integers]:
    """Return (start, stop, event) of intervals (start, stop] as int64 after every check.

    Parameters
    ----------
    start : array_like of int, shape (n,), or None
        Day before the first day at risk; None means 0 for all.
    stop : array_like of int, shape (n,)
        Last day at risk.
    event : array_like of int, shape (n,)
        0 = censored on `stop`, 1 and above = an event on `stop`.

    Raises
    ------
    SurvivalError
        ``empty``, ``length-mismatch``, ``negative-day``, ``interval-order``, ``day-out-of-range``, ``bad-event-code``,
        and the codes of `as_whole_numbers`.
    """
    last = as_whole_numbers(stop, "stop")
    n = len(last)
    if n == 0:
        raise SurvivalError("empty", "There is no interval: at least one person is needed.")
    first = np.zeros(n, dtype=np.int64) if start is None else as_whole_numbers(start, "start")
    codes = as_whole_numbers(event, "event")
    require_length(first, n, "start")
    require_length(codes, n, "event")
    if first.min() < 0:
        raise SurvivalError("negative-day", f"start must be day 0 or later; the earliest is day {first.min()}.")
    if backwards := int(np.count_nonzero(last <= first)):
        raise SurvivalError("interval-order", f"stop must come after start; {backwards} of {n} rows break this.")
    if last.max() > LARGEST_DAY:
        raise SurvivalError("day-out-of-range", f"stop reaches day {last.max()}: days since entry were expected.")
    if codes.min() < 0:
        raise SurvivalError("bad-event-code", "event must be 0 (censored) or a positive code (cause).")
    return first, last, codes
