"""Settings > Webhooks out: endpoints with their health, add and change, test, and what was told to each.

A secret is shown on the page that made it, and never again.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import request

from web.auth import person, require
from web.forms import Form
from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import language, later
from web.i18n import ngettext as _n
from web.pages import workspace
from web.panel.conflicts import Clash, Overtaken, held, mark_of, show_both
from web.panel.frame import Toast, done, page, reading, who, worded
from workflow.actions import endpoints, news, outbox
from workflow.errors import BadInput, Conflict
from workflow.reports import endpoints as reports
from workflow.reports.paging import Asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.actions.outbox import Answer

_PAGE: Final = "/settings/endpoints"
_RECENT: Final = 20
_LONGEST: Final = 2_000
# What is wrong in a field, for whoever does not read the English sentence of the error itself.
_WRONG: Final = {
    "name": later("A name has up to 40 small letters, digits, dots, hyphens and underscores, and nobody else has it."),
    "url": later("Give an https address on the open internet, such as https://example.com/hooks."),
    "events": later("Choose among the types that are shown."),
}


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    at = f"{_PAGE}/<endpoint_id>"
    routes.add_url_rule(_PAGE, view_func=all_endpoints, methods=["GET"])
    routes.add_url_rule(_PAGE, view_func=add_endpoint, methods=["POST"])
    routes.add_url_rule(at, view_func=one_endpoint, methods=["GET"])
    routes.add_url_rule(at, view_func=change_endpoint, methods=["POST"])
    for name, act in (
        ("rotate", rotate_endpoint), ("test", try_endpoint), ("pause", pause_endpoint), ("resume", resume_endpoint),
        ("remove", remove_endpoint), ("replay", replay_dead),
    ):  # fmt: skip
        routes.add_url_rule(f"{at}/{name}", view_func=act, methods=["POST"])
    one = f"{at}/events/<outgoing_id>"
    routes.add_url_rule(one, view_func=one_event, methods=["GET"])
    routes.add_url_rule(f"{one}/replay", view_func=replay_event, methods=["POST"])


def all_endpoints() -> ResponseReturnValue:
    """Every endpoint, and a form to add one."""
    require("endpoints")
    return _listed(Form())


def add_endpoint() -> ResponseReturnValue:
    """Add an endpoint, and show its secret."""
    require("endpoints")
    form = Form({"name": read_line("name", 40), "url": read_line("url", _LONGEST)})
    try:
        made = endpoints.add(workspace(), form["name"], form["url"], who(), events=request.form.getlist("events"))
    except (BadInput, Conflict) as error:
        status = HTTPStatus.CONFLICT if isinstance(error, Conflict) else HTTPStatus.UNPROCESSABLE_ENTITY
        return _listed(_refused(form, error), status)
    return _shown(made.id, fresh=made.secret, toast=Toast(_("The endpoint was added")))


def one_endpoint(endpoint_id: str) -> ResponseReturnValue:
    """One endpoint: its health, what it is told, and what can be done with it."""
    require("endpoints")
    return _shown(endpoint_id)


def change_endpoint(endpoint_id: str) -> ResponseReturnValue:
    """Change where it is, or what it is told of."""
    require("endpoints")
    form = Form({"url": read_line("url", _LONGEST)})
    events = _events()
    try:
        ws = held(workspace(), lambda: _fields(endpoint_id))
        endpoints.change(ws, endpoint_id, url=form["url"], events=events)
    except Overtaken:
        return _overtaken(endpoint_id, {"url": form["url"], "events": " ".join(sorted(events))})
    except BadInput as error:
        return _shown(endpoint_id, form=_refused(form, error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return done(f"{_PAGE}/{endpoint_id}", Toast(_("Saved")))


def rotate_endpoint(endpoint_id: str) -> ResponseReturnValue:
    """Give it a new secret and show that; what leaves is signed with both until the next."""
    require("endpoints")
    secret = endpoints.rotate(workspace(), endpoint_id)
    return _shown(endpoint_id, fresh=secret, toast=Toast(_("The endpoint has a new secret")))


def try_endpoint(endpoint_id: str) -> ResponseReturnValue:
    """Send a test event now and show what was answered."""
    require("endpoints")
    return _shown(endpoint_id, tried=endpoints.try_out(workspace(), endpoint_id))


def pause_endpoint(endpoint_id: str) -> ResponseReturnValue:
    """Let everything for it wait."""
    require("endpoints")
    endpoints.pause(workspace(), endpoint_id, person().name or person().email)
    return done(f"{_PAGE}/{endpoint_id}", Toast(_("Its events wait")))


def resume_endpoint(endpoint_id: str) -> ResponseReturnValue:
    """Go on with it."""
    require("endpoints")
    endpoints.resume(workspace(), endpoint_id)
    return done(f"{_PAGE}/{endpoint_id}", Toast(_("The endpoint is told again")))


def remove_endpoint(endpoint_id: str) -> ResponseReturnValue:
    """Put it away for good, once its name was typed."""
    require("endpoints")
    with reading() as tx:
        name = reports.one(tx, endpoint_id).name
    if read_line("name", 40) != name:
        form = Form(errors={"name": _("Type the name of the endpoint to remove it.")})
        return _shown(endpoint_id, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    endpoints.remove(workspace(), endpoint_id, person().name or person().email)
    return done(_PAGE, Toast(_("The endpoint was removed")))


def replay_dead(endpoint_id: str) -> ResponseReturnValue:
    """Deliver everything once more that was given up."""
    require("endpoints")
    with reading() as tx:
        reports.one(tx, endpoint_id)
    number = outbox.replay_dead(workspace(), endpoint_id)
    told = _n("%(num)s event is delivered once more", "%(num)s events are delivered once more", number)
    return done(f"{_PAGE}/{endpoint_id}", Toast(told % {"num": number}))


def one_event(endpoint_id: str, outgoing_id: str) -> ResponseReturnValue:
    """One event: its body, and what was answered at each attempt."""
    require("endpoints")
    with reading() as tx:
        endpoint = reports.one(tx, endpoint_id)
        event, attempts = reports.delivery(tx, endpoint_id, outgoing_id)
    body = json.dumps(json.loads(event.payload), ensure_ascii=False, indent=2)
    return page("outgoing", here="settings", endpoint=endpoint, event=event, attempts=attempts, body=body)


def replay_event(endpoint_id: str, outgoing_id: str) -> ResponseReturnValue:
    """Deliver one event once more."""
    require("endpoints")
    with reading() as tx:
        reports.delivery(tx, endpoint_id, outgoing_id)
    outbox.replay(workspace(), outgoing_id)
    return done(f"{_PAGE}/{endpoint_id}/events/{outgoing_id}", Toast(_("It is delivered once more")))


def _listed(form: Form, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    with reading() as tx:
        found = reports.listed(tx)
    chosen = request.form.getlist("events")
    return page(
        "endpoints", here="settings", status=status, endpoints=found, form=form, types=news.TYPES, chosen=chosen
    )


def _shown(
    endpoint_id: str,
    *,
    fresh: str = "",
    form: Form | None = None,
    tried: Answer | None = None,
    **values: Any,  # noqa: ANN401
) -> ResponseReturnValue:
    only = request.args.get("only", "")
    state = only if only in ("waiting", "done", "dead") else ""
    with reading() as tx:
        endpoint = reports.one(tx, endpoint_id)
        recent = reports.deliveries(tx, endpoint_id, Asked("-created_at", None, _RECENT), state).rows
    form = form or Form()
    form.values.setdefault("url", endpoint.url)
    chosen = _events() if form.errors.get("events") or form.errors.get("url") else endpoint.events
    mark = request.form.get("seen", "") if form.errors else ""
    return page(
        "endpoint", here="settings", endpoint=endpoint, recent=recent, fresh=fresh, form=form, tried=tried, only=state,
        types=news.TYPES, chosen=chosen, seen=mark or mark_of(_fields(endpoint_id)), **values,
    )  # fmt: skip


def _overtaken(endpoint_id: str, mine: Mapping[str, str]) -> ResponseReturnValue:
    with reading() as tx:
        name = reports.one(tx, endpoint_id).name
    labels = {"url": _("Address"), "events": _("Events")}
    theirs = _fields(endpoint_id)
    return show_both(Clash(endpoint_id, name, f"{_PAGE}/{endpoint_id}", labels, theirs, mine, _said))


def _said(name: str, value: str) -> str:
    return value.replace(" ", ", ") or _("Everything") if name == "events" else value


def _fields(endpoint_id: str) -> dict[str, str]:
    """What the form shows now."""
    with workspace().database.read() as tx:
        endpoint = reports.one(tx, endpoint_id)
    return {"url": endpoint.url, "events": " ".join(sorted(endpoint.events))}


def _events() -> list[str]:
    """The types that are ticked; the conflict page sends them on as one field."""
    return " ".join(request.form.getlist("events")).split()


def _refused(form: Form, error: BadInput | Conflict) -> Form:
    field = (error.field if isinstance(error, BadInput) else "") or "name"
    known = language() != "en" and field in _WRONG
    form.errors[field] = _(_WRONG[field]) if known else worded(error)
    return form
