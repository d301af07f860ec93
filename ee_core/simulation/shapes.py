"""The workflows of a simulation: small ones, each with something of its own that may go wrong.

A shape writes a workflow in the native form. What its activities do is drawn from the chance that it is given: each
variant of a shape is always the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

Nodes = dict[str, dict[str, Any]]
Shape = Callable[[random.Random], Nodes]

VARIANTS: Final = 12  # few enough that a text is read once for many runs
_END: Final = {"end": "succeeded"}


def work(chance: random.Random, to: str, kind: str = "work", **keys: Any) -> dict[str, Any]:
    """Write an activity: short, sometimes long, sometimes one that fails, hangs, or stops late."""
    script: dict[str, Any] = {"seconds": chance.choice((0, 0, 0.1, 0.5, 1, 3, 8))}
    node: dict[str, Any] = {"activity": kind, "with": script, "next": to}
    draw = chance.random()
    if draw < 0.08:
        script["hang"] = True
        node["timeout"] = {"run": "6s", "accept": "4s"}
    elif draw < 0.16:
        script["stubborn"] = chance.choice((1, 7))
    elif draw < 0.24:
        node["timeout"] = {"heartbeat": "4s", "accept": "3s"}
    if chance.random() < 0.1:
        script["fail"] = 1
        node["retry"] = {"attempts": 3, "delay": chance.choice(("1s", "6s"))}
    if chance.random() < 0.25:
        has_bot = kind in {"work", "scan"}
        node["on_lost"] = chance.choice(("ask", "ask", "retry", "incident") if has_bot else ("incident",))
        if node["on_lost"] == "ask":
            node["timeout"] = node.get("timeout", {}) | {"accept": "3s", "heartbeat": "4s", "ask": "2s"}
    return node | keys


def chain(chance: random.Random) -> Nodes:
    """One after the other."""
    return {"a": work(chance, "b"), "b": work(chance, "c"), "c": work(chance, "end"), "end": _END}


def fork_reachable(chance: random.Random) -> Nodes:
    """Two branches, of which one may go another way."""
    return _fork(chance, "reachable", ("a", "b"))


def fork_all(chance: random.Random) -> Nodes:
    """Three branches, all waited for."""
    return _fork(chance, "all", ("a", "b", "c"))


def fork_first(chance: random.Random) -> Nodes:
    """Three branches, of which the first to come ends the others."""
    return _fork(chance, 1, ("a", "b", "c"))


def loop(chance: random.Random) -> Nodes:
    """A node three times over."""
    again = [{"when": "nodes.a.visits < 3", "next": "a"}, {"otherwise": True, "next": "end"}]
    return {"a": work(chance, "again"), "again": {"exclusive": again}, "end": _END}


def inclusive(chance: random.Random) -> Nodes:
    """Some branches of several."""
    ways = [
        {"when": "inputs.n > 0", "next": "a"},
        {"when": "inputs.n > 1", "next": "b"},
        {"otherwise": True, "next": "c"},
    ]
    nodes: Nodes = {"ways": {"inclusive": ways}}
    nodes |= {name: work(chance, "all") for name in "abc"}
    return nodes | {"all": {"join": "reachable", "next": "end"}, "end": _END}


def fail_and_go_on(chance: random.Random) -> Nodes:
    """A step that fails, and the job goes on."""
    first = work(chance, "b", fail_job=False)
    first["with"] |= {"fail": 9, "advice": "permanent"}
    return {"a": first, "b": work(chance, "end"), "end": _END}


def on_error(chance: random.Random) -> Nodes:
    """A step that fails beside another, and a way for that."""
    first = work(chance, "join", on_error="mend")
    first["with"] |= {"fail": 9}
    nodes = {"fork": {"parallel": ["a", "b"]}, "a": first, "b": work(chance, "join")}
    return nodes | {"mend": work(chance, "join"), "join": {"join": "all", "next": "end"}, "end": _END}


def fail_job(chance: random.Random) -> Nodes:
    """A step that fails while another runs: the job fails at once."""
    first = work(chance, "join")
    first["with"] |= {"fail": 9, "advice": chance.choice(("", "lost"))}
    nodes = {"fork": {"parallel": ["a", "b"]}, "a": first, "b": work(chance, "join")}
    return nodes | {"join": {"join": "all", "next": "end"}, "end": _END}


def retry(chance: random.Random) -> Nodes:
    """A step that fails twice."""
    first = work(chance, "end", retry={"attempts": 3, "delay": "1s"})
    first["with"] |= {"fail": chance.choice((1, 2))}
    return {"a": first, "end": _END}


def finish(chance: random.Random) -> Nodes:
    """An end that comes while another branch still works."""
    return {
        "fork": {"parallel": ["a", "b"]},
        "a": work(chance, "end"),
        "b": work(chance, "b2"),
        "b2": work(chance, "end"),
        "end": _END,
    }


def any_worker(chance: random.Random) -> Nodes:
    """Stateless work that any worker may do, more than once."""
    names = ("a", "b")
    nodes: Nodes = {"fork": {"parallel": list(names)}}
    nodes |= {name: work(chance, "join", "fetch") for name in names}
    return nodes | {"join": {"join": "all", "next": "end"}, "end": _END}


def in_house(chance: random.Random) -> Nodes:
    """Stateless work that the engine's own process does, once."""
    return {
        "a": work(chance, "b", "post"),
        "b": work(chance, "c"),
        "c": work(chance, "end", "post"),
        "end": _END,
    }


def same_bot(chance: random.Random) -> Nodes:
    """Steps for one and the same bot."""
    same = {"same_as": "a"}
    return {
        "a": work(chance, "b"),
        "b": work(chance, "c", bot=same),
        "c": work(chance, "end", "scan", bot=same),
        "end": _END,
    }


def repeatable(chance: random.Random) -> Nodes:
    """Work for a bot that may be done again."""
    return {"a": work(chance, "b", "scan"), "b": work(chance, "end", "scan"), "end": _END}


def nested_joins(chance: random.Random) -> Nodes:
    """A join that fires at its first token, and drops those that wait in another one."""
    nodes: Nodes = {"fork": {"parallel": ["a", "b", "c"]}}
    nodes |= {"a": work(chance, "both"), "b": work(chance, "both"), "c": work(chance, "first")}
    nodes |= {"both": {"join": "all", "next": "first"}, "first": {"join": 1, "next": "last"}}
    return nodes | {"last": work(chance, "end"), "end": _END}


def _fork(chance: random.Random, join: Any, names: tuple[str, ...]) -> Nodes:
    nodes: Nodes = {"fork": {"parallel": list(names)}}
    nodes |= {name: work(chance, "join") for name in names}
    return nodes | {"join": {"join": join, "next": "last"}, "last": work(chance, "end"), "end": _END}


SHAPES: Final[Mapping[str, Shape]] = {
    shape.__name__: shape
    for shape in (
        chain,
        fork_reachable,
        fork_all,
        fork_first,
        loop,
        inclusive,
        fail_and_go_on,
        on_error,
        fail_job,
        retry,
        finish,
        any_worker,
        in_house,
        same_bot,
        repeatable,
        nested_joins,
    )
}


def _season(nodes: Nodes, chance: random.Random) -> None:
    """Give some variants what would be too much for all: a node that ends when it is cancelled alone, or waits shortly for a bot."""
    works = [node for node in nodes.values() if node.get("activity") in {"work", "scan", "post"}]
    if not works or chance.random() < 0.7:
        return
    node = chance.choice(works)
    timeout = node.setdefault("timeout", {})
    draw = chance.random()
    if draw < 0.3:
        node["with"]["hang"] = True
        timeout.pop("run", None)
    elif draw < 0.7 and node["activity"] != "post":
        timeout["bot"] = chance.choice(("1s", "6s"))
    else:
        node["with"] |= {"seconds": 8, "hang": True, "stubborn": 20}
        timeout |= {"run": "6s", "accept": "4s"}


def write(name: str, variant: int) -> dict[str, Any]:
    """Write a workflow of a shape; the variant, from 0 to `VARIANTS` - 1, says what its activities do."""
    chance = random.Random(f"{name}:{variant}")  # noqa: S311 - a simulation must repeat, not be unguessable
    nodes = SHAPES[name](chance)
    if variant:  # the first is plain
        _season(nodes, random.Random(f"rare:{name}:{variant}"))  # noqa: S311 - must repeat
    workflow: dict[str, Any] = {"ee": 1, "name": name, "start": next(iter(nodes)), "nodes": nodes}
    if name == "inclusive":
        workflow["inputs"] = {"n": {"type": "integer", "default": chance.randrange(3)}}
    if name == "fail_job" and chance.random() < 0.3:
        workflow["on_failure"] = "finish"
    return workflow
