"""The page of contracts: every numbered sentence, then the members."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import is_dataclass
from enum import Enum
from typing import TYPE_CHECKING

from source import code, field_notes, markdown, member_notes, own_classes, page, parse_docstring, table

if TYPE_CHECKING:
    from types import ModuleType

_CONTRACTS = {
    "activity": ("Activity type", "ee.activities", "ActivityConformance"),
    "broker": ("Broker", "ee.brokers", "BrokerConformance"),
    "lock": ("Bot-lock provider", "ee.locks", "LockConformance"),
    "journal": ("Journal", "ee.journals", "JournalConformance"),
    "catalogue": ("Catalogue", "ee.catalogues", ""),
    "expression": ("Expression language", "ee.expressions", "ExpressionConformance"),
    "secrets": ("Provider of secrets", "ee.secrets", "SecretsConformance"),
    "env": ("Env", "", ""),
}
_CLAUSE = re.compile(r"^\[([A-Z]\d+)\] (.*?)(?=^\[[A-Z]\d+\] |\n\n|\Z)", re.MULTILINE | re.DOTALL)
_ABOUT_TESTS = re.compile(
    r"\s*(?:The conformance kit \(|The kit(?:'s mutants)? |Each sentence marked ).*?(?:together|`[\w.-]+`)\."
)  # the page says it once for all


def make() -> str:
    """Return the page."""
    parts = [part for name in _CONTRACTS for part in _describe(name)]
    return page(
        "Contracts",
        "What a plugin promises, one contract for each kind. Every numbered sentence has a test of its number in the"
        " conformance kit `ee_core.testing` (`pip install 'ee-core[testing]'`); a plugin's author subclasses the class"
        " of the kit and overrides its fixture. What a vendor cannot do is said in the traits, which the engine and the"
        " kit both read.",
        *parts,
    )


def _describe(name: str) -> list[str]:
    module = importlib.import_module(f"ee_core.contracts.{name}")
    title, group, kit = _CONTRACTS[name]
    parts = [f"## {title}", _intro(module)]
    facts = [f"Module `{module.__name__}`"]
    if group:
        facts.append(f"entry points in the group `{group}`")
    if kit:
        facts.append(f"kit `ee_core.testing.{name}.{kit}`")
    parts += ["; ".join(facts) + ".", _clauses(module)]
    for kind in own_classes(module):
        parts += _describe_class(kind, module)
    return parts


def _intro(module: ModuleType) -> str:
    text = inspect.cleandoc(module.__doc__ or "").partition("\n\n[")[0]
    paragraphs = [_ABOUT_TESTS.sub("", " ".join(block.split())) for block in text.split("\n\n")]
    return markdown("\n\n".join(one for one in paragraphs if one))


def _clauses(module: ModuleType) -> str:
    texts = [module.__doc__ or "", *(kind.__doc__ or "" for kind in own_classes(module))]
    found = [clause for text in texts for clause in _CLAUSE.findall(inspect.cleandoc(text))]
    return "\n".join(f"- **{number}** {markdown(' '.join(text.split()))}" for number, text in found)


def _describe_class(kind: type, module: ModuleType) -> list[str]:
    if is_dataclass(kind):
        rows = [
            (code(one.name), code(one.type), code(one.default), markdown(one.note))
            for one in field_notes(kind)
        ]
        text = markdown(parse_docstring(kind.__doc__).summary)
        return [f"### {kind.__name__}", text, table(("field", "type", "default", "meaning"), rows)]
    if issubclass(kind, Enum):
        rows = [(code(value), note) for value, note in member_notes(kind)]
        text = markdown(parse_docstring(kind.__doc__).summary)
        return [f"### {kind.__name__}", text, table(("value", "meaning"), rows)]
    return [
        f"### {kind.__name__}",
        f"::: {module.__name__}.{kind.__name__}\n    options:\n      show_root_heading: false\n      show_root_toc_entry: false\n      heading_level: 4",
    ]
