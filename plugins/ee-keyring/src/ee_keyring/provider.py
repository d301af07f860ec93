"""Looks secrets up under one service of the keyring, which may take its time: it waits for somebody to unlock it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from ee_core.contracts.aside import call_aside
from ee_core.contracts.settings import read_section
from ee_core.errors import SecretError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTION: Final = "secrets.keyring"


class KeyringSettings(BaseModel):
    """Where in the keyring EE's secrets are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str = Field(
        default="ee",
        min_length=1,
        description="The service under which EE's secrets are kept; nothing else in the keyring is ever read.",
    )


def read_settings(section: Mapping[str, Any]) -> KeyringSettings:
    """Check a section of the configuration.

    Raises:
        ConfigError: It names the key, the value and what was expected.
    """
    return read_section(KeyringSettings, section, SECTION)


class KeyringSecrets:
    """Secrets in the keyring of the operating system."""

    def __init__(self, service: str) -> None:
        self._service = service

    async def find(self, name: str) -> str | None:
        try:
            value = await call_aside(lambda: _ask(self._service, name), name="keyring")
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            # only its kind, and not chained: what a backend says may hold the value
            raise SecretError(
                f"the keyring cannot be asked for {self._place(name)}: {type(error).__name__};"
                f" unlock it, or where a machine has none name the provider 'file' in secrets.providers"
            ) from None
        if value is not None and not isinstance(value, str):
            raise SecretError(f"the keyring holds no text as {self._place(name)}")
        return value

    def describe(self, name: str) -> str:
        return f"the keyring, {self._place(name)}"

    def _place(self, name: str) -> str:
        return f"{name!r} of the service {self._service!r}"


def _ask(service: str, name: str) -> object:
    import keyring  # noqa: PLC0415 - it looks for backends when it is imported, which takes time

    return keyring.get_password(service, name)
