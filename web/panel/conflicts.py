"""Two who changed the same settings: both sides on one page, theirs to take and mine to keep all the same.

A form carries a mark of what it showed (`mark_of`); the change happens only while that still stands (`held`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import request
from sqlalchemy import select

from web.i18n import gettext as _
from web.panel.frame import page, reading
from workflow.errors import Conflict
from workflow.records.audit import SettingChange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Response

    from workflow.workspace import Workspace


class Overtaken(Conflict):
    """Somebody changed this while you were writing: compare both and decide."""


def _as_it_is(_name: str, value: str) -> str:
    return value


@dataclass(frozen=True, slots=True)
class Clash:
    """What two people want of the same thing: its id and name, the page it has, and its fields by name.

    `labels` names the fields for people; a field that it leaves out is sent again and not shown.
    """

    about_id: str
    title: str
    address: str
    labels: Mapping[str, str]
    theirs: Mapping[str, str]
    mine: Mapping[str, str]
    say: Callable[[str, str], str] = _as_it_is
    """How a value of a field is said to people."""
    saves_at: str = ""
    """Where mine is sent, if not to the page itself."""
    note: str = ""
    """What is not sent again with mine, if anything."""


def mark_of(shown: Mapping[str, str]) -> str:
    """A short mark of what a form shows, which changes with it."""
    told = json.dumps({name: value.replace("\r\n", "\n") for name, value in sorted(shown.items())})
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def held(ws: Workspace, now: Callable[[], Mapping[str, str]]) -> Workspace:
    """The installation, whose next change raises Overtaken unless `now` is what the form of this request showed.

    A form without a mark is taken as it is: programs that send one know what they do.
    """
    seen = request.form.get("seen", "")

    def check() -> None:
        if seen and seen != mark_of(now()):
            raise Overtaken

    return replace(ws, database=ws.database.held_to(check))


def show_both(clash: Clash) -> Response:
    """The page with both sides; nothing was saved."""
    with reading() as tx:
        newest = select(SettingChange.actor, SettingChange.at).where(SettingChange.about_id == clash.about_id)
        by = tx.conn.execute(newest.order_by(SettingChange.at.desc(), SettingChange.id.desc()).limit(1)).one_or_none()
    sides = [
        (label, *(clash.say(name, each.get(name, "")) or _("nothing") for each in (clash.theirs, clash.mine)))
        for name, label in clash.labels.items()
    ]
    return page(
        "conflict", here="settings", status=HTTPStatus.CONFLICT, clash=clash, sides=sides, by=by,
        seen=mark_of(clash.theirs),
    )  # fmt: skip
