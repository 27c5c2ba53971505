"""The emails that need a person, for Today: answers and bounces first, then those in doubt, failed or too late.

The latter three are `reports.attention`'s, which has the work on them; an answer needs somebody until a person did
anything with its prospect, a bounce until there is another address. Both can be put aside. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Select, case, exists, func, select
from sqlalchemy.orm import aliased

from workflow.engine.signals import BOUNCED, REPLIED
from workflow.records.models import History, Incoming, Prospect, Suppression
from workflow.records.prepared import one_of
from workflow.reports import attention
from workflow.reports.attention import Wanted
from workflow.reports.scope import unerased
from workflow.reports.snoozes import awake

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from workflow.playbook.schema import Step
    from workflow.records.db import Record, Tx
    from workflow.reports.attention import Need, Sign
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

# In the words and the order of the index over them.
_ANSWERS: Final = (REPLIED, BOUNCED)
_LATELY: Final = timedelta(days=30)
_MAIL: Final = "mail:"
_QUOTED: Final = 160


@dataclass(frozen=True, slots=True)
class Letter:
    """One email that needs a person. `what` is `replied`, `bounced` or a kind of `attention`.

    `about` and `version` name it when it is put off. `quote` is what the prospect wrote, where it is known. `acts` is
    what can be decided about an email of ours, `signs` what is known about it.
    """

    what: str
    about: str
    version: int
    at: datetime
    prospect_id: str
    name: str
    company: str
    title: str
    email: str
    stage: str
    subject: str | None = None
    step: Step | None = None
    key: str = ""
    reason: str | None = None
    quote: str = ""
    acts: tuple[str, ...] = ()
    signs: tuple[Sign, ...] = ()

    @property
    def is_answer(self) -> bool:
        """Whether it came from outside, and can be put aside."""
        return self.what in ("replied", "bounced")


def letters(ws: Workspace, tx: Tx, viewer: Viewer, *, limit: int, spooled: Collection[str] = ()) -> tuple[Letter, ...]:
    """What needs this person and is not put off: answers with the newest first, the rest with the oldest first.

    `spooled` are the touches of which an outcome waits on disk, as in `attention.work`.
    """
    rows = tx.conn.execute(_found(ws, tx, viewer).order_by(History.at.desc(), History.prospect_id).limit(limit)).all()
    written = _written(tx, rows)
    found = [_answer(row, written) for row in rows]
    for what in attention.KINDS:
        left = limit - len(found)
        if left > 0:
            wanted = Wanted(what, awake=True)
            found += [_need(each) for each in attention.needs(ws, tx, viewer, wanted, limit=left, spooled=spooled)]
    return tuple(found)


def answers(ws: Workspace, tx: Tx, viewer: Viewer) -> int:
    """How many answers and bounces need this person."""
    return int(tx.conn.execute(select(func.count()).select_from(_found(ws, tx, viewer).subquery())).scalar_one())


def _found(ws: Workspace, tx: Tx, viewer: Viewer) -> Select[*tuple[Any, ...]]:
    later = aliased(History)
    after = exists().where(later.prospect_id == History.prospect_id, later.version > History.version)
    again, acted = after.where(later.kind == History.kind), after.where(later.actor.startswith("rep:"))
    final = [stage.key for stage in ws.playbooks.in_force(tx).stages.values() if stage.final]
    barred = Suppression.email_key.is_not(None)
    # Not said with OR: PostgreSQL would look for each kind by itself, among all that were ever received.
    waits: ColumnElement[bool] = case((History.kind == REPLIED, ~acted), else_=barred)
    return (
        select(
            History.prospect_id, History.version, History.at, History.kind, History.cause, History.detail,
            Prospect.name, Prospect.company, Prospect.title, Prospect.email, Prospect.stage,
        )
        .join(Prospect, Prospect.id == History.prospect_id)
        .outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
        .where(one_of(History.kind, _ANSWERS), History.at > tx.now - _LATELY, viewer.sees(), *unerased(tx))
        .where(Prospect.stage.not_in(final), ~again, waits)
        .where(awake(viewer, tx.now, "answer", History.prospect_id, History.version))
    )  # fmt: skip


def _written(tx: Tx, rows: Sequence[Record]) -> Mapping[str, Record]:
    """What was read of these answers, by the cause of their row of history."""
    named = [row.cause.removeprefix(_MAIL) for row in rows if row.kind == REPLIED and row.cause.startswith(_MAIL)]
    if not named:
        return {}
    found = tx.conn.execute(select(Incoming.id, Incoming.subject, Incoming.visible).where(Incoming.id.in_(named)))
    return {_MAIL + row.id: row for row in found}


def _answer(row: Record, written: Mapping[str, Record]) -> Letter:
    mail = written.get(row.cause)
    return Letter(
        what="replied" if row.kind == REPLIED else "bounced",
        about=row.prospect_id,
        version=row.version,
        at=row.at,
        prospect_id=row.prospect_id,
        name=row.name,
        company=row.company,
        title=row.title,
        email=row.email,
        stage=row.stage,
        subject=mail.subject if mail else None,
        # A source that tells of a reply may say what is in it.
        quote=_short(mail.visible if mail else str(row.detail.get("detail", ""))) if row.kind == REPLIED else "",
    )


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _QUOTED else f"{words[:_QUOTED].rsplit(' ', 1)[0]}…"


def _need(need: Need) -> Letter:
    return Letter(
        what=need.what,
        about=need.id,
        version=0,
        at=need.at,
        prospect_id=need.prospect_id,
        name=need.name,
        company=need.company,
        title=need.title,
        email=need.email,
        stage=need.stage,
        subject=need.subject,
        step=need.step,
        key=need.key,
        reason=need.reason,
        acts=need.acts,
        signs=need.signs,
    )
