"""What CEL adds to the contract: places, hints, presence, and bounds that the engine does not have."""

from __future__ import annotations

import re
import resource
import time

import ee_cel
import pytest
from ee_cel.language import CelLanguage

from ee_core.contracts.expression import Fault, Language, Names
from ee_core.errors import ConfigError, ExpressionError

NAMES = Names(
    {
        "inputs.limit": "int",
        "inputs.text": "string",
        "inputs.flag": "bool",
        "nodes.read.output": "dyn",
        "nodes.read.error": "dyn",
        "nodes.read.visits": "int",
        "nodes.small.visits": "int",
    }
)
OPEN = Names({"context": "map"}, open=True)


@pytest.fixture
def language() -> CelLanguage:
    return CelLanguage()


def evaluate(language, source, scope, names=OPEN):
    program = language.compile(source, names)
    assert not isinstance(program, Fault), program
    return program.evaluate(scope)


def test_members_of_an_object_have_one_order(language):
    given = {f"k{number:02}": number for number in reversed(range(50))}

    assert list(evaluate(language, "order", {"order": given})) == sorted(given)


def fail(language, source, scope):
    with pytest.raises(ExpressionError) as caught:
        evaluate(language, source, scope)
    return caught.value


def test_the_hook_opens_the_language():
    language = ee_cel.ee_open_expressions({})

    assert isinstance(language, Language)
    assert language.name == "cel"


def test_a_setting_is_refused_by_name():
    with pytest.raises(ConfigError, match="'budget'"):
        ee_cel.ee_open_expressions({"budget": 5})


@pytest.mark.parametrize(
    ("source", "line", "column", "length", "message", "hint"),
    [
        ("inputs.limt > 1", 1, 8, 4, "unknown name 'inputs.limt'", "limit"),
        ("input.limit > 1", 1, 1, 5, "unknown name 'input'", "inputs"),
        ("limit > 1", 1, 1, 5, "unknown name 'limit'", "inputs.limit"),
        ("read.a > 1", 1, 1, 4, "unknown name 'read'", "nodes.read.output"),
        ("nodes.raed.output.a", 1, 7, 4, "unknown name 'nodes.raed'", "read"),
        ("nodes . raed . output", 1, 9, 4, "unknown name 'nodes.raed'", "read"),
        ("nodes.read.outptu.z", 1, 12, 6, "unknown name 'nodes.read.outptu'", "output"),
        ("inputs.limit > 0\n  && nodes.red.visits > 1", 2, 12, 3, "unknown name 'nodes.red'", "read"),
        ("'é😀' + inputs.txt", 1, 15, 3, "unknown name 'inputs.txt'", "text"),
        ("has(nodes.raed.error)", 1, 11, 4, "unknown name 'nodes.raed'", "read"),
        ("[1].exists(i, i == nodes.red.visits)", 1, 26, 3, "unknown name 'nodes.red'", "read"),
        ("'nodes.red' == nodes.red.visits", 1, 22, 3, "unknown name 'nodes.red'", "read"),
        (
            "inputs",
            1,
            1,
            6,
            "'inputs' is no value by itself; name one of inputs.flag, inputs.limit, inputs.text",
            "",
        ),
        ("nodes.small", 1, 7, 5, "'nodes.small' is no value by itself; name one of nodes.small.visits", ""),
        ("len(inputs.text)", 1, 1, 3, "unknown function 'len'", "size"),
        ("inputs.text.startswith('x')", 1, 13, 10, "unknown function 'startswith'", "startsWith"),
        ("inputs.flag and inputs.flag", 1, 13, 3, "unknown operator 'and'", "&&"),
        ("inputs.limit = 3", 1, 14, 1, "unknown operator '='", "=="),
        ("inputs.limit == 3;", 1, 18, 1, "token recognition error at: ';'", ""),
        ("inputs.flag == True", 1, 16, 4, "unknown name 'True'", "true"),
        ("inputs.text == 'x", 1, 16, 2, "the text is not closed", ""),
        ("inputs.limit == 'a'", 1, 14, 2, "'==' cannot take (int, string)", ""),
        ("1 +", 1, 4, 1, "the expression ends too early", ""),
        ("for", 1, 1, 3, "'for' is a reserved word", ""),
    ],
)
def test_a_fault_points_at_the_wrong_word(language, source, line, column, length, message, hint):
    fault = language.compile(source, NAMES)

    assert fault == Fault(message, column=column, line=line, length=length, hint=hint)


@pytest.mark.parametrize(
    ("marked", "hint"),
    [
        ("inputs.limit {=<} 3", "<="),
        ("inputs.limit {=<}3 && inputs.flag", "<="),
        ("inputs.limit {=>} 3", ">="),
        ("inputs.limit {<>} 3", "!="),
        ("inputs.limit {===} 3", "=="),
        ("inputs.limit {!==} 3", "!="),
        ("inputs.limit {=!} 3", "!="),
        ("inputs.limit {< =} 3", "<="),
        ("inputs.limit {= =} 3", "=="),
        ("inputs.limit {\u2264} 3", "<="),
        ("inputs.flag {&} inputs.flag", "&&"),
        ("inputs.flag {|} inputs.flag", "||"),
        ("inputs.flag {AND} inputs.flag", "&&"),
        ("inputs.flag {or} inputs.flag", "||"),
        ("inputs.text == 'a =< b' {or} inputs.flag", "||"),
        ("{not} inputs.flag", "!"),
        ("{Not} inputs.flag", "!"),
        ("inputs.limit {not in} [3]", "!(... in ...)"),
        ("inputs.text {is not} null", "!="),
        ("inputs.limit {eq} 3", "=="),
        ("inputs.text {contains} 'a'", ".contains('...')"),
        ("inputs.text == {\u201c}a\u201d", '"'),
    ],
)
def test_what_other_languages_write_is_cured_with_what_cel_has(language, marked, hint):
    before, word, after = re.split("[{}]", marked)

    fault = language.compile(before + word + after, NAMES)

    what = "quotation mark" if hint == '"' else "operator"
    assert fault == Fault(f"unknown {what} {word!r}", column=len(before) + 1, length=len(word), hint=hint)


@pytest.mark.parametrize(
    "source", ["inputs.flag &&& inputs.flag", "inputs.is.not inputs.flag", "[1, 2", "inputs.flag then"]
)
def test_no_cure_is_named_where_none_is_known(language, source):
    fault = language.compile(source, NAMES)

    assert isinstance(fault, Fault)
    assert fault.hint == ""


@pytest.mark.parametrize(
    ("source", "hint"), [("type == 'x'", 'context["type"]'), ("for == 1", 'context["for"]')]
)
def test_a_context_key_that_cel_has_taken_is_read_through_the_context(language, source, hint):
    fault = language.compile(source, OPEN)

    assert isinstance(fault, Fault)
    assert fault.hint == hint
    assert evaluate(language, f"{hint} == 'x'", {"context": {"type": "x", "for": "x"}}) is True


def test_has_of_a_name_asks_whether_it_has_a_value(language):
    source = "has( nodes.read . error ) && nodes.read.error.code == 'late'"

    assert evaluate(language, source, {}, NAMES) is False
    assert evaluate(language, source, {"nodes.read.error": {"code": "late"}}, NAMES) is True
    assert evaluate(language, "has(flag)", {"flag": False}) is True
    assert evaluate(language, "[has(a), has(b), has(a)]", {"a": None}) == [True, False, True]


def test_has_of_a_key_asks_for_the_key(language):
    assert evaluate(language, "has(order.id)", {"order": {}}) is False
    assert evaluate(language, "has(order.id)", {"order": {"id": 0}}) is True


def test_names_asked_for_count_as_references_only_when_read(language):
    assert language.compile("has(a) && b", OPEN).references == ("b",)
    assert language.compile("has(a) && a", OPEN).references == ("a",)


def test_a_loops_variable_hides_a_name_inside_the_loop_only(language):
    program = language.compile("b.map(b, b + 1)", OPEN)

    assert program.references == ("b",)
    assert program.evaluate({"b": [1, 2]}) == [2, 3]
    assert language.compile("[1].map(i, i + 1)", OPEN).references == ()


def test_a_value_that_is_not_read_is_not_converted(language):
    assert evaluate(language, "a", {"a": 1, "b": object()}) == 1


@pytest.mark.parametrize(
    ("source", "scope", "column", "text"),
    [
        ("1 + amount", {}, 5, "'amount' has no value here"),
        ("a.b.zz", {"a": {"b": {}}}, 5, "'a.b' has no key 'zz' (it has no keys)"),
        ("a.byte", {"a": {"words": 1, "bytes": 2}}, 3, "'a' has no key 'byte' (there are: bytes, words), in"),
        ("a.zz", {"a": {f"k{n}": n for n in range(9)}}, 3, "k6, k7, ...), in"),
        ("a.zz", {"a": {"k" * 50: 1}}, 3, f"(there are: {'k' * 39}…), in"),
        ("a.list.map(x, x.zz)", {"a": {"list": [{"b": 1}]}}, 17, "'x' has no key 'zz', in"),
        ("a.b.zz", {"a": {"b": None}}, 5, "'a.b' is null here, and has no key 'zz', in"),
        ("a.zz", {"a": "x"}, 3, "'a' is a text here, and has no key 'zz', in"),
        ("a.zz", {"a": 7.5}, 3, "'a' is a number here, and has no key 'zz', in"),
        ("a.map(x, x.zz)", {"a": [None]}, 0, "it reads a member of what is no object, in"),
        ('a.b["zz"]', {"a": {"b": None}}, 0, "'a.b' is null here, in"),
        ("a.b > 1", {"a": {"b": None}}, 0, "cannot take (null_type, int64): 'a.b' is null here, in"),
        ('a["z z"]', {"a": {}}, 0, "there is no key 'z z'"),
        ("a + 1.5", {"a": 2}, 0, "'+' cannot take (int64, double)"),
        ("a / 0", {"a": 2}, 0, "divide by zero"),
        ("a[4]", {"a": [1]}, 0, "Index error: index=4 size=1"),
        ("a", {"a": 2**70}, 0, "out of range"),
        ("a", {"a": "\ud800"}, 0, "a text that is no valid Unicode"),
        ("9223372036854775807 + a", {"a": 1}, 0, "integer overflow"),
        ("a.matches('(')", {"a": "x"}, 0, "invalid regular expression"),
        (
            "{'k': timestamp('2020-01-01T00:00:00Z')}",
            {},
            0,
            "the value is a timestamp, which JSON cannot hold",
        ),
    ],
)
def test_a_run_time_error_names_what_failed(language, source, scope, column, text):
    error = fail(language, source, scope)

    assert text in str(error)
    assert error.source == source
    assert error.column == column


def test_whole_numbers_stay_whole(language):
    value = evaluate(language, "[a, a + 1, size('abc'), 5u]", {"a": 2**62})

    assert value == [2**62, 2**62 + 1, 3, 5]
    assert all(type(each) is int for each in value)


BOMBS = {
    "doubling a text": ("size(['aaaaaaaaaaaaaaaa']" + ".map(a, a + a)" * 26 + "[0])", {}),
    "doubling a given text": ("size([a]" + ".map(a, a + a)" * 9 + "[0])", {"a": "x" * 100_000}),
    "sharing a list": ("[[1]]" + ".map(x, [x, x, x, x, x, x, x, x])" * 9, {}),
    "comparing shared lists": ("[[1]]" + ".map(x, [x, x, x, x])" * 7 + " == [1]", {}),
    "joining a long text often": ("size(a.map(i, b + 'x'))", {"a": [1] * 9000, "b": "x" * 100_000}),
    "joining long lists": ("size(a.map(i, a + a))", {"a": [1] * 9000}),
    "gathering a long list": ("a.map(i, i)", {"a": [1] * 9999}),
    "loops in loops": ("a.map(i, a.map(j, a.map(k, i + j + k)))", {"a": list(range(1000))}),
    "a loop over too much": ("a.all(i, true)", {"a": [0] * 20_000}),
    "deep brackets": ("[" * 500 + "]" * 500, {}),
    "a long sum": ("1" + " + 1" * 900, {}),
    "a bad regular expression": ("a.matches('(x+x+)+y')", {"a": "x" * 100_000}),
    "too long a value": ("a + a", {"a": "x" * 60_000}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_defused_quickly_and_without_memory(language, name):
    source, scope = BOMBS[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()

    found = language.compile(source, OPEN)
    if not isinstance(found, Fault):
        try:
            assert found.evaluate(scope) is False, "only the regular expression may give a value"
        except ExpressionError as error:
            assert "limit" in str(error)

    assert time.perf_counter() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 160 * 1024  # kB


def test_honest_loops_are_not_taken_for_bombs(language):
    rows = [{"first": "Ada", "last": "Lovelace", "n": n, "tags": ["x"]} for n in range(1900)]

    names = evaluate(language, "rows.filter(r, r.n > 1).map(r, r.first + ' ' + r.last)", {"rows": rows})
    total = evaluate(language, "rows.map(r, r.n + more).filter(n, n > 1899)", {"rows": rows, "more": 1})

    assert names == ["Ada Lovelace"] * 1898
    assert total == [1900]


def test_environments_are_kept_but_not_for_ever(language):
    for number in range(200):
        assert not isinstance(language.compile(f"a{number} > 1", OPEN), Fault)

    assert len(language._environments) <= 64
