"""Files written the one usual way: nothing is lost, and a second time nothing changes."""

from __future__ import annotations

import random
import re

import pytest

from ee_core.definitions.formatting import format_native
from ee_core.definitions.source import read
from ee_core.errors import InputError, WorkflowError

UNUSUAL = """\
# yaml-language-server: $schema=x
# header

name:   "w"   # the name
ee: 1
# about start
start: a


nodes:   # all of them
  # first
  a:
    next:
    # pointers
    - next: z  # to z
      when: "1 > 0"
    # end of list

    # otherwise
    - {next: z,
       otherwise: true} # flow
    name: >
      folded text
      goes on

      para
    activity: noop
    with: {output: {a: [1, 2.50, "x"], # inside
      b: 'it''s "so"', c: '${nodes.a.visits}'}}
    description: | # head
      line one
        two
    # end of a
  z:
    # why
    end: succeeded
  # end of nodes
# foot
"""
USUAL = """\
# yaml-language-server: $schema=x
# header

ee: 1
name: w # the name
# about start
start: a

nodes: # all of them
  # first
  a:
    name: >
      folded text
      goes on

      para
    description: | # head
      line one
        two
    # end of a
    activity: noop
    with:
      output:
        a:
          - 1
          - 2.5
          - x # inside
        b: it's "so"
        c: ${nodes.a.visits}
    next:
      # pointers
      - when: 1 > 0
        next: z # to z

      # end of list
      # otherwise
      - otherwise: true # flow
        next: z
  z:
    # why
    end: succeeded
  # end of nodes
# foot
"""


def test_an_unusual_file_becomes_a_usual_one_and_stays_it():
    assert format_native(UNUSUAL.encode(), "w.yaml") == USUAL
    assert format_native(USUAL.encode(), "w.yaml") == USUAL


BASES = ["docs/examples/hello.ee.yaml", "docs/examples/order.ee.yaml", "docs/examples/compete.ee.yaml"]


def scatter(text: str, seed: int) -> tuple[str, int]:
    """Put comments and empty lines into a file, behind lines and between them, as deep as the line or not."""
    chance = random.Random(seed)
    lines, count = [], 0
    is_behind_texts = False  # there is no comment inside a text of several lines
    for line in text.splitlines():
        is_behind_texts |= line.startswith("inputs:")
        if "#" in line or not is_behind_texts:
            lines.append(line)
            continue
        if chance.random() < 0.2:
            lines.append("")
        if chance.random() < 0.2:
            depth = chance.choice([0, 2, 4, len(line) - len(line.lstrip())])
            lines.append(" " * depth + f"# scattered {count}")
            count += 1
        behind = f"{' ' * chance.randint(1, 3)}# scattered {count}" if chance.random() < 0.2 else ""
        count += bool(behind)
        lines.append(line + behind)
    return "\n".join(lines) + "\n", count


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("seed", range(25))
def test_nothing_is_lost_and_a_second_time_nothing_changes(load_text, repository, base, seed):
    text, count = scatter((repository / base).read_text(encoding="utf-8"), seed)

    made = format_native(text.encode(), "w.yaml")

    assert sorted(re.findall("# scattered \\d+", made)) == sorted(
        f"# scattered {each}" for each in range(count)
    )
    assert read(made.encode(), "w.yaml").plain() == read(text.encode(), "w.yaml").plain()
    assert format_native(made.encode(), "w.yaml") == made
    assert load_text(made).hash == load_text(text).hash


@pytest.mark.parametrize(
    "block",
    ["|\n      a\n      b\n", "|+\n      a\n\n\n", "|-\n      a\n", ">-\n      a\n      b\n\n      c\n", '"a\\n  b\\n"\n', "a\n      b\n", "|2\n        a\n      b\n", "''\n", "\n", ">+\n      a\n\n", "|\n      # no comment\n      a # none either\n"],
)  # fmt: skip
def test_texts_of_several_lines_stay_what_they_are(block):
    text = f"ee: 1\nname: w\nstart: a\nnodes:\n  a:\n    with: {block}\n    # here\n    activity: noop\n  b: {{end: succeeded}}\n"

    made = format_native(text.encode(), "w.yaml")

    assert read(made.encode(), "w.yaml").plain() == read(text.encode(), "w.yaml").plain()
    assert format_native(made.encode(), "w.yaml") == made
    assert made.count("# here") == 1


def test_json_stays_json():
    made = format_native(
        b'{"name": "w", "nodes": {"a": {"end": "succeeded"}}, "start": "a", "ee": 1}', "w.json"
    )

    assert made.startswith('{\n  "ee": 1,\n  "name": "w",\n  "start": "a",')


def test_the_order_of_nodes_and_of_an_input_stays():
    text = "ee: 1\nname: w\nstart: z\nnodes:\n  z:\n    activity: noop\n    with: {z: 1, a: 2}\n    next: a\n  a: {end: succeeded}\n"

    assert format_native(text.encode(), "w.yaml") == text


@pytest.mark.parametrize("text", ["[]", "{id: s}", "workflow: [{id: s}]"])
def test_only_the_native_form_is_formatted(text):
    with pytest.raises(InputError, match=r"w.yaml is no workflow in the native form"):
        format_native(text.encode(), "w.yaml")


def test_what_cannot_be_read_is_told_with_its_place():
    with pytest.raises(WorkflowError, match="EE-W004"):
        format_native(b"ee: 1\nee: 1\nnodes: {}\n", "w.yaml")
