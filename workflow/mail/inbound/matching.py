"""Which mail of ours something answers, as far as the message itself can tell: candidates, the surest first.

Looks nothing up. A signature of ours that is wrong is forged, and whatever it stands on is left out.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from workflow.mail import links
from workflow.mail.address import LONGEST_LOCAL, key_of
from workflow.mail.compose import touch_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workflow.mail.address import Address

Confidence = Literal["sure", "likely", "low"]
By = Literal["message_id", "token", "link", "unsigned_id", "recipient", "sender", "person"]

_MAC_BYTES: Final = 8
"""64 bits, as in our Message-IDs: guessing costs the attacker one mail each, and the gain is a note in a timeline."""
_TOKEN: Final = re.compile(r"(?:^|[+\-_=.])([a-z2-7]{39})$")
_OUR_FORM: Final = re.compile(r"<?touch-[0-9a-f-]{36}\.[0-9a-f]{16}@", re.IGNORECASE)
REPLY: Final = "reply"
BOUNCE: Final = "bounce"
UNSUBSCRIBE: Final = "unsubscribe"
_PURPOSES: Final = (REPLY, BOUNCE, UNSUBSCRIBE)


@dataclass(frozen=True, slots=True)
class Ours:
    """How we know our own work again: keys, the newest first, and the addresses our mails come from.

    `message_keys` sign Message-IDs, `tag_keys` the tags of plus-addresses, `link_keys` the links to unsubscribe.
    """

    message_keys: tuple[str, ...] = ()
    tag_keys: tuple[str, ...] = ()
    link_keys: tuple[str, ...] = ()
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One mail or person that this may be about, how it was found and how sure that is.

    `sure` is signed by us. `likely` is a Message-ID that is not signed, such as a provider puts in the place of ours:
    to be looked up as it stands. `low` is an address, which anybody can write.
    """

    by: By
    value: str
    confidence: Confidence
    touch_id: str | None = None
    prospect_id: str | None = None
    where: str = ""


def new_tag(purpose: str, uuid: str, key: str) -> str:
    """A tag of 39 letters and digits for the local part of an address of ours; it survives any change of case.

    Carries the id of a touch (a prospect for UNSUBSCRIBE) and 64 bits of proof, bound to `purpose`. Raises ValueError
    for what is no UUID.
    """
    raw = UUID(uuid).bytes
    return base64.b32encode(raw + _proof(purpose, raw, key)).decode("ascii").rstrip("=").lower()


def read_tag(purpose: str, tag: str, key: str) -> str | None:
    """The id in a tag of ours, or None for everything else."""
    if len(tag) != 39 or not tag.isascii():  # noqa: PLR2004 - 24 bytes in base32
        return None
    try:
        data = base64.b32decode(tag.upper() + "=")
    except ValueError:
        return None
    raw, proof = data[:16], data[16:]
    # Made anew and compared whole, because the last sign of base32 has spellings that mean the same bytes.
    good = (
        hmac.compare_digest(_proof(purpose, raw, key), proof)
        and new_tag(purpose, str(UUID(bytes=raw)), key) == tag.lower()
    )
    return str(UUID(bytes=raw)) if good else None


def tagged(address: Address, tag: str) -> Address | None:
    """`address` with `tag` after a plus; None where the local part would be longer than mail servers take."""
    local = f"{address.local}+{tag}"
    if len(local.encode()) > LONGEST_LOCAL:
        return None
    return replace(address, local=local, key=f"{local.casefold()}@{address.domain}")


def by_ids(ids: Iterable[str], ours: Ours, where: str, *, report: bool) -> Iterator[Candidate]:
    """Candidates by Message-IDs. In a `report`, which anybody can forge, an unsigned one counts for little."""
    for each in ids:
        touch = next((found for key in ours.message_keys if (found := touch_of(each, key))), None)
        if touch:
            yield Candidate("message_id", each, "sure", touch_id=touch, where=where)
        elif not (ours.message_keys and _OUR_FORM.match(each)):
            yield Candidate("unsigned_id", each, "low" if report else "likely", where=where)


def by_tags(addresses: Iterable[str], ours: Ours, where: str) -> Iterator[Candidate]:
    """Candidates by the tags in addresses of ours."""
    for address in addresses:
        match = _TOKEN.search(address.partition("@")[0].lower())
        for key in ours.tag_keys if match else ():
            for purpose in _PURPOSES:
                found = read_tag(purpose, match[1], key) if match else None
                if found and purpose == UNSUBSCRIBE:
                    yield Candidate("token", address, "sure", prospect_id=found, where=where)
                elif found:
                    yield Candidate("token", address, "sure", touch_id=found, where=where)


def by_link(token: str, ours: Ours, where: str) -> Iterator[Candidate]:
    """The candidate by the token of a link to unsubscribe, as the subject of such a mail carries it."""
    for key in ours.link_keys if token else ():
        found = links.read(token, key)
        if found:
            yield Candidate("link", token, "sure", prospect_id=found.prospect_id, where=where)


def by_address(
    addresses: Iterable[str], ours: Ours, by: Literal["recipient", "sender", "person"], where: str
) -> Iterator[Candidate]:
    """Candidates by people's addresses, ours left out."""
    for address in addresses:
        key = key_of(address)
        if key and key not in ours.addresses:
            yield Candidate(by, key, "low", where=where)


def ordered(found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """`found` with the surest first, each once, else in the order it was found."""
    rank = {"sure": 0, "likely": 1, "low": 2}
    once: dict[tuple[str, str], Candidate] = {}
    for each in found:
        once.setdefault((each.by, each.value), each)
    return tuple(sorted(once.values(), key=lambda each: rank[each.confidence]))


def _proof(purpose: str, raw: bytes, key: str) -> bytes:
    if not key or "\0" in purpose:
        message = "A tag needs a key, and a purpose without a zero byte."
        raise ValueError(message)
    return hmac.digest(key.encode(), f"onward tag\0{purpose}\0".encode() + raw, "sha256")[:_MAC_BYTES]
