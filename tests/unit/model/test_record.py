"""Records and frames keep what they were given, and say what is wrong with what is not theirs."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ee_core.errors import JournalCorruptError, NewerVersionError
from ee_core.model import record as codec
from ee_core.model.events import EndedBy, JobFinished, JobStarted, Outcome, Record
from ee_core.model.ids import JobId

JOB = JobId("job-1")
RECORD = Record(
    job=JOB, index=3, at_us=17, events=(JobStarted(), JobFinished(Outcome.FAILED, EndedBy.FAILURE, 1))
)
ids = st.from_regex(r"[A-Za-z0-9-][A-Za-z0-9_-]{0,63}", fullmatch=True).map(JobId)
bodies = st.binary(max_size=300)
indexes = st.integers(0, 2**32 - 1)


def patched(**members):
    return msgspec.json.encode(msgspec.json.decode(codec.encode_record(RECORD)) | members)


def test_a_record_comes_back_as_it_was():
    assert codec.decode_record(codec.encode_record(RECORD)) == RECORD


def test_a_newer_version_asks_for_a_newer_engine():
    with pytest.raises(
        NewerVersionError, match=r"record 3 of job 'job-1' has version 2.*a newer engine is needed"
    ):
        codec.decode_record(patched(v=2))


def test_a_newer_version_whose_shape_is_unknown_asks_for_a_newer_engine():
    with pytest.raises(NewerVersionError, match="version 7"):
        codec.decode_record(patched(v=7, events={"packed": True}))


def test_an_unknown_event_asks_for_a_newer_engine():
    with pytest.raises(NewerVersionError, match=r"the event 'JobPaused'.*a newer engine is needed"):
        codec.decode_record(patched(events=[{"e": "JobStarted"}, {"e": "JobPaused"}]))


@pytest.mark.parametrize(
    "body",
    [
        patched(v=0),
        patched(v="1"),
        patched(events=[]),
        patched(events=[{"e": "JobFinished"}]),
        patched(events=[{"e": 4}]),
        patched(events=["JobStarted"]),
        patched(at_us="soon"),
    ],
)
def test_a_record_that_is_not_readable_names_its_job(body):
    with pytest.raises(JournalCorruptError) as caught:
        codec.decode_record(body)

    assert (caught.value.job, caught.value.index) == (JOB, 3)
    assert "record 3 of job 'job-1'" in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'"\xff"', b"[" * 100_000, b'{"job": 7, "index": "x"}']
)
def test_bytes_that_are_no_record_at_all_are_damage(body):
    with pytest.raises(JournalCorruptError) as caught:
        codec.decode_record(body)

    assert (caught.value.job, caught.value.index) == ("", None)


@settings(deadline=None)
@given(ids, indexes, bodies)
def test_a_frame_keeps_its_record(job, index, body):
    assert codec.unframe(codec.frame(job, index, body)) == codec.Framed(job, index, body)


@settings(deadline=None)
@given(st.lists(st.tuples(ids, indexes, bodies), max_size=5))
def test_frames_may_stand_one_after_the_other(parts):
    packed = b"".join(codec.frame(*part) for part in parts)

    assert codec.unframe_all(packed) == tuple(codec.Framed(*part) for part in parts)


def test_every_flipped_bit_of_a_frame_is_seen():
    whole = codec.frame(JOB, 3, codec.encode_record(RECORD))

    for place in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(JournalCorruptError):
            codec.unframe(bytes(damaged))


def test_a_torn_frame_is_seen_at_every_length():
    whole = codec.frame(JOB, 3, b"body")

    for length in range(len(whole)):
        with pytest.raises(JournalCorruptError, match="frame at byte 0"):
            codec.unframe(whole[:length])


def test_bytes_after_a_frame_are_seen():
    with pytest.raises(JournalCorruptError, match=r"record 3 of job 'job-1' is followed by 1 bytes"):
        codec.unframe(codec.frame(JOB, 3, b"body") + b"x")


def test_the_chain_differs_with_everything_it_covers():
    a, b = codec.frame(JOB, 0, b"a"), codec.frame(JOB, 1, b"b")
    start = codec.chain_start("store", 0)

    links = {
        codec.chain(start, 1, 1, [a, b]),
        codec.chain(start, 1, 1, [b, a]),
        codec.chain(start, 1, 1, [a]),
        codec.chain(start, 2, 1, [a, b]),
        codec.chain(start, 1, 2, [a, b]),
        codec.chain(codec.chain_start("other", 0), 1, 1, [a, b]),
        codec.chain(codec.chain_start("store", 1), 1, 1, [a, b]),
    }

    assert len(links) == 7
    assert all(len(link) == codec.CHAIN_BYTES for link in links)
