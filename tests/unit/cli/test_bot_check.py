"""`eectl bot check` with an activity that the bot does not serve."""

import pytest

from ee_core.cli.bot_check import ensure_served
from ee_core.errors import NotFoundError
from ee_core.messages.bots import BotHello


def hello(*activities):
    return BotHello(bot="clerk", instance="i", ledger="l", activities=activities, highest=(0, 0))


@pytest.mark.parametrize(
    ("activities", "cure"),
    [
        (("files.scan", "files.pack"), "did you mean 'files.pack'?"),
        (("letters",), "it serves letters"),
        ((), "it serves nothing"),
    ],
)
def test_an_activity_that_is_not_served_is_told_with_those_that_are(activities, cure):
    with pytest.raises(NotFoundError) as caught:
        ensure_served("files.pak", hello(*activities))

    assert str(caught.value) == f"bot 'clerk' does not serve 'files.pak'; {cure}"


@pytest.mark.parametrize("activity", [None, "files.pack"])
def test_without_one_or_with_one_that_is_served_the_check_goes_on(activity):
    ensure_served(activity, hello("files.pack"))
