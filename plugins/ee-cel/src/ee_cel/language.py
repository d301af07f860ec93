"""CEL as an expression language of EE: sources in, programs or faults out.

All names are declared with their dots (``nodes.read.output``), never as maps, so that a misspelt node is a fault
when the workflow is loaded. Two things are done on top of the engine:

* ``has(nodes.read.error)``, of a declared name alone, asks whether the name has a value. The engine would give
  the name's value; so it is compiled as ``has.nodes.read.error ``, a variable of as many characters.
* In an open scope each bare word of the source is declared as well, since the context's keys are not known.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cel_expr_python import cel

from ee_cel.faults import explain
from ee_cel.program import PRESENCE, CelProgram
from ee_cel.source import Chain, find_chains, locate, split_words
from ee_cel.tree import read_tree
from ee_core.contracts.expression import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ee_cel.tree import Tree
    from ee_core.contracts.expression import Names

MAX_SOURCE_BYTES: Final = 4 * 1024
MAX_GROWTH: Final = 1_000
_KEPT_ENVIRONMENTS: Final = 64  # one takes 0.1 ms to make

_TYPES = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "list": cel.Type.LIST,
    "map": cel.Type.MAP,
    "dyn": cel.Type.DYN,
}
# Their names are taken in CEL: a context key of that name is read as `context["type"]`.
RESERVED = frozenset(
    {
        "bool",
        "bytes",
        "double",
        "dyn",
        "false",
        "in",
        "int",
        "list",
        "map",
        "null",
        "null_type",
        "string",
        "true",
    }
    | {"type", "uint"}
)


class CelLanguage:
    """A `Language`; keeps the environments it has made, which say nothing but which names there are."""

    def __init__(self) -> None:
        self._environments: OrderedDict[frozenset[tuple[str, str]], cel.Env] = OrderedDict()

    @property
    def name(self) -> str:
        """What workflow files call it."""
        return "cel"

    def compile(self, source: str, names: Names, *, want_bool: bool = False) -> CelProgram | Fault:
        """Compile one expression, as `ee_core.contracts.expression.Language` says."""
        if fault := _check_text(source):
            return fault
        chains = find_chains(split_words(source))
        declared = _find_declared(chains, names)
        asked = [chain for chain in chains if chain.asked and chain.name in declared]
        declared |= {PRESENCE + chain.name: "bool" for chain in asked}
        try:
            expression = self._environment(declared).compile(_mark_asked(source, asked))
        except RuntimeError as error:
            return explain(str(error), source, names)
        tree = read_tree(expression.serialize())
        if fault := _check_compiled(source, expression, tree, want_bool=want_bool):
            return fault
        return CelProgram(
            source=source,
            references=tuple(
                sorted(tree.names & (declared.keys() - {PRESENCE + chain.name for chain in asked}))
            ),
            expression=expression,
            tree=tree,
            asked=tuple({chain.name: None for chain in asked}),
            want_bool=want_bool,
        )

    def _environment(self, declared: Mapping[str, str]) -> cel.Env:
        key = frozenset(declared.items())
        found = self._environments.get(key)
        if found is None:
            found = cel.NewEnv(variables={name: _TYPES[kind] for name, kind in declared.items()})
            self._environments[key] = found
            if len(self._environments) > _KEPT_ENVIRONMENTS:
                self._environments.popitem(last=False)
        self._environments.move_to_end(key)
        return found


def _check_text(source: str) -> Fault | None:
    size = len(source.encode("utf-8", "surrogatepass"))
    if size > MAX_SOURCE_BYTES:
        return Fault(f"the expression has {size} bytes, the limit is {MAX_SOURCE_BYTES}", column=1)
    # The engine's own text about the first ends there, and it cannot take the second.
    if bad := re.search("[\0\ud800-\udfff]", source):
        line, column = locate(source, bad.start())
        return Fault(
            f"the expression holds the character {bad.group()!r}; remove it", column=column, line=line
        )
    return None


def _check_compiled(source: str, expression: cel.Expression, tree: Tree, *, want_bool: bool) -> Fault | None:
    kind = expression.return_type()
    if want_bool and kind not in (cel.Type.BOOL, cel.Type.DYN):
        length = max(1, len(source.split("\n", 1)[0]))
        return Fault(
            f"a condition must be true or false, this is {kind.name().lower()}", column=1, length=length
        )
    if tree.growth > MAX_GROWTH:
        repeated = f"its loops could repeat a value {tree.growth} times, the limit is {MAX_GROWTH}"
        return Fault(f"{repeated}; do it in an activity", column=1)
    return None


def _find_declared(chains: Iterable[Chain], names: Names) -> dict[str, str]:
    """Return the declared names that a source may mean: a workflow has thousands, and a source reads few."""
    chains = tuple(chains)
    declared = dict.fromkeys(_bare_words(chains), "dyn") if names.open else {}
    for chain in chains:
        for name in chain.prefixes():
            if name in names.types:
                declared[name] = names.types[name]
    return declared


def _bare_words(chains: Iterable[Chain]) -> set[str]:
    """Return the words that may be context keys; a loop's own variable among them does no harm."""
    roots = {chain.words[0].text for chain in chains if len(chain.words) > 1 or not chain.called}
    return roots - RESERVED


def _mark_asked(source: str, asked: Iterable[Chain]) -> str:
    """Rewrite ``has(a.b)`` as ``has.a.b `` without moving a character."""
    characters = list(source)
    for chain in asked:
        characters[source.rindex("(", 0, chain.words[0].start)] = "."
        last = chain.words[-1]
        characters[source.index(")", last.start + len(last.text))] = " "
    return "".join(characters)
