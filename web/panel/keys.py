"""Settings > Keys: what programs come in with. A new key is shown once, on the page that follows its making."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from web.auth import require
from web.forms import Form
from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import later
from web.pages import is_swap, workspace
from web.panel.frame import Toast, done, page, reading, worded
from workflow import rights
from workflow.actions import people
from workflow.errors import BadInput, Conflict, NotFound, OnwardError
from workflow.ids import is_id
from workflow.records.models import Rep
from workflow.reports import people as reports
from workflow.reports.paging import Asked

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

_MOST: Final = 500
_FIELDS: Final = {Conflict: "name", NotFound: "rep"}
AREAS: Final = {
    "prospects": later("Prospects and calls"),
    "outreach": later("Sequences, emails and tasks"),
    "meetings": later("Meetings"),
    "playbook": later("Playbook"),
    "webhooks": later("Webhooks"),
    "people": later("People and keys"),
    "audit": later("Log"),
    rights.OTHERS: later("Everything else"),
}


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/settings/keys", view_func=show_keys, methods=["GET"])
    routes.add_url_rule("/settings/keys", view_func=add_key, methods=["POST"])
    routes.add_url_rule("/settings/keys/<key_id>/revoke", view_func=revoke_key, methods=["POST"])


def show_keys() -> ResponseReturnValue:
    """Every key with what it may do, and the form for a new one."""
    require("people")
    return _page(Form({"role": "rep"}))


def add_key() -> ResponseReturnValue:
    """Make a key and show it, this once."""
    require("people")
    chosen = {area: read_line(f"scope_{area}", 5) for area in rights.AREAS}
    form = Form({name: read_line(name, 320) for name in ("name", "role", "rep", "days", "all")})
    form.values |= {f"scope_{area}": act for area, act in chosen.items()}
    scopes = [form["all"]] if form["all"] in ("read", "write") else []
    if form["all"] == "areas":
        scopes = [f"{area}:{act}" for area, act in chosen.items() if act]
        if not scopes:
            form.errors["all"] = _("Choose at least one area.")
    elif any(chosen.values()):
        # Whoever chose areas and left it at “everything” would give away more than they meant to.
        form.errors["all"] = _("Areas are chosen below: say that only they count, or choose none.")
    valid = _days(form)
    if not form.is_good:
        return _page(form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        token = people.add_key(
            workspace(), form["name"], form["role"] or "rep", scopes=scopes, rep=form["rep"] or None, valid=valid
        )
    except (BadInput, Conflict, NotFound) as error:
        return _refused(form, error)
    # No redirect: the key must be on the page that follows, and nowhere else.
    return _page(Form({"role": "rep"}), made=(form["name"], token))


def revoke_key(key_id: str) -> ResponseReturnValue:
    """End a key for good."""
    require("people")
    if not is_id(key_id):
        raise NotFound
    people.revoke_key_by_id(workspace(), key_id)
    toast = Toast(_("The key is revoked"))
    return _page(Form({"role": "rep"}), toast=toast) if is_swap() else done("/settings/keys", toast)


def _days(form: Form) -> timedelta | None:
    told = form["days"]
    if not told:
        return None
    if told.isascii() and told.isdigit() and 1 <= int(told[:5]) <= people.MOST_DAYS:
        return timedelta(days=int(told))
    form.errors["days"] = _("Write a number of days from 1 to 3660, or nothing.")
    return None


def _refused(form: Form, error: OnwardError) -> ResponseReturnValue:
    field = error.field if isinstance(error, BadInput) else _FIELDS.get(type(error), "name")
    said = {
        "name": _("There is a key of this name already: choose another one.")
        if isinstance(error, Conflict)
        else _("The key needs a name, such as that of the program that will use it."),
    }
    form.errors[field if field in ("name", "role", "rep", "days") else "all"] = said.get(field) or worded(error)
    return _page(form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _page(
    form: Form, *, made: tuple[str, str] | None = None, toast: Toast | None = None, status: int = HTTPStatus.OK
) -> ResponseReturnValue:
    with reading() as tx:
        keys = reports.keys(tx, Asked("name", None, _MOST)).rows
        reps = tx.conn.execute(
            select(Rep.id, Rep.name, Rep.email).where(Rep.disabled_at.is_(None)).order_by(Rep.name, Rep.email)
        ).all()
    open_keys = [key for key in keys if key.revoked_at is None]
    areas = {area: _(label) for area, label in AREAS.items()}
    return page(
        "keys", here="settings", status=status, toast=toast, form=form, keys=open_keys, made=made, reps=reps,
        areas=areas, base_url=workspace().settings.base_url, scopes=lambda told: _scopes(told, areas),
    )  # fmt: skip


def _scopes(told: str | None, areas: dict[str, str]) -> str:
    """The scopes of a key in words."""
    if not told:
        return _("everything that its role allows")
    words = {"read": _("read"), "write": _("read and change")}
    said = []
    for scope in told.split():
        area, colon, act = scope.partition(":")
        said.append(f"{areas.get(area, area)}: {words[act]}" if colon else words[area])
    return "; ".join(said)
