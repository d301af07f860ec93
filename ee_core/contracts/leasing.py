"""How a bot's lock record changes, and how it is written: the rules that every lock provider keeps alike.

A provider adds what differs: where records lie, how a change is made conditional on what was read, and which engines'
keys live. Nothing here knows any of that. The sentences [Ln] are those of `ee_core.contracts.lock`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from ee_core.contracts.lock import LeaseState, LockRecord
from ee_core.errors import LockError, LockHeldError
from ee_core.model.ids import BotId, EngineId

_LIMIT: Final = 2**53  # JSON readers elsewhere keep integers whole below it
_AT_REST: Final = frozenset(
    {LeaseState.FREE, LeaseState.HELD}
)  # a holder gives back what is known to be idle
RECORD_VERSION: Final = 1


def take_record(
    bot: BotId,
    found: LockRecord | None,
    *,
    engine: EngineId,
    holder_lives: bool,
    now_us: int,
    floor: int,
    even_quarantined: bool = False,
    proved: bool = True,
) -> LockRecord:
    """Return the record that a `take` writes.

    An engine takes its own record again after an answer that it did not get: that succeeds, with a new number.

    Args:
        found: The record as read; None when there is none.
        holder_lives: Whether the key of the holder lives; of no meaning when there is no holder.
        proved: Whether `found` was written since the provider's start, where only one process can see it [L4].

    Raises:
        LockHeldError: It may not be taken.
        LockError: The lease number would be too large for JSON.
    """
    last = 0 if found is None else found.lease
    lease = max(last + 1, now_us, floor)
    if lease >= _LIMIT:
        raise LockError(
            f"lease number {lease} of bot {bot!r} is not below 2**53; see to its ledger and to this clock"
        )
    if found is None:
        return LockRecord(bot, engine, lease, LeaseState.FREE)
    _check_free(found, engine, holder_lives=holder_lives, even_quarantined=even_quarantined)
    known = proved and found.state is LeaseState.FREE and found.holder in (None, engine)
    return LockRecord(bot, engine, lease, LeaseState.FREE if known else LeaseState.UNKNOWN)


def _check_free(found: LockRecord, engine: EngineId, *, holder_lives: bool, even_quarantined: bool) -> None:
    if found.state is LeaseState.QUARANTINED and not even_quarantined:
        raise LockHeldError(
            f"bot {found.bot!r} is quarantined: {found.reason or 'no reason was given'}; an operator decides"
        )
    if found.holder not in (None, engine) and holder_lives:
        raise LockHeldError(f"bot {found.bot!r} is held by engine {found.holder!r}, which lives")


def release_record(record: LockRecord) -> LockRecord:
    """Return the record that a `release` writes: what is not known to be idle stays so [L5], [L7]."""
    if record.state in _AT_REST:
        return replace(record, holder=None, state=LeaseState.FREE, reason="")
    return replace(record, holder=None)


def record_to_json(record: LockRecord) -> bytes:
    """Write a record as one JSON object, without its bot: that is the place where it lies."""
    return json.dumps(
        {
            "v": RECORD_VERSION,
            "holder": record.holder,
            "lease": record.lease,
            "state": record.state.value,
            "reason": record.reason,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def record_from_json(bot: BotId, data: bytes) -> LockRecord:
    """Read what `record_to_json` wrote; members that are not known are passed over.

    Raises:
        LockError: It is no record, or one of a newer EE.
    """
    try:
        value = json.loads(data)
        version = value["v"]
        if version == RECORD_VERSION:
            return _read(bot, value)
    except (ValueError, KeyError, TypeError) as error:
        raise LockError(f"lock record of bot {bot!r} cannot be read: {data[:200]!r} ({error!r})") from error
    raise LockError(
        f"lock record of bot {bot!r} has version {version!r}, this EE knows {RECORD_VERSION}; upgrade"
    )


def _read(bot: BotId, value: dict[str, Any]) -> LockRecord:
    holder, lease, reason = value["holder"], value["lease"], value["reason"]
    if (
        not (holder is None or isinstance(holder, str))
        or type(lease) is not int
        or not isinstance(reason, str)
    ):
        raise TypeError("holder, lease or reason is of another type")
    return LockRecord(
        bot, None if holder is None else EngineId(holder), lease, LeaseState(value["state"]), reason
    )
