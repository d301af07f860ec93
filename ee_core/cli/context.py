"""`eectl context`: named sets of settings, and which of them is in use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ee_core.cli.formats import Output, output_options
from ee_core.cli.output import say
from ee_core.cli.session import config_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.config import Choice, Context


@click.group()
def context() -> None:
    """Choose among named sets of settings: [contexts.NAME] in ee.toml, or in contexts.toml in your own folder."""


@context.command("list")
@output_options
@click.pass_context
def list_all(ctx: click.Context, output: Output) -> None:
    """List the contexts; the one that is in use is marked."""
    choice = _choice(ctx)
    rows = [_to_row(each, choice) for each in _known(ctx).values()]
    output.rows(rows, ("used", "context", "broker", "namespace", "file"), wide=("by",), name="context")


@context.command()
@click.argument("name")
@click.pass_context
def use(ctx: click.Context, name: str) -> None:
    """Use the context NAME from now on, in every directory; --context and EE_CONTEXT override it."""
    from ee_core.cli.files import write_file
    from ee_core.cli.place import ensure_folder
    from ee_core.config import find_choice_file

    _get(ctx, name)
    file = find_choice_file()
    ensure_folder(file.parent)
    write_file(str(file), json.dumps({"context": name}) + "\n")
    say(f"context {name!r} is in use from now on; `eectl context unset` ends that")


@context.command()
@click.argument("name", required=False)
@output_options
@click.pass_context
def show(ctx: click.Context, name: str | None, output: Output) -> None:
    """Show what a context sets, without NAME the one in use; secrets are hidden."""
    from ee_core.errors import NotFoundError

    choice = _choice(ctx)
    if name is None:
        if choice is None:
            raise NotFoundError("no context is in use; name one, or choose it with `eectl context use`")
        name = choice.name
    shown = _get(ctx, name)
    record = {**_to_row(shown, choice), "settings": _to_settings(shown)}
    facts = {"context": shown.name, "file": shown.file, "used by": record["by"]}
    output.record(record, lambda: output.pairs({**facts, **record["settings"]}.items()), names=[shown.name])


@context.command()
def unset() -> None:
    """Use no context from now on."""
    from ee_core.config import find_choice_file

    find_choice_file().unlink(missing_ok=True)
    say("no context is in use from now on")


def _known(ctx: click.Context) -> Mapping[str, Context]:
    from ee_core.config import list_contexts

    return list_contexts(config_file(ctx))


def _choice(ctx: click.Context) -> Choice | None:
    from ee_core.config import find_choice

    return find_choice((ctx.obj or {}).get("context"))


def _get(ctx: click.Context, name: str) -> Context:
    from ee_core.config import unknown_context
    from ee_core.errors import NotFoundError

    known = _known(ctx)
    if name not in known:  # no wrong setting here, but a name that means nothing
        raise NotFoundError(str(unknown_context(name, list(known))))
    return known[name]


def _to_row(found: Context, choice: Choice | None) -> dict[str, Any]:
    settings = _to_settings(found)
    is_used = choice is not None and choice.name == found.name
    return {
        "used": is_used,
        "context": found.name,
        "broker": settings.get("broker.servers") or settings.get("broker.name", ""),
        "namespace": settings.get("namespace", ""),
        "file": found.file,
        "by": choice.by if choice is not None and is_used else "",
    }


def _to_settings(found: Context) -> dict[str, Any]:
    from ee_core.config import redact

    return {".".join(key): redact(key[-1], entry.value) for key, entry in found.layer.items()}
