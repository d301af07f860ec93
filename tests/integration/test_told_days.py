"""What a person reads in the logs of a usual day: an outage of the server, Ctrl-C to an engine and to a bot that works."""

from __future__ import annotations

import os
import signal

import pytest
from ee_nats.server import ServerProcess, find_server

WORKFLOW = """
ee: 1
name: post
start: post
nodes:
  post:
    activity: invoice.post
    with: {journal: FILE, seconds: 60}
    next: done
  done: {end: succeeded}
"""


@pytest.fixture
def server(place):
    with ServerProcess(place.folder / "nats", find_server()) as running:
        place.environ["EE_BROKER_SERVERS"] = running.url
        yield running
        place.stop()


@pytest.mark.slow
def test_engine_and_bot_say_in_a_line_each_what_happens_to_them(place, server, examples):
    effects = place.folder / "effects.txt"
    (place.folder / "post.ee.yaml").write_text(WORKFLOW.replace("FILE", str(effects)))
    engine = place.start("engine", "engine", "run")
    engine.wait_for("Ctrl-C")
    bot = place.start("bot", "bot", "run", str(examples / "bots" / "invoice_bot.py"), "--id", "pc-7")
    bot.wait_for("Ctrl-C")
    place.wait_until("the bot is there", lambda: "pc-7" in [row["bot"] for row in place.ask("bot", "list")])

    server.restart(crash=True)
    for each in (engine, bot):
        each.wait_for("is back after")
        lines = [line for line in each.text.splitlines() if "WARNING" in line]
        assert [f"server at {server.url} is gone" in lines[0], len(lines)] == [True, 2], each.text

    job = place.run("job", "submit", "post.ee.yaml").strip()
    place.wait_until("it works", lambda: effects.exists() and f"start {job}/post#1" in effects.read_text())
    os.kill(bot.pid, signal.SIGINT)
    bot.wait_for(f"bot pc-7 finishes post#1 of job {job} and leaves then")
    os.kill(bot.pid, signal.SIGINT)
    bot.wait_for(f"bot pc-7 stops post#1 of job {job}, within 5 s")
    assert bot.wait() == 0
    assert bot.text.splitlines()[-1].startswith("bot pc-7 has left")

    assert engine.terminate() == 143
    assert "stops; work in its own process gets 10 s. Open jobs go on at its next start" in engine.text
