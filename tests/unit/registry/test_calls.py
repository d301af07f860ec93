"""A plugin that raises costs only its own answer, and the core answers last."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ee_core.hookspecs import hookimpl
from ee_core.registry import Answer, HookCalls
from ee_core.registry.calls import CORE


class StillEnv:
    """An env whose boot time a test sets; the calls ask for nothing else."""

    boot_s = 1000.0

    def boottime_s(self) -> float:
        return self.boot_s


class Chooser:
    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked = 0

    @hookimpl
    def ee_choose_bot(self, candidates):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @hookimpl
    def ee_on_incident(self, job):
        self.ee_choose_bot(())


class LastChooser(Chooser):
    @hookimpl(trylast=True)
    def ee_choose_bot(self, candidates):
        return super().ee_choose_bot(candidates)


def ask(calls: HookCalls, accept=None) -> Answer | None:
    return calls.ask_first("ee_choose_bot", accept, visit=None, candidates=())


def test_the_first_with_an_opinion_wins_and_the_rest_are_not_asked() -> None:
    declining, deciding, late = Chooser(None), Chooser("b"), Chooser("c")

    answer = ask(HookCalls(StillEnv(), {"declining": declining, "deciding": deciding, "late": late}))

    assert answer == Answer("deciding", "b")
    assert (declining.asked, deciding.asked, late.asked) == (1, 1, 0)


def test_the_core_answers_after_a_plugin_that_wants_to_be_last() -> None:
    assert (
        ask(HookCalls(StillEnv(), {CORE: LastChooser("core"), "mine": LastChooser("mine")})).plugin == "mine"
    )
    assert (
        ask(HookCalls(StillEnv(), {"mine": LastChooser("mine"), CORE: LastChooser("core")})).plugin == "mine"
    )


def test_a_plugin_that_raises_counts_as_none_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(HookCalls(StillEnv(), {"bad": Chooser(ValueError("on purpose")), "good": Chooser("b")}))

    assert answer == Answer("good", "b")
    assert "plugin 'bad': hook ee_choose_bot raised ValueError: on purpose" in caplog.text


def test_an_impossible_answer_counts_as_none_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    calls = HookCalls(StillEnv(), {"bad": Chooser("nobody"), "good": Chooser("b")})

    assert ask(calls, lambda answer: answer == "b") == Answer("good", "b")
    assert "plugin 'bad': hook ee_choose_bot answered 'nobody', which is not possible here" in caplog.text


def test_all_are_asked_and_told_whoever_raises() -> None:
    plugins = {"a": Chooser("x"), "b": Chooser(RuntimeError()), "c": Chooser(None), "d": Chooser("y")}
    calls = HookCalls(StillEnv(), plugins)

    assert calls.ask_all("ee_choose_bot", visit=None, candidates=()) == [Answer("a", "x"), Answer("d", "y")]

    calls.tell_all("ee_on_incident", job="j", incident=None)

    assert [plugin.asked for plugin in plugins.values()] == [2, 2, 2, 2]


def test_reports_come_once_per_plugin_and_minute_and_count_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    env = StillEnv()
    calls = HookCalls(env, {"bad": Chooser(ValueError()), "worse": Chooser(ValueError())})

    for _ in range(3):
        ask(calls)
    assert len(caplog.records) == 2

    env.boot_s += 60.0
    ask(calls)

    assert len(caplog.records) == 4
    assert "2 more reports kept back" in caplog.text


def test_a_hook_that_nobody_implements_is_not_used() -> None:
    calls = HookCalls(StillEnv(), {"mine": Chooser(None)})

    assert calls.is_used("ee_choose_bot")
    assert not calls.is_used("ee_on_event")
    assert calls.ask_all("ee_add_headers", subject="", job=None, visit=None) == []


def test_cancellation_is_no_answer() -> None:
    calls = HookCalls(StillEnv(), {"mine": SimpleNamespace(ee_choose_bot=hookimpl(_interrupt))})

    with pytest.raises(KeyboardInterrupt):
        ask(calls)


def _interrupt():
    raise KeyboardInterrupt
