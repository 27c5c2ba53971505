"""`onward erase`: take a person out of everything that is kept, for good (GDPR, Art. 17).

Whoever has the terminal of the installation is its administrator.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from workflow.actions import erasing
from workflow.actions.prospects import Who
from workflow.commands.options import data_dir_option, opened
from workflow.errors import BadInput
from workflow.ids import new_id
from workflow.reports import bundle

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("prospect", metavar="PROSPECT|EMAIL")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
def erase(prospect: str, data_dir: Path | None, *, yes: bool) -> None:
    """Erase a person for good: names, addresses, emails, notes. What is counted stays. This cannot be undone."""
    ws = opened(data_dir)
    with ws.database.read() as tx:
        known = bundle.find(tx, prospect)
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput("Nobody can be asked here: say --yes to erase them.")
        told = click.prompt(f"This cannot be undone. Type {prospect} once more to erase them")
        if told.strip() != prospect:
            raise click.Abort
    done = erasing.erase(ws, known, Who("command", f"command:{new_id()}"))
    erasing.advance(ws)
    click.echo(f"Erased {done.prospect_id}. Nobody writes to their address again.", err=True)
