"""The input of the activity, and what the operator's settings make of it: a program that may run, or a refusal."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ee_activity_shell.settings import ANY, SECTION
from ee_core.errors import PermanentActivityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.config import JsonDict

    from ee_activity_shell.settings import ShellSettings

# Windows finds nothing of its own without SYSTEMROOT, and its shell stands in COMSPEC.
_ALWAYS: Final = ("PATH", "SYSTEMROOT", "COMSPEC") if os.name == "nt" else ("PATH",)
_MAX_CODE: Final = 255
# What `ShellInput` checks besides types, in the words of its schema: so a workflow file is held against it, too.
_COMMAND_SCHEMA: Final[JsonDict] = {
    "anyOf": [
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {"type": "string", "minLength": 1},
    ]
}
_CODES_SCHEMA: Final[JsonDict] = {"items": {"type": "integer", "minimum": -_MAX_CODE, "maximum": _MAX_CODE}}
_TOGETHER: Final[JsonDict] = {
    "anyOf": [
        {"properties": {"command": {"type": "array"}, "shell": {"const": False}}},
        {"properties": {"command": {"type": "string"}, "shell": {"const": True}}, "required": ["shell"]},
    ]
}


class ShellInput(BaseModel):
    """One program to run."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra=_TOGETHER)

    command: list[str] | str = Field(
        min_length=1,
        description="The program and its arguments, as a list; a line of text with `shell: true`.",
        json_schema_extra=_COMMAND_SCHEMA,
    )
    shell: bool = Field(
        default=False, description="Let the shell read the command; the settings must allow it."
    )
    cwd: str | None = Field(default=None, description="Folder in which it runs.")
    stdin: str | None = Field(default=None, description="What it reads, in UTF-8; without it nothing.")
    env: dict[str, str] = Field(
        default={}, description="Values of variables that `activities.shell.environment` names."
    )
    exit_codes: list[int] = Field(
        default=[0],
        min_length=1,
        description="Exit codes that count as success.",
        json_schema_extra=_CODES_SCHEMA,
    )
    timeout_s: float | None = Field(default=None, gt=0, strict=False, description="Seconds it may take.")
    progress: bool = Field(
        default=False,
        description="Report each line of standard output as progress; a percentage in it, as `42 %`, says how far.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.shell != isinstance(self.command, str):
            raise ValueError("command is a list of the program and its arguments, or a text with shell: true")
        words = [self.command] if isinstance(self.command, str) else self.command
        for text in (*words, *self.env, *self.env.values(), self.cwd or ""):
            if "\0" in text:
                raise ValueError("no argument and no variable can hold a null character")
        if not words[0]:
            raise ValueError("command has no program")
        if any(not -_MAX_CODE <= code <= _MAX_CODE for code in self.exit_codes):
            raise ValueError(
                f"an exit code is a number from 0 to {_MAX_CODE}, or minus the number of a signal"
            )
        return self


@dataclass(frozen=True, slots=True)
class Program:
    """What the system is asked to run."""

    words: tuple[str, ...]  # the first is a path
    cwd: str | None
    environment: Mapping[str, str]
    stdin: bytes | None


def admit(request: ShellInput, settings: ShellSettings, inherited: Mapping[str, str]) -> Program:
    """Make a program of an input, as far as the settings allow it.

    Args:
        inherited: The variables of this process.

    Raises:
        PermanentActivityError: The program or a variable is not allowed (``not_allowed``), or is not there
            (``not_found``).
    """
    environment = _environment(request, settings, inherited)
    if isinstance(request.command, str):
        if not settings.shell:
            raise _refusal("a line for the shell", "shell = true", "then a workflow may run any program")
        words = _shell_words(request.command, environment)
    else:
        words = (_find(request.command[0], settings, environment), *request.command[1:])
    return Program(
        words=words,
        cwd=_folder(request, settings),
        environment=environment,
        stdin=None if request.stdin is None else request.stdin.encode(errors="replace"),
    )


def _environment(
    request: ShellInput, settings: ShellSettings, inherited: Mapping[str, str]
) -> dict[str, str]:
    for name in request.env:
        if name not in settings.environment:
            raise _refusal(f"the variable {name!r}", f'environment = ["{name}"]', "beside the names there")
    names = (*_ALWAYS, *settings.environment)
    given = {name: inherited[name] for name in names if name in inherited}
    return {"PATH": os.defpath, **given, **request.env}


def _find(name: str, settings: ShellSettings, environment: Mapping[str, str]) -> str:
    """Return the path of a program; a name is looked for in PATH, never in the folder where it will run."""
    if name not in settings.allow and ANY not in settings.allow:
        raise _refusal(f"the program {name!r}", f'allow = ["{name}"]', "beside the programs there")
    if not Path(name).is_absolute() and Path(name).name != name:
        raise PermanentActivityError(
            f"{name!r} is neither a name nor an absolute path: a program is not looked for in a folder that"
            f" depends on where it runs",
            code="bad_input",
        )
    found = shutil.which(name, path=environment["PATH"])
    if found is None:
        raise PermanentActivityError(
            f"there is no program {name!r} here; install it on the machine that does this work, or see its PATH:"
            f" {environment['PATH']}",
            code="not_found",
        )
    return found


def _shell_words(line: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    if os.name == "nt":
        return (environment.get("COMSPEC", "cmd.exe"), "/d", "/c", line)
    return ("/bin/sh", "-c", line)


def _folder(request: ShellInput, settings: ShellSettings) -> str | None:
    if settings.folder is None or request.cwd is None:
        return request.cwd or settings.folder
    return str(Path(settings.folder) / request.cwd)


def _refusal(what: str, line: str, more: str) -> PermanentActivityError:
    return PermanentActivityError(
        f"{what} is not allowed here; whoever runs this process, an engine or a bot, may allow it:"
        f" {line} under [{SECTION}] in its ee.toml ({more}), then start it again",
        code="not_allowed",
    )
