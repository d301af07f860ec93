"""The memory broker's broadcasts: whoever reads now gets them, nobody else ever does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ee_core.contracts.envelope import is_pattern, make_matcher
from ee_core.local.reader import MemoryDelivery, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.local.reader import Message

_log = logging.getLogger(__name__)
_MOST_READY: Final = 65_536  # who does not read loses what comes after these


class Fan:
    """The readers of broadcasts."""

    def __init__(self, check_open: Callable[[], None]) -> None:
        self.check_open = check_open
        self._exact: dict[str, list[BroadcastReader]] = {}
        self._wild: list[tuple[Callable[[str], object], BroadcastReader]] = []

    def put(self, message: Message) -> None:
        """Hand a message to all that match."""
        for reader in self._exact.get(message.subject, ()):
            self._give(reader, message)
        for matches, reader in self._wild:
            if matches(message.subject):
                self._give(reader, message)

    def add(self, reader: BroadcastReader) -> None:
        """Let a reader take part."""
        if is_pattern(reader.pattern):
            self._wild.append((make_matcher(reader.pattern), reader))
        else:
            self._exact.setdefault(reader.pattern, []).append(reader)

    def remove(self, reader: BroadcastReader) -> None:
        """Let a reader go."""
        if is_pattern(reader.pattern):
            self._wild = [entry for entry in self._wild if entry[1] is not reader]
            return
        readers = self._exact[reader.pattern]
        readers.remove(reader)
        if not readers:
            del self._exact[reader.pattern]

    def close(self) -> None:
        """End all readers."""
        for reader in [
            *(each for readers in self._exact.values() for each in readers),
            *(each for _, each in self._wild),
        ]:
            reader.leave()

    def _give(self, reader: BroadcastReader, message: Message) -> None:
        if len(reader.ready) < _MOST_READY:
            reader.push(message)
        else:
            _log.warning(
                "the consumer of %r is behind; a broadcast is lost",
                reader.pattern,
                extra={"action": "broadcast_lost"},
            )


class BroadcastReader(Reader):
    """A consumer of broadcasts; settling one means nothing."""

    def __init__(self, pattern: str, fan: Fan) -> None:
        super().__init__(pattern)
        self._fan = fan

    def join(self) -> None:
        self._fan.check_open()
        self._fan.add(self)

    def part(self) -> None:
        self._fan.remove(self)

    def hand_out(self, message: Message) -> MemoryDelivery:
        message.attempt = 1  # shared with the other readers, none of which counts
        return MemoryDelivery(message, self)

    def settle(self, delivery: MemoryDelivery) -> None:
        self._fan.check_open()

    def retry(self, delivery: MemoryDelivery, delay_s: float) -> None:
        self._fan.check_open()
