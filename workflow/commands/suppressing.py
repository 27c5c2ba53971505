"""`onward suppress`: the list of addresses and domains that nobody writes to, from the terminal.

Whoever has the terminal of the installation is its administrator.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from workflow.actions import suppressions
from workflow.actions.prospects import Who
from workflow.commands.options import data_dir_option, opened
from workflow.engine.reasons import because
from workflow.errors import BadInput
from workflow.ids import new_id
from workflow.reports import suppressions as listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SOURCE: Final = "command"
_PAGE: Final = 500


class _Short(click.Group):
    """`onward suppress ADDRESS --reason …` is short for `onward suppress add ADDRESS --reason …`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named, or `add` where an address or a domain stands in its place, also a mistyped one."""
        if args and ("@" in args[0] or "." in args[0]) and not args[0].startswith("-"):
            args = ["add", *args]
        return super().resolve_command(ctx, args)


def _reason_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--reason", required=True, help="Why; it is kept for ever.")(command)


@click.group(cls=_Short)
def suppress() -> None:
    """Write to an address, or to a whole domain, no more. `onward suppress ADDRESS --reason …` is short for add."""


@suppress.command("add")
@click.argument("wanted", metavar="ADDRESS|@DOMAIN")
@_reason_option
@data_dir_option
def suppress_add(wanted: str, reason: str, data_dir: Path | None) -> None:
    """Bar an address, or a domain with its subdomains, and end the sequences of whoever has one."""
    added = suppressions.add(opened(data_dir), wanted, reason, _who(), _SOURCE)
    if not added.is_new:
        click.echo(f"{added.key} was on the list already.", err=True)
        return
    stopped = f" Prospects whose emails this stops: {added.stopped}." if added.stopped else ""
    click.echo(f"Nobody writes to {added.key} any more.{stopped}", err=True)


@suppress.command("list")
@click.argument("words", required=False, default="")
@data_dir_option
def suppress_list(words: str, data_dir: Path | None) -> None:
    """Show the list, or what has WORDS in it: key, since when, why, by what way, by whom."""
    database, after = opened(data_dir).database, ""
    while True:
        with database.read() as tx:
            rows = listed.page(tx, words, after=after, limit=_PAGE)
        for row in rows:
            why = row.note or because(row.cause).words("en")
            click.echo("\t".join((row.key, f"{row.at:%Y-%m-%d %H:%M}Z", why, row.source or "", row.actor)))
        if len(rows) < _PAGE:
            return
        after = rows[-1].key


@suppress.command("remove")
@click.argument("wanted", metavar="ADDRESS|@DOMAIN")
@_reason_option
@data_dir_option
def suppress_remove(wanted: str, reason: str, data_dir: Path | None) -> None:
    """Let an address or a domain get mail again. The log keeps that it was barred, and who let it go and why."""
    key = suppressions.remove(opened(data_dir), wanted, reason, _who())
    click.echo(f"{key} may get mail again; sequences that ended do not go on by themselves.", err=True)


@suppress.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_reason_option
@data_dir_option
def suppress_import(file: Path, reason: str, data_dir: Path | None) -> None:
    """Bar what stands in FILE: one address or @domain a line, or a table whose rows have one. - reads from a pipe."""
    taken = suppressions.take_in(opened(data_dir), _lines(file), reason, _who(), _SOURCE)
    for each in taken.wrong:
        click.echo(f"line {each.line}: {each.sentence}", err=True)
    if taken.left_out > len(taken.wrong):
        click.echo("And more of the same.", err=True)
    click.echo(f"Added {taken.added}, on the list before {taken.known}, left out {taken.left_out}.", err=True)


def _lines(file: Path) -> Iterator[str]:
    try:
        with click.open_file(str(file), encoding="utf-8") as opened_file:
            yield from opened_file
    except (OSError, UnicodeDecodeError) as error:
        message = f"The file {file} cannot be read as text: check its name and its encoding (UTF-8)."
        raise BadInput(message, field="file") from error


def _who() -> Who:
    return Who("command", f"command:{new_id()}")
