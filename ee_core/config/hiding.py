"""What of a setting may be shown. A secret is known by the name that it goes by, so rather too much is hidden than too little."""

from __future__ import annotations

import re
from typing import Any, Final

HIDDEN: Final = "(hidden)"
_NAME: Final = re.compile(
    r"passw|passphrase|passcode|^pass$|secret|token|credential|creds|auth|cookie|seed|private|(?:^|[^a-z])key$|[a-z]Key$",
    re.IGNORECASE,
)
_USER: Final = re.compile(r"(?<=://)[^/\s@]*(?:@[^/\s@]*)*@")  # of an address; a password may hold an @
_PAIR: Final = re.compile(r"(?P<name>[\w.-]+)=(?P<value>[^\s&#;,]+)")


def is_secret(name: str) -> bool:
    """Say whether what goes by this name is to be hidden."""
    return _NAME.search(name) is not None


def redact(name: str, value: Any) -> Any:
    """Return a value as it may be shown.

    Args:
        name: The last part of its key.
        value: As TOML or JSON have it; what is within tables and lists is hidden likewise.
    """
    if value is not None and value != "" and is_secret(name):
        return HIDDEN
    match value:
        case dict():
            return {key: redact(str(key), inner) for key, inner in value.items()}
        case list() | tuple():
            return [redact("", inner) for inner in value]
        case str():
            return _PAIR.sub(_hide_pair, _USER.sub(f"{HIDDEN}@", value))
    return value


def _hide_pair(pair: re.Match[str]) -> str:
    return f"{pair['name']}={HIDDEN}" if is_secret(pair["name"]) else pair[0]
