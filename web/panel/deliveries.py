"""Deliveries: what senders brought, what became of it, what a replay would change, and the replay."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import Response, request

from web.auth import person, require
from web.i18n import gettext as _
from web.i18n import language, later
from web.i18n import ngettext as _n
from web.pages import is_swap, workspace
from web.panel.frame import Toast, done, page, reading
from web.replays import begin
from web.webhooks.kinds import read_again
from workflow import masking, text
from workflow.actions import inbox, publishing, rehearsal, replays
from workflow.errors import BadInput, NotFound
from workflow.ids import is_id
from workflow.playbook.loader import MOST_BYTES
from workflow.reports import deliveries
from workflow.reports import sources as known
from workflow.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

LISTED: Final = 50
_LONGEST_BODY: Final = 100_000
# The name of one that was removed: the word, a hyphen and its id.
_LONGEST_SOURCE: Final = 44
_FATES: Final = ("dead", "given_up", "failed", "parked", "pending", "blocked", "ignored", "stale", "applied")
_AGES: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
_AGE_WORDS: Final = {
    "hour": later("The last hour"),
    "day": later("The last day"),
    "week": later("The last week"),
    "older": later("Older than a week"),
}


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/deliveries", view_func=all_deliveries, methods=["GET"])
    routes.add_url_rule("/deliveries/news", view_func=news, methods=["GET"])
    routes.add_url_rule("/deliveries/dry-run", view_func=dry_run, methods=["POST"])
    routes.add_url_rule("/deliveries/replay", view_func=replay_all, methods=["POST"])
    routes.add_url_rule("/deliveries/replays/<replay_id>", view_func=one_replay, methods=["GET"])
    routes.add_url_rule("/deliveries/replays/<replay_id>/stop", view_func=stop_replay, methods=["POST"])
    routes.add_url_rule("/deliveries/<delivery_id>", view_func=one_delivery, methods=["GET"])
    routes.add_url_rule("/deliveries/<delivery_id>/replay", view_func=replay_delivery, methods=["POST"])


def all_deliveries() -> ResponseReturnValue:
    """The newest deliveries that fit what was asked for."""
    require("deliveries")
    return _listed()


def news() -> ResponseReturnValue:
    """The list once something in it changed; until then nothing, which costs next to nothing."""
    require("deliveries")
    with reading() as tx:
        if deliveries.mark(tx, _wanted(request.args, tx.now)) == request.args.get("mark"):
            return Response(status=204)
    return _listed()


def dry_run() -> ResponseReturnValue:
    """What a replay of these would change, by the playbook in force or by a draft. Nothing is written."""
    require("deliveries")
    draft, file = None, request.files.get("file")
    if file is not None and file.filename:
        judged = publishing.draft(file.stream.read(MOST_BYTES + 1))
        draft = rehearsal.Draft(judged.sound(), judged.source)
    with reading() as tx:
        wanted = _wanted(request.form, tx.now)
    told = rehearsal.rehearse(workspace(), wanted, read_again, draft)
    return page(
        "rehearsal", here="deliveries", told=told, chosen=_chosen(request.form), query=_query(request.form),
        draft=draft.playbook.name if draft else "",
    )  # fmt: skip


def replay_all() -> ResponseReturnValue:
    """Replay all that fit: the few at once, many in the background."""
    require("deliveries")
    with reading() as tx:
        wanted = _wanted(request.form, tx.now)
    if wanted == Wanted():
        raise BadInput(_("Choose first which deliveries to replay."))
    progress = begin(workspace(), wanted, person().actor)
    return done(f"/deliveries/replays/{progress.id}", Toast(_("The replay has begun")))


def one_replay(replay_id: str) -> ResponseReturnValue:
    """How far a replay has come."""
    require("deliveries")
    if not is_id(replay_id):
        raise NotFound
    with reading() as tx:
        progress = replays.progress(tx, replay_id)
    return page("replay", here="deliveries", progress=progress)


def stop_replay(replay_id: str) -> ResponseReturnValue:
    """Replay no more; what was replayed stays."""
    require("deliveries")
    if not is_id(replay_id):
        raise NotFound
    replays.stop(workspace(), replay_id)
    return done(f"/deliveries/replays/{replay_id}", Toast(_("The replay was stopped")))


def one_delivery(delivery_id: str) -> ResponseReturnValue:
    """One delivery with its heads and its body."""
    require("deliveries")
    return _show(delivery_id)


def replay_delivery(delivery_id: str) -> ResponseReturnValue:
    """Apply a delivery again; what was applied once stays as it is."""
    require("deliveries")
    if not is_id(delivery_id):
        raise NotFound
    receipt = inbox.replay(workspace(), delivery_id, read_again, person().actor)
    applied = sum(event.outcome == "applied" for event in receipt.events)
    told = _n("Tried again: %(num)s event stands applied", "Tried again: %(num)s events stand applied", applied)
    toast = Toast(told % {"num": applied} if receipt.events else _("Tried again: it still cannot be read"))
    return _show(delivery_id, toast) if is_swap() else done(f"/deliveries/{delivery_id}", toast)


def _listed() -> ResponseReturnValue:
    after = request.args.get("after", "")
    with reading() as tx:
        wanted = _wanted(request.args, tx.now)
        found = deliveries.page(tx, language(), wanted, after=_after(after), limit=LISTED + 1)
        counts = deliveries.counts(tx, wanted)
        mark = deliveries.mark(tx, wanted)
        names, former = known.names(tx), known.former(tx)
        runs = replays.latest(tx, limit=3)
    shown, chosen = found[:LISTED], _chosen(request.args)
    older = ""
    if len(found) > LISTED:
        last = f"{shown[-1].received_at.isoformat()}~{shown[-1].id}"
        older = urlencode({**chosen, "after": last})
    return page(
        "deliveries", here="deliveries", found=shown, chosen=chosen, query=_query(request.args), older=older,
        fates=_FATES, sources=names, former=former, ages={key: _(words) for key, words in _AGE_WORDS.items()},
        seen="" if after else mark, runs=runs, chips=_chips(chosen, counts),
    )  # fmt: skip


def _show(delivery_id: str, toast: Toast | None = None) -> ResponseReturnValue:
    if not is_id(delivery_id):
        raise NotFound
    with reading() as tx:
        letter = deliveries.one(tx, delivery_id, language())
        former = known.former(tx)
    return page(
        "delivery", here="deliveries", toast=toast, letter=letter, body=masking.body(letter.body)[:_LONGEST_BODY],
        heads=masking.headers(dict(letter.headers)), former=former,
    )  # fmt: skip


def _wanted(told: Mapping[str, str], now: datetime) -> Wanted:
    """What the page asks for. Odd values ask nothing, as they do in an address that somebody keeps."""
    only, age = told.get("only", ""), told.get("age", "")
    return Wanted(
        source=told.get("source", "")[:_LONGEST_SOURCE],
        status="dead" if only == "dead" else "",
        outcome=only if only in _FATES and only != "dead" else "",
        since=now - _AGES[age] if age in _AGES else None,
        until=now - _AGES["week"] if age == "older" else None,
        why=text.line(told.get("why", ""), 100),
        prospect=text.line(told.get("prospect", ""), 254),
        delivery=told.get("delivery", "") if is_id(told.get("delivery", "")) else "",
    )


def _chosen(told: Mapping[str, str]) -> dict[str, str]:
    """The filters that are set, as the address has them."""
    named = {name: text.line(told.get(name, ""), 254) for name in ("only", "source", "age", "why", "prospect")}
    if named["only"] not in _FATES:
        named["only"] = ""
    return {name: value for name, value in named.items() if value}


def _query(told: Mapping[str, str]) -> str:
    return urlencode(_chosen(told))


def _chips(chosen: Mapping[str, str], counts: tuple[deliveries.Count, ...]) -> list[dict[str, Any]]:
    """What waits for somebody, each with the address that shows only that."""
    return [
        {"fate": each.fate, "number": each.number, "query": urlencode({**chosen, "only": each.fate})}
        for each in counts
        if each.fate not in ("duplicate", "stale")
    ]


def _after(told: str) -> tuple[datetime, str] | None:
    moment, _tilde, known_id = told.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, known_id) if at.tzinfo is not None and is_id(known_id) else None
