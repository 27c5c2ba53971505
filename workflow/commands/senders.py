"""Senders of webhooks from the terminal: add one with the steps at its vendor, rotate its secret, confirm an offer."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from workflow.actions import sources, subscriptions
from workflow.commands import crm
from workflow.commands.options import data_dir_option, opened
from workflow.commands.steps import steps
from workflow.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LARGEST_SECRET: Final = 64 * 1024
_LANGUAGES: Final = ("en", "bg")
_CONFIRMED: Final = {
    "en": "The subscription of {topic} is confirmed.",
    "bg": "Абонаментът за {topic} е потвърден.",
}
_NEW_ADDRESS: Final = {
    "en": "The secret is a part of the address, which is now {address}",
    "bg": "Тайната е част от адреса, който вече е {address}",
}


def _language_option(command: Callable[..., None]) -> Callable[..., None]:
    option = click.option(
        "--language",
        type=click.Choice(_LANGUAGES),
        help="The language of what is printed; without it, that of LC_ALL, LC_MESSAGES or LANG.",
    )
    return option(command)


@click.group()
def source() -> None:
    """Add senders of webhooks, or rotate their secrets."""


@source.command("add")
@click.argument("kind")
@click.argument("name")
@click.option("--secret", help="Use the vendor's secret, or @FILE that holds it, instead of a fresh one.")
@_language_option
@data_dir_option
def source_add(kind: str, name: str, secret: str | None, language: str | None, data_dir: Path | None) -> None:
    """Add a source of KIND called NAME; prints its address and its secret, a line each, and the steps at the vendor."""
    ws = opened(data_dir)
    made = sources.add(ws, kind, name, _read(secret))
    click.echo(sources.address(ws, kind, name, made))
    click.echo(made)
    for line in steps(kind, name, language or _spoken(os.environ)):
        click.echo(line, err=True)


@source.command("rotate")
@click.argument("name")
@click.option("--secret", help="Use the vendor's secret, or @FILE that holds it, instead of a fresh one.")
@_language_option
@data_dir_option
def source_rotate(name: str, secret: str | None, language: str | None, data_dir: Path | None) -> None:
    """Give the source NAME a new secret; prints it. The one before stays valid until the next rotation."""
    ws = opened(data_dir)
    made = sources.rotate(ws, name, _read(secret))
    click.echo(made)
    with ws.database.read() as tx:
        kind = sources.known(ws, tx, name).kind
    if made in (address := sources.address(ws, kind, name, made)):
        click.echo(_NEW_ADDRESS[language or _spoken(os.environ)].format(address=address), err=True)


@source.command("confirm")
@click.argument("name")
@_language_option
@data_dir_option
def source_confirm(name: str, language: str | None, data_dir: Path | None) -> None:
    """Take up the newest subscription that Amazon SNS offered to the source NAME. Calls out to Amazon."""
    done = subscriptions.confirm(opened(data_dir), name, subscriptions.fetch)
    click.echo(_CONFIRMED[language or _spoken(os.environ)].format(topic=done.topic), err=True)


for _command in crm.COMMANDS:
    source.add_command(_command)


def _read(secret: str | None) -> str | None:
    """A secret as it was given, or what the file holds that was named instead."""
    if secret is None or not secret.startswith("@"):
        return secret
    try:
        with Path(secret[1:]).open("rb") as file:
            return file.read(_LARGEST_SECRET).decode()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{secret[1:]} cannot be read: give a file of text that holds the secret."
        raise BadInput(message, field="secret") from error


def _spoken(environ: Mapping[str, str]) -> str:
    """The language of messages as POSIX has it: the first of these that is set decides."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "bg" if re.fullmatch(r"bg([_.@].*)?", locale, re.IGNORECASE) else "en"
