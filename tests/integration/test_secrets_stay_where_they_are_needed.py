"""A canary: a workflow uses secrets wherever a user can put them, and their values are then searched everywhere.

They must be found where they were sent, by a server and a program, and in nothing that EE has written, sent, logged or
shown: not in the journal, the broker's messages and its store, a bot's ledger, log lines at DEBUG, events, answers. The
search knows nothing of how values are redacted, and is shown to find them when they are not.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, quote_plus

import nats
import pytest
import yaml

from ee_core.bot.redaction import Redactor
from ee_core.cli.local import local_bots
from ee_core.client import Client
from ee_core.config import load_settings
from ee_core.engine import open_engine, open_parts
from ee_core.local.broker import MemoryBroker
from ee_core.local.env import SystemEnv
from ee_core.messages.jobs import ExecuteJob, QueryJobs

PLAIN = "canary4711PlainAndLong"
ODD = "k\"an/ar+y\\ 0815' &ü%=?"
SECRETS = {"EE_SECRET_PLAIN": PLAIN, "EE_SECRET_ODD_one": ODD}

WORKFLOW = """
ee: 1
name: canary
inputs: {{sneaky: {{type: string}}}}
start: all
nodes:
  all: {{parallel: [asked, posted, refused, shelled, shell_failed, called, call_raised, logged, echoed, told, failed, refused_by_bot, sneaked]}}
  asked:
    activity: http
    with:
      url: http://127.0.0.1:{port}/asked
      auth: {{bearer: "secret:PLAIN"}}
      headers: {{X-Token: "secret:PLAIN"}}
      query: {{token: "secret:ODD.one"}}
    next: joined
  posted:
    activity: http
    with:
      method: POST
      url: http://127.0.0.1:{port}/posted
      auth: {{basic: {{user: me, password: "secret:ODD.one"}}}}
      json: {{user: me, deep: [{{token: "secret:ODD.one"}}]}}
    next: joined
  refused:
    activity: http
    with: {{method: POST, url: "http://127.0.0.1:{port}/refused", text: "secret:ODD.one"}}
    fail_job: false
    next: joined
  shelled:
    activity: shell
    with:
      command: [sh, -c, 'printf %s "$1" > "$2"; echo "got $1 and $TOKEN"; echo "err $1" >&2; echo "50 % of $1"', sh, "secret:ODD.one", "{proof}"]
      env: {{TOKEN: "secret:PLAIN"}}
      progress: true
    next: joined
  shell_failed:
    activity: shell
    with: {{command: [sh, -c, 'cat >&2; exit 3'], stdin: "secret:PLAIN"}}
    fail_job: false
    next: joined
  called:
    activity: python
    with: {{function: use, arguments: {{token: "secret:ODD.one"}}}}
    next: joined
  call_raised:
    activity: python
    with: {{function: break, arguments: {{token: "secret:PLAIN"}}}}
    fail_job: false
    next: joined
  logged: {{activity: log, with: {{text: "secret:PLAIN"}}, next: joined}}
  echoed: {{activity: noop, with: {{output: {{token: "secret:ODD.one", "secret:PLAIN": 1}}}}, next: joined}}
  told: {{activity: crm.tell, with: {{token: "secret:ODD.one"}}, timeout: {{heartbeat: 3s}}, next: kept}}
  kept: {{activity: crm.keep, bot: {{same_as: told}}, fail_job: false, next: joined}}
  failed: {{activity: crm.fail, with: {{token: "secret:PLAIN"}}, retry: {{attempts: 2, delay: 1s}}, fail_job: false, next: joined}}
  refused_by_bot: {{activity: crm.refuse, with: {{token: "secret:ODD.one"}}, fail_job: false, next: joined}}
  sneaked:
    activity: http
    with: {{method: POST, url: "http://127.0.0.1:{port}/sneaked", json: {{token: "${{inputs.sneaky}}"}}}}
    next: joined
  joined: {{join: all, next: again}}
  again:
    activity: noop
    with: {{output: "${{nodes.posted.output}}"}}
    next: done
  done: {{end: succeeded}}
"""

BOT = """
import asyncio
import base64
import logging

from ee_core.bot import Bot, Context
from ee_core.errors import PermanentActivityError

bot = Bot("crm")
log = logging.getLogger("somebody.else")
kept = []


@bot.activity("crm.tell")
async def tell(ctx: Context, token: str) -> dict[str, object]:
    kept.append(token)
    ctx.progress(0.5, f"token is {token}")
    ctx.log.info("token is %s", token, extra={"token": token})
    log.debug("headers: %r", {"authorization": token.encode()})
    await asyncio.sleep(2)  # a sign of life carries the progress
    return {token: [token, base64.b64encode(f"me:{token}".encode()).decode(), {"a": f"<{token}>"}]}


@bot.activity("crm.keep")
def keep(ctx: Context) -> None:
    ctx.log.info("still %s", kept[0])
    raise ConnectionError(f"cannot log in as {kept[0]}")


@bot.activity("crm.fail")
def fail(token: str) -> None:
    raise RuntimeError(f"cannot use {token!r}")


@bot.activity("crm.refuse")
def refuse(token: str) -> None:
    raise PermanentActivityError(f"cannot use {token}", code=token)
"""

FUNCTIONS = """
from urllib.parse import quote

from ee_core.contracts.activity import ActivityContext


def use(ctx: ActivityContext, token: str) -> list[str]:
    ctx.progress(0.2, f"use {token}")
    ctx.log.warning("use %s", token)
    return [token, quote(token), token[:1]]


def fail(token: str) -> None:
    raise LookupError(token)
"""

SETTINGS = """
[activities.http]
allow = ["127.0.0.1"]
[activities.shell]
allow = ["sh"]
environment = ["TOKEN"]
[activities.python]
path = ["{folder}"]
[activities.python.functions]
use = "canary_functions:use"
break = "canary_functions:fail"
"""


class Server:
    """Keeps what it is sent, and says it again."""

    def __init__(self):
        self.received = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                path = self.path.partition("?")[0].strip("/")
                outer.received[path] = f"{self.path}\n{self.headers}\n".encode() + body
                self.send_response(500 if path == "refused" else 200)
                echo = json.dumps({"path": self.path, "headers": dict(self.headers), "body": body.decode()})
                for name in ("X-Token", "Authorization"):
                    if name in self.headers:
                        self.send_header(f"X-Echo-{name}", self.headers[name])
                self.send_header("content-type", "application/json" if path != "refused" else "text/plain")
                self.send_header("content-length", str(len(echo.encode())))
                self.end_headers()
                self.wfile.write(echo.encode())

            do_POST = do_GET  # noqa: N815 - the base class's name

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.stop()


def looks_of(value):
    """How a value may look in bytes; the search's own list."""
    body = value.encode()
    escaped = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]
    texts = {value, *escaped, *(json.dumps(each)[1:-1] for each in escaped)}
    texts |= {quote(value, safe=""), quote(value), quote_plus(value), repr(body)[2:-1], body.hex()}
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + body).decode()[4 : 4 * ((before + len(body)) // 3)]
        texts |= {coded, coded.replace("+", "-").replace("/", "_")}
    return {text.encode() for text in texts}


LOOKS = {look for value in (PLAIN, ODD) for look in looks_of(value)}


def find_leaks(places):
    """Return where a value stands, and how."""
    return [(name, look) for name, body in places.items() for look in LOOKS if look in body]


def write_files(folder, server, proof):
    """Write what the run needs, and return the workflow's file."""
    (folder / "ee.toml").write_text(SETTINGS.format(folder=folder))
    (folder / "canary_functions.py").write_text(FUNCTIONS)
    (folder / "crm_bot.py").write_text(BOT)
    file = folder / "canary.ee.yaml"
    file.write_text(WORKFLOW.format(port=server.port, proof=proof))
    return file


def check_use(server, proof, shown):
    """See that the values came where they were sent, and what an expression gave did not."""
    assert f"Bearer {PLAIN}\n" in server.received["asked"].decode()
    assert f"x-token: {PLAIN}\n" in server.received["asked"].decode()
    assert base64.b64encode(f"me:{ODD}".encode()) in server.received["posted"]
    assert f"token={quote(ODD, safe='')}" in server.received["asked"].decode()
    assert json.loads(server.received["posted"].partition(b"\n\n")[2]) == {
        "user": "me",
        "deep": [{"token": ODD}],
    }
    assert server.received["refused"].endswith(ODD.encode())
    assert proof.read_text() == ODD
    assert json.loads(server.received["sneaked"].partition(b"\n\n")[2]) == {"token": "secret:PLAIN"}
    visits = {visit["visit"].partition("#")[0]: visit for visit in shown["visits"]}
    assert shown["outcome"] == "succeeded", shown
    assert visits["told"]["output"].keys() == {"[secret:ODD.one]"}
    assert visits["shelled"]["output"]["stdout"].startswith("got [secret:ODD.one] and [secret:PLAIN]\n")
    assert visits["called"]["output"][:2] == ["[secret:ODD.one]"] * 2
    errors = {
        name: visits[name]["error"]
        for name in ("failed", "refused_by_bot", "call_raised", "shell_failed", "kept")
    }
    assert errors["refused_by_bot"]["code"] == "[secret:ODD.one]"
    assert all("[secret:" in error["text"] for error in errors.values()), errors


class Tapped(MemoryBroker):
    """Keeps the body of every message."""

    bodies: list[bytes]

    async def publish(self, channel, body, **more):
        self.bodies.append(body)
        return await super().publish(channel, body, **more)

    async def request(self, subject, body, **more):
        answer = await super().request(subject, body, **more)
        self.bodies += [body, answer]
        return answer


async def run_here(folder, file):
    """Run the workflow in this process; return what was written, sent and shown, by place."""
    settings = load_settings(
        {"broker.name": "memory", "journal.name": "sqlite", "journal.path": str(folder / "journal.sqlite")},
        file=folder / "ee.toml",
        environ={},
    )
    env = SystemEnv()
    lines = _Lines()
    root = logging.getLogger()
    root.addHandler(lines)
    level = root.level
    root.setLevel(logging.DEBUG)
    events = []
    try:
        async with contextlib.AsyncExitStack() as stack:
            parts = await stack.enter_async_context(open_parts(settings, env))
            parts.broker.__class__ = Tapped
            parts.broker.bodies = []
            engine = await stack.enter_async_context(open_engine(parts))
            bots = local_bots(parts, 6, files=[str(folder / "crm_bot.py")], folder=folder)
            await stack.enter_async_context(bots)
            client = Client(parts.broker, parts.subjects, env=env)
            events_of = await stack.enter_async_context(client.events("*"))
            reader = asyncio.create_task(_collect(events_of, events))
            reply = await client.execute(
                ExecuteJob(workflow=yaml.safe_load(file.read_text()), inputs={"sneaky": "secret:PLAIN"})
            )
            shown = await engine.until_stopped(_until_over(client, reply.job))
            history = await client.query(QueryJobs(what="history", job=reply.job))
            reader.cancel()
            bodies = parts.broker.bodies
    finally:
        root.removeHandler(lines)
        root.setLevel(level)
    places = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    places |= {f"message {number}": body for number, body in enumerate(bodies)}
    places |= {"log": "\n".join(lines.said).encode(), "shown": json.dumps(shown).encode()}
    places |= {"events": repr(events).encode(), "history": json.dumps(history).encode()}
    return shown, places


class _Lines(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.said = []

    def emit(self, record):
        text = self.format(record)
        self.said.append(f"{text} {vars(record)!r}")


async def _collect(events_of, events):
    async for event in events_of:
        events.append(event)


async def _until_over(client, job):
    while True:
        shown = await client.query(QueryJobs(what="job", job=job))
        if shown["status"] == "Finished":
            return shown
        assert not shown["incidents"], shown["incidents"]
        await asyncio.sleep(0.1)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "place"
    made.mkdir()
    return made


@pytest.fixture
def _secrets(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_secrets")
async def test_in_one_process_no_value_is_left_anywhere(folder, tmp_path, server):
    file = write_files(folder, server, tmp_path / "proof")

    shown, places = await run_here(folder, file)

    check_use(server, tmp_path / "proof", shown)
    assert len(places) > 40
    assert "journal.sqlite" in " ".join(places)
    assert b"[secret:PLAIN]" in places["log"]
    assert b'"input": {"token": "secret:ODD.one"}' in places["history"]
    assert any(b"[secret:ODD.one]" in body for name, body in places.items() if name.startswith("message"))
    assert find_leaks(places) == []


@pytest.mark.usefixtures("_secrets")
async def test_the_search_finds_the_values_when_nothing_is_redacted(folder, tmp_path, server, monkeypatch):
    monkeypatch.setattr(Redactor, "redact_text", lambda _self, text: text)
    file = write_files(folder, server, tmp_path / "proof")

    _, places = await run_here(folder, file)

    found = {name for name, _ in find_leaks(places)}
    assert {"log", "shown", "events", "history"} <= found
    assert any("journal.sqlite" in name for name in found)
    assert any(".ledger" in name for name in found)
    assert any(name.startswith("message") for name in found)


class Tap:
    """Reads every message on a NATS server."""

    def __init__(self, url):
        self._url = url
        self.bodies = {}
        self._ready = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(20)

    async def _read(self):
        connection = await nats.connect(self._url)

        async def keep(message):
            name = f"{message.subject} {len(self.bodies)}"
            self.bodies[name] = message.data + repr(message.headers).encode()

        await connection.subscribe(">", cb=keep)
        await connection.flush()
        self._ready.set()
        await asyncio.to_thread(self._over.wait)
        await connection.drain()


@pytest.mark.slow
def test_with_a_server_an_engine_and_a_bot_of_their_own_no_value_is_left_anywhere(
    place, tmp_path_factory, server
):
    proof = tmp_path_factory.mktemp("outside") / "proof"
    file = write_files(place.folder, server, proof)
    place.environ |= SECRETS
    place.up("--bots", "4")
    url = place.environ["EE_BROKER_SERVERS"]
    with Tap(url) as tap:
        bot = place.start("crm", "-vv", "bot", "run", "crm_bot.py")
        bot.wait_for("bot crm serves")
        watched = place.run(
            "job", "submit", str(file), "-i", "sneaky=secret:PLAIN", "--id", "canary", "--watch", code=None
        )
        shown = place.ask("job", "show", "canary")
        said = watched + place.run("job", "show", "canary") + place.run("job", "history", "canary")
    bot.terminate()

    check_use(server, proof, shown)
    places = {str(path): path.read_bytes() for path in place.folder.rglob("*") if path.is_file()}
    places |= tap.bodies | {"said": said.encode(), "shown": json.dumps(shown).encode()}
    assert any(".sqlite" in name for name in places)
    assert any(name.endswith(".blk") for name in places), "the store of the NATS server"
    assert any("activity.execute" in name for name in places)
    assert b"[secret:ODD.one]" in places[str(place.folder / "crm.log")]
    assert find_leaks(places) == []
