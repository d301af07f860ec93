"""The page of diagnostics: the tables that stand in the docstrings of the modules that report them."""

from __future__ import annotations

import importlib
import re

from source import markdown, page, table

_MODULES = {
    "The text": "ee_core.definitions.source",
    "The graph": "ee_core.model.soundness",
    "The native form": "ee_core.definitions.native",
    "The export form": "ee_core.definitions.export",
    "Bindings": "ee_core.definitions.bindings",
    "Expressions": "ee_core.definitions.expressions",
    "Activity types": "ee_core.definitions.loading",
    "Activity inputs": "ee_core.definitions.activity_inputs",
}
_ROW = re.compile(r"^(EE-W\d{3})  (?:(error|warning) +)?(.*)$", re.MULTILINE)


def make() -> str:
    """Return the page."""
    parts = []
    for title, name in _MODULES.items():
        rows = [
            (f'<span id="{code.lower()}"></span>`{code}`', severity, text)
            for code, severity, text in _read(importlib.import_module(name).__doc__ or "")
        ]
        parts += [f"## {title}", table(("code", "severity", "meaning"), rows)]
    return page(
        "Diagnostics",
        "What [`eectl workflow check`](commands.md#eectl-workflow-check) and every loading of a workflow may say. A"
        " diagnostic names file, line and column, shows the line with a caret, and says what to do. Codes never change"
        " their meaning. A workflow with an error does not start; one with warnings does.",
        *parts,
    )


def _read(text: str) -> list[tuple[str, str, str]]:
    rows = []
    for code, severity, meaning in _ROW.findall(text):
        is_warning = severity == "warning" or meaning.endswith("(a warning)")
        said = meaning.removesuffix("(a warning)").strip()
        rows.append((code, "warning" if is_warning else "error", markdown(said)))
    return rows
