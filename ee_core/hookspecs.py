"""Hook specifications: every place where a plugin can join the engine.

An entry point names a module; a function in it that is marked with `hookimpl` and has the name of a hook below is
an implementation. It may take fewer arguments than the hook has, by name, so hooks can gain arguments. Five rules
hold for all.

* A hook never awaits. A coroutine is "not None", so an ``async def`` would win every first-result call, even when
  it means to decline; the registry refuses it. Work that needs IO goes into an object of `ee_core.contracts` that
  an ``ee_open_*`` hook returns; the engine awaits its methods.
* A hook is called on the engine's loop and must return at once: while it runs, nothing else does.
* An answer that matters is recorded in an event, so a replay never asks a plugin.
* No hook may change a body, an event, a fence, an acknowledgement or a lock.
* The core's own implementations answer last. Among plugins order carries no meaning.

Prefixes: ``ee_open_`` makes a driver, ``ee_choose_``, ``ee_admit_`` and ``ee_expand_`` answer a question (None is no
opinion), ``ee_add_`` contributes, ``ee_on_`` observes and returns nothing.

The ``ee_open_*`` hooks belong into the module that the entry point of a driver group names (``ee.brokers``,
``ee.locks``, ``ee.journals``, ``ee.catalogues``, ``ee.expressions``, ``ee.activities``, ``ee.secrets``, ``ee.cli``): the
registry calls that one plugin. All others belong into a module of the group ``ee.hooks``, where all plugins are asked
together.

A module may say ``EE_API = 1``: the value of `API_VERSION` that it was written for. Another number is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import click

    from ee_core.contracts.activity import ActivityType
    from ee_core.contracts.broker import Broker
    from ee_core.contracts.catalogue import Catalogue
    from ee_core.contracts.env import Env
    from ee_core.contracts.expression import Language
    from ee_core.contracts.hooks import (
        AdmissionRequest,
        BotView,
        Direction,
        EngineLoad,
        FailedAttempt,
        GiveUp,
        Hold,
        MessageOutcome,
        NodeDraft,
        Refuse,
        VisitView,
        WorkflowDraft,
    )
    from ee_core.contracts.journal import JobSummary, Journal
    from ee_core.contracts.lock import LockProvider
    from ee_core.contracts.secrets import SecretProvider
    from ee_core.model.events import AnyEvent, Error, IncidentOpened
    from ee_core.model.ids import BotId, JobId, VisitId
    from ee_core.model.waits import Wait
    from ee_core.model.workflow import Node

API_VERSION: Final = 1  # rises when a hook or a contract changes so that a plugin must change
PROJECT_NAME: Final = "ee"

hookspec: Final = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl: Final = pluggy.HookimplMarker(PROJECT_NAME)


# -- executor ------------------------------------------------------------------------------------------------


@hookspec(firstresult=True)
def ee_open_activity(name: str, settings: Mapping[str, Any], env: Env) -> ActivityType | None:
    """Make the activity type of a name.

    Called once per name and process, before the type's first use: a workflow that names it is loaded, a bot serves
    it, or the installed types are listed. Only the module behind the entry point ``name`` of the group
    ``ee.activities`` is called; one module may stand behind several names.

    Args:
        name: The entry point's name, as in workflow files.
        settings: The section ``activities.<name>`` of the configuration, as written; empty when there is none. Check
            it here.
        env: Instants, chance and ids.

    Returns:
        The activity type, whose `name` is ``name``; used by many attempts at once, and never closed.

    Raises:
        ConfigError: A setting is wrong; the engine does not start. Any other exception quarantines the plugin: the
            type counts as not installed, and `eectl plugin list` shows the cause.
    """


@hookspec(firstresult=True)
def ee_expand_node(node: NodeDraft, workflow: WorkflowDraft) -> Sequence[Node] | None:
    """Write a node of a foreign kind as nodes of the core's kinds.

    Called once per such node when a workflow is loaded, in file order. What comes out is part of the content and of
    its hash, so the answer must depend on the arguments alone: no setting, clock or file.

    Args:
        node: The node, with a kind that the core does not have.
        workflow: The whole file, unexpanded, as context.

    Returns:
        The nodes in its place, in order; the first takes over its id and the pointers to it. An empty sequence
        removes the node, which is an error where a pointer names it. None when the kind is not yours; when nobody
        knows it, the workflow does not load.

    An exception makes the workflow not load, with the plugin's name and the node's place in the message.
    """


@hookspec(firstresult=True)
def ee_choose_retry(visit: VisitView, attempt: FailedAttempt, error: Error) -> int | GiveUp | None:
    """Choose whether and when another attempt follows one that failed.

    Called once per failed attempt, before the failure is decided and recorded, and only while ``visit.retry.attempts``
    allows another. Never called for Lost attempts and cancelled ones. The answer rides in the fact: when the response
    is delivered again before its record is durable, the hook is asked again.

    Args:
        visit: The visit, with the retry policy of its node in `VisitView.retry`.
        attempt: What is known of the attempt, with the advice of the activity's author.
        error: Code and text as the bot gave them.

    Returns:
        The delay before the next attempt in milliseconds, 0 or more; `GIVE_UP` when the visit failed for good; None
        to leave the choice to the next plugin. The core answers last: it gives up on ``retryable=False``, else takes
        the node's delay, backoff and maximum with some jitter, and not less than ``retry_after_ms``. A negative delay
        or an answer of another type counts as None and is reported.

    An exception counts as None and is reported once per plugin and minute.
    """


@hookspec(firstresult=True)
def ee_open_expressions(settings: Mapping[str, Any]) -> Language | None:
    """Make the expression language of a name.

    Called once per process, when the first workflow that names the language is loaded. Only the module behind the
    entry point of that name in the group ``ee.expressions`` is called.

    Args:
        settings: The section ``expressions.<name>`` of the configuration, as written.

    Returns:
        The language; used for all workflows, and never closed.

    Raises:
        ConfigError: A setting is wrong. Any other exception makes the workflow not load.
    """


@hookspec(firstresult=True)
def ee_open_secrets(settings: Mapping[str, Any]) -> SecretProvider | None:
    """Make the provider of secrets of a name.

    Called once per process, at the start of an engine, a bot or a command that looks secrets up, for each plugin of the
    group ``ee.secrets`` that the setting ``secrets.providers`` names.

    Args:
        settings: The section ``secrets.<name>`` of the configuration, as written; empty when there is none. Check it
            here, and ask nobody yet.

    Returns:
        The provider; used by many attempts at once, and never closed.

    An exception is fatal: the process does not start.
    """


@hookspec
def ee_on_event(job_id: JobId, event: AnyEvent, summary: JobSummary) -> None:
    """See an event after it is durable.

    Called for each event of each job of this engine, in journal order per job and at least once: after a restart or
    when a partition moves, the last ones may come again.

    Args:
        job_id: The job.
        event: As recorded; do not change it.
        summary: The job as it stands after the record that holds the event.

    An exception costs this plugin this event and is reported once per plugin and minute.
    """


# -- reactor -------------------------------------------------------------------------------------------------


@hookspec(firstresult=True)
def ee_open_lock(settings: Mapping[str, Any], namespace: str, env: Env) -> LockProvider | None:
    """Make the bot-lock provider that the configuration names.

    Called once, at the start of an engine, for the configured plugin of the group ``ee.locks`` alone.

    Args:
        settings: The section ``lock`` of the configuration without its ``name``, as written.
        namespace: Keeps the records of installations apart; empty by default.
        env: Instants, chance and ids.

    Returns:
        A provider that connects when its context is entered and gives everything up when it is left.

    An exception is fatal: the engine does not start.
    """


@hookspec(firstresult=True)
def ee_choose_bot(visit: VisitView, candidates: Sequence[BotView]) -> BotId | None:
    """Choose the bot that gets a visit when more than one fits.

    Called once per assignment, with at least two candidates, all free, leased by this engine and serving the activity
    type. The answer rides in the fact and is recorded with the assignment.

    Args:
        visit: The visit that waits.
        candidates: The bots, least recently used first.

    Returns:
        The id of one candidate, or None to leave the choice to the next plugin; the core answers last and takes the
        first candidate. Any other answer counts as None and is reported with the plugin's name.

    An exception counts as None and is reported once per plugin and minute.
    """


@hookspec
def ee_on_wait(job: JobId, wait: Wait, armed: bool, reason: str) -> None:
    """See that the Reactor began or ceased to listen for an outside fact.

    Called after a wait was armed or dropped, not recorded: after a restart every wait of every open job is armed
    again. A wait that only changed is armed again under the same key.

    Args:
        job: The job.
        wait: What it waits for.
        armed: True when armed, False when dropped.
        reason: Why: ``new``, ``changed`` or ``adopted`` when armed, ``over`` when dropped.

    An exception costs this plugin this call and is reported once per plugin and minute.
    """


@hookspec
def ee_on_incident(job: JobId, incident: IncidentOpened) -> None:
    """See that a person is asked for something.

    Called after the record with the incident is durable, at least once; the pair of job and incident id tells
    repeats apart.

    Args:
        job: The job.
        incident: Kind, text, choices.

    An exception costs this plugin this incident and is reported once per plugin and minute.
    """


# -- spawner -------------------------------------------------------------------------------------------------


@hookspec(firstresult=True)
def ee_open_journal(settings: Mapping[str, Any], env: Env) -> Journal | None:
    """Make the journal that the configuration names.

    Called once, at the start of an engine or of a command that reads history, for the configured plugin of the group
    ``ee.journals`` alone.

    Args:
        settings: The section ``journal`` of the configuration without its ``name``, as written.
        env: Instants, chance and ids.

    Returns:
        A journal that opens its store when its context is entered and closes it when that is left.

    An exception is fatal: the engine does not start.
    """


@hookspec(firstresult=True)
def ee_open_catalogue(settings: Mapping[str, Any]) -> Catalogue | None:
    """Make the catalogue that the configuration names.

    Called once, at the start of an engine, for the configured plugin of the group ``ee.catalogues`` alone.

    Args:
        settings: The section ``catalogue`` of the configuration without its ``name``, as written.

    Returns:
        A catalogue that opens when its context is entered and closes when that is left.

    An exception is fatal: the engine does not start.
    """


@hookspec
def ee_admit_job(request: AdmissionRequest, load: EngineLoad) -> Refuse | Hold | None:
    """Say whether a job may start now.

    Called for all plugins: once per command before the job's first record, and again for held jobs, first by priority,
    then by age, whenever a job of this engine ends or another one has been held, until one is still to be held.

    Args:
        request: The job that asks.
        load: What this engine has in hand.

    Returns:
        `Refuse`: the job never starts; the sender is answered, nothing is recorded (of a held job: it is cancelled).
        `Hold`: the job is recorded and waits. None: no objection. One Refuse outweighs all Holds, one Hold all Nones.
        The core holds what exceeds the setting ``engine.max_open_jobs``.

    An exception counts as None and is reported once per plugin and minute.
    """


# -- broker --------------------------------------------------------------------------------------------------


@hookspec(firstresult=True)
def ee_open_broker(settings: Mapping[str, Any], namespace: str, env: Env) -> Broker | None:
    """Make the message broker that the configuration names.

    Called once, at the start of an engine, a bot or a command that sends messages, for the configured plugin of the
    group ``ee.brokers`` alone.

    Args:
        settings: The section ``broker`` of the configuration without its ``name``, as written.
        namespace: Stands before every subject already; here it keeps the stores of installations apart. Empty by
            default.
        env: Instants, chance and ids.

    Returns:
        A broker that connects when its context is entered and gives everything up when it is left.

    An exception is fatal: the process does not start.
    """


@hookspec
def ee_add_headers(subject: str, job: JobId | None, visit: VisitId | None) -> Mapping[str, str] | None:
    """Contribute headers to a message that goes out.

    Called for all plugins before each publish of the engine, not for repeats of the same bytes.

    Args:
        subject: Without the namespace prefix.
        job: The job that the message is about; None when it is about none.
        visit: Likewise.

    Returns:
        Names and values. A name must begin with ``x-``, be lower case and of ``[a-z0-9-]``; a value is printable text
        of at most 256 characters. What is not so is left out and reported. When two plugins give one name, either
        wins; the core's own (``x-ee-``) cannot be replaced. None or an empty mapping: nothing to add.

    An exception counts as None and is reported once per plugin and minute.
    """


@hookspec
def ee_on_message(
    direction: Direction, subject: str, size: int, headers: Mapping[str, str], outcome: MessageOutcome
) -> None:
    """See that a message was published, received, delivered again or set aside.

    Called once per publish and once per delivery, after the fact, for messages of the engine only.

    Args:
        direction: Out of this process, or into it.
        subject: Without the namespace prefix.
        size: Of the body, in bytes.
        headers: As sent or as received.
        outcome: What became of it.

    An exception costs this plugin this call and is reported once per plugin and minute.
    """


# -- command line --------------------------------------------------------------------------------------------


@hookspec(firstresult=True)
def ee_open_command(name: str) -> click.Command | None:
    """Make a command of `eectl`.

    Called when the command is called or its help is shown. Only the module behind the entry point ``name`` of the group
    ``ee.cli`` is called. A name that the core has is the core's.

    Args:
        name: The entry point's name, as typed after `eectl`.

    Returns:
        A command or group of click, whose `name` is ``name``. Its callback may return an exit code.

    An exception, or an answer that is no command of click, quarantines the plugin: `eectl` says why, and its other
    commands go on.
    """
