"""Texts of an activity's input that look as if they referred to a secret, and do not: they would be sent as they are.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W421  a text looks like a reference to a secret, and is none (a warning)
======== ==========================================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ee_core.errors import TemplateError
from ee_core.model import template
from ee_core.model.references import PREFIX, name_of

if TYPE_CHECKING:
    from ee_core.definitions.diagnostics import Report
    from ee_core.definitions.draft import Draft
    from ee_core.definitions.items import Item

_WITHIN: Final = re.compile(r"(?<![\w.-])secret:[A-Za-z_][A-Za-z0-9_.-]*")


def check_references(draft: Draft, report: Report) -> None:
    """Warn about references that will not be found."""
    for item in draft.places.inputs.values():
        for text in item.iter_texts():
            _check_text(text, str(text.value), report)


def _check_text(item: Item, text: str, report: Report) -> None:
    if name_of(text) is not None or PREFIX not in text:
        return
    try:
        sources = template.parse(text).sources
    except TemplateError:
        return  # told elsewhere
    if text.startswith(PREFIX):
        what = "its name would be made by an expression" if sources else f"{text!r:.80} has no name"
        hint = "a name is a letter or _, then letters, digits and _ . -, all written out"
        report.warn(
            "EE-W421",
            item.place_in(0, len(text)),
            f"this refers to no secret, and is sent as it is: {what}",
            hint,
        )
        return
    for source in sources:  # what stands in an expression is that one's own text
        end = source.offset + len(source.text)
        text = text[: source.offset] + " " * len(source.text) + text[end:]
    for match in _WITHIN.finditer(text):
        message = f"{match.group()!r:.80} stands inside a longer text, so it refers to no secret and is sent as it is"
        hint = "a reference stands alone: put the whole text into the secret, or use an input that takes the secret alone"
        report.warn("EE-W421", item.place_in(match.start(), len(match.group())), message, hint)
