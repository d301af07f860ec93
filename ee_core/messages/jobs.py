"""Messages about jobs: commands in, answers and events out."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ee_core.messages.instants import Instant
from ee_core.messages.wire import Count, ErrorBody, Message, Token


class ExecuteJob(Message):
    """`jobs.execute`: run a workflow. A bare JSON string is a workflow's name."""

    id: Token | None = None  # the job's id; None: derived from the message's place in the broker
    workflow: str | dict[str, Any] | list[Any]  # name, name@version, or the definition itself
    bindings: dict[str, Any] | None = None  # with an inline export form
    inputs: dict[str, Any] = {}
    owner: str = Field(default="", max_length=200)
    labels: dict[str, str] = {}
    priority: int = Field(default=0, ge=-1000, le=1000)
    reply_to: str | None = Field(default=None, max_length=200)


class CancelJob(Message):
    """`jobs.cancel`: end a job now. A bare JSON string is a job's id."""

    job: Token
    reason: str = Field(default="", max_length=1000)
    who: str = Field(default="", max_length=200)
    reply_to: str | None = Field(default=None, max_length=200)


class OperateJob(Message):
    """`jobs.operate`: answer an incident."""

    id: Token  # of this action: applied once per job
    job: Token
    incident: str = Field(max_length=40)
    action: Literal["retry", "take_result", "skip", "fail", "fire_join"]
    output: Any = None  # with skip
    who: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=1000)
    reply_to: str | None = Field(default=None, max_length=200)


class Command(Message):
    """`jobs.command.<partition>`: one of the above on its way to the job's owner."""

    job: Token
    kind: Literal["execute", "cancel", "operate"]
    body: dict[str, Any]


class CommandReply(Message):
    """What the sender of a command gets on its `reply_to`, after the first record is durable."""

    job: str | None = None
    status: str = ""  # accepted, known, cancelled, applied, finished
    error: ErrorBody | None = None


class QueryJobs(Message):
    """`jobs.query`: a question about what is durable; answered by `QueryReply`."""

    what: Literal["job", "list", "history", "bots", "engine"]
    job: Token | None = None
    filter: dict[str, Any] = {}
    after: int = -1  # with history: records with a higher index


class QueryReply(Message):
    """The answer to `QueryJobs`."""

    result: Any = None
    error: ErrorBody | None = None


class JobEvent(Message):
    """`jobs.events.<job>`: one committed event as a CloudEvent (structured mode)."""

    specversion: Literal["1.0"] = "1.0"
    id: str  # "<job>/<record>/<place>"
    source: str
    type: str  # "ee.job.<EventName>.v1"
    subject: str  # job id
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]
    record: Count = 0
