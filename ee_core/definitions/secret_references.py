"""Texts of an activity's input that look as if they referred to a secret, and do not: they would be sent as they are.

A near miss (``Secret:KEY``, ``secret: KEY``, ``secrets:KEY``) is told only where one name follows and nothing else: what
somebody has to say about a secret, in a log's text, is none.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W421  a text looks like a reference to a secret, and is none (a warning)
======== ==========================================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ee_core.definitions.bare_words import blank_expressions
from ee_core.errors import TemplateError
from ee_core.model.references import PREFIX, is_name, name_of, to_text

if TYPE_CHECKING:
    from ee_core.definitions.diagnostics import Report
    from ee_core.definitions.draft import Draft
    from ee_core.definitions.items import Item

_WORD: Final = PREFIX.removesuffix(":")
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_.-]*"
_WITHIN: Final = re.compile(rf"(?<![\w.-])secret:{_NAME}", re.IGNORECASE)
_NEAR: Final = re.compile(rf"\s*(?P<word>[A-Za-z]{{5,7}})\s*:\s*(?P<name>{_NAME})\s*")
_PROSE: Final = re.compile(r"secret:\s+\S+\s+\S")


def check_references(draft: Draft, report: Report) -> None:
    """Warn about references that will not be found."""
    for item in draft.places.inputs.values():
        for text in item.iter_texts():
            _check_text(text, str(text.value), report)


def _check_text(item: Item, text: str, report: Report) -> None:
    if name_of(text) is not None or ":" not in text:
        return
    try:
        outside = blank_expressions(text)  # what stands in an expression is that one's own text
    except TemplateError:
        return  # told elsewhere
    if name := _near_miss(text):
        message = f"{text.strip()!r:.80} refers to no secret, and is sent as it is"
        hint = f"did you mean {to_text(name)}? small letters, no blank, nothing around it"
        report.warn("EE-W421", item.place_in(0, len(text)), message, hint)
    elif text.startswith(PREFIX):
        if not _PROSE.match(text):
            _report_no_name(item, text, report, is_made=outside != text)
    else:
        _check_within(item, outside, report)


def _near_miss(text: str) -> str | None:
    """Return the name of the secret that a text was to refer to: it has the word, a colon and one name, but not as they must be."""
    match = _NEAR.fullmatch(text)
    if match is None or not is_name(match["name"]):
        return None
    return match["name"] if _is_slip(match["word"].lower()) else None


def _is_slip(word: str) -> bool:
    """Say whether a word is the right one, or that with a letter more, less or wrong, or with its letters mixed up."""
    if sorted(word) == sorted(_WORD):
        return True
    return any(
        word[:at] == _WORD[:at]
        and (_WORD[at + 1 :] in {word[at:], word[at + 1 :]} or word[at + 1 :] == _WORD[at:])
        for at in range(len(_WORD) + 1)
    )


def _report_no_name(item: Item, text: str, report: Report, *, is_made: bool) -> None:
    what = "its name would be made by an expression" if is_made else f"{text!r:.80} has no name"
    hint = "a name is a letter or _, then letters, digits and _ . -, all written out"
    message = f"this refers to no secret, and is sent as it is: {what}"
    report.warn("EE-W421", item.place_in(0, len(text)), message, hint)


def _check_within(item: Item, outside: str, report: Report) -> None:
    for match in _WITHIN.finditer(outside):
        message = f"{match.group()!r:.80} stands inside a longer text, so it refers to no secret and is sent as it is"
        hint = "a reference stands alone: put the whole text into the secret, or use an input that takes the secret alone"
        report.warn("EE-W421", item.place_in(match.start(), len(match.group())), message, hint)
