"""`eectl doctor`: looks at everything that EE needs here, and says what mends what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.cli.exits import Exit
from ee_core.cli.formats import Output, output_options
from ee_core.cli.journal_place import find_journal
from ee_core.cli.main import run_async
from ee_core.cli.output import put
from ee_core.cli.place import DATA, JOURNAL, data_option
from ee_core.cli.session import connected, read_settings, server_flags, server_options
from ee_core.cli.site import find_site

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ee_core.cli.checkups import Finding
    from ee_core.config import Settings

_ANSWER_S: Final = 3.0
_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@data_option("The folder of journal, server and ledgers.")
@click.option(
    "--journal", metavar="FILE", help="The journal's file; without it journal.path, else .ee/journal.sqlite."
)
@click.option(
    "--nats-server",
    "binary",
    envvar="EE_NATS_SERVER",
    metavar="PATH",
    help="The nats-server of `eectl up`; without it the installed one.",
)
@server_options
@output_options
@click.pass_context
def doctor(
    context: click.Context,
    /,
    data: Path,
    journal: str | None,
    binary: str | None,
    output: Output,
    **server: str | None,
) -> int:
    """Look at versions, settings, plugins, disk, ports, clock, journal, broker and engine.

    Changes nothing. Each line is ok, warn or fail; warn and fail say what mends them. Exit code 11: a line is fail.
    """
    from ee_core.cli.checkups import check_python, to_row

    found = list(check_python())
    found += _examine(context, data, journal, binary, server)
    output.record(
        [to_row(each) for each in found], lambda: _print(found), names=[each.what for each in found]
    )
    return Exit.FOUND_SOMETHING if any(each.level == "fail" for each in found) else Exit.OK


def _examine(
    context: click.Context,
    data: Path,
    journal: str | None,
    binary: str | None,
    server: dict[str, str | None],
) -> list[Finding]:
    from ee_core.cli.checkups import Finding, check_folder, check_plugins, check_port, check_server
    from ee_core.cli.ports import PORT
    from ee_core.errors import ConfigError

    try:
        site = find_site(data)
        at = server["server"] or (site.url if site is not None and data != DATA else None)
        settings = read_settings(context, server_flags(server["broker"], at, server["namespace"]))
    except ConfigError as error:
        return [Finding("settings", "fail", str(error), "mend it; the rest was not looked at")]
    shared = dict(context.obj)  # with these flags: looking for the journal takes others
    found = [Finding("settings", "ok", f"broker {settings.broker.name!r}, journal {settings.journal.name!r}")]
    found += check_plugins(settings)
    found += check_folder(data)
    found += check_server(binary)
    found += check_port(PORT)
    try:
        path = find_journal(context, journal or (str(data / JOURNAL) if data != DATA else None))
    except ConfigError as error:
        found.append(Finding("journal", "ok", str(error)))
    else:
        found += _ask(path, settings, shared)
    return found


def _ask(path: Path, settings: Settings, shared: Mapping[str, Any]) -> list[Finding]:
    from ee_core.cli.checkups import check_journal

    found: list[Finding] = []

    async def ask() -> int:
        found.extend(await check_journal(path))
        found.extend(await _ask_engine(settings, shared))
        return 0

    run_async(ask())
    return found


async def _ask_engine(settings: Settings, shared: Mapping[str, Any]) -> list[Finding]:
    from ee_core.cli.address import trace_address
    from ee_core.cli.checkups import Finding, check_engine
    from ee_core.errors import BrokerUnavailableError, EngineError

    name = settings.broker.name
    try:
        async with connected(settings, timeout_s=_ANSWER_S) as client:
            found = [Finding("broker", "ok", f"{name!r} answers"), *await check_engine(client)]
    except BrokerUnavailableError as error:
        cause, _, cure = str(error).partition("; ")
        return [Finding("broker", "warn", *trace_address(cause, cure, shared))]
    except EngineError as error:
        cause, _, cure = str(error).partition("; ")
        return [Finding("broker", "fail", cause, cure)]
    return [
        trace_silence(each, shared) if (each.what, each.level) == ("engine", "warn") else each
        for each in found
    ]


def trace_silence(silent: Finding, shared: Mapping[str, Any]) -> Finding:
    """Say where address and namespace come from at which no engine answers."""
    from dataclasses import replace

    from ee_core.cli.address import trace_address

    text, cure = trace_address(silent.text, silent.cure, shared)
    return replace(silent, text=text, cure=cure)


def _print(found: list[Finding]) -> None:
    width = max(len(each.what) for each in found)
    for each in found:
        mark: Any = click.style(each.level.ljust(4), fg=_COLOURS[each.level])
        put(f"{mark}  {each.what.ljust(width)}  {each.text}")
        if each.cure:
            put(f"{'':4}  {'':{width}}  -> {each.cure}")
