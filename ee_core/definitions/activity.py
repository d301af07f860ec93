"""What an activity node says about its work, in the native form and in a bindings file alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from ee_core.definitions.durations import parse_duration_ms
from ee_core.definitions.members import CODE_MISSING, wrong_type
from ee_core.errors import MessageError
from ee_core.messages.subjects import check_type
from ee_core.model.workflow import Activity, BotSelector, Retry, Timeouts

if TYPE_CHECKING:
    from ee_core.definitions.draft import Places
    from ee_core.definitions.members import Members
    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import OnLost

KEYS: Final = ("activity", "with", "bot", "timeout", "retry", "on_lost", "lost_attempts")

_MAX_ATTEMPTS: Final = 1000


def read_activity(members: Members, places: Places, node: NodeId, *, fail_job: bool = True) -> Activity:
    """Read the keys of `KEYS`; what the type says of itself is not known here."""
    named = members.values.get("activity")
    kind = members.text("activity")
    if named is not None:
        places.types[node] = named.place
        if named.value == "":
            members.report.error(
                CODE_MISSING, named.place, "the activity has no type", "name it, as in activity: http"
            )
        elif kind and not _is_type(kind):
            hint = "use letters, digits, '_' and '-', and dots between words, at most 64 in all"
            members.report.error(
                "EE-W206", named.place, f"the activity type {kind!r:.80} is not well formed", hint
            )
    given = members.values.get("with")
    if given is not None:
        places.inputs[node] = given
    return Activity(
        type=kind,
        input=given.plain() if given is not None else None,
        bot=_read_bot(members, places, node),
        timeouts=_read_timeouts(members),
        retry=_read_retry(members),
        fail_job=fail_job,
        on_lost=_read_on_lost(members, places, node),
        lost_attempts=members.whole("lost_attempts", 3, least=1, most=_MAX_ATTEMPTS),
    )


def _is_type(name: str) -> bool:
    """Whether a type can be asked for: it stands in messages and subjects."""
    try:
        check_type(name)
    except MessageError:
        return False
    return True


def _read_bot(members: Members, places: Places, node: NodeId) -> BotSelector:
    bot = members.mapping("bot", "a bot", _as_members(members, "bot"))
    if bot is None:
        return BotSelector()
    bot.check_keys(("id", "pool", "labels", "same_as"))
    if "same_as" in bot.values:
        places.same_as[node] = bot.values["same_as"].place
    labels = bot.mapping("labels", "labels", "write labels: {NAME: VALUE}")
    parts = {**(labels.values if labels else {}), **bot.values}
    places.selectors[node] = {name: part.place for name, part in parts.items()}
    return BotSelector(
        id=bot.text("id"),
        pool=bot.text("pool"),
        labels={name: labels.text(name) for name in labels.values} if labels else {},
        same_as=bot.text("same_as"),
    )


def _read_timeouts(members: Members) -> Timeouts:
    default = Timeouts()
    timeouts = members.mapping("timeout", "a timeout", _as_members(members, "timeout"))
    if timeouts is None:
        return default
    timeouts.check_keys(("bot", "accept", "heartbeat", "run", "ask"))
    return Timeouts(
        bot_ms=timeouts.duration_ms("bot", default.bot_ms),
        accept_ms=timeouts.duration_ms("accept", default.accept_ms) or default.accept_ms,
        heartbeat_ms=timeouts.duration_ms("heartbeat", default.heartbeat_ms) or default.heartbeat_ms,
        run_ms=timeouts.duration_ms("run", default.run_ms),
        ask_ms=timeouts.duration_ms("ask", default.ask_ms) or default.ask_ms,
    )


def _read_retry(members: Members) -> Retry:
    default = Retry()
    retry = members.mapping("retry", "a retry", _as_members(members, "retry"))
    if retry is None:
        return default
    retry.check_keys(("attempts", "delay", "backoff", "max_delay", "on"))
    if not retry.values:
        wrong_type(members.report, retry.item, "retry", "attempts, delay, backoff, max_delay or on")
    return Retry(
        attempts=retry.whole("attempts", default.attempts, least=1, most=_MAX_ATTEMPTS),
        delay_ms=retry.duration_ms("delay", default.delay_ms) or default.delay_ms,
        backoff=float(retry.number("backoff", default.backoff, least=1, most=1000)),
        max_delay_ms=retry.duration_ms("max_delay", default.max_delay_ms) or default.max_delay_ms,
        on=retry.words("on"),
    )


def _as_members(members: Members, key: str) -> str:
    """Return how to write what may have been meant by a bare value, as in ``timeout: 30s``."""
    found = members.values.get(key)
    value = found.value if found is not None else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_ATTEMPTS
    is_duration = isinstance(value, str) and parse_duration_ms(value) is not None
    meant = {
        "timeout": f"run: {value}" if is_duration else f"run: {value}s" if is_count else "",
        "retry": f"attempts: {value}" if is_count else f"delay: {value}" if is_duration else "",
        "bot": f"id: {value}" if isinstance(value, str) and _is_type(value) else "",
    }
    usual = {"timeout": "run: 30s", "retry": "attempts: 3", "bot": "id: NAME"}
    return f"write {key}: {{{meant[key] or usual[key]}}}"


def _read_on_lost(members: Members, places: Places, node: NodeId) -> OnLost:
    found = members.values.get("on_lost")
    if found is None:
        return ""
    places.on_lost[node] = found.place
    return cast("OnLost", members.choice("on_lost", ("incident", "retry", "ask")))
