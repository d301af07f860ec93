"""Messages between engine and bots about one attempt."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ee_core.messages.wire import Count, ErrorBody, Message, Token, Visit, WireFence
from ee_core.model.references import Path

ResponseKindName = Literal[
    "accepted",
    "heartbeat",
    "succeeded",
    "failed",
    "stopped",
    "lost",
    "stale",
    "busy",
    "wrong_ledger",
    "conflict",
    "idle",
]


class ActivityRequest(Message):
    """`activity.execute.<bot>` and `activity.execute._any.<type>`: carry out an attempt."""

    job: Token  # whose attempt it is
    node: str = Field(max_length=64)  # the node's id
    visit: Visit  # the token at the node, `node#k`
    attempt: int = Field(ge=1)  # counts all attempts of the visit, from 1
    fence: WireFence | None = None  # the assignment's number; none with `_any`
    ledger: str | None = None  # the bot's memory that is meant; none with `_any`
    activity: str = Field(max_length=64)  # the activity type
    input: Any = None  # for the activity, expressions evaluated; the same for all attempts of the visit
    # paths into `input`, of keys and places: a text there is `secret:NAME` and stands for a secret; any other text that
    # reads so is only a text; none: no path
    secrets: list[list[str | int]] | None = None
    input_hash: str = ""  # hex SHA-256 of its canonical JSON; another one for a known attempt is a conflict
    accept_ms: Count = 10_000  # so soon the engine wants `accepted`
    heartbeat_ms: Count = 15_000  # so soon it wants each next sign of life
    run_ms: Count | None = None  # so long the attempt may still run; none: no limit
    idempotency_key: str = Field(max_length=160)  # `job/visit`: the same for all attempts
    reply_to: str = Field(max_length=200)  # where answers go; opaque, echoed

    @property
    def references(self) -> tuple[Path, ...]:
        """The paths of `secrets`."""
        return tuple(map(tuple, self.secrets or ()))


class ActivityCancel(Message):
    """`activity.cancel.<bot>`, `activity.cancel._any.<type>`: stop an attempt; ask for proof of idleness."""

    job: Token  # as in the request
    visit: Visit  # as in the request
    attempt: int = Field(ge=1)  # as in the request
    fence: WireFence | None = None  # as in the request
    reply_to: str = Field(max_length=200)  # where the answer goes


class BotQuery(Message):
    """`activity.query.<bot>`: a claim (no attempt), or a question about one attempt."""

    lease: Count  # the asking engine's lease number
    job: Token | None = None  # with a question: whose attempt
    visit: Visit | None = None  # with a question
    attempt: int | None = Field(default=None, ge=1)  # with a question; none: a claim
    reply_to: str = Field(max_length=200)  # where the answer goes


class ActivityAck(Message):
    """`activity.ack.<bot>`: the engine has an answer; the bot may stop repeating it."""

    job: Token  # as in the request
    visit: Visit  # as in the request
    attempt: int = Field(ge=1)  # as in the request
    fence: WireFence | None = None  # as in the request
    verdict: Literal[
        "recorded", "late", "unknown"
    ]  # recorded: it counts; late: the attempt had ended; unknown: no such job


class ActivityResponse(Message):
    """`activity.response.<partition>.<bot>`: a bot's word. Who says it stands in the subject."""

    kind: ResponseKindName  # what the bot says
    job: Token | None = None  # as in the request; none with the answer to a claim
    visit: Visit | None = None  # as in the request
    attempt: int | None = Field(default=None, ge=1)  # as in the request
    fence: WireFence | None = None  # as in the request
    output: Any = None  # with succeeded: the result, plain JSON
    error: ErrorBody | None = None  # with failed and lost
    retryable: bool | None = None  # with failed: whether the author thinks that trying again may help
    retry_after_ms: Count | None = None  # with failed: not sooner than this
    progress: float | None = Field(default=None, ge=0, le=1)  # with heartbeat: how far it is
    text: str = Field(default="", max_length=1000)  # with heartbeat: what it does, for people
    ledger: str  # the bot's memory
    instance: str  # new at each start of the bot's process
    highest: WireFence  # the highest fence seen
    lease: Count = 0  # echoed from a claim
    running: RunningAttempt | None = None  # with the answer to a claim: what it does now


class RunningAttempt(Message):
    """The attempt a bot works on."""

    job: Token  # whose attempt it is
    visit: Visit  # the token at the node
    attempt: int = Field(ge=1)  # its number
    fence: WireFence | None = None  # the assignment's number


ActivityResponse.model_rebuild()
