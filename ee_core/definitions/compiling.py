"""Programs for a workflow whose content is all there is: what an engine needs after a restart (R25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.contracts.expression import Fault
from ee_core.definitions.names import names_of
from ee_core.errors import WorkflowError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.contracts.expression import Language
    from ee_core.model.expression import Program
    from ee_core.model.workflow import Workflow


def compile_expressions(workflow: Workflow, language: Language) -> Callable[[str], Program]:
    """Return a function that compiles an expression of the workflow, each different source once.

    The function raises `WorkflowError` for a source that does not compile: content that was accepted did, so the
    language has changed since.
    """
    names = names_of(workflow)
    programs: dict[str, Program] = {}

    def compile_source(source: str) -> Program:
        found = programs.get(source)
        if found is None:
            compiled = language.compile(source, names)
            if isinstance(compiled, Fault):
                raise WorkflowError(
                    f"expression {source!r} of workflow {workflow.name!r} does not compile: {compiled.message} "
                    f"(column {compiled.column}); it did when the workflow was accepted, so install the version "
                    f"of {language.name!r} that was used then"
                )
            found = programs[source] = compiled
        return found

    return compile_source
