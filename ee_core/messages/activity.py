"""Messages between engine and bots about one attempt."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ee_core.messages.wire import Count, ErrorBody, Message, Token, Visit, WireFence

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

    job: Token
    node: str = Field(max_length=64)
    visit: Visit
    attempt: int = Field(ge=1)
    fence: WireFence | None = None  # None with `_any`
    ledger: str | None = None  # None with `_any`
    activity: str = Field(max_length=64)
    input: Any = None
    input_hash: str = ""
    accept_ms: Count = 10_000
    heartbeat_ms: Count = 15_000
    run_ms: Count | None = None  # what is left of it when the request was made
    idempotency_key: str = Field(max_length=160)  # job/visit
    reply_to: str = Field(max_length=200)  # where answers go; opaque, echoed


class ActivityCancel(Message):
    """`activity.cancel.<bot>`, `activity.cancel._any.<type>`: stop an attempt; ask for proof of idleness."""

    job: Token
    visit: Visit
    attempt: int = Field(ge=1)
    fence: WireFence | None = None
    reply_to: str = Field(max_length=200)


class BotQuery(Message):
    """`activity.query.<bot>`: a claim (no attempt), or a question about one attempt."""

    lease: Count  # the asking engine's lease number
    job: Token | None = None
    visit: Visit | None = None
    attempt: int | None = Field(default=None, ge=1)
    reply_to: str = Field(max_length=200)


class ActivityAck(Message):
    """`activity.ack.<bot>`: the engine has an answer; the bot may stop repeating it."""

    job: Token
    visit: Visit
    attempt: int = Field(ge=1)
    fence: WireFence | None = None
    verdict: Literal["recorded", "late", "unknown"]


class ActivityResponse(Message):
    """`activity.response.<partition>.<bot>`: a bot's word. Who says it stands in the subject."""

    kind: ResponseKindName
    job: Token | None = None  # None with the answer to a claim
    visit: Visit | None = None
    attempt: int | None = Field(default=None, ge=1)
    fence: WireFence | None = None
    output: Any = None
    error: ErrorBody | None = None
    retryable: bool | None = None  # with failed: the author's advice
    retry_after_ms: Count | None = None  # with failed
    progress: float | None = Field(default=None, ge=0, le=1)  # with heartbeat
    text: str = Field(default="", max_length=1000)  # with heartbeat
    ledger: str  # the bot's memory
    instance: str  # new at each start of the bot's process
    highest: WireFence  # the highest fence seen
    lease: Count = 0  # echoed from a claim
    running: RunningAttempt | None = None  # with the answer to a claim: what it does now


class RunningAttempt(Message):
    """The attempt a bot works on."""

    job: Token
    visit: Visit
    attempt: int = Field(ge=1)
    fence: WireFence | None = None


ActivityResponse.model_rebuild()
