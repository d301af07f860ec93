"""What went wrong, for the two who read stderr: a person, and a program that asked for JSON.

An error's text says what happened, and behind a semicolon what to do; here the two are told apart.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final

import click

from ee_core.cli.exits import Exit, exit_of
from ee_core.cli.ids import UnansweredError
from ee_core.errors import EngineError, PluginError, WorkflowError

# What happened, and what to do. A semicolon within quotes is somebody's value; an apostrophe in a word is no quote.
_TWO_PARTS: Final = re.compile(
    r"""(?P<message>(?:`[^`\n]*`|"[^"\n]*"|(?<!\w)'[^'\n]*'|(?!;\ )[^\n])*);\ (?P<hint>[^\n]+)""", re.VERBOSE
)


_MENU: Final = re.compile(r"\. Choose from:\n\t(?P<words>.*)", re.DOTALL)  # one word a line

_NO_NUMBER: Final = re.compile(r" is not (?:a valid (?P<kind>integer|float)(?: range)?|in the range .*)$")

_GROUPS: Final = ("job", "workflow", "bot", "engine", "plugin")  # whose commands are asked for without them


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a command did not do what it was asked."""

    code: str  # stable, lower case
    message: str
    hint: str  # what to do; may be empty
    exit: int
    place: dict[str, Any] | None = None  # file, line and column, from 1
    diagnostics: tuple[dict[str, Any], ...] = ()  # of a workflow: everything that was found
    text: str = ""  # what a person is told, where that is more than message and hint
    job: str = ""  # which may come of the command all the same

    def to_text(self) -> str:
        """Return it for people."""
        if self.text:
            return self.text
        return f"error: {self.message}" + (f"\nhint: {self.hint}" if self.hint else "")

    def to_json(self) -> str:
        """Return it for programs, on one line."""
        members: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "place": self.place,
            "exit": self.exit,
        }
        if self.job:
            members["job"] = self.job
        if self.diagnostics:
            members["diagnostics"] = list(self.diagnostics)
        return json.dumps(members, ensure_ascii=False)


def of_error(error: EngineError) -> Problem:
    """Describe an error of EE."""
    exit_code = int(exit_of(error))
    if isinstance(error, WorkflowError) and error.diagnostics:
        return _of_workflow(error, exit_code)
    message, hint = (error.cause, error.cure) if isinstance(error, PluginError) else split(str(error))
    job = error.job if isinstance(error, UnansweredError) else ""
    return Problem(error.code, message, hint, exit_code, _find_place(error), job=job)


def of_usage(error: click.ClickException) -> Problem:
    """Describe a command line that cannot be read."""
    text = _MENU.sub(_to_line, error.format_message().removesuffix(".")).replace(". ", "; ")
    message, hint = split(text[:1].lower() + text[1:])
    hint = re.sub(r"^\(?Did (you mean.*\?)\)?$", r"did \1", hint)  # as everywhere else
    context = getattr(error, "ctx", None)
    if not hint and isinstance(error, click.BadParameter):
        message = _NO_NUMBER.sub(_to_words, message)
        hint = _find_choice(error) or _find_bounds(error)
    if isinstance(error, click.NoSuchOption) and context is not None:
        hint = _find_option(error.option_name, context) or hint
    if context is not None and not hint:
        hint = _find_group(context, message)
    if context is not None and not hint:
        hint = f"see `{context.command_path} --help`"
    return Problem("usage", message, hint, error.exit_code)


def _to_line(menu: re.Match[str]) -> str:
    return f"; choose from: {' '.join(menu['words'].split())}"


def _find_choice(error: click.BadParameter) -> str:
    """Say which of a few words was probably meant."""
    kind = getattr(error.param, "type", None)
    wrong = re.match(r"'([^']*)' is not one of ", error.message)
    if wrong is None or not isinstance(kind, click.Choice):
        return ""
    near = difflib.get_close_matches(wrong[1].lower(), map(str, kind.choices), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _to_words(said: re.Match[str]) -> str:
    return {"integer": " is no whole number", "float": " is no number"}.get(said["kind"], " is out of range")


def _find_bounds(error: click.BadParameter) -> str:
    """Say what a number of an option may be."""
    kind = getattr(error.param, "type", None)
    if not isinstance(kind, click.IntRange | click.FloatRange) or kind.min is None:
        return ""
    number = "a whole number" if isinstance(kind, click.IntRange) else "a number"
    return (
        f"use {number}, {kind.min} or more"
        if kind.max is None
        else f"use {number} from {kind.min} to {kind.max}"
    )


def _find_option(name: str, context: click.Context) -> str:
    """Say that an option stands before the command or behind it, or is written with the other case."""
    root = context.find_root()
    above = {} if context is root else _list_options(root)
    for each in (name, name.swapcase()) if len(name) == 2 else (name,):
        if each in above:
            command = context.command_path.removeprefix(root.command_path)
            return f"{each} goes before the command, as in `{root.command_path} {each}{above[each]}{command}`"
        if each in _list_options(context):
            return f"did you mean {each!r}?"
    below = _list_options_below(context)
    return (
        f"{name} goes after the command, as in `{context.command_path} COMMAND {name}{below[name]}`"
        if name in below
        else ""
    )


def _list_options(context: click.Context) -> dict[str, str]:
    """Return the names of a command's options, each with what stands for its value."""
    found = [each for each in context.command.get_params(context) if isinstance(each, click.Option)]
    return {
        name: "" if each.is_flag or each.count else f" {each.make_metavar(context)}"
        for each in found
        for name in each.opts
    }


def _list_options_below(context: click.Context) -> dict[str, str]:
    """Return likewise the options of all commands of a group."""
    found: dict[str, str] = {}
    group = context.command
    if isinstance(group, click.Group):
        for each in filter(None, (group.get_command(context, name) for name in group.list_commands(context))):
            below = click.Context(each, parent=context, info_name=each.name)
            found |= _list_options_below(below) | _list_options(below)
    return found


def _find_group(context: click.Context, message: str) -> str:
    """Say which command was meant at the top: one of nearly that name, or one that was asked for without its group."""
    wanted = re.fullmatch(r"no such command '([^']+)'", message)
    if wanted is None or context.parent is not None or not isinstance(context.command, click.Group):
        return ""
    near = difflib.get_close_matches(wanted[1], context.command.list_commands(context), n=1)
    if near:
        return f"did you mean `{context.command_path} {near[0]}`?"
    found = [
        f"`{context.command_path} {group} {wanted[1]}`"
        for group in _GROUPS
        if wanted[1] in getattr(context.command.get_command(context, group), "commands", {})
    ]
    return f"did you mean {' or '.join(found)}?" if found else ""


def of_anything(error: Exception) -> Problem:
    """Describe an error that nobody expected."""
    message = f"unexpected {type(error).__name__}: {error}"
    return Problem("unexpected", message, "`eectl -vv ...` shows where; please report it", Exit.UNEXPECTED)


def split(text: str) -> tuple[str, str]:
    """Return what happened and what to do; a text of several lines stays whole."""
    found = _TWO_PARTS.fullmatch(text)
    return (found["message"], found["hint"]) if found else (text, "")


def _find_place(error: EngineError) -> dict[str, Any] | None:
    """Return where in a file the fault stands, for the errors that know."""
    line = getattr(error, "line", 0)
    return (
        {"file": getattr(error, "file", ""), "line": line, "column": getattr(error, "column", 0)}
        if line
        else None
    )


def _of_workflow(error: WorkflowError, exit_code: int) -> Problem:
    found = [asdict(each) for each in error.diagnostics]
    first = next((each for each in found if each["severity"] == "error"), found[0])
    place = {name: first[name] for name in ("file", "line", "column")}
    return Problem(
        error.code, first["message"], first["hint"], exit_code, place, tuple(found), text=str(error)
    )
