"""An answer of a gibibyte: read as far as the limit, and no further."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from ee_core.errors import PermanentActivityError

GIBIBYTE = 2**30
CHUNK = bytes(65_536)


class Flood:
    """A server whose answer is a gibibyte; it counts what it got rid of."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self.sent = 0
        self.is_left = asyncio.Event()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n" + self._head + b"\r\n\r\n")
        try:
            while self.sent < GIBIBYTE:
                writer.write(CHUNK)
                await writer.drain()
                self.sent += len(CHUNK)
        except ConnectionError:
            pass  # the client has left: what is to be seen
        finally:
            writer.close()
            self.is_left.set()


@pytest.mark.parametrize("head", [f"content-length: {GIBIBYTE}".encode(), b"connection: close"])
async def test_an_answer_of_a_gibibyte_is_left_at_the_limit(fetch, head: bytes) -> None:
    flood = Flood(head)
    listening = await asyncio.start_server(flood.handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        tracemalloc.start()
        with pytest.raises(PermanentActivityError) as caught:
            await fetch(f"http://127.0.0.1:{port}/", set_max_response_bytes=100_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await asyncio.wait_for(flood.is_left.wait(), timeout=60)

    assert caught.value.error_code == "too_large"
    assert "raise activities.http.max_response_bytes" in caught.value.text
    assert flood.sent < GIBIBYTE // 16  # what the two ends of the connection hold
    assert peak < 20_000_000
