"""The extension manual: every hook says when it is called, what it gets, what it may answer and what an exception does."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ee_core import hookspecs
from ee_core.registry.loading import OPEN_HOOKS

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIXES = ("ee_open_", "ee_choose_", "ee_admit_", "ee_expand_", "ee_add_", "ee_on_")
FIRST_RESULT = ("ee_open_", "ee_choose_", "ee_expand_")
HOOKS = {name: value for name, value in vars(hookspecs).items() if hasattr(value, "ee_spec")}


@pytest.fixture(params=HOOKS)
def hook(request: pytest.FixtureRequest) -> Callable[..., object]:
    return HOOKS[request.param]


def test_a_hook_has_one_of_the_agreed_prefixes_and_the_kind_of_call_that_goes_with_it(hook) -> None:
    name = hook.__name__

    assert name.startswith(PREFIXES)
    assert hook.ee_spec["firstresult"] is name.startswith(FIRST_RESULT)
    assert not inspect.iscoroutinefunction(hook)


def test_a_hook_says_when_it_is_called_and_what_an_exception_does(hook) -> None:
    text = " ".join(inspect.getdoc(hook).split())

    assert re.search(r"\. Called ", text), "say when and how often"
    assert "exception" in text, "say what an exception does"
    if not hook.__name__.startswith("ee_on_"):
        assert "Returns:" in text


def test_a_hook_describes_each_of_its_arguments(hook) -> None:
    section = inspect.getdoc(hook).partition("Args:")[2].partition("\n\n")[0]
    described = re.findall(r"^ {4}(\w+): ", section, re.MULTILINE)

    assert described == list(inspect.signature(hook).parameters)


def test_each_group_of_drivers_is_opened_by_a_hook() -> None:
    assert set(OPEN_HOOKS.values()) == {name for name in HOOKS if name.startswith("ee_open_")}


def test_the_manual_imports_nothing_of_the_engine_when_it_runs() -> None:
    program = "import sys, ee_core.hookspecs; print([n for n in sys.modules if n.startswith('ee_core')])"

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert sorted(re.findall(r"ee_core[\w.]*", done.stdout)) == ["ee_core", "ee_core.hookspecs"]
