"""What a shell offers for files: those that a command is for where there are some, else whatever the shell itself offers.

A shell can quote a name and go into a folder better than this program; names that would have to be quoted are left to it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from click.shell_completion import CompletionItem

from ee_core.local.catalogue import is_workflow_name

if TYPE_CHECKING:
    from collections.abc import Callable

    import click

_TESTS: Final = (".test.yaml", ".test.yml", ".test.json")
_PLAIN: Final = re.compile(r"[\w./@%+:=-]+")  # what no shell reads in another way


def is_test_name(name: str) -> bool:
    """Say whether `eectl test` takes a file of this name."""
    return name.endswith(_TESTS) or (name.startswith("test_") and name.endswith(".py"))


def is_python_name(name: str) -> bool:
    """Say whether a bot may be in a file of this name."""
    return name.endswith(".py")


class Files:
    """Offers files, or folders.

    Args:
        is_meant: Says of a file's name whether the command is for it; None: every file may be meant.
        kind: What the shell is left with: ``file`` or ``dir``.
    """

    def __init__(self, is_meant: Callable[[str], bool] | None = None, kind: str = "file") -> None:
        self._is_meant = is_meant
        self._kind = kind

    def offer(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the files that are meant, or a word to the shell that it shall look itself."""
        del ctx
        return self._find(incomplete) or [CompletionItem(incomplete, type=self._kind)]

    def _find(self, incomplete: str) -> list[CompletionItem]:
        if self._is_meant is None:
            return []
        folder, slash, begin = incomplete.rpartition("/")
        try:
            names = sorted(
                each.name
                for each in Path(f"{folder}{slash}" or ".").iterdir()
                if each.name.startswith(begin) and self._is_meant(each.name) and each.is_file()
            )
        except OSError:  # no folder, or none that may be read
            return []
        paths = [f"{folder}{slash}{name}" for name in names]
        return [CompletionItem(path) for path in paths] if all(map(_PLAIN.fullmatch, paths)) else []


WORKFLOW: Final = Files(is_workflow_name)
TEST: Final = Files(is_test_name)
PYTHON: Final = Files(is_python_name)
BY_METAVAR: Final = {"FILE": Files(), "PATH": Files(), "FOLDER": Files(kind="dir")}
