"""The page of diagnostics: the tables that stand in the docstrings of the modules that report them."""

from __future__ import annotations

from source import markdown, page, table

from ee_core.cli.explanations import sentences


def make() -> str:
    """Return the page."""
    parts = []
    for title, found in sentences().items():
        rows = [
            (
                f'<span id="{one.code.lower()}"></span>[`{one.code}`](codes/{one.code.lower()}.md)',
                one.severity,
                markdown(one.meaning),
            )
            for one in found
        ]
        parts += [f"## {title}", table(("code", "severity", "meaning"), rows)]
    return page(
        "Diagnostics",
        "What [`eectl workflow check`](commands.md#eectl-workflow-check) and every loading of a workflow may say. A"
        " diagnostic names file, line and column, shows the line with a caret, and says what to do. Codes never change"
        " their meaning. A workflow with an error does not start; one with warnings does.",
        *parts,
    )
