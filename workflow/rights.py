"""Who may do what: one table for panel and API, and everything that is not in it is refused."""

from __future__ import annotations

from typing import Final, Literal

Action = Literal["see_everyone", "assign", "resume_mailbox", "mailboxes", "deliveries", "sources", "playbook"]

_ALLOWED: Final[dict[Action, frozenset[str]]] = {
    # A rep works on prospects of their own and on those that belong to nobody yet.
    "see_everyone": frozenset({"manager", "admin"}),
    "assign": frozenset({"manager", "admin"}),
    "resume_mailbox": frozenset({"manager", "admin"}),
    # Whoever names the servers decides where the mail of everybody goes, and who reads what comes back.
    "mailboxes": frozenset({"admin"}),
    # Bodies of deliveries hold what every sender knows of everybody.
    "deliveries": frozenset({"admin"}),
    "sources": frozenset({"admin"}),
    "playbook": frozenset({"admin"}),
}


def may(role: str, action: Action) -> bool:
    """Whether a person or a key of this role may do `action`."""
    return role in _ALLOWED[action]
