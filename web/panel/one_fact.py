"""One fact of a prospect, changed where it stands; whoever was slower sees both values and chooses.

A change of another fact meanwhile is no conflict: both are kept. All facts at once are the matter of `prospects`.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import request
from sqlalchemy import select

from web.forms import OneFact as Fact
from web.forms import fact as read_fact
from web.forms import version as read_version
from web.i18n import gettext as _
from web.pages import is_swap, workspace
from web.panel.frame import Part, Toast, done, fragment, reading, swap, viewer, who
from web.panel.prospects import belongs_to_another, newest_change, show_prospect
from web.panel.wishes import go_on, wished, with_wish
from web.panel.wording import field as field_name
from workflow import text
from workflow.actions import prospects
from workflow.engine.signals import FIELDS
from workflow.errors import Conflict, NotFound
from workflow.progress import COMPETITOR
from workflow.records.models import Prospect
from workflow.reports import scope

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.records.db import Record

_NAMES = ("email", "name", "company", "phone")


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects/<prospect_id>/facts/<name>", view_func=show_fact, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/facts/<name>", view_func=save_fact, methods=["POST"])


def show_fact(prospect_id: str, name: str) -> ResponseReturnValue:
    """One fact in a field."""
    known, row = _row(prospect_id, name)
    value = _value(row, name)
    return _show(known, Fact(name, value, value, row.version))


def save_fact(prospect_id: str, name: str) -> ResponseReturnValue:
    """Change one fact; 409 with both values when somebody changed the same one meanwhile."""
    known, row = _row(prospect_id, name)
    form = read_fact(name)
    was = text.line(request.form.get("was", ""), 254)
    typed = Fact(name, form[name], was, read_version() or row.version, form.error(name))
    if name in _NAMES and not typed.value and not any(_value(row, each) for each in _NAMES if each != name):
        typed = replace(typed, error=_("Give at least an email address, a name, a company or a phone number."))
    elif name == "email" and not typed.error and belongs_to_another(typed.value, known):
        typed = replace(typed, error=_("This address belongs to another prospect."))
    if typed.error:
        return _show(known, typed, HTTPStatus.UNPROCESSABLE_ENTITY)
    if _value(row, name) not in (typed.was, typed.value):
        return _overtaken(known, typed)
    try:
        # The value is what was seen; that another fact changed since does not matter. A change from now on does.
        facts = {name: typed.value}
        fields, custom = ({}, facts) if name == COMPETITOR else (facts, {})
        prospects.edit(workspace(), known, fields, custom, who(), version=row.version)
    except Conflict:
        return _overtaken(known, typed)
    toast = go_on(known, Toast(_("Saved") if typed.value != _value(row, name) else _("Nothing was changed")))
    return show_prospect(known, toast=toast) if is_swap() else done(with_wish(f"/prospects/{known}") + "#facts", toast)


def _overtaken(known: str, typed: Fact) -> ResponseReturnValue:
    with reading() as tx:
        row = tx.conn.execute(_FACTS.where(Prospect.id == known)).one()
        by = newest_change(tx, known)
    now = _value(row, typed.name)
    both = replace(typed, was=now, version=row.version, theirs=now, by=by)
    return _show(known, both, HTTPStatus.CONFLICT)


def _show(known: str, fact: Fact, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    if not is_swap():
        return show_prospect(known, fact=fact, status=status)
    markup = fragment("one_fact", "form", fact=fact, known=known, named=field_name(fact.name), then=wished())
    return swap(Part(f"#fact-{fact.name}", markup, "innerHTML"), status=status)


_FACTS = select(Prospect.version, Prospect.custom, *(getattr(Prospect, name) for name in FIELDS))


def _row(prospect_id: str, name: str) -> tuple[str, Record]:
    if name not in (*FIELDS, COMPETITOR):
        raise NotFound("There is no such fact: check the address.")
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        return known, tx.conn.execute(_FACTS.where(Prospect.id == known)).one()


def _value(row: Record, name: str) -> str:
    return str((row.custom.get(name) if name == COMPETITOR else getattr(row, name)) or "")
