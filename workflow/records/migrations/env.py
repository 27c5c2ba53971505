"""Runs the migrations on the connection that `workflow.records.db` hands in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from alembic import context

from workflow.records.base import Base, Moment

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def _render(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    # A migration must not change its meaning when a class of the product does.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Moment) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
