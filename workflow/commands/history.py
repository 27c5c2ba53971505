"""`onward history`: export every prospect's history as one file that proves itself, and check such a file.

The check needs no installation. What it finds goes to stdout, one sentence, with exit code 1.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from workflow.commands.options import data_dir_option, opened
from workflow.errors import BadInput
from workflow.reports import bundle, check_history

if TYPE_CHECKING:
    from workflow.reports.bundle import Exported
    from workflow.workspace import Workspace

_FINDINGS: Final = 1
_HIDDEN_FROM_OTHERS: Final = 0o600


@click.group()
def history() -> None:
    """Export the history, or check an exported one."""


@history.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--prospect", metavar="ID|EMAIL", help="Only the history of this prospect.")
@data_dir_option
def history_export(file: Path, prospect: str | None, data_dir: Path | None) -> None:
    """Write the history of every prospect to FILE; prints its digest, which is to be kept somewhere else."""
    ws = opened(data_dir)
    try:
        out = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _HIDDEN_FROM_OTHERS), "wb")
    except FileExistsError as error:
        raise BadInput(f"{file} is there already: name a file that is not.") from error
    except OSError as error:
        raise BadInput(f"{file} cannot be written ({error.strerror}): name a folder that takes it.") from error
    try:
        with out:
            done = _written(ws, out, prospect)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise BadInput(f"{file} cannot be written ({error.strerror}): name a place with room for it.") from error
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    click.echo(done.digest)
    click.echo(f"{done.prospects} prospects, {done.rows} rows. Keep this digest where the file is not.", err=True)


@history.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--expect", default="", metavar="DIGEST", help="The digest that was printed at the export.")
def history_check(file: Path, expect: str) -> None:
    """Check an exported FILE without any installation. Exit code 1 when anything in it was altered."""
    try:
        with file.open("rb") as lines:
            told = check_history.check(lines, expect.lower())
    except check_history.Altered as found:
        click.echo(f"{file}: {found}")
        sys.exit(_FINDINGS)
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror}): check its permissions.") from error
    click.echo(told.heads.hexdigest())
    click.echo(f"{told.counts['prospect']} prospects, {told.counts['history']} rows, nothing altered.", err=True)


@history.command("checker")
def history_checker() -> None:
    """Print the checker as one Python file that needs nothing else, for an auditor."""
    click.echo(Path(check_history.__file__).read_text(encoding="utf-8"), nl=False)


def _written(ws: Workspace, out: IO[bytes], prospect: str | None) -> Exported:
    with ws.database.read() as tx:
        done = bundle.export(tx, out.write, bundle.find(tx, prospect) if prospect else None)
    out.flush()
    os.fsync(out.fileno())
    return done
