"""Where Onward may call out to: which addresses may be typed in, and which a name may lead to.

A name is resolved once and every address it has must be public; the call then goes to one of those and to nothing else,
so that a name that changes its mind in between changes nothing. Calls nobody itself.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import idna

from workflow.errors import BadInput, OnwardError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LONGEST: Final = 2_000
_PORTS: Final = frozenset({443, 8443})
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# What `ipaddress` calls global or leaves open, and what leads elsewhere than it looks.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4",
        # Teredo, 6to4 and documentation within the public part of IPv6.
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip
_IPV6_IN_USE: Final = ipaddress.ip_network("2000::/3")


class Refused(OnwardError):
    """The address leads to a place that Onward does not call: use a public one."""


@dataclass(frozen=True, slots=True)
class Place:
    """A checked address: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_tls(self) -> bool:
        """Whether it is reached over TLS."""
        return self.scheme == "https"


class Resolver(Protocol):
    """Turns names into addresses."""

    def addresses(self, host: str, port: int, timeout_s: float) -> Sequence[str]:
        """All addresses of a name. Raises OSError when it has none or nobody answers in time."""


class SystemResolver:
    """The resolver of this host, which is asked in a thread, because it knows no time limit."""

    def addresses(self, host: str, port: int, timeout_s: float) -> Sequence[str]:
        """All addresses of a name. Raises OSError when it has none or nobody answers in time."""
        if host == "localhost" or host.endswith(".localhost"):
            # Not every system's resolver knows the names below it.
            return ["127.0.0.1", "::1"]
        found: list[str] = []
        failed: list[OSError] = []

        def ask() -> None:
            try:
                answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))
            except (OSError, UnicodeError) as error:
                failed.append(error if isinstance(error, OSError) else OSError("the name cannot be asked for"))

        thread = threading.Thread(target=ask, name="resolver", daemon=True)
        thread.start()
        thread.join(timeout_s)
        if failed:
            raise failed[0]
        if not found:
            message = "nobody answers for this name"
            raise TimeoutError(message)
        return found


class FakeResolver:
    """A working stand-in: answers from a table, one answer after the other and then the last one for ever."""

    def __init__(self, table: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.table = {host: list(answers) for host, answers in table.items()}
        self.asked: list[str] = []

    def addresses(self, host: str, port: int, timeout_s: float) -> Sequence[str]:
        """The next answer for a name."""
        self.asked.append(host)
        answers = self.table.get(host)
        if not answers:
            message = "there is no such name"
            raise OSError(message)
        return answers.pop(0) if len(answers) > 1 else answers[0]


def place(url: str, *, private: bool = False) -> Place:
    """The place that `url` names. Raises BadInput for what is not a plain https address.

    With `private` also http, any port and names without a dot are taken: for labs.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _bad("cannot be read") from None
    if len(url) > _LONGEST or not (parts.path + parts.query).isascii():
        raise _bad("is too long, or its path has signs that must be written as %..")
    if any(ord(sign) <= ord(" ") or sign in '\\"<>\x7f' for sign in url):
        raise _bad("has blanks or signs that no address has")
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise _bad("must begin with https://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _bad("must have no user, password or fragment in it")
    known = 443 if parts.scheme == "https" else 80
    if port is not None and port not in _PORTS and not private:
        raise _bad("must use the port 443 or 8443")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, _host(host, private=private), port if port is not None else known, path)


def addresses(where: Place, resolver: Resolver, *, private: bool = False, timeout_s: float = 5.0) -> Sequence[str]:
    """The addresses to connect to, every one of them allowed. Raises Refused, and OSError when there are none."""
    found = resolver.addresses(where.host, where.port, timeout_s)
    if not private:
        for each in found:
            if not is_public(each):
                message = f"The address leads to {each}, which is not public."
                raise Refused(message)
    return found


def is_public(written: str) -> bool:
    """Whether an IP address is one of the open internet, and stands for no other address."""
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id or address not in _IPV6_IN_USE):
        # Also what carries an IPv4 address: mapped, compatible and NAT64, which `is_global` calls public.
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def _host(host: str, *, private: bool) -> str:
    """A host as it is asked for and as its certificate names it."""
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        address = ""
    if address and not private and not is_public(address):
        raise _bad("is not one of the open internet")
    if address:
        return address
    try:
        name = host.rstrip(".") if host.isascii() else idna.encode(host.rstrip("."), uts46=True).decode()
    except idna.IDNAError:
        raise _bad("names a host that cannot be") from None
    labels = name.lower().split(".")
    # A last label of digits, or 0x…, is an IPv4 address in disguise.
    numeric = re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]) is not None
    # Names ending in .localhost never leave this machine (RFC 6761), whatever a resolver says.
    here = labels[-1] == "localhost" and not private
    if numeric or here or (len(labels) == 1 and not private) or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad("names no host of the internet")
    return ".".join(labels)


def _bad(what: str) -> BadInput:
    return BadInput(f"The address {what}: write it like https://example.com/hooks.", field="url")
