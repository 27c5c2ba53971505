"""Settings > Suppression: whom nobody writes to, by address or by domain; and the end of a pause that was asked for.

Managers add and take in lists; only an administrator removes, or ends a pause, and says why.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import request

from web.auth import require
from web.forms import Form
from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import ngettext
from web.pages import is_swap, workspace
from web.panel.frame import Toast, done, page, reading, viewer, warn, who
from web.panel.prospects import show_prospect
from workflow import text
from workflow.actions import suppressions, wishes
from workflow.errors import BadInput, Conflict, NotFound
from workflow.mail.address import readable
from workflow.reports import scope
from workflow.reports import suppressions as listed
from workflow.reports.paging import Asked

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.actions.suppressions import TakenIn

_PAGE: Final = "/settings/suppression"
_SHOWN: Final = 100
_NEWEST: Final = "-at"
_MOST_LINES: Final = 20_000
_SECONDS: Final = 4.0


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule(_PAGE, view_func=show_suppression, methods=["GET"])
    routes.add_url_rule(_PAGE, view_func=add_suppression, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/remove", view_func=remove_suppression, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/import", view_func=take_in_suppressions, methods=["POST"])
    routes.add_url_rule("/prospects/<prospect_id>/pause/end", view_func=end_pause, methods=["POST"])


def show_suppression(
    *,
    form: Form | None = None,
    taken: TakenIn | None = None,
    toast: Toast | None = None,
    status: int = HTTPStatus.OK,
) -> ResponseReturnValue:
    """The list, or what a search finds of it."""
    require("suppressions")
    q = text.line(request.args.get("q", ""), 254)
    after = text.line(request.args.get("after", ""), 320)
    sort = _NEWEST if request.args.get("sort") == _NEWEST else "key"
    with reading() as tx:
        last = listed.one(tx, after) if after else None
        behind = None if last is None else (last.key if sort == "key" else last.at, last.key)
        found = listed.ordered(tx, q, Asked(sort, behind, _SHOWN))
        addresses, domains = listed.numbers(tx)
    return page(
        "suppression", here="settings", status=status, toast=toast, rows=found.rows, q=q, sort=sort,
        more=found.rows[-1].key if found.next else "", addresses=addresses, domains=domains, form=form or Form(),
        taken=taken, readable=readable,
    )  # fmt: skip


def add_suppression() -> ResponseReturnValue:
    """Bar an address or a domain."""
    require("suppressions")
    form = Form({"key": read_line("key", 320), "reason": read_line("reason", 400)})
    try:
        added = suppressions.add(workspace(), form["key"], form["reason"], who(), "panel", seconds=_SECONDS)
    except BadInput as error:
        return _refused(form, error)
    if not added.is_new:
        return _listed(Toast(_("%(key)s was on the list already") % {"key": readable(added.key)}))
    return _listed(Toast(_("Nobody writes to %(key)s any more") % {"key": readable(added.key)}))


def remove_suppression() -> ResponseReturnValue:
    """Let an address or a domain get mail again."""
    require("unsuppress")
    try:
        key = suppressions.remove(workspace(), read_line("key", 320), read_line("reason", 400), who())
    except BadInput:
        return _warned(_("Say why: the reason is kept for ever."))
    except Conflict:
        return _warned(_("Its whole domain is barred: remove the domain instead."))
    except NotFound:
        return _warned(_("This is not on the list any more."))
    return _listed(Toast(_("%(key)s may get mail again") % {"key": readable(key)}))


def take_in_suppressions() -> ResponseReturnValue:
    """Bar everybody in a pasted text or a file, and say what was left out."""
    require("suppressions")
    form = Form({"why": read_line("why", 400), "lines": text.block(request.form.get("lines", ""), 1_000_000)})
    sent = request.files.get("file")
    lines = form["lines"].splitlines()
    if sent is not None and sent.filename:
        lines += sent.read().decode("utf-8-sig", "replace").splitlines()
    if not any(each.strip() for each in lines):
        form.errors["lines"] = _("Paste addresses, one in each line, or choose a file.")
    elif len(lines) > _MOST_LINES:
        form.errors["lines"] = _("These are too many lines at once: use the command line, onward suppress import.")
    if not form["why"]:
        form.errors["why"] = _("Say why: the reason is kept for ever.")
    if not form.is_good:
        return show_suppression(form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    taken = suppressions.take_in(workspace(), lines, form["why"], who(), "import")
    told = ngettext("%(num)d address was added", "%(num)d addresses were added", taken.added) % {"num": taken.added}
    return show_suppression(taken=taken, toast=Toast(told))


def end_pause(prospect_id: str) -> ResponseReturnValue:
    """End the pause that a prospect asked for."""
    require("end_pause")
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
    try:
        wishes.end_pause(workspace(), known, read_line("reason", 400), who())
    except BadInput:
        warn(_("Say why the pause ends: the prospect asked for it."))
        return show_prospect(known, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    toast = Toast(_("The pause has ended"))
    return show_prospect(known, toast=toast) if is_swap() else done(f"/prospects/{known}", toast)


def _refused(form: Form, error: BadInput) -> ResponseReturnValue:
    if error.field == "reason":
        form.errors["reason"] = _("Say why: the reason is kept for ever.")
    else:
        form.errors["key"] = _("Write an address such as ana@example.com, or a domain such as @example.com.")
    return show_suppression(form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _warned(sentence: str) -> ResponseReturnValue:
    warn(sentence)
    return show_suppression(status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _listed(toast: Toast) -> ResponseReturnValue:
    return show_suppression(toast=toast) if is_swap() else done(_PAGE, toast)
