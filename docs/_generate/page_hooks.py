"""The page of hooks: the extension manual `ee_core.hookspecs`, with an example for each that a test carries out."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

from source import code, field_notes, function_source, markdown, page, parse_docstring, table

from ee_core import hookspecs
from ee_core.contracts import hooks as told

_ROOT = Path(__file__).resolve().parents[2]
_EXAMPLES = "docs/examples/hooks.py"
# What makes a driver is shown as it stands in the code; the rest has examples of its own.
_DRIVERS = {
    "ee_open_activity": "ee_example",
    "ee_open_expressions": "ee_cel",
    "ee_open_secrets": "ee_core.local.secret_variables",
    "ee_open_lock": "ee_core.local.lock",
    "ee_open_journal": "ee_core.local.memory_journal",
    "ee_open_catalogue": "ee_core.local.catalogue",
    "ee_open_broker": "ee_core.local.broker",
    "ee_open_command": "ee_nats.commands",
}
_PARTS = ("executor", "reactor", "spawner", "broker", "command line")


def make() -> str:
    """Return the page."""
    intro = parse_docstring(hookspecs.__doc__)
    parts = [markdown(one) for one in intro.paragraphs]
    source = Path(inspect.getsourcefile(hookspecs) or "").read_text(encoding="utf-8")
    for part in _PARTS:
        section = re.split(rf"^# -- {part} -+$", source, flags=re.MULTILINE)[1].partition("\n# -- ")[0]
        parts.append(f"## {part.capitalize()}")
        for name in re.findall(r"^def (ee_\w+)\(", section, re.MULTILINE):
            parts += _describe(name)
    parts += ["## What hooks are told and may answer", markdown(parse_docstring(told.__doc__).paragraphs[0])]
    for kind in [
        one for one in vars(told).values() if inspect.isclass(one) and one.__module__ == told.__name__
    ]:
        if hasattr(kind, "__dataclass_fields__"):
            parts += [f"### {kind.__name__}", markdown(parse_docstring(kind.__doc__).summary), _fields(kind)]
    return page("Hooks", markdown(intro.summary), *parts)


def _describe(name: str) -> list[str]:
    hook = getattr(hookspecs, name)
    parsed = parse_docstring(hook.__doc__)
    signature = inspect.signature(hook)
    described = dict(parsed.entries("Args"))
    rows = [
        (code(one), code(_short(str(parameter.annotation))), markdown(described[one]))
        for one, parameter in signature.parameters.items()
    ]
    parts = [f"### {name}({', '.join(signature.parameters)})", markdown(parsed.summary)]
    parts += [markdown(one) for one in parsed.paragraphs]
    parts.append(table(("argument", "type", "meaning"), rows))
    returns = _short(str(signature.return_annotation))
    if "Returns" in parsed.sections:
        parts.append(f"**Returns** `{returns}`. {markdown(' '.join(parsed.sections['Returns'].split()))}")
    for error, text in parsed.entries("Raises"):
        parts.append(f"**Raises** `{error}`: {markdown(text)}")
    parts += [f"**Exceptions.** {markdown(one)}" for one in parsed.after]
    return [*parts, _example(name)]


def _short(annotation: str) -> str:
    return annotation.replace("collections.abc.", "").replace("typing.", "")


def _example(name: str) -> str:
    if name in _DRIVERS:
        module = importlib.import_module(_DRIVERS[name])
        file = Path(inspect.getsourcefile(module) or "").relative_to(_ROOT)
        return _block(str(file), function_source(getattr(module, name)))
    text = (_ROOT / _EXAMPLES).read_text(encoding="utf-8")
    node = next(one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef) and one.name == name)
    first = node.decorator_list[0].lineno - 1
    return _block(_EXAMPLES, "\n".join(text.splitlines()[first : node.end_lineno]))


def _block(title: str, source: str) -> str:
    return f'```python title="{title}"\n{source}\n```'


def _fields(kind: type) -> str:
    rows = [
        (code(one.name), code(one.type), code(one.default), markdown(one.note)) for one in field_notes(kind)
    ]
    return table(("field", "type", "default", "meaning"), rows)
