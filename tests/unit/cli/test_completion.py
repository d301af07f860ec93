"""The shell completes commands, options and files, and nothing heavy is loaded for it."""

import os
import subprocess
import sys

import click
import pytest

from ee_core.cli.candidates import OFFERED, Name
from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.cli.root import cli

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


def test_contexts_topics_and_templates_are_offered_with_nothing_heavy(tmp_path):
    (tmp_path / "ee.toml").write_text("[contexts.lab]\n[contexts.lathe]\n[contexts.plant]\n")

    for words, expected in [
        ("eectl --context la", ["plain,lab", "plain,lathe"]),
        ("eectl context use pl", ["plain,plant"]),
        ("eectl context show l", ["plain,lab", "plain,lathe"]),
        ("eectl explain ht", ["plain,http"]),
        ("eectl explain EE-W105", ["plain,EE-W105"]),
        ("eectl init --template h", ["plain,hello", "plain,http"]),
    ]:
        assert eectl(tmp_path, words=words) == (expected, "[]")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[broker]\nservers = 'nats://127.0.0.1:1'", "eectl job show "),
        ("[broker]\nname = 'memory'", "eectl job cancel "),
        ("[broker]\nname = 'nobodys'", "eectl bot release "),
        ("[brokr]", "eectl job resolve "),
        ("= =", "eectl --context "),
    ],
)
def test_what_cannot_be_asked_offers_nothing_and_says_nothing(tmp_path, settings, words):
    (tmp_path / "ee.toml").write_text(settings)
    count = str(len(words.split()))

    done = subprocess.run(
        [sys.executable, "-m", "ee_core.cli"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"], "HOME": str(tmp_path),
            "_EECTL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count,
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_every_parameter_that_offers_names_is_there():
    for path, parameters in OFFERED.items():
        command = cli
        for name in path.split():
            command = command.get_command(click.Context(command, resilient_parsing=True), name)
        offering = {one.name for one in command.params if isinstance(one.type, Name)}
        assert offering == set(parameters), path


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(capsys, shell):
    assert run_command(["completion", shell]) == Exit.OK

    script = capsys.readouterr().out
    assert f"_EECTL_COMPLETE={shell}_complete" in script
