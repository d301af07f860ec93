"""What differs when the id of a job is given again with other content.

An engine holds commands against each other by their digests alone; which part is another one is found out here, and only
when somebody is to be told.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ee_core.errors import ConflictError, EngineError, InputError
from ee_core.messages.jobs import QueryJobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from ee_core.client import Client
    from ee_core.definitions import Definition
    from ee_core.messages.jobs import ExecuteJob

_SHOWN: Final = 60  # characters of a value
_HASH_SHOWN: Final = 12
_OTHER_WORDS: Final = "how it is asked for, as by a file or a name, and with an input or its default"


@dataclass(frozen=True, slots=True)
class Content:
    """What a command asks for, as far as it is known here."""

    workflow: str  # name
    inputs: Mapping[str, Any]
    owner: str
    labels: Mapping[str, str]
    priority: int
    version: str | None = None  # None: whichever the catalogue has
    hash: str | None = None  # None: likewise
    has_defaults: bool = False  # whether inputs that were not given are among them

    @classmethod
    def of(cls, command: ExecuteJob, definition: Definition | None) -> Content:
        """Take it from a command.

        Args:
            definition: Of the file that it brings along, as the engine loads it; None: it names one of the catalogue.
        """
        if definition is None:
            name, _, version = str(command.workflow).partition("@")
            found = cls(name, command.inputs, command.owner, command.labels, command.priority)
            return replace(found, version=version or None)
        from ee_core.definitions import check_inputs

        name, version = definition.workflow.name, definition.workflow.version
        found = cls(name, command.inputs, command.owner, command.labels, command.priority)
        found = replace(found, version=version, hash=definition.hash)
        with suppress(InputError):  # those of the job were right, so they differ as they were given
            found = replace(
                found, inputs=check_inputs(definition.workflow, command.inputs), has_defaults=True
            )
        return found

    def list_differences(self, there: Mapping[str, Any]) -> list[str]:
        """Name what is another thing in a job.

        Args:
            there: The job, as `jobs.query` shows it.
        """
        if there["workflow"] != self.workflow:  # then all the rest differs, too
            return [f"workflow {there['workflow']!r} there, {self.workflow!r} here"]
        found = [*self._compare_definitions(there)]
        if not there.get("pruned"):
            found += self._compare_inputs(there["inputs"])
        for name in ("owner", "labels", "priority"):
            if there[name] != getattr(self, name):
                found.append(f"{name} {_show(there[name])} there, {_show(getattr(self, name))} here")
        return found

    def _compare_definitions(self, there: Mapping[str, Any]) -> Iterator[str]:
        if self.version is not None and there["version"] != self.version:
            yield f"version {there['version']!r} of the workflow there, {self.version!r} here"
        elif self.hash is not None and there["hash"] != self.hash:
            hashes = f"{there['hash'][:_HASH_SHOWN]} there, {self.hash[:_HASH_SHOWN]} here"
            yield f"what is in workflow {self.workflow!r} (hash {hashes})"

    def _compare_inputs(self, there: Mapping[str, Any]) -> Iterator[str]:
        for name in dict.fromkeys((*there, *self.inputs)):
            if name not in self.inputs:
                if self.has_defaults:  # else it may be one
                    yield f"input {name!r} {_show(there[name])} there, none here"
            elif name not in there:
                yield f"input {name!r} none there, {_show(self.inputs[name])} here"
            elif there[name] != self.inputs[name]:
                yield f"input {name!r} {_show(there[name])} there, {_show(self.inputs[name])} here"


@asynccontextmanager
async def naming_differences(
    client: Client, command: ExecuteJob, definition: Definition | None
) -> AsyncIterator[None]:
    """Have the error that an id is taken say by what, and what to do."""
    try:
        yield
    except ConflictError as error:
        if command.id is None:
            raise
        try:
            there = await client.query(QueryJobs(what="job", job=command.id))
        except EngineError:
            raise error from None
        differences = Content.of(command, definition).list_differences(there)
        raise to_conflict(command.id, differences, "choose another --id for a new job") from error


def to_conflict(job: str, differences: list[str], cure: str) -> ConflictError:
    """Return the error that a job is there already with other content."""
    what = ", ".join(differences or [_OTHER_WORDS])
    return ConflictError(f"job {job!r} is there already, and not the same: {what}; {cure}")


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
