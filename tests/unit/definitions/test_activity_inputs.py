"""Inputs of activities against the schemas of their types: what is said, and where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ee_activity_http.activity import HttpActivity
from ee_activity_http.settings import HttpSettings
from ee_activity_shell.activity import ShellActivity
from ee_activity_shell.settings import ShellSettings

from ee_core.local.activities import DelayActivity, LogActivity, NoopActivity
from ee_core.local.env import SystemEnv

if TYPE_CHECKING:
    from collections.abc import Callable


class OddActivity(NoopActivity):
    """Its schema is what a test wants."""

    def __init__(self, name: str, schema: object) -> None:
        self.name = name
        self.input_schema = schema


@pytest.fixture
def activities() -> dict[str, Any]:
    found = [
        NoopActivity(),
        DelayActivity(),
        LogActivity(),
        HttpActivity(HttpSettings(), SystemEnv()),
        ShellActivity(ShellSettings()),
        OddActivity(
            "mail.send",
            {"type": "object", "properties": {"to": {"type": "array", "items": {"type": "string"}}}},
        ),
        OddActivity("broken", {"type": "object", "required": 5}),
        OddActivity("raises", {"pattern": 5}),
    ]
    return {each.name: each for each in found}


def of(activity: str) -> str:
    return f"ee: 1\nname: w\ninputs: {{n: {{}}}}\nstart: a\nnodes:\n  a:\n    activity: {activity}\n    next: z\n  z: {{end: succeeded}}\n"


WRONG = [
    (
        "log\n    with: {txt: hello, text: ''}",
        ["EE-W411 8:12 txt: unknown key 'txt' in the input of 'log' (did you mean 'text'?)"],
    ),
    (
        "log\n    with: {level: loud}",
        [
            "EE-W412 8:11 {level: loud}: the input of 'log' has no 'text' (add text: ...)",
            "EE-W413 8:19 loud: 'level' in the input of 'log' is 'loud'; expected 'debug', 'info', 'warning' or 'error' ()",
        ],
    ),
    ("log", ["EE-W412 7:15 log: the input of 'log' has no 'text' (add with: {text: ...})"]),
    (
        "delay\n    with: {seconds: '5'}",
        [
            "EE-W413 8:21 '5': 'seconds' in the input of 'delay' is text; expected a number (leave out the quotes)"
        ],
    ),
    (
        "delay\n    with: {for: 5}",
        ["EE-W413 8:17 5: 'for' in the input of 'delay' is a number; expected text (quote it)"],
    ),
    ("delay\n    with: {}", ["EE-W413 8:11 {}: the input of 'delay' has 0 members; expected at least 1 ()"]),
    (
        "delay\n    with: {seconds: -1}",
        ["EE-W413 8:21 -1: 'seconds' in the input of 'delay' is -1; expected at least 0 ()"],
    ),
    (
        "delay\n    with: {for: 3 minutes}",
        [
            "EE-W413 8:17 3 minutes: 'for' in the input of 'delay' is '3 minutes'; expected text as 1m30s or 500ms ()"
        ],
    ),
    (
        "delay\n    with: {seconds: 99999999}",
        [
            "EE-W413 8:21 99999999: 'seconds' in the input of 'delay' is 99999999; expected at most 31622400 ()"
        ],
    ),
    (
        "http\n    with: {method: GTE, url: 'http://x'}",
        [
            "EE-W413 8:20 GTE: 'method' in the input of 'http' is 'GTE'; expected 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT',"
            " 'PATCH' or 'DELETE' (did you mean 'GET'?)"
        ],
    ),
    (
        "http\n    with:\n      url: http://x\n      headers: {accept: 5}",
        ["EE-W413 10:25 5: 'headers.accept' in the input of 'http' is a number; expected text (quote it)"],
    ),
    (
        "shell\n    with: {command: ls -l}",
        [
            "EE-W413 8:21 ls -l: 'command' in the input of 'shell' is text; expected a list (write a list, as in [one, another])"
        ],
    ),
    (
        "shell\n    with: {command: [ls], shell: true}",
        ["EE-W413 8:34 true: 'shell' in the input of 'shell' is true; expected false ()"],
    ),
    (
        "shell\n    with: {command: []}",
        ["EE-W413 8:21 []: 'command' in the input of 'shell' has 0 items; expected at least 1 ()"],
    ),
    (
        "shell\n    with: {command: [ls], exit_codes: [0, 256]}",
        ["EE-W413 8:43 256: 'exit_codes.1' in the input of 'shell' is 256; expected at most 255 ()"],
    ),
    (
        "mail.send\n    with: {to: [a, 5, '${inputs.n}', 'x${inputs.n}']}",
        ["EE-W413 8:20 5: 'to.1' in the input of 'mail.send' is a number; expected text (quote it)"],
    ),
    (
        "delay\n    with: {seconds: 'x${inputs.n}'}",
        [
            "EE-W413 8:21 'x${inputs.n}': 'seconds' in the input of 'delay' is text; expected a number (leave out the quotes)"
        ],
    ),
]
RIGHT = [
    "noop",
    "noop\n    with: {output: {any: thing}}",
    "log\n    with: {text: 5, level: '${inputs.n}'}",
    "log\n    with: '${inputs.n}'",
    "delay\n    with: {seconds: '${inputs.n}'}",
    "delay\n    with: {for: 1d 2h}",
    "shell\n    with: {command: [ls, '${inputs.n}'], exit_codes: [-15, 255]}",
    "shell\n    with: {command: ls -l, shell: true}",
    "shell\n    with: {command: '${inputs.n}'}",
    "delay\n    with: {for: '${inputs.n} minutes'}",
    "http\n    with: {method: get, url: 'http://x/${inputs.n}', json: null}",
    "http\n    with: {method: POST, url: 'http://x', text: null, timeout_s: 2.5}",
    "http\n    with: {url: 'http://x', headers: '${inputs.n}'}",
]


@pytest.mark.parametrize(("activity", "expected"), WRONG, ids=[each.replace("\n", "") for each, _ in WRONG])
def test_what_an_activity_does_not_take_is_told_at_its_place(
    fail_text: Callable[..., Any], activity, expected
):
    found = fail_text(of(activity))

    assert [
        f"{each.code} {each.line}:{each.column} {each.shown[each.column - 1 :][: each.span]}: {each.message} ({each.hint})"
        for each in found
    ] == expected


@pytest.mark.parametrize("activity", RIGHT)
def test_what_an_activity_takes_or_may_take_is_not_told(load_text, activity):
    assert load_text(of(activity)).diagnostics == ()


@pytest.mark.parametrize("name", ["broken", "raises"])
def test_a_schema_that_is_none_costs_only_its_check(load_text, name):
    text = of(f"{name}\n    with: {{a: x}}") if name == "broken" else of(f"{name}\n    with: text")

    [found] = load_text(text).diagnostics

    assert (found.code, found.severity, found.line) == ("EE-W414", "warning", 7)


def test_a_trigger_is_checked_and_told_at_its_node(fail_text):
    trigger = {
        "id": "t",
        "type": "Trigger",
        "parameters": [{"key": "url", "value": "http://x"}],
        "pointers": [],
    }
    trigger["parameters"].append({"key": "method", "value": "FETCH"})
    nodes = [{"id": "s", "pointers": [{"pointsTo": "t"}]}, trigger]

    [found] = [each for each in fail_text(json.dumps(nodes)) if each.severity == "error"]

    assert (found.code, found.shown[found.column - 1 :][: found.span]) == ("EE-W413", '"t"')


def test_a_binding_is_checked_in_its_own_file(fail_text):
    nodes = [{"id": "s", "pointers": [{"pointsTo": "a"}]}, {"id": "a", "type": "Activity", "activityId": "x"}]
    bindings = b"x: {activity: log, with: {text: hi, levle: info}}"

    [found] = [
        each
        for each in fail_text(json.dumps(nodes), bindings=bindings, bindings_place="b.yaml")
        if each.severity == "error"
    ]

    assert (found.code, found.file, found.column) == ("EE-W411", "b.yaml", 37)
