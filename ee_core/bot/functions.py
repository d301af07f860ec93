"""A Python function as an activity type: its signature says what comes in, and pydantic converts.

Each parameter is a member of the input object, by its name and of its type; a default makes it optional; ``**rest``
takes what has no parameter, and without one that is refused. The same signature gives the JSON Schema.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, NotRequired, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_jsonable_python
from typing_extensions import TypedDict  # pydantic takes the one of `typing` from Python 3.12 only

from ee_core.bot.context import Context
from ee_core.bot.threads import call_in_thread
from ee_core.contracts.activity import ActivityContext
from ee_core.contracts.inputs import describe_faults
from ee_core.errors import ActivityError, PermanentActivityError, PluginContractError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_core.contracts.activity import ActivityTraits

_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class FunctionActivity:
    """An activity type made of a function. See `ee_core.contracts.activity.ActivityType`."""

    def __init__(self, name: str, function: Callable[..., Any], traits: ActivityTraits) -> None:
        """Read the signature.

        Raises:
            PluginContractError: It cannot be understood.
        """
        self._name = name
        self._function = function
        self._traits = traits
        self._is_async = inspect.iscoroutinefunction(function)
        self._signature = _read_signature(name, function)

    @property
    def name(self) -> str:
        return self._name

    @property
    def input_schema(self) -> Mapping[str, Any]:
        return self._signature.input_schema

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        return self._signature.output_schema

    def traits_for(self, template: Any) -> ActivityTraits:
        return self._traits

    async def run(self, context: ActivityContext, value: Any) -> Any:
        return await self.call(self.bind(context, value))

    def bind(self, context: ActivityContext, value: Any) -> dict[str, Any]:
        """Return the function's arguments.

        Raises:
            PermanentActivityError: The input does not fit; its code is ``bad_input``.
        """
        return self._signature.bind(context, value)

    async def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call the function, and return its result as plain JSON; raises what it raises."""
        call = functools.partial(self._function, **arguments)
        result = await call() if self._is_async else await call_in_thread(call)
        try:
            return to_jsonable_python(result)
        except (PydanticSerializationError, ValueError) as error:
            raise ActivityError(
                f"the output of {self._name!r} cannot be made JSON: {error}", code="bad_output"
            ) from error


@dataclass(frozen=True, slots=True)
class _Signature:
    """How an input becomes arguments."""

    name: str
    inputs: TypeAdapter[dict[str, Any]]
    context_names: tuple[str, ...]
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None

    def bind(self, context: ActivityContext, value: Any) -> dict[str, Any]:
        try:
            arguments = dict(self.inputs.validate_python({} if value is None else value))
        except ValidationError as error:
            raise PermanentActivityError(
                f"the input of {self.name!r} does not fit: {describe_faults(error)}", code="bad_input"
            ) from None  # the text has all of it
        return arguments | dict.fromkeys(self.context_names, context)


def _read_signature(name: str, function: Callable[..., Any]) -> _Signature:
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise PluginContractError(
            f"activity {name!r}: {error}; import the types of its parameters at the top of its module",
            name=name,
        ) from error
    parameters = inspect.signature(function).parameters.values()
    context_names = tuple(
        item.name for item in parameters if hints.get(item.name) in {Context, ActivityContext}
    )
    fields: dict[str, Any] = {}
    extra = False
    for item in parameters:
        if item.name in context_names:
            continue
        if item.kind is inspect.Parameter.VAR_KEYWORD:
            extra = True
        elif item.kind in _NAMED:
            fields[item.name] = _field(item, hints.get(item.name, Any))
        else:
            raise PluginContractError(
                f"activity {name!r}: parameter {item.name!r} has no name in the input; make it an ordinary parameter",
                name=name,
            )
    try:
        inputs = _inputs(name, fields, extra=extra)
        input_schema = inputs.json_schema()
    except PydanticUserError as error:
        raise PluginContractError(
            f"activity {name!r}: its parameters cannot come from JSON: {error.message}", name=name
        ) from error
    return _Signature(name, inputs, context_names, input_schema, _output_schema(hints.get("return", Any)))


def _field(item: inspect.Parameter, hint: Any) -> Any:
    if item.default is inspect.Parameter.empty:
        return hint
    try:
        default = to_jsonable_python(item.default)
    except PydanticSerializationError:
        return NotRequired[hint]
    # only shown: the default itself is given by the function
    return NotRequired[Annotated[hint, Field(json_schema_extra={"default": default})]]


def _inputs(name: str, fields: dict[str, Any], *, extra: bool) -> TypeAdapter[dict[str, Any]]:
    # a TypedDict, not a model: parameters may have any name, as `copy` or `json`
    kind = TypedDict(name, fields)  # type: ignore[misc]  # made of a signature
    config = ConfigDict(extra="allow" if extra else "forbid", title=name)
    return TypeAdapter(with_config(config)(kind))  # type: ignore[arg-type]  # likewise


def _output_schema(hint: Any) -> Mapping[str, Any] | None:
    if hint is Any:
        return None
    try:
        return TypeAdapter(hint).json_schema(mode="serialization")
    except PydanticUserError:
        return None  # it may still be convertible when it is there
