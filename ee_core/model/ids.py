"""Names and numbers that identify things, and the two numbers that order them.

Instants are integers: microseconds since 1970-01-01 UTC (names end in ``_us``). Durations are integers of
milliseconds (``_ms``). Both stay below 2**53, so that every JSON reader keeps them whole.
"""

from __future__ import annotations

from typing import NamedTuple, NewType

JobId = NewType("JobId", str)  # [A-Za-z0-9_-]{1,64}
NodeId = NewType("NodeId", str)  # native form [a-z][a-z0-9_]*, export form any token
VisitId = NewType("VisitId", str)  # "<node>#<k>", k counts the node's visits from 1
BotId = NewType("BotId", str)
EngineId = NewType("EngineId", str)  # random, new at each process start
IncidentId = NewType("IncidentId", str)  # "i<k>", k counts the job's incidents from 1
WorkflowHash = NewType("WorkflowHash", str)  # hex SHA-256 of the canonical content


class Fence(NamedTuple):
    """The number of an assignment; compared in order, it only rises for one bot."""

    lease: int
    n: int


def visit_id(node: NodeId, k: int) -> VisitId:
    """Return the name of a node's k-th visit."""
    return VisitId(f"{node}#{k}")
