"""Where a request may go: decided about the very addresses that are then connected to.

A workflow is data from somebody who may not reach what this process can reach. So a name is resolved once, all its
addresses are judged, and the connection is made to one of them: a name that changes its address in between gains
nothing. Addresses that are not public need the operator's word.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ee_core.errors import PermanentActivityError, TransientActivityError

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME: Final = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_STANDS_FOR_IPV4: Final = tuple(  # by its last 32 bits
    ipaddress.IPv6Network(text)
    for text in (
        "64:ff9b::/96",  # NAT64, RFC 6052
        "::/96",  # IPv4-compatible, RFC 4291, 2.5.5.1: out of use, but some systems still know it
        "::ffff:0:0:0/96",  # IPv4-translated, RFC 7915
    )
)
_MAX_PORT: Final = 65_535
# A host that ends so is an address to many readers, whether or not we can read it. Source: WHATWG URL, "ends in a number"
_ENDS_IN_NUMBER: Final = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)$")
# Source: RFC 6761, RFC 6762, RFC 8375; ICANN resolution 2024.07.29.06
_PRIVATE_NAMES: Final = (".localhost", ".local", ".home.arpa", ".internal")


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the allow-list: a network, or a name."""

    network: Network | None = None
    name: str = ""  # lower case; begins with a dot when it stands for all names below a domain
    port: int | None = None  # None: any

    def allows(self, host: str, port: int, address: Address) -> bool:
        """Say whether the entry covers a destination."""
        if self.port not in (None, port):
            return False
        if self.network is not None:
            return address in self.network
        # whoever runs a name could point it at a cloud's metadata service: such places must be named by address
        return self.names(host, port) and not _is_special(address)

    def names(self, host: str, port: int) -> bool:
        """Say whether the entry has a name, and it covers a host, wherever that is."""
        if self.network is not None or self.port not in (None, port):
            return False
        return host.endswith(self.name) if self.name.startswith(".") else host == self.name


@dataclass(frozen=True, slots=True)
class Egress:
    """The operator's will about destinations."""

    rules: tuple[Rule, ...] = ()
    public: bool = True  # every public address may be reached

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, all of which may be connected to, in the resolver's order.

        Raises:
            PermanentActivityError: One of them may not (code ``egress``), or the name is none (``bad_input``).
            TransientActivityError: The name has no address now (``dns``).
        """
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise TransientActivityError(f"{host} has no address: {error.strerror}", code="dns") from error
        except UnicodeError as error:
            raise PermanentActivityError(f"{host!r} is no host name: {error}", code="bad_input") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if not self.allows(host, port, address):
                raise _not_allowed(f"{host}:{port} is at {address}, which", _entry(host, port, address))
        return addresses

    def check_proxied(self, host: str, port: int) -> None:
        """Judge a host that a proxy looks up: an address as ever, a name by itself, for nobody here sees where it is.

        Raises:
            PermanentActivityError: It may not be reached (code ``egress``), or is neither (``bad_input``).
        """
        address = _literal_address(host)
        if address is not None:
            if not self.allows(host, port, address):
                raise _not_allowed(
                    f"{host}:{port} is the address {address}, which", _entry(host, port, address)
                )
            return
        plain = host.lower().rstrip(".")
        if not _NAME.fullmatch(plain) or _ENDS_IN_NUMBER.search(plain):
            raise PermanentActivityError(f"{host!r} is neither a name nor an address", code="bad_input")
        if any(rule.names(plain, port) for rule in self.rules):
            return
        if not self.public or "." not in plain or plain.endswith(_PRIVATE_NAMES):
            raise _not_allowed(f"{host}:{port}, by a proxy,", f"{plain}:{port}")

    def allows(self, host: str, port: int, address: str) -> bool:
        """Say whether an address may be connected to for a host."""
        plain = host.lower().rstrip(".")
        judged = _effective(ipaddress.ip_address(address))
        if any(rule.allows(plain, port, judged) for rule in self.rules):
            return True
        return self.public and _is_public(judged)


def new_egress(entries: Iterable[str], *, public: bool) -> Egress:
    """Make the rules of an allow-list.

    Raises:
        ValueError: An entry is none.
    """
    return Egress(tuple(parse_rule(entry) for entry in entries), public)


def parse_rule(text: str) -> Rule:
    """Read one entry: ``HOST``, ``*.DOMAIN``, ``ADDRESS`` or ``ADDRESS/LENGTH``, with or without ``:PORT``.

    An IPv6 address with a port stands in brackets.

    Raises:
        ValueError: It is none of these.
    """
    host, port = _split_port(text.strip().lower())
    try:
        return Rule(network=ipaddress.ip_network(host), port=port)
    except ValueError as error:
        if "/" in host or not _NAME.fullmatch(host) or re.fullmatch(r"[0-9.]+", host):
            raise ValueError(
                f"{text!r} is no entry ({error}); write HOST, *.DOMAIN, ADDRESS or ADDRESS/LENGTH, and :PORT or not"
            ) from None
    return Rule(name=host.removeprefix("*").rstrip("."), port=port)


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, closing, rest = text[1:].partition("]")
        if not closing:
            raise ValueError(f"{text!r} is no entry: the bracket is not closed")
    elif text.count(":") > 1:
        return text, None  # IPv6 without brackets
    else:
        host, colon, rest = text.partition(":")
        rest = colon + rest
    if not rest:
        return host, None
    if not re.fullmatch(r":[0-9]{1,5}", rest) or not 0 < int(rest[1:]) <= _MAX_PORT:
        raise ValueError(f"{text!r}: the port must be a number from 1 to {_MAX_PORT}")
    return host, int(rest[1:])


def _not_allowed(what: str, entry: str) -> PermanentActivityError:
    return PermanentActivityError(
        f"{what} may not be reached from here; whoever runs this process, an engine or a bot, may allow it:"
        f' allow = ["{entry}"] under [activities.http] in its ee.toml (beside the entries there), then start it again',
        code="egress",
    )


def _entry(host: str, port: int, address: str) -> str:
    """Return the narrowest entry of an allow-list that would cover a destination: by its name, where that may be."""
    judged = _effective(ipaddress.ip_address(address))
    plain = host.lower().rstrip(".")
    if _NAME.fullmatch(plain) and not _ENDS_IN_NUMBER.search(plain) and not _is_special(judged):
        return f"{plain}:{port}"
    return f"[{judged}]:{port}" if judged.version == 6 else f"{judged}:{port}"


def _literal_address(host: str) -> str | None:
    """Return the address that a host is, however it is written (``127.1``, ``0x7f000001``); None when it is a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except (OSError, UnicodeError):
        return None


def _effective(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does: packets go there in the end."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    is_itself = address.is_loopback or address.is_unspecified  # ::1 and :: are of ::/96 by their bits only
    if not is_itself and any(address in network for network in _STANDS_FOR_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def _is_public(address: Address) -> bool:
    # is_global is false for private, shared, loopback, link-local, unspecified, documentation and reserved ones
    return address.is_global and not address.is_multicast


def _is_special(address: Address) -> bool:
    if address.is_loopback:  # ::1 counts as reserved too
        return False
    return address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
