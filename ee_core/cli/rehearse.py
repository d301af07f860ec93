"""`eectl workflow rehearse`: a workflow with fake activities, once for each thing that may go wrong."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.cli.exits import Exit
from ee_core.cli.formats import output_options
from ee_core.cli.output import put, say
from ee_core.cli.session import read_settings, workflow_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ee_core.cli.formats import Output
    from ee_core.contracts.activity import ActivityType
    from ee_core.model.workflow import Workflow
    from ee_core.simulation.rehearsal import Base, Verdict
    from ee_core.simulation.rehearsal_cast import Rehearsal
    from ee_core.simulation.rehearsal_places import Place
    from ee_core.simulation.rehearsal_report import Finding

_SHOWS_S: Final = 0.2


@click.command()
@click.argument("file")
@workflow_options
@click.option(
    "--stubs",
    metavar="FILE",
    help="What activities give, by node or type: a file like `stubs: {NODE: {output: 3}}`; or `{error: {code: late}}`, or a list of those.",
)
@click.option(
    "--bot",
    "bot_files",
    multiple=True,
    metavar="FILE",
    help="A Python file with a bot: what its functions give is known from it; they are not called.",
)
@click.option(
    "--bots",
    type=click.IntRange(1, 100),
    metavar="NUMBER",
    default=2,
    show_default=True,
    help="How many fake bots of each sort that the workflow asks for.",
)
@click.option("--only", metavar="PLACE", help="Rehearse this one place, and tell its story.")
@click.option("--list", "is_list", is_flag=True, default=False, help="List the places, and rehearse none.")
@click.option("--limit", type=click.IntRange(min=1), metavar="NUMBER", help="Rehearse no more places.")
@click.option("--time", "time_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this.")
@click.option(
    "-j",
    "--jobs",
    "processes",
    type=click.IntRange(1, 256),
    metavar="NUMBER",
    help="How many runs at a time; without it, one for each processor.",
)
@click.option("-q", "--quiet", is_flag=True, default=False, help="Say nothing of how far it is.")
@output_options
@click.pass_context
def rehearse(context: click.Context, /, file: str, output: Output, **options: Any) -> int:
    """Rehearse a workflow FILE: what becomes of it when an engine or a bot dies, or a message is lost?

    The real engine runs it with fake bots, in virtual time: once undisturbed, then once for each journal write (the
    engine dies before or after it, or its answer is lost), each attempt (its bot dies before, during or after it, or
    is slow) and each message (lost, twice, late). Each time the outcome must be the same. Exit code 11: it was not.
    """
    from ee_core.simulation.rehearsal import NoEndError, rehearse_undisturbed

    rehearsal = _load(context, file, options)
    try:
        base = rehearse_undisturbed(rehearsal)
    except NoEndError as error:
        say(f"{file} comes to no end even undisturbed: {error}")
        _ask_for_stubs(rehearsal)
        return Exit.TIMED_OUT
    if not base.ending.outcome:
        return _refuse(file, base, rehearsal)
    if options["is_list"]:
        output.rows([{"place": place.name, "what": place.text} for place in base.places], ["place", "what"])
        return Exit.OK
    command = _command(file, options)
    if options["only"]:
        return _tell(rehearsal, base, options["only"], output)
    return _rehearse(_Stage(file, command, rehearsal, base), output, options)


def _load(context: click.Context, file: str, options: Mapping[str, Any]) -> Rehearsal:
    from ee_core.cli.files import load_file, parse_inputs, read_file
    from ee_core.cli.local import load_served
    from ee_core.cli.stubs import read_stubs
    from ee_core.definitions import check_inputs
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry
    from ee_core.simulation.rehearsal_cast import Rehearsal

    registry = Registry(read_settings(context), SystemEnv())
    served = load_served(options["bot_files"])
    loaded = load_file(file, options["bindings"], registry, served=served)
    for diagnostic in loaded.definition.diagnostics:
        if diagnostic.code != _SERVED_BY_BOTS:
            say(diagnostic.render())
    workflow = loaded.definition.workflow
    inputs = parse_inputs(options["pairs"], options["input_file"], workflow)
    check_inputs(workflow, inputs)
    stubs = read_stubs(read_file(options["stubs"]), options["stubs"]) if options["stubs"] else {}
    _check_names(stubs, workflow)
    return Rehearsal(
        loaded.definition,
        loaded.content,
        loaded.bindings,
        inputs,
        stubs,
        _outputs({**registry.installed_activities(), **served}, workflow),
        options["bots"],
    )


_SERVED_BY_BOTS: Final = "EE-W401"  # fake ones serve it here


def _check_names(stubs: Mapping[str, object], workflow: Workflow) -> None:
    from ee_core.errors import InputError

    nodes = [node for node in workflow.nodes if node.activity is not None]
    known = {name for node in nodes for name in (node.id, node.name, node.activity and node.activity.type)}
    unknown = sorted(stubs.keys() - known)
    if unknown:
        raise InputError(
            f"there is no activity node or type {unknown[0]!r} for a stub;"
            f" there are: {', '.join(sorted(name for name in known if name))}"
        )


def _outputs(activities: Mapping[str, ActivityType], workflow: Workflow) -> dict[str, Any]:
    from ee_core.simulation.rehearsal_values import plausible

    types = {node.activity.type for node in workflow.nodes if node.activity is not None}
    schemas = {name: activities[name].output_schema for name in types & activities.keys()}
    return {name: plausible(schema) for name, schema in schemas.items() if schema is not None}


def _refuse(file: str, base: Base, rehearsal: Rehearsal) -> int:
    say(f"{file} does not end even undisturbed: it {base.ending.said}")
    for incident in base.ending.incidents.values():
        say(f"  {incident.text}")
    _ask_for_stubs(rehearsal)
    return Exit.INCIDENT


def _ask_for_stubs(rehearsal: Rehearsal) -> None:
    """Say how it is stated what activities give."""
    from ee_core.cli.stubs import show_form

    works = {
        node.name or node.id: node.activity for node in rehearsal.workflow.nodes if node.activity is not None
    }
    known = {
        name: rehearsal.outputs[work.type] for name, work in works.items() if work.type in rehearsal.outputs
    }
    say(
        "state with --stubs FILE what its activities give, if what they gave here is not what they would give;"
        " the file looks like this:"
    )
    say(show_form([name for name in works if name not in rehearsal.stubs] or list(works), known))


def _command(file: str, options: Mapping[str, Any]) -> str:
    """Return the command line that rehearses the same once more."""
    words = ["eectl", "workflow", "rehearse", file]
    words += [word for pair in options["pairs"] for word in ("-i", pair)]
    words += [word for path in options["bot_files"] for word in ("--bot", path)]
    for name in ("input_file", "bindings", "stubs"):
        if options[name]:
            words += [f"--{name.replace('_', '-')}", options[name]]
    if options["bots"] != 2:
        words += ["--bots", str(options["bots"])]
    return shlex.join(words)


# -- one place -----------------------------------------------------------------------------------------------------


def _tell(rehearsal: Rehearsal, base: Base, name: str, output: Output) -> int:
    from ee_core.definitions.diagnostics import did_you_mean
    from ee_core.errors import NotFoundError
    from ee_core.simulation.rehearsal import tell_place
    from ee_core.simulation.rehearsal_report import BAD, tell_one

    place = next((place for place in base.places if place.name == name), None)
    if place is None:
        near = did_you_mean(name, [place.name for place in base.places])
        raise NotFoundError(
            f"there is no place {name!r} in this workflow; {f'{near} ' if near else ''}--list shows them"
        )
    verdict, story = tell_place(rehearsal, base, place)

    def show() -> None:
        put(f"{place.name}: {place.text}")
        put("")
        put(tell_one(verdict, rehearsal.workflow))
        put("")
        put(story)

    record: dict[str, Any] = {"place": place.name, "what": place.text, "category": verdict.category.value}
    record |= {"nodes": list(verdict.nodes), "texts": list(verdict.texts), "story": story.splitlines()}
    output.record(record, show, names=[place.name])
    return Exit.FOUND_SOMETHING if verdict.category in BAD else Exit.OK


# -- all of them ---------------------------------------------------------------------------------------------------


class _Stage:
    """What is rehearsed, and what came of it so far."""

    def __init__(self, file: str, command: str, rehearsal: Rehearsal, base: Base) -> None:
        self.file = file
        self.command = command
        self.rehearsal = rehearsal
        self.base = base
        self.verdicts: list[Verdict] = []
        self.began_s = time.monotonic()

    @property
    def took_s(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self.began_s

    def missed(self) -> dict[str, int]:
        """Count the places that were not rehearsed, by kind."""
        from ee_core.simulation.rehearsal_report import count_kinds

        done = {verdict.place.name for verdict in self.verdicts}
        return count_kinds(place.kind for place in self.base.places if place.name not in done)

    def findings(self) -> list[Finding]:
        """Return what was found."""
        from ee_core.simulation.rehearsal_report import gather

        return gather(self.verdicts, self.rehearsal.workflow)


def _rehearse(stage: _Stage, output: Output, options: Mapping[str, Any]) -> int:
    from ee_core.simulation.rehearsal_report import BAD

    places = list(stage.base.places)[: options["limit"]]
    processes = options["processes"] or os.cpu_count() or 1
    is_interrupted = False
    try:
        _go_through(stage, places, processes, options)
    except KeyboardInterrupt:
        is_interrupted = True
    findings = stage.findings()
    output.record(
        _to_json(stage, findings),
        lambda: _show(stage, findings),
        names=[place for one in findings for place in one.places],
    )
    if is_interrupted:
        say("interrupted; this is what was found so far")
        return Exit.INTERRUPTED
    return Exit.FOUND_SOMETHING if any(one.category in BAD for one in findings) else Exit.OK


def _go_through(stage: _Stage, places: Sequence[Place], processes: int, options: Mapping[str, Any]) -> None:
    from contextlib import closing

    from ee_core.simulation.rehearsal_branches import rehearse_places

    progress = _Progress(len(places), is_shown=not options["quiet"] and sys.stderr.isatty())
    limit_s = options["time_s"]
    with closing(rehearse_places(stage.rehearsal, stage.base, places, processes)) as verdicts, progress:
        for verdict in verdicts:
            stage.verdicts.append(verdict)
            progress.show(len(stage.verdicts))
            if limit_s is not None and stage.took_s > limit_s:
                return


class _Progress:
    """A line on a terminal that is written over and over, and gone at the end."""

    def __init__(self, count: int, *, is_shown: bool) -> None:
        self._count = count
        self._is_shown = is_shown
        self._last_s = 0.0

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_error: object) -> None:
        if self._is_shown:
            click.echo("\r\033[K", err=True, nl=False)

    def show(self, done: int) -> None:
        """Say how far it is, a few times a second."""
        now_s = time.monotonic()
        if self._is_shown and now_s - self._last_s >= _SHOWS_S:
            self._last_s = now_s
            click.echo(f"\r\033[K{done}/{self._count} places", err=True, nl=False)


def _show(stage: _Stage, findings: Sequence[Finding]) -> None:
    from ee_core.simulation.rehearsal_report import summary, tell

    put(f"{stage.file}: {summary(stage.base, len(stage.verdicts), findings)}")
    for line in (*tell(findings, stage.command), *_left_out(stage)):
        put(line)


def _left_out(stage: _Stage) -> Iterator[str]:
    missed = stage.missed()
    lines = [f"{count} {kind}" for kind, count in missed.items()]
    lines += [f"{count} {why}" for why, count in stage.base.left_out.items()]
    if lines:
        yield ""
        yield f"left out: {'; '.join(lines)}"


def _to_json(stage: _Stage, findings: Sequence[Finding]) -> dict[str, Any]:
    counts = Counter(verdict.category.value for verdict in stage.verdicts)
    return {
        "workflow": stage.rehearsal.workflow.name,
        "outcome": stage.base.ending.said,
        "places": len(stage.base.places),
        "rehearsed": len(stage.verdicts),
        "categories": dict(counts),
        "findings": [one.to_json(stage.command) for one in findings],
        "left_out": {**stage.missed(), **stage.base.left_out},
        "seconds": round(stage.took_s, 3),
    }
