"""Workflow files and inputs as the command line gives them."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ee_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ee_core.contracts.activity import ActivityType
    from ee_core.definitions import Definition, KnownBot
    from ee_core.model.workflow import Workflow
    from ee_core.registry import Registry

_SUFFIXES: Final = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class WorkflowFile:
    """A file that loaded, and what a command sends of it."""

    definition: Definition
    content: Any  # as plain JSON: what goes into `jobs.execute`
    bindings: Any  # likewise, or None


def read_file(path: str) -> bytes:
    """Read a file, or stdin for ``-``.

    Raises:
        NotFoundError: It is not there, or cannot be read.
    """
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        from ee_core.definitions.unreadable import unreadable

        raise unreadable(path, error) from error


def is_file_name(word: str) -> bool:
    """Say whether a word that may be a file or a name of something else is a file's, there or not.

    Of words with blanks a slash says nothing: workflows of the export form have names like `Invoices / SAP`.
    """
    is_path = ("/" in word or os.sep in word) and " " not in word
    return word == "-" or is_path or word.endswith(_SUFFIXES) or Path(word).is_file()


def write_file(path: str, content: str) -> None:
    """Write a file as a whole or not at all; a link stays one, and who may read the file stays as it was.

    Raises:
        InputError: It cannot be written.
    """
    target = Path(path).resolve()
    made = ""
    try:
        handle, made = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with open(handle, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor is no path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, made)
        else:
            Path(made).chmod(0o666 & ~_umask())
        Path(made).replace(target)
    except OSError as error:
        if made:
            with suppress(OSError):
                Path(made).unlink()
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


def _umask() -> int:
    mask = os.umask(0)  # there is no way to only read it
    os.umask(mask)
    return mask


def load_file(
    path: str,
    bindings: str | None,
    registry: Registry,
    *,
    served: Mapping[str, ActivityType] | None = None,
    bots: Sequence[KnownBot] = (),
) -> WorkflowFile:
    """Load a workflow file with the plugins that are installed here.

    Args:
        served: Further activity types, of bots that are known to serve them.
        bots: Bots that are known: what nodes select by is held against them.

    Raises:
        InputError: It is a Python file.
        WorkflowError: It does not load; the text shows every fault in its place.
    """
    from ee_core.definitions import ServedType, expand_with, load
    from ee_core.definitions.source import read

    of_bots = {name: ServedType(kind) for name, kind in (served or {}).items()}
    text = read_file(path)
    if path.endswith(".py"):
        raise InputError(f"{path} is a Python file, no workflow; name a bot's file with --bot")
    bound = read_file(bindings) if bindings else None
    definition = load(
        text,
        place=path,
        bindings=bound,
        bindings_place=bindings or "",
        activities={**of_bots, **registry.installed_activities()},
        language=registry.open_expressions,
        expand=expand_with(registry.hooks),
        bots=bots,
    )
    content = read(text, path).plain()
    return WorkflowFile(
        definition, content, read(bound, str(bindings)).plain() if bound is not None else None
    )


def parse_inputs(pairs: Sequence[str], file: str | None, workflow: Workflow | None = None) -> dict[str, Any]:
    """Read ``-i name=value`` and ``-I FILE``.

    A value is JSON if it is JSON, else text; where the workflow declares text it stays text.

    Raises:
        InputError: A pair has no ``=``, or the file holds no JSON object.
    """
    inputs: dict[str, Any] = {}
    if file:
        inputs.update(_read_object(file))
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name:
            raise InputError(
                f"input {pair!r} is not of the form name=value; write it as in -i {name or 'name'}=..."
            )
        declared = workflow.inputs.get(name) if workflow else None
        inputs[name] = text if declared is not None and declared.type == "string" else _from_json(text)
    return inputs


def _read_object(file: str) -> dict[str, Any]:
    try:
        loaded = json.loads(read_file(file))
    except json.JSONDecodeError as error:
        place = f"{file}:{error.lineno}:{error.colno}"
        raise InputError(
            f'{place} is no JSON: {error.msg}; write one object with the inputs by name, as {{"name": "value"}}'
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is no JSON: {error}; save it as UTF-8") from error
    if not isinstance(loaded, dict):
        raise InputError(
            f'{file} holds no JSON object; write one with the inputs by name, as {{"name": "value"}}'
        )
    return loaded


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
