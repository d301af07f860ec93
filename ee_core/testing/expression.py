"""The conformance kit of expression languages: one test per sentence of `ee_core.contracts.expression`.

A plugin's author derives from `ExpressionConformance` and overrides the fixture ``language``; who writes another
language than CEL overrides ``sources`` as well. What the sources read is declared here and the same for all.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest

from ee_core.contracts import expression
from ee_core.contracts.expression import Fault, Names
from ee_core.errors import ExpressionError
from ee_core.testing.conformance import Conformance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from ee_core.contracts.expression import Language
    from ee_core.model.expression import Program

NAMES: Final = Names(
    {
        "inputs.limit": "int",
        "inputs.text": "string",
        "inputs.any": "dyn",
        "inputs.flag": "bool",
        "nodes.read.output": "dyn",
        "nodes.read.visits": "int",
        "nodes.wait.output": "dyn",
    }
)
OPEN: Final = Names({"context": "map"}, open=True)


@dataclass(frozen=True, slots=True)
class Sources:
    """The same expressions in the plugin's language; the defaults are CEL."""

    number: str = "inputs.limit + 1"
    value: str = "inputs.any"  # `inputs.any` as it is
    member: str = "nodes.read.output.total"
    condition: str = "nodes.read.output.total > inputs.limit"
    either: str = "inputs.flag || nodes.wait.output.ready"  # needs the right side only when the left is false
    words: str = "amount > 10 && inStock"  # bare words of an open scope
    key: str = 'context["due date"]'
    misspelt: Mapping[str, tuple[int, str]] | None = None  # source -> column of the wrong word, hint
    broken: tuple[str, ...] = (
        "",
        " ",
        "1 +",
        "inputs.limit inputs.limit",
        "(1",
        "'open",
        "\0",
        "#",
        "\ud800",
        "§",
    )
    not_plain: tuple[str, ...] = (
        "0.0 / 0.0",
        "1.0 / 0.0",
        "[-1.0 / 0.0]",
        "{1: 2}",
        "b'x'",
        "[duration('1s')]",
    )
    endless: str = (
        "inputs.any.all(a, inputs.any.all(b, inputs.any.all(c, true)))"  # steps: its length to the third
    )
    doubling: str = "['a']" + ".map(a, a + a)" * 25 + "[0]"
    plain: tuple[tuple[str, Any], ...] = (
        ("null", None),
        ("true", True),
        ("1 + 2", 3),
        ("0.5", 0.5),
        ("'é' + 'x'", "éx"),
        ("[1, [2.5]]", [1, [2.5]]),
        ("{'a': {'b': null}}", {"a": {"b": None}}),
    )

    def find_misspelt(self) -> Mapping[str, tuple[int, str]]:
        """Return misspelt sources with the column of the wrong word, and the word that was meant."""
        return self.misspelt or {
            "inputs.limt > 1": (8, "limit"),
            "input.limit": (1, "inputs"),
            "'é' + nodes.raed.output.a": (13, "read"),
            "nodes.read.outptu": (12, "output"),
        }


class ExpressionConformance(Conformance):
    """One test per numbered sentence of `ee_core.contracts.expression`."""

    contract: ClassVar[ModuleType] = expression

    @pytest.fixture
    def language(self) -> Language:
        """The language under test."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture `language`")

    @pytest.fixture
    def sources(self) -> Sources:
        """Its sources."""
        return Sources()

    def test_x1_a_bad_source_is_a_fault_and_raises_nothing(
        self, language: Language, sources: Sources
    ) -> None:
        for source in sources.broken:
            assert isinstance(language.compile(source, NAMES), Fault), repr(source)
            assert isinstance(language.compile(source, OPEN), Fault), repr(source)

    def test_x1_a_good_source_is_a_program_that_knows_what_it_reads(
        self, language: Language, sources: Sources
    ) -> None:
        program = _compile(language, sources.condition)

        assert program.source == sources.condition
        assert program.references == ("inputs.limit", "nodes.read.output")

    def test_x2_an_unknown_name_is_a_fault_at_its_column_with_the_nearest_name(
        self, language: Language, sources: Sources
    ) -> None:
        found = {source: language.compile(source, NAMES) for source in sources.find_misspelt()}

        assert {
            source: (fault.line, fault.column, fault.hint)
            for source, fault in found.items()
            if isinstance(fault, Fault)
        } == {source: (1, column, hint) for source, (column, hint) in sources.find_misspelt().items()}

    def test_x2_in_an_open_scope_any_word_is_a_name(self, language: Language, sources: Sources) -> None:
        words = _compile(language, sources.words, OPEN)
        key = _compile(language, sources.key, OPEN)

        assert words.references == ("amount", "inStock")
        assert words.evaluate({"amount": 11, "inStock": True}) is True
        assert key.evaluate({"context": {"due date": "monday"}}) == "monday"

    def test_x3_values_are_plain_json_and_keep_their_type(self, language: Language, sources: Sources) -> None:
        for source, wanted in sources.plain:
            value = _compile(language, source).evaluate({})
            assert value == wanted
            assert type(value) is type(wanted), source
            assert json.dumps(value, allow_nan=False) == json.dumps(wanted)

    def test_x3_what_is_no_json_is_an_error(self, language: Language, sources: Sources) -> None:
        for source in sources.not_plain:
            with pytest.raises(ExpressionError):
                _compile(language, source).evaluate({})
        for value in (math.nan, math.inf, {"a": [math.nan]}, object(), {1: 2}, b"x"):
            with pytest.raises(ExpressionError):
                _compile(language, sources.value).evaluate({"inputs.any": value})

    def test_x4_an_absent_name_that_is_read_is_an_error_that_names_it(
        self, language: Language, sources: Sources
    ) -> None:
        with pytest.raises(ExpressionError) as caught:
            _compile(language, sources.condition).evaluate({"inputs.limit": 1})

        assert caught.value.source == sources.condition
        assert "nodes.read.output" in _own_words(caught.value)

    def test_x4_an_absent_key_that_is_read_is_an_error_that_names_it(
        self, language: Language, sources: Sources
    ) -> None:
        with pytest.raises(ExpressionError) as caught:
            _compile(language, sources.member).evaluate({"nodes.read.output": {}})

        assert "total" in _own_words(caught.value)

    def test_x4_logic_that_does_not_need_an_absent_name_is_no_error(
        self, language: Language, sources: Sources
    ) -> None:
        program = _compile(language, sources.either)

        assert program.evaluate({"inputs.flag": True}) is True
        with pytest.raises(ExpressionError, match=r"nodes\.wait\.output"):
            program.evaluate({"inputs.flag": False})

    def test_x5_a_condition_of_another_type_is_a_fault(self, language: Language, sources: Sources) -> None:
        assert isinstance(language.compile(sources.number, NAMES, want_bool=True), Fault)

    def test_x5_a_condition_that_gives_another_type_is_an_error(
        self, language: Language, sources: Sources
    ) -> None:
        condition = language.compile(sources.value, NAMES, want_bool=True)

        assert not isinstance(condition, Fault)
        assert condition.evaluate({"inputs.any": True}) is True
        for value in (1, "true", None, [True]):
            with pytest.raises(ExpressionError):
                condition.evaluate({"inputs.any": value})

    def test_x6_a_source_above_4_kb_is_a_fault_that_names_the_limit(
        self, language: Language, sources: Sources
    ) -> None:
        fault = language.compile(sources.number + " " * 4096, NAMES)

        assert isinstance(fault, Fault)
        assert "4096" in fault.message

    def test_x6_a_value_above_64_kb_is_an_error_that_names_the_limit(
        self, language: Language, sources: Sources
    ) -> None:
        program = _compile(language, sources.value)

        assert program.evaluate({"inputs.any": "x" * 60_000}) == "x" * 60_000
        with pytest.raises(ExpressionError, match="64"):
            program.evaluate({"inputs.any": "x" * 70_000})

    def test_x6_a_collection_above_10000_is_an_error_that_names_the_limit(
        self, language: Language, sources: Sources
    ) -> None:
        program = _compile(language, sources.value)

        assert program.evaluate({"inputs.any": [1] * 10_000}) == [1] * 10_000
        with pytest.raises(ExpressionError, match="10000"):
            program.evaluate({"inputs.any": [1] * 10_001})

    @pytest.mark.timeout(20)
    def test_x6_loops_end(self, language: Language, sources: Sources) -> None:
        program = _compile(language, sources.endless)

        with pytest.raises(ExpressionError, match="10000"):
            program.evaluate({"inputs.any": list(range(1000))})

    @pytest.mark.timeout(20)
    def test_x6_a_text_that_doubles_is_stopped(self, language: Language, sources: Sources) -> None:
        program = language.compile(sources.doubling, NAMES)

        if not isinstance(program, Fault):
            with pytest.raises(ExpressionError):
                program.evaluate({})

    def test_x7_a_program_keeps_nothing(self, language: Language, sources: Sources) -> None:
        program = _compile(language, sources.member)

        assert program.evaluate({"nodes.read.output": {"total": 1}}) == 1
        assert program.evaluate({"nodes.read.output": {"total": "2"}}) == "2"
        with pytest.raises(ExpressionError):
            program.evaluate({})
        assert program.evaluate({"nodes.read.output": {"total": 1}}) == 1


def _compile(language: Language, source: str, names: Names = NAMES) -> Program:
    found = language.compile(source, names)
    assert not isinstance(found, Fault), f"{source!r}: {found}"
    return found


def _own_words(error: ExpressionError) -> str:
    """Return an error's message without the source, which holds all names anyway."""
    return str(error).replace(error.source, "")
