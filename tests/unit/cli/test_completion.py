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
HEAVY_AT_THE_END = f"""
import atexit, sys
atexit.register(lambda: print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr))
"""
PROGRAM = "from ee_core.cli.main import main; main()"
COMPLETING = """
import os, sys
from ee_core.cli.main import main
for words in sys.argv[1:]:
    os.environ |= {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - (not words.endswith(" ")))}
    try:
        main([])
    except SystemExit:
        print("--")
"""


def run(folder, code, *arguments, **environ):
    """Run code in a process of its own, in a folder that is its home, too."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)} | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def complete(folder, *asked, first=""):
    """Have a process complete words, one after the other; returns lines for each, and what it wrote on stderr."""
    done = run(folder, first + COMPLETING, *asked, _EECTL_COMPLETE="bash_complete")
    lines = [[line for line in each.splitlines() if line] for each in done.stdout.split("--\n")[:-1]]
    assert len(lines) == len(asked), done.stderr
    return lines, done.stderr.strip()


def test_commands_options_values_and_files_are_completed_with_nothing_heavy(tmp_path):
    asked = {
        "eectl wor": "plain,workflow",
        "eectl job ": "plain,submit",
        "eectl job list --out": "plain,--outcome",
        "eectl job list -o js": "plain,jsonl",
        "eectl run he": "file,he",
    }

    found, heavy = complete(tmp_path, *asked, first=HEAVY_AT_THE_END)

    for lines, expected in zip(found, asked.values(), strict=True):
        assert expected in lines
    assert heavy == "[]"


def test_a_word_is_completed_by_the_program_as_a_shell_calls_it(tmp_path):
    environ = {"_EECTL_COMPLETE": "bash_complete", "COMP_WORDS": "eectl wor", "COMP_CWORD": "1"}

    done = run(tmp_path, PROGRAM, **environ)

    assert (done.stdout, done.stderr) == ("plain,workflow\n", "")


def test_the_version_is_told_with_nothing_heavy(tmp_path):
    done = run(tmp_path, HEAVY_AT_THE_END + PROGRAM, "--version")

    assert done.stdout.startswith("eectl ")
    assert done.stderr == "[]\n"


def test_contexts_topics_and_templates_are_offered_with_nothing_heavy(tmp_path):
    (tmp_path / "ee.toml").write_text("[contexts.lab]\n[contexts.lathe]\n[contexts.plant]\n")

    asked = {
        "eectl --context la": ["plain,lab", "plain,lathe"],
        "eectl context use pl": ["plain,plant"],
        "eectl context show l": ["plain,lab", "plain,lathe"],
        "eectl explain ht": ["plain,http", "plain,http_STATUS"],
        "eectl explain EE-W105": ["plain,EE-W105"],
        "eectl explain parall": ["plain,parallel"],
        "eectl explain joi": ["plain,join", "plain,join_stuck"],
        "eectl explain JoinS": ["plain,JoinStuck"],
        "eectl init --template h": ["plain,hello", "plain,http"],
    }

    assert complete(tmp_path, *asked, first=HEAVY_AT_THE_END) == (list(asked.values()), "[]")


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (
            "[broker]\nservers = 'nats://127.0.0.1:1'",
            ["eectl job show ", "eectl job resolve j1 ", "eectl job list --workflow "],
        ),
        ("[broker]\nname = 'memory'", ["eectl job cancel ", "eectl job list --owner "]),
        ("[broker]\nname = 'nobodys'", ["eectl bot release "]),
        ("[brokr]", ["eectl job resolve "]),
        ("= =", ["eectl --context "]),
    ],
)
def test_what_cannot_be_asked_offers_nothing_and_says_nothing(tmp_path, settings, asked):
    (tmp_path / "ee.toml").write_text(settings)

    assert complete(tmp_path, *asked) == ([[] for _ in asked], "")


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

    found = complete(tmp_path, "eectl run ", first=HEAVY_AT_THE_END)
    assert found == ([["plain,order.json", "plain,w.ee.yaml"]], "[]")
    (tmp_path / "a b.ee.yaml").touch()
    assert offer("eectl run ") == ["file,"]  # the shell knows how to quote


def test_a_workflow_to_submit_is_a_file_or_a_name_of_the_catalogue(tmp_path):
    (tmp_path / "flows").mkdir()
    for name, said in [("one", "name: order\nversion: 2"), ("two", "name: other"), ("three", "][")]:
        (tmp_path / "flows" / f"{name}.ee.yaml").write_text(
            f"ee: 1\n{said}\nnodes: {{a: {{end: succeeded}}}}\n"
        )
    (tmp_path / "ee.toml").write_text('[catalogue]\nfolder = "flows"\n')

    asked = {"eectl job submit ": ["plain,order@2", "plain,other"], "eectl job submit flo": ["file,flo"]}
    assert complete(tmp_path, *asked, first=HEAVY_AT_THE_END) == (list(asked.values()), "[]")
    (tmp_path / "o.ee.yaml").touch()
    found = complete(tmp_path, "eectl job submit o", first=HEAVY_AT_THE_END)
    assert found == ([["plain,order@2", "plain,other", "plain,o.ee.yaml"]], "[]")


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
