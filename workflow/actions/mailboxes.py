"""Mailboxes: add one for a rep or for all, change it, try it out, take it out of use; and what its mail leaves by.

Passwords, keys and tokens are sealed as soon as they come in and never shown again. Sends no mail of a sequence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select, update

from workflow import auditing, ids, text
from workflow.actions import people, sealing
from workflow.actions.outreach import settle
from workflow.actions.outreach.outlet import Outlet
from workflow.engine.reasons import because
from workflow.errors import BadInput, Conflict, NotFound, OnwardError
from workflow.mail.address import parse_mailbox
from workflow.mail.dkim import Signer
from workflow.mail.imap import ImapMailbox, ImapServer
from workflow.mail.oauth import AccessTokens
from workflow.mail.smtp import SmtpServer, SmtpTransport
from workflow.probe import SILENT
from workflow.records.models import Mailbox, Rep
from workflow.settings import noted_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.mail.smtp import Timeouts
    from workflow.mail.transport import Outcome
    from workflow.probe import Probe
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

SECRETS: Final = ("smtp_url", "imap_url", "dkim_key", "token_url", "client_id", "client_secret", "refresh_token")
"""What is kept sealed. The token endpoint and the ids lie beside the refresh token, because they belong to it."""
OPEN: Final = ("dkim_domain", "dkim_selector", "signature_en", "signature_bg", "plus_addresses")
"""What may be shown."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_LONGEST_SIGNATURE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Way:
    """How the mail of one mailbox leaves and is read: what it writes with, its servers, where tokens come from."""

    outlet: Outlet
    server: SmtpServer
    tokens: AccessTokens | None = None
    inbox: ImapServer | None = None

    def transport(self, timeouts: Timeouts | None = None, probe: Probe = SILENT) -> SmtpTransport:
        """A fresh transport."""
        return SmtpTransport(self.server, timeouts, probe, access_token=self.tokens.fresh if self.tokens else None)

    def reader(self, timeout_s: float | None = None) -> ImapMailbox:
        """The mailbox, open to be read. Raises Unavailable, and BadInput when it cannot be read at all.

        `timeout_s` is how long one answer may take, in seconds, where the usual minute is too long.
        """
        if self.inbox is None:
            message = "The mailbox has no IMAP server: give it one with --imap-url-file."
            raise BadInput(message, field="imap_url")
        fresh = self.tokens.fresh if self.tokens else None
        if timeout_s is None:
            return ImapMailbox(self.inbox, access_token=fresh)
        return ImapMailbox(self.inbox, access_token=fresh, timeout_s=timeout_s)


def add(ws: Workspace, name: str, sender: str, told: Mapping[str, str], *, rep: str | None = None) -> str:
    """Add a mailbox that writes as `sender`; of the rep with the address `rep`, else shared. Gives its id.

    `told` holds any of SECRETS and OPEN. Raises BadInput, NotFound for an unknown rep, Conflict for a taken name.
    """
    if not _NAME.fullmatch(name):
        message = "The name of a mailbox has up to 40 small letters, digits, dots, hyphens and underscores."
        raise BadInput(message, field="name")
    _check_told(told)

    def work(tx: Tx) -> str:
        if tx.conn.execute(select(Mailbox.id).where(Mailbox.name == name)).scalar_one_or_none():
            message = f"There is a mailbox named {name} already: choose another name."
            raise Conflict(message)
        row = {
            "id": ids.new_id(),
            "name": name,
            "sender": _sender(sender),
            "state": "active",
            "backoff_step": 0,
            "policy_refusals": 0,
            "created_at": tx.now,
            **_values(ws, tx, None, sender, told),
            "rep_id": _rep(tx, rep) if rep else None,
        }
        tx.conn.execute(insert(Mailbox), row)
        _note(ws, tx, "mailbox.added", None, _by_name(tx, name))
        return str(row["id"])

    return ws.database.transact(work)


def change(
    ws: Workspace, name: str, told: Mapping[str, str], *, sender: str | None = None, rep: str | None = None
) -> None:
    """Change what is named; an empty word takes a value away, an empty `rep` makes the mailbox a shared one.

    Raises BadInput and NotFound.
    """
    _check_told(told)

    def work(tx: Tx) -> None:
        row = _by_name(tx, name)
        if row.id == ws.mailbox_id and (sender or rep):
            message = "This is the installation's own mailbox: set ONWARD_MAIL_FROM to let it write as somebody else."
            raise BadInput(message, field="sender")
        values = _values(ws, tx, row, sender or row.sender, told)
        if sender is not None:
            values["sender"] = _sender(sender)
        if rep is not None:
            values["rep_id"] = _rep(tx, rep) if rep else None
        tx.conn.execute(update(Mailbox).where(Mailbox.id == row.id).values(**values))
        _note(ws, tx, "mailbox.changed", row, _by_name(tx, name))

    ws.database.transact(work)


def remove(ws: Workspace, name: str) -> None:
    """Take a mailbox out of use: nothing new is planned for it; what is planned already still leaves by it.

    Raises NotFound, and BadInput for the installation's own.
    """

    def work(tx: Tx) -> None:
        row = _by_name(tx, name)
        if row.id == ws.mailbox_id:
            message = "This is the installation's own mailbox: set ONWARD_MAIL_FROM and ONWARD_SMTP_URL to change it."
            raise BadInput(message)
        tx.conn.execute(update(Mailbox).where(Mailbox.id == row.id).values(removed_at=tx.now))
        auditing.note(tx, ws.actor, "mailbox.removed", name, about_id=row.id)

    ws.database.transact(work)


def id_of(ws: Workspace, name: str) -> str:
    """The id of the mailbox called `name`. Raises NotFound."""
    with ws.database.read() as tx:
        found: str = _by_name(tx, name).id
    return found


def named(ws: Workspace, mailbox_id: str) -> str:
    """The name of the mailbox with this id, whatever was typed as one. Raises NotFound."""
    with ws.database.read() as tx:
        name: str | None = None
        if ids.is_id(mailbox_id):
            name = tx.conn.execute(select(Mailbox.name).where(Mailbox.id == mailbox_id)).scalar_one_or_none()
    if name is None:
        message = "There is no such mailbox."
        raise NotFound(message)
    return name


def held(ws: Workspace, name: str) -> frozenset[str]:
    """Which of SECRETS a mailbox has, by their names; never what they are. Raises NotFound."""
    with ws.database.read() as tx:
        return frozenset(sealing.unseal(ws, tx, _by_name(tx, name).secrets))


def pause(ws: Workspace, name: str, by: str) -> None:
    """Let the mail of a mailbox wait until somebody resumes it. Raises NotFound."""

    def work(tx: Tx) -> None:
        row = _by_name(tx, name)
        settle.pause(tx, row.id, because("pause.by", by=by))
        auditing.note(tx, ws.actor, "mailbox.paused", name, about_id=row.id)

    ws.database.transact(work)


def give_up(ws: Workspace, mailbox_id: str, problem: str) -> None:
    """Pause a mailbox whose settings do not let it send, and say why."""
    ws.database.transact(lambda tx: settle.pause(tx, mailbox_id, because("pause.settings", problem=problem)))


def way(ws: Workspace, mailbox_id: str) -> Way:
    """How the mail of a mailbox leaves. Raises an OnwardError that says why it cannot."""
    with ws.database.read() as tx:
        row = tx.conn.execute(select(Mailbox).where(Mailbox.id == mailbox_id)).one_or_none()
        if row is None:
            message = "There is no such mailbox."
            raise NotFound(message)
        secrets = sealing.unseal(ws, tx, row.secrets)
    sender = ws.settings.mail_from if row.id == ws.mailbox_id else row.sender
    return _way(ws, sender, secrets, row.settings or {})


def readable(ws: Workspace) -> dict[str, str]:
    """The mailboxes that can be read, each with a word that changes when its settings do."""
    with ws.database.read() as tx:
        rows = tx.conn.execute(
            select(Mailbox.id, Mailbox.secrets, Mailbox.settings).where(
                Mailbox.secrets.is_not(None), Mailbox.removed_at.is_(None)
            )
        ).all()
    return {row.id: row.secrets for row in rows if (row.settings or {}).get("inbox")}


def try_out(ws: Workspace, name: str, timeouts: Timeouts | None = None) -> Outcome:
    """Connect as a mailbox, sign in and ask whether it may send, without a mail. Raises NotFound and BadInput."""
    found = way(ws, id_of(ws, name))
    return found.transport(timeouts).try_out(found.outlet.sender.address.text)


def try_inbox(ws: Workspace, name: str, timeout_s: float | None = None) -> None:
    """Sign in to the IMAP server of a mailbox and open its folder. Raises an OnwardError that says what is wrong."""
    way(ws, id_of(ws, name)).reader(timeout_s).close()


def dns_record(ws: Workspace, name: str) -> tuple[str, str] | None:
    """The name and the text of the DNS record that publishes the DKIM key of a mailbox, if it has one."""
    mailbox_id = id_of(ws, name)
    with ws.database.read() as tx:
        row = tx.conn.execute(select(Mailbox.sender, Mailbox.secrets, Mailbox.settings).where(Mailbox.id == mailbox_id))
        sender, sealed, shown = row.one()
        secrets = sealing.unseal(ws, tx, sealed)
    # Without its server: a terminal may not know the one that the installation sends by.
    signer = _outlet(ws.settings.mail_from if mailbox_id == ws.mailbox_id else sender, secrets, shown or {}).signer
    return (f"{signer.selector}._domainkey.{signer.domain}", signer.record) if signer else None


def _outlet(sender: str, secrets: Mapping[str, str], shown: Mapping[str, Any]) -> Outlet:
    party = parse_mailbox(sender, local_host=True)
    signature = {each: shown[f"signature_{each}"] for each in ("en", "bg") if shown.get(f"signature_{each}")}
    signer = None
    if secrets.get("dkim_key"):
        signer = _signer(shown.get("dkim_domain") or party.address.domain, shown, secrets["dkim_key"])
        if not f".{party.address.domain}".endswith(f".{signer.domain}"):
            message = f"The DKIM key signs for {signer.domain}, and the mailbox writes as {party.address.domain}."
            raise BadInput(message, field="dkim_domain")
    return Outlet(party, signature, signer, shown.get("plus_addresses") == "yes")


def _way(ws: Workspace, sender: str, secrets: Mapping[str, str], shown: Mapping[str, Any]) -> Way:
    outlet = _outlet(sender, secrets, shown)
    tokens = None
    if secrets.get("refresh_token"):
        form = {name: secrets[name] for name in ("client_id", "client_secret", "refresh_token") if secrets.get(name)}
        tokens = AccessTokens(secrets.get("token_url", ""), form)
    return Way(
        outlet,
        _server(ws, secrets),
        tokens,
        _inbox(secrets),
    )


def _signer(domain: str, shown: Mapping[str, Any], key: str) -> Signer:
    try:
        return Signer.read(domain, shown.get("dkim_selector") or "onward", key)
    except BadInput as error:
        raise BadInput(error.message, field=f"dkim_{error.field}") from error


def _server(ws: Workspace, secrets: Mapping[str, str]) -> SmtpServer:
    # Without any, `onward up` has started a catcher: whoever asks from another process finds it by its note.
    url = secrets.get("smtp_url") or ws.settings.smtp_url or noted_address(ws.settings.data_dir, "catcher")
    if not url:
        message = "There is no mail server: give the mailbox one, or set ONWARD_SMTP_URL."
        raise BadInput(message, field="smtp_url")
    try:
        return SmtpServer.parse(url)
    except ValueError as error:
        raise BadInput(str(error), field="smtp_url") from error


def _inbox(secrets: Mapping[str, str]) -> ImapServer | None:
    try:
        return ImapServer.parse(secrets["imap_url"]) if secrets.get("imap_url") else None
    except ValueError as error:
        raise BadInput(str(error), field="imap_url") from error


def _values(ws: Workspace, tx: Tx, row: Record | None, sender: str, told: Mapping[str, str]) -> dict[str, Any]:
    """The sealed and the open part of a row with what is `told` in it; refuses what could not send."""
    secrets = sealing.unseal(ws, tx, row.secrets) if row is not None else {}
    shown: dict[str, Any] = dict(row.settings or {}) if row is not None else {}
    for name, value in told.items():
        kept = secrets if name in SECRETS else shown
        if not value:
            kept.pop(name, None)
        elif name.startswith("signature_"):
            kept[name] = text.block(value)[:_LONGEST_SIGNATURE]
        else:
            kept[name] = value.strip() if name != "dkim_key" else value
    # The key is judged here even where a terminal does not know the server that the installation sends by.
    _outlet(sender, secrets, shown)
    if secrets.get("smtp_url") or ws.settings.smtp_url:
        server = _way(ws, sender, secrets, shown).server
        shown["server"] = f"{server.host}:{server.port}" if secrets.get("smtp_url") else None
    inbox = _inbox(secrets)
    shown["inbox"] = f"{inbox.host}:{inbox.port}" if inbox is not None else None
    return {"secrets": sealing.seal(ws, tx, secrets) if secrets else None, "settings": shown}


def _note(ws: Workspace, tx: Tx, what: str, before: Record | None, after: Record) -> None:
    was, had = _told_of(ws, tx, before) if before is not None else ({}, {})
    now, has = _told_of(ws, tx, after)
    kept_before, kept_now = auditing.hidden(had, has)
    auditing.note(tx, ws.actor, what, after.name, was | kept_before, now | kept_now, about_id=after.id)


def _told_of(ws: Workspace, tx: Tx, row: Record) -> tuple[dict[str, Any], dict[str, str]]:
    """What an audit may say of a mailbox, and its secrets, of which it says only whether they are there."""
    rep = tx.conn.execute(select(Rep.email).where(Rep.id == row.rep_id)).scalar_one_or_none() if row.rep_id else None
    return {"sender": row.sender, "rep": rep, **(row.settings or {})}, sealing.unseal(ws, tx, row.secrets)


def _check_told(told: Mapping[str, str]) -> None:
    if told.get("plus_addresses", "") not in ("", "yes"):
        message = "Plus-addresses are on with “yes”, and off without a word."
        raise BadInput(message, field="plus_addresses")
    for name in told:
        if name not in SECRETS and name not in OPEN:
            message = f"A mailbox has no “{name[:40]}”: it has {', '.join((*SECRETS, *OPEN))}."
            raise BadInput(message, field=name)


def _sender(written: str) -> str:
    try:
        parse_mailbox(written, local_host=True)
    except OnwardError as error:
        raise BadInput(error.message, field="sender") from error
    return text.line(written)


def _rep(tx: Tx, email: str) -> str:
    known = people.rep_id(tx, email)
    if known is None:
        message = f"Nobody here has the address {email[:80]}: add them with `onward rep add`."
        raise NotFound(message)
    return known


def _by_name(tx: Tx, name: str) -> Record:
    row = tx.conn.execute(select(Mailbox).where(Mailbox.name == name)).one_or_none()
    if row is None:
        message = f"There is no mailbox named {name[:40]}: `onward mailbox list` shows them."
        raise NotFound(message)
    return row
