"""What a catalogue plugin promises: where workflows come from when a command names one.

[C1] `find` without a version returns the file whose workflow has that name; with one, that version or nothing.
[C2] Two files with the same name and version are an error naming both, not a choice.
[C3] A file that cannot be read or is no workflow is listed with its fault and hides no other.
[C4] A change of a file is seen by the next call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One workflow file."""

    name: str  # the workflow's own, not the file's
    version: str  # likewise; may be empty
    place: str  # path or address, for messages
    text: bytes  # the file as it is
    bindings: bytes | None = None  # of an export file, where the catalogue keeps them beside it
    fault: str = ""  # why it is no workflow; name is the file's then


@runtime_checkable
class Catalogue(Protocol):
    """A catalogue, open inside its context."""

    async def __aenter__(self) -> Self:
        """Open it.

        The plugin's hook returns the object unopened and touches nothing; whoever uses it says `async with`.
        Opening twice, or again after closing, is an error.

        Raises:
            ConfigError: A setting is wrong; names file or folder.
        """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As `close`; hides no exception."""

    async def find(self, name: str, version: str = "") -> CatalogueEntry | None:
        """Look a workflow up."""

    async def list(self) -> list[CatalogueEntry]:
        """Return all entries, by name, then version."""

    async def close(self) -> None:
        """Give up what is open; idempotent."""
