"""The provider of secrets ``keyring`` for EE: the keyring of the operating system.

This module is what the entry point names. It holds the hook alone: who only lists plugins need not load the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.secrets import SecretProvider

EE_API = 1


@hookimpl
def ee_open_secrets(settings: Mapping[str, Any]) -> SecretProvider:
    """Make the provider; the only setting is `service`."""
    from ee_keyring.provider import KeyringSecrets, read_settings  # noqa: PLC0415 - see above

    return KeyringSecrets(read_settings(settings).service)
