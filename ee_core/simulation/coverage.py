"""Which faults, events and pairs of fault and wait a number of runs have met: what was never met was never tested."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, get_args

from ee_core.model.events import AnyEvent
from ee_core.simulation.faults import Fault

if TYPE_CHECKING:
    from ee_core.simulation.carrying_out import Run

WAITS: Final = ("lease", "response", "timer", "operator", "admission", "drain")
EVENTS: Final = tuple(event.__name__ for event in get_args(AnyEvent))


@dataclass(slots=True)
class Coverage:
    """Counts over runs."""

    runs: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[Fault, str]] = field(default_factory=Counter)  # fault, kind of wait there was

    def add(self, run: Run) -> None:
        """Count a run."""
        self.runs += 1
        self.faults.update(run.hits)
        self.events.update(run.events)
        self.pairs.update(run.waits_hit)

    def merge(self, other: Coverage) -> None:
        """Count what another one has counted."""
        self.runs += other.runs
        self.faults.update(other.faults)
        self.events.update(other.events)
        self.pairs.update(other.pairs)

    def never(self) -> list[str]:
        """Name what was not met."""
        return [
            *(fault.value for fault in Fault if not self.faults[fault]),
            *(event for event in EVENTS if not self.events[event]),
            *(
                f"{fault.value} during {wait}"
                for fault in Fault
                for wait in WAITS
                if not self.pairs[fault, wait]
            ),
        ]

    def table(self) -> str:
        """Show it; what was never met is marked."""
        out = [f"{'fault':22}{'hits':>8}" + "".join(f"{wait:>10}" for wait in WAITS)]
        for fault in Fault:
            cells = [self.faults[fault], *(self.pairs[fault, wait] for wait in WAITS)]
            out.append(
                f"{fault.value:22}{_cell(cells[0], 8)}" + "".join(_cell(cell, 10) for cell in cells[1:])
            )
        out += ["", f"{'event':22}{'hits':>8}"]
        out += [f"{event:22}{_cell(self.events[event], 8)}" for event in EVENTS]
        return "\n".join(out)


def _cell(count: int, width: int) -> str:
    return f"{count if count else '-- 0':>{width}}"
