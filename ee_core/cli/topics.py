"""What `eectl explain` can explain, and how each is found: codes, states, words, activity types, keys of workflow files."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ee_core import errors
from ee_core.cli.exits import MEANINGS, Exit, exit_of
from ee_core.cli.explanations import diagnose, explanations, sentences, states, words
from ee_core.cli.schema_rows import default_of, follow, list_all_rows, list_rows, takes, wants_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ee_core.cli.explanations import Explanation
    from ee_core.contracts.activity import ActivityType

FAILURE: Final = "failure"
_CAPITALS: Final = re.compile(r"([A-Z]+)")
_STANDS_FOR: Final = {"NUMBER": r"\d+", "STATUS": r"\d{3}", "NAME": "[a-z0-9_]+"}
_KINDS: Final = {"outcome": "outcome of a job", "attempt": "state of an attempt"}  # others: state of a ...
_ACTIVITY: Final = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing that is explained."""

    name: str
    kind: str  # what it is, in a word or two
    tell: Callable[[], str]  # its paragraphs; an example is carried out when they are wanted
    fields: tuple[dict[str, str], ...] = ()  # of an activity type or a key: what stands below it

    def to_record(self) -> dict[str, Any]:
        """Return it as data."""
        return {"name": self.name, "kind": self.kind, "text": self.tell(), "fields": list(self.fields)}


def find_topics(word: str, activities: Mapping[str, ActivityType]) -> list[Topic]:
    """Return what a word may mean, the likeliest first; empty when it means nothing."""
    topics = list(list_topics(activities))
    found = [topic for topic in topics if word.lower() in _names(topic)]
    return found or [topic for topic in topics if topic.kind == FAILURE and _fits(word, topic.name)]


def is_unknown_activity(word: str, activities: Mapping[str, ActivityType]) -> bool:
    """Say whether a word that means nothing looks like an activity type of somebody's bot, as ``files.seal``."""
    head, dot, rest = word.partition(".")
    keys = {topic.name.partition(".")[0] for topic in _keys(activities)}
    return bool(dot and _ACTIVITY.fullmatch(head) and _ACTIVITY.fullmatch(rest)) and head not in keys


def list_topics(activities: Mapping[str, ActivityType]) -> Iterator[Topic]:
    """Yield everything that can be explained."""
    yield from _activities(activities)
    yield from _keys(activities)
    yield from _incidents()
    yield from _states()
    yield from _errors()
    yield from _failures()
    yield from _diagnostics()
    for word, meaning in words().items():
        if word not in states()["visit"]:  # Lost, of which that tells more
            yield Topic(word, "word", partial(str, meaning))
    for code in Exit:
        yield Topic(str(int(code)), "exit code", partial(_capitalize, MEANINGS[code]))


def _fits(word: str, name: str) -> bool:
    """Say whether a code is one of those that a name with a word in capitals stands for, as ``http_503``."""
    parts = _CAPITALS.split(name)
    return len(parts) == 3 and bool(
        re.fullmatch(f"{parts[0]}{_STANDS_FOR[parts[1]]}{parts[2]}", word.lower())
    )


def _names(topic: Topic) -> set[str]:
    names = {topic.name.lower()}
    if topic.kind == "key":
        names.add(topic.name.rpartition(".")[2])
    return names


def _body(meaning: str, known: Explanation) -> str:
    parts = [meaning, known.why]
    if known.wrong:
        parts += [known.wrong.rstrip("\n"), "is answered with", diagnose(known.wrong)]
    return "\n\n".join([*parts, f"What to do: {known.mend}"])


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _capitalize(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _diagnostics() -> Iterator[Topic]:
    known = explanations("diagnostics")
    for found in sentences().values():
        for one in found:
            meaning = f"{one.severity.capitalize()}: {one.meaning}."
            yield Topic(one.code, "diagnostic", partial(_body, meaning, known[one.code]))


def _errors() -> Iterator[Topic]:
    known = explanations("errors")
    told = set()
    for kind in vars(errors).values():
        if inspect.isclass(kind) and issubclass(kind, errors.EngineError) and kind.code not in told:
            told.add(kind.code)
            summary = (inspect.getdoc(kind) or "").partition("\n")[0]
            code = int(exit_of(kind.__new__(kind)))
            about = f"{summary} Exit code {code}."
            yield Topic(kind.code, "error", partial(_body, about, known[kind.code]))


def _failures() -> Iterator[Topic]:
    for name, known in explanations("failures").items():
        yield Topic(
            name,
            FAILURE,
            partial(_body, f"An attempt or a node fails with this code. It comes from {known.by}.", known),
        )


def _incidents() -> Iterator[Topic]:
    for name, known in explanations("incidents").items():
        yield Topic(name, "incident", partial(_body, "A job asks a person, and waits.", known))


def _states() -> Iterator[Topic]:
    for owner, named in states().items():
        kind = _KINDS.get(owner, f"state of a {owner}")
        for name, known in named.items():
            mend = f"What to do: {known.mend}" if known.mend else ""
            yield Topic(name, kind, partial(_join, known.why, mend))


def _activities(activities: Mapping[str, ActivityType]) -> Iterator[Topic]:
    for name, activity in activities.items():
        about = inspect.getdoc(type(activity)) or ""
        if activity.input_schema is None:
            yield Topic(name, "activity type", partial(_join, about, "It takes any input."))
            continue
        one = ", exactly one of" if wants_one(activity.input_schema) else ""
        try:
            rows = list_all_rows(activity.input_schema)
        except Exception as error:  # noqa: BLE001 - the schema is a plugin's; it must not cost more than its rows
            told = f"The schema of its input cannot be used: {error!r}. Tell the plugin's author."
            yield Topic(name, "activity type", partial(_join, about, told))
            continue
        yield Topic(name, "activity type", partial(_join, about, f"Its input, under `with:`{one}:"), rows)


def _keys(activities: Mapping[str, ActivityType]) -> Iterator[Topic]:
    """The keys of workflow files, with what their schema says of them."""
    from ee_core.definitions.schema import make_schema

    schema = make_schema(activities)
    yield from _walk(
        "", {name: value for name, value in schema["properties"].items() if name != "nodes"}, schema
    )
    yield from _walk("", schema["$defs"]["node"]["properties"], schema)


def _walk(above: str, properties: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Topic]:
    for name, given in properties.items():
        path = f"{above}.{name}" if above else name
        below = _below(given, schema)
        rows = list_rows({"properties": below}, schema)
        yield Topic(path, "key", partial(_describe, given, schema), rows)
        yield from _walk(path, below, schema)


def _below(given: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the keys of what a key holds: an object, a list of objects, or objects by name."""
    held = (given.get("items"), given.get("additionalProperties"), given)
    inner: Mapping[str, Any] = next(each for each in held if isinstance(each, dict))
    inner = follow(inner, schema)
    ways = (inner, *inner.get("anyOf", ()))
    found: Mapping[str, Any] = next((each["properties"] for each in ways if "properties" in each), {})
    return found


def _describe(given: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    parts = [str(given.get("description", ""))]
    taken, default = takes(given, schema), default_of(given)
    if taken:
        parts.append(f"Takes {taken}." + (f" Default: {default}." if default else ""))
    if "examples" in given:
        parts.append("For example " + ", ".join(map(str, given["examples"])) + ".")
    return _join(*parts)
