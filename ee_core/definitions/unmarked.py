"""Texts of an activity's input that hold an expression in the way of another language: they would be sent as they are.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W307  a text names an input or an output in brackets that mean nothing here (a warning)
======== ==========================================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ee_core.definitions.bare_words import blank_expressions
from ee_core.errors import TemplateError

if TYPE_CHECKING:
    from ee_core.definitions.diagnostics import Report
    from ee_core.definitions.draft import Draft
    from ee_core.definitions.items import Item

_READ: Final = r"((?:inputs|nodes)\.[A-Za-z_][\w.-]*)"
_FORMS: Final = re.compile(
    rf"\{{\{{\s*{_READ}\s*\}}\}}|(?<![$\w{{])\{{\s*{_READ}\s*\}}|\$\(\s*{_READ}\s*\)|(?<!\$)\${_READ}"
)


def check_unmarked(draft: Draft, report: Report) -> None:
    """Warn about texts that read nothing, though they look as if they did."""
    for item in draft.places.inputs.values():
        for text in item.iter_texts():
            if "inputs." in str(text.value) or "nodes." in str(text.value):
                _check_text(text, str(text.value), report)


def _check_text(item: Item, text: str, report: Report) -> None:
    try:
        outside = blank_expressions(text)  # what stands in an expression is that one's own text
    except TemplateError:
        return  # told elsewhere
    for match in _FORMS.finditer(outside):
        read = next(filter(None, match.groups()))
        message = f"{match.group()!r:.80} is no expression, and is sent as it is"
        report.warn(
            "EE-W307", item.place_in(match.start(), len(match.group())), message, f"write ${{{read}}}"
        )
