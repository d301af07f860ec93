"""Why a text is no TOML, and what mends it: `tomllib` says where it gave up and which rule it was at."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_AT: Final = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_HEADER: Final = re.compile(r"\s*(?P<open>\[{1,2})\s*(?P<name>[^\]#]*?)\s*(?:#.*)?$")
_OTHER_PAIR: Final = re.compile(r"\s*(?P<key>[\w.-]+)\s*(?P<sign>:|\s)\s*(?P<value>[^=]*?)\s*$")
_PAIR: Final = re.compile(r"\s*(?P<key>[\w.\"'-]+)\s*=\s*(?P<value>.*?)\s*(?:\s#.*)?$")
_WORDS: Final = {"True": "true", "False": "false", "yes": "true", "no": "false", "on": "true", "off": "false"}
_QUOTES: Final = "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
_GENERAL: Final = 'a line is [section] or key = value, with text in quotes, as in name = "nats"'


class TomlFault(NamedTuple):
    """What is wrong with a text."""

    line: int  # from 1
    column: int  # from 1
    message: str
    hint: str


def explain(text: str, error: Exception) -> TomlFault:
    """Return what `tomllib` could not read, and what to write instead.

    Args:
        text: What was read.
        error: What `tomllib` raised for it.
    """
    said = str(error)
    at = _AT.search(said)
    reason = said[: at.start()] if at else said
    lines = text.split("\n")
    if at is not None and at["line"]:
        line, column = int(at["line"]), int(at["column"])
    else:
        line, column = _last_line(lines)
    shown = lines[min(line, len(lines)) - 1]
    return TomlFault(line, column, reason[:1].lower() + reason[1:], _cure(reason, shown, column))


def _last_line(lines: list[str]) -> tuple[int, int]:
    """Return the end of the text, without the empty lines behind it."""
    number = max((number for number, line in enumerate(lines, start=1) if line.strip()), default=1)
    return number, len(lines[number - 1]) + 1


def _cure(reason: str, line: str, column: int) -> str:
    for beginning, cure in _BY_REASON.items():
        if reason.startswith(beginning):
            return cure
    if any(quote in line for quote in _QUOTES):
        return "write \" or ' for a quotation mark"
    if header := _HEADER.fullmatch(line):
        closing = "]" * len(header["open"])
        return f"write {header['open']}{header['name'] or 'section'}{closing}"
    if section := re.fullmatch(r"\s*(?P<name>[\w.-]+)\s*:?\s*", line):
        return f"write [{section['name']}] for a section, or {section['name']} = ... for a setting"
    if reason.startswith("Expected '='") and (pair := _OTHER_PAIR.fullmatch(line)):
        return f"write {pair['key']} = {_quoted(pair['value'])}"
    if pair := _PAIR.fullmatch(line):
        return _cure_value(reason, pair["key"], pair["value"], line[column - 1 :].strip())
    return _GENERAL


def _cure_value(reason: str, key: str, value: str, rest: str) -> str:
    """Say what to write for a value that cannot be read, or with something behind it."""
    if not value or value.startswith("#"):
        return f"write a value behind {key} ="
    if rest[:1] in {";", ","}:
        return "write one setting on a line, with nothing behind it"
    if value in _WORDS:
        return f"write {key} = {_WORDS[value]}"
    if value.startswith(("[", "{")):
        return f'put text in quotes, as in {key} = ["one", "other"]' if value.startswith("[") else _GENERAL
    if reason.startswith(("Invalid value", "Expected newline")) and not set(value) & {'"', "'", "="}:
        return f"write {key} = {_quoted(value)} if it is text; a number stands without a unit"
    return _GENERAL


def _quoted(value: str) -> str:
    if value in _WORDS:
        return _WORDS[value]
    is_plain = (
        value in {"true", "false"} or value[:1] in {'"', "'", "[", "{"} or re.fullmatch(r"[-+]?[\d.]+", value)
    )
    return value if is_plain else f'"{value or "..."}"'


_CLOSE: Final = "close the text with the quotation mark that it begins with"
_BY_REASON: Final = {
    "Cannot overwrite a value": "keep one of the two lines that set it",
    "Cannot declare": "put all keys of a section below one header",
    "Illegal character '\\n'": _CLOSE,
    "Illegal character '\\r'": _CLOSE,
    'Expected "\'"': _CLOSE,
    "Expected '\"": _CLOSE,
    "Expected \"'''\"": _CLOSE,
    "Unterminated string": _CLOSE,
    "Unclosed array": "close the list with ], and put a comma between its members",
    "Unclosed inline table": "close the table with }, and put a comma between its members",
    "Unescaped '\\'": "write a text with a backslash in single quotes",
    "Invalid hex value": "write a text with a backslash in single quotes",
}
