"""A small shop on 127.0.0.1, for trying the workflow: `python server.py [PORT]`, until Ctrl-C."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shop(BaseHTTPRequestHandler):
    """Has three of everything, and takes every order."""

    def do_GET(self) -> None:
        """Say how many there are."""
        self._answer(200, {"amount": 3})

    def do_POST(self) -> None:
        """Take an order."""
        order = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        self._answer(201, {"ordered": order})

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 18081
    with ThreadingHTTPServer(("127.0.0.1", port), Shop) as server:
        server.serve_forever()
