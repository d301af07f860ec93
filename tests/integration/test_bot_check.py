"""`eectl bot check` on real bots over a real NATS server: one in JavaScript, and one of ours.

The one in Python without our library is checked by its page, and by tests in virtual time.
"""

import shutil

import pytest

WORDS = " ".join(["word"] * 900)


def run_check(place, bot, start, *work):
    """Check a bot, and be the one who restarts it; returns the exit code and what was printed."""
    process = start(f"{bot}-1")
    place.wait_until(f"{bot} is there", lambda: bot in [row["bot"] for row in place.ask("bot", "list")])
    checking = place.start("check", "bot", "check", bot, *work, "--restart")
    checking.wait_for("now kill the bot")
    process.kill()
    start(f"{bot}-2")
    return checking.wait(), checking.text


def start_program(place, *program):
    """Return what starts a program beside `eectl`."""

    def start(name):
        return place.start_program(name, *program, place.environ["EE_BROKER_SERVERS"])

    return start


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_bot_without_our_library_keeps_every_rule(place, examples):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    place.up("--bots", "0")

    start = start_program(place, node, str(examples / "bots" / "raw_bot.js"))
    code, text = run_check(place, "raw-js", start, "-i", "text=one two", "--slow", f"text={WORDS}")

    assert code == 0, text
    assert "bot raw-js keeps every rule" in text
    assert "skipped" not in text


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_bot_of_ours_keeps_every_rule_and_its_lock_is_given_back(place, examples):
    place.up("--bots", "0")
    journal = str(place.folder / "effects.txt")

    def start(name):
        return place.start(name, "bot", "run", str(examples / "bots" / "invoice_bot.py"), "--id", "b1")

    work = ["--activity", "invoice.post", "-i", f"journal={journal}", "-i", "seconds=0.1"]
    code, text = run_check(place, "b1", start, *work, "--slow", f"journal={journal}", "--slow", "seconds=90")

    assert code == 0, text
    (place.folder / "post.ee.yaml").write_text(
        "ee: 1\nname: post\nstart: a\nnodes:\n  a: {activity: invoice.post, bot: {id: b1},"
        f" with: {{journal: {journal}, seconds: 0.1}}, next: z}}\n  z: {{end: succeeded}}\n"
    )
    assert "job succeeded" in place.run("job", "submit", "post.ee.yaml", "--watch")


def test_what_cannot_be_checked_is_said_before_anybody_is_asked(place):
    place.run("bot", "check", "no body", code=2)
    place.run("bot", "check", "nobody", "--restart", code=2)
    place.run("bot", "check", "nobody", "--broker", "memory", code=3)
