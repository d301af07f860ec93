"""The activity type ``python``: calls a function that the configuration names.

An async function runs on the loop, where it must not block; an ordinary one runs in a child process, where it may do
what it likes and can be ended. Which it is, is found out in a child: a module is imported here only for its async
functions.
"""

from __future__ import annotations

import asyncio
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from ee_activity_python.children import Children, IsAsyncError
from ee_activity_python.functions import find_function, to_error, to_output
from ee_activity_python.settings import SECTION
from ee_core.contracts.activity import ActivityTraits
from ee_core.contracts.inputs import read_input
from ee_core.errors import ActivityError, PermanentActivityError, TransientActivityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_activity_python.functions import Function
    from ee_activity_python.settings import FunctionSettings, PythonSettings
    from ee_core.contracts.activity import ActivityContext


class PythonInput(BaseModel):
    """One call."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    function: str = Field(description="A name of `activities.python.functions`.")
    arguments: dict[str, Any] = Field(
        default={}, description="By the names of its parameters; converted to their types."
    )


class PythonActivity:
    """One call of a function."""

    name: Final = "python"
    output_schema: ClassVar[Mapping[str, Any] | None] = None

    def __init__(self, settings: PythonSettings) -> None:
        self._settings = settings
        self._children = Children(settings)
        self._async: dict[str, Function] = {}  # found out so far, by target

    @cached_property  # bots tell it again and again
    def input_schema(self) -> Mapping[str, Any]:
        schema = PythonInput.model_json_schema()
        if self._settings.functions:  # a process that calls none knows no names
            schema["properties"]["function"]["enum"] = sorted(self._settings.functions)
        return schema

    def traits_for(self, template: Any) -> ActivityTraits:
        name = template.get("function") if isinstance(template, dict) else None
        function = self._settings.functions.get(name) if isinstance(name, str) else None
        if function is None:
            return ActivityTraits()
        return ActivityTraits(stateless=function.stateless, idempotent=function.idempotent)

    async def run(self, context: ActivityContext, value: Any) -> Any:
        request = read_input(PythonInput, value)
        target = self._find(request.function).call
        if target not in self._async:
            try:
                return await self._children.call(target, request.arguments, context)
            except IsAsyncError:
                self._async[target] = await asyncio.to_thread(self._import, target)
            except OSError as error:
                raise TransientActivityError(
                    f"no child process can be started for {target}: {error.strerror}", code="scarce"
                ) from error
        return await self._run_here(self._async[target], request.arguments, context)

    async def _run_here(self, function: Function, arguments: dict[str, Any], context: ActivityContext) -> Any:
        call = function.bind(arguments, context)
        try:
            result = await call()
        except ActivityError:
            raise
        except Exception as error:
            context.log.exception("%s raised", function.target)
            raise to_error(error) from error
        return to_output(function.target, result, self._settings.max_output_bytes)

    def _find(self, name: str) -> FunctionSettings:
        functions = self._settings.functions
        if name not in functions:
            known = ", ".join(sorted(functions)) or "none"
            raise PermanentActivityError(
                f"there is no function {name!r} here; there are: {known}; whoever runs this process, an engine or a"
                f' bot, may name it: {name} = "module:function" under [{SECTION}.functions] in its ee.toml, then start'
                " it again",
                code="not_found",
            )
        return functions[name]

    def _import(self, target: str) -> Function:
        sys.path.extend(folder for folder in self._settings.path if folder not in sys.path)
        return find_function(target)
