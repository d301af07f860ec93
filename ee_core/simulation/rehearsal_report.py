"""What a rehearsal found, for people and programs: the same finding of many places told once, with one of them to see."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ee_core.simulation.rehearsal import Category
from ee_core.simulation.rehearsal_ending import may_repeat
from ee_core.simulation.rehearsal_places import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ee_core.model.workflow import Activity, Node, Workflow
    from ee_core.simulation.rehearsal import Base, Verdict

# What goes wrong, in a sentence; kinds of one beginning are said together.
_CAUSES: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.CRASH_BEFORE_WRITE: ("the engine dies", "before it writes"),
    Kind.CRASH_AFTER_WRITE: ("the engine dies", "after it has written"),
    Kind.ANSWER_LOST: ("the journal's answer", "is lost"),
    Kind.DIES_BEFORE: ("{who} dies", "before it begins"),
    Kind.DIES_DURING: ("{who} dies", "while it works"),
    Kind.DIES_AFTER: ("{who} dies", "after the effect"),
    Kind.SLOW: ("it takes", "very long"),
    Kind.MESSAGE_LOST: ("a message", "is lost"),
    Kind.MESSAGE_DOUBLED: ("a message", "comes twice"),
    Kind.MESSAGE_LATE: ("a message", "comes late"),
}
_SILENCES: Final = frozenset({"accept", "heartbeat", "run", "bot_dead"})  # after which a ledger may be asked
_HEADS: Final[Mapping[Category, str]] = {
    Category.VIOLATES: "the engine broke a promise: please report it, with the file",
    Category.DIFFERS: "another outcome",
    Category.ASKS: "a person is asked, as the rules want it",
    Category.REPEATED: "done more than once, as it may be",
}
BAD: Final = (Category.VIOLATES, Category.DIFFERS)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the runs of some places have in common."""

    category: Category
    text: str
    places: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    cure: str = ""

    def to_json(self, command: str) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "category": self.category.value,
            "text": self.text.splitlines(),
            "nodes": list(self.nodes),
            "cure": self.cure,
            "places": list(self.places),
            "reproduce": f"{command} --only {self.places[0]}",
        }


def gather(verdicts: Iterable[Verdict], workflow: Workflow) -> list[Finding]:
    """Put together what is the same finding; the worst first, and of those the one of most places."""
    groups: dict[tuple[Category, tuple[str, ...], tuple[str, ...]], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.category is not Category.SAME:
            texts = verdict.texts if verdict.category in BAD else ()
            groups.setdefault((verdict.category, verdict.nodes, texts), []).append(verdict)
    nodes = {str(node.id): node for node in workflow.nodes}
    alike: dict[tuple[Category, str, str], list[Finding]] = {}
    for group in groups.values():
        found = _finding(group, nodes)
        alike.setdefault((found.category, found.text, found.cure), []).append(found)
    order = list(_HEADS)
    return sorted(
        map(_merge, alike.values()), key=lambda one: (order.index(one.category), -len(one.places), one.text)
    )


def _finding(group: Sequence[Verdict], nodes: Mapping[str, Node]) -> Finding:
    first = group[0]
    works = [work for name in first.nodes if (work := nodes[name].activity) is not None]
    causes = _causes(group, works)
    if first.category is Category.ASKS:
        text = f"when {causes}, nobody knows what the attempt did"
        cure = _cure(works, {why for one in group for why in one.texts})
    elif first.category is Category.REPEATED:
        text, cure = f"when {causes}", _reason(works)
    else:
        text, cure = "\n".join(first.texts), f"when {causes}"
    names = tuple(nodes[name].name or name for name in first.nodes)
    return Finding(first.category, text, tuple(one.place.name for one in group), names, cure)


def _merge(alike: Sequence[Finding]) -> Finding:
    names = dict.fromkeys(name for one in alike for name in one.nodes)
    places = sorted((place for one in alike for place in one.places), key=_natural)
    return replace(alike[0], nodes=tuple(sorted(names)), places=tuple(places))


def _natural(name: str) -> tuple[int, str, int]:
    """Order places as they are found: by what goes wrong, then by where."""
    kind, _, where = name.partition(":")
    channel, _, number = where.rpartition(":")
    return (list(Kind).index(Kind(kind)), channel or where, int(number) if number.isdigit() else 0)


def _causes(group: Sequence[Verdict], works: Sequence[Activity]) -> str:
    who = "its engine" if works and all(work.stateless for work in works) else "its bot"
    said: dict[str, list[str]] = {}
    for kind, (head, tail) in _CAUSES.items():
        if any(one.place.kind is kind for one in group):
            said.setdefault(head.format(who=who), []).append(tail)
    return _either([f"{head} {_either(tails)}" for head, tails in said.items()])


def _either(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def _cure(works: Sequence[Activity], whys: set[str]) -> str:
    if all(work.idempotent for work in works):
        return "be ready to answer; without on_lost: incident it would be done again, which does no harm"
    ask = "; on_lost: ask asks the bot's memory first" if whys & _SILENCES else ""
    return f"not idempotent: be ready to answer, or write on_lost: retry if twice does no harm{ask}"


def _reason(works: Sequence[Activity]) -> str:
    assert all(may_repeat(work) for work in works), "only such work is done again"
    why = "its type is idempotent" if all(work.idempotent for work in works) else "on_lost: retry says so"
    return f"allowed: {why}"


def tell_one(verdict: Verdict, workflow: Workflow) -> str:
    """Say in a few words what one run is."""
    if verdict.category is Category.SAME:
        return "the outcome is the same"
    [one] = gather([verdict], workflow)
    names = "".join(f" `{name}`" for name in one.nodes)
    return f"{_HEADS[verdict.category]}{':' if names or one.category in BAD else ''}{names}" + (
        f" {'; '.join(one.text.splitlines())}" if one.category in BAD else ""
    )


def summary(base: Base, done: int, findings: Sequence[Finding]) -> str:
    """Say in one line what came of it."""
    count = _places(len(base.places))
    count = count if done == len(base.places) else f"{done} of {count}"
    bad = sum(len(one.places) for one in findings if one.category in BAD)
    if not bad:
        return f"{count}, one outcome: {base.ending.said}"
    return f"{count}; undisturbed: {base.ending.said}; {bad} of them otherwise"


def tell(findings: Sequence[Finding], command: str) -> Iterator[str]:
    """Yield the findings as lines for people."""
    for category, head in _HEADS.items():
        ours = [one for one in findings if one.category is category]
        if not ours:
            continue
        yield ""
        yield f"{head}:"
        for one in ours:
            yield from _lines(one, command)


def _lines(finding: Finding, command: str) -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in finding.nodes)
    first, *others = (f"{names}: {finding.text}" if names else finding.text).splitlines()
    yield f"  - {first}"
    yield from (f"    {line}" for line in (*others, finding.cure))
    yield f"    {_places(len(finding.places))}: {command} --only {finding.places[0]}"


def _places(count: int) -> str:
    return f"{count} place{'' if count == 1 else 's'}"


def count_kinds(names: Iterable[Kind]) -> dict[str, int]:
    """Count places by what goes wrong there, in order."""
    counts = Counter(names)
    return {kind.value: counts[kind] for kind in Kind if counts[kind]}
