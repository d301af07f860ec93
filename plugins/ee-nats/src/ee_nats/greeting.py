"""Who listens on a port of this machine: a NATS server says its name and version to whoever connects."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Final

_PATIENCE_S: Final = 2.0
_MAX_BYTES: Final = 64 * 1024
_GREETING: Final = "INFO "


def describe_listener(port: int) -> str:
    """Say in a few words who listens on a port of 127.0.0.1."""
    line = _read_line(port)
    if not line.startswith(_GREETING):
        return "something that is no NATS server"
    with suppress(ValueError, AttributeError):
        info = json.loads(line.removeprefix(_GREETING))
        name, version = info.get("server_name"), info.get("version")
        named = f" {name!r}" if name and name != info.get("server_id") else ""  # without a name it is the id
        return f"the NATS server{named} of version {version}"
    return "a NATS server"


def _read_line(port: int) -> str:
    read = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as connection:
        while b"\n" not in read and len(read) < _MAX_BYTES:
            part = connection.recv(4096)
            if not part:
                break
            read += part
    return read.partition(b"\n")[0].decode(errors="replace").strip()
