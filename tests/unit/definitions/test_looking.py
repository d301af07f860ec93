"""A workflow in words and as a drawing: nothing is missing, and no text breaks the drawing."""

from __future__ import annotations

import re

import pytest

from ee_core.definitions.drawing import to_mermaid
from ee_core.definitions.summary import to_summary

FULL = """\
ee: 1
name: w
version: 2
description: d
on_failure: finish
inputs:
  n: {type: integer, description: how many}
  note: {type: string, required: false}
start: work
nodes:
  work:
    activity: sap.post
    name: 'Say "a" <b> #1; `x` \\ & more'
    description: what it does
    with: {invoice: "${inputs.n}", list: [1]}
    bot: {pool: lab, labels: {app: sap}}
    timeout: {run: 90s, bot: 10m}
    retry: {attempts: 3, delay: 1500ms, on: [busy, full]}
    on_lost: ask
    on_error: fork
    fail_job: false
    next: sort
  sort:
    exclusive:
      - {when: 'inputs.n > 1 && "x" != "y"', next: fork}
      - {otherwise: true, next: bad}
  fork: {parallel: [left, right]}
  left: {activity: noop, next: meet}
  right: {inclusive: [meet]}
  meet: {join: 2, next: last}
  last: {activity: noop}
  bad: {end: failed}
"""


def test_everything_unusual_is_said(load_text):
    text = to_summary(load_text(FULL))

    assert list(text.split("\n\n")[2].splitlines()) == [
        'work "Say "a" <b> #1; `x` \\ & more": sap.post, the start',
        "  # what it does",
        "  invoice = ${inputs.n}",
        "  list = [1]",
        "  bot: pool lab, labels app=sap",
        "  time-outs: bot 10m, run 1m30s",
        "  up to 3 attempts, the second after 1s500ms, if the code is busy or full",
        "  when an attempt is lost: ask",
        "  a failure does not fail the job",
        "  -> sort",
        "  -> fork, when it failed for good",
    ]
    for line in (
        "w@2, 8 nodes, ",
        "when a node fails for good, the other branches go on",
        "  n: integer  # how many",
        "  note: string, may be left out",
        '  -> fork, when inputs.n > 1 && "x" != "y"',
        "  -> bad, otherwise",
        "meet: join 2",
        "  a token ends here",
        "bad: end, failed",
    ):
        assert line in text


def test_each_node_and_pointer_is_a_line_of_the_drawing(load_text):
    lines = to_mermaid(load_text(FULL).workflow).splitlines()

    assert lines[0] == "flowchart TD"
    assert [line.split()[0] for line in lines[9:]] == [
        "begin((",
        *["n0", "n0", "n1", "n1", "n2", "n2", "n3", "n4", "n5"],
    ]
    assert "  n0 -. error .-> n2" in lines
    assert "  n1 -->|otherwise| n7" in lines
    assert '  n1 -->|"inputs.n #62; 1 #38;#38; #34;x#34; != #34;y#34;"| n2' in lines
    assert len(lines) == 1 + 8 + 1 + 9


def test_no_text_breaks_out_of_its_quotes(load_text):
    for line in to_mermaid(load_text(FULL).workflow).splitlines()[1:]:
        label = re.fullmatch(
            r'  n\d+(?:\[|\{\{?|\(\[)"([^"]*)"(?:\]|\}\}?|\]\))|[^"]*(?:"[^"]*"[^"]*)?', line
        )
        assert label, line
        for words in (label[1] or "").split("<br/>"):
            assert not re.search(r"[<>&`\\\\]|#(?!\d+;)", words)


@pytest.mark.parametrize("bindings", ["bindings-2.yaml", None])
def test_an_export_file_is_shown_and_drawn(load_text, data, bindings):
    bound = {"bindings": (data / "export" / bindings).read_bytes()} if bindings else {}
    definition = load_text((data / "export" / "export-2-content.json").read_bytes(), "e.json", **bound)

    assert ("bound to nothing" in to_summary(definition)) is (bindings is None)
    assert len(to_mermaid(definition.workflow).splitlines()) > 15
