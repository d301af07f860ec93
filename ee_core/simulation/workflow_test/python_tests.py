"""Tests in Python: the functions of a file whose names begin with ``test_``, as pytest finds them; pytest is not needed."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ee_core.errors import InputError, NotFoundError, PluginLoadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FunctionType, ModuleType

_PREFIX: Final = "test_"


def find_functions(path: Path) -> Mapping[str, FunctionType]:
    """Load a file; return its tests by name, in its order.

    Raises:
        NotFoundError: It is not there.
        PluginLoadError: It raised while it was imported.
        InputError: A test takes arguments or is a coroutine: only pytest with its fixtures can call it.
    """
    functions: dict[str, FunctionType] = {
        name: value
        for name, value in vars(_load(path)).items()
        if name.startswith(_PREFIX) and inspect.isfunction(value)
    }
    for name, function in functions.items():
        required = [
            each for each in inspect.signature(function).parameters.values() if each.default is each.empty
        ]
        if required or inspect.iscoroutinefunction(function):
            what = f"takes {required[0].name!r}" if required else "is a coroutine"
            raise InputError(
                f"{path}: {name} {what}; `eectl test` calls plain functions, run this file with pytest"
            )
    return functions


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise NotFoundError(f"{path} is no Python file that is there")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as pytest does: a test imports what stands beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PluginLoadError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def explain(error: Exception, path: Path) -> list[str]:
    """Return lines that say what a test raised, and where in its file."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == path.resolve()
    ]
    lines = str(error).splitlines() if str(error) else []
    if not isinstance(error, AssertionError):
        lines = [f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": "), *lines[1:]]
    if frames:
        lines.append(f"{path}:{frames[-1].lineno}: {frames[-1].line}")
    return lines or [type(error).__name__]
