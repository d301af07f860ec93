"""The JetStream streams behind work, inbox and reply, and how consumers of them are named.

One stream per kind and first word of its subjects, so that ``activity.*`` can be kept less strictly than ``jobs.*``. All
are work queues: a message is gone when it is acknowledged. A stream that is there already is checked and left as the
operator made it; only missing subjects are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ee_core.contracts.broker import ChannelKind
from ee_core.contracts.envelope import overlap
from ee_core.errors import BrokerError, ConfigError
from ee_core.messages.subjects import PATTERNS, Subjects
from ee_nats.connection import ApiError

if TYPE_CHECKING:
    from ee_nats.connection import Connection

STREAM_NOT_FOUND: Final = 10059
NAME_IN_USE: Final = 10058
_ASYNC_SINCE: Final = (2, 12)
_MOST_PER_INBOX: Final = 10_000  # what nobody reads any more must not fill the disk
_MOST_REJECTED: Final = 10_000
# Without these a stream loses messages or hands them out twice; what else it has is the operator's choice.
_ESSENTIAL: Final = {"retention": "workqueue", "discard": "new", "storage": "file"}


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """A stream as EE wants it."""

    name: str
    kind: ChannelKind | None  # None: rejected messages, kept for people
    subjects: tuple[str, ...]  # with the prefix
    is_transport: (
        bool  # healed end to end: a request is repeated until accepted, a response until acknowledged
    )


def plan_streams(prefix: str) -> tuple[StreamPlan, ...]:
    """List the streams of a namespace."""
    named = Subjects(prefix).named
    plans: dict[str, StreamPlan] = {}
    for kind in (ChannelKind.WORK, ChannelKind.INBOX, ChannelKind.REPLY):
        for head in dict.fromkeys(pattern.split(".")[0] for pattern in PATTERNS[kind]):
            subjects = tuple(named(pattern) for pattern in PATTERNS[kind] if pattern.split(".")[0] == head)
            name = stream_name(prefix, f"{kind}-{head}")
            plans[name] = StreamPlan(name, kind, subjects, is_transport=head == "activity")
    name = stream_name(prefix, "rejected")
    plans[name] = StreamPlan(name, None, (named("rejected.>"),), is_transport=False)
    return tuple(plans.values())


def find_plan(plans: tuple[StreamPlan, ...], kind: ChannelKind, pattern: str) -> StreamPlan:
    """Return the one stream that has a subject or pattern.

    Raises:
        BrokerError: None of this kind has, or a pattern spans two.
    """
    found = [
        plan
        for plan in plans
        if plan.kind is kind and any(overlap(pattern, subject) for subject in plan.subjects)
    ]
    if len(found) != 1:
        known = [subject for plan in plans if plan.kind is kind for subject in plan.subjects]
        raise BrokerError(f"{pattern!r} is not a {kind} subject here; those are {', '.join(known)}")
    return found[0]


def stream_name(prefix: str, what: str) -> str:
    """Return a stream's name; a dot may not stand in it."""
    return "-".join(part for part in ("EE", prefix.replace(".", "="), what) if part)


def durable_name(tail: str) -> str:
    """Return the name of the one durable consumer of a pattern, given without the prefix."""
    return tail.replace(".", "=").replace("*", "+").replace(">", "++")


async def ensure_streams(connection: Connection, plans: tuple[StreamPlan, ...]) -> None:
    """Make or check the streams.

    Raises:
        ConfigError: One is missing and may not be made, or it is there and loses messages.
        BrokerUnavailableError: JetStream does not answer. Retryable.
    """
    for plan in plans:
        found = await find_stream(connection, plan.name)
        if found is None:
            found = await _create(connection, plan)
        await _check(connection, plan, found["config"])


async def find_stream(connection: Connection, name: str) -> dict[str, Any] | None:
    """Return what the server says of a stream, or None when there is none."""
    try:
        return await connection.api(f"STREAM.INFO.{name}")
    except ApiError as error:
        if error.err_code == STREAM_NOT_FOUND:
            return None
        raise


async def _create(connection: Connection, plan: StreamPlan) -> dict[str, Any]:
    if not connection.settings.create_streams:
        raise ConfigError(
            f"NATS has no stream {plan.name!r}; make it, or let EE do so with the broker setting create_streams"
        )
    try:
        return await connection.api(f"STREAM.CREATE.{plan.name}", _configuration(connection, plan))
    except ApiError as error:
        found = await find_stream(connection, plan.name) if error.err_code == NAME_IN_USE else None
        if found is None:
            raise ConfigError(f"NATS does not make the stream {plan.name!r}: {error}") from error
        return found  # another client was first


def _configuration(connection: Connection, plan: StreamPlan) -> dict[str, Any]:
    common = {
        "name": plan.name,
        "subjects": list(plan.subjects),
        "storage": "file",
        "num_replicas": connection.settings.replicas,
    }
    if plan.kind is None:
        return common | {"retention": "limits", "discard": "old", "max_msgs": _MOST_REJECTED}
    config = common | _ESSENTIAL
    if plan.kind is ChannelKind.INBOX:
        config |= {"max_msgs_per_subject": _MOST_PER_INBOX, "discard_new_per_subject": True}
    if plan.is_transport and connection.settings.async_transport and connection.version >= _ASYNC_SINCE:
        config["persist_mode"] = "async"
    return config


async def _check(connection: Connection, plan: StreamPlan, config: dict[str, Any]) -> None:
    if plan.kind is not None:
        for field, wanted in _ESSENTIAL.items():
            if config.get(field) != wanted:
                raise ConfigError(
                    f"the stream {plan.name!r} has {field} {config.get(field)!r}, EE needs {wanted!r}; "
                    "change or remove it, or use another prefix"
                )
    missing = [subject for subject in plan.subjects if subject not in config.get("subjects", ())]
    if missing and not connection.settings.create_streams:
        raise ConfigError(f"the stream {plan.name!r} lacks the subject {missing[0]!r}; add it")
    if missing:
        await connection.api(
            f"STREAM.UPDATE.{plan.name}", config | {"subjects": [*config.get("subjects", ()), *missing]}
        )
