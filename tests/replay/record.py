"""Records whole journals as this release writes them: ``python tests/replay/record.py``; see `test_journals`.

Seeds are tried in order. A journal is kept, as it was at an instant or at the end, when something is met in it for the
first time: a shape of workflow, a class of event, a kind of incident, a way in which a job ended, or an open job with a
kind of wait. A file that is there is not written again: what stands in it lies in somebody's journal.
"""

import gzip
import sys
from pathlib import Path

from ee_core.model.events import IncidentOpened, JobFinished
from ee_core.model.record import decode_record
from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.coverage import EVENTS, WAITS
from ee_core.simulation.kept import keep, to_lines
from ee_core.simulation.plan import draw
from ee_core.simulation.shapes import SHAPES

RELEASE = "0.1"
FILE = Path(__file__).parent / f"journals-{RELEASE}.jsonl.gz"
WANTED = {
    *(("event", name) for name in EVENTS),
    *(("wait", kind) for kind in WAITS),
    *(("shape", name) for name in SHAPES),
}
MOST_SEEDS = 3000
LOOKS_S = (2.0, 5.0, 9.0, 14.0)


def runs_of(seed):
    """Carry out a seed; keep its journal as it was at some instants, with jobs that are open, and at the end."""
    plan, worlds, runs = draw(seed), [], []

    def prepare(world, loop):
        worlds.append(world)
        for at_s in LOOKS_S:
            loop.call_later(
                at_s, lambda at_s=at_s: runs.append(keep(f"seed {seed} at {at_s:g} s", world.store))
            )

    carry_out(plan, prepare=prepare)
    return plan, [*runs, keep(f"seed {seed} to the end", worlds[0].store)]


def met_in(plan, kept):
    """Name what is met in a run."""
    known = {outcome.job for outcome in kept.outcomes}
    yield from (("shape", job.title) for job in plan.jobs if job.id in known)
    for commit in kept.commits:
        for text in commit.records:
            for event in decode_record(text.encode()).events:
                yield "event", type(event).__name__
                if isinstance(event, IncidentOpened):
                    yield "incident", event.kind
                if isinstance(event, JobFinished):
                    yield "end", event.outcome, event.by
    yield from (("wait", key.partition(":")[0]) for job in kept.outcomes if job.is_open for key in job.waits)


def record():
    """Return the runs that are kept."""
    met, runs = set(), []
    for seed in range(MOST_SEEDS):
        plan, kept = runs_of(seed)
        for run in reversed(kept):  # what only came at the end needs no half journal
            new = set(met_in(plan, run)) - met
            if new:
                met |= new
                runs.append(run)
        if not WANTED - met:
            return runs
    raise SystemExit(f"never met in {MOST_SEEDS} seeds: {sorted(WANTED - met)}")


def main():
    """Write the file of this release."""
    if FILE.exists():
        raise SystemExit(f"{FILE.name} is there and stays as it is; set RELEASE to the release to come")
    runs = record()
    lines = [line for kept in runs for line in to_lines(kept)]
    FILE.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0))
    sys.stdout.write(f"{len(runs)} runs, {len(lines)} lines, {FILE.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
