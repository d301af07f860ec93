"""What the broker's kit works with: fixtures that a plugin's author overrides, and a channel of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.messages.subjects import Subjects

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ee_core.contracts.broker import Broker

    Action = Callable[[], Awaitable[None]]

stored_kinds = pytest.mark.parametrize("kind", [ChannelKind.WORK, ChannelKind.INBOX, ChannelKind.REPLY])
all_kinds = pytest.mark.parametrize("kind", list(ChannelKind))


class BrokerFixtures:
    """Override `broker`, and `subjects` if it has a namespace; lend what it can show by the others."""

    @pytest_asyncio.fixture
    async def broker(self) -> AsyncIterator[Broker]:
        """Give an open broker without messages, and close it after the test."""
        raise NotImplementedError("override the fixture `broker`")
        yield

    @pytest.fixture
    def subjects(self) -> Subjects:
        """Give the subjects of the namespace that the broker was opened for."""
        return Subjects()

    @pytest.fixture
    def restart(self) -> Action | None:
        """Give what ends the broker's server as a crash would, and starts it again; the connection stays as it is."""
        return None

    @pytest.fixture
    def lose_disk(self) -> Action | None:
        """Give the same, with all that the server had stored gone."""
        return None

    @pytest.fixture
    def mortal(self) -> tuple[Broker, Action] | None:
        """Give a second client of the same server, and what ends it as a crash of its process would."""
        return None


def channel_of(kind: ChannelKind, subjects: Subjects) -> Channel:
    """Return a channel of a kind, with a subject that such a channel has in EE."""
    subject = {
        ChannelKind.WORK: subjects.execute_job,
        ChannelKind.INBOX: subjects.execute("robot-1"),
        ChannelKind.REPLY: subjects.response(0, "robot-1"),
        ChannelKind.BROADCAST: subjects.bots_hello,
    }[kind]
    return Channel(kind, subject)
