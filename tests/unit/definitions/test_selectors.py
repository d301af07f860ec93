"""What nodes select bots by is held against the bots that are given."""

from __future__ import annotations

import pytest

from ee_core.definitions import KnownBot

FILES = KnownBot("files-1", {"sap.post"}, {"app": "files", "pool": "t"})
DESK = KnownBot("desk-1", {"sap.post"}, {"app": "desk", "pool": "local"})
OTHER = KnownBot("other", {"sap.print"}, {"app": "fils"})


@pytest.fixture
def told(load_text):
    def load(bot, *bots):
        text = f"ee: 1\nname: w\nstart: a\nnodes:\n  a: {{activity: sap.post, bot: {bot}, next: z}}\n  z: {{end: succeeded}}\n"
        found = load_text(text, bots=bots).diagnostics
        assert {(each.code, each.severity) for each in found} <= {("EE-W405", "warning")}
        return [(each.shown[each.column - 1 :][: each.span], each.message, each.hint) for each in found]

    return load


@pytest.mark.parametrize(
    "bot",
    [
        "{pool: t}",
        "{labels: {app: files}}",
        "{labels: {app: files}, pool: t}",
        "{id: files-1}",
        "{id: desk-1}",
        "{}",
    ],
)
def test_what_a_given_bot_has_is_not_told(told, bot):
    assert told(bot, FILES, DESK) == []


def test_without_a_bot_that_serves_the_type_nothing_is_known(told):
    assert told("{labels: {app: fils}}") == []
    assert told("{labels: {app: nobody}}", OTHER) == []


@pytest.mark.parametrize(
    ("bot", "shown", "said", "hint"),
    [
        ("{labels: {app: fils}}", "fils", "has app=fils", "did you mean 'files'?"),
        ("{labels: {ap: files}}", "files", "has ap=files", "did you mean 'app'?"),
        ("{pool: tt}", "tt", "has pool=tt", "did you mean 't'?"),
        ("{id: file-1}", "file-1", "has the id 'file-1'", "did you mean 'files-1'?"),
        ("{labels: {x: y}}", "y", "has x=y", "write what a bot has, or give the label to the bot"),
    ],
)
def test_what_no_given_bot_has_is_told_with_what_they_have(told, bot, shown, said, hint):
    [(place, message, cure)] = told(bot, FILES, OTHER)

    assert (place, cure) == (shown, hint)
    assert message == f"no given bot that serves 'sap.post' {said}: 'files-1' has app=files, pool=t"


def test_parts_that_no_bot_has_together_are_told_at_the_node(told):
    [(_, message, hint)] = told("{labels: {app: files}, pool: local}", FILES, DESK)

    assert message.startswith(
        "no given bot that serves 'sap.post' has all of what this selects: 'files-1' has"
    )
    assert hint == "select what one bot has"
