"""`eectl explain`: what a code, a state, a word, an activity type or a key means, and what to do about it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

from ee_core.cli.exits import Exit
from ee_core.cli.formats import Output, output_options
from ee_core.cli.output import put
from ee_core.cli.session import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ee_core.cli.topics import Topic
    from ee_core.contracts.activity import ActivityType
    from ee_core.errors import NotFoundError


@click.command()
@click.argument("word", required=False)
@output_options
@click.pass_context
def explain(context: click.Context, word: str | None, output: Output) -> int:
    """Explain WORD: a code, an incident, a state, an activity type, a key of workflow files, or a word of EE, as fence.

    Without a word, list what can be explained. Examples:

        eectl explain EE-W105
        eectl explain BotBusy
        eectl explain secret_missing
        eectl explain http
        eectl explain retry.attempts
    """
    from ee_core.cli.topics import find_topics, list_topics
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    activities = Registry(read_settings(context), SystemEnv()).installed_activities()
    if word is None:
        rows = [{"name": topic.name, "kind": topic.kind} for topic in list_topics(activities)]
        output.rows(rows, ("name", "kind"))
        return Exit.OK
    found = find_topics(word, activities)
    if not found:
        raise _unknown(word, activities)
    output.record(
        [topic.to_record() for topic in found],
        lambda: _print(found),
        names=[topic.name for topic in found],
    )
    return Exit.OK


def _unknown(word: str, activities: Mapping[str, ActivityType]) -> NotFoundError:
    """Return the error about a word that means nothing here."""
    from ee_core.cli.topics import is_unknown_activity, list_topics
    from ee_core.errors import NotFoundError

    is_activity = is_unknown_activity(word, activities)
    names = set(activities) if is_activity else {topic.name for topic in list_topics(activities)}
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.8 if is_activity else 0.5)
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else ""
    if is_activity:
        hint = hint or "if a bot serves it, `eectl bot list` shows which, and its own file says what it takes"
        return NotFoundError(f"no installed plugin has the activity type {word!r}; {hint}")
    return NotFoundError(
        f"{word!r} is nothing that can be explained; {hint or '`eectl explain` lists what can be'}"
    )


def _print(found: Sequence[Topic]) -> None:
    for place, topic in enumerate(found):
        if place:
            put("")
        put(f"{topic.name}  ({topic.kind})")
        put("")
        put(topic.tell())
        for row in topic.fields:
            default = row["default"] if row["default"].startswith("must") else f"default {row['default']}"
            facts = "; ".join(part for part in (row["takes"], default if row["default"] else "") if part)
            put(f"\n  {row['key']}" + (f"  ({facts})" if facts else ""))
            if row["meaning"]:
                put(f"      {row['meaning']}")
