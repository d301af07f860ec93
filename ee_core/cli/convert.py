"""`eectl workflow convert`: the same workflow in another form or another notation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ee_core.cli.output import say
from ee_core.cli.session import read_settings

if TYPE_CHECKING:
    from ee_core.definitions import Definition
    from ee_core.definitions.conversion import Load
    from ee_core.registry import Registry


@click.command()
@click.argument("file")
@click.option(
    "--to", "form", type=click.Choice(["native", "export"]), help="The form; without it that of the file."
)
@click.option(
    "--format",
    "notation",
    type=click.Choice(["yaml", "json"]),
    help="The notation; without it YAML for the native form, JSON for the export form.",
)
@click.option("--bindings", metavar="FILE", help="Of an export file: what its activity ids stand for.")
@click.option("--into", metavar="FILE", help="Where to write it; without it stdout.")
@click.option(
    "--bindings-into",
    metavar="FILE",
    help="Where to write the bindings that go with an export file, as YAML.",
)
@click.pass_context
def convert(
    context: click.Context,
    file: str,
    form: str | None,
    notation: str | None,
    bindings: str | None,
    into: str | None,
    bindings_into: str | None,
) -> None:
    """Write a workflow FILE in another form or notation; - is stdin.

    What the other form has no words for is listed on stderr. What it was converted from is kept beside, so that the way
    back loses nothing.
    """
    from ee_core.cli.files import load_file, write_file
    from ee_core.definitions.conversion import to_export, to_native
    from ee_core.definitions.layout import write_other
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    registry = Registry(read_settings(context), SystemEnv())
    loaded = load_file(file, bindings, registry)
    form = form or str(loaded.definition.extras["form"])
    load = _loader(registry, file)
    if form == "native":
        made = to_native(loaded.definition, loaded.content, loaded.bindings, load)
    else:
        made = to_export(loaded.definition, loaded.content, load)
    text = _write(made.document, form, notation or ("yaml" if form == "native" else "json"))
    if into is None:
        click.echo(text, nl=False)
    else:
        write_file(into, text)
    for note in made.notes:
        say(f"note: {note}")
    if made.bindings and bindings_into is not None:
        write_file(bindings_into, write_other(made.bindings))
    elif made.bindings:
        say(
            f"note: {len(made.bindings)} activity types and their inputs go into a bindings file: --bindings-into FILE"
        )


def _loader(registry: Registry, file: str) -> Load:
    from ee_core.definitions import expand_with, load

    def load_document(document: Any, bindings: Any) -> Definition:
        return load(
            json.dumps(document).encode(),
            place=file,
            bindings=None if bindings is None else json.dumps(bindings).encode(),
            activities=registry.installed_activities(),
            language=registry.open_expressions,
            expand=expand_with(registry.hooks),
        )

    return load_document


def _write(document: Any, form: str, notation: str) -> str:
    from ee_core.definitions.layout import write_native, write_other

    if notation == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return write_native(document) if form == "native" else write_other(document)
