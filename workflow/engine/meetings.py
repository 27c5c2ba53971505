"""What a message about a meeting amounts to, in whatever order the messages come. Pure.

A calendar tells of a moved meeting as of a new one that takes the place of another (`replaces`). To us it stays one
meeting. The name it had is kept as `moved`, so that what comes late about it changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.engine.signals import MeetingView, Signal

MOVED: Final = "moved"
_STATES: Final = {
    kinds.BOOKED: "booked",
    kinds.RESCHEDULED: "booked",
    kinds.CANCELLED: "cancelled",
    kinds.HELD: "held",
    kinds.NO_SHOW: "no_show",
}
_OVER: Final = frozenset({"cancelled", MOVED})
_LINK: Final = re.compile(r"https?://\S+", re.IGNORECASE)
# Only where such words come first and alone: an address that holds one ("Meet Street 1") stays a visit.
_ONLINE: Final = re.compile(
    r"(?:on |via |in |по |през |в(?:ъв)? |чрез )?(?:(?:google|microsoft|ms) )?"
    r"(?:video|видео|online|онлайн|zoom|зуум|teams|тиймс|meet|webex|skype|скайп)"
    r"(?:[ -]?(?:call|meeting|conference|chat|разговор|среща|връзка|конференция|обаждане))?"
    r"(?:\s*[:,;(–-].*)?[.!]?",
    re.IGNORECASE | re.DOTALL,
)
_PHONE: Final = re.compile(r"(?:tel:)?\+?[\d\s()/.-]{6,30}", re.IGNORECASE)
Kind = Literal["video", "phone", "visit", "open"]


@dataclass(frozen=True, slots=True)
class Told:
    """A message as it counts: which meeting is in which state from now on, and as which kind of message.

    `replaces` is the name that becomes `moved`; where a meeting went by it, that one goes on under `uid`. `at` is when
    it came to be so: a meeting is lost when its last part was cancelled, however late we hear of the parts before.
    """

    kind: str
    uid: str
    state: str
    starts_at: datetime | None
    at: datetime
    replaces: str = ""


def told(meetings: tuple[MeetingView, ...], signal: Signal, at: datetime) -> Told | None:
    """What `signal` amounts to; None when something newer is known of that meeting."""
    kind, data = signal.kind, signal.data
    known = _known(meetings, kind, data.get("uid"))
    replaces = str(data.get("replaces") or "") if kind == kinds.BOOKED and data.get("uid") else ""
    before = _known(meetings, kind, replaces) if replaces else None
    if known is not None and (known.state == MOVED or known.changed_at > at):
        return _overtaken(meetings, replaces, before, at) if replaces else None
    starts_at = data.get("starts_at") or (known.starts_at if known else None)
    uid = known.uid if known else str(data.get("uid") or signal.cause)
    if before is not None and before.state == "booked":
        kind = kinds.RESCHEDULED
        starts_at = starts_at or before.starts_at
    return Told(kind, uid, _STATES[kind], starts_at, at, replaces)


def kind_of(place: str) -> Kind:
    """How people meet, as the place tells: by a link or a word for video, by phone, in person, or not said."""
    told = place.strip()
    if not told:
        return "open"
    if _LINK.search(told) or _ONLINE.fullmatch(told):
        return "video"
    return "phone" if _PHONE.fullmatch(told) else "visit"


def newer(meetings: tuple[MeetingView, ...], meeting_id: str | None, at: datetime) -> bool:
    """Whether more recent news than `at` is known of a meeting."""
    return any(each.id == meeting_id and each.changed_at > at for each in meetings)


def _overtaken(
    meetings: tuple[MeetingView, ...], replaces: str, before: MeetingView | None, at: datetime
) -> Told | None:
    """A move of which we know the sequel already: the meeting it began with is no longer where it was.

    Where nothing came of the sequel, the meeting is lost with it.
    """
    if before is None or before.state != "booked":
        done = before is not None and before.state == MOVED
        return None if done else Told(kinds.RESCHEDULED, replaces, MOVED, None, at)
    others = [each for each in meetings if each.uid != replaces]
    if not all(each.state in _OVER for each in others):
        return Told(kinds.RESCHEDULED, replaces, MOVED, before.starts_at, at)
    ended = max((each.changed_at for each in others if each.state != MOVED), default=at)
    return Told(kinds.CANCELLED, replaces, MOVED, before.starts_at, max(at, ended))


def _known(meetings: tuple[MeetingView, ...], kind: str, uid: object) -> MeetingView | None:
    """The meeting named `uid`; without a name the open one that starts last."""
    if uid:
        return next((meeting for meeting in meetings if meeting.uid == str(uid)), None)
    if kind == kinds.BOOKED:
        return None
    booked = [meeting for meeting in meetings if meeting.state == "booked"]
    # Of two at one time the one told last; by name where that is the same too: any order of rows gives the same.
    return max(booked, key=lambda each: (each.starts_at or kinds.NEVER, each.changed_at, each.uid), default=None)
