"""The examples of the hook reference: the module of `docs/examples/hooks.py` as a plugin, and drivers as they are built."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
from pathlib import Path

import click
import pytest

from ee_core import hookspecs
from ee_core.config import Settings
from ee_core.contracts.hooks import (
    GIVE_UP,
    AdmissionRequest,
    BotView,
    Direction,
    EngineLoad,
    FailedAttempt,
    Hold,
    MessageOutcome,
    NodeDraft,
    Refuse,
    VisitView,
    WorkflowDraft,
)
from ee_core.contracts.journal import JobSummary
from ee_core.local.env import SystemEnv
from ee_core.model.events import Choice, EndedBy, Error, IncidentKind, IncidentOpened, JobFinished, Outcome
from ee_core.model.waits import LeaseWait
from ee_core.model.workflow import BotSelector, NodeKind, Pointer
from ee_core.registry import (
    HookCalls,
    Registry,
    add_headers,
    admit_job,
    choose_bot,
    choose_retry,
    expand_node,
)

VISIT = VisitView("job", "post#1", "post", "invoice", "sap.post", labels={"building": "east"})
SUMMARY = JobSummary("job", "invoice", "", None, "Finished", "failed", "ada", {}, 0, 1, 2, 0, open=False)
WAIT = LeaseWait("post#1", "post", "sap.post", BotSelector(), None, 1, None, no_bot=False)
DRIVERS = {  # how the registry calls the one that the page shows; it checks that all members of the contract are there
    "ee_open_activity": ("ee_example", lambda registry: registry.open_activity("example")),
    "ee_open_expressions": ("ee_cel", lambda registry: registry.open_expressions("cel")),
    "ee_open_secrets": ("ee_core.local.secret_variables", lambda registry: registry.open_secrets("env")),
    "ee_open_lock": ("ee_core.local.lock", lambda registry: registry.open_lock("memory", {}, SystemEnv())),
    "ee_open_journal": (
        "ee_core.local.memory_journal",
        lambda registry: registry.open_journal("memory", {}, SystemEnv()),
    ),
    "ee_open_catalogue": ("ee_core.local.catalogue", lambda registry: registry.open_catalogue("folder", {})),
    "ee_open_broker": (
        "ee_core.local.broker",
        lambda registry: registry.open_broker("memory", {"max_payload": 9}, SystemEnv()),
    ),
    "ee_open_command": ("ee_nats.commands", lambda registry: registry.open_command("nats")),
}


@pytest.fixture
def plugin(repository):
    """The module of examples, loaded anew."""
    spec = importlib.util.spec_from_file_location("plant_rules", repository / "docs/examples/hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def calls(plugin):
    return HookCalls(SystemEnv(), {"plant-rules": plugin})


def test_every_hook_has_an_example_here(plugin):
    hooks = {name for name in vars(hookspecs) if name.startswith("ee_")}

    assert {name for name in vars(plugin) if name.startswith("ee_")} | DRIVERS.keys() == hooks


@pytest.mark.parametrize("hook", DRIVERS)
def test_the_driver_that_is_shown_is_made_and_keeps_its_contract(hook, section_of, repository):
    name, make = DRIVERS[hook]
    module = importlib.import_module(name)
    file = Path(module.__file__).relative_to(repository)
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)

    made = make(Registry(Settings(), SystemEnv()))

    assert f'title="{file}"' in section_of("reference/hooks.md", f"### {hook}({arguments})")
    maker = (
        made.callback if isinstance(made, click.Command) else type(made)
    )  # a command is of click's own class
    assert maker.__module__.partition(".")[0] == name.partition(".")[0]


def test_a_foreign_kind_is_written_as_an_activity(calls):
    drawing = WorkflowDraft("drawing", "export", ())
    beep = NodeDraft("n1", "Beep", pointers=(Pointer("n2"),), members={"text": "here"})

    [node] = expand_node(calls, beep, drawing)

    assert (node.id, node.kind, node.activity.type, node.activity.input) == (
        "n1", NodeKind.ACTIVITY, "log", {"text": "here"},
    )  # fmt: skip
    assert expand_node(calls, NodeDraft("n1", "Boop"), drawing) is None


def test_a_locked_record_waits_a_minute_and_a_wrong_password_is_not_tried_again(calls):
    def choose(code):
        return choose_retry(calls, VISIT, FailedAttempt(1, 1), Error(code, ""))

    assert (choose("record_locked"), choose("login")) == (60_000, GIVE_UP)


def test_ends_of_jobs_are_counted(calls, plugin):
    ended = JobFinished(Outcome.FAILED, EndedBy.FAILURE)

    calls.tell_all("ee_on_event", job_id="job", event=ended, summary=SUMMARY)

    assert plugin.outcomes == {"invoice failed": 1}


def test_the_bot_in_the_jobs_building_is_preferred(calls):
    bots = [BotView("a"), BotView("b", {"building": "east"}), BotView("c", {"building": "west"})]

    assert choose_bot(calls, VISIT, bots) == "b"


def test_the_queue_holds_what_waits_for_a_bot(calls, plugin):
    calls.tell_all("ee_on_wait", job="job", wait=WAIT, armed=True, reason="new")
    assert plugin.queue == {("job", "lease:post#1"): "sap.post"}

    calls.tell_all("ee_on_wait", job="job", wait=WAIT, armed=False, reason="over")
    assert plugin.queue == {}


def test_the_people_on_duty_are_told(calls, caplog):
    asked = IncidentOpened("i1", IncidentKind.LOST, (Choice.RETRY,), "attempt 1 is lost")

    with caplog.at_level(logging.WARNING):
        calls.tell_all("ee_on_incident", job="job", incident=asked)

    assert caplog.messages == ["job job asks a person: attempt 1 is lost"]


def test_a_job_without_an_owner_is_refused_and_a_test_waits(calls):
    test = AdmissionRequest("job", "invoice", owner="ada", labels={"kind": "test"})

    assert isinstance(admit_job(calls, AdmissionRequest("job", "invoice"), EngineLoad(0)), Refuse)
    assert admit_job(calls, test, EngineLoad(2)) == Hold("2 other jobs go first")
    assert admit_job(calls, test, EngineLoad(0)) is None


def test_messages_about_jobs_carry_the_plant(calls):
    assert add_headers(calls, "activity.execute.b", "job", "post#1") == {"x-plant": "north"}
    assert add_headers(calls, "bots.call", None, None) == {}


def test_poison_is_remembered(calls, plugin):
    for outcome in (MessageOutcome.RECEIVED, MessageOutcome.POISON):
        calls.tell_all(
            "ee_on_message",
            direction=Direction.IN,
            subject="jobs.execute",
            size=1,
            headers={},
            outcome=outcome,
        )

    assert plugin.poison == ["in jobs.execute"]
