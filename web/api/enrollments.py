"""The API's routes about sequences: who is on which, begin and end one, let mail wait, and what became of each."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.listing import Key, List, OfProspects
from web.api.models import Id, Listed, Moment, Nothing, Prospect, Reply, Request, Version
from web.api.prospects import told_of
from web.api.route import Call, Route
from workflow.actions import by_hand
from workflow.engine import reasons
from workflow.reports import records

if TYPE_CHECKING:
    from workflow.records.db import Record

State = Literal["active", "completed", "stopped", "failed"]


class WantedEnrollments(OfProspects):
    """Which enrollments to list; `since` and `until` are about their start."""

    state: Literal["", "active", "completed", "stopped", "failed"] = ""
    sequence: Key = ""
    sort: Literal["started_at", "-started_at"] = "-started_at"


class SequenceStart(Request):
    """A sequence of the playbook in force, by its key."""

    sequence: Key
    version: Version | None = None


class MailHold(Request):
    """Until when all emails to a prospect wait."""

    until: Moment
    version: Version | None = None


class Release(Nothing):
    """Mail goes on. Only an administrator ends a pause that the prospect asked for, and says why."""

    reason: Annotated[str, Field(max_length=400)] = ""
    version: Version | None = None


class Enrollment(Reply):
    """A prospect on one sequence; `reason` says why it ended, in the language you accept."""

    id: Id
    prospect_id: Id
    sequence: str
    state: State
    playbook_version: int
    meeting_id: Id | None
    cause: str
    reason: str | None
    started_at: datetime
    ended_at: datetime | None


class EnrollmentList(List):
    """A page of enrollments."""

    items: tuple[Enrollment, ...]


class SequenceResults(Reply):
    """What became of a sequence: enrollments by state, emails by state, and what stopped it, each with how many."""

    key: str
    title: dict[str, str]
    in_force: bool
    enrollments: dict[str, int]
    emails: dict[str, int]
    stopped_by: dict[str, int]
    last_started_at: datetime | None


class SequenceList(List):
    """Every sequence of the playbook in force, and those of older ones that began once."""

    items: tuple[SequenceResults, ...]


def listed(call: Call) -> EnrollmentList:
    """Enrollments that fit, by default the latest first."""
    asked = call.query(WantedEnrollments)
    wanted = listing.wanted(asked, state=asked.state, sequence=asked.sequence)
    with call.ws.database.read() as tx:
        page = records.enrollments(tx, call.viewer, wanted, listing.place(asked))
    items = tuple(_told(row, call.language) for row in page.rows)
    return EnrollmentList(items=items, next_cursor=listing.behind(asked, page))


def read(call: Call) -> Enrollment:
    """One enrollment."""
    return _one(call, call.id)


def started(call: Call) -> Enrollment:
    """Begin a sequence by hand. What the playbook does not let begin, or what is under way, is 409 with the reason."""
    sent = call.body(SequenceStart)
    return _one(call, by_hand.start(call.ws, call.id, sent.sequence, call.who, version=sent.version))


def stopped(call: Call) -> Enrollment:
    """End an enrollment, and what has not left of it."""
    by_hand.stop(call.ws, call.id, call.who)
    return _one(call, call.id)


def paused(call: Call) -> Prospect:
    """Let all emails to a prospect wait. Where the prospect asked for a pause that lasts longer it is 409."""
    sent = call.body(MailHold)
    by_hand.hold(call.ws, call.id, sent.until, call.who, version=sent.version)
    return told_of(call, call.id)


def resumed(call: Call) -> Prospect:
    """Let emails go on that wait: by hand, or out of office. A pause that they asked for needs a reason."""
    sent = call.body(Release)
    by_hand.release(call.ws, call.id, call.who, role=call.key.role, reason=sent.reason, version=sent.version)
    return told_of(call, call.id)


def results(call: Call) -> SequenceList:
    """What became of each sequence, counted over the prospects that this key may see."""
    with call.ws.database.read() as tx:
        known = call.ws.playbooks.in_force(tx).sequences
        found = records.results(tx, call.viewer)
    empty = records.Results({}, {}, {}, None)
    keys = [*known, *sorted(found.keys() - known.keys())]
    shown, more = listing.short(call, keys)
    items = ((key, known.get(key), found.get(key, empty)) for key in shown)
    told = tuple(
        SequenceResults(
            key=key,
            title=dict(sequence.title) if sequence else {},
            in_force=sequence is not None,
            enrollments=dict(each.enrollments),
            emails=dict(each.emails),
            stopped_by=dict(each.stops),
            last_started_at=each.last_started_at,
        )
        for key, sequence, each in items
    )
    return SequenceList(items=told, next_cursor=more)


def _one(call: Call, enrollment_id: str) -> Enrollment:
    with call.ws.database.read() as tx:
        return _told(records.enrollment(tx, enrollment_id), call.language)


def _told(row: Record, language: str) -> Enrollment:
    told = {name: getattr(row, name) for name in Enrollment.model_fields}
    return Enrollment(**told | {"reason": reasons.words(row.reason, language)})


_REFUSALS: Final = (404, 409)
ROUTES: Final = (
    Route("GET", "/enrollments", "List enrollments", listed, EnrollmentList, query=WantedEnrollments),
    Route("GET", "/enrollments/<id>", "Read an enrollment", read, Enrollment, refusals=(404,)),
    Route(
        "POST", "/prospects/<id>/enrollments", "Begin a sequence", started, Enrollment, SequenceStart,
        refusals=_REFUSALS,
    ),
    Route("POST", "/enrollments/<id>/stop", "End an enrollment", stopped, Enrollment, Nothing, refusals=_REFUSALS),
    Route("POST", "/prospects/<id>/pause", "Let mail wait", paused, Prospect, MailHold, refusals=_REFUSALS),
    Route("POST", "/prospects/<id>/resume", "Let mail go on", resumed, Prospect, Release, refusals=(403, *_REFUSALS)),
    Route("GET", "/sequences", "List sequences with their results", results, SequenceList, query=Listed),
)  # fmt: skip
