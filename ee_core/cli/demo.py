"""`eectl demo`: see a promise kept, in real processes.

Everything happens in a folder of its own that is gone afterwards: a NATS server, an engine and a bot, each as a user
would start it, and ended by who started them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ee_core.cli.exits import Exit
from ee_core.cli.output import put, say
from ee_core.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_S: Final = 60.0
_PIECES: Final = 3
_BOT: Final = Path(__file__).with_name("demo_bot.py")


@click.group()
def demo() -> None:
    """See a promise kept, in real processes."""


@demo.command()
def crash() -> int:
    """Kill an engine in the middle of a job, start it again, and count what was done."""
    with tempfile.TemporaryDirectory(prefix="ee-demo-") as place, ExitStack() as stack:
        return _crash(_Stage(Path(place), stack))


def _crash(stage: _Stage) -> Exit:
    log = stage.folder / "effects.txt"
    (stage.folder / "demo.ee.yaml").write_text(_workflow(log), encoding="utf-8")
    say(f"a NATS server, an engine and a bot start; the job has {_PIECES} pieces of work of 2 s each")
    engine = stage.up(port=-1)
    bot = stage.start("bot", "bot", "run", str(_BOT))
    stage.wait("the bot", lambda: "Ctrl-C" in stage.text("bot"))
    job = stage.run("job", "submit", "demo.ee.yaml").strip()
    stage.wait("the second piece of work", lambda: len(_lines(log, "begin")) == 2)
    say("the bot is in the middle of the second piece: kill -9 of the engine (its NATS server goes with it)")
    engine.kill()
    engine.wait()
    say(f"the engine is dead; the bot (process {bot.pid}) does not notice and works on")
    say("the engine starts again on the same folder")
    stage.up(port=stage.port)
    say(f"it says: {_resumed(stage.text('up'))}")
    stage.run("job", "watch", job)
    return _count(log)


def _workflow(log: Path) -> str:
    nodes: dict[str, object] = {
        f"piece{n}": {
            "activity": "demo.work",
            "with": {"log": str(log)},
            "next": f"piece{n + 1}" if n < _PIECES else "done",
        }
        for n in range(1, _PIECES + 1)
    }
    nodes["done"] = {"end": "succeeded"}
    return json.dumps({"ee": 1, "name": "demo", "start": "piece1", "nodes": nodes})


def _resumed(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("resumed")]
    return lines[-1] if lines else "nothing of the job"


def _lines(log: Path, word: str) -> list[str]:
    if not log.exists():
        return []
    return [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith(word)]


def _count(log: Path) -> Exit:
    begun = Counter(line.rpartition("/")[2] for line in _lines(log, "begin"))
    ended = Counter(line.rpartition("/")[2] for line in _lines(log, "end"))
    for visit in sorted(begun):
        put(f"{visit}: begun {begun[visit]} time, ended {ended[visit]} time")
    if len(begun) == _PIECES and set(begun.values()) == set(ended.values()) == {1}:
        put("the job went on where it was; nothing was lost, nothing was done twice")
        return Exit.OK
    put("this is not what EE promises; please report it")
    return Exit.UNEXPECTED


class _Stage:
    """A folder, and the processes in it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.port = -1
        self._stack = stack
        self._environ = dict(_environment())
        self._begins: dict[str, int] = {}

    def up(self, *, port: int) -> subprocess.Popen[bytes]:
        """Start `eectl up`, and wait until it is ready."""
        process = self.start("up", "up", "--bots", "0", "--port", str(port))
        self.wait("the engine", lambda: "Ctrl-C ends" in self.text("up"))
        url = next(line.split()[1].rstrip(",") for line in self.text("up").splitlines() if "nats://" in line)
        self.port = int(url.rpartition(":")[2])
        self._environ["EE_BROKER_SERVERS"] = url
        return process

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command in the background; it ends with the demo."""
        log = self.folder / f"{name}.log"
        self._begins[name] = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            process = subprocess.Popen(
                self._command(*arguments), cwd=self.folder, env=self._environ, stdout=file, stderr=file
            )
        self._stack.callback(_end, process)
        return process

    def run(self, *arguments: str) -> str:
        """Run a command to its end; what `job watch` says goes to the person."""
        done = subprocess.run(
            self._command(*arguments),
            cwd=self.folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        if done.returncode != 0:
            raise EngineError(f"`eectl {' '.join(arguments)}` ended with {done.returncode}: {done.stdout}")
        for line in done.stdout.splitlines() if arguments[1] == "watch" else ():
            say(f"  {line}")
        return done.stdout

    def text(self, name: str) -> str:
        """Return what a command has said since it was started last."""
        return (self.folder / f"{name}.log").read_bytes()[self._begins[name] :].decode("utf-8", "replace")

    def wait(self, what: str, is_there: Callable[[], bool]) -> None:
        """Wait until something is there."""
        until = time.monotonic() + _PATIENCE_S
        while not is_there():
            if time.monotonic() > until:
                raise EngineError(f"{what} did not come within {_PATIENCE_S:g} s: {self.text('up')[-2000:]}")
            time.sleep(0.05)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ee_core.cli", *arguments]


def _environment() -> dict[str, str]:
    """Return this process's environment without settings of EE: the demo is to be the same everywhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EE_")}  # noqa: TID251 - handed on, not read


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
