"""Settings > Users: who works here; invite, change, mark as away, make a link to sign in, shut out.

For administrators only. A link to sign in is shown on the page that made it, and never again.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

from flask import request
from sqlalchemy import select

from web.auth import person, require
from web.forms import Form
from web.forms import line as read_line
from web.i18n import gettext as _
from web.pages import workspace
from web.panel.conflicts import Clash, Overtaken, held, mark_of, show_both
from web.panel.frame import Toast, done, page, reading, worded
from web.panel.wording import role as role_in_words
from workflow.actions import absence, people
from workflow.errors import BadInput, Conflict, NotFound
from workflow.ids import is_id
from workflow.records.models import Rep, Session

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.records.db import Record, Tx

_PAGE: Final = "/settings/users"
_FIELDS: Final = ("name", "role", "language", "time_zone")
_COLUMNS: Final = (
    Rep.id, Rep.email, Rep.name, Rep.role, Rep.language, Rep.time_zone, Rep.away_since, Rep.stand_in_id,
    Rep.disabled_at, Rep.created_at, Rep.password_hash.is_not(None).label("has_password"),
)  # fmt: skip


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule(_PAGE, view_func=all_users, methods=["GET"])
    routes.add_url_rule(_PAGE, view_func=invite_user, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/<rep_id>", view_func=one_user, methods=["GET"])
    routes.add_url_rule(f"{_PAGE}/<rep_id>", view_func=change_user, methods=["POST"])
    for name, act in (("link", make_link), ("away", mark_user), ("off", shut_out)):
        routes.add_url_rule(f"{_PAGE}/<rep_id>/{name}", view_func=act, methods=["POST"])


def all_users() -> ResponseReturnValue:
    """Everybody who works here or did, and the form to invite somebody."""
    require("people")
    return _listed(Form({"role": "rep"}))


def invite_user() -> ResponseReturnValue:
    """Let a person in: shows the link by which they sign in and choose a password."""
    require("people")
    form = Form({name: read_line(name, 254) for name in ("email", "name", "role")})
    try:
        rep_id = people.add_rep(workspace(), form["email"], form["role"], name=form["name"] or None)
    except (BadInput, Conflict) as error:
        field = error.field if isinstance(error, BadInput) and error.field == "role" else "email"
        taken = isinstance(error, Conflict)
        form.errors[field] = _("Somebody has this address already.") if taken else worded(error)
        return _listed(form, HTTPStatus.UNPROCESSABLE_ENTITY)
    return _one(rep_id, link=people.sign_in_address(workspace(), rep_id), toast=Toast(_("The person was let in")))


def one_user(rep_id: str) -> ResponseReturnValue:
    """One person, with what can be changed."""
    require("people")
    return _one(_checked(rep_id))


def change_user(rep_id: str) -> ResponseReturnValue:
    """Change name, role, language and time zone."""
    require("people")
    with reading() as tx:
        before = _row(tx, _checked(rep_id))
    form = Form({name: read_line(name, 80) for name in _FIELDS})
    if not form["name"]:
        form.errors["name"] = _("Write the name as it stands under emails.")
        return _one(rep_id, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        ws = held(workspace(), lambda: _shown(rep_id))
        people.change(ws, rep_id, form["role"], {name: form[name] for name in _FIELDS if name != "role"})
    except Overtaken:
        theirs = _shown(rep_id)
        clash = Clash(rep_id, before.name or before.email, f"{_PAGE}/{rep_id}", _labels(), theirs, form.values, _said)
        return show_both(clash)
    except (BadInput, Conflict) as error:
        form.errors[error.field or "role" if isinstance(error, BadInput) else "role"] = worded(error)
        return _one(rep_id, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return done(_PAGE, Toast(_("Saved")))


def make_link(rep_id: str) -> ResponseReturnValue:
    """Make a link that signs this person in once, and show it."""
    require("people")
    return _one(_checked(rep_id), link=people.sign_in_address(workspace(), rep_id))


def mark_user(rep_id: str) -> ResponseReturnValue:
    """Mark a person as away, with a stand-in or without one, or as here again."""
    require("people")
    ws, known = workspace(), _checked(rep_id)
    if request.form.get("here"):
        absence.come_back(ws, known)
        return done(f"{_PAGE}/{known}", Toast(_("They are here again: their mail leaves")))
    stand_in = read_line("stand_in", 40)
    try:
        absence.leave(ws, known, stand_in=stand_in or None)
    except (BadInput, NotFound):
        form = Form(errors={"stand_in": _("Choose a stand-in who is here, or nobody.")})
        return _one(known, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return done(f"{_PAGE}/{known}", Toast(_("They are away")))


def shut_out(rep_id: str) -> ResponseReturnValue:
    """Let a person in no more, once their address was typed."""
    require("people")
    with reading() as tx:
        row = _row(tx, _checked(rep_id))
    if read_line("email", 254).casefold() != row.email.casefold():
        form = Form(errors={"email": _("Type the address of the person to shut them out.")})
        return _one(rep_id, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if rep_id == person().id:
        form = Form(errors={"email": _("Nobody shuts themselves out: ask another administrator.")})
        return _one(rep_id, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        people.disable(workspace(), rep_id)
    except Conflict as error:
        return _one(rep_id, form=Form(errors={"email": worded(error)}), status=HTTPStatus.CONFLICT)
    return done(_PAGE, Toast(_("They may come in no more")))


def _listed(form: Form, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    with reading() as tx:
        rows = tx.conn.execute(select(*_COLUMNS).order_by(Rep.name, Rep.email)).all()
    here = [row for row in rows if row.disabled_at is None]
    gone = [row for row in rows if row.disabled_at is not None]
    return page("users", here="settings", status=status, rows=here, gone=gone, form=form, roles=people.ROLES)


def _one(
    rep_id: str, *, form: Form | None = None, link: str = "", toast: Toast | None = None, status: int = HTTPStatus.OK
) -> ResponseReturnValue:
    with reading() as tx:
        row = _row(tx, rep_id)
        here = Rep.disabled_at.is_(None), Rep.away_since.is_(None), Rep.id != rep_id
        others = tx.conn.execute(select(Rep.id, Rep.name, Rep.email).where(*here).order_by(Rep.name)).all()
        seen = select(Session.seen_at).where(Session.rep_id == rep_id).order_by(Session.seen_at.desc()).limit(1)
        seen_at = tx.conn.execute(seen).scalar_one_or_none()
    typed = form or Form()
    mark = request.form.get("seen", "") or mark_of(_fields(row))
    if not typed.values:
        typed.values = _fields(row)
    return page(
        "user", here="settings", status=status, toast=toast, row=row, form=typed, link=link, others=others,
        seen=mark, seen_at=seen_at, roles=people.ROLES,
        zones=sorted(name for name in available_timezones() if "/" in name),
    )  # fmt: skip


def _shown(rep_id: str) -> dict[str, str]:
    """What the form shows now."""
    with workspace().database.read() as tx:
        return _fields(_row(tx, rep_id))


def _fields(row: Record) -> dict[str, str]:
    return {name: getattr(row, name) or "" for name in _FIELDS}


def _labels() -> dict[str, str]:
    return {"name": _("Name"), "role": _("Role"), "language": _("Language"), "time_zone": _("Time zone")}


def _said(name: str, value: str) -> str:
    if name == "language":
        return {"en": "English", "bg": "Български"}.get(value, _("As the browser"))
    return role_in_words(value) if name == "role" else value


def _row(tx: Tx, rep_id: str) -> Record:
    row = tx.conn.execute(select(*_COLUMNS).where(Rep.id == rep_id)).one_or_none()
    if row is None:
        raise NotFound
    return row


def _checked(rep_id: str) -> str:
    if not is_id(rep_id):
        raise NotFound
    return rep_id
