"""Real engine code in a world that a seed decides: virtual time, order of callbacks, chance, ids and faults.

Nothing here waits for the real world, so an hour passes in a moment, and a seed gives the same run again.
Tests use `ee_core.simulation.pytest.virtual_time`.
"""

from ee_core.simulation.env import VirtualEnv
from ee_core.simulation.loop import DeadlockError, LeftoverTasksError, VirtualLoop, VirtualLoopError, run

__all__ = ["DeadlockError", "LeftoverTasksError", "VirtualEnv", "VirtualLoop", "VirtualLoopError", "run"]
