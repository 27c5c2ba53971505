"""Settings: a person's own language, theme, time zone and password; and the state of mailbox and sources."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

from flask import Response, g, redirect, request
from sqlalchemy import select

from web.auth import person, require, safe_next, session_token
from web.forms import line as read_line
from web.i18n import FALLBACK, LANGUAGES, forget
from web.i18n import gettext as _
from web.pages import is_swap, workspace
from web.panel.everywhere import appearance_page, own_choices
from web.panel.frame import Toast, done, page, reading, worded
from web.panel.today import show_today
from web.panel.work import show_work
from workflow.actions import people
from workflow.actions.outreach import acts
from workflow.actions.passwords import SHORTEST
from workflow.errors import BadInput, NotFound
from workflow.ids import is_id
from workflow.records.models import Mailbox, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

_CHOICES: Final = ("name", "language", "theme", "time_zone", "single_keys")


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/settings", view_func=all_settings, methods=["GET"])
    routes.add_url_rule("/settings", view_func=save_settings, methods=["POST"])
    routes.add_url_rule("/settings/password", view_func=change_password, methods=["POST"])
    routes.add_url_rule("/settings/theme", view_func=change_theme, methods=["POST"])
    routes.add_url_rule("/mailboxes/<mailbox_id>/resume", view_func=resume, methods=["POST"])


def all_settings() -> ResponseReturnValue:
    """All settings on one page."""
    return _settings()


def save_settings() -> ResponseReturnValue:
    """Keep language, theme, time zone and name."""
    choices = {name: read_line(name, 80) for name in _CHOICES if name in request.form}
    try:
        people.prefer(workspace(), person().id, choices)
    except BadInput as error:
        wrong = {error.field: worded(error)}
        if request.form.get("view") == "appearance":
            return appearance_page(wrong, choices, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _settings(wrong, choices, HTTPStatus.UNPROCESSABLE_ENTITY)
    if "language" in choices:
        g.language = choices["language"] or request.accept_languages.best_match(LANGUAGES, FALLBACK)
    view = "/settings/appearance" if request.form.get("view") == "appearance" else "/settings"
    response = done(view, Toast(_("Saved")))
    if "language" in choices:
        forget(response)
    return response


def change_password() -> ResponseReturnValue:
    """Set a new password; asks for the old one, where there is one, and ends every other session."""
    me = person()
    ws = workspace()
    errors: dict[str, str] = {}
    try:
        if me.has_password and not people.password_is(ws, me.id, request.form.get("current", "")):
            errors["current"] = _("This is not your password.")
        else:
            people.set_password(ws, me.id, request.form.get("password", ""), keep=session_token())
    except BadInput:
        errors["password"] = _("A password has at least %(num)s and at most 1024 characters.") % {"num": SHORTEST}
    if errors:
        return _settings(errors, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    # Loaded anew: who had no password until now is asked for it from now on.
    return done("/settings", Toast(_("The password was changed, and every other session ended")))


def change_theme() -> ResponseReturnValue:
    """Light or dark, from the button in the frame."""
    people.prefer(workspace(), person().id, {"theme": read_line("theme", 10)})
    if is_swap():
        return Response(status=HTTPStatus.NO_CONTENT)
    return redirect(safe_next(request.form.get("next", "/")), HTTPStatus.SEE_OTHER)


def resume(mailbox_id: str) -> ResponseReturnValue:
    """Let a paused mailbox send again."""
    require("resume_mailbox")
    if not is_id(mailbox_id):
        raise NotFound
    acts.resume(workspace(), mailbox_id)
    toast = Toast(_("The mailbox sends again"))
    view = request.form.get("view")
    if not is_swap():
        return done({"today": "/", "uncertain": "/uncertain"}.get(view or "", "/settings"), toast)
    pages: dict[str, Callable[..., ResponseReturnValue]] = {"today": show_today, "uncertain": show_work}
    return pages.get(view or "", _settings)(toast=toast)


def _settings(
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    status: int = HTTPStatus.OK,
    toast: Toast | None = None,
) -> ResponseReturnValue:
    with reading() as tx:
        mailboxes = tx.conn.execute(
            select(
                Mailbox.id, Mailbox.sender, Mailbox.state, Mailbox.pause_reason, Mailbox.paused_at,
                Mailbox.backoff_until,
            ).where(Mailbox.removed_at.is_(None)).order_by(Mailbox.name)
        ).all()  # fmt: skip
        sources = tx.conn.execute(
            select(Source.name, Source.kind, Source.created_at, Source.disabled_at)
            .where(Source.removed_at.is_(None))
            .order_by(Source.name)
        ).all()
    return page(
        "settings", here="settings", status=status, toast=toast, errors=errors or {}, mailboxes=mailboxes,
        sources=sources, zones=sorted(name for name in available_timezones() if "/" in name),
        base_url=workspace().settings.base_url, shortest=SHORTEST, mine=own_choices(typed),
    )  # fmt: skip
