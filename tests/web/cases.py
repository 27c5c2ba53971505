"""The form of a case: what a vendor says, and what we understand by it, one line for each event.

A line holds the type, then whichever there are of: the value or whether a bounce is lasting, @ and the ref, the
address, and after a bar the name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """One body of a vendor's, and the events in it."""

    kind: str
    name: str
    body: bytes
    events: tuple[str, ...]
    headers: dict[str, str] = field(default_factory=dict)


def case(kind: str, name: str, body: object, *events: str, **headers: str) -> Case:
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Case(kind, name, content, events, {name.replace("_", "-"): value for name, value in headers.items()})


OWN = "01a20434-2302-7e55-960e-223da1bd36bd"
"""An id of a prospect of ours, as other systems carry it."""
