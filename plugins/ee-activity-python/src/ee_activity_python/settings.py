"""What the operator may set, in the section ``activities.python`` of the configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ee_core.contracts.settings import Texts, read_section
from ee_core.model.limits import MAX_OUTPUT_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTION: Final = "activities.python"

_TARGET: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class FunctionSettings(BaseModel):
    """One function that workflows may call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    call: str  # module:function
    stateless: bool = False
    idempotent: bool = False

    @field_validator("call")
    @classmethod
    def _check(cls, value: str) -> str:
        if not _TARGET.fullmatch(value):
            raise ValueError(f"{value!r} is no function; write package.module:function")
        return value


def _to_table(value: Any) -> Any:
    return {"call": value} if isinstance(value, str) else value


class PythonSettings(BaseModel):
    """Which functions there are, and what they may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    functions: dict[str, Annotated[FunctionSettings, BeforeValidator(_to_table)]] = Field(
        default={},
        description='Functions by the name that workflows say: `tick = "counter:tick"`, or a table `{call, stateless,'
        " idempotent}`.",
    )
    path: Texts = Field(
        default=(), description="Folders in which modules are looked for, after those of Python itself."
    )
    processes: int = Field(
        default=4, ge=1, le=1000, description="Most child processes at a time; further calls wait."
    )
    grace_s: float = Field(
        default=3.0,
        ge=0,
        description="Seconds that a function gets to end after it was asked to, before its process is killed.",
    )
    max_output_bytes: int = Field(
        default=MAX_OUTPUT_BYTES,
        ge=0,
        le=MAX_OUTPUT_BYTES,
        description="Largest result of a function, as JSON.",
    )

    @field_validator("functions")
    @classmethod
    def _check(cls, value: dict[str, FunctionSettings]) -> dict[str, FunctionSettings]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot be a name; use letters, digits, _, . and -")
        return value


def read_settings(section: Mapping[str, Any]) -> PythonSettings:
    """Check a section of the configuration; no module is imported.

    Raises:
        ConfigError: It names the key, the value and what was expected.
    """
    return read_section(PythonSettings, section, SECTION)
