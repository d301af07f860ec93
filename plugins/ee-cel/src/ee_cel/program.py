"""A compiled CEL expression, and its errors in the words of whoever wrote it.

The engine reports most run-time errors as a value of type ERROR and some by raising; both become
`ExpressionError` here, at the column of the name they are about where that can be found.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cel_expr_python import cel

from ee_cel.bounds import MAX_STEPS, BoundsError, Reading, guard_loops
from ee_cel.members import describe_kind, find_key, find_null, find_select, list_keys
from ee_cel.source import Chain, find_chains, split_words
from ee_core.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_cel.tree import Tree
    from ee_core.model.expression import Scope

PRESENCE: Final = "has."  # `has(name)` is compiled as the variable `has.name`; see `ee_cel.language`

_ABSENT = re.compile(r'No value with name "(?P<name>[^"]+)" found')
_NO_KEY = re.compile(r'Key not found in map : "(?P<key>.*)"', re.DOTALL)
_NO_OBJECT: Final = "Applying SELECT to non-message type"
_NULL_INDEXED: Final = "Invalid container type: 'null_type'"
_NO_OVERLOAD = re.compile(r"No matching overloads found : (?P<name>\S+?)\((?P<types>.*)\)")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")


@dataclass(frozen=True, slots=True)
class CelProgram:
    """A `Program`: stateless, all it needs comes with the scope."""

    source: str
    references: tuple[str, ...]
    expression: cel.Expression
    tree: Tree
    asked: tuple[str, ...] = ()  # names whose presence is asked for
    want_bool: bool = False

    def evaluate(self, scope: Scope) -> Any:
        """Return the value, as `ee_core.model.expression.Program` says."""
        data = _read(scope, self.references)
        try:
            if self.tree.joins or self.tree.gathers:
                guard_loops(self.tree, data)
            data.update({PRESENCE + name: name in scope for name in self.asked})
            found = self.expression.eval(data=data)
            if found.type() == cel.Type.ERROR:
                raise self._explain(str(found.value()), data)
            value = Reading().read(found)
        except BoundsError as error:
            raise self._error(str(error)) from None
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            raise self._explain(str(error), data) from error
        if self.want_bool and not isinstance(value, bool):
            raise self._error(f"a condition must be true or false, this one gave {value!r:.80}")
        return value

    def _error(self, message: str, column: int = 0) -> ExpressionError:
        return ExpressionError(f"{message}, in {self.source!r:.100}", source=self.source, column=column)

    def _explain(self, text: str, data: Mapping[str, Any]) -> ExpressionError:
        """Turn the engine's words into ours."""
        chains = find_chains(split_words(self.source))
        if match := _ABSENT.search(text):
            name = match["name"].removeprefix(PRESENCE)
            chain = next((each for each in chains if _reads(each, name)), None)
            return self._error(f"{name!r} has no value here", chain.words[0].start + 1 if chain else 0)
        if match := _NO_KEY.search(text):
            return self._explain_key(match["key"], chains, data)
        if _NO_OBJECT in text:
            return self._explain_select(chains, data)
        if _NULL_INDEXED in text and (null := find_null(chains, data)):
            return self._error(f"{null!r} is null here")
        if match := _NO_OVERLOAD.search(text):
            name = match["name"].strip("_@")
            null = find_null(chains, data) if "null_type" in match["types"] else ""
            why = f": {null!r} is null here" if null else ""
            return self._error(f"{name!r} cannot take ({match['types']}){why}")
        if "Iteration budget exceeded" in text:
            return self._error(f"its loops take more than {MAX_STEPS} steps, which is the limit")
        if "construction from null" in text:
            return self._error("it reads a text that is no valid Unicode")
        return self._error(_STATUS.sub("", text))

    def _explain_key(self, key: str, chains: tuple[Chain, ...], data: Mapping[str, Any]) -> ExpressionError:
        member = find_key(chains, key, data)
        if member is None:
            return self._error(f"there is no key {key!r}")
        keys = list_keys(member.value)
        there = f" ({keys})" if keys else ""
        return self._error(f"{member.owner!r} has no key {key!r}{there}", member.word.start + 1)

    def _explain_select(self, chains: tuple[Chain, ...], data: Mapping[str, Any]) -> ExpressionError:
        member = find_select(chains, data)
        if member is None:
            return self._error("it reads a member of what is no object")
        what = f"{member.owner!r} is {describe_kind(member.value)} here"
        return self._error(f"{what}, and has no key {member.word.text!r}", member.word.start + 1)


def _read(scope: Scope, names: tuple[str, ...]) -> dict[str, Any]:
    data = {}
    for name in names:
        # Asked once, not `in` first: a scope may have to put a value together.
        with suppress(KeyError):
            data[name] = scope[name]
    return data


def _reads(chain: Chain, name: str) -> bool:
    return chain.name == name or chain.name.startswith(f"{name}.")
