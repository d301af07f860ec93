"""How loud a call is that fails: an outage is worth one line of the log, not one for each call that fails of it.

Whoever notices that a broker or a lock provider is out of reach, and says so itself, marks the errors that come of it
with `EngineError.is_told`. Who carries on in spite of such an error logs it by `level_of`: quietly when it was told.
"""

from __future__ import annotations

import logging

from ee_core.errors import EngineError


def level_of(error: BaseException) -> int:
    """Return `logging.INFO` for an error that was told, or that comes of one, and `logging.WARNING` for any other."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EngineError) and cause.is_told:
            return logging.INFO
        cause = cause.__cause__
    return logging.WARNING
