"""The door: signing in by password or one-time link, and signing out."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, Response, redirect, request

from web.auth import (
    caller,
    check_form,
    close_session,
    is_safe_method,
    open_session,
    safe_next,
    session_token,
    signed_in,
)
from web.i18n import LANGUAGES, forget
from web.i18n import gettext as _
from web.i18n import ngettext as _n
from web.pages import render, workspace
from web.panel.frame import begin, finish, outside, worded
from workflow.actions import people
from workflow.actions.people import Denied, SignedIn
from workflow.errors import BadInput

if TYPE_CHECKING:
    from datetime import timedelta

    from flask.typing import ResponseReturnValue

_LONGEST_EMAIL = 320


def door() -> Blueprint:
    """The routes that need no session."""
    routes = Blueprint("door", __name__)
    routes.before_request(begin)
    routes.before_request(_check)
    routes.after_request(finish)
    routes.add_url_rule("/sign-in", view_func=show, methods=["GET"])
    routes.add_url_rule("/sign-in", view_func=sign_in, methods=["POST"])
    routes.add_url_rule("/sign-in/<token>", view_func=show_link, methods=["GET"])
    routes.add_url_rule("/sign-in/<token>", view_func=use_link, methods=["POST"])
    routes.add_url_rule("/sign-out", view_func=sign_out, methods=["POST"])
    return routes


def show() -> ResponseReturnValue:
    """The form; who is signed in already goes on."""
    wanted = safe_next(request.args.get("next", "/"))
    if signed_in() is not None:
        return redirect(wanted, HTTPStatus.SEE_OTHER)
    return _form(wanted)


def sign_in() -> ResponseReturnValue:
    """Sign in by address and password."""
    wanted = safe_next(request.form.get("next", "/"))
    email = request.form.get("email", "")[:_LONGEST_EMAIL]
    password = request.form.get("password", "")
    try:
        found = people.sign_in(workspace(), email, password, caller(), instead_of=session_token() or None)
    except BadInput as error:
        return _form(wanted, email, worded(error), HTTPStatus.UNPROCESSABLE_ENTITY)
    if isinstance(found, SignedIn):
        return _in(found, wanted)
    if found.wait:
        answer = _form(wanted, email, _wait(found.wait), HTTPStatus.TOO_MANY_REQUESTS)
        answer.headers["Retry-After"] = str(math.ceil(found.wait.total_seconds()))
        return answer
    return _form(wanted, email, _("The email address or the password is wrong."), HTTPStatus.UNAUTHORIZED)


def show_link(token: str) -> ResponseReturnValue:
    """A button: mail scanners open links, and must not use them up."""
    return _link(stands=people.link_stands(workspace(), token))


def use_link(token: str) -> ResponseReturnValue:
    """Sign in by a one-time link."""
    found = people.use_link(workspace(), token, instead_of=session_token() or None)
    return _link(stands=False) if isinstance(found, Denied) else _in(found, "/")


def sign_out() -> ResponseReturnValue:
    """End the session."""
    people.sign_out(workspace(), session_token())
    return close_session(redirect("/sign-in", HTTPStatus.SEE_OTHER))


def _check() -> None:
    if not is_safe_method():
        check_form()


def _in(found: SignedIn, wanted: str) -> ResponseReturnValue:
    response = open_session(redirect(wanted, HTTPStatus.SEE_OTHER), found)
    if found.person.language in LANGUAGES:
        # What somebody else chose in this browser before does not outlive the person's own setting.
        forget(response)
    return response


def _form(wanted: str, email: str = "", problem: str = "", status: int = HTTPStatus.OK) -> Response:
    values = {**outside(), "next": wanted, "email": email, "problem": problem}
    return Response(render("panel/sign_in.html", values), status, mimetype="text/html")


def _link(*, stands: bool) -> Response:
    status = HTTPStatus.OK if stands else HTTPStatus.NOT_FOUND
    values = {**outside(), "stands": stands}
    return Response(render("panel/sign_in_link.html", values), status, mimetype="text/html")


def _wait(span: timedelta) -> str:
    seconds = math.ceil(span.total_seconds())
    told = _n(
        "Too many attempts. Wait %(num)s second and try again.",
        "Too many attempts. Wait %(num)s seconds and try again.",
        seconds,
    )
    return told % {"num": seconds}
