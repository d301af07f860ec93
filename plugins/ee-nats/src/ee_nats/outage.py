"""Tells once that a server is out of reach, and once that it is back, whatever connections this process has to it.

Each call that fails meanwhile raises an error that is marked as told, so that who carries on need not log it again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import nats.errors

from ee_core.contracts.outage import level_of
from ee_core.errors import BrokerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Hashable

_log = logging.getLogger(__name__)
_REASONS: Final[dict[type[BaseException], str]] = {
    nats.errors.UnexpectedEOF: "it closed the connection",
    nats.errors.StaleConnectionError: "it answers no pings",
    TimeoutError: "it does not answer",
    ConnectionRefusedError: "nobody listens there",
    ConnectionError: "it closed the connection",
}
_outages: WeakValueDictionary[str, _Ground] = WeakValueDictionary()


class _Ground:
    """What all connections to one server share: since when it is gone, and for which of them."""

    def __init__(self) -> None:
        self.members: set[Hashable] = set()
        self.since_s = 0.0


class Outage:
    """One connection's view."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._ground = _outages.setdefault(address, _Ground())

    @property
    def is_on(self) -> bool:
        """Whether the server is out of reach of this connection, and that was told."""
        return self in self._ground.members

    def begin(self, reason: str, *, is_up: bool = False) -> None:
        """Tell that the server is gone, if no connection of this process has told it.

        Args:
            is_up: It is there, and its JetStream is not.
        """
        is_first = not self._ground.members
        self._ground.members.add(self)
        if is_first:
            self._ground.since_s = asyncio.get_running_loop().time()
            _log.warning(
                "the NATS server at %s %s (%s): work goes on, answers are kept and sent when it is back; %s if it stays"
                " away",
                self._address,
                "serves no JetStream" if is_up else "is gone",
                reason,
                "start it with -js, or see to its cluster," if is_up else "start it",
                extra={"action": "broker_lost"},
            )

    def end(self) -> None:
        """Tell that the server is back, when it is for all connections of this process."""
        if self.is_on:
            self.leave()
            if not self._ground.members:
                _log.warning(
                    "the NATS server at %s is back after %.0f s",
                    self._address,
                    asyncio.get_running_loop().time() - self._ground.since_s,
                    extra={"action": "broker_regained"},
                )

    def leave(self) -> None:
        """Be no part of it any more: the connection is closed."""
        self._ground.members.discard(self)

    def level_of(self, error: BaseException) -> int:
        """Return how loud a failure is to be logged: quietly when the server is out of reach, which was told."""
        return logging.INFO if self.is_on else level_of(error)

    def make_error(self, text: str) -> BrokerUnavailableError:
        """Return an error for a call that fails now; marked as told when it fails of what was told."""
        error = BrokerUnavailableError(text)
        error.is_told = self.is_on
        return error


def find_reason(error: BaseException) -> str | None:
    """Return in words why a connection ended, or could not be made; None when the server itself refuses something."""
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            return reason
    return str(error) if isinstance(error, OSError) else None
