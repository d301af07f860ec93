"""What each side may do on a NATS server: permissions by which a bot can read its own subjects only, and answer as itself.

Identity is the subject: a bot's answers count by the subject that they came on, so a server that lets a bot publish on
its own alone makes a forged answer impossible. Each user has an inbox of its own, since whoever may read ``_INBOX.>``
reads what the others are answered.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, Literal

from ee_core.contracts.broker import ChannelKind
from ee_core.messages.subjects import Subjects, check_token
from ee_nats.streams import durable_name, find_plan, plan_streams

if TYPE_CHECKING:
    from collections.abc import Iterable

Role = Literal["engine", "client", "bot"]

_API: Final = "$JS.API"
_ALL_PARTITIONS: Final = "*"
_ANSWERS: Final = "_INBOX.>"  # to commands: of all clients, whatever their namespace


def permissions_of(role: Role, name: str, prefix: str) -> dict[str, Any]:
    """Return the permissions of a user, as nats-server's configuration has them.

    Args:
        name: The user's; a bot's is its id.
        prefix: The namespace; may be empty.

    Raises:
        MessageError: A bot's name is no id.
    """
    make = {"engine": _engine, "client": _client, "bot": _bot}[role]
    publish, subscribe = make(name, Subjects(prefix))
    return {
        "publish": {"allow": publish},
        "subscribe": {"allow": [*subscribe, f"{inbox_of(name)}.>"]},
        "allow_responses": role == "engine",  # it answers questions, on the asker's inbox
    }


def inbox_of(name: str) -> str:
    """Return the user's inbox, for its setting ``broker.inbox_prefix``."""
    return f"_INBOX_{name}"


def variable_of(name: str) -> str:
    """Return the variable in nats-server's environment that holds the user's password."""
    return "EE_PASSWORD_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def to_configuration(users: Iterable[tuple[Role, str]], prefix: str) -> str:
    """Return the section ``authorization`` of a server's configuration, with passwords from its environment."""
    lines = ["authorization {", "  users: ["]
    for role, name in users:
        lines += [
            f"    # {role} {name}: EE_BROKER_USER={name} EE_BROKER_PASSWORD=... EE_BROKER_INBOX_PREFIX={inbox_of(name)}"
            + ("" if role == "engine" else " EE_BROKER_CREATE_STREAMS=false"),
            f"    {{ user: {json.dumps(name)}, password: ${variable_of(name)}, permissions: {{",
            *(f"      {line}" for line in _to_lines(permissions_of(role, name, prefix))),
            "    } }",
        ]
    return "\n".join([*lines, "  ]", "}", ""])


def _to_lines(permissions: dict[str, Any]) -> list[str]:
    lines = []
    for verb in ("publish", "subscribe"):
        allowed = permissions[verb]["allow"]
        lines += [f"{verb}: {{ allow: [", *(f"  {json.dumps(subject)}" for subject in allowed), "] }"]
    return [*lines, f"allow_responses: {str(permissions['allow_responses']).lower()}"]


def _engine(name: str, subjects: Subjects) -> tuple[list[str], list[str]]:
    """Everything of the namespace, JetStream, and answers to commands."""
    del name
    own = subjects.named(">")
    return [own, f"{_API}.>", "$JS.ACK.>", _ANSWERS], [own]


def _client(name: str, subjects: Subjects) -> tuple[list[str], list[str]]:
    """Give commands, ask, and see what happens."""
    del name
    publish = [subjects.execute_job, subjects.cancel_job, subjects.operate_job, subjects.query_jobs]
    listen = [subjects.job_events("*"), _ANSWERS, subjects.bots_hello]
    return [*publish, *_looks(subjects)], listen


def _bot(name: str, subjects: Subjects) -> tuple[list[str], list[str]]:
    """Read what is sent to this bot, and answer as this bot."""
    bot = check_token(name, "bot")
    publish = [
        subjects.response(_ALL_PARTITIONS, bot),
        subjects.bot_heartbeat(bot),
        subjects.named("rejected.messages"),
        *_looks(subjects),
    ]
    for subject in (subjects.execute(bot), subjects.cancel(bot), subjects.query_bot(bot), subjects.ack(bot)):
        stream = find_plan(plan_streams(subjects.prefix), ChannelKind.INBOX, subject).name
        durable = durable_name(subjects.tail(subject))
        publish += [
            f"{_API}.CONSUMER.CREATE.{stream}.{durable}.{subject}",
            f"{_API}.CONSUMER.MSG.NEXT.{stream}.{durable}",
            f"$JS.ACK.{stream}.{durable}.>",
        ]
    return publish, [subjects.bots_call, subjects.bots_hello]


def _looks(subjects: Subjects) -> list[str]:
    """What every broker asks of the server when it opens: whether JetStream and the streams are there."""
    return [f"{_API}.INFO", *(f"{_API}.STREAM.INFO.{plan.name}" for plan in plan_streams(subjects.prefix))]
