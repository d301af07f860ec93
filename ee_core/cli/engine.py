"""`eectl engine`: an engine in the foreground; its journal is looked after in `upkeep`."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.cli import upkeep
from ee_core.cli.formats import Output, output_options
from ee_core.cli.journal_place import with_journal_path
from ee_core.cli.main import run_async
from ee_core.cli.output import put, say
from ee_core.cli.place import DATA, JOURNAL, ensure_folder
from ee_core.cli.session import connected, read_settings, server_flags, server_options
from ee_core.cli.site import keep_off
from ee_core.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.config import Settings
    from ee_core.engine import Engine

_NAMED: Final = 20  # jobs that go on

despite_poison = click.option(
    "--despite-poison",
    is_flag=True,
    default=False,
    help="Drive jobs that engines before this one did not survive.",
)


@click.group()
def engine() -> None:
    """Run an engine, and look after its journal."""


@engine.command("run")
@click.option(
    "--journal", metavar="FILE", help="The journal's file; without it journal.path, else .ee/journal.sqlite."
)
@click.option(
    "--workflows",
    metavar="FOLDER",
    help="Folder of workflow files; without it catalogue.folder, else ./workflows.",
)
@despite_poison
@server_options
@click.pass_context
def run_engine(
    context: click.Context,
    journal: str | None,
    workflows: str | None,
    broker: str | None,
    server: str | None,
    namespace: str | None,
    despite_poison: bool,
) -> int:
    """Run an engine until SIGTERM or Ctrl-C; open jobs go on at the next start.

    An engine that has the journal so far loses it, and ends with exit code 10; that of an `eectl up` keeps it, and this
    command ends so.
    """
    flags = server_flags(broker, server, namespace) | {"catalogue.folder": workflows, "journal.path": journal}
    settings = with_journal_path(context, flags)
    if settings.journal.settings.get("path") == str(DATA / JOURNAL):
        ensure_folder(DATA)
    keep_off(settings)
    return run_async(_run(settings, despite_poison=despite_poison))


@engine.command("status")
@server_options
@output_options
@click.pass_context
def status(
    context: click.Context, broker: str | None, server: str | None, namespace: str | None, output: Output
) -> int:
    """Show what the engine has in hand, and what it has seen since it began."""
    from ee_core.messages.jobs import QueryJobs

    settings = read_settings(context, server_flags(broker, server, namespace))

    async def ask() -> int:
        async with connected(settings) as client:
            shown = await client.query(QueryJobs(what="engine"))
        output.record(shown, lambda: _print_status(shown, output), names=[shown["engine"]])
        return 0

    return run_async(ask())


def _print_status(shown: dict[str, Any], output: Output) -> None:
    counts = {name: shown[name] for name in ("waits", "events", "messages")}
    output.pairs((name, value) for name, value in shown.items() if name not in counts)
    for name, values in counts.items():
        put(f"\n{name}")
        output.pairs((f"  {key}", value) for key, value in values.items())


async def _run(settings: Settings, *, despite_poison: bool) -> int:
    from ee_core.cli.guard import guarded
    from ee_core.engine import open_engine, open_parts
    from ee_core.errors import ConfigError
    from ee_core.local.env import SystemEnv

    async with (
        open_parts(settings, SystemEnv()) as parts,
        open_engine(parts, despite_poison=despite_poison) as running,
    ):
        if not parts.broker.traits.shared:
            raise ConfigError(
                f"broker {settings.broker.name!r} lives in one process, so nobody could give this engine a job;"
                " use `eectl run`, or a broker such as nats"
            )
        say(f"engine {running.id} on broker {settings.broker.name!r}; Ctrl-C to stop")
        await say_resumed(running)
        with _farewell(running, settings), guarded(parts):
            await running.wait_stopped()
    return 0


@contextmanager
def _farewell(running: Engine, settings: Settings) -> Iterator[None]:
    """Say what a Ctrl-C or SIGTERM leads to: until the process has ended it may take as long as its own work."""
    try:
        yield
    except asyncio.CancelledError:
        grace_s = settings.engine.grace_s
        say(
            f"engine {running.id} stops; work in its own process gets {grace_s:g} s. Open jobs go on at its next start"
        )
        raise


async def say_resumed(running: Engine) -> None:
    """Say which jobs go on, and where; of many, the first."""
    for name in running.adopted[:_NAMED]:
        try:
            found = await running.jobs.find_job(name)
        except EngineError:
            continue  # parked, which is said below, or not to be read now
        if found is not None:
            say(f"resumed: job {name} ({found.name}) at {', '.join(found.live) or 'its end'}")
    if len(running.adopted) > _NAMED:
        say(f"resumed: {len(running.adopted) - _NAMED} more jobs; `eectl job list` shows them")
    for job, error in running.jobs.parked.items():
        say(f"parked: job {job}: {error}")


for command in (upkeep.check, upkeep.backup, upkeep.restore):
    engine.add_command(command)
