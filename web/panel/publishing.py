"""Settings > Playbook: the versions, a draft with what is wrong with it or what it would change, and its publication.

The draft travels in the page from one step to the next; nothing is kept before it is published.
"""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from flask import Response, request

from web.auth import require
from web.i18n import gettext as _
from web.i18n import language, later
from web.pages import workspace
from web.panel.conflicts import Overtaken, held, mark_of
from web.panel.frame import Toast, done, page, reading, warn, who, worded
from workflow.actions import drafts, publishing
from workflow.actions import effect as effects
from workflow.actions.publishing import CHOICES, Choices
from workflow.engine.replan import FATES
from workflow.errors import BadInput, Conflict, PlaybookError
from workflow.playbook.diff import diff
from workflow.playbook.loader import MOST_BYTES
from workflow.reports import publishing as reports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.actions.publishing import Choice, Draft
    from workflow.playbook.emails import Emails

_PAGE: Final = "/settings/playbook"
_FATES: Final = {
    "unaffected": later("unaffected"),
    "earlier": later("earlier"),
    "later": later("later"),
    "gained": later("gained"),
    "lost": later("lost"),
}
_OVERTAKEN: Final = later(
    "Another playbook came into force while you were looking: what yours changes is shown anew, beside that one."
)
_CHOICES: Final = {
    "keep": later("Keep: they finish as they began"),
    "move": later("Move: they go on by the new one"),
    "stop": later("Stop: nothing more is sent"),
}


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule(_PAGE, view_func=all_versions, methods=["GET"])
    routes.add_url_rule(f"{_PAGE}/versions/<digest>", view_func=one_version, methods=["GET"])
    routes.add_url_rule(f"{_PAGE}/versions/<digest>.yaml", view_func=version_file, methods=["GET"])
    routes.add_url_rule(f"{_PAGE}/preview", view_func=preview, methods=["POST"])
    routes.add_url_rule(f"{_PAGE}/publish", view_func=publish, methods=["POST"])


def all_versions() -> ResponseReturnValue:
    """The versions, how far a publication has come, and a way to bring another file."""
    require("playbook")
    return _show()


def one_version(digest: str) -> ResponseReturnValue:
    """The file of a version, and what it changed of the one before."""
    require("playbook")
    ws = workspace()
    with reading() as tx:
        source = reports.source(tx, digest)
        known = reports.versions(tx)
        version = next(each for each in known if each.digest == digest)
        before = next((each for each in known if each.name == version.name and each.number < version.number), None)
        differences = diff(*(ws.playbooks.version(tx, each.digest) for each in (before, version))) if before else ()
    told = [each.words(language()) for each in differences]
    return page("playbook_version", here="settings", version=version, before=before, differences=told, source=source)


def version_file(digest: str) -> ResponseReturnValue:
    """The file of a version, to keep."""
    require("playbook")
    with workspace().database.read() as tx:
        source = reports.source(tx, digest)
    response = Response(source, mimetype="application/yaml")
    response.headers["Content-Disposition"] = f'attachment; filename="playbook-{digest[:12]}.yaml"'
    return response


def preview() -> ResponseReturnValue:
    """What is wrong with a file, or what it would change."""
    require("playbook")
    file = request.files.get("file")
    if file is None:
        raise BadInput(_("The file did not arrive whole. Choose it once more."))
    return judged(_draft(file.stream.read(MOST_BYTES + 1)))


def publish() -> ResponseReturnValue:
    """Publish the draft that the page holds, as was chosen for each sequence."""
    require("playbook")
    draft = _draft(_held())
    ws = held(workspace(), _in_force)
    groups = {name[7:]: value for name, value in request.form.items() if name.startswith("choice.")}
    if not set(groups.values()) <= set(CHOICES):
        raise BadInput(_("Choose what becomes of those in flight."))
    mapping = {name[4:]: value for name, value in request.form.items() if name.startswith("map.") and value}
    choices = Choices("keep", cast("Mapping[str, Choice]", groups))
    try:
        publishing.publish(ws, draft, who(), choices=choices, mapping=mapping)
    except (BadInput, Conflict, PlaybookError) as error:
        warn(_(_OVERTAKEN) if isinstance(error, Overtaken) else worded(error))
        return judged(draft, HTTPStatus.CONFLICT)
    drafts.settle(ws, draft.sound().digest)
    return done(_PAGE, Toast(_("The playbook is published")))


def emails() -> Emails:
    """The emails of this installation, as a playbook is checked with."""
    ws = workspace()
    return ws.templates.catalogue(ws.database)


def judged(draft: Draft, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    """The page of a draft: what is wrong with it, or what it would change and whom that concerns."""
    playbook = draft.playbook
    if playbook is None or draft.findings:
        return _show(HTTPStatus.UNPROCESSABLE_ENTITY, findings=draft.findings)
    ws = workspace()
    with reading() as tx:
        before = ws.playbooks.in_force(tx)
    if before.digest == playbook.digest:
        warn(_("This playbook is in force already: there is nothing to publish."))
        return _show()
    differences = [each.words(language()) for each in diff(before, playbook)]
    return _show(
        status, draft=playbook, seen=mark_of(_in_force()), held=base64.b64encode(draft.source.encode()).decode(),
        differences=differences,
        effect=effects.effect(ws, playbook),
    )  # fmt: skip


def _in_force() -> Mapping[str, str]:
    with workspace().database.read() as tx:
        return {"digest": workspace().playbooks.in_force(tx).digest}


def _draft(content: bytes) -> Draft:
    return publishing.draft(content, emails=emails())


def _show(status: int = HTTPStatus.OK, **values: Any) -> ResponseReturnValue:  # noqa: ANN401
    with reading() as tx:
        known = reports.versions(tx)
        moving = reports.under_way(tx)
        progress = publishing.progress(tx, moving) if moving else None
    blank = {"findings": (), "draft": None, "held": "", "seen": "", "differences": (), "effect": None}
    shown: dict[str, Any] = {**blank, **values}
    return page(
        "playbook", here="settings", status=status, versions=known, progress=progress, fates=FATES,
        fate_words={key: _(word) for key, word in _FATES.items()},
        choice_words={key: _(word) for key, word in _CHOICES.items()}, **shown,
    )  # fmt: skip


def _held() -> bytes:
    """The draft as the page carries it: in letters that no browser changes, for its digest is that of its bytes."""
    try:
        return base64.b64decode(request.form.get("held", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(_("The file did not arrive whole. Choose it once more.")) from error
