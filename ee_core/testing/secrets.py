"""The conformance kit of providers of secrets: one test or more per numbered clause of `ee_core.contracts.secrets`.

Derive from `SecretsConformance`, and override the fixture `store`::

    class MyStore(SecretStore):
        def open(self): return MySecrets(...)
        def put(self, name, value): ...

    class TestMySecrets(SecretsConformance):
        @pytest.fixture
        def store(self): return MyStore(...)
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, ClassVar, Final

import pytest

from ee_core.contracts import secrets as contract
from ee_core.errors import SecretError
from ee_core.testing.conformance import Conformance

if TYPE_CHECKING:
    from types import ModuleType

    from ee_core.contracts.secrets import SecretProvider

_NAMES: Final = ("KEY", "_key", "crm.token", "a-b-c", "K9", "con", "a..b", "x" * 64)
_VALUE: Final = "hunter2-kl\"a'\\ §ß𝄞 {}"
_CANARY: Final = "canary-4711-do-not-tell"


class SecretStore:
    """What a provider reads, empty at first. A plugin's author derives from it."""

    def open(self) -> SecretProvider:
        """Make a provider that reads this store."""
        raise NotImplementedError(f"{type(self).__name__} must override open")

    def put(self, name: str, value: str) -> None:
        """Put a secret there for EE, or another value in its place, as an operator would."""
        raise NotImplementedError(f"{type(self).__name__} must override put")

    def take_away(self, name: str) -> None:
        """Take a secret away."""
        raise NotImplementedError(f"{type(self).__name__} must override take_away")

    def put_beside(self, name: str, value: str) -> None:
        """Put something of this name into the same place, not for EE."""
        pytest.skip(f"{type(self).__name__} does not override put_beside: it holds nothing but EE's")

    def spoil(self, name: str) -> None:
        """See to it that a secret that was put there cannot be had, or that it is no text."""
        pytest.skip(f"{type(self).__name__} does not override spoil, so what cannot be had is not tested")


class SecretsConformance(Conformance):
    """One test or more for each clause; override `store`."""

    contract: ClassVar[ModuleType] = contract

    @pytest.fixture
    def store(self) -> SecretStore:
        """Give a store without secrets."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture store")

    @pytest.mark.parametrize("value", [_VALUE, " in spaces ", "two\nlines", "x" * 4000, "1234"])
    async def test_k1_value_is_what_was_put_there(self, store: SecretStore, value: str) -> None:
        store.put("KEY", value)

        assert await store.open().find("KEY") == value

    @pytest.mark.parametrize("name", _NAMES)
    async def test_k1_every_name_can_be_used(self, store: SecretStore, name: str) -> None:
        store.put(name, _VALUE)

        assert await store.open().find(name) == _VALUE

    async def test_k2_what_was_not_put_there_is_none(self, store: SecretStore) -> None:
        provider = store.open()
        empty = [await provider.find(name) for name in _NAMES]
        store.put("KEY", _VALUE)
        others = [await provider.find(name) for name in ("KEYS", "KE", "_KEY", "PATH", "HOME")]

        assert empty == [None] * len(_NAMES)
        assert others == [None] * len(others)

    async def test_k3_what_was_not_put_there_for_ee_is_never_found(self, store: SecretStore) -> None:
        store.put_beside("OTHER", _CANARY)
        store.put("KEY", _VALUE)
        provider = store.open()

        for name in ("OTHER", "other", "EE_SECRET_OTHER", "ee.OTHER", "a..OTHER"):
            assert await provider.find(name) is None, name

    async def test_k4_a_change_is_seen_by_the_next_look(self, store: SecretStore) -> None:
        store.put("KEY", "the first one")
        provider = store.open()
        first = await provider.find("KEY")
        store.put("KEY", "the second one")
        second = await provider.find("KEY")
        store.take_away("KEY")

        assert (first, second, await provider.find("KEY")) == ("the first one", "the second one", None)

    async def test_k4_many_may_look_at_once(self, store: SecretStore) -> None:
        for number in range(20):
            store.put(f"K{number}", f"value {number}")
        provider = store.open()

        found = await asyncio.gather(*(provider.find(f"K{number}") for number in range(20)))

        assert found == [f"value {number}" for number in range(20)]

    async def test_k5_what_cannot_be_had_is_an_error_that_names_the_place(self, store: SecretStore) -> None:
        store.put("KEY", _CANARY)
        store.spoil("KEY")

        with pytest.raises(SecretError) as caught:
            await store.open().find("KEY")

        assert "KEY" in str(caught.value)

    async def test_k6_no_error_and_no_repr_holds_a_value(
        self, store: SecretStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        store.put("KEY", _CANARY)
        provider = store.open()
        found = await provider.find("KEY")
        said = [repr(provider), str(provider), provider.describe("KEY"), caplog.text]
        try:
            store.spoil("KEY")
            await provider.find("KEY")
        except SecretError as error:
            said += [str(error), repr(error), repr(error.__cause__)]
        except pytest.skip.Exception:
            said.append("nothing can be spoiled")

        assert found == _CANARY
        assert not [text for text in said if _CANARY in text]

    async def test_k7_a_place_is_described_without_being_asked(self, store: SecretStore) -> None:
        provider = store.open()

        assert "KEY" in provider.describe("KEY")
        store.put("KEY", _VALUE)
        store.spoil("KEY")
        assert "KEY" in provider.describe("KEY")
