"""The native form, kind by kind and key by key."""

from __future__ import annotations

import json

import msgspec
import pytest

from ee_core.model.workflow import Activity, BotSelector, InputSpec, Node, NodeKind, Pointer, Retry, Timeouts

HEAD = "ee: 1\nname: w\nstart: a\n"


def nodes(text):
    return HEAD + "nodes:\n" + "".join(f"  {line}\n" for line in text.strip().split("\n"))


def test_the_invoice_of_the_documentation_is_read_as_it_means(load_text):
    definition = load_text(
        """\
ee: 1
name: invoice
description: Post small invoices; ask a person about the others.
inputs:
  invoice: {type: string}
  limit: {type: integer, default: 1000}

start: read
nodes:
  read:
    activity: http
    with:
      method: GET
      url: https://erp.example/invoices/${inputs.invoice}
    timeout: {run: 30s}
    retry: {attempts: 3, delay: 1s, backoff: 2}
    next: small

  small:
    exclusive:
      - when: nodes.read.output.body.total < inputs.limit
        next: post
      - otherwise: true
        next: ask

  post:
    activity: sap.post
    bot: {labels: {app: sap}}
    with: {invoice: "${nodes.read.output.body}"}
    next: print

  print:
    activity: sap.print
    bot: {same_as: post}
    timeout: {bot: 10m, run: 2m, heartbeat: 15s}
    on_error: ask
    next: done

  ask:
    activity: noop
    with: {output: {text: "Please look at invoice ${inputs.invoice}."}}
    fail_job: false
    next: done

  done:
    end: succeeded
"""
    )

    workflow = definition.workflow
    assert definition.diagnostics == ()
    assert (workflow.name, workflow.start, workflow.scope) == ("invoice", "read", "native")
    assert workflow.inputs == {
        "invoice": InputSpec(type="string"),
        "limit": InputSpec(type="integer", required=False, default=1000),
    }
    assert {node.id: node for node in workflow.nodes} == {
        "read": Node(
            "read",
            NodeKind.ACTIVITY,
            pointers=(Pointer("small"),),
            activity=Activity(
                "http",
                {"method": "GET", "url": "https://erp.example/invoices/${inputs.invoice}"},
                stateless=True,
                idempotent=True,
                timeouts=Timeouts(run_ms=30_000),
                retry=Retry(attempts=3),
            ),
        ),
        "small": Node(
            "small",
            NodeKind.EXCLUSIVE,
            pointers=(
                Pointer("post", "nodes.read.output.body.total < inputs.limit"),
                Pointer("ask", otherwise=True),
            ),
        ),
        "post": Node(
            "post",
            NodeKind.ACTIVITY,
            pointers=(Pointer("print"),),
            activity=Activity(
                "sap.post", {"invoice": "${nodes.read.output.body}"}, bot=BotSelector(labels={"app": "sap"})
            ),
        ),
        "print": Node(
            "print",
            NodeKind.ACTIVITY,
            pointers=(Pointer("done"),),
            on_error="ask",
            activity=Activity(
                "sap.print",
                bot=BotSelector(same_as="post"),
                timeouts=Timeouts(bot_ms=600_000, run_ms=120_000, heartbeat_ms=15_000),
            ),
        ),
        "ask": Node(
            "ask",
            NodeKind.ACTIVITY,
            pointers=(Pointer("done"),),
            activity=Activity(
                "noop",
                {"output": {"text": "Please look at invoice ${inputs.invoice}."}},
                stateless=True,
                idempotent=True,
                fail_job=False,
            ),
        ),
        "done": Node("done", NodeKind.END),
    }


def test_forks_joins_and_routes_are_read(load_text):
    definition = load_text(
        nodes(
            """
a: {name: Fork, description: both, parallel: [b, c, c]}
b: {activity: noop, next: [j, {when: nodes.b.visits > 1, next: k}, {otherwise: true, next: k}]}
c: {inclusive: [j, {when: nodes.a.visits == 1, next: k}]}
j: {join: all, next: [k, z]}
k: {join: 2, next: z}
z: {end: failed}
"""
        )
    )

    found = {node.id: node for node in definition.workflow.nodes}
    assert found["a"] == Node(
        "a", NodeKind.PARALLEL, "Fork", "both", (Pointer("b"), Pointer("c"), Pointer("c"))
    )
    assert found["b"].pointers == (
        Pointer("j"),
        Pointer("k", "nodes.b.visits > 1"),
        Pointer("k", otherwise=True),
    )
    assert found["c"].pointers == (Pointer("j"), Pointer("k", "nodes.a.visits == 1"))
    assert (found["j"].kind, found["j"].join, found["j"].pointers) == (
        "join",
        "all",
        (Pointer("k"), Pointer("z")),
    )
    assert found["k"].join == 2
    assert found["z"].outcome == "failed"


def test_yaml_and_json_of_one_workflow_have_one_hash(load_text):
    text = nodes("a: {activity: noop, with: {output: [1, 2.5, null, yes]}, next: z}\nz: {end: succeeded}")
    document = {
        "start": "a",
        "nodes": {
            "a": {"with": {"output": [1, 2.5, None, "yes"]}, "activity": "noop", "next": "z"},
            "z": {"end": "succeeded"},
        },
        "name": "w",
        "ee": 1,
    }

    assert load_text(text).hash == load_text(json.dumps(document), "w.json").hash


def test_a_default_written_out_changes_no_content(load_text):
    short = nodes("a: {activity: sap.post, next: z}\nz: {end: succeeded}")
    long = nodes(
        "a: {activity: sap.post, next: [z], bot: {}, timeout: {accept: 10s, heartbeat: 15s}, "
        "retry: {attempts: 1}, fail_job: true}\nz: {end: succeeded}"
    )

    assert load_text(short).content == load_text(long + "on_failure: stop\n").content


def test_the_content_can_be_read_back(load_text):
    definition = load_text(nodes("a: {activity: noop, next: z}\nz: {end: succeeded}"))

    assert msgspec.json.decode(definition.content, type=type(definition.workflow)) == definition.workflow


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("30s", 30_000),
        ("1h30m", 5_400_000),
        ("500ms", 500),
        ("1m500ms", 60_500),
        ("1.5s", 1500),
        ("2d", 172_800_000),
    ],
)
def test_durations_have_units(load_text, text, milliseconds):
    definition = load_text(
        nodes(f"a: {{activity: noop, timeout: {{run: {text}}}, next: z}}\nz: {{end: succeeded}}")
    )

    assert definition.workflow.nodes[0].activity.timeouts.run_ms == milliseconds


@pytest.mark.parametrize(
    "text", ["30", "30000", "0s", "5 minutes", "1s1m", "''", "-1s", "1e9d", "s", "999999999999d"]
)
def test_what_is_no_duration_is_refused(fail_text, text):
    found = fail_text(
        nodes(f"a: {{activity: noop, timeout: {{run: {text}}}, next: z}}\nz: {{end: succeeded}}")
    )

    assert [each.code for each in found] in (["EE-W203"], ["EE-W204"])
    assert found[0].hint == "write it with units, as 30s, 1h30m or 500ms"


FAULTS = {
    "unknown key at the top": (HEAD + "on_failur: stop\nnodes: {a: {end: succeeded}}\n", "EE-W201", 4, "on_failur", "did you mean 'on_failure'?"),
    "no start": ("ee: 1\nname: w\nnodes: {z: {end: succeeded}}\n", "EE-W202", 1, "has no 'start'", ""),
    "no nodes": (HEAD, "EE-W202", 1, "has no 'nodes'", ""),
    "no version": ("name: w\nstart: z\nnodes: {z: {end: succeeded}}\n", "EE-W202", 1, "has no 'ee'", "add ee: 1"),
    "another version": ("ee: 2\nname: w\nstart: z\nnodes: {z: {end: succeeded}}\n", "EE-W204", 1, "'2'", ""),
    "version that is true": ("ee: true\nname: w\nstart: z\nnodes: {z: {end: succeeded}}\n", "EE-W204", 1, "'true'", ""),
    "name with blanks": ("ee: 1\nname: a b\nstart: z\nnodes: {z: {end: succeeded}}\n", "EE-W206", 2, "'a b'", ""),
    "node id": (nodes("a: {end: succeeded}\nB-1: {end: succeeded}"), "EE-W206", 6, "'B-1'", "small letters"),
    "reserved id": (nodes("a: {end: succeeded}\nin: {end: succeeded}"), "EE-W206", 6, "'in'", "not false, in"),
    "no kind": (nodes("a: {name: x}"), "EE-W205", 5, "has no kind", "activity, parallel, join"),
    "two kinds": (nodes("a: {end: succeeded, join: all}"), "EE-W205", 5, "several kinds: join, end", "keep one"),
    "node that is none": (nodes("a: [1]"), "EE-W203", 5, "is a list", ""),
    "key of another kind": (nodes("a: {end: succeeded, next: a}"), "EE-W201", 5, "'next'", "known are"),
    "hold": (nodes("a: {activity: noop, hold: {until: z}, next: z}\nz: {end: succeeded}"), "EE-W207", 5, "not supported yet", ""),
    "parallel with a condition": (nodes("a: {parallel: [{when: x, next: z}]}\nz: {end: succeeded}"), "EE-W203", 5, "expected a node id", ""),
    "parallel of one": (nodes("a: {parallel: z}\nz: {end: succeeded}"), "EE-W203", 5, "expected a list", ""),
    "empty list": (nodes("a: {exclusive: []}"), "EE-W203", 5, "not empty", ""),
    "otherwise false": (nodes("a: {exclusive: [{otherwise: false, next: z}]}\nz: {end: succeeded}"), "EE-W204", 5, "only be true", ""),
    "pointer without target": (nodes("a: {exclusive: [{when: 'true'}]}"), "EE-W202", 5, "has no 'next'", ""),
    "condition that is a mapping": (nodes("a: {exclusive: [{when: {x: y}, next: z}]}\nz: {end: succeeded}"), "EE-W208", 5, "no text", "quote the condition"),
    "condition that is true": (nodes("a: {exclusive: [{when: true, next: z}]}\nz: {end: succeeded}"), "EE-W208", 5, "no text", "when: 'true'"),
    "join of a word": (nodes("a: {activity: noop, next: j}\nj: {join: reachble, next: z}\nz: {end: succeeded}"), "EE-W204", 6, "join is 'reachble'", "'reachable'"),
    "join of none": (nodes("a: {activity: noop, next: j}\nj: {join: 0, next: z}\nz: {end: succeeded}"), "EE-W204", 6, "join is 0", ""),
    "retry without attempts": (nodes("a: {activity: noop, retry: {attempts: 0}, next: z}\nz: {end: succeeded}"), "EE-W204", 5, "attempts is 0", ""),
    "retry that is half": (nodes("a: {activity: noop, retry: {attempts: 1.5}, next: z}\nz: {end: succeeded}"), "EE-W203", 5, "a whole number", ""),
    "backoff below one": (nodes("a: {activity: noop, retry: {backoff: 0.5}, next: z}\nz: {end: succeeded}"), "EE-W204", 5, "backoff is 0.5", ""),
    "codes that are none": (nodes("a: {activity: noop, retry: {on: busy}, next: z}\nz: {end: succeeded}"), "EE-W203", 5, "on is text; expected a list", "on: [one, another]"),
    "no codes": (nodes("a: {activity: noop, retry: {on: []}, next: z}\nz: {end: succeeded}"), "EE-W204", 5, "on is empty", "leave it out"),
    "code that is a number": (nodes("a: {activity: noop, retry: {on: [404]}, next: z}\nz: {end: succeeded}"), "EE-W203", 5, "a member of on is a number", ""),
    "on_lost": (nodes("a: {activity: noop, on_lost: retyr, next: z}\nz: {end: succeeded}"), "EE-W204", 5, "on_lost is 'retyr'", "'retry'"),
    "no lost attempts": (nodes("a: {activity: noop, lost_attempts: 0, next: z}\nz: {end: succeeded}"), "EE-W204", 5, "lost_attempts is 0", ""),
    "asking for a number": (nodes("a: {activity: noop, timeout: {ask: 5}, next: z}\nz: {end: succeeded}"), "EE-W203", 5, "ask is a number", "30s"),
    "yaml 1.1 truth": (nodes("a: {activity: noop, fail_job: no, next: z}\nz: {end: succeeded}"), "EE-W203", 5, "expected true or false", ""),
    "label that is a number": (nodes("a: {activity: noop, bot: {labels: {x: 1}}, next: z}\nz: {end: succeeded}"), "EE-W203", 5, "x is a number", "quote it"),
    "input type": (HEAD + "inputs: {n: {type: int}}\nnodes: {a: {end: succeeded}}\n", "EE-W204", 4, "'int'", "'integer'"),
    "input default": (HEAD + "inputs: {n: {type: integer, default: x}}\nnodes: {a: {end: succeeded}}\n", "EE-W203", 4, "expected integer", ""),
    "input default and required": (HEAD + "inputs: {n: {default: x, required: true}}\nnodes: {a: {end: succeeded}}\n", "EE-W204", 4, "never required", ""),
    "input name": (HEAD + "inputs: {a-b: {}}\nnodes: {a: {end: succeeded}}\n", "EE-W206", 4, "'a-b'", ""),
    "input that is none": (HEAD + "inputs: {n: string}\nnodes: {a: {end: succeeded}}\n", "EE-W203", 4, "expected a mapping", "{type: string}"),
    "on_failure": (HEAD + "on_failure: go\nnodes: {a: {end: succeeded}}\n", "EE-W204", 4, "'go'", ""),
    "no form": ("a: b\n", "EE-W209", 1, "no workflow", "ee: 1"),
    "a file of tests": ("workflow: a.ee.yaml\ntests: []\n", "EE-W209", 1, "no workflow", "eectl test FILE"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_its_code_and_line(fail_text, name):
    text, code, line, word, hint = FAULTS[name]

    found = fail_text(text)

    assert [(each.code, each.line) for each in found if each.severity == "error"] == [(code, line)]
    assert word in found[0].message
    assert hint in found[0].hint


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("timeout: 30s", "write timeout: {run: 30s}"),
        ("timeout: 30", "write timeout: {run: 30s}"),
        ("timeout: a while", "write timeout: {run: 30s}"),
        ("retry: 5", "write retry: {attempts: 5}"),
        ("retry: 2s", "write retry: {delay: 2s}"),
        ("retry: true", "write retry: {attempts: 3}"),
        ("bot: erp-1", "write bot: {id: erp-1}"),
        ("bot: [erp-1]", "write bot: {id: NAME}"),
        ("bot: {labels: app}", "write labels: {NAME: VALUE}"),
    ],
)
def test_a_bare_value_in_the_place_of_a_mapping_is_told_how_it_is_written(fail_text, written, hint):
    [found] = fail_text(nodes(f"a: {{activity: noop, {written}, next: z}}\nz: {{end: succeeded}}"))

    assert (found.code, found.hint) == ("EE-W203", hint)


@pytest.mark.parametrize(
    ("node", "code", "hint"),
    [
        ("activity: noop, next: 'z, b'", "EE-W105", "write a list: next: [z, b]"),
        ("activity: noop, next: z b", "EE-W105", "write a list: next: [z, b]"),
        ("activity: noop, next: 'z, c'", "EE-W105", "name a node of the workflow"),
        ("activity: noop, on_error: 'z, b', next: b", "EE-W105", "name a node of the workflow"),
        ("inclusive: ['z, b']", "EE-W105", "write a list: inclusive: [z, b]"),
        ("exclusive: [{when: 'true', next: 'z, b'}, b]", "EE-W105", "one for each"),
        ("parallel: 'z, b'", "EE-W203", "write parallel: [z, b]"),
        ("exclusive: {when: 'true', next: z}", "EE-W203", "begin each pointer with a dash"),
    ],
)
def test_several_targets_that_are_no_list_are_told_how_they_are_written(fail_text, node, code, hint):
    found = fail_text(nodes(f"a: {{{node}}}\nb: {{activity: noop, next: z}}\nz: {{end: succeeded}}"))

    [error] = [each for each in found if each.severity == "error"]
    assert error.code == code
    assert hint in error.hint


@pytest.mark.parametrize(
    ("node", "key"),
    [
        ("exclusive: [{when: 'true', then: z}]", "next"),
        ("exclusive: [{if: 'true', next: z}]", "when"),
        ("exclusive: [{Else: z}]", "otherwise"),
        ("activity: noop, then: z", "next"),
        ("activity: noop, inputs: {output: 1}, next: z", "with"),
        ("type: noop, next: z", "activity"),
    ],
)
def test_a_word_of_other_files_is_told_the_key_that_is_meant(fail_text, node, key):
    found = fail_text(nodes(f"a: {{{node}}}\nz: {{end: succeeded}}"))

    assert [each.hint for each in found if each.code == "EE-W201"] == [f"did you mean {key!r}?"]


@pytest.mark.parametrize("node", ["activity: noop, quux: 1", "parallel: [z], hold: 1", "quux: 1"])
def test_a_key_that_is_not_supported_yet_is_not_proposed(fail_text, node):
    found = fail_text(nodes(f"a: {{{node}}}\nz: {{end: succeeded}}"))

    [unknown] = [each for each in found if each.code == "EE-W201"]
    assert "hold" not in unknown.hint


@pytest.mark.parametrize(
    ("node", "known"),
    [
        ("parallel: [z]", "name, description, parallel"),
        ("join: all, next: z", "name, description, join, next"),
        ("end: succeeded", "name, description, end"),
    ],
)
def test_the_keys_that_are_proposed_are_those_of_the_nodes_kind(fail_text, node, known):
    [found] = fail_text(nodes(f"a: {{{node}, quux: 1}}\nz: {{end: succeeded}}"))

    assert found.hint == f"known are {known}"


def test_a_nodes_keys_that_stand_as_far_left_as_its_id_are_to_be_indented(fail_text):
    found = fail_text(nodes("a:\nactivity: noop\nretry: {attempts: 0}\nnext: z\nz:\nend: succeeded"))

    assert [(each.code, each.line) for each in found] == [
        ("EE-W203", 6),
        ("EE-W204", 7),  # what is wrong inside is found, too
        ("EE-W203", 10),
    ]
    assert found[0].message == "node 'a' is empty, and 'activity' stands as far left"
    assert found[0].hint == "indent activity, retry, next, which belong to 'a'"
    assert found[2].hint == "indent it"


def test_a_node_of_the_name_of_a_key_stays_a_node(fail_text):
    found = fail_text(nodes("a:\njoin: {end: succeeded}"))

    assert [(each.code, each.message) for each in found] == [
        ("EE-W203", "node 'a' is empty; expected a mapping")
    ]


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        (HEAD + "inputs:\n  n:\n  type: string\nnodes: {a: {end: succeeded}}\n", 6, "indent it"),
        (HEAD + "nodes:\nb:\n  end: succeeded\n", 5, "indent it, if it belongs to 'nodes'"),
        (
            nodes("a:\n  activity: noop\n  with:\n  output: 1\n  next: z\nz: {end: succeeded}"),
            8,
            "belongs to 'with'",
        ),
        (nodes("a:\nactivity: noop\nb:\nactivity: noop"), 8, "indent it if it belongs to 'b'"),
        (nodes("a: {activity: noop, with: , output: 1}"), 5, "known are"),
        (HEAD + "nodes: {a: , end: succeeded}\n", 4, ""),
    ],
)
def test_what_is_not_indented_is_told_to_be(fail_text, text, line, hint):
    found = fail_text(text)

    assert [each.hint for each in found if each.line == line and hint in each.hint]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (HEAD + "nodes:\n  - {id: a, end: succeeded}\n", "write each under its id"),
        (HEAD + "inputs: [folder]\nnodes: {a: {end: succeeded}}\n", "as in folder: {type: string}"),
        (nodes("a: {end: succeeded, <<: {name: x}}"), "mappings are not merged here: write the keys out"),
    ],
)
def test_a_list_of_nodes_and_a_merge_of_mappings_are_told_how_they_are_written(fail_text, text, hint):
    [found] = fail_text(text)

    assert hint in found.hint


GRAPH_FAULTS = {
    "dangling pointer": ("a: {activity: noop, next: [z, y]}\nz: {end: succeeded}", "EE-W105", 5, 33),
    "dangling error pointer": ("a: {activity: noop, next: z, on_error: q}\nz: {end: succeeded}", "EE-W105", 5, 42),
    "unreachable": ("a: {activity: noop, next: z}\nb: {activity: noop, next: z}\nz: {end: succeeded}", "EE-W106", 6, 3),
    "join without inputs": ("a: {activity: noop, next: z}\nj: {join: all, next: z}\nz: {end: succeeded}", "EE-W107", 6, 3),
    "join of too many": ("a: {parallel: [b, b]}\nb: {join: 3, next: z}\nz: {end: succeeded}", "EE-W109", 6, 3),
    "idle cycle": ("a: {exclusive: [b, {otherwise: true, next: z}]}\nb: {inclusive: [a]}\nz: {end: succeeded}", "EE-W110", 5, 3),
    "same bot as nobody": ("a: {activity: sap.post, bot: {same_as: q}, next: z}\nz: {end: succeeded}", "EE-W111", 5, 42),
    "otherwise twice": ("a: {exclusive: [{otherwise: true, next: z}, {otherwise: true, next: z}]}\nz: {end: succeeded}", "EE-W114", 5, 71),
    "otherwise and when": ("a: {exclusive: [{otherwise: true, when: 'true', next: z}]}\nz: {end: succeeded}", "EE-W115", 5, 57),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPH_FAULTS)
def test_a_fault_of_the_graph_is_told_where_it_was_written(fail_text, name):
    text, code, line, column = GRAPH_FAULTS[name]

    found = fail_text(nodes(text))

    assert [(each.code, each.line, each.column) for each in found if each.severity == "error"] == [
        (code, line, column)
    ]


def test_a_start_that_is_no_node_is_told_at_the_start(fail_text):
    found = fail_text("ee: 1\nname: w\nstart: ab\nnodes: {abc: {end: succeeded}}\n")

    assert [(each.code, each.line, each.column) for each in found] == [("EE-W102", 3, 8)]


def test_all_faults_are_told_at_once(fail_text, data):
    found = fail_text((data / "diagnostics" / "several.yaml").read_bytes())

    assert len(found) == 9
    assert [(each.line, each.column) for each in found] == sorted((each.line, each.column) for each in found)


def test_what_follows_a_loss_is_read(load_text):
    keys = "on_lost: ask, lost_attempts: 5, retry: {attempts: 2, on: [busy, timeout]}, timeout: {ask: 1m}"

    definition = load_text(nodes(f"a: {{activity: sap.post, {keys}, next: z}}\nz: {{end: succeeded}}"))

    activity = definition.workflow.nodes[0].activity
    assert (activity.on_lost, activity.lost_attempts) == ("ask", 5)
    assert activity.retry == Retry(attempts=2, on=("busy", "timeout"))
    assert activity.timeouts == Timeouts(ask_ms=60_000)
    assert definition.diagnostics == ()


@pytest.mark.parametrize(("kind", "word"), [("sap.post", "incident"), ("noop", "retry")])
def test_what_would_follow_a_loss_anyhow_changes_no_hash(load_text, kind, word):
    text = "a: {{activity: {}, next: z{}}}\nz: {{end: succeeded}}"

    said = load_text(nodes(text.format(kind, f", on_lost: {word}, lost_attempts: 3, timeout: {{ask: 30s}}")))

    assert said.hash == load_text(nodes(text.format(kind, ""))).hash


@pytest.mark.parametrize(
    ("keys", "code", "word"),
    [
        ("activity: sap.post, on_lost: retry", "EE-W403", "not known to be idempotent"),
        ("activity: http, with: {method: POST}, on_lost: retry", "EE-W403", "'http'"),
        ("activity: http, with: {method: POST}, on_lost: ask", "EE-W404", "no ledger to ask"),
        ("activity: noop, on_lost: ask", "EE-W404", "'noop'"),
    ],
)
def test_a_loss_that_surprises_is_a_warning_where_it_was_written(load_text, keys, code, word):
    (found,) = load_text(nodes(f"a: {{{keys}, next: z}}\nz: {{end: succeeded}}")).diagnostics

    assert (found.code, found.severity, found.line) == (code, "warning", 5)
    assert found.column == len("  a: {") + keys.index("on_lost: ") + len("on_lost: ") + 1
    assert word in found.message
