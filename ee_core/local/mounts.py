"""Says whether a folder lies on another machine, as far as Linux tells.

SQLite in WAL mode needs memory that all users of a file share, and locks that hold; neither works over a network, and
both fail in silence there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mounts")  # Linux alone has it
_NETWORK: Final = frozenset(
    [
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "smb2",
        "smb3",
        "smbfs",
    ]
)
_FUSE_NETWORK: Final = frozenset(
    [
        "ceph",
        "curlftpfs",
        "davfs2",
        "gcsfuse",
        "glusterfs",
        "goofys",
        "juicefs",
        "mount.davfs",
        "rclone",
        "s3fs",
        "sshfs",
    ]
)
_OCTAL: Final = re.compile(r"\\([0-7]{3})")  # how the kernel writes blanks and backslashes in names


def find_network_mount(folder: Path) -> str | None:
    """Return type and place of the network file system that holds a folder; None if it holds none, or nobody knows.

    Args:
        folder: Absolute, links resolved.
    """
    if not _MOUNTS.exists():
        return None
    return network_mount_in(_MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"), folder)


def network_mount_in(table: str, folder: Path) -> str | None:
    """As `find_network_mount`, from the text of a mount table."""
    holder, kind = Path(), ""
    for line in table.splitlines():
        place, type_ = (_OCTAL.sub(_character, part) for part in line.split()[1:3])
        # a later mount on the same place hides the earlier one
        if folder.is_relative_to(place) and len(Path(place).parts) >= len(holder.parts):
            holder, kind = Path(place), type_
    base, _, fuse = kind.partition(".")
    if base in _NETWORK or fuse in _FUSE_NETWORK:
        return f"{kind} on {holder}"
    return None


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))
