"""What an activity has to say to people, for whoever watches its job: the text of `log`, which else only a log shows."""

from __future__ import annotations

from typing import Any, Final

_MOST: Final = 100  # characters of a line


def to_said(output: Any) -> str:
    """Return the text of an output that is nothing but one, on one line and cut; "" for any other output."""
    if not isinstance(output, dict) or output.keys() != {"text"} or not isinstance(output["text"], str):
        return ""
    # what a terminal would obey is left out
    text = " ".join("".join(c if c.isprintable() else " " for c in output["text"]).split())
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."
