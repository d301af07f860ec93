"""The base of every conformance class, and the sentences that it is held against.

A contract (`ee_core.contracts.*`) numbers its sentences: ``[B2]``. A kit has a class derived from `Conformance`, with a
test for each, named ``test_b2_...``. A plugin's author derives from that class and overrides one fixture::

    class TestMyBroker(BrokerConformance):
        @pytest_asyncio.fixture
        async def broker(self): ...

What the plugin cannot do it says in its traits, which the engine reads as well; a test that needs a trait asks for it
with `need`. A clause is never overridden in silence: the replacement must be an expected failure with a reason, or the
class cannot be made.
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

_CLAUSE: Final = re.compile(r"^ *\[([A-Z][0-9]+)\]|(?<=[.:] )\[([A-Z][0-9]+)\] ", re.MULTILINE)
_TEST: Final = re.compile(r"test_([a-z][0-9]+)_\w+")


class Conformance:
    """Gives a class of clause tests its async marks, and keeps its subclasses from weakening it.

    Raises:
        TypeError: At the creation of a subclass that replaces a clause's test without
            ``pytest.mark.xfail(reason=...)``.
    """

    contract: ClassVar[ModuleType]
    """The module whose numbered sentences this class tests."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, value in vars(cls).items():
            if name.startswith("test_") and inspect.iscoroutinefunction(value):
                # marked here, not by the project's settings: a kit must run in strict and in auto mode
                pytest.mark.asyncio(value)
        for name in sorted(_replaced(cls)):
            if not _has_reason(getattr(cls, name)):
                raise TypeError(
                    f"{cls.__qualname__} replaces {name}, the test of a clause; mark the replacement with "
                    "pytest.mark.xfail(reason=...) that says why the clause cannot be kept, or take it away"
                )


def need(traits: object, **wanted: object) -> None:
    """Skip the running test, naming the trait, unless each trait has the wanted value."""
    for name, value in wanted.items():
        found = getattr(traits, name)
        if found != value:
            pytest.skip(f"trait {name} is {found!r}, this clause is about {value!r}")


def clauses_in(module: ModuleType) -> tuple[str, ...]:
    """List the numbers of a contract's sentences, as ``B2``, in the order of its docstrings.

    A sentence's number stands at its beginning; inside a sentence it is a reference.
    """
    tree = ast.parse(inspect.getsource(module))
    holders: list[ast.Module | ast.ClassDef] = [tree]
    holders += (node for node in tree.body if isinstance(node, ast.ClassDef))
    text = "\n".join(ast.get_docstring(holder) or "" for holder in holders)
    return tuple(first or second for first, second in _CLAUSE.findall(text))


def clauses_tested(members: Mapping[str, object]) -> tuple[str, ...]:
    """List the numbers that tests bear in their names, as ``B2``, each once, in the order of definition.

    Args:
        members: ``vars()`` of a kit's class or of a test module.
    """
    found = (_TEST.fullmatch(name) for name, value in members.items() if callable(value))
    return tuple(dict.fromkeys(match[1].upper() for match in found if match))


def _replaced(cls: type) -> set[str]:
    """The names of clause tests that do not come from where they were first defined."""
    seen: set[str] = set()
    replaced: set[str] = set()
    for base in cls.__mro__:
        names = {name for name in vars(base) if _TEST.fullmatch(name)}
        if issubclass(base, Conformance):  # a mixin's tests are its own unless they hide a clause
            replaced |= names & seen
        seen |= names
    return replaced


def _has_reason(test: object) -> bool:
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)
