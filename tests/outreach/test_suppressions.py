"""The list of barred addresses and domains: what it keeps back at every moment, and what it remembers."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from tests.outreach.scene import REP, Scene
from tests.outreach.test_race import together
from workflow.actions import suppressions
from workflow.actions.prospects import Who
from workflow.errors import BadInput, Conflict, NotFound
from workflow.mail.transport import FakeTransport
from workflow.records.models import Suppression
from workflow.records.suppressions import SuppressionLog
from workflow.reports import doctor
from workflow.reports import suppressions as listed

ADMIN = Who("rep:admin", "test:list")


def log(scene: Scene, key: str) -> list[tuple[str, str, str]]:
    """What the log tells of a key, oldest first: the act, the cause, the note."""
    with scene.ws.database.read() as tx:
        found = select(SuppressionLog.act, SuppressionLog.cause, SuppressionLog.note).where(SuppressionLog.key == key)
        return [(row.act, row.cause, row.note) for row in tx.conn.execute(found.order_by(SuppressionLog.id)).all()]


def cause(scene: Scene, key: str) -> str | None:
    """Why an address is barred, if it is."""
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(Suppression.cause).where(Suppression.email_key == key)).scalar_one_or_none()


def test_a_barred_domain_keeps_back_all_of_its_addresses_now_and_later(scene: Scene) -> None:
    ana, far, other = (scene.qualified(each) for each in ("ana@x.test", "b@eu.X.test", "c@notx.test"))
    scene.claim()
    added = suppressions.add(scene.ws, "@X.test ", "a competitor", ADMIN, "panel")
    assert (added.key, added.is_new, added.stopped) == ("@x.test", True, 2)
    late, moved = scene.qualified("late@x.test"), scene.prospect("d@free.test")
    scene.edit(moved, email="d@deep.eu.x.test")
    scene.move(moved, "qualify")
    scene.sender().drain(scene.ws.mailbox_id)
    scene.send()
    assert scene.recipients() == ["c@notx.test"]
    for prospect_id in (ana, far, late, moved):
        (touch,) = scene.touches(prospect_id)
        assert (touch.state, "suppressed" in touch.reason) == ("skipped", True)
    assert scene.history(ana)[-1] == "address.barred"
    assert scene.suppressed() == ["ana@x.test", "b@eu.x.test", "d@deep.eu.x.test", "late@x.test"]
    assert scene.touches(other)[0].state == "sent"
    assert not suppressions.add(scene.ws, "@x.test", "again", ADMIN, "panel").is_new
    with scene.ws.database.read() as tx:
        assert [row.key for row in listed.page(tx)] == ["@x.test"]
        assert [row.source for row in listed.page(tx, "LATE@")] == ["domain:x.test"]
    assert doctor.examine(scene.ws) == ()


def test_a_domain_that_is_allowed_again_lets_go_only_whom_it_barred_alone(scene: Scene) -> None:
    gone, plain, deep = (scene.prospect(each) for each in ("gone@x.test", "plain@x.test", "deep@eu.x.test"))
    suppressions.add(scene.ws, "@x.test", "a competitor", ADMIN, "panel")
    suppressions.add(scene.ws, "@eu.x.test", "another office", ADMIN, "panel")
    scene.tell(gone, "email.unsubscribed")
    assert cause(scene, "gone@x.test") == "stop.unsubscribe"
    with pytest.raises(Conflict, match=r"@x\.test"):
        suppressions.remove(scene.ws, "plain@x.test", "a friend", ADMIN)
    with pytest.raises(BadInput):
        suppressions.remove(scene.ws, "@x.test", " ", ADMIN)
    suppressions.remove(scene.ws, "@x.test", "they became a client", ADMIN)
    assert scene.suppressed() == ["deep@eu.x.test", "gone@x.test"]
    suppressions.remove(scene.ws, "gone@x.test", "asked to come back", ADMIN)
    for prospect_id in (plain, gone, deep):
        scene.move(prospect_id, "qualify")
    scene.send()
    assert sorted(scene.recipients()) == ["gone@x.test", "plain@x.test"]
    assert scene.history(gone)[-2:] == ["address.allowed", "moved"]
    assert log(scene, "@x.test") == [
        ("added", "suppressed.domain", "a competitor"), ("removed", "suppressed.domain", "they became a client"),
    ]  # fmt: skip
    assert [each[0] for each in log(scene, "gone@x.test")] == ["added", "removed"]
    for altering in (
        delete(SuppressionLog),
        update(SuppressionLog).values(note="something else"),
        update(SuppressionLog).values(key="erased:0123", note="", cause="stop.bounce"),
    ):
        with pytest.raises(IntegrityError, match="only grows"), scene.ws.database.write() as tx:
            tx.conn.execute(altering)
    with pytest.raises(NotFound):
        suppressions.remove(scene.ws, "gone@x.test", "twice", ADMIN)
    scene.tell(gone, "email.unsubscribed")
    assert cause(scene, "gone@x.test") == "stop.unsubscribe"
    assert doctor.examine(scene.ws) == ()


def test_many_lines_are_taken_in_and_what_is_none_is_told(scene: Scene) -> None:
    ana = scene.qualified("ana@x.test")
    lines = [
        "\ufeffname;email\n", "Ana;Ana@x.test\n", '"Boris, Mr",b@y.test\n', "# a note\n", "\n", "ana@x.test", "@z.test",
        "nobody", "c@@d\n",
    ]  # fmt: skip
    taken = suppressions.take_in(scene.ws, lines, "the old system", ADMIN, "import")
    assert (taken.added, taken.known, taken.left_out) == (3, 0, 2)
    assert [(each.line, each.told) for each in taken.wrong] == [(8, "nobody"), (9, "c@@d")]
    again = suppressions.take_in(scene.ws, lines, "the old system", ADMIN, "import")
    assert (again.added, again.known) == (0, 3)
    assert scene.touches(ana)[0].state == "skipped"
    assert cause(scene, "b@y.test") == "suppressed.listed"
    scene.prospect("new@z.test")
    assert cause(scene, "new@z.test") == "suppressed.domain"
    for bad in ("@com", "@", "", "a b@x.test", "@x_y.test"):
        with pytest.raises(BadInput):
            suppressions.key_for(bad)


def test_a_domain_barred_in_the_crowd_is_never_overtaken(scene: Scene) -> None:
    """What had not passed its mark when the domain was barred stays, and nobody who enters meanwhile slips through."""
    for number in range(24):
        scene.qualified(f"p{number}@x.test")
    scene.claim()
    marked: list[datetime] = []

    def send() -> None:
        scene.sender(transport=FakeTransport(sent=scene.sent)).drain(scene.ws.mailbox_id)

    def bar() -> None:
        suppressions.add(scene.ws, "@x.test", "a competitor", ADMIN, "panel")
        with scene.ws.database.read() as tx:
            marked.extend(tx.conn.execute(select(Suppression.at)).scalars())

    def enter() -> None:
        for number in range(12):
            scene.qualified(f"new{number}@x.test")

    together(bar, send, send, enter)
    scene.send()
    assert len(scene.suppressed()) == 36
    states = {touch.state for touch in scene.touches()}
    assert states <= {"sent", "skipped"}
    assert len(scene.sent) == sum(touch.state == "sent" for touch in scene.touches())
    before = len(scene.sent)
    scene.clock.advance(days=2)
    scene.send()
    assert len(scene.sent) == before
    assert doctor.examine(scene.ws) == ()


def test_a_bar_between_begin_and_mark_keeps_the_email_back(scene: Scene) -> None:
    """By the address itself and by its domain, while the body is on its way."""
    for wanted in ("ana@x.test", "@y.test"):
        scene.qualified(f"ana@{wanted.rpartition('@')[2]}")
        sender = scene.sender()
        begun = scene.begin(sender)
        suppressions.add(scene.ws, wanted, "no more", REP, "api")
        sender.send(begun)
    assert scene.sent == []
    assert {touch.state for touch in scene.touches()} == {"skipped"}


def test_what_a_huge_domain_leaves_open_is_ended_by_the_clock(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever bars it in the panel waits some seconds only; one that was allowed again meanwhile ends nothing more."""
    monkeypatch.setattr(suppressions, "_BATCH", 2)
    people = [scene.called(f"p{number}@x.test") for number in range(5)]
    assert suppressions.add(scene.ws, "@x.test", "a competitor", ADMIN, "panel", seconds=0).stopped == 0
    assert {row.state for row in scene.touches()} == {"scheduled"}
    assert suppressions.end_sequences(scene.ws, seconds=30) == len(people)
    assert {row.state for row in scene.touches()} == {"skipped"}
    assert {scene.history(each)[-1] for each in people} == {"address.barred"}
    assert suppressions.end_sequences(scene.ws, seconds=30) == 0
    other = scene.called("p@y.test")
    suppressions.add(scene.ws, "@y.test", "a competitor", ADMIN, "panel", seconds=0)
    suppressions.remove(scene.ws, "@y.test", "a mistake", ADMIN)
    assert suppressions.end_sequences(scene.ws, seconds=30) == 0
    assert {row.state for row in scene.touches(other)} == {"scheduled"}
    assert doctor.examine(scene.ws) == ()
