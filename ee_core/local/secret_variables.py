"""The provider of secrets ``env``: variables of this process's environment that begin with a prefix.

The prefix keeps what was put there for EE apart from all else that stands in an environment. ``.`` and ``-`` of a name
are written ``_``, since no shell takes them: the secret ``crm.token`` is the variable ``EE_SECRET_crm_token``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from ee_core.config import SECRET_PREFIX, find_variable, list_variables
from ee_core.contracts.settings import read_section
from ee_core.errors import SecretError
from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_SHELL_TAKES: Final = re.compile(r"[.-]")


class EnvSettings(BaseModel):
    """Which variables are secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: str = Field(
        default=SECRET_PREFIX,
        min_length=1,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="What the name of a variable begins with; the secret's name follows, `.` and `-` written `_`.",
    )


class VariableSecrets:
    """Secrets in variables."""

    def __init__(self, prefix: str = SECRET_PREFIX) -> None:
        self._prefix = prefix

    async def find(self, name: str) -> str | None:
        variable = self._variable(name)
        value = find_variable(variable)
        if value is not None and not _is_text(value):
            raise SecretError(f"the variable {variable} holds bytes that are no UTF-8")
        return value

    async def list_names(self) -> list[str]:
        return [variable.removeprefix(self._prefix) for variable in list_variables(self._prefix)]

    def describe(self, name: str) -> str:
        return f"the variable {self._variable(name)}"

    def _variable(self, name: str) -> str:
        return self._prefix + _NO_SHELL_TAKES.sub("_", name)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # how Python keeps other bytes
        return False
    return True


@hookimpl
def ee_open_secrets(settings: Mapping[str, Any]) -> VariableSecrets:
    """Make the provider; the only setting is `prefix`."""
    return VariableSecrets(read_section(EnvSettings, settings, "secrets.env").prefix)
