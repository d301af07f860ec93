"""Journal records <-> bytes: the encoding of a record, the frame around it, the chain over commits.

Three rings, each with its own damage. A *body* is the JSON of one `Record`; one that cannot be read parks its job. A
*frame* says whose body it is and guards it with a checksum; a bad one parks its partition. The *chain* is a hash over
all commits of a partition up to one, so that none can be lost, doubled, moved or changed in silence.

All of it is a file format. A field with a default may be added to an event; an event, a field or a member of an
enumeration that an older engine would misread needs a new name or a higher `RECORD_VERSION`, which the older one
refuses as "a newer engine is needed".
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec

from ee_core.errors import JournalCorruptError, NewerVersionError
from ee_core.model.events import RECORD_VERSION, AnyEvent, Record
from ee_core.model.ids import JobId

if TYPE_CHECKING:
    from collections.abc import Iterable

CHAIN_BYTES: Final = 32

# length of the body, index, checksum, length of the job id; then the job id and the body
_HEADER: Final = struct.Struct(">IIIB")
_CHECKED: Final = struct.Struct(">IIB")  # the header without the checksum itself
_LINK: Final = struct.Struct(">QQI")  # position, epoch, number of frames
_EVENT_NAMES: Final = frozenset(event.__name__ for event in get_args(AnyEvent))

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Record)


class Framed(msgspec.Struct, frozen=True):
    """What a frame holds."""

    job: JobId
    index: int
    body: bytes


def encode_record(record: Record) -> bytes:
    """Write a record as JSON; the same record always gives the same bytes."""
    return _encoder.encode(record)


def decode_record(body: bytes) -> Record:
    """Read a record.

    Raises:
        NewerVersionError: An event or the version is not known here.
        JournalCorruptError: The bytes are no record; carries job and index where they could be read.
    """
    try:
        record = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _explain(body, error) from error
    if record.v != RECORD_VERSION:
        raise _other_version(record.v, record.job, record.index)
    if not record.events:
        raise JournalCorruptError(
            f"record {record.index} of job {record.job!r} has no events", job=record.job, index=record.index
        )
    return record


def frame(job: JobId, index: int, body: bytes) -> bytes:
    """Put a record's body into a frame.

    Args:
        job: 1 to 255 bytes of ASCII.
        index: Below 2**32.
        body: Shorter than 2**32 bytes.
    """
    name = job.encode("ascii")
    checksum = _checksum(len(body), index, name, body)
    return _HEADER.pack(len(body), index, checksum, len(name)) + name + body


def unframe(data: bytes) -> Framed:
    """Take exactly one frame apart.

    Raises:
        JournalCorruptError: Too short, too long, or the checksum does not fit.
    """
    framed, end = _read_frame(data, 0)
    if end != len(data):
        raise JournalCorruptError(
            f"frame of record {framed.index} of job {framed.job!r} is followed by {len(data) - end} bytes that are none of its",
            job=framed.job,
            index=framed.index,
        )
    return framed


def unframe_all(data: bytes) -> tuple[Framed, ...]:
    """Take frames apart that stand one after the other. Raises as `unframe`."""
    frames: list[Framed] = []
    at = 0
    while at < len(data):
        framed, at = _read_frame(data, at)
        frames.append(framed)
    return tuple(frames)


def chain_start(store_id: str, partition: int) -> bytes:
    """Return what stands before the first commit of a partition: commits of another store never fit."""
    return hashlib.sha256(f"ee journal {store_id} {partition}".encode()).digest()


def chain(previous: bytes, position: int, epoch: int, frames: Iterable[bytes]) -> bytes:
    """Return the hash of a commit and, through `previous`, of all commits before it.

    Args:
        previous: The hash of the commit before, or `chain_start`.
        frames: Of all records of the commit, in order.
    """
    joined = tuple(frames)
    digest = hashlib.sha256(previous)
    digest.update(_LINK.pack(position, epoch, len(joined)))
    digest.update(b"".join(joined))  # a frame tells its own length, so the joints are covered too
    return digest.digest()


def residue(previous: bytes, link: bytes, position: int, epoch: int, frames: Iterable[bytes]) -> bytes:
    """Return the hash that stands for a commit after some of its records were taken away.

    Its `link` cannot be told from the frames any more, so it is kept as it was; this hash holds it, what is left and
    the place in the chain together. It may also stand for a run of commits of which nothing is left: then `link` is
    that of the last, and `previous` that of the commit before the first.

    Args:
        previous: As for `chain`.
        link: The commit's own.
        frames: Of the records that are left, in order.
    """
    joined = tuple(frames)
    digest = hashlib.sha256(b"pruned" + previous + link)
    digest.update(_LINK.pack(position, epoch, len(joined)))
    digest.update(b"".join(joined))
    return digest.digest()


def _read_frame(data: bytes, start: int) -> tuple[Framed, int]:
    if len(data) - start < _HEADER.size:
        raise JournalCorruptError(
            f"frame at byte {start} ends after {len(data) - start} of {_HEADER.size} header bytes"
        )
    length, index, checksum, name_length = _HEADER.unpack_from(data, start)
    name_at = start + _HEADER.size
    body_at = name_at + name_length
    end = body_at + length
    if end > len(data):
        raise JournalCorruptError(
            f"frame at byte {start} says {end - start} bytes, {len(data) - start} are there"
        )
    name, body = data[name_at:body_at], data[body_at:end]
    if _checksum(length, index, name, body) != checksum or not name.isascii():
        raise _bad_checksum(start, index, name)
    return Framed(JobId(name.decode("ascii")), index, body), end


def _checksum(length: int, index: int, name: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(name, zlib.crc32(_CHECKED.pack(length, index, len(name)))))


def _bad_checksum(start: int, index: int, name: bytes) -> JournalCorruptError:
    job = name.decode("ascii", "replace")
    return JournalCorruptError(
        f"frame at byte {start}: the checksum does not fit; it names record {index} of job {job!r}, if that can be believed"
    )


def _explain(body: bytes, error: Exception) -> NewerVersionError | JournalCorruptError:
    """Look at bytes that are no record of ours: written by a newer engine, or damaged."""
    try:
        rough = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        rough = None
    if not isinstance(rough, dict):
        return JournalCorruptError(f"record is not readable: {error}")
    job, index = _known(rough)
    version = rough.get("v", RECORD_VERSION)
    if isinstance(version, int) and version != RECORD_VERSION:
        return _other_version(version, job, index)
    for name in _event_names(rough):
        if name not in _EVENT_NAMES:
            return NewerVersionError(
                f"record {index} of job {job!r} has the event {name!r}, which is not known here: a newer engine is needed"
            )
    return JournalCorruptError(
        f"record {index} of job {job!r} is not readable: {error}", job=job, index=index
    )


def _other_version(version: int, job: str, index: int | None) -> NewerVersionError | JournalCorruptError:
    if version > RECORD_VERSION:
        return NewerVersionError(
            f"record {index} of job {job!r} has version {version}, this engine reads up to {RECORD_VERSION}: a newer engine is needed"
        )
    return JournalCorruptError(
        f"record {index} of job {job!r} has version {version}, which never was", job=job, index=index
    )


def _known(rough: dict[str, Any]) -> tuple[str, int | None]:
    job, index = rough.get("job"), rough.get("index")
    return (job if isinstance(job, str) else "", index if isinstance(index, int) else None)


def _event_names(rough: dict[str, Any]) -> list[str]:
    events = rough.get("events")
    names = (
        [event.get("e") for event in events if isinstance(event, dict)] if isinstance(events, list) else []
    )
    return [name for name in names if isinstance(name, str)]
