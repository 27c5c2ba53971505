"""The parts that touch no database: composing an email, one decision with guards, the trigger alone.

Processor time of this process, the best of the rounds: what another process does to the caches is not ours to count.
`python -m bench parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from bench import harness
from bench.harness import Figure
from tests.support.processes import FAST
from workflow import places
from workflow.engine import machine
from workflow.engine import signals as kinds
from workflow.engine.decide import decide
from workflow.engine.guards import Facts
from workflow.engine.signals import EnrollmentView, ProspectView, Signal
from workflow.mail.address import Mailbox, parse_address
from workflow.mail.compose import Draft, compose
from workflow.mail.templates import Templates
from workflow.playbook import loader

_TIMES: Final = 500
_NOW: Final = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
_VALUES: Final[Mapping[str, object]] = {
    "name": "Ана Петрова", "first_name": "Ана", "company": "Пример ООД", "title": "COO", "email": "ana@example.com",
    "language": "bg", "rep_name": "Ива Петрова", "rep_email": "iva@example.com", "sender_name": "Ива Петрова",
    "stage_title": "Квалифициран", "answers": {}, "booking_url": "", "meeting_starts": "", "meeting_place": "",
    "meeting_zone": "", "unsubscribe_url": "https://sales.example.com/u/" + "x" * 60,
}  # fmt: skip


def run() -> list[Figure]:
    """Measure the three."""
    works = {"compose": _composing(), "decide": _deciding(), "trigger": _firing()}
    given = harness.alternate({name: _timed(work) for name, work in works.items()})
    best = {name: min(rounds) for name, rounds in given.items()}
    return harness.show(
        "parts",
        [
            Figure("composing an email: render text and HTML, write the bytes", best["compose"], 2_500, "us"),
            Figure("one decision with guards: close, one sequence stopped", best["decide"], 150, "us"),
            Figure("the trigger alone", best["trigger"], 30, "us"),
        ],
    )


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    return lambda: harness.cpu_each(work, _TIMES)


def _composing() -> Callable[[], bytes]:
    templates = Templates(places.templates_dir() / "email")
    sender = Mailbox("Ива Петрова", parse_address("iva@sales.example.com"))
    recipient = Mailbox("Ана Петрова", parse_address("ana@example.com"))

    def work() -> bytes:
        rendered = templates.render("follow_up_questions", "bg", _VALUES)
        draft = Draft(
            sender=sender,
            recipient=recipient,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            message_id="<touch-01a20383-161f-7a48-95d5-e488d6985970.0123456789abcdef@sales.example.com>",
            date=_NOW,
            language="bg",
            unsubscribe=(str(_VALUES["unsubscribe_url"]), "mailto:iva@sales.example.com?subject=unsubscribe"),
        )
        return compose(draft)

    return work


def _deciding() -> Callable[[], object]:
    playbook = loader.read(FAST)
    enrolled = (EnrollmentView("01a20383-161f-7a48-95d5-e488d6985970", playbook.sequences["after_call"]),)
    fields = dict.fromkeys(kinds.FIELDS, "") | {"email": "ana@example.com", "time_zone": "Europe/Sofia"}
    view = ProspectView(
        "01a20383-161f-7a48-95d5-e488d6985971", "followed_up", 7, fields, moved_at=_NOW, entered_stage_at=_NOW,
        enrollments=enrolled,
    )  # fmt: skip
    signal = Signal(kinds.MOVE, _NOW, "source:crm", "event:1", data={"trigger": "close", "outcome": "won"})
    decision = decide(playbook, view, signal, _NOW)
    assert decision.verdict == "applied"
    assert decision.stop
    return lambda: decide(playbook, view, signal, _NOW)


def _firing() -> Callable[[], object]:
    playbook = loader.read(FAST)
    facts = Facts(fields={"outcome": "won"})
    assert isinstance(machine.fire(playbook, "followed_up", "close", facts), machine.Moved)
    return lambda: machine.fire(playbook, "followed_up", "close", facts)
