"""On which port `eectl up` runs its server: the one it was told, else the one it had in this folder before, if that is free.

So commands in other terminals, and bots that were told an address, find it again after a restart.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

PORT: Final = 4222  # where commands look that know nothing
_ANY: Final = -1
_NOTE: Final = "up.port"


def choose_port(folder: Path, asked: int | None) -> int:
    """Return a port, -1 for any free one.

    Args:
        asked: What the command line says; None: nothing.
    """
    if asked is not None and asked != _ANY:
        return asked
    last = _recall(folder)
    if last is not None and _is_free(last):
        return last
    # 4222 is asked for even where it is taken: whoever is told so may end what has it
    return PORT if asked is None and last in {None, PORT} else _ANY


def note_port(folder: Path, url: str) -> None:
    """Keep the port of a server for the next time."""
    (folder / _NOTE).write_text(f"{url.rpartition(':')[2]}\n", encoding="utf-8")


def _recall(folder: Path) -> int | None:
    try:
        noted = (folder / _NOTE).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(noted) if noted.isdecimal() and 0 < int(noted) < 65536 else None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as the server does: what has ended is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
