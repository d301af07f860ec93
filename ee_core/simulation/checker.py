"""The proof that a simulated run kept EE's promise: one checker over the recorded history.

It is written from the rules, not from the engine, looks at each line a bounded number of times, and knows no clock
but the history's. What it finds are violations of these invariants:

| id | what must hold |
| --- | --- |
| I1 | The history tells of a world that can be: else the simulation is wrong, not the engine |
| I2 | A job's records are 0, 1, 2, ... without gap or repetition |
| I3 | A partition's commits are 1, 2, 3, ... and a job lives in one partition |
| I4 | Epochs rise, and only the writer of the newest one commits |
| I5 | A job begins once, with its first event, and has at most one terminal event |
| I6 | After the terminal event only `LateResponse`, `BotDrained`, `BotQuarantined` follow (R17) |
| I7 | The records can be replayed, and give the job that the engine holds |
| I8 | The waits of a job are those that its state asks for, at every prefix of its records |
| I9 | What was answered or acknowledged is in the journal: no command is lost |
| I10 | It was there before the answer, and before the acknowledgement |
| I11 | One job per command id, and nothing that nobody asked for; an operator's action is applied once |
| I12 | A cancel is final: nothing is assigned after it, and one that was answered has won |
| I13 | A bot's pieces of work never overlap |
| I14 | A bot's memory never starts work under a lower fence than it has worked under or has claimed |
| I15 | No two assignments of a bot share a fence; bot, ledger and fence are named when the node's kind needs them, and only then |
| I16 | An attempt begins once and has at most one effect, unless it is idempotent and for any worker |
| I17 | No work without an *assigned* record of exactly that attempt, bot, ledger and fence, stored before it began |
| I18 | What may have happened is never done again in silence: a person said so, unless it does no harm or the author wrote so |
| I19 | An attempt after the first follows a recorded failure, void, loss or decision, within the policy |
| I20 | A word that a record quotes was said by that bot of that attempt; a success has the output that the activity gave |
| I21 | A drain ends by the bot's word, or in quarantine, which the lock's record says first; time alone ends none |
| I22 | A bot is assigned only when it does nothing else and may do nothing else, by a word that is durable |
| I23 | What is recorded as never started, or as ended, is really not done from then on |
| I24 | Durable before act: requests and events for observers say what is stored |
| I25 | A bot's word is acknowledged only after the record of it, or of another end; a late one is kept |
| I26 | Lease numbers rise with every holder, and nobody is robbed whose key lives; it is held only when the bot has answered its claim, and works on nothing else; a bot is assigned only by the engine that was given the lease, and not before it is held |
| I27 | Every accepted job ends within a bound after faults have stopped, or waits for a person |
| I28 | Every wait of an open job is armed once and has a living producer: no silent hang |
| I29 | Nothing outlives its reason: no seat, wait, timer, task, row, message or incident |
| I30 | No engine ends by an error of its own; one may give up when a fault takes away a part that it needs |
| I31 | Long after the last fault a job waits for something only if that really has not come: for work that goes on, for a bot that is at work or not there |
| I32 | A cancel that a bot has taken ends the work that it names |
| I33 | Every event is told to the hooks at least once |
| I34 | A bot goes to whoever is first in the line, by priority, then by age (R9) |
| I35 | A bot is given up for its silence only when it was silent as long as it may be |

They are judged in stages, because each takes for granted what the ones before it prove: a history in which I1 fails is
not looked at further, nor a journal in which I2, I3 or I4 fails. I7, I8 and the end are judged for jobs of which
nothing worse is known, and I27 for those that have no wait without a producer, which would be the reason.

A job of which a fault damaged a record is parked (R27), and is judged by what bots did alone. A partition that is
rightly quarantined waits for a person with all its jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from ee_core.simulation.checks import (
    attempts,
    commands,
    ending,
    journal,
    leftovers,
    order,
    outward,
    replaying,
    shape,
    waiting,
    words,
    work,
)
from ee_core.simulation.checks.ending import DEFAULT_BOUND_US
from ee_core.simulation.checks.reading import Reading
from ee_core.simulation.checks.violation import Invariant, Violation

if TYPE_CHECKING:
    from ee_core.model.ids import JobId
    from ee_core.model.job import Job
    from ee_core.simulation.history import History

__all__ = ["DEFAULT_BOUND_US", "Invariant", "Violation", "check"]

Check = Callable[[Reading], Iterable[Violation]]

_STAGES: Final[tuple[tuple[Check, ...], ...]] = (
    (shape.check_possible,),
    (journal.check_commits, journal.check_epochs),
    (journal.check_records,),
)
_CHECKS: Final[tuple[Check, ...]] = (
    journal.check_ends,
    commands.check_answers,
    commands.check_one_job,
    commands.check_actions,
    attempts.check_assignments,
    attempts.check_reasons,
    work.check_overlap,
    work.check_fences,
    work.check_once,
    work.check_recorded,
    work.check_idle,
    work.check_stopped,
    words.check_words,
    outward.check_durable,
    outward.check_taken,
    outward.check_told,
    outward.check_leases,
    ending.check_engines,
    work.check_in_house,
    words.check_silence,
)
# A job of which one of these is found has records that no engine could have written: its replay proves nothing more.
_UNREADABLE: Final = frozenset(
    {
        Invariant.ENDS_ONCE,
        Invariant.AFTER_END,
        Invariant.ONE_JOB,
        Invariant.CANCEL,
        Invariant.ASSIGNMENTS,
        Invariant.SILENCE,
        Invariant.REASONS,
    }
)

_OF_BOTS: Final = frozenset({Invariant.OVERLAP, Invariant.FENCES})  # need no record of the job


def check(history: History, *, bound_us: int = DEFAULT_BOUND_US) -> list[Violation]:
    """Return what must not be, in the order of the checks; nothing when the run kept the promise.

    Args:
        bound_us: How long a job may take after faults have stopped, or after it was accepted if that was later.
    """
    reading = Reading(history)
    for stage in _STAGES:
        found = [violation for one in stage for violation in one(reading)]
        if found:
            return found
    found = [violation for one in _CHECKS for violation in one(reading)]
    found.extend(commands.check_cancelled(reading, bound_us))
    found.extend(_end(reading, found, bound_us))
    if not found:
        found.extend(waiting.check_drains(reading))
    if not found and (early := history.until_waited) is not None:
        found.extend(waiting.check_waiting(Reading(early)))
    parked = {story.job for story in reading.jobs.values() if story.damaged}
    return [one for one in found if one.job not in parked or one.invariant in _OF_BOTS]


def _end(reading: Reading, found: list[Violation], bound_us: int) -> Iterator[Violation]:
    bad = _jobs(one for one in found if one.invariant in _UNREADABLE)
    jobs: dict[JobId, Job] = {}
    spans: list[replaying.Span] = []
    replayed = list(replaying.replay(reading, bad, jobs, spans))
    yield from replayed
    world = ending.World(reading)
    hanging = list(ending.check_producers(reading, jobs, world))
    yield from hanging
    yield from leftovers.check_left(reading, jobs, world)
    if not replayed:
        yield from order.check_order(reading, spans)
    yield from ending.check_bound(reading, jobs, bound_us, bad | _jobs(replayed) | _jobs(hanging))


def _jobs(found: Iterable[Violation]) -> set[JobId]:
    return {violation.job for violation in found if violation.job is not None}
