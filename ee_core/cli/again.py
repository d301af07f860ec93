"""Commands to give next: with those flags of this command that the next one needs to reach the same engine.

What a variable or a file says holds for the next command by itself, and is not repeated.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import click

_ROOT: Final = (("config", "-C"), ("context", "--context"))
_SERVER: Final = (("broker", "--broker"), ("server", "--server"), ("namespace", "--namespace"))


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The flags of a command that others need too, as they were typed."""

    before: tuple[str, ...] = ()  # behind `eectl`
    behind: tuple[str, ...] = ()  # behind the command

    @classmethod
    def given(cls, context: click.Context | None) -> CommandLine:
        """Take the flags of a command's line; None: of none."""
        if context is None:
            return cls()
        return cls(tuple(_take(context.find_root(), _ROOT)), tuple(_take(context, _SERVER)))

    def to(self, words: str) -> str:
        """Return a command that may be copied.

        Args:
            words: The command without `eectl`, as a shell takes it.
        """
        before = "".join(f" {shlex.quote(word)}" for word in self.before)
        behind = "".join(f" {shlex.quote(word)}" for word in self.behind)
        return f"eectl{before} {words}{behind}"


def _take(context: click.Context, flags: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, flag in flags:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            yield from (flag, str(context.params[name]))
