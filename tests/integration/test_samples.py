"""The platform's export files run as they are."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # together: each starts `eectl`

EXPORTS = Path(__file__).parents[1] / "data" / "export"
CHECK_STOCK = "975d8cba-c0ba-4e79-848f-dfc9b2829097"
POLL = "737586c2-68f2-4136-a841-24005ba57694"

TICK_BOT = """
from ee_core.bot import Bot

bot = Bot("ticks")
count = 0


@bot.activity("tick")
def tick() -> dict[str, int]:
    global count
    count += 1
    return {"count": count}
"""


@pytest.fixture
def hook_server():
    """Return the address of a server and the requests it got."""
    requests: list[tuple[str, str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append((self.command, self.path, self.headers["idempotency-key"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], requests
        server.shutdown()


def run(place, file: Path | str, bindings: Path | str, *more: str, code: int = 0) -> dict:
    stdout = place.run(*more, "run", str(file), "--bindings", str(bindings), "-o", "json", code=code)
    return json.loads(stdout)


def visited(shown: dict) -> list[str]:
    names = {node["node"]: node["name"] or node["kind"] for node in shown["nodes"]}
    return [names[visit["visit"].partition("#")[0]] for visit in shown["visits"]]


def bind(place, **changes: str | None) -> Path:
    """Write the second sample's bindings with lines that hold a word replaced, or left out for None."""
    lines = (EXPORTS / "bindings-2.yaml").read_text().splitlines()
    for word, line in changes.items():
        lines = [line if word in old else old for old in lines]
    file = place.folder / "bindings.yaml"
    file.write_text("\n".join(line for line in lines if line is not None))
    return file


def test_the_envelope_runs_from_start_over_the_activity_to_the_end(place):
    shown = run(place, EXPORTS / "export-1-envelope.json", EXPORTS / "bindings-1.yaml")

    assert shown["outcome"] == "succeeded"
    assert visited(shown) == ["start", 'read <the "order"> £ & more ', "end"]


def test_the_checks_run_side_by_side_and_the_order_is_approved(place):
    shown = run(place, EXPORTS / "export-2-content.json", EXPORTS / "bindings-2.yaml")

    assert shown["outcome"] == "succeeded"
    assert {"check stock", "check price", "approve", "archive"} <= set(visited(shown))
    assert "reject" not in visited(shown)


def test_a_large_order_is_rejected(place):
    bindings = bind(
        place, amount="cf9e4f42-04fb-4856-93c7-0a70c92c2150: {activity: noop, with: {output: {amount: 5000}}}"
    )

    shown = run(place, EXPORTS / "export-2-content.json", bindings)

    assert {"reject", "archive"} <= set(visited(shown))
    assert "approve" not in visited(shown)


FAILING = f"{CHECK_STOCK}: {{activity: http, with: {{method: GET, url: 'http://127.0.0.1:9/'}}}}"


def test_a_key_that_a_failed_check_did_not_leave_is_an_incident_when_it_is_read(place):
    bindings = bind(place, inStock=FAILING)

    shown = run(place, EXPORTS / "export-2-content.json", bindings, code=12)

    [incident] = shown["incidents"]
    assert incident["kind"] == "Expression"
    assert "inStock" in incident["text"]


def test_a_key_that_is_not_needed_is_not_missed(place):
    bindings = bind(
        place,
        inStock=FAILING,
        amount="cf9e4f42-04fb-4856-93c7-0a70c92c2150: {activity: noop, with: {output: {amount: 5000}}}",
    )

    shown = run(place, EXPORTS / "export-2-content.json", bindings)

    assert "reject" in visited(shown)
    assert (shown["outcome"], shown["warnings"]) == ("succeeded", 1)


def test_an_activity_id_that_is_bound_to_nothing_is_an_incident(place):
    shown = run(place, EXPORTS / "export-2-content.json", bind(place, inStock=None), code=12)

    [incident] = shown["incidents"]
    assert incident["kind"] == "PluginMissing"
    assert CHECK_STOCK in incident["text"]


def test_the_loop_polls_three_times_and_the_trigger_is_called_once(place, hook_server):
    port, requests = hook_server
    text = (EXPORTS / "export-3-list.json").read_text().replace("18080", str(port))
    (place.folder / "list.json").write_text(text)
    (place.folder / "tick_bot.py").write_text(TICK_BOT)
    (place.folder / "bindings.yaml").write_text("db23306a-405e-4d7b-8776-d5e0fe17db2f: {activity: tick}")
    (place.folder / "ee.toml").write_text('[activities.http]\nallow = ["127.0.0.1"]\n')

    stdout = place.run(
        "run", "list.json", "--bindings", "bindings.yaml", "--bot", "tick_bot.py", "--bots", "1", "-o", "json"
    )

    shown = json.loads(stdout)
    assert shown["outcome"] == "succeeded"
    assert [v["visit"] for v in shown["visits"] if v["visit"].startswith(POLL)] == [
        f"{POLL}#{k}" for k in (1, 2, 3)
    ]
    [(method, path, key)] = requests
    assert (method, path) == ("POST", "/hook")
    assert key.startswith(shown["job"] + "/")
