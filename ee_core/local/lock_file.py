"""The file in which the in-process lock keeps its records: JSON, replaced whole at each change.

Takes and releases are rare beside steps, and there is one record per bot, so the file is small and writing it whole is
the simplest thing that a crash cannot leave half done: a new file is written and synced, then put in the old one's
place. That happens inline, on the loop: two syncs of a few kilobytes, in the order of a commit.

Two engines on one file would each believe its own copy. So a file beside it, named ``.lock``, is held while this one is
open.
"""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING, Final

from ee_core.contracts.leasing import record_from_json, record_to_json
from ee_core.errors import ConfigError, LockError, LockUnavailableError
from ee_core.local.holding import hold
from ee_core.local.place import check_place
from ee_core.model.ids import BotId

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ee_core.contracts.lock import LockRecord

_FORMAT: Final = 1


class LockFile:
    """An open lock file, this process's alone until `close`.

    Raises:
        ConfigError: The place cannot hold it, another engine has it open, or what is there is no lock file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        check_place(self._path, setting="lock.path", reason="a file cannot be kept to one engine")
        self._guard = _guard(self._path)
        try:
            self.records = self._load()  # as they were when it was opened
        except BaseException:
            self._guard.close()
            raise

    def save(self, records: Iterable[LockRecord]) -> None:
        """Replace the file.

        Raises:
            LockUnavailableError: Not written, or not known to be synced.
        """
        bots = {record.bot: json.loads(record_to_json(record)) for record in records}
        text = json.dumps({"ee_locks": _FORMAT, "bots": bots}, ensure_ascii=False, indent=1) + "\n"
        following = self._path.with_name(f"{self._path.name}.new")
        try:
            _write_synced(following, text.encode())
            following.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            raise LockUnavailableError(
                f"lock file {str(self._path)!r} was not written: {error.strerror or error}; make room or mend the disk"
            ) from error

    def close(self) -> None:
        """Let others have the file; idempotent."""
        self._guard.close()

    def _load(self) -> list[LockRecord]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(f"lock.path {str(self._path)!r} cannot be read: {error.strerror}") from error
        try:
            value = json.loads(data)
            version, bots = value["ee_locks"], value["bots"]
            if version == _FORMAT:
                return [
                    record_from_json(BotId(bot), json.dumps(record).encode()) for bot, record in bots.items()
                ]
        except (ValueError, KeyError, TypeError, AttributeError, LockError) as error:
            raise ConfigError(
                f"lock.path {str(self._path)!r} is no lock file, or a damaged one ({error}); restore it, or remove it:"
                " lease numbers go on from the clock, but which bots were quarantined is forgotten"
            ) from error
        raise ConfigError(
            f"lock.path {str(self._path)!r} has format {version!r}, this EE knows {_FORMAT}; upgrade"
        )


def _guard(path: Path) -> sqlite3.Connection:
    beside = path.with_name(f"{path.name}.lock")
    try:
        guard = hold(beside)
    except sqlite3.Error as error:
        raise ConfigError(
            f"lock.path {str(path)!r}: {str(beside)!r} beside it cannot be locked: {error}"
        ) from error
    if guard is None:
        raise ConfigError(
            f"lock.path {str(path)!r} is in use by another engine; stop that one, or give this one another path"
        )
    return guard


def _write_synced(path: Path, data: bytes) -> None:
    place = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(place, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be synced, and need not be
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
