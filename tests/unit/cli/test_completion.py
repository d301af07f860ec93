"""The shell completes commands, options and files, and nothing heavy is loaded for it."""

import os
import subprocess
import sys

import click
import pytest
from click.shell_completion import BashComplete

from ee_core.cli.candidates import FILES, OFFERED
from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.cli.root import cli

HEAVY = (
    "nats", "textual", "pydantic_settings", "starlette", "keyring", "jmespath", "rich_click", "termaid", "networkx",
    "cel_expr_python", "httpx",
)  # fmt: skip
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
        ("eectl explain ht", ["plain,http", "plain,http_STATUS"]),
        ("eectl explain EE-W105", ["plain,EE-W105"]),
        ("eectl explain parall", ["plain,parallel"]),
        ("eectl explain joi", ["plain,join", "plain,join_stuck"]),
        ("eectl explain JoinS", ["plain,JoinStuck"]),
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
        ("[broker]\nservers = 'nats://127.0.0.1:1'", "eectl job resolve j1 "),
        ("[broker]\nservers = 'nats://127.0.0.1:1'", "eectl job list --workflow "),
        ("[broker]\nname = 'memory'", "eectl job list --owner "),
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


def test_files_that_a_command_is_for_are_offered_where_there_are_some(tmp_path, monkeypatch):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    names = "w.ee.yaml w.test.yaml order.json order.bindings.json ee.toml bot.py sub/v.ee.yml"
    for name in names.split():
        (tmp_path / name).touch()

    monkeypatch.chdir(tmp_path)
    for words, expected in [
        ("eectl run ", ["plain,order.json", "plain,w.ee.yaml"]),
        ("eectl run sub/", ["plain,sub/v.ee.yml"]),
        ("eectl run s", ["file,s"]),  # the shell knows how to go into a folder
        ("eectl run sub/deep/", ["file,sub/deep/"]),
        ("eectl run no/where", ["file,no/where"]),
        ("eectl run w.ee.yaml --bot ", ["plain,bot.py"]),
        ("eectl run w.ee.yaml --bindings ", ["file,"]),
        ("eectl bot run ", ["plain,bot.py"]),
        ("eectl workflow check w.ee.yaml o", ["plain,order.json"]),
        ("eectl workflow show w", ["plain,w.ee.yaml"]),
        ("eectl workflow convert w.ee.yaml --into ", ["file,"]),
        ("eectl workflow rehearse o", ["plain,order.json"]),
        ("eectl test ", ["plain,w.test.yaml"]),
        ("eectl up --workflows ", ["dir,"]),
        ("eectl engine backup ", ["file,"]),
    ]:
        assert offer(words) == expected, words

    assert eectl(tmp_path, words="eectl run ") == (["plain,order.json", "plain,w.ee.yaml"], "[]")
    (tmp_path / "a b.ee.yaml").touch()
    assert offer("eectl run ") == ["file,"]  # the shell knows how to quote


def test_a_workflow_to_submit_is_a_file_or_a_name_of_the_catalogue(tmp_path):
    (tmp_path / "flows").mkdir()
    for name, said in [("one", "name: order\nversion: 2"), ("two", "name: other"), ("three", "][")]:
        (tmp_path / "flows" / f"{name}.ee.yaml").write_text(
            f"ee: 1\n{said}\nnodes: {{a: {{end: succeeded}}}}\n"
        )
    (tmp_path / "ee.toml").write_text('[catalogue]\nfolder = "flows"\n')

    assert eectl(tmp_path, words="eectl job submit ") == (["plain,order@2", "plain,other"], "[]")
    assert eectl(tmp_path, words="eectl job submit flo") == (["file,flo"], "[]")
    (tmp_path / "o.ee.yaml").touch()
    assert eectl(tmp_path, words="eectl job submit o") == (
        ["plain,order@2", "plain,other", "plain,o.ee.yaml"],
        "[]",
    )


def test_every_parameter_that_offers_names_is_there():
    for path, parameters in OFFERED.items():
        assert set(parameters) <= offering(path), path


def test_every_parameter_that_offers_files_is_there():
    for path, parameters in FILES.items():
        assert set(parameters) <= offering(path), path


def test_what_is_offered_changes_nothing_of_what_a_command_takes(capsys):
    assert offering("job resolve") >= {"incident", "answer"}

    assert run_command(["job", "resolve", "j1", "i1", "sing"]) == Exit.USAGE
    assert "'sing' is not one of 'retry'" in capsys.readouterr().err


def offering(path):
    """Name the parameters of a command that offer something, as a shell opens it."""
    command = cli
    for name in path.split():
        command = command.get_command(click.Context(command, resilient_parsing=True), name)
    return {one.name for one in command.params if "shell_complete" in vars(one)}


def offer(words):
    """Return the lines for a shell, found in this process."""
    *before, last = words.split(" ")
    shell = BashComplete(cli, {}, "eectl", "_EECTL_COMPLETE")
    return [shell.format_completion(each) for each in shell.get_completions(before[1:], last)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(capsys, shell):
    assert run_command(["completion", shell]) == Exit.OK

    script = capsys.readouterr().out
    assert f"_EECTL_COMPLETE={shell}_complete" in script
