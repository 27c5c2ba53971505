"""Administration at the command line: database, sources, people, keys, playbooks and the doctor.

Only turns words into calls of the actions and answers into lines. What a script reads goes to stdout, hints to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from workflow import places
from workflow.actions import people, setup, sources
from workflow.errors import BadInput, NotFound, PlaybookError
from workflow.playbook import loader
from workflow.playbook.check import check
from workflow.playbook.diagram import diagram
from workflow.playbook.editors import json_schema
from workflow.reports import doctor as reports
from workflow.settings import load
from workflow.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.workspace import Workspace

_ROLES: Final = click.Choice(["rep", "manager", "admin"])
_FINDINGS: Final = 1


def _data_dir(command: Callable[..., None]) -> Callable[..., None]:
    option = click.option(
        "--data-dir", type=click.Path(path_type=Path), help="Where the installation is kept (ONWARD_DATA_DIR)."
    )
    return option(command)


def _open(data_dir: Path | None) -> Workspace:
    return open_workspace(load(os.environ, data_dir=data_dir), pooled=False)


@click.group()
def db() -> None:
    """Make or upgrade the database."""


@db.command("upgrade")
@_data_dir
def db_upgrade(data_dir: Path | None) -> None:
    """Bring the database to this release; make it, and the secret key, where there are none."""
    settings = load(os.environ, data_dir=data_dir, make_key=True)
    setup.upgrade(settings)
    click.echo("The database is up to date.", err=True)


@click.group()
def source() -> None:
    """Add senders of webhooks, or rotate their secrets."""


@source.command("add")
@click.argument("kind")
@click.argument("name")
@click.option("--secret", help="Use this secret (whsec_…) instead of a fresh one.")
@_data_dir
def source_add(kind: str, name: str, secret: str | None, data_dir: Path | None) -> None:
    """Add a source of KIND called NAME; prints its address and its secret, a line each."""
    ws = _open(data_dir)
    made = sources.add(ws, kind, name, secret)
    click.echo(f"{ws.settings.base_url}/webhooks/{name}")
    click.echo(made)
    click.echo("Enter both where the events come from; the secret is not shown again.", err=True)


@source.command("rotate")
@click.argument("name")
@click.option("--secret", help="Use this secret (whsec_…) instead of a fresh one.")
@_data_dir
def source_rotate(name: str, secret: str | None, data_dir: Path | None) -> None:
    """Give the source NAME a new secret; prints it. The one before stays valid until the next rotation."""
    click.echo(sources.rotate(_open(data_dir), name, secret))


@click.group()
def rep() -> None:
    """Add people, or give them a link to sign in."""


@rep.command("add")
@click.argument("email")
@click.option("--role", type=_ROLES, default="rep", show_default=True)
@click.option("--name", default="", help="As it stands in the panel and under emails.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_data_dir
def rep_add(email: str, role: str, name: str, *, password_stdin: bool, data_dir: Path | None) -> None:
    """Add the person with the address EMAIL. Without a password, prints a link that signs in once."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    if password_stdin and not password:
        message = "No password came on standard input: pipe it in, on one line."
        raise BadInput(message)
    ws = _open(data_dir)
    rep_id = people.add_rep(ws, email, role, password=password, name=name or None)
    if password is None:
        click.echo(setup.sign_in_address(ws, rep_id))
    click.echo(f"{email} may sign in as {role}.", err=True)


@rep.command("link")
@click.argument("email")
@_data_dir
def rep_link(email: str, data_dir: Path | None) -> None:
    """Print a link that signs EMAIL in once."""
    ws = _open(data_dir)
    with ws.database.read() as tx:
        known = people.rep_id(tx, email)
    if known is None:
        message = f"Nobody here has the address {email}: add them with `onward rep add`."
        raise NotFound(message)
    click.echo(setup.sign_in_address(ws, known))


@click.group()
def key() -> None:
    """Add or revoke keys of the API."""


@key.command("add")
@click.argument("name")
@click.option("--role", type=_ROLES, default="rep", show_default=True)
@_data_dir
def key_add(name: str, role: str, data_dir: Path | None) -> None:
    """Add a key called NAME; prints it on one line. It is not shown again."""
    click.echo(people.add_key(_open(data_dir), name, role))


@key.command("revoke")
@click.argument("name")
@_data_dir
def key_revoke(name: str, data_dir: Path | None) -> None:
    """End the key called NAME."""
    people.revoke_key(_open(data_dir), name)
    click.echo(f"The key {name} is revoked.", err=True)


@click.group()
def playbook() -> None:
    """Check or draw a playbook."""


@playbook.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def playbook_check(file: Path) -> None:
    """Check FILE; prints one finding a line, `FILE:LINE: code: sentence`. Exit code 1 when there are any."""
    try:
        findings = check(loader.read(file), frozenset(setup.email_templates()))
    except PlaybookError as error:
        if not error.findings:
            raise
        findings = error.findings
    for finding in findings:
        click.echo(f"{file}:{finding.line}: {finding.code}: {finding.sentence}")
    sys.exit(_FINDINGS if findings else 0)


@playbook.command("diagram")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--language", type=click.Choice(["en", "bg"]), default="en", show_default=True)
def playbook_diagram(file: Path | None, language: str) -> None:
    """Draw the stages of FILE as a Mermaid diagram; without FILE, those of the shipped playbook."""
    click.echo(diagram(loader.read(file or places.shipped_playbook()), language))


@playbook.command("schema")
def playbook_schema() -> None:
    """Print the grammar as JSON Schema, for editors that complete and check a playbook while it is written."""
    click.echo(json.dumps(json_schema(), indent=2))


@click.command()
@_data_dir
def doctor(data_dir: Path | None) -> None:
    """Check every invariant on the live database. Exit code 1 when something is wrong."""
    findings = reports.examine(_open(data_dir))
    for finding in findings:
        click.echo(str(finding))
    if not findings:
        click.echo("Everything is as it should be.", err=True)
    sys.exit(_FINDINGS if findings else 0)
