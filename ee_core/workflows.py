"""Workflows as jobs need them: found, loaded, compiled once per content, and kept as long as a job does.

A command names a workflow or brings it along. What comes out of loading is the content; it is durable under its hash
before a job names it, and every later start of the engine compiles it from there, whatever has become of the file
(R25).
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from ee_core.definitions import Definition, check_inputs, compile_expressions, expand_node, load
from ee_core.definitions.diagnostics import did_you_mean
from ee_core.errors import ExpressionError, NotFoundError, PluginError
from ee_core.model.compiled import CompiledWorkflow, compile_workflow
from ee_core.model.workflow import from_content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ee_core.contracts.activity import ActivityType
    from ee_core.contracts.catalogue import Catalogue, CatalogueEntry
    from ee_core.contracts.expression import Language
    from ee_core.contracts.hooks import NodeDraft, WorkflowDraft
    from ee_core.contracts.journal import Journal
    from ee_core.messages.jobs import ExecuteJob
    from ee_core.model.expression import Program, Scope
    from ee_core.model.ids import WorkflowHash
    from ee_core.model.workflow import Node, Workflow

_log = logging.getLogger(__name__)
_SHOWN: Final = 20  # names in one error


class OpenLanguage(Protocol):
    """Opens an expression language by name."""

    def __call__(self, name: str) -> Language:
        """Raises `PluginError` when it is not installed or broken."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command asks for."""

    compiled: CompiledWorkflow
    inputs: dict[str, Any]  # checked, defaults filled in


class Workflows:
    """All workflows of an engine; compiled ones are shared by their jobs and never forgotten while it runs."""

    def __init__(
        self,
        journal: Journal,
        catalogue: Catalogue,
        *,
        activities: Callable[[], Mapping[str, ActivityType]],
        open_language: OpenLanguage,
        expand: Callable[[NodeDraft, WorkflowDraft], Sequence[Node] | None] = expand_node,
    ) -> None:
        self._journal = journal
        self._catalogue = catalogue
        self._activities = activities
        self._open_language = open_language
        self._expand = expand
        self._compiled: dict[WorkflowHash, CompiledWorkflow] = {}
        self._loaded: dict[tuple[bytes, bytes | None], Definition] = {}

    async def resolve(self, command: ExecuteJob) -> Wanted:
        """Find and load what a command asks for; its content is durable when this returns.

        Raises:
            NotFoundError: No workflow of that name.
            WorkflowError: It does not load; the text shows every fault.
            InputError: An input is missing, unknown or of the wrong type.
        """
        definition = await self._find(command)
        inputs = check_inputs(definition.workflow, command.inputs)
        if definition.hash not in self._compiled:
            await self._journal.put_content(definition.hash, definition.content)
        return Wanted(self._compile(definition.workflow, definition.hash), inputs)

    async def get(self, name: WorkflowHash) -> CompiledWorkflow:
        """Return a workflow by its hash, for a job that was accepted with it.

        Raises:
            NotFoundError: The journal does not have the content.
        """
        compiled = self._compiled.get(name)
        if compiled is None:
            compiled = self._compile(from_content(await self._journal.get_content(name)), name)
        return compiled

    def _compile(self, workflow: Workflow, name: WorkflowHash) -> CompiledWorkflow:
        compiled = self._compiled.get(name)
        if compiled is None:
            compiled = compile_workflow(workflow, name, self._compiler(workflow))
            self._compiled[name] = compiled
        return compiled

    def _compiler(self, workflow: Workflow) -> Callable[[str], Program]:
        # deferred: a workflow without expressions needs no language
        compiler: Callable[[str], Program] | None = None

        def compile_source(source: str) -> Program:
            nonlocal compiler
            if compiler is None:
                compiler = self._open_compiler(workflow)
            return compiler(source)

        return compile_source

    def _open_compiler(self, workflow: Workflow) -> Callable[[str], Program]:
        try:
            language = self._open_language(workflow.language)
        except PluginError as error:
            why = str(error)
            _log.error("expressions of %r cannot be evaluated: %s", workflow.name, why)
            return lambda source: _MissingProgram(source, why)
        return compile_expressions(workflow, language)

    async def _find(self, command: ExecuteJob) -> Definition:
        if isinstance(command.workflow, str):
            entry = await self._look_up(command.workflow)
            return self._load(entry.text, entry.place, entry.bindings)
        text = json.dumps(command.workflow).encode()
        bindings = json.dumps(command.bindings).encode() if command.bindings is not None else None
        return self._load(text, "the command's workflow", bindings)

    async def _look_up(self, wanted: str) -> CatalogueEntry:
        name, _, version = wanted.partition("@")
        entry = await self._catalogue.find(name, version)
        if entry is None:
            raise await self._explain(wanted, name)
        return entry

    async def _explain(self, wanted: str, name: str) -> NotFoundError:
        """Return the error about a workflow that is not in the catalogue: one of nearly that name may have been meant."""
        entries = [entry for entry in await self._catalogue.list() if not entry.fault]
        versions = [f"{name}@{entry.version}" for entry in entries if entry.name == name and entry.version]
        known = sorted(set(versions or [entry.name for entry in entries]))
        there = ", ".join(known[:_SHOWN]) if known else "none"
        cure = did_you_mean(wanted, known, "put its file there, or name a file that exists here")
        return NotFoundError(
            f"workflow {wanted!r} is not in the engine's catalogue, there are: {there}; {cure}"
        )

    def _load(self, text: bytes, place: str, bindings: bytes | None) -> Definition:
        key = (text, bindings)
        if key not in self._loaded:
            if len(self._loaded) > 1000:
                self._loaded.clear()
            self._loaded[key] = load(
                text,
                place=place,
                bindings=bindings,
                activities=self._activities(),
                language=self._open_language,
                expand=self._expand,
            )
        return self._loaded[key]


@dataclass(frozen=True, slots=True)
class _MissingProgram:
    """An expression whose language is not installed here: evaluating it opens an incident that says so (R23)."""

    source: str
    why: str
    references: tuple[str, ...] = ()

    def evaluate(self, scope: Scope) -> Any:
        del scope
        raise ExpressionError(self.why, source=self.source)
