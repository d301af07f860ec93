"""The shop of `order.ee.yaml`: takes orders on 127.0.0.1, and has no archive. Run it with `python shop.py [PORT]`."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shop(BaseHTTPRequestHandler):
    """Answers POST /orders with a number; everything else is not found."""

    orders: list[dict[str, object]] = []  # noqa: RUF012 - one shop a process

    def do_POST(self) -> None:
        """Take an order."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != "/orders":
            self._answer(404, {"text": f"there is no {self.path}"})
            return
        self.orders.append(json.loads(body))
        self._answer(201, {"number": len(self.orders)})

    def do_GET(self) -> None:
        """Show the orders."""
        if self.path == "/orders":
            self._answer(200, {"orders": self.orders})
        else:
            self._answer(404, {"text": f"there is no {self.path}"})

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 18080
    with ThreadingHTTPServer(("127.0.0.1", port), Shop) as server:
        server.serve_forever()
