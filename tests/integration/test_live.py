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
        r"✔ hello  \w+  job succeeded  \S+\n├─ ✔ loud +local-\d  \S+\n├─ ✔ quiet +local-\d  \S+\n└─ ✔ greet  \S+\s*",
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
