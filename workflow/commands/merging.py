"""`onward merge`: make one prospect of two. Says first what it would do, and that there is no way back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from sqlalchemy import select

from workflow.actions import merging
from workflow.actions.prospects import Who
from workflow.commands.options import data_dir_option, opened
from workflow.errors import BadInput
from workflow.ids import new_id
from workflow.records.models import Prospect
from workflow.reports import bundle

if TYPE_CHECKING:
    from pathlib import Path

    from workflow.records.db import Tx


@click.command()
@click.argument("prospect", metavar="ID|EMAIL")
@click.argument("other", metavar="ID|EMAIL")
@click.option("--take", multiple=True, type=click.Choice(merging.CHOOSABLE), help="A fact that comes from the other.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
def merge(prospect: str, other: str, take: tuple[str, ...], data_dir: Path | None, *, yes: bool) -> None:
    """Merge the second prospect into the first, which keeps its stage. This cannot be undone."""
    ws = opened(data_dir)
    with ws.database.read() as tx:
        kept, gone = bundle.find(tx, prospect), bundle.find(tx, other)
        click.echo(f"{_named(tx, gone)} goes into {_named(tx, kept)}. This cannot be undone.")
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput("Nobody can be asked here: say --yes to merge the two.")
        if not click.confirm("Merge them?"):
            raise click.Abort
    done = merging.merge(ws, kept, gone, Who("command", f"command:{new_id()}"), take=take)
    click.echo(f"Merged, now at version {done.version}; {done.stopped} sequences ended.")


def _named(tx: Tx, prospect_id: str) -> str:
    row = tx.conn.execute(
        select(Prospect.name, Prospect.email, Prospect.company).where(Prospect.id == prospect_id)
    ).one()
    return f"{row.name or row.company or 'somebody'} <{row.email}>" if row.email else f"{row.name or row.company}"
