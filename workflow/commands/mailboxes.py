"""Commands about mailboxes: add, change, list, try out, pause, resume, take out of use; and reps who are away.

Passwords and keys come from files or standard input, never from the command line, where others could read them.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import click

from workflow.actions import absence, mailboxes, people, sealing
from workflow.actions.outreach import acts
from workflow.commands.options import act, data_dir_option, opened, tell_row, tell_try
from workflow.engine import reasons
from workflow.errors import BadInput, NotFound
from workflow.reports import health

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from workflow.workspace import Workspace


def _told(command: Callable[..., None]) -> Callable[..., None]:
    """The options that add and change share."""
    secret = click.File(encoding="utf-8")
    for option in (
        click.option("--rep", help="The rep to whose prospects it writes; without one it is shared.", metavar="EMAIL"),
        click.option(
            "--smtp-url-file", "smtp_url", type=secret, metavar="FILE|-",
            help="The address of its mail server, smtp://user:password@host:587, on one line.",
        ),
        click.option(
            "--imap-url-file", "imap_url", type=secret, metavar="FILE|-",
            help="Where its answers are read, imaps://user:password@host, on one line.",
        ),
        click.option("--dkim-key-file", "dkim_key", type=secret, metavar="FILE|-", help="A private key in PEM form."),
        click.option("--dkim-selector", help="Where the public half is published: SELECTOR._domainkey.DOMAIN."),
        click.option("--dkim-domain", help="The domain it signs for; without it, that of the sender."),
        click.option("--token-url", help="The token endpoint, for a server that asks for OAuth 2 (https://…)."),
        click.option("--client-id", help="The client id at the token endpoint."),
        click.option("--client-secret-file", "client_secret", type=secret, metavar="FILE|-"),
        click.option("--refresh-token-file", "refresh_token", type=secret, metavar="FILE|-"),
        click.option(
            "--plus-addresses", type=click.Choice(["yes", ""]),
            help="Let answers and bounces come to name+tag@, where its server delivers those to name@.",
        ),
        click.option("--signature-en", help="Under its English emails; \\n begins a new line."),
        click.option("--signature-bg", help="Under its Bulgarian emails; \\n begins a new line."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group()
def mailbox() -> None:
    """Add mailboxes, try them out, let them wait."""


@mailbox.command("add")
@click.argument("name")
@click.option("--from", "sender", required=True, help="As it writes: 'Maria Ivanova <maria@example.com>'.")
@_told
@data_dir_option
def mailbox_add(name: str, sender: str, rep: str | None, data_dir: Path | None, **told: Any) -> None:  # noqa: ANN401
    """Add a mailbox called NAME. With --rep it writes to the prospects of that rep, from their next sequence on."""
    ws = opened(data_dir)
    mailboxes.add(ws, name, sender, _read(told), rep=rep)
    _say_dns(ws, name)
    click.echo(f"The mailbox {name} is ready: try it out with `onward mailbox test {name}`.", err=True)


@mailbox.command("set")
@click.argument("name")
@click.option("--from", "sender", help="As it writes: 'Maria Ivanova <maria@example.com>'.")
@_told
@data_dir_option
def mailbox_set(
    name: str,
    sender: str | None,
    rep: str | None,
    data_dir: Path | None,
    **told: Any,  # noqa: ANN401
) -> None:
    """Change what the options name of the mailbox NAME; an empty value takes it away."""
    ws = opened(data_dir)
    mailboxes.change(ws, name, _read(told), sender=sender, rep=rep)
    _say_dns(ws, name)
    click.echo(f"The mailbox {name} is changed.", err=True)


@mailbox.command("list")
@data_dir_option
def mailbox_list(data_dir: Path | None) -> None:
    """Show every mailbox: its name, its sender, its rep, its server, and whether it sends."""
    with opened(data_dir).database.read() as tx:
        rows = health.mailboxes(tx)
    for row in rows:
        why = reasons.words(row.pause_reason, "en")
        state = "removed" if row.removed_at else f"paused: {why}" if why else row.state
        server = (row.settings or {}).get("server") or "the installation's server"
        tell_row(row.name, row.sender, row.rep or "shared", server, state)


@mailbox.command("test")
@click.argument("name")
@data_dir_option
def mailbox_test(name: str, data_dir: Path | None) -> None:
    """Connect as NAME, sign in and ask whether it may send; sends nothing. Exit code 1 when it may not."""
    outcome = mailboxes.try_out(opened(data_dir), name)
    answer = " ".join(filter(None, [str(outcome.code or ""), outcome.text])) or outcome.reason.value
    good = outcome.kind == "sent"
    may = f"{name} may send: the mail server took its name and its sender."
    tell_try(may if good else f"{name} may not send; it came as far as {outcome.phase.value}: {answer}", good=good)


@act(mailbox, "pause")
def _pause(ws: Workspace, name: str) -> str:
    """Let the mail of NAME wait."""
    mailboxes.pause(ws, name, "the administrator")
    return f"The mailbox {name} is paused: `onward mailbox resume {name}` lets it send again."


@act(mailbox, "resume")
def _resume(ws: Workspace, name: str) -> str:
    """Let NAME send again."""
    acts.resume(ws, mailboxes.id_of(ws, name))
    return f"The mailbox {name} sends again."


@act(mailbox, "remove")
def _remove(ws: Workspace, name: str) -> str:
    """Plan nothing new for NAME; what is planned already still leaves by it."""
    mailboxes.remove(ws, name)
    return f"The mailbox {name} takes on nothing new."


@mailbox.command("seal")
@data_dir_option
def mailbox_seal(data_dir: Path | None) -> None:
    """Seal the secrets of mailboxes, sources and endpoints anew with a fresh data key, and forget the old one."""
    click.echo(f"Sealed anew: {sealing.rotate(opened(data_dir))} mailboxes, sources and endpoints.", err=True)


@click.command("away")
@click.argument("email")
@click.option("--stand-in", metavar="EMAIL", help="Who signs and answers meanwhile; without one the mail waits.")
@click.option("--back", is_flag=True, help="EMAIL is here again.")
@data_dir_option
def away(email: str, stand_in: str | None, *, back: bool, data_dir: Path | None) -> None:
    """Mark the rep EMAIL as away, or as back: their mail waits, or a stand-in answers for them."""
    if back and stand_in:
        message = "Nobody stands in for a rep who is back: leave out --stand-in."
        raise BadInput(message)
    ws = opened(data_dir)
    rep = _rep(ws, email)
    if back:
        absence.come_back(ws, rep)
        click.echo(f"{email} is here again.", err=True)
        return
    absence.leave(ws, rep, stand_in=_rep(ws, stand_in) if stand_in else None)
    click.echo(f"{email} is away; {f'{stand_in} stands in' if stand_in else 'their mail waits'}.", err=True)


def _rep(ws: Workspace, email: str) -> str:
    with ws.database.read() as tx:
        known = people.rep_id(tx, email)
    if known is None:
        message = f"Nobody here has the address {email[:80]}: add them with `onward rep add`."
        raise NotFound(message)
    return known


def _read(told: Mapping[str, str | IO[str] | None]) -> dict[str, str]:
    """The options that were given, files by what stands in them."""
    given: dict[str, str] = {}
    for name, value in told.items():
        if value is None:
            continue
        try:
            words = value if isinstance(value, str) else value.read()
        except UnicodeDecodeError as error:
            message = f"The file for {name.replace('_', '-')} is no text."
            raise BadInput(message, field=name) from error
        given[name] = words.replace("\\n", "\n") if name.startswith("signature_") else words
    return given


def _say_dns(ws: Workspace, name: str) -> None:
    record = mailboxes.dns_record(ws, name)
    if record is not None:
        click.echo(f"{record[0]} TXT {record[1]}")
        click.echo("Publish the record above, so that receivers can verify what it signs.", err=True)
