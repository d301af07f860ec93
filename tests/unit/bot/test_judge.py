"""The judgement, row by row, and the promises that no sequence of messages can break."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ee_core.bot.entry import AttemptKey, Entry
from ee_core.bot.judge import Verdict, judge_cancel, judge_claim, judge_question, judge_request
from ee_core.bot.ledger import IN_MEMORY, open_ledger
from ee_core.bot.running import Outcome
from ee_core.bot.slot import Slot
from ee_core.local.env import SystemEnv
from ee_core.messages.activity import ActivityAck, ActivityCancel, ActivityRequest, BotQuery
from ee_core.model.ids import Fence

KEY = AttemptKey("j", "a#1", 1)
OTHER = AttemptKey("j", "b#1", 1)
F5 = Fence(100, 5)


def entry(*, finished: bool, fence: Fence | None = F5, digest: str = "x") -> Entry:
    return Entry(key=KEY, fence=fence, digest=digest, bound=F5, response=b"{}" if finished else None)


FINISHED, STARTED = entry(finished=True), entry(finished=False)
NAMED_ONLY = entry(finished=True, fence=None, digest="")


@pytest.mark.parametrize(
    ("known", "running", "fence", "highest", "verdict"),
    [
        (FINISHED, None, F5, F5, Verdict.REPEAT),
        (FINISHED, OTHER, F5, Fence(100, 6), Verdict.REPEAT),
        (NAMED_ONLY, None, Fence(100, 9), F5, Verdict.REPEAT),
        (STARTED, KEY, F5, F5, Verdict.ACCEPT),
        (STARTED, KEY, F5, Fence(200, 0), Verdict.ACCEPT),
        (STARTED, None, F5, F5, Verdict.LOSE),
        (STARTED, OTHER, F5, Fence(100, 6), Verdict.LOSE),
        (STARTED, KEY, Fence(100, 6), F5, Verdict.CONFLICT),
        (entry(finished=True, digest="y"), None, F5, F5, Verdict.CONFLICT),
        (entry(finished=False, digest="y"), KEY, F5, F5, Verdict.CONFLICT),
        (None, None, Fence(100, 4), F5, Verdict.STALE),
        (None, None, F5, F5, Verdict.STALE),
        (None, None, Fence(99, 9), Fence(100, 0), Verdict.STALE),
        (None, OTHER, Fence(100, 4), F5, Verdict.STALE),
        (None, OTHER, Fence(100, 6), F5, Verdict.BUSY),
        (None, None, Fence(100, 6), F5, Verdict.START),
        (None, None, Fence(100, 1), Fence(100, 0), Verdict.START),
        (None, None, Fence(101, 1), F5, Verdict.START),
    ],
)
def test_request_is_judged_by_attempt_then_by_fence(known, running, fence, highest, verdict):
    judged = judge_request(known, same_ledger=True, digest="x", fence=fence, highest=highest, running=running)
    assert judged is verdict


@pytest.mark.parametrize("known", [None, STARTED, FINISHED])
def test_request_for_another_ledger_is_refused_whatever_else_it_says(known):
    judged = judge_request(
        known, same_ledger=False, digest="x", fence=Fence(999, 1), highest=F5, running=None
    )
    assert judged is Verdict.WRONG_LEDGER


@pytest.mark.parametrize(
    ("known", "running", "fence", "cancel", "question"),
    [
        (None, None, F5, Verdict.RECORD_STOP, Verdict.RECORD_IDLE),
        (None, OTHER, None, Verdict.RECORD_STOP, Verdict.RECORD_IDLE),
        (STARTED, KEY, F5, Verdict.STOP, Verdict.ACCEPT),
        (STARTED, KEY, None, Verdict.STOP, Verdict.ACCEPT),
        (STARTED, None, F5, Verdict.LOSE, Verdict.LOSE),
        (FINISHED, None, F5, Verdict.REPEAT, Verdict.REPEAT),
        (FINISHED, None, Fence(100, 6), Verdict.CONFLICT, Verdict.REPEAT),
        (NAMED_ONLY, None, F5, Verdict.REPEAT, Verdict.RECORD_IDLE),
    ],
)
def test_cancel_and_question_are_judged_by_attempt(known, running, fence, cancel, question):
    assert judge_cancel(known, fence=fence, running=running) is cancel
    assert judge_question(known, running=running) is question


@pytest.mark.parametrize(
    ("lease", "running", "verdict"),
    [
        (99, None, Verdict.STALE),
        (100, None, Verdict.CLAIM_IDLE),
        (101, None, Verdict.CLAIM_IDLE),
        (101, KEY, Verdict.CLAIM_BUSY),
        (99, KEY, Verdict.STALE),
    ],
)
def test_claim_is_judged_by_lease(lease, running, verdict):
    assert judge_claim(lease=lease, highest=F5, running=running) is verdict


def test_question_does_not_shorten_what_a_cancel_without_fence_promised():
    env = SystemEnv()
    with open_ledger(IN_MEMORY, bot="b", env=env) as ledger:
        slot = Slot(ledger, instance="one", env=env)
        slot.take_cancel(ActivityCancel(job="j", visit="a#1", attempt=1, reply_to="r"))
        slot.take_query(BotQuery(lease=1, job="j", visit="a#1", attempt=1, reply_to="r"))
        slot.take_ack(ActivityAck(job="j", visit="a#1", attempt=1, verdict="late"))
        slot.take_query(BotQuery(lease=4, reply_to="r"))

        ledger.compact(env.now() + 1, keep_us=0)

        assert ledger.find(KEY) is not None, "a request of lease 4 would be started"


def test_a_cancel_without_fence_promises_more_than_the_question_before_it():
    env = SystemEnv()
    with open_ledger(IN_MEMORY, bot="b", env=env) as ledger:
        slot = Slot(ledger, instance="one", env=env)
        slot.take_query(BotQuery(lease=1, job="j", visit="a#1", attempt=1, reply_to="r"))
        slot.take_query(BotQuery(lease=2, reply_to="r"))
        slot.take_cancel(ActivityCancel(job="j", visit="a#1", attempt=1, reply_to="r"))

        ledger.compact(env.now() + 1, keep_us=0)

        assert ledger.find(KEY) is not None, "a request of lease 2 would be started"


visits = st.sampled_from(["a#1", "a#2", "b#1", "c#1"])
attempts = st.integers(1, 2)
fences = st.builds(Fence, st.integers(1, 4), st.integers(0, 3))
inputs = st.sampled_from([1, 1, 1, 2])


class SlotMachine(RuleBasedStateMachine):
    """Any messages in any order, with restarts, acknowledgements and forgetting in between."""

    @initialize()
    def open(self) -> None:
        self.env = SystemEnv()
        self.ledger = open_ledger(IN_MEMORY, bot="b", env=self.env)
        self.started: list[tuple[AttemptKey, Fence]] = []
        self.running: AttemptKey | None = None
        self.said: dict[AttemptKey, str] = {}
        self.fences: dict[AttemptKey, Fence] = {}  # an assignment's fence never changes
        self.proved_idle: dict[AttemptKey, Fence] = {}  # with the highest fence that the asker can mean
        self.start_process()

    def start_process(self) -> None:
        self.slot = Slot(self.ledger, instance=self.env.new_id(), env=self.env)
        self.slot.recover()
        self.running = None

    def note(self, key: AttemptKey, kind: str) -> None:
        if kind in {"succeeded", "failed", "stopped", "lost"}:
            assert self.said.setdefault(key, kind) == kind, "an attempt has one end"
            assert self.running != key, "what runs has not ended"

    @rule(visit=visits, attempt=attempts, fence=fences, value=inputs)
    def request(self, visit, attempt, fence, value):
        key = AttemptKey("j", visit, attempt)
        if self.ledger.find(key) is None:
            # another fence for a known attempt is a conflict; of a forgotten one only the engine can keep to it
            fence = self.fences.setdefault(key, fence)
        ruling = self.slot.take_request(
            ActivityRequest(
                job="j",
                node="n",
                visit=visit,
                attempt=attempt,
                fence=fence,
                ledger=self.ledger.ledger_id,
                activity="t",
                input=value,
                idempotency_key="k",
                reply_to="r",
            )
        )
        assert ruling.answer is not None
        self.note(key, ruling.answer.kind)
        if ruling.verdict is Verdict.START:
            assert self.running is None, "never two at once"
            assert key not in [known for known, _ in self.started], "never started twice"
            assert all(fence > earlier for _, earlier in self.started), "fences of started work rise"
            assert fence > self.proved_idle.get(key, Fence(0, 0)), "what was proved idle never starts"
            self.started.append((key, fence))
            self.running = key

    @rule(visit=visits, attempt=attempts, fence=st.none() | fences)
    def cancel(self, visit, attempt, fence):
        key = AttemptKey("j", visit, attempt)
        if fence is not None:  # an attempt has one assignment, whatever is sent about it
            fence = self.fences.setdefault(key, fence)
        ruling = self.slot.take_cancel(
            ActivityCancel(job="j", visit=visit, attempt=attempt, fence=fence, reply_to="r")
        )
        if ruling.verdict is Verdict.STOP:
            assert self.running == key
        if ruling.answer is not None:
            self.note(key, ruling.answer.kind)
            if ruling.answer.kind == "stopped":
                self.proved_idle[key] = fence or Fence(99, 0)

    @rule(visit=visits, attempt=attempts, lease=st.integers(1, 4))
    def question(self, visit, attempt, lease):
        key = AttemptKey("j", visit, attempt)
        ruling = self.slot.take_query(
            BotQuery(lease=lease, job="j", visit=visit, attempt=attempt, reply_to="r")
        )
        assert ruling.answer is not None
        self.note(key, ruling.answer.kind)
        if ruling.answer.kind == "idle":
            assert self.running != key
            self.proved_idle[key] = max(self.proved_idle.get(key, Fence(0, 0)), Fence(lease, 99))

    @rule(lease=st.integers(1, 4))
    def claim(self, lease):
        ruling = self.slot.take_query(BotQuery(lease=lease, reply_to="r"))
        assert ruling.answer is not None
        if ruling.answer.kind == "idle":
            assert self.running is None
            assert self.ledger.highest >= (lease, 0)

    @precondition(lambda self: self.running is not None)
    @rule(kind=st.sampled_from(["succeeded", "failed", "stopped"]))
    def finish(self, kind):
        key, self.running = self.running, None
        self.note(key, kind)
        assert self.slot.finish(Outcome(kind)).key == key

    @rule(visit=visits, attempt=attempts)
    def acknowledge(self, visit, attempt):
        self.slot.take_ack(ActivityAck(job="j", visit=visit, attempt=attempt, verdict="recorded"))

    @rule()
    def restart(self):
        if self.running is not None:
            self.said[self.running] = "lost"
        self.start_process()

    @rule()
    def forget(self):
        # a question about a forgotten attempt is answered idle, which is true; it has ended for good before
        self.ledger.compact(self.env.now() + 1, keep_us=0)
        self.said = {key: kind for key, kind in self.said.items() if self.ledger.find(key)}

    @invariant()
    def says_what_runs(self):
        if hasattr(self, "slot"):
            running = self.slot.running
            assert (running and AttemptKey(running.job, running.visit, running.attempt)) == self.running

    def teardown(self) -> None:
        self.ledger.close()


TestSlot = SlotMachine.TestCase
TestSlot.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
