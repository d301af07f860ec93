"""A function as it stands in its module: found, bound to arguments by its type hints, its result made JSON.

Both sides use this: the child process for ordinary functions, the engine's or bot's own for async ones.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import ArgsKwargs, PydanticSerializationError, to_jsonable_python

from ee_activity_python.settings import SECTION
from ee_core.contracts.activity import ActivityContext
from ee_core.contracts.inputs import describe_faults
from ee_core.errors import ActivityError, PermanentActivityError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CONFIG: Final = ConfigDict(arbitrary_types_allowed=True)  # of the context's type
_WORD_BEGINS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Function:
    """One function, ready to be called."""

    target: str  # module:function
    is_async: bool
    context_names: tuple[str, ...]  # of the parameters that take the attempt's context
    _inputs: TypeAdapter[Callable[[], Any]]  # arguments to a call of the function with them

    def bind(self, arguments: Mapping[str, Any], context: ActivityContext) -> Callable[[], Any]:
        """Convert arguments to the types of the parameters.

        Raises:
            PermanentActivityError: They do not fit; its code is ``bad_input``.
        """
        own = [name for name in self.context_names if name in arguments]
        if own:
            raise PermanentActivityError(
                f"the argument {own[0]!r} of {self.target} is the attempt's context; leave it out",
                code="bad_input",
            )
        given = {**arguments, **dict.fromkeys(self.context_names, context)}
        try:
            return self._inputs.validate_python(ArgsKwargs((), given))
        except ValidationError as error:
            raise PermanentActivityError(
                f"the arguments do not fit {self.target}: {describe_faults(error, 'arguments')}",
                code="bad_input",
            ) from None


def find_function(target: str) -> Function:
    """Import a function.

    Raises:
        PermanentActivityError: There is none, or its parameters cannot come from JSON; the code is ``import_error``.
    """
    module_name, _, path = target.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        raise _unusable(
            target, f"{error}; name the folder of the module in {SECTION}.path, or install it"
        ) from error
    except (Exception, SystemExit) as error:
        raise _unusable(target, f"{type(error).__name__}: {error}") from error
    if not callable(found):
        raise _unusable(target, f"it is {type(found).__name__}, not a function")
    return _read_signature(target, found)


def to_output(target: str, result: Any, limit: int) -> Any:
    """Return a result as plain JSON.

    Raises:
        ActivityError: It cannot be made JSON (``bad_output``), or is too large (``output_too_large``).
    """
    try:
        output = to_jsonable_python(result)
        size = len(json.dumps(output, ensure_ascii=False, allow_nan=False).encode())
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise ActivityError(
            f"the result of {target} cannot be made JSON: {error}", code="bad_output"
        ) from error
    if size > limit:
        raise ActivityError(
            f"the result of {target} has {size} bytes, the limit is {limit}; send large values by reference (a path"
            f" or an object name)",
            code="output_too_large",
        )
    return output


def to_error(error: BaseException) -> ActivityError:
    """Return what a function raised as an error of activities: its type is the code, as ``value_error``."""
    if isinstance(error, ActivityError):
        return error
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - code of the error's own class, which may raise anything
        text = "its text cannot be read"
    return ActivityError(f"{kind}: {text}" if text else kind, code=_WORD_BEGINS.sub("_", kind).lower())


def _read_signature(target: str, function: Callable[..., Any]) -> Function:
    @functools.wraps(function)
    def bound(*arguments: Any, **named: Any) -> Callable[[], Any]:
        return functools.partial(function, *arguments, **named)

    kind: Any = bound  # pydantic takes a function where a type is expected
    try:
        hints = get_type_hints(function)
        inputs: TypeAdapter[Callable[[], Any]] = TypeAdapter(kind, config=_CONFIG)
    except (NameError, TypeError, ValueError, PydanticUserError) as error:
        raise _unusable(target, f"its parameters cannot come from JSON: {error}") from error
    return Function(
        target=target,
        is_async=inspect.iscoroutinefunction(function),
        context_names=tuple(name for name, hint in hints.items() if hint is ActivityContext),
        _inputs=inputs,
    )


def _unusable(target: str, why: str) -> PermanentActivityError:
    return PermanentActivityError(f"the function {target} cannot be used: {why}", code="import_error")
