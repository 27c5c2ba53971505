"""A simulated life on paper, in English or Bulgarian: a table, Markdown, JSON or a calendar file.

Only puts a `Life` into words; what happens in it was decided by `workflow.engine.simulate`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from workflow.engine.life import IS_NEW
from workflow.reports import icalendar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.engine.life import Entry, Life, Standing
    from workflow.playbook.schema import Playbook

LANGUAGES: Final = ("en", "bg")
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "head.prospect": ("prospect ({zone})", "клиент ({zone})"),
    "head.rep": ("rep ({zone})", "търговец ({zone})"),
    "head.what": ("what", "какво"),
    "head.why": ("why", "защо"),
    "ending.closed": (
        "The prospect is closed and nothing is left to do.",
        "Клиентът е приключен и не остава нищо за правене.",
    ),
    "ending.quiet": (
        "Nothing is left to do, and the prospect is not closed.",
        "Не остава нищо за правене, а клиентът не е приключен.",
    ),
    "ending.waiting": ("What is left waits for a person.", "Останалото чака човек."),
    "ending.horizon": ("The simulation ends here; more would follow.", "Симулацията свършва тук; следва още."),
    "end": ("Stage in the end: {stage}. {ending}", "Етап накрая: {stage}. {ending}"),
    "open": (
        "Open: {kind} {name}, due {due} by the rep's clock. {why}",
        "Чака: {kind} {name}, срок {due} по часовника на търговеца. {why}",
    ),
    "kind.email": ("email", "имейл"),
    "kind.task": ("task", "задача"),
    "event.new": (IS_NEW, "появява се"),
    "verdict.ignored": ("ignored", "без последици"),
    "verdict.blocked": ("blocked", "недопуснато"),
    "verdict.stale": ("stale", "остаряло"),
    "moved": ("stage: {said}", "етап: {said}"),
    "began": ("sequence {sequence} begins", "поредицата {sequence} започва"),
    "withheld": ("sequence {sequence} does not begin", "поредицата {sequence} не започва"),
    "mail": ("MAIL {name}", "ИМЕЙЛ {name}"),
    "task": ("TASK {name}", "ЗАДАЧА {name}"),
    "done": ("task {name} done", "задачата {name} е изпълнена"),
    "held": ("held: {name}", "изчаква: {name}"),
    "skipped": ("SKIP {name}", "ПРОПУСК {name}"),
    "failed": ("FAILED {name}", "НЕУСПЕХ {name}"),
    "stopped": ("STOP sequence {sequence}", "СТОП на поредицата {sequence}"),
    "cancelled": ("cancelled: {name}", "отменено: {name}"),
    "completed": ("sequence {sequence} is complete", "поредицата {sequence} завърши"),
    "meeting": ("meeting {state}", "среща: {state}"),
    "meeting.at": ("meeting {state} for {at}", "среща: {state} за {at}"),
    "meeting.title": ("Meeting ({state})", "Среща ({state})"),
    "state.booked": ("booked", "насрочена"),
    "state.cancelled": ("cancelled", "отменена"),
    "state.held": ("held", "състояла се"),
    "state.no_show": ("no show", "без клиента"),
    "planned": ("Planned for {at}.", "По план: {at}."),
    "again": ("Asked again {at}.", "Нова проверка: {at}."),
    "days": ("Mon Tue Wed Thu Fri Sat Sun", "пн вт ср чт пт сб нд"),
}


@dataclass(frozen=True, slots=True)
class Report:
    """A life with what its readers need: the playbook, the rep's clock, and whether the emails are shown in full.

    `zone` is the prospect's at the beginning; `words` the reader's language, which is not that of the emails.
    """

    playbook: Playbook
    life: Life
    rep_zone: ZoneInfo
    zone: ZoneInfo
    show_text: bool = False
    words: str = "en"

    def say(self, code: str, **facts: str) -> str:
        """A phrase in the reader's language."""
        return _WORDS[code][self.words == "bg"].format(**facts)

    def heads(self) -> tuple[str, str, str, str]:
        """What stands above the rows."""
        prospect = self.say("head.prospect", zone=str(self.zone))
        return prospect, self.say("head.rep", zone=str(self.rep_zone)), self.say("head.what"), self.say("head.why")

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """For each entry: the prospect's time, the rep's, what happened, and why."""
        for entry in self.life.entries:
            # A prospect may move to another zone in the middle of the story.
            elsewhere = f" ({entry.zone})" if entry.zone.key != self.zone.key else ""
            prospect = f"{self.time(entry.at, entry.zone)}{elsewhere}"
            yield prospect, self.time(entry.at, self.rep_zone), self.what(entry), self.why(entry)

    def time(self, at: datetime, zone: ZoneInfo) -> str:
        """A moment by the clock of `zone`."""
        local = at.astimezone(zone)
        return f"{self.say('days').split()[local.weekday()]} {local:%Y-%m-%d %H:%M}"

    def what(self, entry: Entry) -> str:
        """What happened, in a few words."""
        if entry.kind == "event":
            said = self.say("event.new") if entry.said == IS_NEW and not entry.line else entry.said
            return said if entry.verdict == "applied" else f"{said} ({self.say(f'verdict.{entry.verdict}')})"
        if entry.kind == "meeting":
            state = self.say(f"state.{entry.said}")
            at = self.time(entry.planned_at, entry.zone) if entry.planned_at else ""
            return self.say("meeting.at", state=state, at=at) if at else self.say("meeting", state=state)
        more = {"mail": entry.subject, "task": self.playbook.words(entry.task, self.words)}.get(entry.kind, "")
        name = f"{entry.sequence}.{entry.step}"
        said = self.say(entry.kind, said=entry.said, sequence=entry.sequence, name=name)
        return f"{said}: {more}" if more else said

    def why(self, entry: Entry) -> str:
        """The reasons as sentences."""
        told = [reason.words(self.words) for reason in entry.reasons]
        if entry.kind == "mail" and entry.planned_at and entry.planned_at != entry.at:
            told.insert(1, self.say("planned", at=self.time(entry.planned_at, entry.zone)))
        if entry.until and entry.kind == "held":
            told.append(self.say("again", at=self.time(entry.until, entry.zone)))
        return " ".join(told)

    def open(self) -> list[Standing]:
        """What has not ended."""
        return [touch for touch in self.life.touches if touch.ended_at is None]

    def end(self) -> Iterator[str]:
        """How it ends, and what is still open."""
        stage = f"{self.life.stage} ({self.life.outcome})" if self.life.outcome else self.life.stage
        yield self.say("end", stage=stage, ending=self.say(f"ending.{self.life.ending}"))
        for touch in self.open():
            yield self.say(
                "open",
                kind=self.say(f"kind.{touch.kind}"),
                name=f"{touch.sequence}.{touch.step}",
                due=self.time(touch.due_at, self.rep_zone),
                why=touch.reason.words(self.words),
            )


def table(report: Report) -> str:
    """Columns of plain text; the emails below their lines when they are shown."""
    rows, head = list(report.rows()), report.heads()
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(3)]
    lines = [_columns(head, widths)]
    for entry, row in zip(report.life.entries, rows, strict=True):
        lines.append(_columns(row, widths))
        if report.show_text and entry.text:
            lines += ["", *(f"    {line}".rstrip() for line in entry.text.splitlines()), ""]
    return "\n".join([*lines, "", *report.end()])


def markdown(report: Report) -> str:
    """A table of Markdown, and the emails below it when they are shown."""
    lines = [f"| {' | '.join(report.heads())} |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(_cell(text) for text in row)} |" for row in report.rows()]
    lines += ["", *(f"- {line}" for line in report.end())]
    for entry in report.life.entries if report.show_text else ():
        if entry.text:
            at = report.time(entry.at, entry.zone)
            lines += ["", f"### {entry.sequence}.{entry.step}, {at}: {entry.subject}", ""]
            lines += [f"> {line}".rstrip() for line in entry.text.splitlines()]
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """One object: the entries, the open touches and the end. Times are UTC, and local with their offset."""
    life = report.life
    told = {
        "playbook": {"name": report.playbook.name, "digest": report.playbook.digest},
        "entries": [_entry(report, entry) for entry in life.entries],
        "open": [
            {"sequence": touch.sequence, "step": touch.step, "kind": touch.kind, "due_at": _utc(touch.due_at)}
            for touch in report.open()
        ],
        "stage": life.stage,
        "outcome": life.outcome,
        "ending": life.ending,
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def ics(report: Report) -> str:
    """A calendar file (RFC 5545) with every mail, task and meeting."""
    events = []
    for number, entry in enumerate(report.life.entries):
        if entry.kind in ("mail", "task"):
            text = "\n\n".join(filter(None, [report.why(entry), entry.text if report.show_text else ""]))
            name = f"{report.playbook.digest} {number} {entry.at.isoformat()} {entry.sequence}.{entry.step}"
            events.append(icalendar.Event(name, entry.at, entry.at, None, report.what(entry), text))
    for entry in _meetings(report.life):
        if entry.planned_at is not None:
            name = f"{report.playbook.digest} {report.life.entries[0].at.isoformat()} meeting {entry.step}"
            title = report.say("meeting.title", state=report.say(f"state.{entry.said}"))
            cancelled = entry.said == "cancelled"
            event = icalendar.Event(name, entry.at, entry.planned_at, entry.until, title, cancelled=cancelled)
            events.append(event)
    return icalendar.calendar("-//Onward//simulate//EN", events)


FORMATS: Final[Mapping[str, Callable[[Report], str]]] = {
    "table": table,
    "markdown": markdown,
    "json": as_json,
    "ics": ics,
}


def _meetings(life: Life) -> list[Entry]:
    """Each meeting as it stood in the end."""
    return list({entry.step: entry for entry in life.entries if entry.kind == "meeting"}.values())


def _entry(report: Report, entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {
        "at": _utc(entry.at),
        "prospect_time": entry.at.astimezone(entry.zone).isoformat(),
        "rep_time": entry.at.astimezone(report.rep_zone).isoformat(),
        "kind": entry.kind,
        "said": entry.said,
        "verdict": entry.verdict,
        "sequence": entry.sequence,
        "step": entry.step,
        "planned_at": _utc(entry.planned_at),
        "until": _utc(entry.until),
        "reasons": [
            {"code": reason.code, "facts": dict(reason.facts), "words": reason.words(report.words)}
            for reason in entry.reasons
        ],
        "subject": entry.subject,
        "text": entry.text if report.show_text else "",
    }
    return {name: value for name, value in told.items() if value not in ("", None, [])}


def _columns(row: tuple[str, ...], widths: list[int]) -> str:
    padded = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
    return "  ".join([*padded, row[-1]]).rstrip()


def _utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
