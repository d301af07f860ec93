"""The page of messages and its JSON Schema, from the models of the wire."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import examples
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from source import code, field_notes, markdown, member_notes, page, parse_docstring, table

from ee_core.bot import judge
from ee_core.messages import activity, bots, jobs, wire
from ee_core.messages.subjects import PATTERNS


@dataclass(frozen=True)
class Row:
    """One subject."""

    subject: str
    pattern: str
    body: type[BaseModel]
    way: str


ROWS = (
    Row("jobs.execute", "jobs.execute", jobs.ExecuteJob, "client to engine"),
    Row("jobs.cancel", "jobs.cancel", jobs.CancelJob, "client to engine"),
    Row("jobs.operate", "jobs.operate", jobs.OperateJob, "client to engine"),
    Row("jobs.command.<partition>", "jobs.command.*", jobs.Command, "engine to the job's owner"),
    Row("jobs.query", "jobs.query", jobs.QueryJobs, "client to engine"),
    Row("jobs.events.<job>", "jobs.events.*", jobs.JobEvent, "engine to whoever watches"),
    Row("activity.execute.<bot>", "activity.execute.*", activity.ActivityRequest, "engine to bot"),
    Row(
        "activity.execute._any.<type>",
        "activity.execute._any.>",
        activity.ActivityRequest,
        "engine to any worker",
    ),
    Row("activity.cancel.<bot>", "activity.cancel.*", activity.ActivityCancel, "engine to bot"),
    Row(
        "activity.cancel._any.<type>",
        "activity.cancel._any.>",
        activity.ActivityCancel,
        "engine to all workers",
    ),
    Row("activity.query.<bot>", "activity.query.*", activity.BotQuery, "engine to bot"),
    Row("activity.ack.<bot>", "activity.ack.*", activity.ActivityAck, "engine to bot"),
    Row(
        "activity.response.<partition>.<bot>",
        "activity.response.*.*",
        activity.ActivityResponse,
        "bot to engine",
    ),
    Row("activity.response", "activity.response", activity.ActivityResponse, "bot to engine"),
    Row("bots.hello", "bots.hello", bots.BotHello, "bot to engines"),
    Row("bots.heartbeat.<bot>", "bots.heartbeat.*", bots.BotHello, "bot to engines"),
    Row("bots.call", "bots.call", bots.BotsCall, "engine to bots"),
)
MODELS = (
    jobs.ExecuteJob, jobs.CancelJob, jobs.OperateJob, jobs.CommandReply, jobs.Command, jobs.QueryJobs,
    jobs.QueryReply, jobs.JobEvent, activity.ActivityRequest, activity.ActivityCancel, activity.BotQuery,
    activity.ActivityResponse, activity.RunningAttempt, activity.ActivityAck, bots.BotHello, bots.BotsCall,
    wire.ErrorBody,
)  # fmt: skip
_KINDS = {pattern: kind for kind, patterns in PATTERNS.items() for pattern in patterns}
_MEANS = {
    "work": "each message is taken once, by one of the readers; durable",
    "inbox": "one reader; held until it reads",
    "reply": "durable until it is acknowledged",
    "broadcast": "whoever listens at that moment; best effort",
    "request": "a question with one answer; best effort",
}


def make() -> str:
    """Return the page."""
    subjects = [
        (
            code(row.subject),
            _KINDS[row.pattern],
            f"[{row.body.__name__}](#{row.body.__name__.lower()})",
            row.way,
        )
        for row in ROWS
    ]
    parts = ["## Subjects", table(("subject", "kind", "body", "way"), subjects), _SUBJECTS]
    parts += [table(("kind", "means"), list(_MEANS.items())), "## Types", _TYPES, "## Models"]
    for model in MODELS:
        parts += _describe(model)
    return page("Messages", _INTRO, *parts, "## How a bot judges", _JUDGE, *_judgement())


def _judgement() -> list[str]:
    """Return the table in the docstring of the bot's judge, and what its words mean."""
    text = judge.__doc__ or ""
    head, *rows = re.findall(
        r"^(?!=)(\S.*?)  +(.+?)  +(\S+(?: \S+)*)  +(\S+(?: \S+)*)  +(\S+(?: \S+)*)$", text, re.MULTILINE
    )
    words = [(code(word), meaning) for word, meaning in member_notes(judge.Verdict)]
    return [table(head, rows), table(("word", "do and answer"), words)]


def make_schema() -> str:
    """Return the JSON Schema of all models."""
    _, schema = models_json_schema(
        [(model, "validation") for model in MODELS], ref_template="#/$defs/{model}"
    )
    for model in MODELS:
        own = schema["$defs"][model.__name__]
        own["description"] = " ".join(own.get("description", "").replace("`", "").split())
        for name, text in _notes(model).items():
            own["properties"][name]["description"] = text.replace("`", "")
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messages of EE, version 1",
        **schema,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _describe(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()
    required = schema.get("required", ())
    notes = _notes(model)
    rows = [
        (
            code(name),
            _type(member),
            "must be given" if name in required else _default(member),
            markdown(notes.get(name, "")),
        )
        for name, member in schema["properties"].items()
        if name != "v"
    ]
    parts = [f"### {model.__name__}", markdown(parse_docstring(model.__doc__).summary)]
    if rows:
        parts.append(table(("field", "type", "default", "meaning"), rows))
    return [*parts, f"```json\n{_example(model)}\n```"]


def _notes(model: type[BaseModel]) -> dict[str, str]:
    kinds = [
        kind for kind in reversed(model.__mro__) if issubclass(kind, BaseModel) and kind is not BaseModel
    ]
    return {one.name: one.note for kind in kinds for one in field_notes(kind)}


def _example(model: type[BaseModel]) -> str:
    """Return an example as the model itself writes it."""
    value = examples.EXAMPLES[model.__name__]
    made = model.model_validate(value)
    written = json.loads(made.model_dump_json(exclude_none=True, exclude_unset=True))
    return json.dumps(
        {"v": 1, **written} if "v" in model.model_fields else written, indent=2, ensure_ascii=False
    )


def _default(member: dict[str, Any]) -> str:
    default = member.get("default")
    return "" if default is None else code(json.dumps(default))


def _type(member: dict[str, Any]) -> str:  # noqa: PLR0911 - one return for each form of JSON Schema
    if "anyOf" in member:
        return " or ".join(_type(one) for one in member["anyOf"] if one.get("type") != "null")
    if "$ref" in member:
        name = member["$ref"].rsplit("/", 1)[-1]
        return "fence" if name == "Fence" else f"[{name}](#{name.lower()})"
    if "const" in member:
        return code(json.dumps(member["const"]))
    if "enum" in member:
        return ", ".join(code(one) for one in member["enum"])
    kind = member.get("type")
    if kind == "string":
        return _text(member)
    if kind in {"integer", "number"}:
        return kind + _bounds(member)
    if kind == "array":
        if "prefixItems" in member:
            return "fence"
        return f"list of {_type(member['items'])}" if member.get("items") else "list"
    if kind == "object":
        inner = member.get("additionalProperties")
        return f"object of {_type(inner)}" if isinstance(inner, dict) and inner else "object"
    return "boolean" if kind == "boolean" else "any JSON"


def _text(member: dict[str, Any]) -> str:
    if member.get("format") == "date-time":
        return "instant"
    pattern = str(member.get("pattern", ""))
    if "#[1-9]" in pattern:
        return "visit"
    if pattern:
        return "id"
    return f"text, at most {member['maxLength']}" if "maxLength" in member else "text"


def _bounds(member: dict[str, Any]) -> str:
    low, high = member.get("minimum"), member.get("maximum")
    if high == wire.MAX_INTEGER:
        high = None
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None else ""


_INTRO = """All that a client or a bot in any language needs. A message is one JSON object in UTF-8, at most 1 MiB, without
duplicate keys and NaN. It has `"v": 1`; another version is refused by name, unknown fields are passed over. A field that
has no value is left out. The models are also a [JSON Schema](messages.schema.json)."""
_SUBJECTS = """A namespace, if the [setting](settings.md) has one, stands before every subject, with a dot. A bot is what the last
word of its subject says, never what a body says. `activity.response` alone is for brokers without authentication: there
the body cannot be held against the subject."""
_JUDGE = """What a bot does with a request, a cancel or a question follows from what it remembers: its ledger first (a request that
names another one is `WRONG_LEDGER`, whatever else it says), then the attempt, then the fence. The highest fence rises with what
is begun and with claims, never with what is refused. A claim of a lease below the highest is `STALE`."""
_TYPES = """| type | is |
| --- | --- |
| id | 1 to 64 of `A-Za-z0-9_-`, the first not `_` |
| visit | `<node>#<k>`, as `post#1` |
| fence | `[lease, n]`, two integers, compared in order: one bot's fences only rise |
| instant | RFC 3339 in UTC with microseconds, as `2026-11-25T03:14:15.000001Z` |
| integer | below 2^53; names that end in `_ms` are milliseconds |"""
