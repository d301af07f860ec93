"""Takes commands, and keeps one Executor for each open job of its partition.

`commands` brings them from clients to the owner of the job, `spawner` carries them out, `jobs` holds what is open,
`admission` says what may start.
"""

from __future__ import annotations

from ee_core.spawner.jobs import Driver, Jobs
from ee_core.spawner.spawner import Spawner

__all__ = ["Driver", "Jobs", "Spawner"]
