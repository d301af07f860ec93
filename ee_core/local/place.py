"""Where a file of one engine may lie: in a folder that is there, on a disk of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.errors import ConfigError
from ee_core.local.mounts import find_network_mount

if TYPE_CHECKING:
    from pathlib import Path


def check_place(path: Path, *, setting: str, reason: str) -> None:
    """Refuse a file that is none, or cannot be one.

    Args:
        path: Absolute, links of its folder resolved.
        setting: Where the path comes from, as ``journal.path``.
        reason: What goes wrong on a network file system.

    Raises:
        ConfigError: It names the setting, the path and the cure.
    """
    if str(path).startswith("\\\\"):
        raise ConfigError(f"{setting} {str(path)!r} is on another machine; give a path on a local disk")
    if not path.parent.is_dir():
        # not made here: a disk that is not mounted would give an empty file instead of an error
        raise ConfigError(
            f"{setting} {str(path)!r}: there is no folder {str(path.parent)!r}; make it, or mend the path"
        )
    if path.is_dir():
        raise ConfigError(f"{setting} {str(path)!r} is a folder; give the path of a file")
    network = find_network_mount(path.parent)
    if network is not None:
        raise ConfigError(
            f"{setting} {str(path)!r} is on a network file system ({network}), where {reason};"
            " give a path on a local disk"
        )
