"""What analytics count: the stages that each prospect reached, who brought it, competitors named, and ended stays.

Adds only. All of it is derived from history, so every row gets it anew.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from workflow import progress

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_AT_ONCE: Final = 1000
_NEW: Final = ("reached", "origin", "competitor")
_prospect: Final = sa.table(
    "prospect",
    *(sa.column(name) for name in ("id", "custom", "owner_id", "language", "merged_into", *_NEW)),
)
_history: Final = sa.table(
    "history",
    *(sa.column(name) for name in ("prospect_id", "version", "kind", "actor", "cause", "to_stage")),
    sa.column("occurred_at", sa.DateTime(timezone=True)),
)
_stay: Final = sa.table(
    "stay",
    *(sa.column(name) for name in ("prospect_id", "version", "stage", "hours", "owner_id", "language", "origin")),
    sa.column("left_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    for name in _NEW:
        op.add_column("prospect", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "stay",
        sa.Column("prospect_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["prospect_id"], ["prospect.id"], name=op.f("fk_stay_prospect_id")),
        sa.PrimaryKeyConstraint("prospect_id", "version", name=op.f("pk_stay")),
    )
    _fill()
    op.create_index("ix_stay_hours", "stay", ["stage", "hours", "left_at", "owner_id", "origin", "language"])
    op.create_index(
        "ix_prospect_reached",
        "prospect",
        ["reached", "stage", "outcome", "owner_id", "origin", "language", "merged_into", "created_at"],
    )
    for name, columns, where in (
        (
            "ix_prospect_closed",
            ["outcome", "entered_stage_at", "created_at", "owner_id", "origin", "language",
             "merged_into"],
            "outcome IS NOT NULL",
        ),
        (
            "ix_prospect_competitor",
            ["competitor", "outcome", "created_at", "owner_id", "origin", "language", "merged_into"],
            "competitor <> ''",
        ),
    ):  # fmt: skip
        op.create_index(name, "prospect", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    of_mail = "kind IN ('email.replied', 'meeting.booked', 'email.unsubscribed', 'email.bounced')"
    op.create_index(
        "ix_history_of_mail",
        "history",
        ["kind", "occurred_at", "prospect_id"],
        sqlite_where=sa.text(of_mail),
        postgresql_where=sa.text(of_mail),
    )
    left = "kind = 'email' AND committed_at IS NOT NULL"
    op.create_index(
        "ix_touch_left",
        "touch",
        ["sequence", "step", "variant", "committed_at", "state", "prospect_id"],
        sqlite_where=sa.text(left),
        postgresql_where=sa.text(left),
    )


def _fill() -> None:
    """Fold the histories, some thousand prospects at a time."""
    bind = op.get_bind()
    new = sa.update(_prospect).where(_prospect.c.id == sa.bindparam("which"))
    new = new.values(**{name: sa.bindparam(f"new_{name}") for name in _NEW})
    custom = sa.type_coerce(_prospect.c.custom, sa.JSON()).label("custom")
    columns = (_prospect.c.id, custom, _prospect.c.owner_id, _prospect.c.language, _prospect.c.merged_into)
    last = ""
    while True:
        found = sa.select(*columns).where(_prospect.c.id > last).order_by(_prospect.c.id).limit(_AT_ONCE)
        rows = bind.execute(found).all()
        if not rows:
            return
        between = _history.c.prospect_id.between(rows[0].id, rows[-1].id)
        links = defaultdict(list)
        for link in bind.execute(sa.select(_history).where(between).order_by(*_history.c[:2])):
            links[link.prospect_id].append(link)
        last = rows[-1].id
        bind.execute(new, [_told(row, links[row.id]) for row in rows])
        stays = [stay for row in rows if row.merged_into is None for stay in _stays(row, links[row.id])]
        if stays:
            bind.execute(sa.insert(_stay), stays)


def _told(row: sa.Row[Any], links: list[sa.Row[Any]]) -> dict[str, str]:
    return {
        "which": row.id,
        "new_reached": progress.told(progress.marks((link.kind, link.to_stage) for link in links)),
        "new_origin": progress.origin(links[0].actor, links[0].cause) if links else "",
        "new_competitor": progress.competitors(row.custom or {}),
    }


def _stays(row: sa.Row[Any], links: list[sa.Row[Any]]) -> list[dict[str, Any]]:
    stays: list[dict[str, Any]] = []
    before: sa.Row[Any] | None = None
    origin = progress.origin(links[0].actor, links[0].cause) if links else ""
    for link in links:
        if link.to_stage is None:
            continue
        took = progress.hours(_aware(before.occurred_at), _aware(link.occurred_at)) if before else None
        if before is not None and took is not None:
            stays.append(
                {
                    "prospect_id": row.id, "version": link.version, "stage": before.to_stage, "hours": took,
                    "left_at": _aware(link.occurred_at), "owner_id": row.owner_id, "language": row.language,
                    "origin": origin,
                }
            )  # fmt: skip
        before = link
    return stays


def _aware(moment: datetime) -> datetime:
    """SQLite keeps no zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
