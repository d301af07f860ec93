"""Each numbered sentence of a contract has a test of its number, and each such test its sentence."""

import importlib
import importlib.util
import pkgutil

import pytest

import ee_core.contracts
import ee_core.testing
from ee_core.testing.conformance import Conformance, clauses_in, clauses_tested

CONTRACTS = {
    name: clauses
    for name in sorted(module.name for module in pkgutil.iter_modules(ee_core.contracts.__path__))
    if (clauses := clauses_in(importlib.import_module(f"ee_core.contracts.{name}")))
}
KITS = {module.name for module in pkgutil.iter_modules(ee_core.testing.__path__)}


def load_tests(name, repository):
    """The members that test a contract: of the kit's classes, or of the test module of a contract without a kit."""
    if name in KITS:
        module = importlib.import_module(f"ee_core.testing.{name}")
        kits = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Conformance)
        ]
        return {member: value for kit in kits for base in kit.__mro__ for member, value in vars(base).items()}
    path = repository / "tests" / "conformance" / f"test_{name}.py"
    if not path.is_file():
        pytest.skip(f"contract {name} has neither a kit nor a test module yet")
    spec = importlib.util.spec_from_file_location(f"clauses_of_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def test_there_are_contracts_with_clauses():
    assert {"activity", "broker", "journal", "lock"} <= set(CONTRACTS)


@pytest.mark.parametrize("name", CONTRACTS)
def test_clauses_are_numbered_in_order(name):
    letter = CONTRACTS[name][0][0]

    assert list(CONTRACTS[name]) == [f"{letter}{number}" for number in range(1, len(CONTRACTS[name]) + 1)]


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_clause_has_a_test_and_each_test_a_clause(name, repository):
    tested = clauses_tested(load_tests(name, repository))

    assert sorted(tested) == sorted(CONTRACTS[name])


@pytest.mark.parametrize("name", sorted(KITS & set(CONTRACTS)))
def test_each_kit_names_its_contract(name):
    module = importlib.import_module(f"ee_core.testing.{name}")
    kits = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Conformance) and value is not Conformance
    ]

    assert kits
    assert {kit.contract.__name__ for kit in kits} == {f"ee_core.contracts.{name}"}
