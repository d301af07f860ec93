"""What the operator may set, in the section ``activities.shell`` of the configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ee_core.contracts.settings import Texts, read_section

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTION: Final = "activities.shell"
ANY: Final = "*"
MAX_BYTES: Final = 60_000  # two of them and the rest fit into an output

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ShellSettings(BaseModel):
    """Which programs may run, and what they get and may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow: Texts = Field(
        default=(),
        description="Programs that may run: names, which are looked for in `PATH`, or absolute paths; `*` is any. An"
        " interpreter among them, as `python3`, `env` or `ssh`, runs whatever it is told.",
    )
    shell: bool = Field(
        default=False,
        description="Whether a command may be a line for the shell (`shell: true`); then any program may run.",
    )
    environment: Texts = Field(
        default=(),
        description="Variables that programs may have beside `PATH`: the workflow's value, else that of this process.",
    )
    folder: str | None = Field(
        default=None,
        description="Folder in which programs run; a relative `cwd` begins there. Without it that of this process.",
    )
    timeout_s: float = Field(
        default=300.0, gt=0, description="Seconds for a program, when the workflow does not say itself."
    )
    grace_s: float = Field(
        default=3.0,
        ge=0,
        description="Seconds that a program gets to end between SIGTERM and SIGKILL; a bot that is stopped waits 5.",
    )
    max_bytes: int = Field(
        default=MAX_BYTES,
        ge=0,
        le=MAX_BYTES,
        description="How much of standard output, and as much of standard error, is kept; the rest is thrown away.",
    )

    @field_validator("allow")
    @classmethod
    def _check_programs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for program in value:
            if not program or ("/" in program and not program.startswith("/")):
                raise ValueError(f"{program!r} is neither a name nor an absolute path")
        return value

    @field_validator("environment")
    @classmethod
    def _check_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _VARIABLE.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a variable")
        return value


def read_settings(section: Mapping[str, Any]) -> ShellSettings:
    """Check a section of the configuration.

    Raises:
        ConfigError: It names the key, the value and what was expected.
    """
    return read_section(ShellSettings, section, SECTION)
