"""Commands that look at a live installation and change nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from workflow.commands.options import data_dir_option, opened
from workflow.reports import doctor as reports

if TYPE_CHECKING:
    from pathlib import Path

_FINDINGS: Final = 1


@click.command()
@data_dir_option
def doctor(data_dir: Path | None) -> None:
    """Check every invariant on the live database. Exit code 1 when something is wrong."""
    ws = opened(data_dir)
    findings = reports.examine(ws)
    for finding in findings:
        click.echo(str(finding))
    for remark in reports.remarks(ws):
        click.echo(remark, err=True)
    if not findings:
        click.echo("Everything is as it should be.", err=True)
    sys.exit(_FINDINGS if findings else 0)
