"""CEL keeps the contract, and the kit notices each way to break it."""

from __future__ import annotations

import dataclasses
import math

import pytest
from ee_cel.language import CelLanguage

from ee_core.contracts.expression import Fault, Names
from ee_core.errors import ExpressionError
from ee_core.testing.conformance import clauses_in, clauses_tested
from ee_core.testing.expression import ExpressionConformance, Sources


class TestCel(ExpressionConformance):
    @pytest.fixture
    def language(self) -> CelLanguage:
        return CelLanguage()


class Program:
    """A program that a mutant stands in front of."""

    def __init__(self, inner, evaluate):
        self.source, self.references, self._inner, self._evaluate = (
            inner.source,
            inner.references,
            inner,
            evaluate,
        )

    def evaluate(self, scope):
        return self._evaluate(self._inner, scope)


class Mutant:
    """CEL with one fault of its own."""

    name = "mutant"

    def __init__(self):
        self._cel = CelLanguage()

    def compile(self, source, names, *, want_bool=False):
        found = self._cel.compile(source, names, want_bool=want_bool)
        return found if isinstance(found, Fault) else Program(found, self.evaluate)

    def evaluate(self, inner, scope):
        return inner.evaluate(scope)


class Raising(Mutant):
    def compile(self, source, names, *, want_bool=False):
        found = super().compile(source, names, want_bool=want_bool)
        if isinstance(found, Fault) and not source.strip():
            raise ValueError(found.message)
        return found


class Pointing(Mutant):
    def compile(self, source, names, *, want_bool=False):
        found = super().compile(source, names, want_bool=want_bool)
        return dataclasses.replace(found, column=found.column + 1) if isinstance(found, Fault) else found


class Loose(Mutant):
    def evaluate(self, inner, scope):
        try:
            return inner.evaluate(scope)
        except ExpressionError as error:
            if "is no number in JSON" in str(error):
                return math.nan
            raise


class Forgiving(Mutant):
    def evaluate(self, inner, scope):
        absent = {name: {"ready": False} for name in inner.references if name not in scope}
        return inner.evaluate({**absent, **scope})


class Unasked(Mutant):
    def compile(self, source, names, *, want_bool=False):
        return super().compile(source, names)


class Boundless(Mutant):
    def evaluate(self, inner, scope):
        try:
            return inner.evaluate(scope)
        except ExpressionError as error:
            if "larger than" in str(error):
                return scope[inner.references[0]]
            raise


class Remembering(Mutant):
    def __init__(self):
        super().__init__()
        self._seen = {}

    def evaluate(self, inner, scope):
        if scope and inner.source == Sources().member:
            self._seen[inner.source] = dict(scope)
        return inner.evaluate(scope or self._seen.get(inner.source, {}))


MUTANTS = {
    Raising: "x1",
    Pointing: "x2",
    Loose: "x3",
    Forgiving: "x4",
    Unasked: "x5",
    Boundless: "x6",
    Remembering: "x7",
}


@pytest.mark.parametrize(
    ("mutant", "clause"), MUTANTS.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_the_kit_catches_a_language_that_breaks_one_clause(mutant, clause):
    kit = ExpressionConformance()
    failed = set()
    for name in dir(kit):
        if name.startswith("test_"):
            try:
                getattr(kit, name)(mutant(), Sources())
            except (AssertionError, ValueError, ExpressionError, pytest.fail.Exception):
                failed.add(name.split("_")[1])

    assert failed == {clause}


def test_the_kit_has_a_test_for_each_clause_and_each_clause_a_mutant():
    clauses = clauses_in(ExpressionConformance.contract)

    assert set(clauses) == set(clauses_tested(vars(ExpressionConformance)))
    assert set(clauses) == {clause.upper() for clause in MUTANTS.values()}


def test_names_of_a_closed_scope_are_not_opened_by_the_kit():
    assert isinstance(CelLanguage().compile("amount", Names()), Fault)
