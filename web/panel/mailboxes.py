"""Settings > Mailboxes: what sends and is read, try it out, let it wait, add and change; and a rep who is away.

What is secret comes in by a form and is never shown again. Decides nothing about mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import request
from sqlalchemy import select

from web.auth import person, require
from web.forms import Form
from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import language, later
from web.pages import is_swap, workspace
from web.panel.conflicts import Clash, Overtaken, held, mark_of, show_both
from web.panel.faults import refusal
from web.panel.frame import Toast, done, page, reading, worded
from web.panel.refusals import in_words
from workflow import text
from workflow.actions import absence, mailboxes
from workflow.actions.outreach import acts
from workflow.errors import BadInput, Conflict, NotFound, OnwardError
from workflow.mail.smtp import Timeouts
from workflow.records.models import Mailbox, Rep
from workflow.reports import health

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.records.db import Record, Tx

_PAGE: Final = "/settings/mailboxes"
# A person waits for the answer, and one thread of the web process with them.
_PATIENCE_S: Final = 10.0
_PATIENCE: Final = Timeouts(connect=_PATIENCE_S, command=_PATIENCE_S)
_LONGEST: Final = 20_000
_SECRETS: Final = {
    "smtp_url": later("Mail server"),
    "imap_url": later("Server to read from (IMAP)"),
    "dkim_key": later("DKIM key"),
    "token_url": later("Token endpoint"),
    "client_id": later("Client id"),
    "client_secret": later("Client secret"),
    "refresh_token": later("Refresh token"),
}
# What is wrong in a field, for whoever does not read the English sentence of the error itself.
_WRONG: Final = {
    "name": later("A name has up to 40 small letters, digits, dots, hyphens and underscores, and nobody else has it."),
    "sender": later("Write the sender as Maria Ivanova <maria@example.com>."),
    "rep": later("There is nobody here with this address."),
    "smtp_url": later("Write it as smtp://user:password@host:587 or smtps://user:password@host."),
    "imap_url": later("Write it as imaps://user:password@host."),
    "dkim_key": later("This is no private key in PEM form, of RSA from 1024 bits or Ed25519."),
    "dkim_selector": later("The selector has letters, digits, dots and hyphens."),
    "dkim_domain": later("The DKIM key must sign for the domain of the sender."),
    "token_url": later("Write the token endpoint as https://host/path."),
}


@dataclass(frozen=True, slots=True)
class Tried:
    """How far a mailbox came when it was tried out, in words; `reads` is empty for one that is not read."""

    mailbox_id: str
    sends_well: bool
    sends: str
    reads_well: bool = True
    reads: str = ""


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/settings/mailboxes", view_func=show_mailboxes, methods=["GET"])
    routes.add_url_rule("/settings/mailboxes/new", view_func=new_mailbox, methods=["GET"])
    routes.add_url_rule("/settings/mailboxes", view_func=add_mailbox, methods=["POST"])
    routes.add_url_rule("/settings/mailboxes/<mailbox_id>", view_func=show_mailbox, methods=["GET"])
    routes.add_url_rule("/settings/mailboxes/<mailbox_id>", view_func=change_mailbox, methods=["POST"])
    routes.add_url_rule("/settings/mailboxes/<mailbox_id>/test", view_func=try_mailbox, methods=["POST"])
    routes.add_url_rule("/settings/mailboxes/<mailbox_id>/pause", view_func=pause_mailbox, methods=["POST"])
    routes.add_url_rule("/settings/mailboxes/<mailbox_id>/resume", view_func=resume_mailbox, methods=["POST"])
    routes.add_url_rule("/settings/away", view_func=away, methods=["POST"])


def show_mailboxes(
    *, tried: Tried | None = None, toast: Toast | None = None, wrong: str = "", status: int = HTTPStatus.OK
) -> ResponseReturnValue:
    """Every mailbox with what holds it, and the switch for being away."""
    with reading() as tx:
        boxes = [row for row in health.mailboxes(tx) if row.removed_at is None]
        people = _people(tx)
    me = next(row for row in people if row.id == person().id)
    stand_in = next((row.name or row.email for row in people if row.id == me.stand_in_id), "")
    others = [row for row in people if row.id != me.id and row.away_since is None]
    return page(
        "mailboxes", here="settings", status=status, toast=toast, boxes=boxes, tried=tried, absent=me, others=others,
        stand_in=stand_in,
        wrong=wrong, default_id=workspace().mailbox_id, in_words=in_words,
    )  # fmt: skip


def try_mailbox(mailbox_id: str) -> ResponseReturnValue:
    """Connect, sign in and ask whether the sender may send; and open the folder that is read. Sends nothing."""
    require("resume_mailbox")
    ws = workspace()
    name = mailboxes.named(ws, mailbox_id)
    with reading() as tx:
        read = bool((_row(tx, mailbox_id).settings or {}).get("inbox"))
    sends_well, sends = _sends(name)
    problem = _reads(name) if read else ""
    reads = (problem or _("It can be read.")) if read else ""
    return show_mailboxes(tried=Tried(mailbox_id, sends_well, sends, not problem, reads))


def pause_mailbox(mailbox_id: str) -> ResponseReturnValue:
    """Let its mail wait."""
    require("resume_mailbox")
    ws = workspace()
    mailboxes.pause(ws, mailboxes.named(ws, mailbox_id), person().name or person().email)
    return _listed(Toast(_("Its mail waits")))


def resume_mailbox(mailbox_id: str) -> ResponseReturnValue:
    """Let it send again."""
    require("resume_mailbox")
    ws = workspace()
    mailboxes.named(ws, mailbox_id)
    acts.resume(ws, mailbox_id)
    return _listed(Toast(_("The mailbox sends again")))


def away() -> ResponseReturnValue:
    """Mark the person who asks as away, with a stand-in or without one, or as here again."""
    ws, me = workspace(), person().id
    if request.form.get("here"):
        absence.come_back(ws, me)
        return _listed(Toast(_("Welcome back: your mail leaves again")))
    stand_in = read_line("stand_in", 40)
    try:
        absence.leave(ws, me, stand_in=stand_in or None)
    except (BadInput, NotFound):
        wrong = _("Choose a stand-in who is here, or nobody.")
        return show_mailboxes(wrong=wrong, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _listed(Toast(_("You are away: a stand-in answers") if stand_in else _("You are away: your mail waits")))


def new_mailbox() -> ResponseReturnValue:
    """The empty form."""
    require("mailboxes")
    return _form(Form())


def add_mailbox() -> ResponseReturnValue:
    """Add a mailbox."""
    require("mailboxes")
    form = _typed()
    try:
        mailboxes.add(workspace(), form["name"], form["sender"], _told(form), rep=form["rep"] or None)
    except OnwardError as error:
        return _refused(form, error)
    return done(_PAGE, Toast(_("The mailbox is ready: try it out")))


def show_mailbox(mailbox_id: str) -> ResponseReturnValue:
    """The form of a mailbox, with what may be shown of it."""
    require("mailboxes")
    mailboxes.named(workspace(), mailbox_id)
    return _form(Form(_shown(mailbox_id)), mailbox_id)


def change_mailbox(mailbox_id: str) -> ResponseReturnValue:
    """Change a mailbox: what was left empty of the secrets stays as it is."""
    require("mailboxes")
    ws = workspace()
    name, form = mailboxes.named(ws, mailbox_id), _typed()
    form.values["name"] = name
    told = {each: "" for each in request.form.getlist("forget") if each in mailboxes.SECRETS} | _told(form)
    own = mailbox_id == ws.mailbox_id
    ws = held(ws, lambda: _shown(mailbox_id))
    try:
        if own:
            mailboxes.change(ws, name, told)
        else:
            mailboxes.change(ws, name, told, sender=form["sender"], rep=form["rep"])
    except Overtaken:
        address = f"/settings/mailboxes/{mailbox_id}"
        mine = {each: value for each, value in form.values.items() if each != "name"}
        secret = any(each in told for each in mailboxes.SECRETS)
        note = _("Passwords and keys are not kept here: give them once more afterwards.") if secret else ""
        return show_both(Clash(mailbox_id, name, address, _labels(), _shown(mailbox_id), mine, note=note))
    except OnwardError as error:
        return _refused(form, error, mailbox_id)
    return done(_PAGE, Toast(_("Saved")))


def _form(form: Form, mailbox_id: str = "", status: int = HTTPStatus.OK) -> ResponseReturnValue:
    ws = workspace()
    with reading() as tx:
        people = _people(tx)
    held: frozenset[str] = frozenset()
    record = None
    if mailbox_id:
        held = mailboxes.held(ws, form["name"])
        try:
            record = mailboxes.dns_record(ws, form["name"])
        except OnwardError:
            # Whatever is wrong with it is said when it is tried out or changed.
            record = None
    return page(
        "mailbox", here="settings", status=status, form=form, mailbox_id=mailbox_id, held=held, record=record,
        people=people, own=mailbox_id == ws.mailbox_id,
        seen=request.form.get("seen", "") or (mark_of(_shown(mailbox_id)) if mailbox_id else ""),
        secrets={name: _(label) for name, label in _SECRETS.items()},
    )  # fmt: skip


def _shown(mailbox_id: str) -> dict[str, str]:
    """What the form shows now: all that is no secret."""
    with workspace().database.read() as tx:
        row = _row(tx, mailbox_id)
    shown = {name: str((row.settings or {}).get(name) or "") for name in mailboxes.OPEN}
    return {**shown, "name": row.name, "sender": row.sender, "rep": row.rep or ""}


def _labels() -> dict[str, str]:
    return {
        "sender": _("Sender"),
        "rep": _("Writes to the prospects of"),
        "dkim_selector": _("DKIM selector"),
        "dkim_domain": _("DKIM domain"),
        "signature_en": _("Signature in English"),
        "signature_bg": _("Signature in Bulgarian"),
        "plus_addresses": _("Plus-addresses"),
    }


def _refused(form: Form, error: OnwardError, mailbox_id: str = "") -> ResponseReturnValue:
    if not isinstance(error, BadInput | Conflict | NotFound):
        raise error
    field = {Conflict: "name", NotFound: "rep"}.get(type(error), error.field if isinstance(error, BadInput) else "")
    told = error.message if language() == "en" or field not in _WRONG else _(_WRONG[field])
    form.errors[field or "sender"] = told if field in _WRONG else worded(error)
    return _form(form, mailbox_id, HTTPStatus.UNPROCESSABLE_ENTITY)


def _typed() -> Form:
    values = {name: read_line(name, 320) for name in ("name", "sender", "rep", "dkim_domain", "dkim_selector")}
    for name in ("signature_en", "signature_bg"):
        values[name] = text.block(request.form.get(name, ""), 1000).strip()
    values["plus_addresses"] = "yes" if request.form.get("plus_addresses") else ""
    return Form(values)


def _told(form: Form) -> dict[str, str]:
    """What the form tells of a mailbox; an empty secret tells nothing."""
    told = {name: form[name] for name in mailboxes.OPEN}
    for name in mailboxes.SECRETS:
        typed = request.form.get(name, "").strip()[:_LONGEST]
        if typed:
            told[name] = typed
    return told


def _sends(name: str) -> tuple[bool, str]:
    try:
        outcome = mailboxes.try_out(workspace(), name, _PATIENCE)
    except OnwardError as error:
        return False, worded(error)
    if outcome.kind == "sent":
        return True, _("It may send: the mail server took its name and its sender.")
    return False, refusal(outcome)


def _reads(name: str) -> str:
    """What is wrong with reading it, in words; empty when it can be read."""
    try:
        mailboxes.try_inbox(workspace(), name, _PATIENCE_S)
    except OnwardError as error:
        return _("It cannot be read: %(why)s") % {"why": in_words(error.message)}
    return ""


def _listed(toast: Toast) -> ResponseReturnValue:
    return show_mailboxes(toast=toast) if is_swap() else done(_PAGE, toast)


def _row(tx: Tx, mailbox_id: str) -> Record:
    found = select(Mailbox.name, Mailbox.sender, Mailbox.settings, Rep.email.label("rep"))
    return tx.conn.execute(found.outerjoin(Rep, Rep.id == Mailbox.rep_id).where(Mailbox.id == mailbox_id)).one()


def _people(tx: Tx) -> Sequence[Record]:
    columns = select(Rep.id, Rep.name, Rep.email, Rep.away_since, Rep.stand_in_id).where(Rep.disabled_at.is_(None))
    return tx.conn.execute(columns.order_by(Rep.name, Rep.email)).all()
