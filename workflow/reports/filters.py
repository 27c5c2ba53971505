"""Which prospects the board and the list show: one set of filters for both, as conditions on `prospect`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import case, exists, false, literal

from workflow import ids
from workflow.records.base import Moment
from workflow.records.models import ExternalRef, Prospect
from workflow.reports.finding import found_by
from workflow.reports.scope import unerased

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

MINE: Final = "me"
NOBODYS: Final = "none"
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; an empty field asks nothing. `owner` is a rep's id, `me` or `none`, `source` the id of one.

    `mine` is one's own and those of whom one stands in for, as everywhere in the panel.
    """

    search: str = ""
    stage: str = ""
    owner: str = ""
    source: str = ""
    persona: str = ""
    stalled: bool = False

    @property
    def mine(self) -> bool:
        """Whether only the viewer's own are asked for."""
        return self.owner == MINE


def which(ws: Workspace, tx: Tx, viewer: Viewer, wanted: Wanted) -> tuple[ColumnElement[bool], ...]:
    """The conditions; what the viewer may not see is never asked for, nor who was erased: only numbers keep them."""
    found: list[ColumnElement[bool]] = [viewer.own() if wanted.mine else viewer.sees(), *unerased(tx)]
    if wanted.owner == NOBODYS:
        found.append(Prospect.owner_id.is_(None))
    elif wanted.owner and not wanted.mine:
        found.append(Prospect.owner_id == wanted.owner if ids.is_id(wanted.owner) else false())
    if wanted.stage:
        found.append(Prospect.stage == wanted.stage)
    if wanted.source:
        brought = exists().where(ExternalRef.prospect_id == Prospect.id, ExternalRef.source_id == wanted.source)
        found.append(brought if ids.is_id(wanted.source) else false())
    if wanted.persona:
        found.append(Prospect.custom["persona"].as_string() == wanted.persona)
    if wanted.stalled:
        found.append(stalled(ws, tx))
    return (*found, *found_by(tx, wanted.search))


def stalled(ws: Workspace, tx: Tx) -> ColumnElement[bool]:
    """Who has been longer in a stage than it allows. Walks along the times, so that the first page stops early."""
    limits = {
        stage.key: tx.now - stage.stalled_after
        for stage in ws.playbooks.in_force(tx).stages.values()
        if stage.stalled_after is not None and not stage.final
    }
    if not limits:
        return false()
    allowed = {key: literal(limit, Moment()) for key, limit in limits.items()}
    return Prospect.entered_stage_at < case(allowed, value=Prospect.stage, else_=literal(_NEVER, Moment()))
