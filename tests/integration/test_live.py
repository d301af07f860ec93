"""A real `eectl run` on a terminal: the tree is seen, and Ctrl-C does what it says."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,  # together: each starts `eectl`
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind"),
]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PATIENCE_S = 60.0
# makes the terminal on its stdin the one whose Ctrl-C it gets, and becomes the command
LAUNCHER = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"


class Terminal:
    """`eectl` on a pseudo-terminal."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self._ours, theirs = os.openpty()
        self._said = b""
        command = [sys.executable, "-c", LAUNCHER, sys.executable, "-m", "ee_core.cli", *arguments]
        home = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm-256color", "COLUMNS": "100"}
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=home | {"PYTHONUTF8": "1"} | environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    @property
    def text(self) -> str:
        """What it has said so far, without colours and moves of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw).replace("\r\n", "\n")

    @property
    def raw(self) -> str:
        return self._said.decode("utf-8", errors="replace")

    def wait_for(self, pattern: str) -> str:
        """Read until the text has something; returns the whole text."""
        until = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.text):
            assert self._read(), f"ended without {pattern!r}:\n{self.text}"
            assert time.monotonic() < until, f"no {pattern!r} in:\n{self.text}"
        return self.text

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def wait(self) -> int:
        """Read to the end; returns the exit code."""
        until = time.monotonic() + PATIENCE_S
        while self._read():
            assert time.monotonic() < until, f"does not end:\n{self.text}"
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def _read(self) -> bool:
        """Read what is there within a moment; False when nothing will come any more."""
        if not select.select([self._ours], [], [], 0.1)[0]:
            return True
        try:
            got = os.read(self._ours, 65536)
        except OSError:  # Linux says the other end's close so
            return False
        self._said += got
        return bool(got)


@pytest.fixture
def terminal(tmp_path):
    """Return what starts `eectl` on a terminal; it is ended afterwards."""
    opened = []

    def start(*arguments: str, **environ: str) -> Terminal:
        opened.append(Terminal(tmp_path, *arguments, **environ))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_the_tree_moves_while_the_job_runs_and_stays_when_it_is_over(terminal):
    shown = terminal("run", str(EXAMPLES / "hello.ee.yaml"))
    shown.wait_for(r"quiet +local-\d  working")
    assert shown.wait() == 0
    last = shown.text[shown.text.rindex("✔ hello") :]
    assert re.fullmatch(
        r"✔ hello  \w+  job succeeded  \S+\n├─ ✔ loud +local-\d  HELLO world  \S+\n├─ ✔ quiet +local-\d  \S+\n└─ ✔ greet  \S+\s*",
        last,
    )
    assert "\x1b[32m" in shown.raw
    assert "\x1b[?25h" in shown.raw  # the cursor is back


def test_without_colours_the_tree_has_none(terminal):
    shown = terminal("run", str(EXAMPLES / "hello.ee.yaml"), NO_COLOR="1")
    assert shown.wait() == 0
    assert "✔ hello" in shown.text
    assert not re.search(r"\x1b\[(3|4|9)\d", shown.raw)


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(terminal):
    shown = terminal("run", str(EXAMPLES / "hello.ee.yaml"), TERM="dumb")
    assert shown.wait() == 0
    assert re.search(r"\d\d:\d\d:\d\d  job succeeded", shown.text)
    assert "\x1b" not in shown.raw


SLOW = ["-i", "seconds=300"]  # longer than anybody waits here


def test_ctrl_c_says_that_nothing_is_kept(terminal):
    shown = terminal("run", str(EXAMPLES / "compete.ee.yaml"), *SLOW, "--id", "j1")
    shown.wait_for(r"work +local-\d  working")
    shown.press(b"\x03")
    assert shown.wait() == 130
    assert "interrupted; job j1 ends with this process, and nothing is kept of it" in shown.text
    assert "\x1b[?25h" in shown.raw


def test_ctrl_c_says_how_a_kept_job_goes_on_and_it_does(terminal):
    command = ("run", str(EXAMPLES / "compete.ee.yaml"), *SLOW, "--id", "j1", "--journal", "j.sqlite")
    first = terminal(*command)
    first.wait_for(r"work +local-\d  working")
    first.press(b"\x03")
    assert first.wait() == 130
    assert "job j1 stands still, kept in j.sqlite: give the same command again to go on" in first.text

    again = terminal(*command)
    again.wait_for("resumed: job j1")


def test_ctrl_c_cancels_where_that_is_asked_for(terminal):
    shown = terminal("run", str(EXAMPLES / "compete.ee.yaml"), *SLOW, "--id", "j1", "--cancel-on-interrupt")
    shown.wait_for(r"work +local-\d  working")
    shown.press(b"\x03")
    assert shown.wait() == 6
    assert re.search(r"- compete  j1  job cancelled  \S+  Ctrl-C\n", shown.text)


STUBBORN = """
import atexit
import time
from pathlib import Path

from ee_core.bot import Bot

atexit.register(Path("ended-in-order").touch)
bot = Bot("stubborn")


@bot.activity("hang")
def hang() -> None:
    while True:
        time.sleep(1)
"""
HANGS = "ee: 1\nname: hangs\nstart: work\nnodes:\n  work: {activity: hang, next: done}\n  done: {end: succeeded}\n"


@pytest.mark.parametrize(("presses", "in_order"), [(1, True), (2, False)])
def test_a_second_ctrl_c_waits_for_nothing(terminal, tmp_path, presses, in_order):
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    (tmp_path / "hangs.ee.yaml").write_text(HANGS)
    shown = terminal("run", "hangs.ee.yaml", "--bot", "stubborn.py", "--id", "j1")
    shown.wait_for(r"work +local-\d  working")
    shown.press(b"\x03")
    shown.wait_for("interrupted; job j1 ends")  # and then the bot's code is given time
    if presses > 1:
        shown.press(b"\x03")
    assert shown.wait() == 130
    assert (tmp_path / "ended-in-order").exists() == in_order


def test_when_the_time_is_up_the_exit_code_says_so(terminal):
    shown = terminal("run", str(EXAMPLES / "compete.ee.yaml"), *SLOW, "--id", "j1", "--timeout", "500ms")
    assert shown.wait() == 7
    assert "time is up; job j1 did not end" in shown.text


def test_ctrl_c_leaves_an_engines_job_alone_or_cancels_it(terminal, place):
    place.up("--bots", "1")
    there = {"EE_BROKER_SERVERS": place.environ["EE_BROKER_SERVERS"]}
    submit = ("job", "submit", str(EXAMPLES / "compete.ee.yaml"), *SLOW, "--id", "j1", "--watch")
    first = terminal(*submit, **there)
    first.wait_for(r"work +local-\d  working")
    first.press(b"\x03")
    assert first.wait() == 130
    assert "job j1 goes on: eectl job watch j1, or eectl job cancel j1" in " ".join(first.text.split())

    again = terminal("job", "watch", "j1", "--cancel-on-interrupt", **there)
    again.wait_for(r"work +local-\d  working")
    again.press(b"\x03")
    assert again.wait() == 6
    assert place.ask("job", "show", "j1")["reason"] == "Ctrl-C"
