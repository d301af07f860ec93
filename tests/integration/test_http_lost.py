"""A request that was sent and not answered: the engine repeats it only when the server knows a repetition."""

from __future__ import annotations

import json
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow  # each starts `eectl`

WORKFLOW = """
ee: 1
name: pay
start: pay
nodes:
  pay:
    activity: http
    with: {{url: "http://127.0.0.1:{port}/pay", json: {{n: 1}}, {more}}}
"""
REPEATED_BY_DEFAULT = 3  # `lost_attempts`


@pytest.fixture
def silent_server() -> Iterator[tuple[int, list[dict[str, str]]]]:
    """Return the port of a server that reads whole requests and closes, and the headers it got."""
    received: list[dict[str, str]] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            headers = {}
            while line := self.rfile.readline().strip().decode("latin-1"):
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            self.rfile.read(int(headers["content-length"]))
            received.append(headers)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], received
        server.shutdown()


@pytest.mark.parametrize(
    ("more", "count"),
    [("method: POST", 1), ("method: POST, idempotency_header: X-Request-Id", REPEATED_BY_DEFAULT)],
)
def test_a_lost_post_is_sent_again_only_to_a_server_that_knows_it(
    place, silent_server, more: str, count: int
) -> None:
    port, received = silent_server
    (place.folder / "ee.toml").write_text('[activities.http]\nallow = ["127.0.0.1"]\n')
    file = place.folder / "pay.ee.yaml"
    file.write_text(WORKFLOW.format(port=port, more=more))

    shown = json.loads(place.run("run", str(file), "-o", "json", code=12))

    assert [incident["kind"] for incident in shown["incidents"]] == ["Lost"]
    assert len(received) == count
    assert len({headers["idempotency-key"] for headers in received}) == 1
    if count > 1:
        assert {headers["x-request-id"] for headers in received} == {received[0]["idempotency-key"]}
