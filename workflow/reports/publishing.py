"""The versions of the playbook: which holds, since when and by whom, and who still follows an older one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from workflow import playbooks
from workflow.errors import NotFound
from workflow.records.models import Enrollment, PlaybookVersion, Publication

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.records.db import Record, Tx


@dataclass(frozen=True, slots=True)
class Version:
    """A playbook that was kept. `published_at` is when it last came into force, and `by` whose doing that was.

    `in_flight` counts the active enrollments that follow it.
    """

    number: int
    name: str
    digest: str
    published_at: datetime
    by: str
    in_force: bool
    in_flight: int


def versions(tx: Tx) -> tuple[Version, ...]:
    """Every version, the newest first."""
    held = playbooks.digest_in_force(tx)
    last: dict[str, Record] = {}
    for row in tx.conn.execute(
        select(Publication.to_digest, Publication.at, Publication.actor).order_by(Publication.at)
    ):
        last[row.to_digest] = row
    active = select(Enrollment.playbook_digest, func.count().label("number")).where(Enrollment.state == "active")
    following = {
        row.playbook_digest: row.number for row in tx.conn.execute(active.group_by(Enrollment.playbook_digest))
    }
    columns = (PlaybookVersion.number, PlaybookVersion.name, PlaybookVersion.digest, PlaybookVersion.published_at)
    return tuple(
        Version(
            number=row.number,
            name=row.name,
            digest=row.digest,
            published_at=last[row.digest].at if row.digest in last else row.published_at,
            by=last[row.digest].actor if row.digest in last else "system",
            in_force=row.digest == held,
            in_flight=following.get(row.digest, 0),
        )
        for row in tx.conn.execute(select(*columns).order_by(PlaybookVersion.number.desc()))
    )


def source(tx: Tx, digest: str) -> str:
    """The file of a version as it was read. Raises NotFound."""
    found = select(PlaybookVersion.source).where(PlaybookVersion.digest == digest)
    kept = tx.conn.execute(found).scalar_one_or_none()
    if kept is None:
        raise NotFound
    return str(kept)


def under_way(tx: Tx) -> str | None:
    """The id of the publication that is still moving those in flight, if any."""
    found = select(Publication.id).where(Publication.state == "moving").order_by(Publication.at).limit(1)
    return tx.conn.execute(found).scalar_one_or_none()
