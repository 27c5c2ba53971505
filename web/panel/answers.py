"""Writing down what was learnt on a prospect's page: answers, ratings, the kind of buyer, calls and meetings.

Every save goes through the one door of the prospect with the version that the page showed; a stale one is answered
with the fresh page and everything that was typed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import g, request

from web.forms import Form
from web.forms import block as read_block
from web.forms import line as read_line
from web.forms import version as read_version
from web.i18n import gettext as _
from web.i18n import language
from web.i18n import ngettext as _n
from web.pages import is_swap, playbook, workspace
from web.panel.discovery import ANSWER
from web.panel.frame import Toast, done, reading, viewer, warn, who
from web.panel.prospects import newest_change, show_prospect
from web.panel.wishes import go_on
from web.panel.wording import said
from workflow import ids
from workflow.actions import facts, prospects
from workflow.engine import scoring
from workflow.engine import signals as kinds
from workflow.engine.gaps import BUYER
from workflow.errors import BadInput, Conflict
from workflow.reports import scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.actions.prospects import Result

_LONGEST: Final = 20_000
_DAY_MINUTES: Final = 24 * 60
_YEARS: Final = range(2000, 2100)


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    for name, view in (
        ("answers", save_answers),
        ("ratings", save_rating),
        ("buyer", save_buyer),
        ("call", log_call),
        ("meetings", save_meeting),
    ):
        routes.add_url_rule(f"/prospects/<prospect_id>/{name}", view_func=view, methods=["POST"])


def save_answers(prospect_id: str) -> ResponseReturnValue:
    """Write down answers; a question whose field says what is on record already is left alone."""
    known, now = _standing(prospect_id)
    questions = playbook().content.questions
    form = Form({name: read_block(name, _LONGEST) for name in request.form if name.startswith(ANSWER)})
    told = {name.removeprefix(ANSWER): value for name, value in form.values.items()}
    if unknown := [key for key in told if key not in questions]:
        raise BadInput(_("The playbook has no such question: %(key)s.") % {"key": unknown[0][:80]})
    answers = {key: value for key, value in told.items() if value != now.get(key, "")}
    if not answers:
        return _saved(known, Toast(_("Nothing was changed")), "questions")
    before = {ANSWER + key: now.get(key, "") for key in answers}
    words = _n("%(num)d answer was saved", "%(num)d answers were saved", len(answers)) % {"num": len(answers)}
    return _tell(known, kinds.ANSWERS, {"answers": answers}, form, partial(_undo, known, "answers", before, words))


def save_rating(prospect_id: str) -> ResponseReturnValue:
    """Rate one criterion; without an option its rating is taken back."""
    known, now = _standing(prospect_id)
    key, _colon, option = read_line("rating").partition(":")
    book = playbook()
    criterion = book.content.criteria.get(key)
    if criterion is None or (option and option not in criterion.options):
        raise BadInput(_("The playbook has no such rating."))
    title = book.words(criterion.title, language())
    chosen = book.words(criterion.options[option].title, language()) if option else "–"
    stood = scoring.rating(criterion, now)
    before = {"rating": f"{key}:{stood.key if stood else ''}"}
    toast = partial(_undo, known, "ratings", before, f"{title}: {chosen}")
    return _tell(known, kinds.ANSWERS, {"answers": {key: option}}, Form(), toast, "score")


def save_buyer(prospect_id: str) -> ResponseReturnValue:
    """Say what kind of buyer it is and how far on the way to a decision."""
    known, _now = _standing(prospect_id)
    content = playbook().content
    form = Form({name: read_line(name, 80) for name in BUYER})
    for name, choices in zip(BUYER, (content.personas, content.journey), strict=True):
        if form[name] and form[name] not in choices:
            raise BadInput(_("The playbook has no such choice."), field=name)
    try:
        prospects.edit(workspace(), known, {}, dict(form.values), who(), version=read_version())
    except Conflict:
        return _overtaken(known, form)
    return _saved(known, Toast(_("Saved")), "questions")


def log_call(prospect_id: str) -> ResponseReturnValue:
    """Write down a call that has ended, which may start the emails after it."""
    known, _now = _standing(prospect_id)
    form = Form({"minutes": read_line("minutes", 8), "notes": read_block("notes", _LONGEST)})
    told: dict[str, Any] = {"notes": form["notes"]}
    minutes = form["minutes"]
    if minutes.isascii() and minutes.isdigit() and int(minutes) <= _DAY_MINUTES:
        told["minutes"] = int(minutes)
    elif minutes:
        form.errors["minutes"] = _("Write the minutes as a whole number, such as 25.")
        return show_prospect(known, typed=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _tell(known, kinds.CALL_ENDED, told, form, lambda _result: Toast(_("The call was written down")), "call")


def save_meeting(prospect_id: str) -> ResponseReturnValue:
    """Write down a meeting that was agreed."""
    known, _now = _standing(prospect_id)
    form = Form({name: read_line(name) for name in ("day", "time", "place")})
    starts = _moment(form)
    if starts is None:
        return show_prospect(known, typed=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    ends = starts + playbook().content.meetings.length
    told = {"uid": ids.new_id(), "starts_at": starts, "ends_at": ends, "place": form["place"]}
    return _tell(known, kinds.BOOKED, told, form, lambda _result: Toast(_("The meeting was written down")), "meeting")


def _moment(form: Form) -> datetime | None:
    """The time in the form by the viewer's clock, in UTC; None, and a sentence at the field, when it is none."""
    try:
        told = datetime.fromisoformat(f"{form['day']}T{form['time']}")
    except ValueError:
        form.errors["day"] = _("Give the day and the time of the meeting.")
        return None
    if told.tzinfo is not None or told.year not in _YEARS:
        form.errors["day"] = _("Give the day and the time of the meeting.")
        return None
    return told.replace(tzinfo=g.zone).astimezone(UTC)


def _standing(prospect_id: str) -> tuple[str, Mapping[str, str]]:
    """The prospect, which the viewer may see, and the answers that stand."""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        return known, facts.answers(tx, known)


def _tell(
    known: str,
    kind: str,
    told: Mapping[str, Any],
    form: Form,
    toast: Callable[[Result], Toast],
    place: str = "questions",
) -> ResponseReturnValue:
    try:
        result = prospects.tell(workspace(), known, kind, told, who(), version=read_version())
    except Conflict:
        return _overtaken(known, form)
    if result.decision.verdict == "stale":
        warn(" ".join(said(reason) for reason in result.decision.reasons))
        return show_prospect(known, typed=form)
    return _saved(known, toast(result), place)


def _undo(known: str, address: str, before: Mapping[str, str], words: str, result: Result) -> Toast:
    fields = {**before, "version": str(result.version)}
    return Toast(words, f"/prospects/{known}/{address}", tuple(fields.items()))


def _overtaken(known: str, form: Form) -> ResponseReturnValue:
    """Somebody was faster: the fresh page, with what was typed, and who changed what."""
    with reading() as tx:
        form.errors["version"] = newest_change(tx, known)
    return show_prospect(known, typed=form, status=HTTPStatus.CONFLICT)


def _saved(known: str, toast: Toast, place: str) -> ResponseReturnValue:
    toast = go_on(known, toast)
    if is_swap():
        return show_prospect(known, toast=toast)
    told = {name: value for name in ("part", "then") if (value := read_line(name, 80))}
    return done(f"/prospects/{known}{'?' + urlencode(told) if told else ''}#{place}", toast)
