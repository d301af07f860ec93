"""The page of log actions: every `extra={"action": ...}` of core and plugins."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from source import code, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).resolve().parents[2]
_LEVELS = {"exception": "error", "log": "as asked"}
_TOLD = "warning or info"


@dataclass(frozen=True, order=True)
class LogLine:
    """One call that logs."""

    action: str
    module: str
    level: str
    message: str
    fields: tuple[str, ...]


def list_lines() -> list[LogLine]:
    """Return every line with an action that core and plugins may log."""
    folders = [_ROOT / "ee_core", *sorted(_ROOT.glob("plugins/*/src"))]
    return sorted(
        {line for folder in folders for file in sorted(folder.rglob("*.py")) for line in _read(file, folder)}
    )


def _read(file: Path, folder: Path) -> Iterator[LogLine]:
    base = folder.parent if folder.name == "ee_core" else folder
    module = ".".join(file.relative_to(base).with_suffix("").parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        extra = next((one.value for one in node.keywords if one.arg == "extra"), None)
        if not isinstance(extra, ast.Dict):
            continue
        keys = [key.value for key in extra.keys if isinstance(key, ast.Constant)]
        if "action" in keys:
            action = extra.values[keys.index("action")]
            arguments = node.args[1:] if node.func.attr == "log" else node.args
            yield LogLine(
                action=str(action.value) if isinstance(action, ast.Constant) else ast.unparse(action),
                module=module.removesuffix(".__init__"),
                level=_level(node, node.func.attr),
                message=str(arguments[0].value)
                if arguments and isinstance(arguments[0], ast.Constant)
                else "",
                fields=tuple(str(key) for key in keys if key != "action"),
            )


def _level(call: ast.Call, method: str) -> str:
    if (
        method == "log"
        and isinstance(call.args[0], ast.Call)
        and "level_of" in ast.unparse(call.args[0].func)
    ):
        return _TOLD
    return _LEVELS.get(method, method)


def make() -> str:
    """Return the page."""
    rows = [
        (
            code(line.action),
            line.level,
            code(line.module),
            code(line.message),
            ", ".join(map(code, line.fields)),
        )
        for line in list_lines()
    ]
    return page(
        "Logging",
        "EE logs through Python's `logging`, each module under its own name; it installs no handler. `eectl` writes to"
        " stderr: warnings, with `-v` what the engine does, with `-vv` everything. Each line carries in its `extra` an"
        " `action`, a stable word for programs, and the fields named here. Lines of an attempt also carry `job`,"
        " `visit`, `attempt` and `activity`. `%s` and `%r` stand for values. What is `warning or info` is a warning, but"
        " not in an outage that was told as a whole, as by `broker_lost`: then it is info.",
        table(("action", "level", "logger", "message", "fields"), rows),
    )
