"""The provider of secrets ``file``: a folder with one file per secret, as Docker and Kubernetes mount them.

The file's name is the secret's. A newline at its end is taken off, since editors and `echo` put one there, and the mark that
Windows puts before UTF-8. No name and no link leads out of the folder.
"""

from __future__ import annotations

import functools
import logging
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from ee_core.contracts.aside import call_aside
from ee_core.contracts.settings import read_section
from ee_core.errors import ConfigError, SecretError
from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG: Final = logging.getLogger(__name__)
_MAX_BYTES: Final = 64 * 1024


class FileSettings(BaseModel):
    """Where the files are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path | None = Field(
        default=None, description="The folder; it must be given, and hold nothing but secrets for EE."
    )


class FileSecrets:
    """Secrets in files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()  # for whoever reads of it on another machine, or in another folder
        self._told: set[str] = set()  # names of files that others may read

    async def find(self, name: str) -> str | None:
        # it may be a disk that is far away, and does not answer
        return await call_aside(functools.partial(self._read, name), name=f"secret {name}")

    async def list_names(self) -> list[str]:
        return await call_aside(self._list, name="secrets")

    def describe(self, name: str) -> str:
        return f"the file {self._folder / name}"

    def _list(self) -> list[str]:
        try:
            return [each.name for each in self._folder.iterdir() if each.is_file()]
        except OSError as error:
            raise SecretError(f"{self._folder} cannot be listed: {_reason(error)}") from error

    def _read(self, name: str) -> str | None:
        path = self._folder / name
        if not self._folder.is_dir():
            raise SecretError(
                f"there is no folder {self._folder}; make it on the machine that does this work, with a file {name}"
                " in it, or mend the setting secrets.file.folder where this process (an engine or a bot) runs"
            )
        try:
            target = path.resolve(strict=True)
            if not target.is_relative_to(self._folder.resolve(strict=True)):
                raise SecretError(f"{path} leads out of its folder; put the file itself there")
            with open(target, "rb", opener=_open_at_once) as file:
                mode = os.fstat(file.fileno()).st_mode
                if not stat.S_ISREG(mode):
                    raise SecretError(f"{path} is no ordinary file")
                self._look_at_mode(name, mode)
                body = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            raise SecretError(f"{path} cannot be read: {_reason(error)}") from error
        return _to_text(path, body)

    def _look_at_mode(self, name: str, mode: int) -> None:
        if os.name == "nt" or not mode & stat.S_IROTH or name in self._told:
            return
        self._told.add(name)
        _LOG.warning(
            "every user of this machine may read %s; if it has more than one, chmod o-r it",
            self._folder / name,
            extra={"action": "secret_readable"},
        )


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for who writes into a pipe: a thread would wait for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _to_text(path: Path, body: bytes) -> str:
    if len(body) > _MAX_BYTES:
        raise SecretError(f"{path} has more than {_MAX_BYTES} bytes; a secret is smaller")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SecretError(f"{path} is no text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")


@hookimpl
def ee_open_secrets(settings: Mapping[str, Any]) -> FileSecrets:
    """Make the provider; the only setting is `folder`."""
    folder = read_section(FileSettings, settings, "secrets.file").folder
    if folder is None:
        raise ConfigError(
            "the provider of secrets 'file' has no folder; in ee.toml: [secrets.file] folder = \"/run/secrets\""
        )
    return FileSecrets(folder)
