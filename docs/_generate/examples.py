"""An example of each message; the models check them, and the page shows them as the models write them."""

from __future__ import annotations

from typing import Any, Final

_JOB: Final = "j53cf0d596781712f63e80ba"
_REPLY: Final = "activity.response.0.pc-7"
_FENCE: Final = [1795579745467009, 1]
_ATTEMPT: Final[dict[str, Any]] = {"job": _JOB, "visit": "post#1", "attempt": 1, "fence": _FENCE}
_BOT: Final[dict[str, Any]] = {"ledger": "kZ1cQ0yq", "instance": "b81Lw3Xe", "highest": _FENCE}

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "ExecuteJob": {
        "id": "invoice-4711",
        "workflow": "invoice@2",
        "inputs": {"invoice": "4711"},
        "owner": "accounting",
        "labels": {"month": "2026-11"},
        "priority": 5,
        "reply_to": "_INBOX.kP3x",
    },
    "CancelJob": {"job": "invoice-4711", "reason": "paid twice", "who": "ada"},
    "OperateJob": {
        "id": "o-17",
        "job": _JOB,
        "incident": "i1",
        "action": "retry",
        "who": "ada",
        "reason": "looked at it",
    },
    "CommandReply": {"job": "invoice-4711", "status": "accepted"},
    "Command": {"job": "invoice-4711", "kind": "cancel", "body": {"v": 1, "job": "invoice-4711"}},
    "QueryJobs": {"what": "list", "filter": {"status": "Processing", "limit": 20}},
    "QueryReply": {
        "error": {"code": "not_found", "text": "job 'invoice-4712' is not known; see `eectl job list`"}
    },
    "JobEvent": {
        "id": f"{_JOB}/3/0",
        "source": "/ee/default/jobs",
        "type": "ee.job.AttemptSucceeded.v1",
        "subject": _JOB,
        "time": "2026-11-25T03:14:15.000001Z",
        "data": {"e": "AttemptSucceeded", "visit": "post#1", "attempt": 1, "output": {"posted": True}},
        "record": 3,
    },
    "ActivityRequest": {
        **_ATTEMPT,
        "node": "post",
        "ledger": "kZ1cQ0yq",
        "activity": "invoice.post",
        "input": {"journal": "journal.txt", "seconds": 2},
        "input_hash": "9f2c...",
        "accept_ms": 10_000,
        "heartbeat_ms": 15_000,
        "run_ms": 120_000,
        "idempotency_key": f"{_JOB}/post#1",
        "reply_to": _REPLY,
    },
    "ActivityCancel": {**_ATTEMPT, "reply_to": _REPLY},
    "BotQuery": {"lease": 1795579745467009, "reply_to": _REPLY},
    "ActivityResponse": {"kind": "succeeded", **_ATTEMPT, "output": {"posted": True}, **_BOT},
    "RunningAttempt": _ATTEMPT,
    "ActivityAck": {**_ATTEMPT, "verdict": "recorded"},
    "BotHello": {
        "bot": "pc-7",
        "activities": ["invoice.post", "invoice.read"],
        "labels": {"app": "erp"},
        "interval_ms": 5000,
        **_BOT,
    },
    "BotsCall": {},
    "ErrorBody": {"code": "record_locked", "text": "invoice 4711 is open on another screen"},
}
