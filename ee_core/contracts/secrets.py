"""What a provider of secrets promises: values by name, looked up where and when an attempt needs them.

A workflow may name any secret, and whoever may start a workflow can send its value anywhere. So a provider has
nothing to give but what was put there for EE to use.

[K1] `find` returns the value that was put under the name, every character of it.
[K2] A name under which nothing was put is None, whatever it looks like.
[K3] What is kept in the same place and was not put there for EE is never found, under any name.
[K4] `find` looks anew each time: a value that was changed is found changed, one that was taken away is None.
[K5] When the place cannot be asked, or holds what is no text, `find` raises `SecretError`, which names the place.
[K6] No value is in an error's text, in a log line or in the provider's own `repr`.
[K7] `describe` says where a name is looked for, as a person would find it, and asks nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence


@runtime_checkable
class SecretProvider(Protocol):
    """One place with secrets; used by many attempts at once, and never closed."""

    async def find(self, name: str) -> str | None:
        """Look a secret up; cancelled when it takes longer than the setting ``secrets.timeout_s``.

        It must not block the loop: what cannot be awaited belongs into a thread, as `ee_core.contracts.aside` has one.

        Args:
            name: 1-128 characters: a letter of ASCII or ``_``, then such letters, digits and ``_ . -``.

        Raises:
            SecretError: It cannot be had now, or never; the text names the place and the cure, and no value.
        """

    def describe(self, name: str) -> str:
        """Say where a secret is looked for, as ``the variable EE_SECRET_KEY``."""


@runtime_checkable
class NamesSecrets(Protocol):
    """What a provider may have beside: `eectl secret check` then knows which name was meant by a misspelt one."""

    async def list_names(self) -> Sequence[str]:
        """List the names under which something was put, in any order; no value.

        Raises:
            SecretError: The place cannot be asked.
        """
