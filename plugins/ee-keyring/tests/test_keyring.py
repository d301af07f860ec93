"""The keyring against the contract of providers, with a real backend of the library that keeps passwords in memory."""

from __future__ import annotations

import asyncio
import threading

import keyring
import pytest
from ee_keyring import ee_open_secrets
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from ee_core.contracts.secrets import SecretProvider
from ee_core.errors import ConfigError, SecretError
from ee_core.testing.secrets import SecretsConformance, SecretStore


class Drawer(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}
        self.stuck = set()
        self.unlocked = threading.Event()
        self.unlocked.set()

    def get_password(self, service, username):
        self.unlocked.wait(30)
        if (service, username) in self.stuck:
            raise KeyringLocked(f"cannot open the drawer with {self.kept[service, username]!r} in it")
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


@pytest.fixture
def drawer():
    before = keyring.get_keyring()
    made = Drawer()
    keyring.set_keyring(made)
    yield made
    made.unlocked.set()
    keyring.set_keyring(before)


class Keyring(SecretStore):
    def __init__(self, drawer):
        self._drawer = drawer

    def open(self):
        return ee_open_secrets(settings={})

    def put(self, name, value):
        keyring.set_password("ee", name, value)

    def take_away(self, name):
        keyring.delete_password("ee", name)

    def put_beside(self, name, value):
        keyring.set_password("mail", name, value)
        keyring.set_password("", name, value)

    def spoil(self, name):
        self._drawer.stuck.add(("ee", name))


class TestKeyring(SecretsConformance):
    @pytest.fixture
    def store(self, drawer):
        return Keyring(drawer)


def test_the_hook_makes_a_provider_and_checks_its_settings():
    assert isinstance(ee_open_secrets(settings={}), SecretProvider)
    with pytest.raises(ConfigError, match=r"unknown key 'secrets\.keyring\.servce'; known are service"):
        ee_open_secrets(settings={"servce": "x"})
    with pytest.raises(ConfigError, match=r"secrets\.keyring\.service"):
        ee_open_secrets(settings={"service": ""})


async def test_another_service_is_another_place(drawer):
    keyring.set_password("plant", "KEY", "of the plant")
    provider = ee_open_secrets(settings={"service": "plant"})

    assert await provider.find("KEY") == "of the plant"
    assert provider.describe("KEY") == "the keyring, 'KEY' of the service 'plant'"
    assert await ee_open_secrets(settings={}).find("KEY") is None


async def test_a_machine_without_a_keyring_is_told(monkeypatch):
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    try:
        with pytest.raises(
            SecretError, match="cannot be asked for 'KEY' of the service 'ee': NoKeyringError"
        ):
            await ee_open_secrets(settings={}).find("KEY")
    finally:
        keyring.set_keyring(before)


async def test_what_is_no_text_is_told(drawer):
    drawer.kept["ee", "KEY"] = b"bytes"

    with pytest.raises(SecretError, match="holds no text as 'KEY'"):
        await ee_open_secrets(settings={}).find("KEY")


async def test_a_keyring_that_waits_to_be_unlocked_can_be_given_up(drawer):
    drawer.unlocked.clear()
    asking = asyncio.create_task(ee_open_secrets(settings={}).find("KEY"))
    await asyncio.sleep(0)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    drawer.unlocked.set()
    assert await ee_open_secrets(settings={}).find("KEY") is None
