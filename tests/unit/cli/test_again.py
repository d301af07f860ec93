"""Commands that are printed to be copied reach the same engine."""

import click
import pytest

from ee_core.cli.again import CommandLine
from ee_core.cli.lines import to_answer
from ee_core.cli.session import server_options


@click.group()
@click.option("-C", "--config")
@click.option("--context", envvar="EE_CONTEXT")
def root(config, context):
    """Stand for `eectl`."""


@root.command()
@server_options
@click.pass_context
def job(context, /, **_):
    """Stand for a command that talks to engines."""
    return CommandLine.given(context)


def given(*arguments):
    """Return the flags of a line."""
    return root.main(list(arguments), standalone_mode=False)


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["job"], "eectl job watch j1"),
        (["job", "--server", "nats://h:1"], "eectl job watch j1 --server nats://h:1"),
        (
            ["-C", "my plant.toml", "--context", "lab", "job", "--namespace", "n"],
            "eectl -C 'my plant.toml' --context lab job watch j1 --namespace n",
        ),
    ],
)
def test_the_flags_of_the_line_are_repeated(arguments, printed):
    assert given(*arguments).to("job watch j1") == printed


def test_what_the_environment_says_is_not_repeated(monkeypatch):
    monkeypatch.setenv("EE_BROKER_SERVERS", "nats://h:1")
    monkeypatch.setenv("EE_CONTEXT", "lab")

    assert given("job").to("job watch j1") == "eectl job watch j1"
    assert CommandLine.given(None) == CommandLine()


def test_the_answer_to_an_incident_has_them():
    line = CommandLine(behind=("--server", "nats://h:1"))
    incident = {"incident": "i1", "choices": ["retry", "skip"]}

    assert to_answer("j1", incident, line) == (
        "eectl job resolve j1 i1 ANSWER --server nats://h:1  (ANSWER: retry, skip --output-value JSON)"
    )
