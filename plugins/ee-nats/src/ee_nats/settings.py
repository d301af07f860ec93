"""The settings of a connection to NATS: what may stand in the sections ``broker`` and ``lock`` of the configuration."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SERVER: Final = "nats://127.0.0.1:4222"
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9_-]{1,64})*")
_URL: Final = re.compile(r"(?P<scheme>nats|tls|wss?)://[^\s,/]+(?:/[^\s,]*)?|[^\s,/]+")
_WEB: Final = frozenset({"ws", "wss"})


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """How to reach NATS, as whom, and in which namespace."""

    servers: tuple[str, ...] = (DEFAULT_SERVER,)  # any member of a cluster
    prefix: str = ""  # the namespace: stands before each subject, and in the names of streams
    credentials: str = ""  # a .creds file
    nkey: str = ""  # a file with an nkey seed
    user: str = ""
    password: str = ""
    token: str = ""
    tls_ca: str = ""  # a PEM file; any tls_ setting asks for TLS
    tls_cert: str = ""
    tls_key: str = ""
    inbox_prefix: str = "_INBOX"  # a user with narrow rights may need one of its own
    timeout_s: float = 5.0  # to connect, and for each answer of the server
    ping_s: int = 5  # a silent server is noticed after three of these
    replicas: int = 1  # of each stream, in a cluster
    create_streams: bool = True  # false: the operator has made them; a missing one is an error
    # true: streams of activity.* are acknowledged before they are written. Much quicker on a server that syncs always,
    # but its crash then loses messages of the last moment, which engine and bots must repeat.
    async_transport: bool = False
    redelivery_s: float = 15.0  # after this a dead process's deliveries come back

    @classmethod
    def parse(cls, settings: Mapping[str, Any], *, namespace: str | None = None) -> NatsSettings:
        """Read the section as the configuration has it; `servers` may be one address.

        Args:
            namespace: Becomes the prefix, which the section then may not have.

        Raises:
            ConfigError: Names the setting, its value, and what was expected.
        """
        known = {field.name: field for field in fields(cls)}
        values: dict[str, Any] = {}
        if namespace is not None:
            if "prefix" in settings:
                raise ConfigError(f"nats setting prefix is {settings['prefix']!r}; set the namespace instead")
            settings = {**settings, "prefix": namespace}
        for name, value in settings.items():
            if name not in known:
                close = get_close_matches(name, known, n=1)
                cure = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(sorted(known))}"
                raise ConfigError(f"broker 'nats' has no setting {name!r} (broker.{name}); {cure}")
            values[name] = (
                _read_servers(value) if name == "servers" else _read(name, value, known[name].default)
            )
        parsed = cls(**values)
        if parsed.prefix and not _PREFIX.fullmatch(parsed.prefix):
            raise ConfigError(
                f"nats setting broker.prefix is {parsed.prefix!r}; use letters, digits, '-' and '_', with dots between words"
            )
        if bool(parsed.tls_cert) != bool(parsed.tls_key):
            raise ConfigError("nats settings tls_cert and tls_key belong together; give both or none")
        return parsed

    def check_files(self) -> None:
        """See that the files exist, before the client says it in its way.

        Raises:
            ConfigError: One does not.
        """
        for name in ("credentials", "nkey", "tls_ca", "tls_cert", "tls_key"):
            path: str = getattr(self, name)
            if path and not Path(path).is_file():
                raise ConfigError(f"nats setting broker.{name} is {path!r}, which is no file")

    def make_tls(self) -> ssl.SSLContext | None:
        """Return what TLS needs; None when the servers' addresses alone decide.

        Raises:
            ConfigError: A file cannot be read.
        """
        if not (self.tls_ca or self.tls_cert):
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca or None)
            if self.tls_cert:
                context.load_cert_chain(self.tls_cert, self.tls_key)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(f"nats settings tls_ca, tls_cert, tls_key: {error}") from error
        return context


def _read(name: str, value: object, default: object) -> object:
    wanted = float if isinstance(default, float) else type(default)
    value = _from_text(value, wanted) if isinstance(value, str) else value
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"nats setting broker.{name} is {value!r}; use a {wanted.__name__}, as {default!r}")
    if wanted in (int, float) and not value > 0:  # type: ignore[operator]  # a number by the line above
        raise ConfigError(f"nats setting broker.{name} is {value!r}; use a number above 0")
    return value


def _from_text(text: str, wanted: type) -> object:
    """Read a value that came by an environment variable; what it is not, stays text."""
    if wanted is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if wanted in (int, float):
        try:
            return wanted(text)
        except ValueError:
            return text
    return text


def _read_servers(value: object) -> tuple[str, ...]:
    servers = (value,) if isinstance(value, str) else value
    if not isinstance(servers, list | tuple) or not servers:
        raise ConfigError(
            f"nats setting broker.servers is {value!r}; use an address as {DEFAULT_SERVER!r}, or a list of them"
        )
    schemes = {_read_scheme(server) for server in servers}
    if _WEB & schemes and schemes - _WEB:
        raise ConfigError(
            "nats setting broker.servers mixes ws:// or wss:// with others; use one or the other"
        )
    return tuple(servers)


def _read_scheme(server: object) -> str:
    """Return how a server is spoken to.

    Raises:
        ConfigError: This is no address.
    """
    if not isinstance(server, str) or not (found := _URL.fullmatch(server)):
        raise _no_address(server)
    parts = _split(server, found["scheme"])
    if not _is_host(parts.hostname):
        raise _no_address(server)
    return found["scheme"] or "nats"


def _split(server: str, scheme: str | None) -> SplitResult:
    try:
        parts = urlsplit(server if scheme else f"nats://{server}")
    except ValueError as error:  # brackets that hold no address
        raise _no_address(server) from error
    try:
        is_port = parts.port != 0
    except ValueError:  # no number, or too large
        is_port = False
    if not is_port:
        raise _no_address(server, ", whose port is no number from 1 to 65535")
    return parts


def _is_host(name: str | None) -> bool:
    try:
        return bool(
            name and name.encode("idna")
        )  # as the resolver does, whose error says nothing of an address
    except UnicodeError:
        return False


def _no_address(server: object, fault: str = "") -> ConfigError:
    if isinstance(server, str) and "@" in server:
        server = f"...@{server.rpartition('@')[2]}"  # a password may stand before it
    return ConfigError(
        f"nats setting broker.servers has {server!r}{fault}; use an address as {DEFAULT_SERVER!r}"
    )
