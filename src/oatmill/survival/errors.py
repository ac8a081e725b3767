"""The one exception of the survival core."""

from __future__ import annotations


class SurvivalError(ValueError):
    """Input that a survival estimator refuses rather than guesses about.

    Parameters
    ----------
    code : str
        Stable, machine-readable reason (``"empty"``, ``"no-events"``, ``"collinear-covariates"`` ...). The rest of
        oatmill turns it into a message with file, row and column; tests compare it.
    message : str
        What was found and what was expected, in English. Never holds a value that could identify a client.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)  # both, so that the exception survives pickling between processes
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message
