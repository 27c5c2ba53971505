"""Templates: every text of an email, an editor with both languages side by side, what it looks like, its versions.

What is typed travels in the page until it is saved; whether it may be sent is judged by `workflow.actions.texts`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import unified_diff
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import request
from sqlalchemy import select

from web.auth import person, require
from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import language, later
from web.pages import playbook, workspace
from web.panel.faults import PARTS, place, refusal, sentence
from web.panel.frame import Part, Toast, done, fragment, page, reading, swap, viewer, warn, who, worded
from web.panel.letters import inside
from web.security import policy
from workflow import rights, text
from workflow.actions import texts
from workflow.errors import BadInput, Conflict, NotFound, OnwardError
from workflow.mail import own
from workflow.mail.smtp import Timeouts
from workflow.mail.templates import LANGUAGES, NAME, Text
from workflow.records.models import Prospect
from workflow.reports import finding, scope, variants
from workflow.reports import texts as reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.actions.texts import Shown
    from workflow.records.db import Record, Tx

_PARTS: Final = (("subject", "subject.txt"), ("text", "body.txt"), ("html", "body.html"))
_FAULT: Final = {"place": place, "sentence": sentence}
_LONGEST: Final = 100_000
_MOST_FOUND: Final = 8
_DIGITS: Final = 6
# Sentences of actions that are told as they are.
_TOLD: Final = (
    later("You have sent many trials within the hour: wait a little."),
    later("There is no mail server: give the mailbox one, or set ONWARD_SMTP_URL."),
    later("Somebody has saved another version of this text: compare both and decide."),
    later("There is no such email."),
    later("There is no such version of this text."),
)
# A person waits for the answer.
_PATIENCE: Final = Timeouts(connect=10.0, command=10.0)


@dataclass(frozen=True, slots=True)
class Column:
    """One language of the editor: what is written, as saved or as typed, and how it looks."""

    language: str
    text: Text
    shown: Shown
    is_there: bool = True
    is_typed: bool = False
    lags: bool = False
    """Whether the text was changed and its HTML was not."""


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    one, said = "/templates/<name>", "/templates/<name>/<language>"
    routes.add_url_rule("/templates", view_func=all_texts, methods=["GET"])
    routes.add_url_rule("/templates/new", view_func=new_text, methods=["GET"])
    routes.add_url_rule("/templates/people", view_func=find_people, methods=["GET"])
    routes.add_url_rule(one, view_func=edit_text, methods=["GET"])
    routes.add_url_rule(said, view_func=save_text, methods=["POST"])
    routes.add_url_rule(f"{said}/preview", view_func=preview_text, methods=["POST"])
    routes.add_url_rule(f"{said}/html", view_func=saved_html, methods=["GET"])
    routes.add_url_rule(f"{said}/html", view_func=typed_html, methods=["POST"])
    routes.add_url_rule(f"{said}/trial", view_func=try_text, methods=["POST"])
    routes.add_url_rule(f"{said}/history", view_func=text_history, methods=["GET"])
    routes.add_url_rule(f"{said}/restore", view_func=restore_text, methods=["POST"])


def all_texts() -> ResponseReturnValue:
    """Every email, where it is used, what is wrong with it and what came of it."""
    ws = workspace()
    with reading() as tx:
        found = reports.listed(ws, tx)
        judged = variants.by_variant(tx)
        subjects = {each.name: _subject(tx, each) for each in found}
    return page(
        "texts", here="templates", found=found, judged=judged, subjects=subjects, places=_places(), fault=_FAULT
    )


def new_text() -> ResponseReturnValue:
    """Begin an email under a new name: its editor, empty."""
    require("templates")
    name = text.line(request.args.get("name", ""), 64)
    if not NAME.fullmatch(name):
        warn(_("A name has small letters, digits, hyphens and underscores, such as second_reminder."))
        return all_texts()
    with reading() as tx:
        if workspace().templates.of(tx, name).exists(name):
            warn(_("There is a template of this name already: this is it."))
    return _editor(name, new=True)


def find_people() -> ResponseReturnValue:
    """The prospects that a few letters find, for the picker above the editor."""
    with reading() as tx:
        found = _people(tx, text.line(request.args.get("q", ""), 100))
    return swap(Part("#prospect", fragment("text", "people", found=found, chosen=None), "innerHTML"))


def edit_text(name: str) -> ResponseReturnValue:
    """The editor of an email."""
    return _editor(name)


def save_text(name: str, language: str) -> ResponseReturnValue:
    """Save what was typed as the next version; 409 with both sides when somebody was faster."""
    require("templates")
    typed = _typed()
    try:
        texts.save(workspace(), name, language, typed, who().actor)
    except texts.FaultyText:
        warn(_("Nothing was saved yet: correct what is named at the text."))
        return _editor(name, language, typed, HTTPStatus.UNPROCESSABLE_ENTITY, new=True)
    except Conflict:
        return _conflict(name, language, typed)
    except BadInput as error:
        warn(
            worded(error) if error.field != "language" else _("Write the English text first: it stands in for others.")
        )
        return _editor(name, language, typed, HTTPStatus.UNPROCESSABLE_ENTITY, new=True)
    return done(_address(name), Toast(_("Saved: the next email is written from it")))


def preview_text(name: str, language: str) -> ResponseReturnValue:
    """How what is typed would read, while it is typed."""
    typed = _typed()
    column = _column(name, language, typed, _chosen())
    markup = fragment("text", "preview", column=column, fault=_FAULT)
    return swap(Part(f"#preview-{language}", markup, "innerHTML"))


def saved_html(name: str, language: str) -> ResponseReturnValue:
    """The HTML part of the saved text, for the frame."""
    with reading() as tx:
        saved = reports.source(workspace(), tx, name, language)
    return _html(_column(name, language, saved, _chosen()).shown)


def typed_html(name: str, language: str) -> ResponseReturnValue:
    """The HTML part of what is typed, for the frame."""
    return _html(_column(name, language, _typed(), _chosen()).shown)


def try_text(name: str, language: str) -> ResponseReturnValue:
    """Send what is typed to the person who asks, and show the editor again with it."""
    typed, me = _typed(), person()
    toast = None
    try:
        draft = (_known(name), _said(language), typed)
        outcome = texts.try_it(workspace(), draft, _chosen(), me.id, _PATIENCE)
    except texts.FaultyText:
        warn(_("Nothing was sent: correct what is named at the text."))
    except OnwardError as error:
        warn(worded(error))
    else:
        if outcome.kind == "sent":
            toast = Toast(_("The trial is on its way to %(address)s") % {"address": me.email})
        else:
            warn(_("The mail server did not take it: %(answer)s") % {"answer": refusal(outcome)})
    return _editor(name, language, typed, new=True, toast=toast)


def text_history(name: str, language: str) -> ResponseReturnValue:
    """Every version with what changed in it, and the way back."""
    ws = workspace()
    with reading() as tx:
        rows = list(reports.history(tx, name, _said(language)))
        newest = reports.source(ws, tx, name, language)
        shipped = ws.templates.folder
        first = shipped.source(name, language) if _is_shipped(name, language) else Text("", "", "")
    sources = [*(Text(row.subject, row.text, row.html, row.version) for row in rows), first]
    steps = [(row, _differences(older, newer)) for row, newer, older in zip(rows, sources, sources[1:], strict=False)]
    return page(
        "text_history", here="templates", key=name, said=language, steps=steps, newest=newest.version,
        is_shipped=_is_shipped(name, language), parts=PARTS,
    )  # fmt: skip


def restore_text(name: str, language: str) -> ResponseReturnValue:
    """Save an older version as the next one."""
    require("templates")
    ws = workspace()
    with reading() as tx:
        older = reports.kept(ws, tx, name, _said(language), _number("version"))
    try:
        again = Text(older.subject, older.text, older.html, _number("seen"))
        texts.save(ws, name, language, again, who().actor)
    except (Conflict, texts.FaultyText) as error:
        warn(worded(error))
        return text_history(name, language)
    return done(_address(name), Toast(_("Saved: the next email is written from it")))


def _editor(
    name: str, language: str = "", typed: Text | None = None, status: int = HTTPStatus.OK, *, new: bool = False,
    toast: Toast | None = None,
) -> ResponseReturnValue:  # fmt: skip
    ws = workspace()
    with reading() as tx:
        templates = ws.templates.of(tx, name)
        if not templates.exists(name) and not (new and rights.may(person().role, "templates")):
            message = "There is no such email."
            raise NotFound(message)
        there = templates.languages(name) if templates.exists(name) else ()
        chosen = _chosen() or _latest(tx)
        found = _people(tx, text.line(request.args.get("q", ""), 100), chosen)
        saved = {each: templates.source(name, each) if each in there else Text("", "", "") for each in LANGUAGES}
        used = reports.uses(ws.playbooks.in_force(tx)).get(name, ())
    columns = [
        replace(
            _column(name, each, typed if typed and each == language else saved[each], chosen, is_there=each in there),
            is_typed=typed is not None and each == language,
        )
        for each in LANGUAGES
    ]
    answer = page(
        "text", here="templates", status=status, toast=toast, key=name, columns=columns, used=used, places=_places(),
        found=found, chosen=chosen, fault=_FAULT,
    )  # fmt: skip
    answer.headers["Content-Security-Policy"] = policy(frame_src="'self'")
    return answer


def _places() -> Mapping[tuple[str, str], int]:
    """Of each step of the playbook in force which one it is in its sequence, from 1."""
    book = playbook()
    return {
        (sequence.key, each.key): number
        for sequence in book.sequences.values()
        for number, each in enumerate(sequence.steps, start=1)
    }


def _subject(tx: Tx, listed: reports.Listed) -> str:
    """The subject of a listed email as a reader of the page sees it; one with choices in it on somebody invented."""
    said = language() if language() in listed.subjects else next(iter(sorted(listed.subjects, reverse=True)), "")
    written = listed.subjects.get(said, "")
    if "{" not in written or said not in LANGUAGES:
        return written
    shown = texts.show(workspace(), tx, (listed.name, said, reports.source(workspace(), tx, listed.name, said)), None)
    return shown.rendered.subject if shown.rendered else written


def _conflict(name: str, language: str, typed: Text) -> ResponseReturnValue:
    with reading() as tx:
        theirs = reports.source(workspace(), tx, name, language)
        rows = [row for row in reports.history(tx, name, language) if row.version == theirs.version]
    return page(
        "text_conflict", here="templates", status=HTTPStatus.CONFLICT, key=name, said=language, theirs=theirs,
        mine=typed, by=rows[0] if rows else None, parts=PARTS, differences=_differences(theirs, typed),
    )  # fmt: skip


def _column(name: str, language: str, written: Text, prospect_id: str | None, *, is_there: bool = True) -> Column:
    ws = workspace()
    with reading() as tx:
        if not is_there and not written.text:
            return Column(language, written, texts.Shown(None, ()), is_there)
        shown = texts.show(ws, tx, (_known(name), _said(language), written), prospect_id)
        if own.is_made(language, written):
            written = replace(written, html="")
        return Column(language, written, shown, is_there, lags=_lags(tx, name, language, written))


def _lags(tx: Tx, name: str, language: str, written: Text) -> bool:
    """Whether the text is another than the saved one, and the HTML that most people read is not."""
    templates = workspace().templates.of(tx, name)
    if not written.html.strip() or not templates.exists(name) or language not in templates.languages(name):
        return False
    saved = templates.source(name, language)
    return saved.html.split() == written.html.split() and saved.text.split() != written.text.split()


def _html(shown: Shown) -> ResponseReturnValue:
    return inside(shown.rendered.html if shown.rendered else "")


def _differences(before: Text, after: Text) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """For each part that changed its lines, each with “+”, “-” or nothing before it."""
    found = []
    for name, part in _PARTS:
        old, new = getattr(before, name).splitlines(), getattr(after, name).splitlines()
        lines = tuple((line[:1], line[1:]) for line in list(unified_diff(old, new, lineterm="", n=2))[2:])
        if lines:
            found.append((part, lines))
    return tuple(found)


def _people(tx: Tx, words: str, chosen: str | None = None) -> Sequence[Record]:
    """The prospects that fit, the last changed first; the chosen one is always among them."""
    columns = select(Prospect.id, Prospect.name, Prospect.company, Prospect.email).where(viewer().sees())
    newest = columns.where(*scope.unerased(tx), *finding.found_by(tx, words)).order_by(
        Prospect.updated_at.desc(), Prospect.id
    )
    newest = newest.limit(_MOST_FOUND)
    found = list(tx.conn.execute(newest).all())
    if chosen and all(row.id != chosen for row in found):
        found = [*tx.conn.execute(columns.where(Prospect.id == chosen)).all(), *found]
    return found


def _latest(tx: Tx) -> str | None:
    found = _people(tx, "")
    return found[0].id if found else None


def _chosen() -> str | None:
    """The prospect on whom the text is shown, if one was named that may be seen."""
    told = request.values.get("prospect", "")
    if not told:
        return None
    with reading() as tx:
        return scope.prospect_id(tx, viewer(), told)


def _typed() -> Text:
    """What the form holds, cleaned of what no text may carry."""
    body = {name: text.block(request.form.get(name, ""), _LONGEST) for name in ("text", "html")}
    return Text(read_line("subject", 400), body["text"], body["html"], _number("version"))


def _number(name: str) -> int:
    told = request.form.get(name, "0")
    if not told.isascii() or not told.isdigit() or len(told) > _DIGITS:
        raise BadInput(_("The version of a text is a number."), field=name)
    return int(told)


def _known(name: str) -> str:
    if not NAME.fullmatch(name):
        message = "There is no such email."
        raise NotFound(message)
    return name


def _said(language: str) -> str:
    if language not in LANGUAGES:
        message = "There is no such language here."
        raise NotFound(message)
    return language


def _is_shipped(name: str, language: str) -> bool:
    folder = workspace().templates.folder
    return folder.exists(name) and language in folder.languages(name)


def _address(name: str) -> str:
    chosen = request.form.get("prospect", "")
    return f"/templates/{name}?prospect={chosen}" if chosen else f"/templates/{name}"
