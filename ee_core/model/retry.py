"""When a failed attempt is followed by another: the arithmetic of the back-off, and nothing that draws or waits.

The chance in a delay comes from outside as `factor`; the delay that was chosen rides in the fact and is recorded
as an instant, so that a replay never computes it again. Lost attempts are not counted here (R20), voided ones
nowhere.
"""

from __future__ import annotations

from ee_core.model.workflow import Retry


def covers(retry: Retry, code: str, *, retryable: bool | None) -> bool:
    """Say whether a failure of this class may be followed by another attempt.

    Args:
        retry: The node's policy.
        code: Of the error.
        retryable: The activity author's advice; where the workflow names codes, they alone count.
    """
    return code in retry.on if retry.on else retryable is not False


def give_up(retry: Retry, failed_attempts: int) -> bool:
    """Say whether a visit with so many failed attempts, the last one included, has none left."""
    return failed_attempts >= retry.attempts


def delay_ms(retry: Retry, failed_attempts: int, factor: float = 1.0) -> int:
    """Return how long to wait after a failed attempt before the next, in milliseconds.

    The first delay is `Retry.delay_ms`, each further one `Retry.backoff` times the one before, none is longer
    than `Retry.max_delay_ms`.

    Args:
        retry: The node's policy.
        failed_attempts: Failed attempts of the visit so far, >= 1.
        factor: Spreads attempts that failed together; drawn by the caller, >= 0, usually 0.5 to 1. It shortens a
            capped delay too: were the cap taken last, all would meet again there.

    Raises:
        ValueError: A number is out of its range.
    """
    if failed_attempts < 1 or not factor >= 0:  # `not` also refuses NaN
        raise ValueError(
            f"a delay follows at least one failed attempt, with a factor >= 0; got {failed_attempts} and {factor}"
        )
    try:
        delay = retry.delay_ms * retry.backoff ** (failed_attempts - 1)
    except OverflowError:  # longer than any cap
        delay = retry.max_delay_ms
    return round(min(min(delay, retry.max_delay_ms) * factor, retry.max_delay_ms))
