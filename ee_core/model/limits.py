"""Numbers that bound a job, so that no workflow can take the engine with it (R24, R29, R30)."""

from __future__ import annotations

from typing import Final

MAX_HOPS: Final = 10_000  # token moves in one decision
MAX_TOKENS: Final = 10_000  # travelling and queued, of one job
MAX_VISITS: Final = 100_000  # of one job
MAX_INPUT_BYTES: Final = 128 * 1024  # a rendered input, as JSON
MAX_OUTPUT_BYTES: Final = 128 * 1024  # an output, as JSON
MAX_RECORD_BYTES: Final = 256 * 1024  # an encoded record
MAX_COMMIT_BYTES: Final = 900 * 1024  # the records of one commit

# What an event without payload has as JSON, to guess a record's size without encoding it.
USUAL_EVENT_BYTES: Final = 150  # about so many: a guess on which an input is refused must not be too high
LARGE_EVENT_BYTES: Final = 250  # more: a guess by which a record is not measured must not be too low
