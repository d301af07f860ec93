"""How an activity type reads its input: a pydantic model says what it takes, and what does not fit is told in one form.

An input may hold the value of a secret, so no message shows what was given, only where it stands and what was expected.
A validator of the model's own may show a value in its text, where that can be no secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from ee_core.errors import PermanentActivityError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_MAX_FAULTS: Final = 5  # named in one message

_Input = TypeVar("_Input", bound=BaseModel)


def read_input(model: type[_Input], value: Any) -> _Input:
    """Check the input of an attempt.

    Args:
        model: What may stand there; it should forbid other keys.
        value: What the workflow gave, with expressions and secrets put in.

    Raises:
        PermanentActivityError: It does not fit; its code is ``bad_input``.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise PermanentActivityError(describe_faults(error), code="bad_input") from None


def describe_faults(error: ValidationError, whole: str = "input") -> str:
    """Return what does not fit, the first few faults.

    Args:
        whole: How to call a value that is wrong as a whole.
    """
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    parts = [_describe(fault, whole) for fault in faults[:_MAX_FAULTS]]
    if len(faults) > _MAX_FAULTS:
        parts.append(f"and {len(faults) - _MAX_FAULTS} more")
    return "; ".join(parts)


def _describe(fault: ErrorDetails, whole: str) -> str:
    place, text = ".".join(map(str, fault["loc"])), fault["msg"]
    return f"{place or whole}: {text[:1].lower()}{text[1:]}"
