"""The frame around every page of the panel: who looks, in which language and zone, what waits, and how it answers.

One address, two renderings: a browser gets a page or is sent on by 303, htmx gets the parts of the page that changed.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from flask import Response, g, redirect, request
from sqlalchemy import select

from web.auth import check_form, csrf, is_safe_method, is_secure, leave_note, person, safe_next, signed_in, take_note
from web.auth import keep as keep_visit
from web.auth import load as load_session
from web.formats import local, now
from web.i18n import choose, later, remember
from web.i18n import gettext as _
from web.manual import about
from web.pages import is_swap, playbook, render, render_block, workspace
from web.panel.refusals import in_words
from web.panel.wording import WORDS
from workflow import rights
from workflow.actions.prospects import Who
from workflow.engine import calendar
from workflow.errors import Conflict, NotFound, Unavailable
from workflow.ids import new_id
from workflow.playbook.schema import OUTCOMES
from workflow.records.models import Rep
from workflow.reports import today
from workflow.reports.scope import Viewer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.wrappers import Response as AnyResponse

    from workflow.engine.gaps import Missing
    from workflow.errors import OnwardError
    from workflow.playbook.schema import Playbook, Transition
    from workflow.records.db import Tx


@dataclass(frozen=True, slots=True)
class Toast:
    """What was done, for eight seconds; with a way back where there is one: an address and the fields to send to it."""

    text: str
    undo: str = ""
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a page that is put in the place of another: the selector of that place, how, and the markup."""

    target: str
    markup: str
    swap: str = "outerHTML"


@dataclass(frozen=True, slots=True)
class Notice:
    """Why a card did not move: what to say at it, which fields to ask for, and the move to repeat with them.

    `missing` is what has to be done elsewhere first; `reasons` are offered for the field of that name.
    """

    prospect_id: str
    title: str
    sentences: tuple[str, ...]
    trigger: str = ""
    fields: tuple[str, ...] = ()
    typed: Mapping[str, str] | None = None
    choices: tuple[Transition, ...] = ()
    version: int = 0
    name: str = ""
    outcomes: tuple[str, ...] = OUTCOMES
    stage: str = ""
    missing: Missing | None = None
    reasons: tuple[Mapping[str, str], ...] = ()


# A sentence of the panel itself, which needs no translation any more.
_CYRILLIC: Final = re.compile("[а-я]")


_OPENED: Final = later("This address opens by its own button or form only: go back to the page that has it.")
_GONE: Final = later("There is nothing at this address: it may have been removed, or never was.")
_OVERTAKEN: Final = later("Someone was faster: load the newer state and decide again.")
_KINDS: Final = {NotFound: _GONE, Conflict: _OVERTAKEN}
_BY_STATUS: Final[Mapping[int, str]] = {HTTPStatus.NOT_FOUND: _GONE, HTTPStatus.CONFLICT: _OVERTAKEN}

# Files that people bring are larger than any form; nobody without a session may send one.
_LARGE: Final = {"/prospects/import": 65 * 1024 * 1024}


def begin() -> None:
    """Find out who asks, in which language and by whose clock to answer."""
    load_session()
    found = signed_in()
    g.language = choose(found.person.language if found else None)
    g.playbook = _in_force()
    g.zone = calendar.zone_of(found.person.time_zone if found else None, g.playbook.time_zone)
    g.now = None


def _in_force() -> Playbook:
    ws = workspace()
    try:
        with ws.database.read() as tx:
            return ws.playbooks.in_force(tx)
    except Unavailable:
        # The page that says so speaks of the one we knew.
        return ws.playbooks.current


def guard() -> AnyResponse | None:
    """Let nobody in without a session, and take no form that was not ours."""
    if signed_in() is None:
        return _to_sign_in()
    if request.path in _LARGE:
        request.max_content_length = _LARGE[request.path]
    if not is_safe_method():
        check_form()
    return None


def finish(response: Response) -> Response:
    """Keep what this answer decided beside its page."""
    # What htmx gets must never be shown as a page by a later step back.
    response.vary.add("HX-Request")
    keep_visit(response)
    remember(response, secure=is_secure(workspace().settings))
    return response


@contextmanager
def reading() -> Iterator[Tx]:
    """A transaction to read a page from; the page then speaks of its moment."""
    with workspace().database.read() as tx:
        g.now = tx.now
        if "people" not in g or not is_safe_method():
            g.people = {row.id: row.name for row in tx.conn.execute(select(Rep.id, Rep.name))}
        yield tx


def viewer() -> Viewer:
    """Whose eyes the page is for."""
    found = person()
    return Viewer(found.id, found.role)


def who() -> Who:
    """Who is acting, for the history."""
    return Who(person().actor, f"panel:{new_id()}")


def end_of_day(now: datetime) -> datetime:
    """The midnight that ends the viewer's day."""
    midnight = local(now).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return midnight + timedelta(days=1)


def warn(sentence: str) -> None:
    """Let the page that follows say that something did not work; its status is then 409, unless it says another."""
    g.alert = sentence


def page(name: str, *, here: str, status: int = 200, toast: Toast | None = None, **values: Any) -> Response:  # noqa: ANN401
    """A page of the panel; for htmx only its main part. `here` is the place in the navigation."""
    context = {**_context(here), "toast": toast or _noted(), "alert": g.get("alert", ""), **values}
    if context["alert"] and status == HTTPStatus.OK:
        status = HTTPStatus.CONFLICT
    if not is_swap():
        return Response(render(f"panel/{name}.html", context), status, mimetype="text/html")
    main = render_block(f"panel/{name}.html", "main", context)
    title = render_block(f"panel/{name}.html", "title", context)
    return swap(Part("#main", main, "innerHTML"), status=status, toast=toast, title=title)


def swap(*parts: Part, status: int = 200, toast: Toast | None = None, title: str = "") -> Response:
    """The parts of a page that changed, for htmx. Whatever went wrong before is taken off the page."""
    shown = [*parts, Part("#alerts", _alert(), "innerHTML")]
    if toast is not None or status >= HTTPStatus.BAD_REQUEST:
        # What was done before is no word beside what failed now.
        said = render("panel/toast.html", {**outside(), "toast": toast}) if toast is not None else ""
        shown.append(Part("#toast", said, "innerHTML"))
    markup = "".join(f'<hx-partial hx-target="{p.target}" hx-swap="{p.swap}">{p.markup}</hx-partial>' for p in shown)
    head = f"<title>{title}</title>" if title else ""
    return Response(head + markup, status, mimetype="text/html")


def fragment(name: str, block: str, **values: Any) -> str:  # noqa: ANN401
    """One block of a page of the panel."""
    return render_block(f"panel/{name}.html", block, {**outside(), **values})


def done(address: str, toast: Toast) -> AnyResponse:
    """Send a browser on after an act, htmx too: what is shown stands at its address, and says what was done.

    By itself htmx would follow a 303 into the page it has, and the word of what was done would wait for a later one.
    """
    response = redirect(address, HTTPStatus.SEE_OTHER)
    leave_note(response, json.dumps([toast.text, toast.undo, toast.fields]))
    if is_swap():
        response.status_code = HTTPStatus.OK
        response.headers["HX-Redirect"] = response.headers.pop("Location")
    return response


def error_page(status: int, sentence: str) -> str:
    """The page for an error, or for htmx the line that says it."""
    ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if "language" not in g:
        if ours:
            # The database may be away: whoever asks is told without asking it.
            g.language, g.signed_in = choose(None), None
        else:
            begin()
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        sentence = _OPENED
    told = in_words(sentence) if ours else worded(sentence, status)
    if is_swap():
        g.alert = told
        return f'<hx-partial hx-target="#alerts" hx-swap="innerHTML">{_alert()}</hx-partial>'
    inside = signed_in() is not None and not ours
    context = _context("") if inside else outside()
    told_more = {"toast": None, "alert": "", "inside": inside, "heading": _heading(status), "sentence": told}
    return render("panel/error.html", {**context, **told_more})


def _heading(status: int) -> str:
    known = {
        HTTPStatus.FORBIDDEN: _("Not allowed"),
        HTTPStatus.NOT_FOUND: _("Not found"),
        HTTPStatus.CONFLICT: _("Somebody was faster"),
        HTTPStatus.SERVICE_UNAVAILABLE: _("Just a moment"),
    }
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return known.get(HTTPStatus(status)) or _("Something went wrong")
    return known.get(HTTPStatus(status)) or _("This did not work")


def worded(error: OnwardError | str, status: int = 0) -> str:
    """The sentence of an error for whoever asked; in Bulgarian one for its kind, where its own is not translated."""
    sentence = error if isinstance(error, str) else error.message
    told = in_words(sentence)
    if told != sentence or g.language == "en" or _CYRILLIC.search(sentence):
        return told
    found = next((said for kind, said in _KINDS.items() if isinstance(error, kind)), _BY_STATUS.get(status))
    return _(found or later("This could not be done. Load the page again and check what it says."))


def _context(here: str) -> dict[str, Any]:
    found = person()
    ws = workspace()
    with reading() as tx:
        counts = today.attention(tx, viewer(), end_of_day(tx.now))
    return {
        **outside(),
        "here": here,
        "person": found,
        "theme": found.theme or "",
        "counts": counts,
        "catcher": ws.settings.local_catcher,
        "help": about(request.path),
    }


def _alert() -> str:
    sentence = g.get("alert", "")
    return render("panel/alert.html", {"sentence": sentence}) if sentence else ""


def _noted() -> Toast | None:
    """What the page before did, told once."""
    note = take_note() if not is_swap() else None
    if note is None:
        return None
    said, undo, fields = json.loads(note)
    return Toast(said, undo, tuple((name, value) for name, value in fields))


def outside() -> dict[str, Any]:
    """What every template may use, also where nobody is signed in."""
    found = signed_in()
    role = found.person.role if found else ""
    return {
        "csrf": csrf(),
        "playbook": playbook(),
        "in_language": _same_page,
        "theme": "",
        "now": now,
        "me": found.person.id if found else "",
        "may": lambda action: rights.may(role, action),
        **{f"say_{word.__name__}": word for word in WORDS},
    }


def _same_page(code: str) -> str:
    """The address of this page in another language."""
    kept = {name: value for name, value in request.args.items() if name != "lang"}
    path = request.path if request.method == "GET" else "/"
    return f"{path}?{urlencode({**kept, 'lang': code})}"


def _to_sign_in() -> AnyResponse:
    wanted = request.full_path.rstrip("?") if request.method == "GET" else _came_from()
    if is_swap():
        # The page that htmx stands on, not the part of it that it asked for.
        response = Response(status=HTTPStatus.UNAUTHORIZED)
        response.headers["HX-Redirect"] = _door(_came_from("HX-Current-URL"))
        return response
    return redirect(_door(wanted), HTTPStatus.SEE_OTHER)


def _door(wanted: str) -> str:
    """The sign-in, which leads on to `wanted` when that is a page of ours."""
    return "/sign-in" if safe_next(wanted) == "/" else f"/sign-in?{urlencode({'next': wanted})}"


def _came_from(header: str = "Referer") -> str:
    """The page of ours that this request was sent from: whoever signs in again goes on there."""
    told = urlsplit(request.headers.get(header, ""))
    if told.netloc != request.host:
        return "/"
    return f"{told.path}?{told.query}" if told.query else told.path
