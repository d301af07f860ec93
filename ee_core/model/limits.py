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
