"""Email addresses: one rule for what counts as one, and one key to tell whether two are the same.

Checks the form only and asks no name server. Stricter than RFC 5321 where its freedom is used by nobody but attackers:
no quoted local parts, no comments, no IP literals.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

from workflow.errors import BadInput

LONGEST: Final = 254
"""Bytes of a whole address (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""
LONGEST_LOCAL: Final = 64
"""Bytes of the part before the @ (RFC 5321, section 4.5.3.1.1)."""
_SHOWN: Final = 60
"""Signs of a bad address that an error repeats."""
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAMED: Final = re.compile(r"\s*\"?([^\"<>]*?)\"?\s*<([^<>]*)>\s*")


@dataclass(frozen=True, slots=True)
class Address:
    """An address: the local part as written, the domain in its ASCII form, lower case.

    `key` is what two spellings of the same address share: it serves suppression and the search for doubles. Mail goes
    to `text`, because the receiving server alone decides what the case of a local part means.
    """

    local: str
    domain: str
    key: str

    @property
    def text(self) -> str:
        """The address to send to."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can carry it."""
        return not self.local.isascii()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and the name a person reads beside it."""

    name: str
    address: Address


# One delivery asks for the same address two or three times.
# More than the rows of one batch of an import, each of which is asked for ten times.
@lru_cache(maxsize=512)
def parse_address(text: str, *, local_host: bool = False) -> Address:
    """The address in `text`, spaces around it aside. Raises BadInput with one sentence.

    `local_host` allows the bare domain `localhost`, which only our own sender may have.
    """
    bare = text.strip(" \t\r\n")
    if not bare:
        raise _bad("There is no address: write one such as ana@example.com.")
    if len(bare) > LONGEST or len(bare.encode("utf-8", "replace")) > LONGEST:
        raise _bad(f"The address is longer than {LONGEST} bytes, and no mail server would take it.")
    local, at, domain = bare.rpartition("@")
    if not at or not local or not domain:
        raise _bad(f"{_shown(bare)} is no address: it needs a name, one @ and a domain, such as ana@example.com.")
    local = unicodedata.normalize("NFC", local)
    if "@" in local or not _LOCAL.fullmatch(local) or not (local.isascii() or all(map(_plain, local))):
        raise _bad(f"The part before the @ of {_shown(bare)} has a sign, a space or a dot where none may be.")
    if len(local.encode()) > LONGEST_LOCAL:
        raise _bad(f"The part before the @ is longer than {LONGEST_LOCAL} bytes, and no mail server would take it.")
    ascii_domain = _domain(domain, bare, local_host=local_host)
    if len(local.encode()) + 1 + len(ascii_domain) > LONGEST:
        raise _bad(f"The address is longer than {LONGEST} bytes, and no mail server would take it.")
    key = f"{unicodedata.normalize('NFC', local.casefold())}@{ascii_domain}"
    return Address(local, ascii_domain, key)


def key_of(text: str) -> str | None:
    """The key of the address in `text`, or None when there is no usable one."""
    try:
        return parse_address(text).key
    except BadInput:
        return None


def readable(key: str) -> str:
    """The key of an address, or a domain after an @, with the domain as people write it, where that can be."""
    local, at, domain = key.rpartition("@")
    if "xn--" not in domain:
        return key
    try:
        return f"{local}{at}{idna.decode(domain)}"
    except (idna.IDNAError, UnicodeError):
        return key


def sought(part: str) -> tuple[str, ...]:
    """What a part of an address may look like within a key: as it is, and with its domain in ASCII."""
    local, at, domain = part.casefold().rpartition("@")
    try:
        labels = [idna.encode(each, uts46=True).decode("ascii") if each else "" for each in domain.split(".")]
    except (idna.IDNAError, UnicodeError):
        return (part.casefold(),)
    return tuple(dict.fromkeys((part.casefold(), f"{local}{at}{'.'.join(labels)}")))


def parse_mailbox(text: str, *, local_host: bool = False) -> Mailbox:
    """`Onward <sales@example.com>` or a bare address. Raises BadInput with one sentence."""
    named = _NAMED.fullmatch(text)
    if named is None:
        return Mailbox("", parse_address(text, local_host=local_host))
    return Mailbox(named[1].strip(), parse_address(named[2], local_host=local_host))


def _domain(domain: str, whole: str, *, local_host: bool) -> str:
    """The domain in its ASCII form (IDNA 2008 with the mapping of UTS 46)."""
    if domain.startswith("["):
        raise _bad(f"{_shown(whole)} names a machine by number: write its domain.")
    name = domain.lower()
    if not name.isascii() or "xn--" in name:
        try:
            name = idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
            idna.decode(name)
        except (idna.IDNAError, UnicodeError) as error:
            raise _bad(f"The domain of {_shown(whole)} is not a possible one.") from error
    if name == "localhost" and local_host:
        return name
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad(f"The domain of {_shown(whole)} has a sign, a space or a dot where none may be.")
    if len(labels) == 1:
        raise _bad(f"The domain of {_shown(whole)} has no dot: write it in full, such as example.com.")
    if labels[-1].isdigit():
        raise _bad(f"{_shown(whole)} names a machine by number: write its domain.")
    return name


def _plain(sign: str) -> bool:
    """Whether a sign beyond ASCII is a letter, a mark or a digit: no control, no space, no invisible one."""
    return sign.isascii() or unicodedata.category(sign)[0] in "LMN"


def _shown(text: str) -> str:
    """`text` as it may stand in a sentence: short, on one line, nothing invisible."""
    clean = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…"


def _bad(message: str) -> BadInput:
    return BadInput(message, field="email")
