"""A CRM's own API from the terminal: give a token, see the stages there, read what was missed, say what to write.

The vendors are those of the context, if it has any, else the real ones.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from workflow.actions import asking, crm_links, outbox, sources
from workflow.commands.options import data_dir_option, opened
from workflow.crm import api
from workflow.crm.port import CrmError
from workflow.crm.vendors import Vendors
from workflow.errors import BadInput, OnwardError
from workflow.reports import crm as reports

if TYPE_CHECKING:
    from workflow.crm.port import Crm
    from workflow.workspace import Workspace

_LONGEST: Final = 10_000


@click.command("token")
@click.argument("name")
@click.option("--file", "file", type=click.Path(path_type=Path), help="Read the token from this file; - is the input.")
@click.option("--remove", is_flag=True, help="Forget the token: the vendor is asked no more.")
@click.option("--try", "tries", is_flag=True, help="Ask the vendor with the token that is kept, and change nothing.")
@data_dir_option
def token(name: str, file: Path | None, remove: bool, tries: bool, data_dir: Path | None) -> None:  # noqa: FBT001
    """Give the source NAME the token of its vendor's API; it is asked for, and never shown."""
    ws = opened(data_dir)
    source_id = sources.id_of(ws, name)
    if not tries:
        told = "" if remove else _read(file)
        if not told and not remove:
            message = "The token is empty: give it again, or take it away with --remove."
            raise BadInput(message)
        sources.keep_token(ws, source_id, told)
        click.echo("The token is forgotten." if remove else "The token is kept.", err=True)
    if remove:
        return
    try:
        number = len(_account(ws, source_id, tries=1).stages())
    except CrmError as error:
        if tries:
            raise
        click.echo(f"The vendor does not answer to it yet: {error.message}", err=True)
    else:
        click.echo(f"The vendor answers to it, and has {number} stages.", err=True)


@click.command("stages")
@click.argument("name")
@data_dir_option
def stages(name: str, data_dir: Path | None) -> None:
    """Print the stages that the vendor of the source NAME has: the id, a tab, and the name."""
    ws = opened(data_dir)
    for stage in _account(ws, sources.id_of(ws, name)).stages():
        click.echo(f"{stage.id}\t{stage.name}")


@click.command("reconcile")
@click.argument("name")
@click.option("--since", help="Read the changes since then (ISO 8601, UTC without a zone), not only the newest.")
@data_dir_option
def reconcile(name: str, since: str | None, data_dir: Path | None) -> None:
    """Read now what changed at the vendor of the source NAME, and apply what no webhook told. The clock does so too."""
    ws = opened(data_dir, pooled=True)
    back = _moment(since) if since is not None else None
    done = asking.Asker(ws, _vendors(ws)).work(sources.id_of(ws, name), poll=True, since=back)
    if done is None:
        message = f"The vendor of {name} is being asked just now by another process: try again in a minute."
        raise OnwardError(message)
    click.echo(f"{done.told} events that no webhook had told, {done.looked_up} objects looked up.")


@click.command("writes")
@click.argument("name")
@click.argument("pairs", nargs=-1, metavar="[STAGE=THEIRS]...")
@click.option("--none", "nothing", is_flag=True, help="Write nothing there any more.")
@click.option("--replay", is_flag=True, help="Write once more what was given up.")
@data_dir_option
def writes(name: str, pairs: tuple[str, ...], nothing: bool, replay: bool, data_dir: Path | None) -> None:  # noqa: FBT001
    """Let a stage here set the stage of the deal at the vendor of NAME; without pairs, print what is set.

    THEIRS is an id that `onward source stages NAME` prints. The pairs given replace those before.
    """
    ws = opened(data_dir)
    source_id = sources.id_of(ws, name)
    if nothing or pairs:
        told = dict(pair.partition("=")[::2] for pair in pairs)
        if not all(told.values()) or (nothing and pairs):
            message = "Write pairs such as qualified=qualifiedtobuy, or --none alone."
            raise BadInput(message)
        crm_links.set_writes(ws, source_id, told)
    with ws.database.read() as tx:
        state = reports.state(tx, source_id)
    if replay and state is not None and state.target_id is not None:
        number = outbox.replay_dead(ws, state.target_id)
        click.echo(f"{number} are written once more.", err=True)
    for stage, theirs in state.writes.items() if state is not None else ():
        click.echo(f"{stage}={theirs}")


COMMANDS: Final = (token, stages, reconcile, writes)
"""What belongs under `onward source`."""


def _account(ws: Workspace, source_id: str, **parts: object) -> Crm:
    with ws.database.read() as tx:
        at = crm_links.link(tx, source_id)
        kept = sources.token(ws, tx, source_id)
    if kept is None:
        message = f"The source {at.name} is paused, or has no API token: resume it, or give it one."
        raise BadInput(message)
    vendors = _vendors(ws)
    return replace(vendors, parts={**vendors.parts, **parts}).opened(at.kind, kept)


def _vendors(ws: Workspace) -> Vendors:
    given = click.get_current_context().find_object(Vendors)
    return given or Vendors(parts={"client": api.client(private=ws.settings.private_endpoints)})


def _read(file: Path | None) -> str:
    """The token from a file, from the input, or asked for without an echo."""
    try:
        if file is None:
            if sys.stdin.isatty():
                return str(click.prompt("API token", hide_input=True, err=True))
            return sys.stdin.read(_LONGEST).strip()
        if str(file) == "-":
            return sys.stdin.read(_LONGEST).strip()
        with file.open("rb") as stream:
            return stream.read(_LONGEST).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file or 'The input'} cannot be read: give a file of text that holds the token."
        raise BadInput(message) from error


def _moment(told: str) -> datetime:
    try:
        found = datetime.fromisoformat(told)
    except ValueError as error:
        message = f"“{told[:40]}” is no time: write it like 2026-11-22T10:00."
        raise BadInput(message) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
