"""The daily test of the product's own link to unsubscribe: it is opened as a scanner would, and nothing may change.

If looking changes anything, every mailbox is paused: mail scanners would then unsubscribe people who never asked. An
address that cannot be reached stops nothing; it is tried again soon and told by `onward doctor`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import func, select, update

from workflow.actions.outreach import settle
from workflow.actions.wishes import TEST_KEY
from workflow.engine.reasons import because
from workflow.mail import links
from workflow.records import upserts
from workflow.records.models import Mailbox
from workflow.records.suppressions import LinkTest, SuppressionLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.records.db import Tx
    from workflow.workspace import Workspace

Result = Literal["passed", "unreached", "changed"]

_ROW: Final = "link"
_EVERY: Final = timedelta(days=1)
_AGAIN: Final = timedelta(minutes=15)


def run(ws: Workspace, get: Callable[[str], str]) -> Result | None:
    """Make the test if it is due; None when it is not, or when somebody else makes it.

    `get` opens an address and gives what is wrong with it, empty for nothing.
    """
    if not ws.database.transact(_take_turn):
        return None
    token = links.sign(links.Link(links.SELF_TEST), ws.key("links"))
    with ws.database.read() as tx:
        before = _acted(tx)
    problem = get(f"{ws.settings.base_url}/u/{token}")

    def record(tx: Tx) -> Result:
        acted = _acted(tx) - before
        if acted:
            _stop_everything(tx, seen := f"{acted} acts by a link that was only opened")
            _write(tx, "changed", seen)
            return "changed"
        _write(tx, "unreached" if problem else "passed", problem)
        return "unreached" if problem else "passed"

    return ws.database.transact(record)


def _take_turn(tx: Tx) -> bool:
    """Whether the test is due and ours: of several clocks one moves the time of the next forward."""
    first = {"id": _ROW, "next_at": tx.now, "asked_at": None, "passed_at": None, "result": "none", "problem": ""}
    upserts.insert_new(tx, LinkTest, first)
    mine = update(LinkTest).where(LinkTest.id == _ROW, LinkTest.next_at <= tx.now)
    return tx.conn.execute(mine.values(next_at=tx.now + _AGAIN, asked_at=tx.now)).rowcount == 1


def _acted(tx: Tx) -> int:
    """How often anybody acted by the link of the test: everything that acts by a link of this kind leaves a line."""
    number: int = tx.conn.execute(select(func.count()).where(SuppressionLog.key == TEST_KEY)).scalar_one()
    return number


def _write(tx: Tx, result: Result, problem: str) -> None:
    values = {"result": result, "problem": problem, "next_at": tx.now + (_AGAIN if result == "unreached" else _EVERY)}
    if result == "passed":
        values["passed_at"] = tx.now
    tx.conn.execute(update(LinkTest).where(LinkTest.id == _ROW).values(**values))


def _stop_everything(tx: Tx, problem: str) -> None:
    active = select(Mailbox.id).where(Mailbox.state == "active").order_by(Mailbox.id)
    for mailbox_id in tx.conn.execute(active).scalars().all():
        settle.pause(tx, mailbox_id, because("pause.self_test", problem=problem))
