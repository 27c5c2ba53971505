"""Who may do what: one table for panel and API, and everything that is not in it is refused.

A role says what a person or a key may do at most; the scopes of a key of the API may allow less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

Action = Literal[
    "suppressions", "unsuppress", "end_pause",
    "see_everyone", "assign", "resume_mailbox", "mailboxes", "deliveries", "sources", "playbook", "people", "audit",
    "endpoints", "erase", "templates", "import", "sequences",
]  # fmt: skip

_ALLOWED: Final[dict[Action, frozenset[str]]] = {
    # A rep works on prospects of their own and on those that belong to nobody yet.
    "see_everyone": frozenset({"manager", "admin"}),
    "assign": frozenset({"manager", "admin"}),
    "resume_mailbox": frozenset({"manager", "admin"}),
    # A file may name the prospects of everybody.
    "import": frozenset({"manager", "admin"}),
    # Whoever names the servers decides where the mail of everybody goes, and who reads what comes back.
    "mailboxes": frozenset({"admin"}),
    # Bodies of deliveries hold what every sender knows of everybody.
    "deliveries": frozenset({"admin"}),
    "sources": frozenset({"admin"}),
    # Whoever names an endpoint lets everything known of everybody leave.
    "endpoints": frozenset({"admin"}),
    # What prospects read is the business of whoever answers for the team.
    "templates": frozenset({"manager", "admin"}),
    # A draft is in force nowhere; what is published is the business of administrators.
    "sequences": frozenset({"manager", "admin"}),
    "playbook": frozenset({"admin"}),
    # Who names people and keys names who may do everything else.
    "people": frozenset({"admin"}),
    "audit": frozenset({"manager", "admin"}),
    # The list names people of everybody's; who takes one off it, or ends a pause, goes against a person's own word.
    "suppressions": frozenset({"manager", "admin"}),
    "unsuppress": frozenset({"admin"}),
    "end_pause": frozenset({"admin"}),
    # There is no way back.
    "erase": frozenset({"admin"}),
}

# The areas of the API, and the first words of the addresses that belong to each. What is in none is in OTHERS.
OTHERS: Final = "settings"
AREAS: Final[dict[str, tuple[str, ...]]] = {
    "prospects": ("prospects", "calls", "imports", "exports", "reports", "snoozes", "goals"),
    "outreach": (
        "touches", "tasks", "enrollments", "sequences", "mailboxes", "templates", "suppressions", "unmatched",
        "attention",
    ),
    "meetings": ("meetings",),
    "playbook": ("playbook", "simulations"),
    "webhooks": ("sources", "deliveries", "events", "endpoints"),
    "people": ("reps", "keys"),
    "audit": ("audit",),
    OTHERS: (),
}  # fmt: skip
SCOPES: Final = ("read", "write", *(f"{area}:{act}" for area in AREAS for act in ("read", "write")))
"""What a key may be given: all reading, all writing (which includes reading), or either in one area."""


def may(role: str, action: Action) -> bool:
    """Whether a person or a key of this role may do `action`."""
    return role in _ALLOWED[action]


def area_of(path: str) -> str:
    """The area of an address of the API, as `/prospects/<id>`, by its first word."""
    word = path.strip("/").split("/", 1)[0]
    return next((area for area, words in AREAS.items() if word in words), OTHERS)


def covers(scopes: Collection[str], area: str, *, write: bool) -> bool:
    """Whether a key with these scopes may do this in `area`; a key without any may do all that its role allows."""
    enough = {"write", f"{area}:write"} if write else {"read", "write", f"{area}:read", f"{area}:write"}
    return not scopes or not enough.isdisjoint(scopes)
