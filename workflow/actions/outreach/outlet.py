"""What one mailbox writes with: the sender's name, the signature under its emails, and the key that signs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from workflow.mail.address import Mailbox as Party
from workflow.mail.address import parse_mailbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.mail.dkim import Signer


@dataclass(frozen=True, slots=True)
class Outlet:
    """One mailbox as its emails show it. `signature` is plain text by language.

    With `tags` the address to answer to and the one for bounces carry the touch, so that even an answer that has lost
    its headers finds home; its server must deliver `name+anything@` to `name@` (RFC 5233).
    """

    sender: Party
    signature: Mapping[str, str] = field(default_factory=dict)
    signer: Signer | None = None
    tags: bool = False

    @property
    def domain(self) -> str:
        """The domain that its Message-IDs carry."""
        return self.sender.address.domain


@lru_cache(maxsize=8)
def of_installation(mail_from: str) -> Outlet:
    """The installation's own: its sender is ONWARD_MAIL_FROM."""
    return Outlet(parse_mailbox(mail_from, local_host=True))
