"""Help says what is typed, and nothing that is meant for click."""

import click
import pytest

from ee_core.cli.root import cli


def list_commands(command, path):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from list_commands(command.get_command(context, name), f"{path} {name}")


COMMANDS = dict(list_commands(cli, "eectl"))


@pytest.mark.parametrize("path", COMMANDS)
def test_marks_for_the_layout_do_not_stand_in_a_text(path):
    assert r"\b" not in (COMMANDS[path].help or "")


@pytest.mark.parametrize("path", COMMANDS)
def test_what_stands_for_a_value_is_a_word_and_not_the_type_of_the_program(path):
    command = COMMANDS[path]
    context = click.Context(command, info_name=path)
    options = [each for each in command.params if isinstance(each, click.Option) and not each.is_flag]

    shown = {each.name: each.make_metavar(context) for each in options}

    assert not {name: word for name, word in shown.items() if word.startswith(("INTEGER", "FLOAT"))}


def test_verbose_takes_no_value():
    shown = cli.get_help(click.Context(cli, info_name="eectl"))

    assert "-v, --verbose      Say more" in " ".join(shown.splitlines())
