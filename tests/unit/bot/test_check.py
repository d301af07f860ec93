"""The check of bots: passed by our own and by one that knows nothing of us; each broken rule is named."""

from __future__ import annotations

import asyncio
import contextlib
import json
import types
from pathlib import Path

import pytest

from ee_core.bot.check import BotCheck, Patience, Work
from ee_core.bot.host import BotHost
from ee_core.bot.ledger import open_ledger
from ee_core.bot.peer import Peer
from ee_core.bot.profile import Profile
from ee_core.contracts.activity import ActivityTraits
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.local.broker import MemoryBroker
from ee_core.messages.subjects import Subjects
from ee_core.simulation import VirtualEnv
from ee_core.simulation.pytest import virtual_time

RAW = (Path(__file__).parents[3] / "docs" / "examples" / "bots" / "raw_bot.py").read_text(encoding="utf-8")
WORK = Work("words", {"text": "one two"}, slow={"text": "word " * 900})
LEASE = 1_795_579_800_000_000


class Words:
    """An activity type that counts words, a tenth of a second each."""

    name = "words"
    input_schema = None
    output_schema = None

    def traits_for(self, template):
        return ActivityTraits()

    async def run(self, context, value):
        words = value["text"].split()
        for _ in words:
            await asyncio.sleep(0.1)
        return {"words": len(words)}


class Ours:
    """A bot of our own library."""

    def __init__(self, broker, folder, env):
        self._broker, self._env = broker, env
        self._place = str(folder / "ledger")

    @contextlib.asynccontextmanager
    async def alive(self):
        with open_ledger(self._place, bot="raw", env=self._env) as ledger:
            profile = Profile("raw", {"words": Words()}, {})
            host = BotHost(profile, ledger, broker=self._broker, subjects=Subjects(), env=self._env)
            async with host:
                yield


class Raw:
    """The example without our library, or a version of it that breaks a rule."""

    def __init__(self, broker, folder, old="", new=""):
        assert RAW.count(old) == 1 or not old, old
        self._source = RAW.replace(old, new) if old else RAW
        self._broker = broker
        self._file = folder / "raw.json"

    @contextlib.asynccontextmanager
    async def alive(self):
        self._is_killed = False
        module = types.ModuleType("raw")
        exec(self._source, module.__dict__)
        bot = module.Bot(module.Ledger(self._file), self._publish)
        handlers = {"execute": bot.execute, "cancel": bot.cancel, "query": bot.query, "ack": bot.ack}
        tasks = [asyncio.create_task(self._take(what, handle)) for what, handle in handlers.items()]
        await bot.recover()
        tasks.append(asyncio.create_task(self._beat(module, bot)))
        try:
            yield
        finally:
            bot.ledger.save = lambda: None  # it is killed: what it does from here on leaves no trace
            self._is_killed = True
            for task in [*tasks, *([bot.running] if bot.running else [])]:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _publish(self, subject, body):
        if not self._is_killed:
            await self._broker.publish(Channel(ChannelKind.REPLY, subject), body)

    async def _take(self, what, handle):
        channel = Channel(ChannelKind.INBOX, f"activity.{what}.raw")
        async with self._broker.consume(channel, group="raw") as deliveries:
            async for delivery in deliveries:
                with contextlib.suppress(ValueError, LookupError, TypeError):
                    await handle(json.loads(delivery.body))
                await delivery.ack()

    async def _beat(self, module, bot):
        while True:
            mine = {"bot": "raw", "instance": module.INSTANCE, "ledger": bot.ledger.data["ledger"]}
            body = {"v": 1, **mine, "activities": ["words"], "highest": bot.ledger.data["highest"]}
            channel = Channel(ChannelKind.BROADCAST, "bots.heartbeat.raw")
            await self._broker.publish(channel, json.dumps(body).encode())
            await bot.repeat()
            await asyncio.sleep(5)


async def check(make, *, work=WORK, restart=True):
    """Check a bot; returns what became of each rule."""
    env = VirtualEnv(asyncio.get_running_loop(), seed=1)
    async with MemoryBroker(env) as broker, contextlib.AsyncExitStack() as life:
        bot = make(broker, env)
        stack = contextlib.AsyncExitStack()
        await stack.enter_async_context(bot.alive())
        restarts = []

        async def start_again():
            await stack.aclose()
            await asyncio.sleep(1)
            await life.enter_async_context(bot.alive())

        def ask():
            restarts.append(asyncio.create_task(start_again()))

        peer = Peer("raw", broker=broker, subjects=Subjects(), job="check")
        async with peer.open():
            hello = await peer.sight(lambda seen: True, within_s=10)
            checking = BotCheck(
                peer, work, hello=hello, lease=LEASE, ask_for_restart=ask if restart else None
            )
            found = {finding.rule: finding async for finding in checking.run()}
        await asyncio.gather(*restarts)
        await stack.aclose()
    return found


def broken(found):
    return {rule: finding.text for rule, finding in found.items() if finding.level == "fail"}


@virtual_time(allow_leftovers=True)
async def test_a_bot_of_our_library_keeps_every_rule(tmp_path):
    found = await check(lambda broker, env: Ours(broker, tmp_path, env), restart=False)

    assert broken(found) == {}
    assert found["restart"].level == "skipped"


@virtual_time(allow_leftovers=True)
async def test_the_example_without_our_library_keeps_every_rule(tmp_path):
    found = await check(lambda broker, env: Raw(broker, tmp_path))

    assert broken(found) == {}
    assert {finding.level for finding in found.values()} == {"ok"}


@virtual_time(allow_leftovers=True)
async def test_without_slow_work_what_needs_it_is_left_out(tmp_path):
    found = await check(lambda broker, env: Raw(broker, tmp_path), work=Work("words", {"text": "one"}))

    assert {rule for rule, finding in found.items() if finding.level == "skipped"} == {"one slot", "restart"}


MUTANTS = {
    "any lease is taken": ('elif lease < data["highest"][0]:', "elif False:", {"lower claim"}),
    "a claim is not written": (
        'data["highest"] = max(data["highest"], [lease, 0])', "pass", {"claim", "stale fence"},
    ),
    "another ledger is as good": ('if request["ledger"] != data["ledger"]:', "if False:", {"wrong ledger"}),
    "any fence is taken": ('elif request["fence"] <= data["highest"]:', "elif False:", {"stale fence"}),
    "what is known is begun again": ("elif known is not None:\n            if known", "elif False:\n            if known", {"work"}),
    "another fence is no conflict": ('not in (None, request["fence"])', "not in (None, known['fence'])", {"work"}),
    "nothing is repeated": ('entry["response"] is not None and not entry["acked"]', "False", {"work"}),
    "an acknowledgement is not heard": ('known["acked"] = True', "pass", {"work"}),
    "a question is not remembered": (
        'self.note(query)["response"] = {"kind": "stopped"}', "pass", {"question"},
    ),
    "an early cancel is not remembered": (
        "await self.finish(self.note(cancel), cancel, {\"kind\": \"stopped\"})",
        'await self.say("stopped", cancel)', {"early cancel"},
    ),
    "two things at a time": ('elif self.running is not None:\n            await self.say("busy", request)', "elif False:\n            pass", {"one slot"}),
    "a cancel does not stop": ("self.running.cancel()", "pass", {"one slot"}),
    "no sign of life": ('await self.say("heartbeat", entry["about"])', "pass", {"one slot"}),
    "busy with nothing": ("lease=lease, running=running)", "lease=lease)", {"one slot"}),
    "a claim is not echoed": ('await self.say("idle", query, lease=lease)\n            else:\n                about', 'await self.say("idle", query)\n            else:\n                about', {"claim", "garbage", "one slot"}),
    "the ledger is forgotten": ("if file.exists() else new", "if False else new", {"restart"}),
    "an interrupted attempt is called done": (
        'await self.finish(entry, entry["about"], {"kind": "lost"})',
        'await self.finish(entry, entry["about"], {"kind": "succeeded"})', {"restart"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS)
@virtual_time(allow_leftovers=True)
async def test_a_rule_that_is_broken_is_named(tmp_path, mutant):
    old, new, rules = MUTANTS[mutant]

    found = await check(lambda broker, env: Raw(broker, tmp_path, old, new))

    assert rules <= broken(found).keys(), broken(found)
    assert "messages" not in broken(found)


@virtual_time(allow_leftovers=True)
async def test_a_bot_that_says_nothing_any_more_breaks_the_rules_and_not_the_check(tmp_path):
    class Mute(Raw):
        async def _publish(self, subject, body):
            pass

    found = await check(
        lambda broker, env: Mute(broker, tmp_path), restart=False,
    )  # fmt: skip

    assert found["hello"].level == "ok"
    assert "no answer" in broken(found)["claim"]
    assert Patience().answer_s == 10
