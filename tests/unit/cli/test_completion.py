"""The shell completes commands, options and files, and nothing heavy is loaded for it."""

import os
import subprocess
import sys

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command

HEAVY = ("nats", "textual", "pydantic_settings", "starlette", "jmespath", "rich_click")
PROGRAM = f"""
import atexit, sys
atexit.register(lambda: print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr))
from ee_core.cli.main import main
main()
"""


def eectl(folder, *arguments, words=""):
    """Run the real command, or have it complete words; returns its lines and the heavy modules it loaded."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    if words:
        count = str(len(words.split()) - (not words.endswith(" ")))
        environ |= {"_EECTL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines(), done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("eectl wor", "plain,workflow"),
        ("eectl job ", "plain,submit"),
        ("eectl job list --out", "plain,--outcome"),
        ("eectl job list -o js", "plain,jsonl"),
        ("eectl run he", "file,he"),
    ],
)
def test_commands_options_values_and_files_are_completed_with_nothing_heavy(tmp_path, words, expected):
    lines, heavy = eectl(tmp_path, words=words)

    assert expected in lines
    assert heavy == "[]"


def test_the_version_is_told_with_nothing_heavy(tmp_path):
    lines, heavy = eectl(tmp_path, "--version")

    assert lines[0].startswith("eectl ")
    assert heavy == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(capsys, shell):
    assert run_command(["completion", shell]) == Exit.OK

    script = capsys.readouterr().out
    assert f"_EECTL_COMPLETE={shell}_complete" in script
