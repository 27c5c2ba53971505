"""Prospects: adding one, the page of one, and changing its facts. The list is the matter of `web.panel.lists`."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import g, request
from sqlalchemy import select

from web.forms import Form
from web.forms import facts as facts_of
from web.forms import number as read_number
from web.forms import prospect as read_prospect
from web.forms import version as read_version
from web.i18n import gettext as _
from web.pages import is_swap, workspace
from web.panel.discovery import discovery, sheet
from web.panel.duplicates import likely
from web.panel.frame import Notice, Part, Toast, done, fragment, page, reading, swap, viewer, warn, who
from web.panel.wishes import go_on, wished, with_wish
from web.panel.wording import changed
from workflow import rights, text
from workflow.actions import by_hand, prospects
from workflow.actions import relations as links
from workflow.engine import by_hand as by_hand_rules
from workflow.engine import calendar
from workflow.engine.signals import FIELDS
from workflow.errors import Conflict
from workflow.mail.address import key_of
from workflow.records.models import History, Prospect, Rep
from workflow.reports import advice, prospect, received, relations, scope

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from web.forms import OneFact
    from workflow.records.db import Record, Tx


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects", view_func=add_prospect, methods=["POST"])
    routes.add_url_rule("/prospects/new", view_func=show_new, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>", view_func=one_prospect, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/edit", view_func=show_edit, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/edit", view_func=save_facts, methods=["POST"])
    routes.add_url_rule("/prospects/<prospect_id>/mail/resume", view_func=resume_mail, methods=["POST"])
    routes.add_url_rule("/prospects/<prospect_id>/mail/pause", view_func=pause_mail, methods=["POST"])


def show_new() -> ResponseReturnValue:
    """The form for a new prospect."""
    return _new(Form({"name": text.line(request.args.get("name", "")), "from": request.args.get("from", "")[:40]}))


def add_prospect() -> ResponseReturnValue:
    """Add a prospect."""
    form = read_prospect()
    owner = _owner(form)
    form.values |= {"from": request.form.get("from", "")[:40], "as": request.form.get("as", "")}
    if form.is_good:
        origin = _origin(form)
        try:
            facts = {name: value for name, value in facts_of(form).items() if value}
            result = (
                prospects.create(workspace(), facts, {}, who(), owner_id=owner)
                if origin is None
                else links.create_linked(workspace(), facts, who(), owner_id=owner, known=origin.id, way=form["as"])
            )
        except Conflict:
            taken = belongs_to_another(form["email"], "")
            form.errors["email" if taken else "as"] = (
                _("This address belongs to another prospect.")
                if taken
                else _("The two could not be linked: load the page again.")
            )
        else:
            toast = Toast(_("%(name)s was added") % {"name": _named(form)})
            return done(f"/prospects/{result.prospect_id}", toast)
    return _new(form, HTTPStatus.UNPROCESSABLE_ENTITY)


def one_prospect(prospect_id: str) -> ResponseReturnValue:
    """One prospect."""
    return show_prospect(prospect_id)


def show_prospect(
    prospect_id: str,
    *,
    toast: Toast | None = None,
    notice: Notice | None = None,
    form: Form | None = None,
    typed: Form | None = None,
    fact: OneFact | None = None,
    status: int = HTTPStatus.OK,
) -> ResponseReturnValue:
    """The page of a prospect; with `form` its facts stand in fields, with `notice` it says why a move was refused.

    `typed` is what was sent by one of its other forms and could not be saved, `fact` the one that stands in a field.
    """
    ws = workspace()
    with reading() as tx:
        entries = read_number("entries", prospect.ENTRIES, prospect.MOST_ENTRIES)
        kind = text.line(request.args.get("show", ""), 20)
        found = prospect.page(ws, tx, viewer(), prospect_id, entries=entries, kind=kind)
        learnt = discovery(tx, found.facts)
        reps = _reps(tx) if form is not None else ()
        raw_mail = received.gives_raw(tx, viewer(), found.facts.id)
        advised = advice.of_page(tx, ws.playbooks.in_force(tx), found, learnt)
        related = relations.of_prospect(tx, viewer(), found.facts.id)
        names = {each.prospect_id: each.name or each.company or each.email for each in related}
    return page(
        "prospect", here="prospects", status=status, toast=toast, notice=notice, form=form, reps=reps, page=found,
        zone=calendar.zone_of(found.facts.time_zone, g.zone.key), fields=FIELDS, disc=learnt, typed=typed or Form(),
        sheet=sheet(learnt, typed), asks=is_swap() and "ask" in request.args,
        raw_mail=raw_mail, advice=advised, related=related, fact=fact, names=names,
        then=wished(), acted=request.path.rsplit("/", 1)[-1], older="entries" in request.args,
    )  # fmt: skip


def show_edit(prospect_id: str) -> ResponseReturnValue:
    """The facts in fields."""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        row = tx.conn.execute(_FACTS.where(Prospect.id == known)).one()
    return _show_form(known, Form(_values(row)))


def save_facts(prospect_id: str) -> ResponseReturnValue:
    """Change facts; what somebody else changed meanwhile is shown beside what was typed."""
    form = read_prospect()
    owner = _owner(form)
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        row = tx.conn.execute(_FACTS.where(Prospect.id == known)).one()
        taken = _taken(tx, form["email"], known)
    form.values["version"] = request.form.get("version", "")
    if taken:
        form.errors["email"] = _("This address belongs to another prospect.")
    if not form.is_good:
        return _show_form(known, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        version = read_version()
        prospects.edit(workspace(), known, facts_of(form), {}, who(), owner_id=owner, version=version)
    except Conflict:
        return _overtaken(known, form)
    told = {**facts_of(form), "owner": owner or row.owner_id or ""}
    differs = not told.items() <= _values(row).items()
    toast = go_on(known, Toast(_("Saved") if differs else _("Nothing was changed")))
    return show_prospect(known, toast=toast) if is_swap() else done(with_wish(f"/prospects/{known}"), toast)


_NAMED: Final = select(Prospect.id, Prospect.name, Prospect.company, Prospect.email)
_FACTS = select(Prospect.version, Prospect.owner_id, *(getattr(Prospect, name) for name in FIELDS))


def _values(row: Record) -> dict[str, str]:
    values = {name: str(getattr(row, name) or "") for name in FIELDS}
    return {**values, "owner": row.owner_id or "", "version": str(row.version)}


def _new(form: Form, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    with reading() as tx:
        reps = _reps(tx)
    if not form["owner"]:
        form.values["owner"] = viewer().rep_id
    return page(
        "prospect_new", here="prospects", status=status, form=form, reps=reps, fields=FIELDS, origin=_origin(form),
        ways=links.WAYS, known=likely(form.values) if form.values.get("name") or form.errors else (),
    )  # fmt: skip


def _origin(form: Form) -> Record | None:
    """The prospect from whose page the new one is added, if it may be seen."""
    if not form["from"]:
        return None
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), form["from"])
        return tx.conn.execute(_NAMED.where(Prospect.id == known)).one()


def _show_form(known: str, form: Form, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    if not is_swap():
        return show_prospect(known, form=form, status=status)
    with reading() as tx:
        reps = _reps(tx)
    markup = fragment("prospect", "facts_form", form=form, reps=reps, fields=FIELDS, known=known, then=wished())
    return swap(Part("#facts", markup, "innerHTML"), status=status)


def _overtaken(known: str, form: Form) -> ResponseReturnValue:
    """Show the newer facts beside what was typed; saving once more means what was typed."""
    with reading() as tx:
        row = tx.conn.execute(_FACTS.where(Prospect.id == known)).one()
        form.errors["version"] = newest_change(tx, known)
    now = _values(row)
    for name in FIELDS:
        if name in form.values and form[name] != now[name]:
            form.errors[name] = _("Now: %(value)s") % {"value": now[name] or "–"}
    form.values["version"] = now["version"]
    return _show_form(known, form, HTTPStatus.CONFLICT)


def belongs_to_another(email: str, but: str) -> bool:
    """Whether an address is that of another prospect."""
    with reading() as tx:
        return _taken(tx, email, but)


def newest_change(tx: Tx, known: str) -> str:
    """Who changed a prospect last, what, and when."""
    found = select(History.actor, History.kind, History.to_stage, History.at).where(History.prospect_id == known)
    newest = tx.conn.execute(found.order_by(History.version.desc()).limit(1)).one()
    return changed(newest.actor, newest.kind, newest.to_stage, newest.at)


def _reps(tx: Tx) -> tuple[Record, ...]:
    return tuple(tx.conn.execute(select(Rep.id, Rep.name).where(Rep.disabled_at.is_(None)).order_by(Rep.name)))


_PAUSES: Final = {"week": timedelta(days=7), "month": timedelta(days=30), "resumed": by_hand_rules.LONGEST_HOLD}


def pause_mail(prospect_id: str) -> ResponseReturnValue:
    """Let the mail of a prospect wait: for a week, for a month, or until somebody resumes it."""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        until = tx.now + _PAUSES.get(request.form.get("for", ""), _PAUSES["week"])
    toast = Toast(_("Mail waits"), f"/prospects/{known}/mail/resume")
    try:
        by_hand.hold(workspace(), known, until, who())
    except Conflict:
        warn(_("The mail of this prospect waits longer already."))
        return show_prospect(known)
    return show_prospect(known, toast=toast) if is_swap() else done(f"/prospects/{known}", toast)


def resume_mail(prospect_id: str) -> ResponseReturnValue:
    """Let mail go on that waits because the prospect is out of office, or because somebody let it wait."""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
    toast = Toast(_("Mail goes on"))
    try:
        by_hand.release(workspace(), known, who())
    except Conflict:
        warn(_("The mail of this prospect does not wait any more."))
        return show_prospect(known)
    return show_prospect(known, toast=toast) if is_swap() else done(f"/prospects/{known}", toast)


def _owner(form: Form) -> str | None:
    """Whom the form hands the prospect to: a rep only takes it, who may assign gives it to anybody."""
    wanted = form["owner"]
    me = viewer()
    if not wanted or wanted == me.rep_id:
        return wanted or None
    if not rights.may(me.role, "assign"):
        return None
    with reading() as tx:
        known = {row.id for row in _reps(tx)}
    if wanted not in known:
        form.errors["owner"] = _("There is no such person.")
        return None
    return wanted


def _taken(tx: Tx, email: str, but: str) -> bool:
    email_key = key_of(email) if email else None
    if email_key is None:
        return False
    holder = tx.conn.execute(select(Prospect.id).where(Prospect.email_key == email_key)).scalar_one_or_none()
    return holder not in (None, but)


def _named(form: Form) -> str:
    return form["name"] or form["company"] or form["email"] or form["phone"]
