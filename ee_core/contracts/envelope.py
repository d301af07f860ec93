"""What every broker takes for a subject, a pattern and headers; each of them checks with these functions.

Subjects come from outside, too (a `reply_to`), and go into line-based protocols: a blank or a line break in one would be
a command of its own there.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ee_core.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SUBJECT_CHARS: Final = 255
MAX_HEADER_CHARS: Final = 4096  # names and values of one message together
MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 20 * 1024  # what the above takes at most, with a broker's own few
MAX_DEDUPE_CHARS: Final = 128

_SUBJECT: Final = re.compile(r"(?:[^\s.*>\x00-\x1f\x7f]+\.)*[^\s.*>\x00-\x1f\x7f]+")
_PATTERN: Final = re.compile(r"(?:(?:\*|[^\s.*>\x00-\x1f\x7f]+)\.)*(?:\*|>|[^\s.*>\x00-\x1f\x7f]+)")
_HEADER_NAME: Final = re.compile(r"[a-z0-9-]+")
_HEADER_VALUE: Final = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?|")


@lru_cache(maxsize=8192)  # each publish asks, and most subjects come again and again
def check_subject(subject: str) -> str:
    """Return a subject that may be published to.

    Raises:
        MessageError: Not dot-separated tokens without blanks, control characters, ``*`` and ``>``, or too long.
    """
    if len(subject) > MAX_SUBJECT_CHARS or not _SUBJECT.fullmatch(subject):
        raise MessageError(
            f"subject {subject!r} is not usable; use words with dots between, without blanks, '*' and '>', "
            f"at most {MAX_SUBJECT_CHARS} characters"
        )
    return subject


def check_pattern(pattern: str) -> str:
    """Return a pattern that may be consumed: a subject, where ``*`` is one token and a last ``>`` one or more.

    Raises:
        MessageError: Otherwise.
    """
    if len(pattern) > MAX_SUBJECT_CHARS or not _PATTERN.fullmatch(pattern):
        raise MessageError(
            f"pattern {pattern!r} is not usable; use words, '*' and a last '>' with dots between, "
            f"at most {MAX_SUBJECT_CHARS} characters"
        )
    return pattern


def check_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return a copy of headers that arrive anywhere as they were sent.

    Raises:
        MessageError: A name is not ``[a-z0-9-]+``; a value has control characters or blanks at an end; or they are
            more than `MAX_HEADERS` or longer than `MAX_HEADER_CHARS` together.
    """
    if not headers:
        return {}
    length = 0
    for name, value in headers.items():
        _check_header_name(name)
        if not _HEADER_VALUE.fullmatch(value):
            raise MessageError(
                f"header {name!r} has the value {value!r}; use printable text without blanks at its ends"
            )
        length += len(name) + len(value)
    if length > MAX_HEADER_CHARS or len(headers) > MAX_HEADERS:
        raise MessageError(
            f"{len(headers)} headers have {length} characters; use at most {MAX_HEADERS} of {MAX_HEADER_CHARS} in all"
        )
    return dict(headers)


@lru_cache(maxsize=1024)
def _check_header_name(name: str) -> None:
    if not _HEADER_NAME.fullmatch(name) or name.startswith("nats-"):
        raise MessageError(
            f"header {name!r} is not usable; use lower case, digits and '-', not 'nats-' first"
        )


def check_dedupe(key: str) -> str:
    """Return a key for `publish` that any broker can keep.

    Raises:
        MessageError: Not 1 to `MAX_DEDUPE_CHARS` printable characters without blanks at the ends.
    """
    if not key or len(key) > MAX_DEDUPE_CHARS or not _HEADER_VALUE.fullmatch(key):
        raise MessageError(
            f"dedupe key {key!r} is not usable; use 1 to {MAX_DEDUPE_CHARS} printable characters without blanks at the ends"
        )
    return key


def is_pattern(text: str) -> bool:
    """Say whether a pattern has a ``*`` or ``>``."""
    return "*" in text or ">" in text


def make_matcher(pattern: str) -> Callable[[str], object]:
    """Return a function that says whether a subject matches; truth alone counts."""
    tokens = [re.escape(token) for token in check_pattern(pattern).split(".")]
    tokens = [{r"\*": "[^.]+", ">": ".+"}.get(token, token) for token in tokens]
    return re.compile(r"\.".join(tokens)).fullmatch


def overlap(one: str, other: str) -> bool:
    """Say whether some subject matches both patterns."""
    ours, theirs = one.split("."), other.split(".")
    for mine, its in zip(ours, theirs, strict=False):
        if ">" in (mine, its):
            return True
        if mine != its and "*" not in (mine, its):
            return False
    return len(ours) == len(theirs)
