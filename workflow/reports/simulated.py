"""A simulated life on paper: a table, Markdown, JSON or a calendar file.

Only puts a `Life` into words; what happens in it was decided by `workflow.engine.simulate`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.engine.life import Entry, Life, Standing
    from workflow.playbook.schema import Playbook

_ENDINGS: Final = {
    "closed": "The prospect is closed and nothing is left to do.",
    "quiet": "Nothing is left to do, and the prospect is not closed.",
    "waiting": "What is left waits for a person.",
    "horizon": "The simulation ends here; more would follow.",
}
_WORDS: Final = {
    "moved": "stage: {said}",
    "began": "sequence {sequence} begins",
    "mail": "MAIL {sequence}.{step}",
    "task": "TASK {sequence}.{step}",
    "done": "task {sequence}.{step} done",
    "held": "held: {sequence}.{step}",
    "skipped": "SKIP {sequence}.{step}",
    "failed": "FAILED {sequence}.{step}",
    "stopped": "STOP sequence {sequence}",
    "cancelled": "cancelled: {sequence}.{step}",
    "completed": "sequence {sequence} is complete",
    "withheld": "sequence {sequence} does not begin",
}
_LINE: Final = 75  # octets of a line in a calendar file (RFC 5545, section 3.1)


@dataclass(frozen=True, slots=True)
class Report:
    """A life with what its readers need: the playbook, the rep's clock, and whether the emails are shown in full."""

    playbook: Playbook
    life: Life
    rep_zone: ZoneInfo
    show_text: bool = False

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """For each entry: the prospect's time, the rep's, what happened, and why."""
        for entry in self.life.entries:
            yield _local(entry.at, entry.zone), _local(entry.at, self.rep_zone), self.what(entry), self.why(entry)

    def what(self, entry: Entry) -> str:
        """What happened, in a few words."""
        if entry.kind == "event":
            return f"{entry.said}{'' if entry.verdict == 'applied' else f' ({entry.verdict})'}"
        if entry.kind == "meeting":
            starts = f" for {_local(entry.planned_at, entry.zone)}" if entry.planned_at else ""
            return f"meeting {entry.said.replace('_', ' ')}{starts}"
        more = {"mail": entry.subject, "task": self._title(entry)}.get(entry.kind, "")
        said = _WORDS[entry.kind].format(said=entry.said, sequence=entry.sequence, step=entry.step)
        return f"{said}: {more}" if more else said

    def why(self, entry: Entry) -> str:
        """The reasons as sentences."""
        words = [reason.words("en") for reason in entry.reasons]
        if entry.kind == "mail" and entry.planned_at and entry.planned_at != entry.at:
            words.insert(1, f"Planned for {_local(entry.planned_at, entry.zone)}.")
        if entry.until and entry.kind == "held":
            words.append(f"Asked again {_local(entry.until, entry.zone)}.")
        return " ".join(words)

    def open(self) -> list[Standing]:
        """What has not ended."""
        return [touch for touch in self.life.touches if touch.ended_at is None]

    def end(self) -> Iterator[str]:
        """How it ends, and what is still open."""
        outcome = f" ({self.life.outcome})" if self.life.outcome else ""
        yield f"Stage in the end: {self.life.stage}{outcome}. {_ENDINGS[self.life.ending]}"
        for touch in self.open():
            why = touch.reason.words("en")
            due = _local(touch.due_at, self.rep_zone)
            yield f"Open: {touch.kind} {touch.sequence}.{touch.step}, due {due} by the rep's clock. {why}"

    def _title(self, entry: Entry) -> str:
        if entry.kind != "task":
            return ""
        return self.playbook.words(self.playbook.sequences[entry.sequence].step(entry.step).task or {}, "en")


def table(report: Report) -> str:
    """Columns of plain text; the emails below their lines when they are shown."""
    rows = list(report.rows())
    zones = (str(report.life.entries[0].zone) if rows else "", str(report.rep_zone))
    head = (f"prospect ({zones[0]})", f"rep ({zones[1]})", "what", "why")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(3)]
    lines = [_columns(head, widths)]
    for entry, row in zip(report.life.entries, rows, strict=True):
        lines.append(_columns(row, widths))
        if report.show_text and entry.text:
            lines += ["", *(f"    {line}".rstrip() for line in entry.text.splitlines()), ""]
    return "\n".join([*lines, "", *report.end()])


def markdown(report: Report) -> str:
    """A table of Markdown, and the emails below it when they are shown."""
    lines = ["| prospect | rep | what | why |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(_cell(text) for text in row)} |" for row in report.rows()]
    lines += ["", *(f"- {line}" for line in report.end())]
    for entry in report.life.entries if report.show_text else ():
        if entry.text:
            lines += ["", f"### {entry.sequence}.{entry.step}, {_local(entry.at, entry.zone)}: {entry.subject}", ""]
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
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Onward//simulate//EN"]
    for number, entry in enumerate(report.life.entries):
        if entry.kind in ("mail", "task"):
            lines += _event(report, entry, number, entry.at, None, report.what(entry), report.why(entry))
    for number, entry in enumerate(_meetings(report.life)):
        if entry.planned_at is not None:
            title, status = f"Meeting ({entry.said.replace('_', ' ')})", entry.said == "cancelled"
            event = _event(report, entry, -number - 1, entry.planned_at, entry.until, title, "")
            lines += [*event[:-1], *(["STATUS:CANCELLED"] if status else []), event[-1]]
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


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
            {"code": reason.code, "facts": dict(reason.facts), "words": reason.words("en")} for reason in entry.reasons
        ],
        "subject": entry.subject,
        "text": entry.text if report.show_text else "",
    }
    return {name: value for name, value in told.items() if value not in ("", None, [])}


def _event(  # noqa: PLR0917 - the parts of one calendar entry
    report: Report, entry: Entry, number: int, begins: datetime, ends: datetime | None, title: str, why: str
) -> list[str]:
    text = "\n\n".join(filter(None, [why, entry.text if report.show_text else ""]))
    name = hashlib.sha256(f"{report.playbook.digest} {number} {entry.at.isoformat()} {title}".encode()).hexdigest()
    lines = ["BEGIN:VEVENT", f"UID:{name[:32]}@onward.invalid", f"DTSTAMP:{_stamp(entry.at)}"]
    lines += [f"DTSTART:{_stamp(begins)}", *([f"DTEND:{_stamp(ends)}"] if ends else [])]
    lines += [f"SUMMARY:{_escaped(title)}", *([f"DESCRIPTION:{_escaped(text)}"] if text else [])]
    return [*lines, "TRANSP:TRANSPARENT", "END:VEVENT"]


def _columns(row: tuple[str, ...], widths: list[int]) -> str:
    padded = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
    return "  ".join([*padded, row[-1]]).rstrip()


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%a %Y-%m-%d %H:%M")


def _utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return plain.replace("\r\n", "\n").replace("\n", "\\n")


def _folded(line: str) -> str:
    """A line cut so that no piece has more than 75 octets, and no letter is torn."""
    pieces: list[str] = []
    piece, size = "", 0
    for letter in line:
        octets = len(letter.encode())
        if size + octets > _LINE:
            pieces.append(piece)
            piece, size = "", 1
        piece += letter
        size += octets
    return "\r\n ".join([*pieces, piece])
