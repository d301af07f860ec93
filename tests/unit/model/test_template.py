from __future__ import annotations

from typing import Any

import pytest

from ee_core.errors import TemplateError, WorkflowError
from ee_core.model.template import parse
from name_program import Name


def render(value: Any, **scope: Any) -> Any:
    return parse(value).bind(Name).render(scope)


def sources_of(text: str) -> list[str]:
    return [source.text for source in parse(text).sources]


@pytest.mark.parametrize("value", [None, True, False, 7, 1.5, "text", "", [], {}, [1, {"a": None}], {"b": 2}])
def test_a_string_that_is_one_expression_keeps_the_type(value):
    result = render("${x}", x=value)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-1.5, "-1.5"),
        (2.0, "2.0"),
        ('it\'s "ü"', 'it\'s "ü"'),
        ([1, "a", None], '[1,"a",null]'),
        ({"b": 1, "a": {"c": "ü"}}, '{"b":1,"a":{"c":"ü"}}'),
    ],
)
def test_inside_text_a_value_is_written_as_text(value, text):
    assert render("<${x}>", x=value) == f"<{text}>"


def test_several_expressions_in_one_text_are_each_put_in():
    assert render("${a}-${b}${a}", a=1, b="z") == "1-z1"


def test_a_blank_beside_the_expression_makes_it_text():
    assert render("${x} ", x=5) == "5 "


def test_blanks_inside_the_braces_are_no_part_of_the_expression():
    assert sources_of("${  x\n }") == ["x"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("$${x}", "${x}"),
        ("a $${ b", "a ${ b"),
        ("$$${x}", "$${x}"),
        ("$", "$"),
        ("$$", "$$"),
        ("{x}", "{x}"),
        ("$ {x}", "$ {x}"),
        ("cost: 5$", "cost: 5$"),
    ],
)
def test_a_doubled_dollar_is_a_literal(written, meant):
    assert render(written) == meant


def test_literal_and_expression_stand_side_by_side():
    assert render("$${x} is ${x}", x=1) == "${x} is 1"
    assert render("${x}$${", x=1) == "1${"


def test_values_are_never_scanned():
    assert render({"whole": "${x}", "inside": "<${x}>"}, x="${y} $${z}") == {
        "whole": "${y} $${z}",
        "inside": "<${y} $${z}>",
    }


def test_expressions_are_found_at_any_depth_but_not_in_keys():
    value = {"a": [1, {"b": "${x}"}], "${x}": "c"}

    assert render(value, x=True) == {"a": [1, {"b": True}], "${x}": "c"}


@pytest.mark.parametrize("value", [None, 1, "text", [1, ["a"]], {"a": {"b": [None]}}])
def test_a_value_without_expression_is_the_same_object(value):
    assert render(value) is value


def test_a_part_without_expression_is_the_same_object():
    part = {"a": [1, 2]}

    assert render([part, "${x}"], x=1)[0] is part


def test_sources_tell_where_they_stand():
    template = parse({"a": ["x", "see ${ one } and ${two}"], "b": "${three}"})

    assert [(source.path, source.text, source.offset) for source in template.sources] == [
        (("a", 1), "one", 7),
        (("a", 1), "two", 19),
        (("b",), "three", 2),
    ]


@pytest.mark.parametrize(
    "expression",
    [
        "{'a': {'b': 1}}.a",
        "'}'",
        '"}"',
        "'{'",
        r"'\'}'",
        r'"a\"}\\"',
        "'''it's } so'''",
        '"""say "}" twice"""',
        r"'''\'''}'''",
        r"r'\' + '}'",
        r'R"\" + "}"',
        r"br'\' + b'}'",
        "bar + r + '}'",
        "a // it's }\n + b",
        "m['}'] + {'k': '{'}['k']",
        "\"it's\" + '\"'",
        "''",
        "'$${'",
    ],
)
def test_braces_and_quotes_inside_an_expression_are_balanced(expression):
    assert sources_of("<${" + expression + "}>") == [expression]


def test_the_r_at_the_end_of_a_word_is_no_prefix():
    # not valid CEL, but the scanner must not lose its way
    assert sources_of(r"${var'\'}'}") == [r"var'\'}'"]


@pytest.mark.parametrize(
    ("text", "offset", "cure"),
    [
        ("see ${x", 4, r"add the }.*\$\$\{"),
        ("${ {'a': 1}", 0, "add the }"),
        ("${a} ${ 'it}", 8, "close it with '"),
        ('${ """a" }', 3, 'close it with """'),
        (r"${ 'a\'}", 3, "close it with '"),
        ("${a // b }", 0, "add the }"),
        ("ab ${ }", 3, "write an expression there"),
    ],
)
def test_what_is_not_closed_is_an_error_that_names_place_and_cure(text, offset, cure):
    with pytest.raises(TemplateError, match=cure) as caught:
        parse({"k": [text]})

    assert caught.value.offset == offset
    assert caught.value.path == ("k", 0)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, WorkflowError)


def test_the_same_expression_is_compiled_once_and_evaluated_where_it_stands():
    compiled = []

    def compile_it(text):
        compiled.append(text)
        return Name(text)

    bound = parse(["${x}", "${ x }", "${y}"]).bind(compile_it)

    assert compiled == ["x", "y"]
    assert [program.source for program in bound.programs] == ["x", "x", "y"]
    assert bound.render({"x": 1, "y": 2}) == [1, 1, 2]


def test_a_long_string_of_backslashes_takes_no_long_time():
    text = "${'" + "\\\\" * 200_000 + "'}"

    assert len(parse(text).sources[0].text) == 400_002
