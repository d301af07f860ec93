"""Messages about jobs: commands in, answers and events out."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ee_core.messages.instants import Instant
from ee_core.messages.wire import Count, ErrorBody, Message, Token


class ExecuteJob(Message):
    """`jobs.execute`: run a workflow. A bare JSON string is a workflow's name."""

    id: Token | None = None  # the job's id; without it one is derived from the message's place in the broker
    workflow: str | dict[str, Any] | list[Any]  # name, name@version, or the definition itself
    bindings: dict[str, Any] | None = None  # with an inline export form: what its activity ids stand for
    inputs: dict[str, Any] = {}  # by name, as the workflow declares them
    owner: str = Field(default="", max_length=200)  # whose job it is; for lists and hooks
    labels: dict[str, str] = {}  # for lists and hooks
    priority: int = Field(default=0, ge=-1000, le=1000)  # a higher one gets bots first
    reply_to: str | None = Field(default=None, max_length=200)  # where a `CommandReply` goes


class CancelJob(Message):
    """`jobs.cancel`: end a job now. A bare JSON string is a job's id."""

    job: Token  # the job's id; one that is not known yet is cancelled when it comes
    reason: str = Field(default="", max_length=1000)  # recorded
    who: str = Field(default="", max_length=200)  # recorded
    reply_to: str | None = Field(default=None, max_length=200)  # where a `CommandReply` goes


class OperateJob(Message):
    """`jobs.operate`: answer an incident."""

    id: Token  # of this action: applied once per job
    job: Token  # whose incident it is
    incident: str = Field(max_length=40)  # its id, as `eectl job show` names it
    action: Literal["retry", "take_result", "skip", "fail", "fire_join"]  # one of the incident's choices
    output: Any = None  # with skip: the output that the node shall have
    who: str = Field(default="", max_length=200)  # recorded
    reason: str = Field(default="", max_length=1000)  # recorded
    reply_to: str | None = Field(default=None, max_length=200)  # where a `CommandReply` goes


class Command(Message):
    """`jobs.command.<partition>`: one of the above on its way to the job's owner."""

    job: Token  # the id that was given or derived
    kind: Literal["execute", "cancel", "operate"]  # what the body is
    body: dict[str, Any]  # the command as it came


class CommandReply(Message):
    """What the sender of a command gets on its `reply_to`, after the first record is durable."""

    job: str | None = None  # its id; none when it was refused before it had one
    status: str = ""  # accepted, known (the same command again), cancelled, finished, applied, unknown (a cancel that came first)
    error: ErrorBody | None = None  # why it was refused; none: it was not


class QueryJobs(Message):
    """`jobs.query`: a question about what is durable; answered by `QueryReply`.

    Two of them change something, and without an answer may be asked again. `release_bot`: a quarantined bot may be used
    again once it proves idle; answered when the lock says so. `prune`: jobs that are over lose their records, and later
    the stub that is left of them; answered when that is durable, and to be asked again while the answer says `more`.
    """

    what: Literal["job", "list", "history", "bots", "engine", "release_bot", "prune"]  # what is asked for
    job: Token | None = None  # with job and history
    filter: dict[
        str, Any
    ] = {}  # with list: status, outcome, workflow, owner, labels, limit, before, tombstones; with prune: before, forget, trial
    at_record: Count | None = None  # with job: as it was after the record of this index; none: as it is
    at: Instant | None = None  # with job: as it was at this instant; none: as it is
    after: int = -1  # with history: records with a higher index, as many as fit one answer
    bot: Token | None = None  # with release_bot: which
    who: str = Field(default="", max_length=200)  # with release_bot: for the engine's log
    reason: str = Field(default="", max_length=1000)  # likewise


class QueryReply(Message):
    """The answer to `QueryJobs`."""

    result: Any = None  # an object or a list, by what was asked for
    error: ErrorBody | None = None  # why there is no answer; none: there is


class JobEvent(Message):
    """`jobs.events.<job>`: one committed event as a CloudEvent (structured mode)."""

    specversion: Literal["1.0"] = "1.0"  # of CloudEvents
    id: str  # "<job>/<record>/<place>"
    source: str  # "/ee/<namespace>/jobs"; "default" in the place of an empty namespace
    type: str  # "ee.job.<EventName>.v1"
    subject: str  # job id
    time: Instant  # when it was recorded
    datacontenttype: Literal["application/json"] = "application/json"  # of `data`
    data: dict[str, Any]  # the event's fields
    record: Count = 0  # the record that holds it: its index in the job's history
