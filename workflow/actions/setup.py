"""The first start: database, key, and on one's own machine believable demo data with a way in and something to try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from workflow.actions import demo, people, sources
from workflow.playbooks import is_shipped
from workflow.records.db import Database
from workflow.records.models import Fact, Rep
from workflow.records.schema import upgrade as upgrade_schema
from workflow.records.upserts import insert_new
from workflow.workspace import open_workspace

if TYPE_CHECKING:
    from workflow.records.db import Tx
    from workflow.settings import Settings
    from workflow.workspace import Workspace

_SEEN: Final = "first start"


def upgrade(settings: Settings) -> None:
    """Make the database or bring it to this release. Raises StartError."""
    database = Database(settings.database_url, pooled=False)
    upgrade_schema(database)
    database.close()


def prepare(settings: Settings, *, with_demo: bool) -> tuple[str, ...]:
    """Make what a first start needs; gives the lines that tell a newcomer how to go on.

    Demo data and its sign-in exist only with the shipped playbook and the local catcher: an installation that sends
    real mail must not hold people who do not exist.
    """
    upgrade(settings)
    ws = open_workspace(settings, pooled=False, offer=True)
    first = ws.database.transact(_first_start)
    with ws.database.read() as tx:
        shipped = settings.playbook is None and is_shipped(tx)
    if not (with_demo and shipped and settings.local_catcher):
        return _plain_words(ws)
    if first:
        demo.fill(ws)
    return _demo_words(ws)


def _first_start(tx: Tx) -> bool:
    """Whether this database has never been started before; of two first starts at once only one is the first."""
    return insert_new(tx, Fact, {"name": _SEEN, "value": tx.now.isoformat()})


def _plain_words(ws: Workspace) -> tuple[str, ...]:
    with ws.database.read() as tx:
        anybody = tx.conn.execute(select(Rep.id).limit(1)).scalar_one_or_none()
    if anybody:
        return ()
    return (
        "Nobody can sign in yet. Add yourself in another terminal, with this data folder:",
        f"  onward --data-dir '{ws.settings.data_dir}' rep add you@example.com --role admin",
    )


def _demo_words(ws: Workspace) -> tuple[str, ...]:
    with ws.database.read() as tx:
        rep_id = tx.conn.execute(select(Rep.id).where(Rep.email == demo.REP_EMAIL)).scalar_one_or_none()
        source = sources.open_source(ws, tx, demo.SOURCE)
    if rep_id is None or source is None:
        return _plain_words(ws)
    return (
        "",
        "Sign in (the link works once):",
        f"  {people.sign_in_address(ws, rep_id)}",
        "",
        "Then be the CRM for a moment: book a meeting, watch the prospect move and the confirmation arrive in /mail.",
        *demo.curl(ws.settings.base_url, source.secrets[0]),
        "",
        "Stop with Ctrl C; everything is kept.",
    )
