"""A bot that hangs, over a real server: quarantined, also for the next engine, and released by an operator."""

import pytest

BOT = """
import time
from ee_core import Bot

bot = Bot("presser")

@bot.activity("press")
async def press() -> str:
    time.sleep(1000)  # the whole process hangs: neither a sign of life nor an ear for the cancel
    return "pressed"

@bot.activity("count")
async def count() -> int:
    return 1
"""

WORKFLOW = """
ee: 1
name: {kind}
start: only
nodes:
  only: {{activity: {kind}, next: done}}
  done: {{end: succeeded}}
"""


@pytest.fixture
def files(place):
    """Write a bot whose one activity hangs, and a workflow for each of its activities."""
    (place.folder / "presser.py").write_text(BOT)
    for kind in ("press", "count"):
        (place.folder / f"{kind}.ee.yaml").write_text(WORKFLOW.format(kind=kind))


def row_of(place, bot="presser"):
    return next((row for row in place.ask("bot", "list") if row["bot"] == bot), {})


@pytest.mark.slow
def test_a_bot_that_hangs_is_quarantined_and_released(place, files):
    place.environ["EE_ENGINE_DRAIN_TIMEOUT_S"] = "4"
    up = place.up("--bots", "0")
    bot = place.start("bot", "bot", "run", "presser.py")
    bot.wait_for("Ctrl-C")
    job = place.run("job", "submit", "press.ee.yaml").strip()
    place.wait_until("the bot works", lambda: row_of(place).get("state") == "Held")

    place.run("job", "cancel", job)

    place.wait_until("the quarantine", lambda: row_of(place).get("state") == "Quarantined")
    assert f"of job {job}" in row_of(place)["reason"]
    assert "BotQuarantined" in place.run("job", "history", job)
    assert "see to it, then `eectl bot release presser`" in up.text

    # server, engine and bot are replaced: nothing of that ends it
    up.kill()
    bot.kill()
    up = place.up("--bots", "0")
    place.start("bot2", "bot", "run", "presser.py").wait_for("Ctrl-C")
    place.wait_until("the next engine", lambda: row_of(place).get("activities"))
    second = place.run("job", "submit", "count.ee.yaml").strip()
    place.wait_until("the incident", lambda: place.ask("job", "show", second)["incidents"])
    assert row_of(place)["state"] == "Quarantined"

    place.run("bot", "release", "presser", "--reason", "it was started anew", "--who", "ann")

    place.wait_until("the end", lambda: place.ask("job", "show", second)["outcome"] == "succeeded")
    assert place.ask("job", "show", second, "--at", "0")["status"] == "Processing"
    assert "as it was after record 0" in place.run("job", "show", second, "--at", "0")
    place.run("job", "show", second, "--at", "999", code=3)
    assert "was released by ann: it was started anew" in up.text
    place.run("bot", "release", "presser", "--reason", "again", code=10)
