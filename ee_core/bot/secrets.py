"""Puts the values of secrets in the place of references, right before an attempt's code gets its input.

References are where the engine says so, by the definition's own text, and nowhere else. A value lives in the process that
does the work and in the code that it is handed to; what comes back is redacted (`ee_core.bot.redaction`), and so are log
lines from then on. A reference is never passed on as if it were the value: without the value the attempt fails.

======================  ==================================================================  ===================
code                    meaning                                                             tried again
======================  ==================================================================  ===================
``secret_missing``      no provider has it, or none is set up                               no
``secret_not_allowed``  the setting ``secrets.allow`` does not name it                      no
``secret_unusable``     it is empty, too short or too long for what comes back to be redacted no
``secret_unavailable``  a provider raised or took too long; the ones behind it are not      as the node's
                        asked, for they may hold another value                              ``retry`` says
``bad_reference``       a path of the request leads to no reference                         no
======================  ==================================================================  ===================
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from ee_core.bot.log_guard import guard_logs
from ee_core.bot.redaction import LONG_ENOUGH, MAX_LENGTH, MIN_LENGTH, Memory, Redactor
from ee_core.errors import PermanentActivityError, SecretError, TransientActivityError
from ee_core.model.references import find_part, name_of, replace_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ee_core.config import Settings
    from ee_core.contracts.secrets import SecretProvider
    from ee_core.model.references import Path
    from ee_core.registry import Registry

_LOG: Final = logging.getLogger(__name__)
TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Resolved:
    """An input with values, and what keeps them in; shown to nobody."""

    value: Any
    redactor: Redactor | None  # None: it holds no value of a secret
    given: Sequence[tuple[str, str]] = ()  # names and values

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


@dataclass(frozen=True, slots=True)
class Found:
    """A secret, and who had it."""

    value: str
    provider: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(provider={self.provider!r}, ...)"


class Resolver(Protocol):
    """Puts values in the place of references."""

    @property
    def redactor(self) -> Redactor | None:
        """What keeps in the values that were given out before; None: nobody keeps any."""

    async def resolve(self, value: Any, references: Sequence[Path]) -> Resolved:
        """Return an input with values at the paths of its references.

        Raises:
            ActivityError: Not all can be had; the attempt fails with this.
        """


class Secrets:
    """The providers of a process, asked in order.

    Attributes:
        redactor: None; who gives values to code that may keep them uses `remembering`.

    Args:
        providers: By name.
        allow: Patterns of names as `fnmatch` reads them; what none of them fits is not looked up.
        timeout_s: How long a provider may take for one name.
    """

    def __init__(
        self,
        providers: Mapping[str, SecretProvider] | None = None,
        *,
        allow: Sequence[str] = ("*",),
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.redactor: Redactor | None = None
        self._providers = dict(providers or {})
        self._allow = tuple(allow)
        self._timeout_s = timeout_s

    async def resolve(self, value: Any, references: Sequence[Path]) -> Resolved:
        names = {path: _read_name(value, path) for path in references}
        found = {name: await self.find(name) for name in dict.fromkeys(names.values())}
        values = [(name, each.value) for name, each in found.items()]
        guard_logs(values)
        parts = {path: found[name].value for path, name in names.items()}
        return Resolved(replace_parts(value, parts), Redactor(values), values)

    async def find(self, name: str) -> Found:
        """Look one secret up.

        Raises:
            ActivityError: It cannot be had; the text says where it was looked for and what to do, and no value.
        """
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in self._allow):
            raise PermanentActivityError(
                f"secret {name!r} is not given away by this process, an engine or a bot; whoever runs it may allow it:"
                f' allow = ["{name}"] under [secrets] in its ee.toml (beside the names there), then start it again',
                code="secret_not_allowed",
            )
        for provider in self._providers:
            value = await self._ask(provider, name)
            if value is not None:
                _check(name, value, provider)
                return Found(value, provider)
        raise PermanentActivityError(
            f"secret {name!r} is not there; {self._cure(name)}", code="secret_missing"
        )

    def describe(self, name: str, provider: str = "") -> str:
        """Say where a secret is looked for, in order, or where one provider looks; empty without providers."""
        if provider:
            return self._providers[provider].describe(name)
        return ", ".join(f"{each.describe(name)} ({by})" for by, each in self._providers.items())

    def _cure(self, name: str) -> str:
        if not self._providers:
            return "this process has no provider of secrets: name some in the setting secrets.providers"
        return f"looked for: {self.describe(name)}; put it there on the machine that does this work"

    async def _ask(self, provider: str, name: str) -> str | None:
        # not `asyncio.timeout`, which waits for who does not let itself be cancelled
        asking = asyncio.create_task(_find(self._providers[provider], name), name=f"secret {name}")
        asking.add_done_callback(_forget)
        try:
            await asyncio.wait({asking}, timeout=self._timeout_s)
        finally:
            asking.cancel()
        if not asking.done():
            raise _unavailable(name, provider, f"it did not answer in {self._timeout_s:g} s")
        if asking.cancelled():
            raise _unavailable(name, provider, "it cancelled itself")
        error = asking.exception()
        if isinstance(error, SecretError):
            raise _unavailable(name, provider, str(error))
        if error is not None:  # whose text may hold anything, also the value
            raise _unavailable(name, provider, f"it raised {type(error).__name__}")
        return asking.result()


def open_secrets(registry: Registry, settings: Settings) -> Secrets:
    """Make the providers that the settings name; nobody is asked yet. Raises as `Registry.open_secrets`."""
    own = settings.secrets
    providers = {name: registry.open_secrets(name) for name in own.providers}
    return Secrets(providers, allow=own.allow, timeout_s=own.timeout_s)


class Remembering:
    """Knows what a bot's code was given: it may keep a value, and say it in a later attempt that refers to none."""

    def __init__(self, secrets: Resolver) -> None:
        self._secrets = secrets
        self._memory = Memory(least=LONG_ENOUGH)

    @property
    def redactor(self) -> Redactor | None:
        return self._memory.redactor

    async def resolve(self, value: Any, references: Sequence[Path]) -> Resolved:
        resolved = await self._secrets.resolve(value, references)
        self._memory.add(resolved.given)
        return resolved


def remembering(secrets: Resolver | None) -> Resolver:
    """Return what remembers the values that it gives out; without providers it gives none."""
    return secrets if isinstance(secrets, Remembering) else Remembering(secrets or Secrets())


class AsWritten:
    """Leaves references as they are: for rehearsals and tests of workflows, where nothing is really done."""

    redactor: Redactor | None = None

    async def resolve(self, value: Any, references: Sequence[Path]) -> Resolved:
        return Resolved(value, None)


async def _find(provider: SecretProvider, name: str) -> str | None:
    # called in the task: what a `find` that is no coroutine does ends there, where its text is not repeated
    try:
        return await provider.find(name)
    except SystemExit as error:  # it would end the process
        raise RuntimeError("a provider wanted to end the process") from error


def _read_name(value: Any, path: Path) -> str:
    name = name_of(find_part(value, path))
    if name is None:
        place = ".".join(map(str, path)) or "the input"
        raise PermanentActivityError(
            f"{place} should refer to a secret, as secret:NAME, and does not: the request is not of an engine",
            code="bad_reference",
        )
    return name


def _check(name: str, value: object, provider: str) -> None:
    if not isinstance(value, str):
        raise _unavailable(name, provider, f"it answered {type(value).__name__}, which is no text")
    length = len(value.strip())
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise PermanentActivityError(
            f"secret {name!r} from {provider!r} {f'has {length} characters' if length else 'is empty'}; it may have"
            f" {MIN_LENGTH} to {MAX_LENGTH}, white space around it apart, for what comes back is searched for it",
            code="secret_unusable",
        )


def _unavailable(name: str, provider: str, why: str) -> TransientActivityError:
    _LOG.warning(
        "secret %r cannot be had from the provider %r: %s",
        name,
        provider,
        why,
        extra={"action": "secret_unavailable", "provider": provider},
    )
    return TransientActivityError(
        f"secret {name!r} cannot be had from the provider {provider!r}: {why}", code="secret_unavailable"
    )


def _forget(asking: asyncio.Task[str | None]) -> None:
    """Look at how a question ended that nobody waits for any more."""
    if not asking.cancelled():
        asking.exception()
