"""Real processes: `eectl` as a person types it, each with its output in a file, all ended by who started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PATIENCE_S = 40.0


class Process:
    """A running `eectl`, or another program."""

    def __init__(self, folder: Path, name: str, command: tuple[str, ...], environ: dict[str, str]) -> None:
        self.log = folder / f"{name}.log"
        self._begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self.log.read_bytes()[self._begin :].decode("utf-8")

    def wait_for(self, words: str) -> str:
        """Wait until the output has some words; returns the whole output."""
        until = time.monotonic() + PATIENCE_S
        while words not in self.text:
            assert self._process.poll() is None, f"ended without {words!r}:\n{self.text}"
            assert time.monotonic() < until, f"no {words!r} in:\n{self.text}"
            time.sleep(0.05)
        return self.text

    def wait(self) -> int:
        """Wait for the end; returns the exit code."""
        return self._process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """Ask it to end; returns the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Place:
    """A folder in which `eectl` is used by several terminals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONUNBUFFERED": "1",
        }
        self._processes: list[Process] = []

    def start(self, name: str, *arguments: str) -> Process:
        """Start a command in the background."""
        return self.start_program(name, sys.executable, "-m", "ee_core.cli", *arguments)

    def start_program(self, name: str, *command: str) -> Process:
        """Start a program in the background."""
        process = Process(self.folder, name, command, self.environ)
        self._processes.append(process)
        return process

    def up(self, *arguments: str, port: int = -1) -> Process:
        """Start `eectl up`, wait until it is ready, and let other commands find it."""
        process = self.start("up", "up", "--port", str(port), *arguments)
        text = process.wait_for("Ctrl-C ends all of this")
        url = next(
            line.split()[1].rstrip(",")
            for line in reversed(text.splitlines())
            if line.startswith("nats-server")
        )
        self.environ["EE_BROKER_SERVERS"] = url
        return process

    def run(self, *arguments: str, code: int | None = 0) -> str:
        """Run a command to its end; returns its stdout."""
        return self._carry_out(arguments, code).stdout

    def told(self, *arguments: str, code: int) -> str:
        """Run a command that says why it does not do what it was asked; returns its stderr."""
        return self._carry_out(arguments, code).stderr

    def _carry_out(self, arguments: tuple[str, ...], code: int | None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "ee_core.cli", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert code is None or done.returncode == code, (
            f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def ask(self, *arguments: str) -> object:
        """Run a command with ``-o json``; returns what it printed."""
        return json.loads(self.run(*arguments, "-o", "json"))

    def wait_until(self, what: str, is_true) -> None:
        """Wait until a condition holds."""
        until = time.monotonic() + PATIENCE_S
        while not is_true():
            assert time.monotonic() < until, f"never: {what}\n" + "\n".join(p.text for p in self._processes)
            time.sleep(0.2)

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.stop()


@pytest.fixture
def place(tmp_path: Path):
    """Return an empty folder with everything that was started in it ended afterwards."""
    opened = Place(tmp_path)
    yield opened
    opened.stop()


@pytest.fixture
def examples() -> Path:
    """Return the folder of the examples."""
    return EXAMPLES
