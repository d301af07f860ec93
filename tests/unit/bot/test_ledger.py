"""The ledger: what survives, what is refused, what is forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from ee_core.bot.entry import AttemptKey, Entry
from ee_core.bot.ledger import IN_MEMORY, open_ledger
from ee_core.bot.slot import Slot
from ee_core.errors import LedgerConflictError, LedgerError
from ee_core.local.env import SystemEnv
from ee_core.messages.activity import ActivityRequest, ActivityResponse
from ee_core.model.ids import Fence

ENV = SystemEnv()
KEY = AttemptKey("j", "a#1", 1)
F71 = Fence(7, 1)


def started(key: AttemptKey = KEY, fence: Fence = F71) -> Entry:
    return Entry(key=key, fence=fence, digest="d", reply_to="r", bound=fence)


def finished(key: AttemptKey = KEY, fence: Fence = F71, *, at_us: int = 1, acked: bool = False) -> Entry:
    return Entry(
        key=key,
        fence=fence,
        digest="d",
        reply_to="r",
        bound=fence,
        response=b"{}",
        finished_us=at_us,
        acked=acked,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pc-7.ledger"


def test_everything_is_there_after_a_restart(path):
    with open_ledger(path, bot="pc-7", env=ENV) as ledger:
        name = ledger.ledger_id
        ledger.put(started())
        ledger.put(finished(AttemptKey("j", "b#1", 2)))
        ledger.claim(9)
    with open_ledger(path, bot="pc-7", env=ENV) as ledger:
        assert ledger.ledger_id == name
        assert ledger.highest == Fence(9, 0)
        assert ledger.find(KEY) == started()
        assert ledger.find(AttemptKey("j", "b#1", 2)) == finished(AttemptKey("j", "b#1", 2))
        assert ledger.find(AttemptKey("j", "b#1", 1)) is None


def test_each_new_ledger_has_a_name_of_its_own():
    with open_ledger(IN_MEMORY, bot="b", env=ENV) as one, open_ledger(IN_MEMORY, bot="b", env=ENV) as other:
        assert one.ledger_id != other.ledger_id


def test_highest_fence_rises_with_started_work_and_claims_alone():
    with open_ledger(IN_MEMORY, bot="b", env=ENV) as ledger:
        ledger.put(started(fence=Fence(7, 3)))
        assert ledger.highest == Fence(7, 3)
        ledger.put(finished(AttemptKey("j", "z#1", 1), Fence(99, 9)))
        assert ledger.highest == Fence(7, 3)
        ledger.claim(7)
        assert ledger.highest == Fence(7, 3)
        ledger.claim(8)
        assert ledger.highest == Fence(8, 0)


def test_second_opener_in_another_process_is_refused_and_told_what_to_do(path):
    code = (
        "import sys; from ee_core.bot.ledger import open_ledger; from ee_core.local.env import SystemEnv;"
        "from ee_core.errors import LedgerError\n"
        "try: open_ledger(sys.argv[1], bot='pc-7', env=SystemEnv())\n"
        "except LedgerError as error: print(error)"
    )
    with open_ledger(path, bot="pc-7", env=ENV) as ledger:
        ledger.put(started())
        run = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=30
        )
    assert "bot 'pc-7' runs already" in run.stdout
    assert "another id" in run.stdout


def test_second_opener_in_the_same_process_is_refused_and_leaves_the_first_unharmed(path):
    with open_ledger(path, bot="pc-7", env=ENV) as ledger:
        with pytest.raises(LedgerConflictError, match="runs already"):
            open_ledger(path, bot="pc-7", env=ENV)
        ledger.put(started())
    with open_ledger(path, bot="pc-7", env=ENV) as ledger:
        assert ledger.find(KEY) == started()


def test_ledger_of_another_bot_is_refused(path):
    open_ledger(path, bot="pc-7", env=ENV).close()
    with pytest.raises(LedgerConflictError, match=r"'pc-7', not of 'pc-8'"):
        open_ledger(path, bot="pc-8", env=ENV)


def test_file_that_is_no_ledger_is_refused_by_name(path):
    path.write_bytes(b"not a database, but long enough to look like something that is one" * 20)
    with pytest.raises(LedgerError, match=r"pc-7\.ledger.*cannot be opened"):
        open_ledger(path, bot="pc-7", env=ENV)


def test_failed_write_raises_and_changes_nothing(path):
    with open_ledger(path, bot="pc-7", env=ENV) as ledger:
        ledger.put(started())
        ledger._connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(LedgerError, match="full"):
            for k in range(100):
                ledger.put(started(AttemptKey("j" * 60, f"b#{k + 1}", 1), Fence(8, k + 1)))
        highest = ledger.highest
        ledger._connection.execute("PRAGMA max_page_count = 100000")
        known = [entry.fence for entry in ledger.open_entries()]
        assert highest == max(known)
        ledger.put(started(AttemptKey("j", "z#1", 1), Fence(9, 1)))
        assert ledger.highest == Fence(9, 1)


def test_acknowledged_response_is_owed_no_more_also_after_a_restart(path):
    with open_ledger(path, bot="pc-7", env=ENV) as ledger:
        ledger.put(finished())
        assert ledger.open_entries() == [finished()]
        ledger.set_acked(KEY)
        assert ledger.open_entries() == []
        assert ledger.find(KEY) == finished(acked=True)
    with open_ledger(path, bot="pc-7", env=ENV) as ledger:
        assert ledger.open_entries() == []


def test_compaction_forgets_old_acknowledged_attempts_alone():
    with open_ledger(IN_MEMORY, bot="b", env=ENV) as ledger:
        old, young, owed, future = (
            AttemptKey("j", f"{name}#1", 1) for name in ("old", "young", "owed", "future")
        )
        ledger.put(finished(old, at_us=100, acked=True))
        ledger.put(finished(young, at_us=900, acked=True))
        ledger.put(finished(owed, at_us=100))
        ledger.put(
            finished(future, Fence(50, 1), at_us=100, acked=True)
        )  # its request would not be stale yet
        ledger.claim(8)

        assert ledger.compact(1000, keep_us=500) == 1
        assert [ledger.find(key) is not None for key in (old, young, owed, future)] == [
            False,
            True,
            True,
            True,
        ]
        ledger.claim(51)
        assert ledger.compact(1000, keep_us=500) == 1
        assert ledger.find(future) is None


def test_compaction_keeps_the_newest_when_there_are_too_many():
    with open_ledger(IN_MEMORY, bot="b", env=ENV) as ledger:
        keys = [AttemptKey("j", f"a#{k}", 1) for k in range(1, 11)]
        for k, key in enumerate(keys):
            ledger.put(finished(key, at_us=k, acked=True))
        ledger.claim(8)

        assert ledger.compact(10, keep_count=4) == 6
        assert [key for key in keys if ledger.find(key)] == keys[6:]


def test_attempt_of_a_killed_process_is_lost_and_never_started_again(path):
    code = textwrap.dedent("""
        import os, signal, sys
        from ee_core.bot.ledger import open_ledger
        from ee_core.bot.slot import Slot
        from ee_core.local.env import SystemEnv
        from ee_core.messages.activity import ActivityRequest
        ledger = open_ledger(sys.argv[1], bot="pc-7", env=SystemEnv())
        slot = Slot(ledger, instance="one", env=SystemEnv())
        request = ActivityRequest.from_bytes(sys.stdin.buffer.read().replace(b"LEDGER", ledger.ledger_id.encode()))
        print(slot.take_request(request).verdict.name, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    request = ActivityRequest(
        job="j",
        node="a",
        visit="a#1",
        attempt=1,
        fence=Fence(7, 1),
        ledger="LEDGER",
        activity="t",
        idempotency_key="j/a#1",
        reply_to="r",
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        input=request.to_bytes(),
        capture_output=True,
        check=False,
        timeout=30,
        env={**os.environ},
    )
    assert run.stdout == b"START\n", run.stderr
    assert run.returncode == -signal.SIGKILL

    with open_ledger(path, bot="pc-7", env=ENV) as ledger:
        slot = Slot(ledger, instance="two", env=ENV)
        [owed] = slot.recover()
        assert ActivityResponse.from_bytes(owed.response or b"").kind == "lost"
        again = slot.take_request(request.model_copy(update={"ledger": ledger.ledger_id}))
        assert again.answer is not None
        assert (again.answer.kind, again.answer.instance, again.answer.fence) == ("lost", "two", Fence(7, 1))
