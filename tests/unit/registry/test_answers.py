"""How the answers of several plugins become one."""

from __future__ import annotations

import itertools

import pytest

from ee_core.contracts.hooks import (
    GIVE_UP,
    AdmissionRequest,
    BotView,
    EngineLoad,
    FailedAttempt,
    Hold,
    NodeDraft,
    Refuse,
    VisitView,
    WorkflowDraft,
)
from ee_core.errors import PluginError
from ee_core.hookspecs import hookimpl
from ee_core.local.env import SystemEnv
from ee_core.model.events import Error
from ee_core.model.ids import BotId, JobId, NodeId, VisitId
from ee_core.model.workflow import Node, NodeKind
from ee_core.registry import HookCalls, add_headers, admit_job, choose_bot, choose_retry, expand_node
from ee_core.registry.calls import CORE

VISIT = VisitView(job=JobId("j"), visit=VisitId("a#1"), node=NodeId("a"), workflow="w", activity="noop")
BOTS = [BotView(BotId("r1")), BotView(BotId("r2"))]
REQUEST = AdmissionRequest(JobId("j"), "w")


class Says:
    def __init__(self, answer: object) -> None:
        self.answer = answer

    @hookimpl
    def ee_expand_node(self, node):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @hookimpl
    def ee_choose_retry(self, visit, attempt, error):
        return self.answer

    @hookimpl
    def ee_choose_bot(self, visit, candidates):
        return self.answer

    @hookimpl
    def ee_admit_job(self, request, load):
        return self.answer

    @hookimpl
    def ee_add_headers(self, subject):
        return self.answer


def ask(*answers: object) -> HookCalls:
    return HookCalls(SystemEnv(), {f"p{place}": Says(answer) for place, answer in enumerate(answers)})


def test_a_node_is_written_by_the_first_plugin_that_knows_its_kind() -> None:
    draft, whole = NodeDraft(NodeId("a"), "Mail"), WorkflowDraft("w", "export", ())
    nodes = (Node(id=NodeId("a"), kind=NodeKind.END),)

    assert expand_node(ask(None, nodes, ()), draft, whole) == nodes
    assert expand_node(ask([]), draft, whole) == []
    assert expand_node(ask(None), draft, whole) is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (ValueError("on purpose"), "plugin 'p0': hook ee_expand_node raised ValueError: on purpose"),
        ("nodes", "plugin 'p0': hook ee_expand_node answered 'nodes', not a sequence of nodes"),
        ([1], r"answered \[1\], not a sequence of nodes"),
    ],
)
def test_a_plugin_that_fails_to_write_a_node_stops_the_loading(answer: object, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        expand_node(ask(answer, ()), NodeDraft(NodeId("a"), "Mail"), WorkflowDraft("w", "export", ()))


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        ([500], 500),
        ([0], 0),
        ([GIVE_UP, 500], GIVE_UP),
        ([None, 500], 500),
        ([-1, "soon", True, 1.5, 500], 500),
        ([], GIVE_UP),
    ],
)
def test_a_retry_is_a_delay_or_given_up(answers: list[object], chosen: object) -> None:
    assert choose_retry(ask(*answers), VISIT, FailedAttempt(1, 1), Error("e", "t")) == chosen


@pytest.mark.parametrize(
    ("answers", "chosen"), [(["r2"], "r2"), (["r3", "r2"], "r2"), ([None], "r1"), ([[]], "r1")]
)
def test_only_a_candidate_can_be_chosen(answers: list[object], chosen: str) -> None:
    assert choose_bot(ask(*answers), VISIT, BOTS) == chosen


def test_nobody_is_asked_about_the_only_candidate() -> None:
    assert choose_bot(ask("r2"), VISIT, BOTS[:1]) == "r1"


def test_refuse_beats_hold_beats_none_in_any_order() -> None:
    for answers in itertools.permutations([Refuse("no"), Hold("later"), None, "perhaps"]):
        assert admit_job(ask(*answers), REQUEST, EngineLoad(0)) == Refuse("no")
    for answers in itertools.permutations([Hold("later"), None]):
        assert admit_job(ask(*answers), REQUEST, EngineLoad(0)) == Hold("later")
    assert admit_job(ask(None), REQUEST, EngineLoad(0)) is None
    assert admit_job(ask(), REQUEST, EngineLoad(0)) is None


def test_headers_are_merged_and_bad_ones_left_out(caplog: pytest.LogCaptureFixture) -> None:
    bad = {
        "x-good": "1",
        "content-type": "a",
        "X-Upper": "a",
        "x-line": "a\r\nb",
        "x-long": "a" * 257,
        "x-no": 1,
    }

    assert add_headers(ask(bad, {"x-other": "ü"}, None), "jobs.execute") == {"x-good": "1", "x-other": "ü"}
    assert (
        "headers that are not allowed: 'X-Upper', 'content-type', 'x-line', 'x-long', 'x-no'" in caplog.text
    )


def test_an_answer_that_is_no_mapping_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert add_headers(ask(7), "jobs.execute") == {}
    assert "which is no mapping" in caplog.text


def test_the_cores_headers_cannot_be_taken() -> None:
    plugins = {"mine": Says({"x-ee-job": "other", "x-mine": "1"}), CORE: Says({"x-ee-job": "j"})}

    merged = add_headers(HookCalls(SystemEnv(), plugins), "jobs.execute")

    assert merged == {"x-ee-job": "j", "x-mine": "1"}
