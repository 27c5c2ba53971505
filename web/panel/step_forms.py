"""The forms of a sequence and of its steps: what the text of a playbook says as fields, and what was typed as values.

Reads and shows what is written, also where it is wrong: what is odd is told by the check, not refused here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flask import request

from web.forms import line
from web.i18n import gettext as _
from web.i18n import later
from workflow.errors import BadInput
from workflow.playbook.schema import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.playbook.edit import Value
    from workflow.playbook.spots import Plain

UNITS: Final = {
    "m": later("minutes"), "h": later("hours"), "d": later("days"), "wd": later("working days"), "s": later("seconds"),
}  # fmt: skip
SPANS: Final = ("m", "h", "d", "s")
STARTS: Final = {
    "call.ended": later("A call ended"),
    "stage.entered": later("A stage is entered"),
    "meeting.booked": later("A meeting is booked"),
    "meeting.held": later("A meeting was held"),
    "meeting.no_show": later("The prospect did not come"),
}
STOPS: Final = {
    "reply": later("Reply"),
    "colleague_reply": later("A colleague's reply"),
    "left": later("Left the company"),
    "bounce": later("Bounce"),
    "complaint": later("Complaint"),
    "unsubscribe": later("Unsubscribed"),
    "meeting": later("Meeting booked"),
    "close": later("Closed"),
    "reopen": later("Reopened"),
    "meeting.cancelled": later("Meeting cancelled"),
    "meeting.held": later("Meeting held"),
    "meeting.no_show": later("Did not come"),
}
LATE: Final = {
    "skip": later("Leave it out"), "ask": later("Ask me"), "send": later("Send it all the same"),
}  # fmt: skip
_DURATION: Final = re.compile(r"\s*(\d{1,8})\s*(s|m|h|d|wd)\s*", re.ASCII)
_SPARE: Final = 2
_MOST: Final = 20
_TICKS: Final = ("thread", "quote", "window", "blocking", "exclusive", *(f"stop-{word}" for word in STOP_WORDS))


def shown(step: Plain) -> dict[str, str]:
    """The fields of a step as it is written."""
    told = step if isinstance(step, dict) else {}
    fields = {name: _said(told.get(name)) for name in ("key", "email", "late")}
    fields |= {f"task-{language}": _said(_in(told, "task").get(language)) for language in ("en", "bg")}
    fields |= {name: _said(told.get(name)) for name in ("thread", "quote", "window", "blocking")}
    fields["does"] = "task" if "task" in told else "variants" if "variants" in told else "email"
    fields["when"] = "before" if "before" in told else "after"
    for name in ("after", "lead", "lateness"):
        fields[f"{name}-n"], fields[f"{name}-unit"] = _split(_said(told.get(name)))
    for number, (key, variant) in enumerate(_in(told, "variants").items()):
        inner = variant if isinstance(variant, dict) else {}
        fields |= {f"v{number}-key": key, f"v{number}-email": _said(inner.get("email"))}
        fields[f"v{number}-share"] = _said(inner.get("share"))
    fields["variants"] = str(len(_in(told, "variants")) + _SPARE)
    return fields


def step(before: Plain, languages: Sequence[str]) -> dict[str, Value]:
    """A step as typed, over what is written of it `before`; None for what is not to be there."""
    told = before if isinstance(before, dict) else {}
    does = request.form.get("does", "email")
    is_mail, is_before = does != "task", request.form.get("when") == "before"
    late = request.form.get("late", "")
    return {
        "key": line("key", 64) or None,
        "email": (line("email", 64) or None) if does == "email" else None,
        "variants": (_variants(_in(told, "variants")) or None) if does == "variants" else None,
        "task": _texts("task", languages, told.get("task")) if does == "task" else None,
        "before": "meeting" if is_before else None,
        "after": _kept(told, "after", _span("after")) if not is_before else None,
        "lead": _kept(told, "lead", _span("lead")) if is_before else None,
        "thread": "same" if is_mail and request.form.get("thread") else None,
        "quote": True if is_mail and request.form.get("quote") else None,
        "window": "any" if is_mail and request.form.get("window") else None,
        "late": (late if late != "skip" or "late" in told else None) or None if is_mail and not is_before else None,
        "lateness": _kept(told, "lateness", _span("lateness")) if is_mail else None,
        "blocking": (_flag(told, "blocking")) if not is_mail else None,
    }


def typed(before: Mapping[str, str]) -> dict[str, str]:
    """The fields of a form as they were typed just now, over those that are written."""
    ticked = {name: "true" if name in request.form else "" for name in _TICKS}
    told = {name: line(name, 400) for name in request.form if name not in _TICKS}
    rows = [number + 1 for number in range(_MOST) if told.get(f"v{number}-key") or told.get(f"v{number}-share")]
    return {**before, **told, **ticked, "variants": str(max([_SPARE, *rows]))}


def head_shown(sequence: Plain) -> dict[str, str]:
    """The fields of a sequence itself as it is written."""
    told = sequence if isinstance(sequence, dict) else {}
    start, again = _in(told, "start"), _said(told.get("again")) or "always"
    number, unit = _split(again)
    words = told.get("stop") or []
    stops = [words] if isinstance(words, str) else [_said(each) for each in words] if isinstance(words, list) else []
    return {
        **{f"title-{language}": _said(_in(told, "title").get(language)) for language in ("en", "bg")},
        **{f"start-{name}": _said(start.get(name)) for name in ("when", "stage", "outcome")},
        "again": again if again in ("always", "never") else "after",
        "again-n": number if number.isdigit() and again not in ("always", "never") else "",
        "again-unit": unit,
        "exclusive": _said(told.get("exclusive")),
        "priority": _said(told.get("priority")),
        **{f"stop-{word}": "true" for word in stops},
    }


def head(before: Plain, languages: Sequence[str]) -> dict[str, Value]:
    """A sequence itself as typed, without its steps."""
    told = before if isinstance(before, dict) else {}
    when = request.form.get("start-when", "")
    stage = line("start-stage", 64) if when == "stage.entered" else ""
    start = {"when": when, "stage": stage or None, "outcome": (line("start-outcome", 20) or None) if stage else None}
    again = request.form.get("again", "always")
    said = {"always": "always" if "again" in told else None, "never": "never"}.get(again, _span("again"))
    stops = [word for word in STOP_WORDS if request.form.get(f"stop-{word}")]
    priority = line("priority", 3)
    if not priority or (priority == "0" and "priority" not in told):
        wanted: Value = None
    else:
        wanted = int(priority) if priority.isascii() and priority.isdigit() else priority
    return {
        "title": _texts("title", languages, told.get("title")),
        "start": start if when else told.get("start"),
        "stop": stops or None,
        "again": said,
        "exclusive": _flag(told, "exclusive"),
        "priority": wanted,
    }


def _texts(name: str, languages: Sequence[str], before: Plain | None) -> Value:
    known = before if isinstance(before, dict) else {}
    typed = {
        language: line(f"{name}-{language}", 200) or None
        for language in ("en", "bg")
        if language in languages or language in known
    }
    return typed if any(typed.values()) else None


def _variants(before: Mapping[str, Plain]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for number in range(_MOST):
        key, email = (line(f"v{number}-{name}", 64) for name in ("key", "email"))
        share = line(f"v{number}-share", 3)
        if not key and (email or share):
            raise BadInput(_("Variant %(number)s has no name: give it one, such as b.") % {"number": number + 1})
        if key in found:
            raise BadInput(_("Two variants have the name “%(name)s”: give each its own.") % {"name": key})
        if key:
            known = _in(before, key)
            wanted = int(share) if share.isascii() and share.isdigit() else share or None
            plain = None if wanted == 1 and "share" not in known else wanted
            found[key] = {"email": email or None, "share": plain}
    return found


def _span(name: str) -> str:
    """A duration as typed: a number and a unit, or a whole one in the field of the number."""
    number, unit = line(f"{name}-n", 20), request.form.get(f"{name}-unit", "h")
    if not number:
        return ""
    if whole := _DURATION.fullmatch(number):
        return f"{int(whole[1])}{whole[2]}"
    return f"{int(number)}{unit}" if number.isascii() and number.isdigit() and unit in UNITS else number


def _kept(told: Mapping[str, Plain], name: str, typed: str) -> str | None:
    """No time at all is not written, unless it is written already."""
    if typed and typed.rstrip("smhdw") != "0":
        return typed
    known = _said(told.get(name))
    return known if known and known.rstrip("smhdw") == "0" else None


def _flag(told: Mapping[str, Plain], name: str) -> bool | None:
    if request.form.get(name):
        return True
    return False if _said(told.get(name)) == "false" else None


def _split(told: str) -> tuple[str, str]:
    match = _DURATION.fullmatch(told)
    return (match[1], match[2]) if match else (told, "h")


def _in(told: Mapping[str, Plain], name: str) -> dict[str, Plain]:
    inner = told.get(name)
    return inner if isinstance(inner, dict) else {}


def _said(told: Plain | None) -> str:
    return told if isinstance(told, str) else ""
