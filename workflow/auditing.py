"""The one place where a changed setting is written down: who, when, what, and what it was before and after.

Writes in the caller's transaction, so that no change is without its row and no row without its change. What happens to
prospects has a history of its own and is none of this.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert

from workflow import ids
from workflow.records.audit import SettingChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.records.db import Tx

KINDS: Final = (
    "rep.added", "rep.changed", "rep.password", "rep.link", "rep.away", "rep.back", "rep.disabled",
    "key.added", "key.revoked",
    "mailbox.added", "mailbox.changed", "mailbox.paused", "mailbox.resumed", "mailbox.removed",
    "source.added", "source.rotated", "source.confirmed", "source.token", "source.writes", "source.poll",
    "source.paused", "source.resumed", "source.removed",
    "endpoint.added", "endpoint.changed", "endpoint.rotated", "endpoint.paused", "endpoint.resumed",
    "endpoint.removed",
    "suppression.removed", "template.saved", "playbook.published", "secrets.sealed",
)  # fmt: skip
"""Every kind of change. The word before the dot is the area that lists can be narrowed to."""
AREAS: Final = tuple(dict.fromkeys(kind.partition(".")[0] for kind in KINDS))
_NOTHING: Final[Mapping[str, Any]] = {}


def note(
    tx: Tx,
    actor: str,
    what: str,
    about: str,
    before: Mapping[str, Any] = _NOTHING,
    after: Mapping[str, Any] = _NOTHING,
    *,
    about_id: str | None = None,
) -> None:
    """Write one change of a setting; only the fields that differ are kept, and none that differ is no change.

    Without any field it is something done, as a removal, and is always written. No secret may be handed in: `hidden`
    says of secrets what may be said. Raises KeyError for a kind that is not in KINDS.
    """
    if what not in KINDS:
        raise KeyError(what)
    names = {name: (_plain(before.get(name)), _plain(after.get(name))) for name in (*before, *after)}
    changed = {name: pair for name, pair in names.items() if pair[0] != pair[1]}
    if names and not changed:
        return
    row = {
        "id": ids.new_id(),
        "at": tx.now,
        "actor": actor,
        "what": what,
        "about": about,
        "about_id": about_id,
        "before": {name: pair[0] for name, pair in changed.items() if pair[0] is not None},
        "after": {name: pair[1] for name, pair in changed.items() if pair[1] is not None},
    }
    tx.conn.execute(insert(SettingChange), row)


def hidden(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What may be said of secrets: that there is one, or that it is another one now."""
    was = {name: "set" for name, value in before.items() if value}
    now = {name: "set" if before.get(name, value) == value else "changed" for name, value in after.items() if value}
    return was, now


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    """As JSON keeps it; what is empty counts as nothing."""
    if isinstance(value, datetime):
        return value.isoformat()
    return None if value in ("", (), [], {}) else value
