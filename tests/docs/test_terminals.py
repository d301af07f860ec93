"""Pages carried out as they are written: their files, their commands in the terminals they name, and what is printed.

What differs from run to run, or with the engine (job ids, times, fences, ports, numbers of messages) is compared by its form; a job id of the page stands for
the same job everywhere. A line ``...`` is any lines, at the begin or end of a line any text.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # all of them together

PATIENCE_S = 40.0
JOB = re.compile(r"\bj[0-9a-f]{23}\b")
VOLATILE = {  # what is compared by its form alone
    "instant": r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    "clock": r"^\d\d:\d\d:\d\d",
    "fence": r"(?<=fence )\d+\.\d+",
    "port": r"(?<=127\.0\.0\.1:)\d+",
    "local": r"(?<=bot local-)\d",
    "engine": r"(?<=^engine {7})[\w-]{22}",
    "engine_run": r"(?<=^engine )[\w-]{22}",
    "places": r"\b\d+(?= (?:places|of them|messages for|signs of) )",  # they are as many as an engine sends and writes
    "progress": r"\d+% line \d+",
    "width": r"(?<=  PROGRESS) +",  # as wide as what stands below
    "job": JOB.pattern,
}
TOKEN = re.compile("|".join(f"(?P<{name}>{form})" for name, form in VOLATILE.items()))
KEYS = {"^C": signal.SIGINT, "^\\": signal.SIGQUIT}


class Terminals:
    """A folder, and the commands that run in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._busy: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        self._ids: dict[str, str] = {}  # of the page -> of this run
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._environ = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "EE_BROKER_SERVERS": f"nats://127.0.0.1:{self._port}",
        }

    def carry_out(self, block) -> None:
        """Do what a block says, and compare."""
        for step in re.split(r"(?m)^(?=\$ |\^)", block.text):
            first, _, expected = step.partition("\n")
            if first in KEYS:
                self._press(block.title, first)
            elif first.startswith("$ "):
                run = self._stay if block.title.endswith("stays busy") else self._run
                run(block, self._actual(first.removeprefix("$ ")), expected)
            else:
                assert not first, f"{block}: neither a command nor a key: {first!r}"

    def close(self) -> None:
        for process, _ in self._busy.values():
            if process.poll() is None:
                process.kill()
                process.wait()

    def _actual(self, command: str) -> str:
        return JOB.sub(lambda match: self._ids[match[0]], command).replace("4222", str(self._port))

    def _run(self, block, command: str, expected: str) -> None:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_S,
            text=True,
            check=False,
        )
        assert self._fits(expected, done.stdout), f"{block}: {command}\n{done.stdout}\n-- not --\n{expected}"

    def _stay(self, block, command: str, expected: str) -> None:
        if "eectl up" in command:
            command += f" --port {self._port}"
        log = self._folder / f"{len(self._busy)}-{time.monotonic_ns()}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        self._busy[block.title] = (process, log)
        until = time.monotonic() + PATIENCE_S
        while not self._fits(expected, log.read_text()):
            assert process.poll() is None, f"{block}: {command} ended\n{log.read_text()}"
            assert time.monotonic() < until, f"{block}: {command}\n{log.read_text()}\n-- not --\n{expected}"
            time.sleep(0.05)

    def _press(self, title: str, key: str) -> None:
        process, log = self._busy.pop(title)
        process.send_signal(KEYS[key])
        code = process.wait(PATIENCE_S)
        assert code == -signal.SIGQUIT or key == "^C", log.read_text()
        assert code in {0, 130, -signal.SIGQUIT}, log.read_text()

    def _fits(self, expected: str, printed: str) -> bool:
        pattern, names = self._to_pattern(expected)
        match = re.fullmatch(pattern, printed.rstrip("\n") + "\n" if printed else "")
        if match is None:
            return False
        self._ids.update({page: match[name] for page, name in names.items()})
        return True

    def _to_pattern(self, expected: str) -> tuple[str, dict[str, str]]:
        """Make a pattern of a block's lines; with it, the group that each new job id of the page is found in."""
        names: dict[str, str] = {}
        lines = []
        for line in expected.rstrip("\n").split("\n") if expected.strip() else []:
            if line == "...":
                lines.append(r"(?:.*\n)*?")
            else:
                begin = ".*" if line.startswith("...") else ""
                end = ".*" if line.endswith("...") else "[ ]*"
                text = line.removeprefix("...").removesuffix("...")
                lines.append(begin + self._to_line(text, names) + end + "\n")
        return "".join(lines), names

    def _to_line(self, line: str, names: dict[str, str]) -> str:
        parts, at = [], 0
        for token in TOKEN.finditer(line):
            kind = token.lastgroup
            found = (
                self._name(token[0], names)
                if kind == "job"
                else re.sub(r"\(\?<=.*?\)|\^", "", VOLATILE[kind])
            )
            parts += [re.escape(line[at : token.start()]), found]
            at = token.end()
        return "".join([*parts, re.escape(line[at:])])

    def _name(self, page_id: str, names: dict[str, str]) -> str:
        if page_id in self._ids:
            return self._ids[page_id]
        if page_id in names:
            return f"(?P={names[page_id]})"
        names[page_id] = f"job{len(names)}"
        return f"(?P<{names[page_id]}>j[0-9a-f]{{23}})"


@pytest.fixture
def terminals(tmp_path):
    """Three terminals in an empty folder."""
    opened = Terminals(tmp_path)
    yield opened
    opened.close()


def carry_out(blocks, terminals, folder: Path) -> None:
    for block in blocks:
        if block.language == "console" and block.title:
            terminals.carry_out(block)
        elif block.title and block.kind != "part":
            file = folder / block.title
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_tutorial_does_what_it_says(blocks_of, terminals, tmp_path):
    carry_out(blocks_of("tutorial.md"), terminals, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_pieces_run_each_by_itself(blocks_of, terminals, tmp_path):
    carry_out(blocks_of("howto/operate.md"), terminals, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_each_machine_has_a_user_of_its_own(blocks_of, terminals, tmp_path):
    carry_out(blocks_of("howto/run-bots-on-other-machines.md"), terminals, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_command_line_is_as_it_is_told(blocks_of, terminals, tmp_path):
    carry_out(blocks_of("howto/use-eectl.md"), terminals, tmp_path)


@pytest.mark.timeout(120)
def test_the_tests_of_workflows_say_what_the_page_says(blocks_of, terminals, tmp_path):
    carry_out(blocks_of("howto/test-a-workflow.md"), terminals, tmp_path)


@pytest.mark.timeout(120)
def test_secrets_are_found_and_taken_out_as_the_page_says(blocks_of, terminals, tmp_path):
    carry_out(blocks_of("howto/use-secrets.md"), terminals, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_bot_without_our_library_is_a_bot(blocks_of, terminals, tmp_path, docs):
    (tmp_path / "docs").symlink_to(docs)

    carry_out(blocks_of("howto/write-a-bot-in-any-language.md"), terminals, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_race_of_the_parcel_is_found_and_mended(blocks_of, terminals, tmp_path):
    carry_out(blocks_of("howto/rehearse-a-workflow.md"), terminals, tmp_path)


def test_the_export_file_of_the_how_to_runs(blocks_of, terminals, tmp_path):
    carry_out(blocks_of("howto/run-export-files.md"), terminals, tmp_path)


def test_the_first_file_of_the_tutorial_is_the_example(blocks_of, repository):
    first = blocks_of("tutorial.md")[0]

    assert first.text == (repository / "docs" / "examples" / first.title).read_text(encoding="utf-8")
