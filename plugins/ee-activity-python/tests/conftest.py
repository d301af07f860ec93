"""A module of functions of the tests' own, and one attempt of the activity with it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from ee_activity_python.activity import PythonActivity
from ee_activity_python.settings import read_settings

from ee_core.testing.activity import new_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

MODULE = """
    import asyncio, contextvars, ctypes, datetime, enum, fcntl, os, pathlib, signal, subprocess, sys, time

    from ee_core.contracts.activity import ActivityContext
    from ee_core.errors import (
        ActivityError, LostActivityError, PermanentActivityError, TransientActivityError)

    memory = []

    class Colour(enum.Enum):
        RED = "red"

    def add(a: int, b: int = 1) -> int:
        return a + b

    def types(day: datetime.date, path: pathlib.Path, colour: Colour, parts: tuple[int, ...]):
        return {"day": day, "path": path, "colour": colour, "parts": parts, "kinds": [
            type(one).__name__ for one in (day, colour, parts)]}

    def rest(**more):
        return more

    def who(context: ActivityContext):
        return {"job": context.job, "node": context.node, "visit": context.visit, "attempt": context.attempt,
                "key": context.idempotency_key, "fence": context.fence, "cancelled": context.is_cancelled}

    def tell(context: ActivityContext):
        context.progress(0.25, "a quarter")
        context.log.warning("careful with %s", "this")
        print("printed")
        os.write(1, b"written")
        return sys.stdin.read()

    def output(kind: str):
        return {"nan": float("nan"), "object": object(), "large": "x" * 200_000, "none": None}[kind]

    def fail(kind: str):
        raise {"value": ValueError("no"), "permanent": PermanentActivityError("p", code="mine"),
               "transient": TransientActivityError("t", retry_after_s=2.5), "lost": LostActivityError("l"),
               "http": type("HTTPServerError", (Exception,), {})(), "exit": SystemExit(3),
               "unreadable": type("Odd", (Exception,), {"__str__": lambda self: 1 / 0})(),
               "long": RuntimeError("x" * 1_000_000), "surrogate": RuntimeError("a\\ud800b")}[kind]

    def pid() -> int:
        return os.getpid()

    def append(file: pathlib.Path, text: str) -> str:
        with file.open("a") as opened:
            opened.write("x")
        if text == "fail":
            raise ValueError(text)
        return text

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def hold(file: pathlib.Path):
        with file.open("w") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            opened.write("up\\n")
            opened.flush()
            time.sleep(100)

    def hold_deaf(file: pathlib.Path):
        with file.open("w") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            opened.write("up\\n")
            opened.flush()
            ctypes.PyDLL(None).sleep(100)  # with the interpreter's lock: no other thread runs

    def family(file: pathlib.Path):
        program = "import sys, module, pathlib; module.hold(pathlib.Path(sys.argv[1]))"
        environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
        subprocess.run([sys.executable, "-c", program, str(file)], env=environment)

    def obey(context: ActivityContext, file: pathlib.Path, how: str):
        file.write_text("up\\n")
        while not context.is_cancelled:
            time.sleep(0.01)
        if how == "progress":
            context.progress(1.0)
        return "stopped in order"

    async def later(a: int, context: ActivityContext) -> dict:
        await asyncio.sleep(0)
        return {"a": a, "visit": context.visit, "pid": os.getpid()}

    async def later_fails():
        raise KeyError("k")

    async def forever(file: pathlib.Path):
        file.write_text("up\\n")
        try:
            await asyncio.Event().wait()
        finally:
            file.write_text("down\\n")

    def bad_hint(a: "Nowhere"): ...

    number = 7
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the module."""
    path = tmp_path_factory.mktemp("functions")
    (path / "module.py").write_text(textwrap.dedent(MODULE))
    (path / "broken.py").write_text("1 / 0\n")
    return path


@pytest.fixture
def make_activity(folder: Path) -> Callable[..., PythonActivity]:
    def make(functions: dict[str, object], **settings: object) -> PythonActivity:
        return PythonActivity(read_settings({"functions": functions, "path": [str(folder)], **settings}))

    return make


@pytest.fixture
def call(make_activity: Callable[..., PythonActivity]) -> Callable[..., Awaitable[Any]]:
    """Call a function of the module: keywords beginning with ``set_`` are settings, the others arguments."""

    async def call(function: str, in_context: Any = None, **more: object) -> Any:
        settings = {
            name.removeprefix("set_"): value for name, value in more.items() if name.startswith("set_")
        }
        arguments = {name: value for name, value in more.items() if not name.startswith("set_")}
        activity = make_activity({"f": f"module:{function}"}, **settings)
        return await activity.run(in_context or new_context(), {"function": "f", "arguments": arguments})

    return call
