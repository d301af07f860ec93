"""Each clause of the kit of secret providers is failed by a provider that breaks that clause, and by no other's test."""

from __future__ import annotations

import asyncio
import inspect
import logging

import pytest

from ee_core.contracts import secrets as contract
from ee_core.errors import SecretError
from ee_core.testing.conformance import clauses_in, clauses_tested
from ee_core.testing.secrets import SecretsConformance, SecretStore


class Right:
    """Keeps every clause."""

    def __init__(self, kept):
        self.kept = kept
        self.asked = 0

    async def find(self, name):
        self.asked += 1
        if name in self.kept.spoiled:
            raise SecretError(f"the drawer {name} is stuck")
        return self.kept.own.get(name)

    def describe(self, name):
        return f"the drawer {name}"


class Strips(Right):
    """Breaks K1: it takes off more than it put on."""

    async def find(self, name):
        value = await super().find(name)
        return value and value.strip()


class CannotUseEveryName(Right):
    """Breaks K1: a name with a dot is a path to it."""

    async def find(self, name):
        return None if "." in name else await super().find(name)


class Raises(Right):
    """Breaks K2: what is not there is an error; the kit then cannot tell what is not for EE from what cannot be had."""

    async def find(self, name):
        value = await super().find(name)
        return "" if value is None and not self.kept.beside and not self.kept.was_taken else value


class GivesEverythingAway(Right):
    """Breaks K3."""

    async def find(self, name):
        return await super().find(name) or self.kept.beside.get(name)


class Remembers(Right):
    """Breaks K4: what it has seen once stays."""

    def __init__(self, kept):
        super().__init__(kept)
        self._seen = {}

    async def find(self, name):
        if name not in self._seen:
            value = await super().find(name)
            if value is None:
                return None
            self._seen[name] = value
        return self._seen[name]

    def __repr__(self):
        return "Remembers()"


class HidesTrouble(Right):
    """Breaks K5: what cannot be had is as if it were not there."""

    async def find(self, name):
        try:
            return await super().find(name)
        except SecretError:
            return None


class NamesNoPlace(Right):
    """Breaks K5: nobody knows what to mend."""

    async def find(self, name):
        try:
            return await super().find(name)
        except SecretError:
            raise SecretError("it does not work") from None


class TellsInItsError(Right):
    """Breaks K6."""

    async def find(self, name):
        try:
            return await super().find(name)
        except SecretError as error:
            raise SecretError(f"{error}: {self.kept.own[name]!r}") from None


class TellsInALogLine(Right):
    """Breaks K6."""

    async def find(self, name):
        value = await super().find(name)
        logging.getLogger(__name__).debug("found %s", value)
        return value


class TellsInItsRepr(Right):
    """Breaks K6."""

    def __repr__(self):
        return f"TellsInItsRepr({self.kept.own})"


class DescribesNothing(Right):
    """Breaks K7."""

    def describe(self, name):
        return "a drawer"


class AsksToDescribe(Right):
    """Breaks K7: what cannot be had cannot be described."""

    def describe(self, name):
        if name in self.kept.spoiled:
            raise SecretError("it does not work")
        return super().describe(name)


WRONG = {
    Strips: "K1",
    CannotUseEveryName: "K1",
    Raises: "K2",
    GivesEverythingAway: "K3",
    Remembers: "K4",
    HidesTrouble: "K5",
    NamesNoPlace: "K5",
    TellsInItsError: "K6",
    TellsInALogLine: "K6",
    TellsInItsRepr: "K6",
    DescribesNothing: "K7",
    AsksToDescribe: "K7",
}


class Drawers(SecretStore):
    def __init__(self, kind):
        self._kind = kind
        self.own = {}
        self.beside = {}
        self.spoiled = set()
        self.was_taken = False

    def open(self):
        return self._kind(self)

    def put(self, name, value):
        self.own[name] = value

    def take_away(self, name):
        del self.own[name]
        self.was_taken = True

    def put_beside(self, name, value):
        self.beside[name] = value

    def spoil(self, name):
        self.spoiled.add(name)


def arguments_of(test):
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    return [{mark.args[0]: value} for mark in marks for value in mark.args[1]] or [{}]


def failed_clauses(kind, caplog):
    failed = []
    for name, test in vars(SecretsConformance).items():
        for arguments in arguments_of(test) if name.startswith("test_") else []:
            caplog.clear()
            given = {"caplog": caplog} if "caplog" in inspect.signature(test).parameters else {}
            try:
                asyncio.run(test(SecretsConformance(), Drawers(kind), **given, **arguments))
            except (Exception, pytest.fail.Exception):  # noqa: BLE001 - a wrong provider may fail in any way
                failed.append(name.split("_")[1].upper())
    return list(dict.fromkeys(failed))


def test_the_right_provider_passes_the_kit(caplog):
    assert failed_clauses(Right, caplog) == []


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{WRONG[wrong]}-{wrong.__name__}")
def test_a_wrong_provider_fails_its_clause_alone(wrong, caplog):
    assert failed_clauses(wrong, caplog) == [WRONG[wrong]]


def test_every_clause_has_a_test_and_a_wrong_provider():
    assert clauses_tested(vars(SecretsConformance)) == clauses_in(contract)
    assert set(WRONG.values()) == set(clauses_in(contract))
