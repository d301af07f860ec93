"""The chain lets a commit through only where it was made for."""

import pytest

from ee_core.errors import JournalCorruptError
from ee_core.model.chain import ChainCheck
from ee_core.model.ids import JobId
from ee_core.model.record import chain, chain_start, frame

START = chain_start("store", 0)


def made(previous, position, epoch, *bodies):
    """Return a commit's arguments for `follow`, with one record per body."""
    frames = [frame(JobId("a"), index, body) for index, body in enumerate(bodies)]
    return position, epoch, frames, chain(previous, position, epoch, frames)


FIRST = made(START, 1, 1, b"one", b"two")
SECOND = made(FIRST[3], 2, 3, b"three")


def check():
    return ChainCheck(0, position=0, epoch=0, link=START)


def refused(chain_check, commit, match):
    with pytest.raises(JournalCorruptError, match=match) as caught:
        chain_check.follow(*commit)
    assert caught.value.position == commit[0]


def test_commits_that_follow_give_what_they_hold():
    follows = check()

    assert [framed.body for framed in follows.follow(*FIRST)] == [b"one", b"two"]
    assert [framed.body for framed in follows.follow(*SECOND)] == [b"three"]
    assert (follows.position, follows.epoch, follows.link) == (2, 3, SECOND[3])


def test_positions_may_have_gaps():
    follows = check()
    follows.follow(*made(START, 7, 1, b"one"))

    assert follows.position == 7


def test_a_missing_commit_is_seen():
    refused(check(), SECOND, "partition 0, commit 2: its hash does not follow commit 0")


def test_a_doubled_commit_is_seen():
    follows = check()
    follows.follow(*FIRST)
    refused(follows, FIRST, "commit 1: it comes after commit 1")


def test_a_foreign_epoch_is_seen_even_with_a_chain_that_fits():
    follows = check()
    follows.follow(*FIRST)
    follows.follow(*SECOND)
    refused(follows, made(SECOND[3], 3, 2, b"four"), "epoch 2 is foreign, the commit before has 3")


def test_a_changed_frame_is_seen():
    position, epoch, frames, link = FIRST
    refused(check(), (position, epoch, [frames[0], frames[1][:-1] + b"?"], link), "commit 1: .*checksum")


def test_a_missing_frame_is_seen():
    position, epoch, frames, link = FIRST
    refused(check(), (position, epoch, frames[:1], link), "does not follow")


def test_a_refused_commit_changes_nothing():
    follows = check()
    refused(follows, SECOND, "does not follow")

    assert follows.follow(*FIRST)
