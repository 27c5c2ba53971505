"""The list of what needs a person: what waits with its evidence, one act for many equal emails, and the way back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from flask import request

from web.forms import line as read_line
from web.i18n import later, ngettext
from web.pages import is_swap, workspace
from web.panel.frame import Toast, done, page, reading, viewer, warn, who
from workflow import ids
from workflow.actions.outreach import again
from workflow.actions.outreach.spool import touches_on_disk
from workflow.errors import BadInput, OnwardError, Unavailable
from workflow.reports import attention
from workflow.reports.attention import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

MOST_AT_ONCE: Final = 500
# What left once may be there already: whether it leaves once more is asked one by one.
_FOR_MANY: Final = {"uncertain": ("sent", "dropped"), "failed": ("resend", "dropped")}

# What the actions say where they refuse; they know no language but English.
SAID: Final = (
    later("Somebody has settled this email already: load it again."),
    later("This address gets no more email, so it is not tried again: drop it, or change the address."),
    later("The sequence of this email was stopped, so it is not sent again: drop it."),
    later("The sequence of this email has started anew meanwhile: drop it."),
    later("The sequence of this email was stopped, so it is not sent again: say that it arrived, or drop it."),
    later("The sequence of this email has started anew meanwhile: say that it arrived, or drop it."),
    later("This can be taken back no more: look at what has become of the email since."),
    later("This can be taken back no more: Onward has tried to send this email once more already."),
    later("This can be taken back no more: the next step has begun already, because this email counted as arrived."),
    later("Nobody has decided anything about this email that could be taken back."),
)


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/uncertain", view_func=list_work, methods=["GET"])
    routes.add_url_rule("/uncertain/all", view_func=settle_all, methods=["POST"])


def list_work() -> ResponseReturnValue:
    """What needs this person."""
    return show_work()


def show_work(*, toast: Toast | None = None, wanted: Wanted | None = None) -> ResponseReturnValue:
    """The list, or the part of it that the address asks for; with `all` in the address it asks whether to do that."""
    wanted = wanted or _wanted(request.args)
    ws = workspace()
    with reading() as tx:
        spooled = touches_on_disk(ws.settings.data_dir)
        found = attention.work(ws, tx, viewer(), wanted, spooled=spooled)
        at = tx.now.isoformat()
    for_many = _FOR_MANY.get(wanted.what, ()) if found.total > 1 else ()
    asked = request.args.get("all", "") if request.method == "GET" else ""
    return page(
        "uncertain",
        here="uncertain",
        toast=toast,
        found=found,
        wanted=wanted,
        for_many=for_many,
        asked=asked if asked in for_many else "",
        number=min(found.total, MOST_AT_ONCE),
        at=at,
        way=_way,
    )


def settle_all() -> ResponseReturnValue:
    """Do the same to all emails that were listed when it was asked for; what was settled since is left alone."""
    wanted, as_ = _wanted(request.form), request.form.get("as", "")
    if as_ not in _FOR_MANY.get(wanted.what, ()):
        message = "Choose what to do with these emails, and load the list again."
        raise BadInput(message)
    with reading() as tx:
        chosen = attention.equal(tx, viewer(), wanted, _moment(), limit=MOST_AT_ONCE)
    settled = _settled(chosen, as_)
    if settled < len(chosen):
        left = len(chosen) - settled
        warn(
            ngettext("%(num)d email was left as it is.", "%(num)d emails were left as they are.", left) % {"num": left}
        )
    toast = Toast(ngettext("%(num)d email is settled", "%(num)d emails are settled", settled) % {"num": settled})
    if settled < len(chosen) or is_swap():
        return show_work(toast=toast, wanted=Wanted())
    return done("/uncertain", toast)


def _settled(chosen: Sequence[str], as_: str) -> int:
    """How many of them could be settled; each is in a transaction of its own, so that none holds up the others."""
    number = 0
    for touch_id in chosen:
        try:
            again.settle(workspace(), touch_id, as_, who())
        except Unavailable:
            raise
        except OnwardError:
            continue
        number += 1
    return number


def _wanted(told: Mapping[str, str]) -> Wanted:
    what, mailbox = told.get("what", ""), told.get("mailbox", "")
    return Wanted(what if what in attention.KINDS else "", mailbox if ids.is_id(mailbox) else "")


def _way(what: str = "", mailbox: str = "", **more: str) -> str:
    """The address of a part of the list."""
    told = {name: value for name, value in {"what": what, "mailbox": mailbox, **more}.items() if value}
    return f"/uncertain?{urlencode(told)}" if told else "/uncertain"


def _moment() -> datetime:
    try:
        told = datetime.fromisoformat(read_line("before", 40))
    except ValueError:
        told = None
    if told is None or told.tzinfo is None:
        message = "The list is not the one that was shown: load it again."
        raise BadInput(message, field="before")
    return told
