"""A bot as a process of its own: what signals do, and that there is only one."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest

from ee_core.bot import Bot
from ee_core.bot.entry import AttemptKey
from ee_core.bot.ledger import open_ledger
from ee_core.bot.lifetime import HostSettings
from ee_core.bot.process import serve
from ee_core.bot.secrets import Secrets
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.errors import LedgerError
from ee_core.local.broker import MemoryBroker
from ee_core.local.env import SystemEnv
from ee_core.messages.activity import ActivityRequest, ActivityResponse
from ee_core.messages.bots import BotHello, BotsCall
from ee_core.messages.subjects import Subjects
from ee_core.model.ids import Fence

PROGRAM = """
import asyncio, logging, sys
from pathlib import Path
from ee_core.bot import Bot, Context
from ee_core.bot.lifetime import HostSettings
from ee_core.bot.process import serve
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.errors import BrokerUnavailableError
from ee_core.local.broker import MemoryBroker
from ee_core.local.env import SystemEnv
from ee_core.messages.activity import ActivityRequest
from ee_core.messages.bots import BotHello
from ee_core.messages.subjects import Subjects
from ee_core.model.ids import Fence

bot = Bot("pc-7")
folder = Path(sys.argv[1])

@bot.activity("wait")
def wait(ctx: Context, go: str):
    print("begun", flush=True)
    while not (folder / go).exists():
        if ctx.wait_for_cancel(0.02):
            print("told to stop", flush=True)
            ctx.progress(1)
    return "gone"

@bot.activity("free", stateless=True, idempotent=True)
async def free():
    return 1

async def feed(broker, subjects):
    while True:
        try:
            async with broker.consume(Channel(ChannelKind.BROADCAST, subjects.bots_hello), group="bots") as hellos:
                async for delivery in hellos:
                    hello = BotHello.from_bytes(delivery.body)
                    print(hello.bot, "leaving" if hello.leaving else "here", flush=True)
                    if hello.bot == "pc-7" and not hello.leaving:
                        request = ActivityRequest(job="j", node="a", visit="a#1", attempt=1, fence=Fence(7, 1),
                            ledger=hello.ledger, activity="wait", input={"go": "go"}, idempotency_key="k", reply_to="r")
                        await broker.publish(Channel(ChannelKind.INBOX, subjects.execute("pc-7")), request.to_bytes())
            return
        except BrokerUnavailableError:
            await asyncio.sleep(0)  # not open yet

async def main():
    env, subjects = SystemEnv(), Subjects()
    broker = MemoryBroker(env)
    async with asyncio.TaskGroup() as tasks:
        feeder = tasks.create_task(feed(broker, subjects))
        await serve(bot.profile(), broker=broker, subjects=subjects, env=env, folder=folder,
                    settings=HostSettings(ack_grace_s=0), tell=lambda text: print(text, flush=True))
        feeder.cancel()

asyncio.run(main())
print("left", flush=True)
"""


@contextmanager
def bot_process(folder, program=PROGRAM):
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process, line: str) -> list[str]:
    assert process.stdout is not None
    lines = []
    for text in process.stdout:
        lines.append(text.strip())
        if lines[-1] == line:
            return lines
    assert process.stderr is not None
    raise AssertionError(f"{line!r} never came, but {lines}: {process.stderr.read()}")


def kind_in_ledger(folder) -> str | None:
    with open_ledger(folder / "pc-7.ledger", bot="pc-7", env=SystemEnv()) as ledger:
        entry = ledger.find(AttemptKey("j", "a#1", 1))
        assert entry is not None
        return None if entry.response is None else ActivityResponse.from_bytes(entry.response).kind


def test_a_bot_says_that_no_engine_knows_what_is_idempotent_here_and_what_to_write(tmp_path):
    with bot_process(tmp_path) as process:
        lines = read_until(process, "begun")

    (said,) = [line for line in lines if line.startswith("idempotent here: free;")]
    assert "write on_lost: retry at the nodes that use it" in said


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_lets_the_attempt_finish(tmp_path, first):
    with bot_process(tmp_path) as process:
        read_until(process, "begun")
        process.send_signal(first)
        read_until(process, "pc-7 leaving")
        (tmp_path / "go").touch()
        lines = read_until(process, "left")

    assert "told to stop" not in lines
    assert kind_in_ledger(tmp_path) == "succeeded"


def test_second_signal_stops_the_attempt(tmp_path):
    with bot_process(tmp_path) as process:
        read_until(process, "begun")
        process.send_signal(signal.SIGTERM)
        read_until(process, "pc-7 leaving")
        process.send_signal(signal.SIGTERM)
        lines = read_until(process, "left")

    assert "told to stop" in lines
    assert kind_in_ledger(tmp_path) == "stopped"


def test_each_signal_is_answered_with_what_follows_from_it(tmp_path):
    with bot_process(tmp_path) as process:
        read_until(process, "begun")
        process.send_signal(signal.SIGINT)
        first = read_until(process, "pc-7 leaving")
        process.send_signal(signal.SIGINT)
        second = read_until(process, "left")

    finishes = "bot pc-7 finishes a#1 of job j and leaves then, however long that takes; Ctrl-C again stops it within 5 s"
    assert finishes in first
    assert any(
        line.startswith("bot pc-7 stops a#1 of job j, within 5 s; Ctrl-C again ends") for line in second
    )
    assert any(line.startswith("bot pc-7 has left; no engine has acknowledged") for line in second)


def test_third_signal_ends_a_process_whose_function_does_not_stop(tmp_path):
    with bot_process(
        tmp_path, program=PROGRAM.replace("if ctx.wait_for_cancel(0.02)", "if False")
    ) as process:
        read_until(process, "begun")
        process.send_signal(signal.SIGINT)
        read_until(process, "pc-7 leaving")
        process.send_signal(signal.SIGINT)
        while not process.stdout.readline().startswith("bot pc-7 stops a#1 of job j"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.wait(60)

    assert process.returncode == 128 + signal.SIGINT
    assert kind_in_ledger(tmp_path) is None


def test_a_bot_that_does_nothing_leaves_at_the_first_signal_and_says_so(tmp_path):
    with bot_process(tmp_path, program=PROGRAM.replace('hello.bot == "pc-7"', "False")) as process:
        read_until(process, "pc-7 here")
        process.send_signal(signal.SIGINT)
        lines = read_until(process, "left")

    assert [line for line in lines if line.startswith("bot pc-7 ")] == [
        "bot pc-7 leaves",
        "bot pc-7 has left",
    ]


def test_killed_process_leaves_the_attempt_started(tmp_path):
    with bot_process(tmp_path) as process:
        read_until(process, "begun")
        process.kill()
        process.wait(10)

    assert kind_in_ledger(tmp_path) is None


def test_second_process_with_the_same_bot_is_refused(tmp_path):
    with bot_process(tmp_path) as first:
        read_until(first, "begun")
        with bot_process(tmp_path) as second:
            _, errors = second.communicate(timeout=20)

    assert second.returncode == 1
    assert "bot 'pc-7' runs already" in errors


def test_bot_with_stateless_functions_is_a_worker_too(tmp_path):
    with bot_process(tmp_path) as process:
        lines = read_until(process, "begun")
        lines += read_until(process, "pc-7-any here") if "pc-7-any here" not in lines else []

    assert "pc-7-any here" in lines


class _Drawer:
    async def find(self, name):
        return "canary-of-the-process"

    def describe(self, name):
        return "a drawer"


async def test_both_the_bot_and_its_worker_get_the_values_of_secrets(tmp_path):
    bot, env, subjects = Bot("pc-7"), SystemEnv(), Subjects()
    seen = []

    @bot.activity("own")
    async def own(key: str) -> str:
        seen.append(key)
        return key

    @bot.activity("free", stateless=True, idempotent=True)
    async def free(key: str) -> str:
        seen.append(key)
        return key

    def request(activity, **more):
        return ActivityRequest(
            job="j",
            node="a",
            visit="a#1",
            attempt=1,
            activity=activity,
            input={"key": "secret:KEY"},
            secrets=[["key"]],
            idempotency_key="k",
            reply_to="answers",
            **more,
        ).to_bytes()

    broker, begun = MemoryBroker(env), asyncio.Event()
    secrets = Secrets({"drawer": _Drawer()})
    being = asyncio.create_task(
        serve(
            bot.profile(),
            broker=broker,
            subjects=subjects,
            env=env,
            folder=tmp_path,
            settings=HostSettings(ack_grace_s=0),
            secrets=secrets,
            tell=lambda _: begun.set(),
        )
    )
    await begun.wait()
    outputs = []
    async with (
        broker.consume(Channel(ChannelKind.REPLY, "answers"), group="engine") as answers,
        broker.consume(Channel(ChannelKind.BROADCAST, subjects.bots_hello), group="bots") as hellos,
    ):
        await broker.publish(Channel(ChannelKind.WORK, subjects.execute_any("free")), request("free"))
        await broker.publish(Channel(ChannelKind.BROADCAST, subjects.bots_call), BotsCall().to_bytes())
        async for delivery in hellos:
            hello = BotHello.from_bytes(delivery.body)
            if hello.bot == "pc-7":
                break
        body = request("own", fence=Fence(7, 1), ledger=hello.ledger)
        await broker.publish(Channel(ChannelKind.INBOX, subjects.execute("pc-7")), body)
        async for delivery in answers:
            answer = ActivityResponse.from_bytes(delivery.body)
            if answer.kind == "succeeded":
                outputs.append(answer.output)
            if len(outputs) == 2:
                break
    being.cancel()
    with suppress(asyncio.CancelledError):
        await being

    assert seen == ["canary-of-the-process"] * 2
    assert outputs == ["[secret:KEY]"] * 2


async def test_a_folder_for_ledgers_that_cannot_be_made_is_told_with_the_cure(tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    bot, env = Bot("pc-7"), SystemEnv()

    with pytest.raises(LedgerError, match=r"file/ledgers .* cannot be made: Not a directory; .* --ledgers"):
        await serve(
            bot.profile(),
            broker=MemoryBroker(env),
            subjects=Subjects(),
            env=env,
            folder=tmp_path / "file" / "ledgers",
        )
