"""`eectl workflow fmt`: files in the native form, written the one usual way."""

from __future__ import annotations

import click

from ee_core.cli.exits import Exit
from ee_core.cli.output import say


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--check", is_flag=True, default=False, help="Write nothing; exit code 11 if a file would change."
)
def fmt(files: tuple[str, ...], check: bool) -> int:
    """Write workflow FILES of the native form in the one usual way; - is stdin, and then the text goes to stdout.

    Keys get their usual order, blanks and quotes become regular. Comments, empty lines, the order of nodes and every value
    stay, so the workflow's hash does.
    """
    from ee_core.cli.files import read_file, write_file
    from ee_core.definitions.formatting import format_native
    from ee_core.errors import InputError, WorkflowError

    worst = Exit.OK
    for path in files:
        data = read_file(path)
        try:
            text = format_native(data, path)
        except (InputError, WorkflowError) as error:
            say(str(error))
            worst = Exit.INVALID_INPUT
            continue
        is_same = text.encode() == data
        if check and not is_same:
            say(f"{path} would change")
            worst = worst or Exit.FOUND_SOMETHING
        elif path == "-" and not check:
            click.echo(text, nl=False)
        elif not is_same:
            write_file(path, text)
            say(f"{path} is written anew")
    return worst
