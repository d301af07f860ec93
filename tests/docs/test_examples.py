"""The files of `docs/examples` run as they are."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from contextlib import AsyncExitStack
from http.server import ThreadingHTTPServer

import pytest
import yaml

from ee_core import Client, SystemEnv, load_settings, open_engine, open_parts
from ee_core.cli.exits import Exit
from ee_core.cli.follow import follow
from ee_core.cli.local import local_bots
from ee_core.messages.jobs import ExecuteJob, QueryJobs

pytestmark = pytest.mark.slow  # together: each starts `eectl`

PATIENCE_S = 30.0


@pytest.fixture
def examples(docs):
    return docs / "examples"


@pytest.fixture
def run(examples, tmp_path):
    """What runs an example with `eectl run`, and returns the job as it ended."""

    def run(name: str, *arguments: str, code: int = 0) -> dict:
        command = [sys.executable, "-m", "ee_core.cli", "-C", str(examples / "ee.toml"), "run", "-o", "json"]
        done = subprocess.run(
            [*command, str(examples / name), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def shop(examples):
    """The shop of the order, at a free port: its address and the orders it has."""
    spec = importlib.util.spec_from_file_location("shop", examples / "shop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with ThreadingHTTPServer(("127.0.0.1", 0), module.Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", module.Shop.orders
        server.shutdown()


def outputs(shown: dict) -> dict[str, object]:
    return {visit["visit"]: visit["output"] for visit in shown["visits"]}


def test_hello_greets(run):
    shown = run("hello.ee.yaml", "-i", "name=Ada")

    assert shown["outcome"] == "succeeded"
    assert outputs(shown)["greet#1"] == {"greeting": "hello, Ada"}


def test_the_order_is_told_polled_for_and_archived_with_a_warning(run, shop):
    address, orders = shop

    shown = run("order.ee.yaml", "-i", f"shop={address}")

    assert (shown["outcome"], shown["warnings"]) == ("succeeded", 1)
    assert orders == [{"amount": 250}]
    assert outputs(shown)["tell_shop#1"]["body"] == {"number": 1}
    assert [name for name in outputs(shown) if name.startswith("poll#")] == ["poll#1", "poll#2", "poll#3"]
    assert {visit["visit"]: visit["status"] for visit in shown["visits"]}["archive#1"] == "Failed"


def test_a_large_order_is_refused_and_the_shop_hears_nothing(run, shop):
    address, orders = shop

    shown = run("order.ee.yaml", "-i", f"shop={address}", "-i", "amount=1001", code=5)

    assert shown["outcome"] == "failed"
    assert orders == []


async def test_jobs_that_compete_for_one_bot_start_by_priority_then_age(examples, tmp_path):
    workflow = yaml.safe_load((examples / "compete.ee.yaml").read_text(encoding="utf-8"))
    flags = {"broker.name": "memory", "journal.name": "memory", "catalogue.folder": str(tmp_path)}
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(load_settings(flags, environ={}), SystemEnv()))
        await stack.enter_async_context(open_engine(parts))
        await stack.enter_async_context(local_bots(parts, 1))
        client = Client(parts.broker, parts.subjects, env=parts.env)

        for job, priority in (("first", 0), ("second", 0), ("third", 0), ("urgent", 5)):
            inputs = {"seconds": 0.3}
            await client.execute(ExecuteJob(id=job, workflow=workflow, inputs=inputs, priority=priority))
        assigned = {job: await assigned_at(client, job) for job in ("first", "second", "third", "urgent")}

    assert sorted(assigned, key=assigned.__getitem__) == ["first", "urgent", "second", "third"]


async def assigned_at(client: Client, job: str) -> str:
    """Wait for the end of a job; return when it got its bot."""
    assert await follow(client, job, lambda _told: None, timeout_s=PATIENCE_S) is Exit.OK
    history = await client.query(QueryJobs(what="history", job=job))
    [at] = [
        record["at"] for record in history for event in record["events"] if event["e"] == "AttemptAssigned"
    ]
    return str(at)
