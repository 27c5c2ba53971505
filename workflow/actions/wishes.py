"""What a prospect asks for on the page behind an email's last link: no more, no more of this sequence, or a pause.

Looking reads only. Each wish may be sent twice and counts once; only a pause and a declined sequence can be undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from workflow.actions import barred, prospects
from workflow.actions.prospects import Who
from workflow.engine import calendar, reasons
from workflow.engine import signals as kinds
from workflow.errors import BadInput
from workflow.mail import links
from workflow.records.models import Enrollment, Prospect, Suppression
from workflow.text import line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from workflow.mail.links import Link
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

TEST_KEY: Final = "link-test"
"""Under this key the log of the list tells that somebody acted by the product's own link."""
_SENDER: Final = Who("prospect", "link:unsubscribe")
_GOES_ON_FOR: Final = timedelta(hours=24)
"""How long a declined sequence can be taken up where it ended."""
_LONGEST_NOTE: Final = 400


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with whoever holds a link. `paused_until` is a day on their own calendar.

    `sequence` is the one whose email the link came with, empty where there is none to choose; `again` an enrollment
    of it that may go on where it ended.
    """

    link: Link
    language: str = ""
    unsubscribed: bool = False
    paused_until: date | None = None
    sequence: str = ""
    declined: bool = False
    again: str | None = None


def look(ws: Workspace, token: str) -> Standing | None:
    """How it stands with whoever holds this link; None for one that is not ours or of somebody who is gone."""
    link = links.read(token, ws.key("links"))
    if link is None or link.prospect_id == links.SELF_TEST:
        return Standing(link) if link else None
    with ws.database.read() as tx:
        row = tx.conn.execute(
            select(
                Prospect.language, Prospect.time_zone, Prospect.mail_hold_until, Prospect.mail_hold_why,
                Prospect.declined, Suppression.cause,
            )
            .outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
            .where(Prospect.id == link.prospect_id)
        ).one_or_none()  # fmt: skip
        if row is None:
            return None
        of_link = _enrollment(tx, link)
        held = kinds.hold(row.mail_hold_until, row.mail_hold_why, tx.now)
        paused = held.until if held is not None and held.why == kinds.PAUSE else None
        zone = calendar.zone_of(row.time_zone, ws.playbooks.in_force(tx).time_zone)
        return Standing(
            link,
            row.language,
            unsubscribed=row.cause == barred.UNSUBSCRIBED,
            paused_until=paused.astimezone(zone).date() if paused else None,
            sequence=of_link.sequence if of_link else "",
            declined=of_link is not None and of_link.sequence in (row.declined or "").split(),
            again=_may_go_on(tx, link, of_link) if of_link else None,
        )


def everything(ws: Workspace, found: Standing) -> None:
    """Write to them no more."""
    if not found.unsubscribed:
        _tell(ws, found, kinds.UNSUBSCRIBED)


def pause(ws: Workspace, found: Standing) -> None:
    """Let their mail wait for a month; asked again it does not grow longer."""
    _tell(ws, found, kinds.PAUSED)


def go_on(ws: Workspace, found: Standing) -> None:
    """Undo their pause."""
    _tell(ws, found, kinds.PAUSE_UNDONE)


def decline(ws: Workspace, found: Standing) -> None:
    """End the sequence of the link, and begin it no more."""
    if found.sequence or found.link.prospect_id == links.SELF_TEST:
        _tell(ws, found, kinds.DECLINED, {"sequence": found.sequence})


def want_again(ws: Workspace, found: Standing) -> None:
    """Undo that; the sequence goes on where it ended, if that was within a day and nothing else happened since."""
    if found.sequence or found.link.prospect_id == links.SELF_TEST:
        _tell(ws, found, kinds.WANTED_AGAIN, {"sequence": found.sequence, "enrollment": found.again or ""})


def end_pause(ws: Workspace, prospect_id: str, note: str, who: Who) -> bool:
    """End a pause that the prospect asked for, because an administrator knows better; whether there was one.

    Raises NotFound, and BadInput without a reason.
    """
    clean = line(note, _LONGEST_NOTE)
    if not clean:
        message = "Say why the pause ends: the prospect asked for it."
        raise BadInput(message, field="reason")
    return bool(prospects.tell(ws, prospect_id, kinds.PAUSE_ENDED, {"detail": clean}, who).decision.history)


def _tell(ws: Workspace, found: Standing, kind: str, data: Mapping[str, Any] | None = None) -> None:
    if found.link.prospect_id == links.SELF_TEST:
        told = {"cause": kind, "actor": _SENDER.actor, "source": _SENDER.cause}
        ws.database.transact(lambda tx: barred.log(tx, "added", TEST_KEY, told))
        return
    prospects.tell(ws, found.link.prospect_id, kind, data or {}, _SENDER)


def _enrollment(tx: Tx, link: Link) -> Record | None:
    """The enrollment that a link came with; of an old link the one that is active, where there is only one."""
    columns = select(Enrollment.id, Enrollment.sequence).where(Enrollment.prospect_id == link.prospect_id)
    if link.enrollment_id is not None:
        return tx.conn.execute(columns.where(Enrollment.id == link.enrollment_id)).one_or_none()
    active = tx.conn.execute(columns.where(Enrollment.state == "active").limit(2)).all()
    return active[0] if len(active) == 1 else None


def _may_go_on(tx: Tx, link: Link, of_link: Record) -> str | None:
    newest = (
        select(Enrollment.id, Enrollment.state, Enrollment.reason, Enrollment.ended_at)
        .where(Enrollment.prospect_id == link.prospect_id, Enrollment.sequence == of_link.sequence)
        .order_by(Enrollment.started_at.desc(), Enrollment.id.desc())
        .limit(1)
    )
    row = tx.conn.execute(newest).one()
    why = reasons.unpack(row.reason)
    by_wish = row.state == "stopped" and why is not None and why.code == "stop.declined"
    return str(row.id) if by_wish and tx.now - row.ended_at <= _GOES_ON_FOR else None
