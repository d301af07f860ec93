"""Committed events as CloudEvents for whoever watches.

Written by the fast encoder, because each step of each job makes some; the model `JobEvent` reads the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ee_core.messages.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.model.events import Record

_encoder: Final = msgspec.json.Encoder()


def encode_events(record: Record, namespace: str) -> Iterator[bytes]:
    """Encode each event of a record as one message for `jobs.events.<job>`."""
    common: dict[str, Any] = {
        "v": 1,
        "specversion": "1.0",
        "source": f"/ee/{namespace or 'default'}/jobs",
        "subject": record.job,
        "time": to_text(record.at_us),
        "datacontenttype": "application/json",
        "record": record.index,
    }
    for place, event in enumerate(record.events):
        own = {"id": f"{record.job}/{record.index}/{place}", "type": f"ee.job.{type(event).__name__}.v1"}
        yield _encoder.encode({**common, **own, "data": event})
