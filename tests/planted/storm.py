"""`poe planted-storm`: plants bugs in the shell of the engine, and counts the simulated storms until one is found.

Each bug is planted alone in a copy of the code. From each of several first seeds schedules are run until an invariant
is violated; the table says how many that took, and which invariant it was. A bug counts as found when the median is
within the limit. The exit code is 1 when one is not found that should be, or the other way round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from run import Copies
from table import TableError, read_shell_bugs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from table import ShellBug

LIMIT = 5_000
FIRSTS = tuple(1_000_000 * k for k in range(1, 6))
_SILENT_S = 30.0  # a schedule takes a twentieth of a second
_HANGS = "hangs"  # instead of an invariant: real time passes and the virtual one does not


@dataclass
class Counts:
    """What came of one bug: schedules until it was found, by first seed; None where it was not."""

    schedules: list[int | None] = field(default_factory=list)
    by: Counter[str] = field(default_factory=Counter)  # invariants
    example: str = ""
    trouble: str = ""

    @property
    def median(self) -> float:
        """Return the median, infinite when most did not find it."""
        return statistics.median(float("inf") if count is None else count for count in self.schedules)

    @property
    def is_found(self) -> bool:
        return bool(self.schedules) and self.median < float("inf")

    def add(self, first: int, schedules: int | None, found: str) -> None:
        """Count what was run from one first seed."""
        self.schedules.append(schedules)
        if schedules is not None:
            self.by[found.split(" ", maxsplit=1)[0].rstrip(":")] += 1
            self.example = self.example or f"seed {first + schedules - 1}: {found}"

    def row(self, bug: ShellBug) -> str:
        """Show them."""
        shown = " ".join(f"{'-' if count is None else count:>5}" for count in self.schedules)
        median = f"{self.median:.0f}" if self.is_found else "not found"
        by = ", ".join(f"{name} x{times}" if times > 1 else name for name, times in self.by.most_common())
        return f"{bug.name:<38} {shown:<30} {median:>9}  {by:<22} {bug.says}"


def count_schedules(root: Path, firsts: Sequence[int], limit: int) -> Counts:
    """Run storms in a copy; as soon as most of the first seeds have not found it, the rest is left out."""
    counts = Counts()
    for first in firsts:
        command = [
            sys.executable,
            str(root / "tests" / "planted" / "storm_worker.py"),
            str(limit),
            str(first),
        ]
        environment = os.environ | {"PYTHONPATH": str(root)}
        try:
            done = subprocess.run(
                command,
                env=environment,
                check=False,
                capture_output=True,
                text=True,
                timeout=_SILENT_S + limit,
            )
        except subprocess.TimeoutExpired:
            counts.add(first, limit, _HANGS)
            continue
        if done.returncode:
            counts.trouble = done.stderr[-2000:]
            break
        told = json.loads(done.stdout)
        counts.add(first, told["schedules"], told["found"])
        if counts.schedules.count(None) > len(firsts) // 2:
            break
    return counts


def run_all(
    bugs: Sequence[ShellBug], firsts: Sequence[int], limit: int, *, hopeless: bool
) -> Iterator[tuple[ShellBug, Counts]]:
    """Yield each bug with what came of it; one that is not to be found is run only if that is wished."""
    with tempfile.TemporaryDirectory(prefix="ee-storm-") as folder:
        copies = Copies(Path(folder))
        for bug in bugs:
            if bug.not_found and not hopeless:
                yield bug, Counts()
                continue
            with copies.with_bug(bug) as root:
                yield bug, count_schedules(root, firsts, limit)


def tell(bug: ShellBug, counts: Counts, *, example: bool) -> bool:
    """Print what came of a bug, and return whether that is what its table says."""
    print(counts.row(bug), flush=True)
    if example and counts.example:
        print(f"    {counts.example}")
    if bug.not_found:
        print(f"    not to be found: {bug.not_found}")
    if counts.trouble:
        print(f"    {counts.trouble}")
    return counts.is_found != bool(bug.not_found)


def _read_wanted() -> tuple[argparse.Namespace, list[ShellBug]]:
    parser = argparse.ArgumentParser(description=str(__doc__))
    parser.add_argument("names", nargs="*", help="bugs, or parts as `fleet`; all without one")
    parser.add_argument("--limit", type=int, default=LIMIT, help="schedules from each first seed")
    parser.add_argument("--firsts", type=int, default=len(FIRSTS), help="how many first seeds")
    parser.add_argument("--hopeless", action="store_true", help="run those that are not to be found, too")
    parser.add_argument("--list", action="store_true", help="only say which bugs there are")
    parser.add_argument("--examples", action="store_true", help="say what was found first")
    wanted = parser.parse_args()
    bugs = [
        bug
        for bug in read_shell_bugs()
        if not wanted.names or not {bug.name, bug.place.split(".")[0]}.isdisjoint(wanted.names)
    ]
    if not bugs:
        parser.error(f"no bug is named {', '.join(wanted.names)}; --list names all")
    return wanted, bugs


def main() -> int:
    """Run what the command line asks for."""
    wanted, bugs = _read_wanted()
    if wanted.list:
        for bug in bugs:
            print(f"{bug.name:<38} {bug.file}: {bug.says}")
        return 0
    try:
        wrong = [
            bug.name
            for bug, counts in run_all(bugs, FIRSTS[: wanted.firsts], wanted.limit, hopeless=wanted.hopeless)
            if not tell(bug, counts, example=wanted.examples)
        ]
    except TableError as error:
        print(error)
        return 1
    print(f"{len(bugs)} bugs, up to {wanted.limit} schedules from each of {wanted.firsts} first seeds")
    if wrong:
        print(f"not as the table says: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
