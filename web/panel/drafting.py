"""The editor of sequences: steps and rules of a person's draft, its whole text, and the way to its publication.

Each act changes the text of the draft in one place. Whoever saw another text than the one there is now is shown both.
"""

from __future__ import annotations

import re
from difflib import unified_diff
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from flask import Response, request

from web.auth import person, require
from web.forms import line
from web.i18n import gettext as _
from web.i18n import language, later
from web.pages import workspace
from web.panel.frame import Part, Toast, done, fragment, page, reading, swap, warn, worded
from web.panel.publishing import emails
from web.panel.publishing import judged as judged_page
from web.panel.sequences import Preview, all_sequences, course_part, listed, words
from web.panel.sequences import preview as dated
from web.panel.step_forms import LATE, SPANS, STARTS, STOPS, UNITS, head, head_shown, shown, step, typed
from web.panel.wording import phrase
from workflow import rights
from workflow.actions import drafts, publishing
from workflow.errors import BadInput, Conflict, Finding, Forbidden, NotFound, OnwardError, PlaybookError
from workflow.playbook import edit, loader
from workflow.playbook.loader import MOST_BYTES
from workflow.playbook.schema import OUTCOMES, START_WORDS
from workflow.playbook.tree import WORD
from workflow.reports import texts as text_reports

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.playbook.edit import Value
    from workflow.playbook.spots import Plain, Spot

_BEHIND: Final = later(
    "Another playbook came into force since this draft began: what it brought would be taken back. Look closely."
)
_LOST: Final = later("This part of the draft is not there any more.")
_KEY: Final = later("A name has small Latin letters, digits and _, starts with a letter and is not taken yet.")
# Sentences of actions that are told as they are.
_TOLD: Final = (
    later("A sequence has at least one step: add another one first, or remove the sequence."),
    later("This part of the playbook is not there any more, or is written in an unusual way: edit it as text."),
    later("The playbook is empty: nothing was saved."),
    later("There is no such sequence."),
    later("Your draft and the new playbook changed the same lines: take over by hand what you want of it."),
)
_WORD: Final = re.compile(WORD, re.ASCII)
_EDITOR: Final = re.compile("/(?:sequences/[a-z0-9_]+/edit|playbook/draft)", re.ASCII)
_ACTS: Final = ("up", "down", "double", "drop")


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/sequences", view_func=new_sequence, methods=["POST"])
    one, steps = "/sequences/<key>/edit", "/sequences/<key>/steps"
    routes.add_url_rule(one, view_func=edit_sequence, methods=["GET"])
    routes.add_url_rule(one, view_func=save_sequence, methods=["POST"])
    routes.add_url_rule(f"{one}/course", view_func=course_of_draft, methods=["GET"])
    routes.add_url_rule(f"{one}/check", view_func=check_sequence, methods=["POST"])
    routes.add_url_rule("/sequences/<key>/double", view_func=double_sequence, methods=["POST"])
    routes.add_url_rule("/sequences/<key>/drop", view_func=drop_sequence, methods=["POST"])
    routes.add_url_rule(steps, view_func=add_step, methods=["POST"])
    routes.add_url_rule(f"{steps}/<number>", view_func=save_step, methods=["POST"])
    routes.add_url_rule(f"{steps}/<number>/check", view_func=check_step, methods=["POST"])
    routes.add_url_rule(f"{steps}/<number>/<act>", view_func=act_on_step, methods=["POST"])
    routes.add_url_rule("/playbook/draft", view_func=whole_draft, methods=["GET"])
    routes.add_url_rule("/playbook/draft", view_func=save_draft, methods=["POST"])
    routes.add_url_rule("/playbook/draft/file", view_func=draft_file, methods=["GET"])
    routes.add_url_rule("/playbook/draft/file", view_func=bring_file, methods=["POST"])
    routes.add_url_rule("/playbook/draft/back", view_func=step_back, methods=["POST"])
    routes.add_url_rule("/playbook/draft/renew", view_func=renew_draft, methods=["POST"])
    routes.add_url_rule("/playbook/draft/drop", view_func=drop_draft, methods=["POST"])
    routes.add_url_rule("/playbook/draft/changes", view_func=see_changes, methods=["POST"])


# --- a sequence


def edit_sequence(key: str) -> ResponseReturnValue:
    """The editor of one sequence of the draft."""
    require("sequences")
    return _editor(key)


def course_of_draft(key: str) -> ResponseReturnValue:
    """The dated preview of the draft alone."""
    require("sequences")
    return swap(course_part(_preview(key, _judged(_mine().source))))


def new_sequence() -> ResponseReturnValue:
    """Begin a new sequence: one email after a call, stopped by a reply."""
    require("sequences")
    key = line("key", 64)
    with reading() as tx:
        names = sorted(text_reports.uses(workspace().playbooks.in_force(tx)))
    email = "follow_up_questions" if "follow_up_questions" in names else (names or ["follow_up_questions"])[0]

    def begun(source: str) -> str:
        _check_key(source, key)
        book = _judged(source).playbook
        title = dict.fromkeys(book.languages if book else ("en",), phrase(key))
        fresh: dict[str, Value] = {
            "title": title,
            "start": {"when": "call.ended"},
            "stop": ["reply", "colleague_reply", "left", "bounce", "complaint", "unsubscribe", "meeting", "close"],
            "steps": [{"key": "first", "email": email, "after": "1d"}],
        }
        root = loader.spots(source)
        if root is None or root.at("sequences") is None:
            return edit.put(source, ("sequences",), {key: fresh})
        return edit.put(source, ("sequences", key), fresh)

    return _changed(begun, f"/sequences/{key}/edit", _("Added to your draft"), all_sequences)


def save_sequence(key: str) -> ResponseReturnValue:
    """Keep what begins and ends a sequence, as typed."""
    require("sequences")
    again = partial(_editor, key, of="head")
    return _changed(partial(_with_head, key), f"/sequences/{key}/edit", _("Saved in your draft"), again)


def double_sequence(key: str) -> ResponseReturnValue:
    """Copy a sequence under another name."""
    require("sequences")
    wanted = line("key", 64)

    def doubled(source: str) -> str:
        _check_key(source, wanted)
        return edit.double_entry(source, ("sequences",), key, wanted)

    return _changed(doubled, f"/sequences/{wanted}/edit", _("Copied in your draft"), partial(_editor, key))


def drop_sequence(key: str) -> ResponseReturnValue:
    """Take a sequence out of the draft."""
    require("sequences")

    def dropped(source: str) -> str:
        root = loader.spots(source)
        known = root.at("sequences") if root else None
        if known is None or known.entry(key) is None:
            raise BadInput(_(_LOST))
        return edit.put(source, ("sequences",) if len(list(known.keys())) == 1 else ("sequences", key), None)

    return _changed(dropped, "/playbook/draft", _("Removed from your draft"), partial(_editor, key))


def check_sequence(key: str) -> ResponseReturnValue:
    """What the draft would say of a sequence as it is being typed; nothing is kept."""
    require("sequences")
    return _checked(key, partial(_with_head, key), "head")


# --- its steps


def add_step(key: str) -> ResponseReturnValue:
    """Add an email or a task behind the last step."""
    require("sequences")
    is_task = request.form.get("does") == "task"

    def added(source: str) -> str:
        rows = _rows(source, key)
        name = _free(rows, "call" if is_task else "email")
        book = _judged(source).playbook
        row: dict[str, Value] = {"key": name, "email": "follow_up_questions", "after": "2d"}
        if is_task:
            title = {"en": "Call", "bg": "Обаждане"}
            said = {each: title[each] for each in (book.languages if book else ("en",))}
            row = {"key": name, "task": said, "after": "1wd"}
        else:
            used = [_said(each, "email") for each in rows if _said(each, "email")]
            row["email"] = used[-1] if used else "follow_up_questions"
        return edit.insert(source, (*_path(key),), len(rows), row)

    return _changed(added, f"/sequences/{key}/edit?at=last", _("Added to your draft"), partial(_editor, key))


def save_step(key: str, number: str) -> ResponseReturnValue:
    """Keep a step as typed."""
    require("sequences")
    address = f"/sequences/{key}/edit?at={line('key', 64)}"
    again = partial(_editor, key, of="step")
    return _changed(partial(_with_step, key, number), address, _("Saved in your draft"), again)


def check_step(key: str, number: str) -> ResponseReturnValue:
    """What the draft would say of a step as it is being typed; nothing is kept."""
    require("sequences")
    return _checked(key, partial(_with_step, key, number), number)


def act_on_step(key: str, number: str, act: str) -> ResponseReturnValue:
    """Move a step up or down, copy it, or take it out."""
    require("sequences")
    if act not in _ACTS:
        raise NotFound(_(_LOST))

    def acted(source: str) -> str:
        rows = _rows(source, key)
        at = _place(rows, number)
        if act == "drop":
            return edit.drop(source, (*_path(key), at))
        if act == "double":
            return edit.double(source, _path(key), at, _free(rows, _said(rows[at], "key") or "step"))
        first = at - 1 if act == "up" else at
        if not 0 <= first < len(rows) - 1:
            raise BadInput(_(_LOST))
        return edit.swap(source, _path(key), first)

    said = {
        "up": _("Moved in your draft"), "down": _("Moved in your draft"), "double": _("Copied in your draft"),
        "drop": _("Removed from your draft"),
    }[act]  # fmt: skip
    at = "" if act == "drop" else f"?at={line('was', 64)}"
    return _changed(acted, f"/sequences/{key}/edit{at}", said, partial(_editor, key))


# --- the whole draft


def whole_draft() -> ResponseReturnValue:
    """The draft as text, with all that is wrong with it."""
    require("sequences")
    return _whole(_mine().source)


def save_draft() -> ResponseReturnValue:
    """Keep the whole text as typed."""
    require("sequences")
    # A browser sends other line ends than those of the file, which stay.
    typed = request.form.get("text", "").replace("\r\n", "\n").replace("\0", "")

    def written(source: str) -> str:
        return drafts.typed(typed.replace("\n", "\r\n") if "\r\n" in source else typed)

    return _changed(written, "/playbook/draft", _("Saved in your draft"), partial(_whole, typed))


def bring_file() -> ResponseReturnValue:
    """Take a file as the draft."""
    require("sequences")
    file = request.files.get("file")
    content = file.stream.read(MOST_BYTES + 1) if file is not None else b""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise BadInput(_("The file is not UTF-8 text: save it as UTF-8.")) from error
    source = drafts.typed(text.replace("\0", ""))
    return _changed(lambda _source: source, "/playbook/draft", _("Saved in your draft"), whole_draft)


def draft_file() -> ResponseReturnValue:
    """The draft as a file, byte for byte."""
    require("sequences")
    answer = Response(_mine().source.encode(), mimetype="application/yaml")
    answer.headers["Content-Disposition"] = 'attachment; filename="playbook.yaml"'
    return answer


def renew_draft() -> ResponseReturnValue:
    """Take over into the draft what came into force since it began."""
    require("sequences")
    address = _next("/playbook/draft")
    try:
        draft = drafts.renew(workspace(), person().id, line("seen", 64))
    except drafts.Overtaken as error:
        return _conflict(error)
    except Conflict as error:
        warn(worded(error))
        return _whole(_mine().source)
    undo = (("seen", draft.digest), ("next", address))
    return done(address, Toast(_("The new playbook is taken over into your draft"), "/playbook/draft/back", undo))


def step_back() -> ResponseReturnValue:
    """Take back the last change of the draft."""
    require("sequences")
    try:
        drafts.back(workspace(), person().id, line("seen", 64))
    except drafts.Overtaken as error:
        return _conflict(error)
    return done(_next("/playbook/draft"), Toast(_("The last change is taken back")))


def drop_draft() -> ResponseReturnValue:
    """Throw the draft away."""
    require("sequences")
    try:
        drafts.drop(workspace(), person().id, line("seen", 64))
    except drafts.Overtaken as error:
        return _conflict(error)
    return done("/sequences", Toast(_("The draft is thrown away")))


def see_changes() -> ResponseReturnValue:
    """What a draft would change, for whom; an administrator publishes it from there, also one of somebody else."""
    require("sequences")
    of = line("of", 36) or person().id
    if of != person().id and not rights.may(person().role, "playbook"):
        raise Forbidden(_("Only an administrator sees the drafts of others."))
    with reading() as tx:
        draft = drafts.of(workspace(), tx, of)
    if draft.is_behind:
        warn(_(_BEHIND))
    return judged_page(_judged(draft.source))


# --- what is shown


def _editor(key: str, status: int = HTTPStatus.OK, *, of: str = "") -> ResponseReturnValue:
    """The editor; `of` says whose form was refused just now, which shows what was typed."""
    mine = _mine()
    root = _spots(mine.source)
    told = root.at("sequences", key) if root else None
    if root is None:
        warn(_("The draft cannot be read as it is: correct it as text first."))
        return _whole(mine.source)
    if told is None or told.entries is None:
        raise NotFound(_("There is no such sequence."))
    judged = _judged(mine.source)
    of_head, of_steps = _found(judged.findings, root, key)
    book = judged.playbook
    rows = told.at("steps")
    rules = head_shown(told.plain())
    forms = [shown(each.plain()) for each in (rows.items if rows and rows.items else ())]
    was = line("was", 64) if of == "step" else None
    known = book.sequences.get(key) if book else None
    gaps = [words(book).waits(each) for each in known.steps] if book and known else []
    preview = _preview(key, judged)
    at = request.args.get("at", "")
    return page(
        "sequence_edit", here="sequences", status=status, key=key, mine=mine,
        head=typed(rules) if of == "head" else rules, head_faults=of_head,
        steps=[typed(each) if each["key"] == was else each for each in forms], faults=of_steps, gaps=gaps,
        others=len(judged.findings) - len(of_head) - sum(map(len, of_steps.values())),
        at=forms[-1]["key"] if at == "last" and forms else at, preview=preview,
        languages=book.languages if book else ("en", "bg"), units=UNITS, spans=SPANS,
        start_words=STARTS, stops=STOPS, lates=LATE, starts=START_WORDS, outcomes=OUTCOMES,
        stages=_names(root, "stages"), emails=sorted(emails()), title=_title(told, key),
        titles=preview.titles, rules=listed(book, known) if book and known else None,
    )  # fmt: skip


def _whole(text: str, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    mine = _mine()
    with reading() as tx:
        brought = _lines(*drafts.brought(workspace(), tx, mine.rep_id)) if mine.is_behind else ()
    return page(
        "draft", here="sequences", status=status, mine=mine, text=text, findings=_judged(text).findings,
        brought=brought,
        names=_names(_spots(mine.source), "sequences"),
    )  # fmt: skip


def _conflict(error: drafts.Overtaken) -> ResponseReturnValue:
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in ("csrf_token", "seen")]
    theirs = _lines(error.seen, error.now.source) if error.seen is not None else ()
    mine = _lines(error.now.source, error.mine) if error.mine is not None else ()
    in_vain = _lines(error.seen, error.lost) if error.seen is not None and error.lost is not None else ()
    address = request.path
    if request.files and error.mine is not None:
        address, fields = "/playbook/draft", [("text", error.mine)]
    return page(
        "draft_conflict", here="sequences", status=HTTPStatus.CONFLICT, error=error, fields=fields, theirs=theirs,
        ours=mine, in_vain=in_vain, address=address,
    )  # fmt: skip


def _checked(key: str, how: Callable[[str], str], place: str) -> ResponseReturnValue:
    source = _mine().source
    try:
        source = how(source)
        root = _spots(source)
    except OnwardError as error:
        return swap(_faults(place, [Finding(0, "", worded(error))]))
    judged = _judged(source)
    of_head, of_steps = _found(judged.findings, root, key)
    # What is typed here may be wrong for the sake of what stands there: two steps of one name.
    found = {"head": of_head, **{str(at): of_steps.get(at, []) for at in range(len(_rows(source, key)))}}
    return swap(*(_faults(at, each) for at, each in found.items()), course_part(_preview(key, judged)))


def _faults(place: str, found: list[Finding]) -> Part:
    return Part(f"#faults-{place}", fragment("sequence_edit", "faults", found=found), "innerHTML")


def _changed(
    how: Callable[[str], str], address: str, said: str, again: Callable[[], ResponseReturnValue]
) -> ResponseReturnValue:
    """Change the draft and go on to `address`; where that is refused, the page `again` says why."""
    try:
        draft = drafts.change(workspace(), person().id, line("seen", 64), how)
    except drafts.Overtaken as error:
        return _conflict(error)
    except (BadInput, PlaybookError) as error:
        warn(worded(error))
        return again()
    kept = {name: request.form[name] for name in ("day", "prospect") if request.form.get(name)}
    if kept and "/edit" in address:
        address += ("&" if "?" in address else "?") + urlencode(kept)
    undo = (("seen", draft.digest), ("next", address))
    return done(address, Toast(said, "/playbook/draft/back", undo))


def _preview(key: str, judged: publishing.Draft) -> Preview:
    with reading() as tx:
        return dated(tx, judged.playbook, key, f"/sequences/{key}/edit")


# --- the text of the draft


def _mine() -> drafts.Draft:
    with reading() as tx:
        return drafts.of(workspace(), tx, person().id)


def _judged(source: str) -> publishing.Draft:
    return publishing.draft(source, emails=emails())


def _spots(source: str) -> Spot | None:
    try:
        return loader.spots(source)
    except PlaybookError:
        return None


def _found(
    findings: tuple[Finding, ...], root: Spot | None, key: str
) -> tuple[list[Finding], dict[int, list[Finding]]]:
    """The findings about a sequence itself, and about each of its steps, by the lines they stand on."""
    pair = (root.at("sequences") or root).entry(key) if root else None
    if pair is None:
        return [], {}
    rows = pair[1].at("steps")
    steps: dict[int, list[Finding]] = {}
    of_head = []
    for finding in findings:
        if not pair[0].line <= finding.line <= pair[1].last_line:
            continue
        spots = enumerate(rows.items or () if rows else ())
        at = next((number for number, row in spots if row.line <= finding.line <= row.last_line), None)
        if at is None:
            of_head.append(finding)
        else:
            steps.setdefault(at, []).append(finding)
    return of_head, steps


def _with_head(key: str, source: str) -> str:
    book = _judged(source).playbook
    before = _plain(source, "sequences", key)
    wanted = head(before, book.languages if book else ("en", "bg"))
    return _put_all(source, ("sequences", key), wanted)


def _with_step(key: str, number: str, source: str) -> str:
    rows = _rows(source, key)
    at = _place(rows, number)
    book = _judged(source).playbook
    return _put_all(source, (*_path(key), at), step(rows[at], book.languages if book else ("en", "bg")))


def _put_all(source: str, path: tuple[str | int, ...], wanted: dict[str, Value]) -> str:
    # What goes away goes last, so that nothing is ever left empty.
    for name, value in sorted(wanted.items(), key=lambda each: each[1] is None):
        source = edit.put(source, (*path, name), value)
    return source


def _plain(source: str, *path: str | int) -> Plain:
    root = loader.spots(source)
    spot = root.at(*path) if root else None
    if spot is None:
        raise BadInput(_(_LOST))
    return spot.plain()


def _rows(source: str, key: str) -> list[Plain]:
    rows = _plain(source, *_path(key))
    return rows if isinstance(rows, list) else []


def _place(rows: list[Plain], number: str) -> int:
    """Where the step stands that the page showed at `number`: by its name, in whatever the text has become."""
    was = line("was", 64)
    names = [_said(each, "key") for each in rows]
    if number in map(str, range(len(rows))) and names[int(number)] == was:
        return int(number)
    if was not in names:
        raise BadInput(_(_LOST))
    return names.index(was)


def _free(rows: list[Plain], name: str) -> str:
    taken = {_said(each, "key") for each in rows}
    stem = name.rstrip("0123456789").rstrip("_")
    return next(each for each in (stem, *(f"{stem}_{n}" for n in range(2, len(rows) + 3))) if each not in taken)


def _check_key(source: str, key: str) -> None:
    root = loader.spots(source)
    known = root.at("sequences") if root else None
    if not _WORD.fullmatch(key) or (known is not None and known.entry(key) is not None):
        raise BadInput(_(_KEY), field="key")


def _path(key: str) -> tuple[str, str, str]:
    return "sequences", key, "steps"


def _said(row: Plain, name: str) -> str:
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, str) else ""


def _names(root: Spot | None, name: str) -> list[str]:
    spot = root.at(name) if root else None
    return list(spot.keys()) if spot else []


def _title(told: Spot, key: str) -> str:
    fields: dict[str, Any] = head_shown(told.plain())
    from_language = fields.get(f"title-{language()}") or fields.get("title-en") or fields.get("title-bg")
    return from_language or phrase(key)


def _lines(before: str, after: str) -> tuple[tuple[str, str], ...]:
    found = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    return tuple((each[:1], each[1:]) for each in found)


def _next(otherwise: str) -> str:
    """Where a step back leads: to a page of the editor, nowhere else."""
    wanted, _mark, asked = request.form.get("next", "").partition("?")
    if not _EDITOR.fullmatch(wanted):
        return otherwise
    kept = urlencode([(name, value) for name, value in parse_qsl(asked) if name in ("at", "day", "prospect")])
    return f"{wanted}?{kept}" if kept else wanted
