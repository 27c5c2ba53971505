"""Settings > Sources: the senders of webhooks with their health; add, rotate, pause, remove. For administrators.

A secret is shown on the page that made it, and never again.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import request
from sqlalchemy import select

from web.auth import require
from web.formats import moment
from web.forms import Form
from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import language
from web.pages import playbook, workspace
from web.panel.conflicts import Clash, Overtaken, held, mark_of, show_both
from web.panel.frame import Toast, done, page, reading, worded
from web.panel.wording import actor as say_actor
from web.panel.wording import stage as say_stage
from workflow.actions import crm_links, sources
from workflow.commands.steps import THEIRS, steps
from workflow.crm.vendors import NAMES
from workflow.engine import reasons
from workflow.errors import BadInput, Conflict, NotFound
from workflow.ids import is_id
from workflow.records.audit import SettingChange
from workflow.reports import crm as crm_reports
from workflow.reports import deliveries
from workflow.reports import sources as reports
from workflow.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

_PAGE: Final = "/settings/sources"
_RECENT: Final = 10
_ROTATED: Final = "source.rotated"
_TOKEN: Final = "source.token"  # noqa: S105 - a kind of change


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule(_PAGE, view_func=all_sources, methods=["GET"])
    routes.add_url_rule(_PAGE, view_func=add_source, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/<source_id>", view_func=one_source, methods=["GET"])
    for name, act in (
        ("rotate", rotate_source), ("pause", pause_source), ("resume", resume_source), ("remove", remove_source),
        ("token", keep_token), ("reconcile", look_now), ("writes", set_writes),
    ):  # fmt: skip
        routes.add_url_rule(f"{_PAGE}/<source_id>/{name}", view_func=act, methods=["POST"])


def all_sources() -> ResponseReturnValue:
    """Every sender, and a form to add one."""
    require("sources")
    return _listed(Form())


def add_source() -> ResponseReturnValue:
    """Add a sender, and show its address, its secret and what to click at the vendor."""
    require("sources")
    form = Form({name: read_line(name, 40) for name in ("kind", "name")})
    typed = request.form.get("secret", "").strip()
    try:
        secret = sources.add(workspace(), form["kind"], form["name"], typed or None)
    except BadInput as error:
        form.errors[error.field or "name"] = worded(error)
        return _listed(form, HTTPStatus.UNPROCESSABLE_ENTITY)
    except Conflict as error:
        form.errors["name"] = worded(error)
        return _listed(form, HTTPStatus.CONFLICT)
    with reading() as tx:
        opened = sources.known(workspace(), tx, form["name"])
    return _shown(opened.id, fresh=secret, toast=Toast(_("The source was added")))


def one_source(source_id: str) -> ResponseReturnValue:
    """One sender: its health, what it brought lately, and what can be done with it."""
    require("sources")
    return _shown(_checked(source_id))


def rotate_source(source_id: str) -> ResponseReturnValue:
    """Give it a new secret and show that; the one before stays good until the next."""
    require("sources")
    name = _name(source_id)
    try:
        ws = held(workspace(), lambda: _newest(source_id, _ROTATED))
        secret = sources.rotate(ws, name, request.form.get("secret", "").strip() or None)
    except Overtaken:
        form = Form(errors={"secret": _told(_newest(source_id, _ROTATED))})
        return _shown(source_id, form=form, status=HTTPStatus.CONFLICT)
    except BadInput as error:
        form = Form(errors={"secret": worded(error)})
        return _shown(source_id, form=form, refused="rotate", status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _shown(source_id, fresh=secret, toast=Toast(_("The source has a new secret")))


def pause_source(source_id: str) -> ResponseReturnValue:
    """Take nothing more from it."""
    require("sources")
    sources.pause(workspace(), _checked(source_id))
    return done(f"{_PAGE}/{source_id}", Toast(_("The source is paused")))


def resume_source(source_id: str) -> ResponseReturnValue:
    """Take deliveries from it again."""
    require("sources")
    sources.resume(workspace(), _checked(source_id))
    return done(f"{_PAGE}/{source_id}", Toast(_("The source is taken from again")))


def remove_source(source_id: str) -> ResponseReturnValue:
    """Put it away for good, once its name was typed."""
    require("sources")
    name = _name(source_id)
    if read_line("name", 40) != name:
        form = Form(errors={"name": _("Type the name of the source to remove it.")})
        return _shown(source_id, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    sources.remove(workspace(), source_id)
    return done(_PAGE, Toast(_("The source was removed; its deliveries stay")))


def keep_token(source_id: str) -> ResponseReturnValue:
    """Keep or forget the token of the vendor's own API."""
    require("sources")
    known = _checked(source_id)
    try:
        ws = held(workspace(), lambda: _newest(known, _TOKEN))
        sources.keep_token(ws, known, request.form.get("api_token", ""))
    except Overtaken:
        form = Form(errors={"api_token": _told(_newest(known, _TOKEN))})
        return _shown(source_id, form=form, status=HTTPStatus.CONFLICT)
    except BadInput as error:
        form = Form(errors={"api_token": worded(error)})
        return _shown(source_id, form=form, refused="token", status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return done(f"{_PAGE}/{source_id}", Toast(_("Saved")))


def look_now(source_id: str) -> ResponseReturnValue:
    """Let the clock ask its vendor for changes at once."""
    require("sources")
    crm_links.poll_soon(workspace(), _checked(source_id))
    return done(f"{_PAGE}/{source_id}", Toast(_("Its changes are being read")))


def set_writes(source_id: str) -> ResponseReturnValue:
    """Keep which stage there each stage here sets, and how often changes are looked for."""
    require("sources")
    name = _checked(source_id)
    minutes = read_line("poll_minutes", 10)
    told = {key.removeprefix("to-"): value for key, value in request.form.items() if key.startswith("to-")}
    number = int(minutes) if minutes.isascii() and minutes.isdigit() else 0
    ws = held(workspace(), lambda: _written(source_id))
    try:
        crm_links.set_up(ws, name, writes=told, minutes=number if minutes else None)
    except Overtaken:
        return _overtaken(source_id, {"poll_minutes": minutes, **{f"to-{key}": value for key, value in told.items()}})
    except BadInput as error:
        form = Form({key: value for key, value in request.form.items() if key != "csrf_token"})
        form.errors[error.field or "writes"] = worded(error)
        return _shown(source_id, form=form, refused="writes", status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return done(f"{_PAGE}/{source_id}", Toast(_("Saved")))


def _overtaken(source_id: str, mine: Mapping[str, str]) -> ResponseReturnValue:
    labels = {"poll_minutes": _("Read changes every … minutes")}
    labels |= {f"to-{stage}": say_stage(stage) for stage in playbook().stages}
    at = f"{_PAGE}/{source_id}"
    return show_both(Clash(source_id, _name(source_id), at, labels, _written(source_id), mine, saves_at=f"{at}/writes"))


def _written(source_id: str) -> dict[str, str]:
    """What the form of the stages shows."""
    with workspace().database.read() as tx:
        crm = crm_reports.state(tx, source_id)
    if crm is None:
        return {}
    stages = {f"to-{stage}": crm.writes.get(stage, "") for stage in playbook().stages}
    return {"poll_minutes": str(crm.poll_minutes), **stages}


def _newest(source_id: str, what: str) -> dict[str, str]:
    """Who changed a secret last, and when: the mark of a form whose value nobody is shown."""
    columns = select(SettingChange.id, SettingChange.actor, SettingChange.at)
    mine = columns.where(SettingChange.about_id == source_id, SettingChange.what == what)
    with workspace().database.read() as tx:
        row = tx.conn.execute(mine.order_by(SettingChange.at.desc(), SettingChange.id.desc()).limit(1)).one_or_none()
    return {} if row is None else {"id": row.id, "by": row.actor, "at": row.at.isoformat()}


def _told(newest: Mapping[str, str]) -> str:
    """The other side of a secret that two people give: who was faster. Yours is shown to nobody, not even here."""
    who, when = say_actor(newest["by"]), moment(datetime.fromisoformat(newest["at"]))
    said = _("%(who)s gave another one %(when)s. Yours was not saved: leave theirs, or give yours again.")
    return said % {"who": who[:1].upper() + who[1:], "when": when}


def _listed(form: Form, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    with reading() as tx:
        found = reports.all_of_them(tx)
    return page("sources", here="settings", status=status, sources=found, form=form, kinds=sources.KINDS, theirs=THEIRS)


def _shown(
    source_id: str,
    *,
    fresh: str = "",
    form: Form | None = None,
    refused: str = "",
    **values: Any,  # noqa: ANN401
) -> ResponseReturnValue:
    """The page of a source; the form that was `refused` keeps the mark of what it showed first."""
    ws = workspace()
    shown = {"writes": _written(source_id), "rotate": _newest(source_id, _ROTATED), "token": _newest(source_id, _TOKEN)}
    seen = {name: mark_of(each) for name, each in shown.items()}
    if refused:
        seen[refused] = request.form.get("seen", "")
    with reading() as tx:
        source = reports.one(tx, source_id)
        recent = deliveries.page(tx, language(), Wanted(source=source.name), limit=_RECENT)
        crm = crm_reports.state(tx, source_id)
    return page(
        "source", here="settings", source=source, recent=recent, fresh=fresh, form=form or Form(),
        address=sources.address(ws, source.kind, source.name, fresh),
        steps=steps(source.kind, source.name, language()), vendor=NAMES.get(source.kind),
        crm=crm, problem=reasons.words(crm.problem, language()) if crm else None,
        stages=tuple(playbook().stages), seen=seen, **values,
    )  # fmt: skip


def _checked(source_id: str) -> str:
    if not is_id(source_id):
        raise NotFound
    return source_id


def _name(source_id: str) -> str:
    with reading() as tx:
        return reports.one(tx, _checked(source_id)).name
