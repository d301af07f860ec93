"""The JetStream stream of a namespace's lock records and engine keys: read, and written by compare-and-set.

One message per subject, the last one: ``locks.bot.<bot>`` holds a record and never expires, ``locks.engine.<engine>``
holds a key and does. Raw publishes with headers, since the client's key-value class renews without a life time, and then
a key never expires. Reads ask the stream's leader, never a replica that may be behind.

A stream that is lost is made again, empty: numbers go on from the clock and the bots.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ee_core.errors import BrokerError, BrokerUnavailableError, ConfigError, LockError, LockUnavailableError
from ee_core.messages.subjects import check_token
from ee_nats.connection import ApiError, NoResponderError
from ee_nats.streams import NAME_IN_USE, STREAM_NOT_FOUND, find_stream, stream_name

if TYPE_CHECKING:
    from ee_nats.connection import Connection

BOTS: Final = "locks.bot"
ENGINES: Final = "locks.engine"

_NO_MESSAGE: Final = 10037
_WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})  # the second one while another write is in flight
# Right the first time: switching life times or their markers on later has broken expiry in the server (#6920).
_ESSENTIAL: Final[dict[str, Any]] = {
    "retention": "limits",
    "discard": "old",
    "storage": "file",
    "max_msgs_per_subject": 1,
    "allow_msg_ttl": True,
    "allow_direct": False,
}
# What would remove records, or leave something in the place of expired keys; absent, zero or -1 as the server likes.
_UNWANTED: Final = ("max_msgs", "max_bytes", "max_age", "subject_delete_marker_ttl")


_MOST_UNANSWERED: Final = 64


class RefusedError(Exception):
    """The subject's last message is not the expected one; nothing was written."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The last message of a subject."""

    sequence: int
    body: bytes


class Unanswered:
    """Names of writes to one subject that may have been done, and be found there later.

    The oldest are forgotten: then one's own write counts as another's, which is safe.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Remember a write before it is sent."""
        self._names[name] = None
        if len(self._names) > _MOST_UNANSWERED:
            del self._names[next(iter(self._names))]

    def discard(self, name: str) -> None:
        """Forget a write that was refused."""
        self._names.pop(name, None)

    def clear(self) -> None:
        """Forget all: a later write was done, and whatever is still under way expects an older message."""
        self._names.clear()

    def __contains__(self, name: str) -> bool:
        return name in self._names


class LockStream:
    """The stream, on an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.name = stream_name(connection.prefix, "locks")

    def bot_subject(self, bot: str) -> str:
        """Return where a bot's record lies."""
        return self._connection.named(f"{BOTS}.{check_token(bot, 'bot')}")

    @property
    def all_bots(self) -> str:
        """The pattern of all records."""
        return self._connection.named(f"{BOTS}.*")

    def engine_subject(self, engine: str) -> str:
        """Return where an engine's key lies."""
        return self._connection.named(f"{ENGINES}.{check_token(engine, 'engine')}")

    async def ensure(self) -> None:
        """Make or check the stream.

        Raises:
            ConfigError: It is missing and may not be made, or it is there and would lose records.
            LockUnavailableError: JetStream does not answer. Retryable.
        """
        try:
            found = await find_stream(self._connection, self.name) or await self._create()
        except BrokerUnavailableError as error:
            raise LockUnavailableError(f"the locks are out of reach: {error}") from error
        self._check(found["config"])

    async def get(self, subject: str) -> Stored | None:
        """Return the last message of a subject; None when there is none.

        Raises:
            LockUnavailableError: JetStream does not answer. Retryable.
        """
        try:
            answer = await self._connection.api(f"STREAM.MSG.GET.{self.name}", {"last_by_subj": subject})
        except ApiError as error:
            if error.err_code == _NO_MESSAGE:
                return None
            if error.err_code == STREAM_NOT_FOUND:
                await self.restore()
                return None
            raise LockError(str(error)) from error
        except BrokerUnavailableError as error:
            raise LockUnavailableError(f"the locks are out of reach: {error}") from error
        message = answer["message"]
        return Stored(message["seq"], base64.b64decode(message.get("data", "")))

    async def put(self, subject: str, body: bytes, *, expected: int, ttl_s: float | None = None) -> int:
        """Write the subject's last message if the one before is the expected one; return its sequence.

        Args:
            expected: Its sequence; 0: there is none.
            ttl_s: Rounded up to whole seconds, which is all that the server knows.

        Raises:
            RefusedError: It is another one.
            LockUnavailableError: No answer in time; it may be written. Retryable.
            LockError: JetStream refuses for another reason; nothing was written.
        """
        headers = {"Nats-Expected-Last-Subject-Sequence": str(expected)}
        if ttl_s is not None:
            headers["Nats-TTL"] = str(max(1, math.ceil(ttl_s)))
        try:
            answer = await self._connection.request(subject, body, headers=headers)
        except NoResponderError:  # the stream was lost, and with it what was expected
            await self.restore()
            raise RefusedError from None
        except BrokerUnavailableError as error:
            raise LockUnavailableError(f"the lock on {subject!r} has no answer: {error}") from error
        sequence = _read_sequence(subject, json.loads(answer))
        self._connection.outage.end()
        return sequence

    async def restore(self) -> None:
        """Make the stream again if it was lost.

        Raises:
            LockUnavailableError: It is not there. Retryable.
        """
        try:
            await self.ensure()
        except (ConfigError, BrokerError) as error:
            raise LockUnavailableError(f"the locks were lost, and cannot be made again: {error}") from error

    @property
    def _subjects(self) -> list[str]:
        return [self.all_bots, self._connection.named(f"{ENGINES}.*")]

    async def _create(self) -> dict[str, Any]:
        connection = self._connection
        if not connection.settings.create_streams:
            raise ConfigError(
                f"NATS has no stream {self.name!r} for locks; make it, or let EE do so with the setting create_streams"
            )
        config = _ESSENTIAL | {
            "name": self.name,
            "subjects": self._subjects,
            "num_replicas": connection.settings.replicas,
        }
        try:
            return await connection.api(f"STREAM.CREATE.{self.name}", config)
        except ApiError as error:
            found = await find_stream(connection, self.name) if error.err_code == NAME_IN_USE else None
            if found is None:
                raise ConfigError(f"NATS does not make the stream {self.name!r}: {error}") from error
            return found  # another client was first

    def _check(self, config: dict[str, Any]) -> None:
        wrong = [name for name, wanted in _ESSENTIAL.items() if config.get(name, False) != wanted]
        wrong += [name for name in _UNWANTED if config.get(name, 0) not in (0, -1)]
        if not set(self._subjects) <= set(config.get("subjects", ())):
            wrong.append("subjects")
        if wrong:
            raise ConfigError(
                f"the stream {self.name!r} has {wrong[0]} {config.get(wrong[0])!r}, with which locks would be lost; "
                "remove the stream while no engine runs, or use another namespace"
            )


def _read_sequence(subject: str, answer: dict[str, Any]) -> int:
    if "error" not in answer:
        return int(answer["seq"])
    error = ApiError(f"JetStream did not write the lock on {subject!r}", answer["error"])
    if error.err_code in _WRONG_LAST_SEQUENCE:
        raise RefusedError from error
    if error.status == 503:  # without a leader
        raise LockUnavailableError(str(error)) from error
    raise LockError(str(error)) from error
