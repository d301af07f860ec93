"""What is known of each code beside its sentence in the reference: why, an example, and what to do; states, and words.

The texts are in ``explained/``; the pages of the documentation are made from them, and tests carry the examples out.
"""

from __future__ import annotations

import importlib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.registry import Registry

_HEAD: Final = "ee: 1\nname: example\n"
_INPUTS: Final = "inputs: {fast: {type: boolean, default: true}, name: {type: string, default: you}}\n"
_WHOLE: Final = ("ee:", "{", "#")


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code, as people are told about it."""

    code: str
    why: str
    mend: str
    wrong: str = ""  # a whole workflow file that shows it; empty where none can
    by: str = ""  # of a failure: who gives this code


@cache
def explanations(kind: str) -> Mapping[str, Explanation]:
    """Return all of a kind by code.

    Args:
        kind: ``diagnostics``, ``errors``, ``failures`` or ``incidents``.
    """
    return {
        code: Explanation(
            code, entry["why"], entry["mend"], _to_file(entry.get("wrong", "")), entry.get("by", "")
        )
        for code, entry in _load(kind).items()
    }


@cache
def states() -> Mapping[str, Mapping[str, Explanation]]:
    """Return the states that people are shown: of what each is, then by name; what is to be done may be nothing."""
    return {
        owner: {name: Explanation(name, entry["why"], entry.get("mend", "")) for name, entry in named.items()}
        for owner, named in _load("states").items()
    }


@cache
def words() -> Mapping[str, str]:
    """Return what each word means that the page of concepts has."""
    return _load("words")


def _load(kind: str) -> dict[str, Any]:
    text = files("ee_core.cli").joinpath("explained", f"{kind}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _to_file(wrong: str) -> str:
    """Put nodes into a file, unless they are one."""
    if not wrong or wrong.startswith(_WHOLE):
        return wrong
    indented = "".join(f"  {line}\n" for line in wrong.splitlines())
    return f"{_HEAD}{_INPUTS if 'inputs.' in wrong else ''}start: a\nnodes:\n{indented}"


_SENTENCES: Final = {  # where each code of a diagnostic has its sentence: in a table of the module that reports it
    "The text": "ee_core.definitions.source",
    "The graph": "ee_core.model.soundness",
    "The native form": "ee_core.definitions.native",
    "The export form": "ee_core.definitions.export",
    "Bindings": "ee_core.definitions.bindings",
    "Expressions": "ee_core.definitions.expressions",
    "Outputs": "ee_core.definitions.outputs",
    "Brackets of other languages": "ee_core.definitions.unmarked",
    "Activity types": "ee_core.definitions.loading",
    "Given bots": "ee_core.definitions.selectors",
    "Activity inputs": "ee_core.definitions.activity_inputs",
    "Secrets": "ee_core.definitions.secret_references",
    "Tests of workflows": "ee_core.simulation.workflow_test.cases",
}
_ROW: Final = re.compile(r"^(EE-W\d{3})  (?:(error|warning) +)?(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A diagnostic's code in the reference."""

    code: str
    severity: str
    meaning: str


def sentences() -> dict[str, list[Sentence]]:
    """Return the codes of all diagnostics by the part of the work that reports them, in order."""
    return {title: _read(importlib.import_module(name).__doc__ or "") for title, name in _SENTENCES.items()}


def _read(text: str) -> list[Sentence]:
    found = []
    for code, severity, meaning in _ROW.findall(text):
        is_warning = severity == "warning" or meaning.endswith("(a warning)")
        said = meaning.removesuffix("(a warning)").strip()
        found.append(Sentence(code, "warning" if is_warning else "error", said))
    return found


@cache
def _registry() -> Registry:
    from ee_core.config import Settings
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    return Registry(Settings(), SystemEnv())


def diagnose(text: str) -> str:
    """Return what is said about a workflow file, with the plugins that are installed here and no settings."""
    from ee_core.definitions import expand_with, load, render
    from ee_core.errors import WorkflowError

    registry = _registry()
    try:
        found = load(
            text.encode(),
            place="example.ee.yaml",
            activities=registry.installed_activities(),
            language=registry.open_expressions,
            expand=expand_with(registry.hooks),
        ).diagnostics
    except WorkflowError as error:
        return str(error)
    return render(found)
