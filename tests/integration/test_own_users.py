"""Each side with a NATS user of its own: the work goes on, and the server refuses what a bot may not do."""

import asyncio
import json
import os
import subprocess

import nats
import pytest
from ee_nats.permissions import inbox_of, permissions_of, to_configuration, variable_of
from ee_nats.server import ServerProcess, find_server

from ee_core.model.ids import Fence

USERS = (("engine", "engine"), ("client", "client"), ("bot", "pc-7"), ("bot", "pc-8"))

WORKFLOW = """
ee: 1
name: post
start: post
nodes:
  post: {activity: invoice.post, with: {journal: FILE, seconds: SECONDS}, next: done}
  done: {end: succeeded}
"""


@pytest.fixture
def server(tmp_path):
    users = [
        {"user": name, "password": f"of-{name}", "permissions": permissions_of(role, name, "lab")}
        for role, name in USERS
    ]
    settings = {"authorization": {"users": users}}
    with ServerProcess(tmp_path / "nats", find_server(), sync_always=False, settings=settings) as server:
        yield server


def environ_of(server, name):
    known = {
        "SERVERS": server.url,
        "USER": name,
        "PASSWORD": f"of-{name}",
        "INBOX_PREFIX": inbox_of(name),
        "CREATE_STREAMS": "true" if name == "engine" else "false",
    }
    return {"EE_NAMESPACE": "lab", **{f"EE_BROKER_{key}": value for key, value in known.items()}}


async def connect(server, name, refused):
    async def note(error):
        refused.append(str(error))

    return await nats.connect(
        server.url, user=name, password=f"of-{name}", inbox_prefix=inbox_of(name).encode(), error_cb=note
    )


@pytest.mark.slow
def test_a_job_runs_where_everybody_has_a_user_of_their_own(place, server, examples):
    everybody = dict(place.environ)
    effects = place.folder / "effects.txt"
    flow = WORKFLOW.replace("FILE", str(effects))
    (place.folder / "quick.ee.yaml").write_text(flow.replace("SECONDS", "0.2"))
    (place.folder / "slow.ee.yaml").write_text(flow.replace("SECONDS", "60"))

    place.environ = everybody | environ_of(server, "engine")
    place.start("engine", "engine", "run").wait_for("Ctrl-C")
    place.environ = everybody | environ_of(server, "pc-7")
    bot = place.start("bot", "bot", "run", str(examples / "bots" / "invoice_bot.py"), "--id", "pc-7")
    bot.wait_for("Ctrl-C")
    place.environ = everybody | environ_of(server, "client")
    place.wait_until("the bot is there", lambda: "pc-7" in [row["bot"] for row in place.ask("bot", "list")])

    assert "succeeded" in place.run("job", "submit", "quick.ee.yaml", "--watch")
    long = place.run("job", "submit", "slow.ee.yaml").strip()
    place.wait_until("it works", lambda: f"start {long}/post#1" in effects.read_text())
    place.run("job", "cancel", long)
    place.run("job", "watch", long, code=6)
    place.wait_until(
        "the bot is free",
        lambda: [row["state"] for row in place.ask("bot", "list") if row["bot"] == "pc-7"] == ["Free"],
    )
    effects_of = effects.read_text().split("\n")
    assert sum(line.startswith("start") for line in effects_of) == 2


@pytest.mark.slow
async def test_the_server_refuses_what_a_bot_may_not_do(server):
    refused, heard = [], []
    engine = await connect(server, "engine", [])
    await engine.jetstream().add_stream(
        name="EE-lab-inbox-activity", subjects=["lab.activity.execute.*"], retention="workqueue"
    )
    await engine.jetstream().add_stream(
        name="EE-lab-reply-activity", subjects=["lab.activity.response.*.*"], retention="workqueue"
    )
    bot = await connect(server, "pc-8", refused)
    answer = json.dumps({"v": 1, "kind": "succeeded", "fence": Fence(1, 1)}).encode()
    api = "$JS.API.CONSUMER"
    stolen = {
        "stream_name": "EE-lab-inbox-activity",
        "config": {
            "durable_name": "x",
            "filter_subject": "lab.activity.execute.pc-7",
            "ack_policy": "explicit",
        },
    }

    async def note(message):
        heard.append(message.subject)

    for subject in ("lab.activity.execute.pc-7", f"{inbox_of('pc-7')}.>", "lab.jobs.events.*", "_INBOX.>"):
        await bot.subscribe(subject, cb=note)
    for subject, body in (
        ("lab.activity.response.0.pc-7", answer),
        ("lab.bots.heartbeat.pc-7", b"{}"),
        ("lab.bots.hello", b"{}"),
        ("lab.jobs.execute", b'"post"'),
        ("lab.activity.execute.pc-7", b"{}"),
        (f"{api}.CREATE.EE-lab-inbox-activity.x.lab.activity.execute.pc-7", json.dumps(stolen).encode()),
        (f"{api}.CREATE.EE-lab-inbox-activity.x", json.dumps(stolen).encode()),
        (f"{api}.MSG.NEXT.EE-lab-inbox-activity.activity=execute=pc-7", b""),
        ("$JS.API.STREAM.DELETE.EE-lab-inbox-activity", b""),
        ("$JS.API.STREAM.MSG.GET.EE-lab-inbox-activity", b'{"seq": 1}'),
    ):
        await bot.publish(subject, body, reply=f"{inbox_of('pc-8')}.x")
    await bot.flush()
    await engine.publish("lab.activity.execute.pc-7", b"{}")
    await engine.publish("lab.jobs.events.j1", b"{}")
    await engine.publish(f"{inbox_of('pc-7')}.1", b"{}")
    await engine.flush()
    # its own answer is stored, so nothing before it is merely late
    await bot.publish("lab.activity.response.0.pc-8", answer)
    await bot.flush()
    for _ in range(200):
        stored = (await engine.jetstream().stream_info("EE-lab-reply-activity")).state.messages
        if stored and len(refused) >= 14:
            break
        await asyncio.sleep(0.05)

    assert len(refused) == 14, refused
    assert all("permissions violation" in text.lower() for text in refused)
    assert heard == []
    assert stored == 1
    await bot.close()
    await engine.close()


@pytest.mark.slow
def test_what_is_printed_is_a_configuration_that_the_server_takes(tmp_path):
    config = tmp_path / "ee.conf"
    config.write_text("jetstream {}\n" + to_configuration(USERS, "lab"))
    secrets = {variable_of(name): f"of-{name}" for _, name in USERS}

    done = subprocess.run(
        [find_server(), "-c", config, "-t"],
        env=os.environ | secrets,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "is valid" in done.stdout + done.stderr
    assert done.returncode == 0
