"""A workflow drawn on a terminal, by the package `termaid`, which the extra ``graph`` brings.

It is drawn from above, or from the left where that takes less width, as loosely as the terminal allows. The package works
in a process of its own, with bounds: where ways cross in some manners (version 0.10.0), it takes all the memory there is.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from ee_core.definitions.drawing import to_mermaid
from ee_core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ee_core.model.workflow import Workflow

_TRIES: Final = (  # direction, space between boxes, width at which words go to another line, whether kinds are left out
    ("TD", 4, 24, False),
    ("TD", 2, 14, False),
    ("TD", 1, 8, False),
    ("TD", 1, 8, True),
    ("LR", 2, 14, False),
    ("LR", 1, 8, True),
)


_PATIENCE_S: Final = 10.0  # for one of them
_MOST_BYTES: Final = 1 << 30  # of memory; drawings that succeed take a tenth of it
_CHILD: Final = """
import json, sys
source, options, most = json.load(sys.stdin)
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
except ImportError:  # Windows; there the time is the only bound
    pass
from termaid import render
sys.stdout.buffer.write(render(source, **options).encode())
"""


def draw_here(workflow: Workflow) -> str:
    """Return the drawing for the terminal that stdout is, or for ``COLUMNS``; without both for 80 columns.

    Raises:
        NotFoundError: The package is not installed.
        InputError: No drawing is narrow enough, or its ways cross too much.
    """
    return draw(workflow, shutil.get_terminal_size().columns, is_ascii=not _has_lines(sys.stdout.encoding))


def draw(workflow: Workflow, columns: int, *, is_ascii: bool = False) -> str:
    """Return lines that are at most so wide; raises as `draw_here`."""
    least = sys.maxsize
    for drawing in _draw_in_turn(workflow, is_ascii=is_ascii):
        width = max(map(_width_of, drawing.splitlines()))
        if width <= columns:
            return drawing
        least = min(least, width)
    raise InputError(
        f"the drawing of {workflow.name!r} takes {least} columns, and there are {columns}; make the terminal wider, "
        f"set COLUMNS={least}, or let `eectl workflow show` say it in words"
    )


def _draw_in_turn(workflow: Workflow, *, is_ascii: bool) -> Iterator[str]:
    if importlib.util.find_spec("termaid") is None:
        raise NotFoundError(
            "drawing needs the package 'termaid': pip install 'ee-core[graph]'; without --draw there is the text of Mermaid"
        )
    for direction, gap, label, is_brief in _TRIES:
        source = to_mermaid(
            workflow, direction=direction, line_break=r"\n", begin='(["start"])', is_brief=is_brief
        )
        options = {
            "use_ascii": is_ascii,
            "padding_x": 1,
            "padding_y": 0,
            "gap": gap,
            "max_label_width": label,
        }
        yield "\n".join(line.rstrip() for line in _render(workflow.name, source, options).splitlines()) + "\n"


def _render(name: str, source: str, options: Mapping[str, int]) -> str:
    order = json.dumps([source, options, _MOST_BYTES]).encode()
    command = [sys.executable, "-P", "-c", _CHILD]
    try:
        done = subprocess.run(command, input=order, capture_output=True, timeout=_PATIENCE_S, check=True)
    except subprocess.SubprocessError as error:
        raise InputError(
            f"the ways of {name!r} cross too much to be drawn; without --draw there is the text of Mermaid, and "
            "`eectl workflow show` says it in words"
        ) from error
    return done.stdout.decode()


def _width_of(line: str) -> int:
    from rich.cells import cell_len

    return cell_len(line)  # letters of some scripts take two columns


def _has_lines(encoding: str | None) -> bool:
    try:
        "─┼▼".encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
