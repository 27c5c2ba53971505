"""Administration of an installation: its database, people, keys of the API."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from workflow.actions import people, setup
from workflow.commands.options import data_dir_option, opened
from workflow.errors import BadInput, NotFound
from workflow.settings import load

if TYPE_CHECKING:
    from pathlib import Path

_ROLES: Final = click.Choice(["rep", "manager", "admin"])


@click.group()
def db() -> None:
    """Make or upgrade the database."""


@db.command("upgrade")
@data_dir_option
def db_upgrade(data_dir: Path | None) -> None:
    """Bring the database to this release; make it, and the secret key, where there are none."""
    settings = load(os.environ, data_dir=data_dir, make_key=True)
    setup.upgrade(settings)
    click.echo("The database is up to date.", err=True)


@click.group()
def rep() -> None:
    """Add people, or give them a link to sign in."""


@rep.command("add")
@click.argument("email")
@click.option("--role", type=_ROLES, default="rep", show_default=True)
@click.option("--name", default="", help="As it stands in the panel and under emails.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@data_dir_option
def rep_add(email: str, role: str, name: str, *, password_stdin: bool, data_dir: Path | None) -> None:
    """Add the person with the address EMAIL. Without a password, prints a link that signs in once."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    if password_stdin and not password:
        message = "No password came on standard input: pipe it in, on one line."
        raise BadInput(message)
    ws = opened(data_dir)
    rep_id = people.add_rep(ws, email, role, password=password, name=name or None)
    if password is None:
        click.echo(people.sign_in_address(ws, rep_id))
    click.echo(f"{email} may sign in as {role}.", err=True)


@rep.command("link")
@click.argument("email")
@data_dir_option
def rep_link(email: str, data_dir: Path | None) -> None:
    """Print a link that signs EMAIL in once."""
    ws = opened(data_dir)
    with ws.database.read() as tx:
        known = people.rep_id(tx, email)
    if known is None:
        message = f"Nobody here has the address {email}: add them with `onward rep add`."
        raise NotFound(message)
    click.echo(people.sign_in_address(ws, known))


@click.group()
def key() -> None:
    """Add or revoke keys of the API."""


@key.command("add")
@click.argument("name")
@click.option("--role", type=_ROLES, default="admin", show_default=True)
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="read, write, or one area as prospects:read.")
@click.option("--rep", "email", metavar="EMAIL", help="Whose key it is: it sees what this rep sees, by their role.")
@click.option("--days", type=click.IntRange(1, 3660), help="How long it is valid; without it, until it is revoked.")
@data_dir_option
def key_add(
    *, name: str, role: str, scopes: tuple[str, ...], email: str | None, days: int | None, data_dir: Path | None
) -> None:
    """Add a key called NAME; prints it on one line. It is not shown again."""
    ws = opened(data_dir)
    owner = None
    if email is not None:
        with ws.database.read() as tx:
            owner = people.rep_id(tx, email)
        if owner is None:
            raise NotFound(f"Nobody here has the address {email}: add them with `onward rep add`.")
    valid = timedelta(days=days) if days is not None else None
    click.echo(people.add_key(ws, name, role, scopes=scopes, rep=owner, valid=valid))


@key.command("revoke")
@click.argument("name")
@data_dir_option
def key_revoke(name: str, data_dir: Path | None) -> None:
    """End the key called NAME."""
    people.revoke_key(opened(data_dir), name)
    click.echo(f"The key {name} is revoked.", err=True)
