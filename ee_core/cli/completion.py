"""`eectl completion`: the script that lets a shell complete commands, options, files and names."""

from __future__ import annotations

from typing import Final

import click

from ee_core.cli.output import put

VARIABLE: Final = "_EECTL_COMPLETE"  # by it the script asks this program; click answers


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets a SHELL complete commands, options, files and names.

    The names of jobs, incidents, bots and activity types come from the running engine, which gets a second to answer.

    For this shell:

        eval "$(eectl completion bash)"

    For every one put that line into ~/.bashrc or ~/.zshrc. Of fish, which has a folder of scripts:

        eectl completion fish > ~/.config/fish/completions/eectl.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the three shells"
    script = kind(context.find_root().command, {}, "eectl", VARIABLE)
    # the class for bash would start a bash to look at its version, which says nothing about where the script is used
    put(script.source_template % script.source_vars())
