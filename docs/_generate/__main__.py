"""Writes the reference pages that are made from the code: `python docs/_generate [--check]`.

With `--check` nothing is written; the pages that differ from the code are named, and the exit code is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import page_commands
import page_contracts
import page_diagnostics
import page_errors
import page_events
import page_failures
import page_hooks
import page_logging
import page_messages
import page_settings
import page_workflow
import pages_codes

_FOLDER = Path(__file__).resolve().parent.parent / "reference"
_PAGES = {
    "hooks.md": page_hooks.make,
    "contracts.md": page_contracts.make,
    "messages.md": page_messages.make,
    "messages.schema.json": page_messages.make_schema,
    "settings.md": page_settings.make,
    "errors.md": page_errors.make,
    "failures.md": page_failures.make,
    "commands.md": page_commands.make,
    "diagnostics.md": page_diagnostics.make,
    "events.md": page_events.make,
    "logging.md": page_logging.make,
    "workflow.schema.json": page_workflow.make,
}


def main(arguments: list[str]) -> int:
    """Write or check all pages."""
    stale = []
    pages = {name: make() for name, make in _PAGES.items()} | pages_codes.make_all()
    for name, text in pages.items():
        path = _FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    sys.stdout.write("".join(f"{name}\n" for name in stale))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
