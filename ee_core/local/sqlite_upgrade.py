"""Steps from one schema of the SQLite journal to the next.

Each runs inside the transaction of the opening, so a file is of the old schema or of the new one. A step is never
changed once a release has it: it speaks the names of its own time, and uses no constant of today's tables.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ee_core.errors import JournalError
from ee_core.model.events import JobAccepted
from ee_core.model.record import decode_record, unframe

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

_JOB_2: Final = (
    "id, workflow, version, hash, status, outcome, owner, labels, priority, accepted_us, finished_us, incidents, open, "
    "digest, pruned, records"
)
_JOBS: Final = 1_000  # at a time


def _to_2(database: sqlite3.Connection) -> None:
    """Room for what was told, clean stops, pruned jobs; each job's row gets its digest and another checksum."""
    for statement in (
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, since TEXT NOT NULL)",
        "INSERT INTO schema_version VALUES (1, '')",
        "ALTER TABLE commits ADD COLUMN told INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE commits ADD COLUMN residue BLOB",
        "ALTER TABLE epoch ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE epoch ADD COLUMN told INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE job ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE job ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX job_over ON job (pruned, finished_us) WHERE NOT open",
        # the engines before told each event once or lost it; nobody wants to hear all of them again
        "UPDATE commits SET told = position WHERE position = (SELECT max(position) FROM commits)",
    ):
        database.execute(statement)
    last = 0
    while rows := database.execute(
        f"SELECT number, checksum, {_JOB_2} FROM job WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608 - a constant
        (last, _JOBS),
    ).fetchall():
        for number, checksum, *values in rows:
            _add_digest(database, number, checksum, values)
        last = rows[-1][0]


def _add_digest(database: sqlite3.Connection, number: int, checksum: int, values: list[Any]) -> None:
    if _checksum([*values[:13], values[15]]) != checksum:
        return  # it was damaged before, and stays so: its new checksum may not say otherwise
    values[13] = _digest_of(database, number)
    database.execute(
        "UPDATE job SET digest = ?, checksum = ? WHERE number = ?", (values[13], _checksum(values), number)
    )


def _digest_of(database: sqlite3.Connection, number: int) -> str:
    """Return the digest of a job's command; "" where its first record cannot tell."""
    row = database.execute("SELECT frame FROM record WHERE job = ? ORDER BY id LIMIT 1", (number,)).fetchone()
    try:
        first = decode_record(unframe(row[0]).body).events[0] if row is not None else None
    except (JournalError, TypeError):  # TypeError: a cell that is no bytes
        return ""
    return first.digest if isinstance(first, JobAccepted) else ""


def _checksum(values: list[Any]) -> int:
    return zlib.crc32(msgspec.json.encode(values))


STEPS: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {1: _to_2}
"""By the schema that a step begins with."""
