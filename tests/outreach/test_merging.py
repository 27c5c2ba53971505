"""Two prospects who are one: facts, mail, refs and history after a merge, and nothing sent twice."""

from __future__ import annotations

import io
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import insert, select

from tests.outreach.scene import CRM, LOST, REP, Scene
from workflow import ids
from workflow.actions import merging, prospects, relations
from workflow.actions.prospects import Who
from workflow.engine.signals import REPLIED, UPSERTED, Signal
from workflow.errors import BadInput, Conflict, NotFound
from workflow.records.models import ExternalRef, Prospect, Source
from workflow.reports import bundle, check_history, doctor
from workflow.reports.relations import of_prospect as related
from workflow.reports.scope import Viewer, prospect_id

BOSS = Viewer("", "admin")


def faults(scene: Scene) -> tuple[doctor.Finding, ...]:
    return doctor.examine(scene.ws)


def test_what_both_knew_is_kept_and_everything_about_the_old_one_reaches_the_other(scene: Scene) -> None:
    kept = scene.prospect("ana@sink.test", name="Ana")
    gone = scene.prospect("a.petrova@sink.test", name="A. Petrova", company="Example", phone="+359888123456")
    with scene.ws.database.write() as tx:
        known_as: str = ids.new_id()
        source = {"id": known_as, "name": "crm", "kind": "standard", "secrets": "", "created_at": tx.now}
        tx.conn.execute(insert(Source).values(**source))
        prospects.remember_ref(tx, known_as, "crm-7", gone)
    scene.tell(gone, "call.ended", minutes=10, notes="Wants it by June.")
    scene.clock.advance(seconds=3)
    scene.send()
    mail = scene.touch("questions", gone)

    done = merging.merge(scene.ws, kept, gone, REP, take=("name",))

    row = scene.prospect_row(kept)
    assert (row.name, row.company, row.phone, row.email) == ("A. Petrova", "Example", "+359888123456", "ana@sink.test")
    assert (done.prospect_id, done.version, done.stopped) == (kept, row.version, 0)
    assert scene.history(gone)[-1] == "merged.away"
    assert scene.history(kept)[-1] == "merged"
    # The sequence goes on to the one address, in the name of the one prospect, and an answer from the other ends it.
    assert {touch.prospect_id for touch in scene.touches()} == {kept}
    with scene.ws.database.write() as tx:
        assert prospects.by_message(tx, mail.message_id) == kept
        assert prospects.by_email(tx, "a.petrova@sink.test") == kept
        assert prospect_id(tx, BOSS, gone) == kept
        known = tx.conn.execute(select(ExternalRef.prospect_id).where(ExternalRef.ref == "crm-7")).scalar_one()
        assert known == kept
        replied = Signal(REPLIED, tx.now, CRM.actor, CRM.cause, data={"address": "a.petrova@sink.test"})
        assert prospects.submit(scene.ws, tx, gone, replied).prospect_id == kept
    assert scene.enrollment("after_call").state == "stopped"
    with pytest.raises(Conflict, match="merged already"):
        merging.merge(scene.ws, kept, gone, REP)
    with pytest.raises(BadInput, match="with itself"):
        merging.merge(scene.ws, kept, kept, REP)
    assert faults(scene) == ()
    written = io.BytesIO()
    with scene.ws.database.read() as tx:
        bundle.export(tx, written.write)
    assert check_history.check(io.BytesIO(written.getvalue())).counts["prospect"] == 2


def test_an_address_may_change_hands_and_the_old_one_still_leads_here(scene: Scene) -> None:
    kept, gone, older = (scene.prospect(f"{name}@sink.test") for name in ("new", "right", "older"))
    merging.merge(scene.ws, gone, older, REP)
    merging.merge(scene.ws, kept, gone, REP, take=("email",))
    assert scene.prospect_row(kept).email == "right@sink.test"
    with scene.ws.database.read() as tx:
        for address in ("new@sink.test", "right@sink.test", "older@sink.test"):
            assert prospects.by_email(tx, address) == kept
    # What the CRM still writes about the old address changes nobody else's.
    with scene.ws.database.write() as tx:
        told = Signal(UPSERTED, tx.now, CRM.actor, CRM.cause, fields={"company": "Example"})
        assert prospects.submit(scene.ws, tx, older, told).prospect_id == kept
    with pytest.raises(Conflict, match="belongs to another"):
        scene.prospect("new@sink.test")
    assert faults(scene) == ()


def test_of_one_sequence_run_twice_the_one_that_came_further_goes_on(scene: Scene) -> None:
    """The other had its first email already: it must not come again, nor may any step leave twice."""
    gone = scene.called("far@sink.test")
    scene.clock.advance(seconds=3)
    scene.send()
    kept = scene.called("near@sink.test")
    done = merging.merge(scene.ws, kept, gone, REP)
    assert done.stopped == 1
    for _ in range(4):
        scene.clock.advance(seconds=3)
        scene.send()
    sent = [touch.step for touch in scene.touches(kept) if touch.state == "sent"]
    assert sorted(sent) == ["next_call", "questions"]
    assert faults(scene) == ()


def test_who_wants_no_mail_at_one_address_gets_none_at_the_other(scene: Scene) -> None:
    kept, gone = scene.called("ana@sink.test"), scene.prospect("anna@sink.test")
    scene.tell(gone, "email.unsubscribed", address="anna@sink.test")
    merging.merge(scene.ws, kept, gone, REP)
    scene.clock.advance(seconds=10)
    scene.send()
    assert sorted(scene.suppressed()) == ["ana@sink.test", "anna@sink.test"]
    assert {touch.state for touch in scene.touches(kept)} == {"skipped"}
    assert scene.sent == []
    assert faults(scene) == ()


def test_mail_that_was_begun_is_written_anew_and_mail_in_doubt_is_not(scene: Scene) -> None:
    gone = scene.qualified("gone@sink.test")
    doubtful = scene.qualified("doubt@sink.test")
    scene.send(LOST, LOST)
    kept = scene.prospect("kept@sink.test")
    merging.merge(scene.ws, kept, gone, REP)
    assert {touch.state for touch in scene.touches(kept)} == {"uncertain"}
    held = scene.called("held@sink.test")
    scene.clock.advance(seconds=3)
    begun = scene.begin(sender := scene.sender())
    merging.merge(scene.ws, doubtful, held, REP)
    with scene.ws.database.write() as tx:
        assert not sender.mark(tx, begun)
    scene.send()
    assert [envelope.recipient for envelope in scene.sent[-1:]] == ["doubt@sink.test"]
    assert faults(scene) == ()


def test_merges_and_sends_at_once_send_nothing_twice(scene: Scene) -> None:
    """Each pair is on the same sequence; hands send while they are merged, some the one way and some the other."""
    pairs = [(scene.called(f"a{number}@sink.test"), scene.called(f"b{number}@sink.test")) for number in range(12)]
    scene.clock.advance(seconds=3)

    def join(pair: tuple[str, str]) -> object:
        for way in (pair, pair[::-1]):
            try:
                merging.merge(scene.ws, *way, Who("rep:x", "test"))
            except Conflict:
                return way
        return None

    def send(_: int) -> object:
        scene.claim()
        scene.sender().drain(scene.ws.mailbox_id)
        return None

    with ThreadPoolExecutor(6) as crowd:
        working: list[Future[object]] = [crowd.submit(send, number) for number in range(3)]
        working += [crowd.submit(join, pair) for pair in pairs]
        for each in working:
            each.result()
    for _ in range(4):
        scene.clock.advance(seconds=5)
        scene.send()
    with scene.ws.database.read() as tx:
        alive = tx.conn.execute(select(Prospect.id).where(Prospect.merged_into.is_(None))).scalars().all()
    assert len(alive) == len(pairs)
    steps = [(touch.prospect_id, touch.step) for touch in scene.touches() if touch.state == "sent"]
    before = sum(1 for _ in steps) - len(set(steps))
    # Both may have had the first email before they were known to be one; the second leaves once.
    assert sum(step == "next_call" for _, step in steps) == len(pairs)
    assert before <= len(pairs)
    assert faults(scene) == ()


def test_links_are_told_on_both_sides_and_go_over_with_a_merge(scene: Scene) -> None:
    ana, boyan, twin, mila = (
        scene.prospect(f"{name}@sink.test", name=name) for name in ("ana", "boyan", "twin", "mila")
    )

    def of(known: str) -> list[tuple[str, str, str]]:
        with scene.ws.database.read() as tx:
            return sorted((one.name, one.kind, one.side) for one in related(tx, BOSS, known))

    assert relations.link(scene.ws, ana, boyan, "referral", REP)
    assert not relations.link(scene.ws, ana, boyan, "referral", REP)
    assert (of(ana), of(boyan)) == ([("boyan", "referral", "from")], [("ana", "referral", "to")])
    # The other way round it is another link, and two have one.
    assert relations.link(scene.ws, boyan, ana, "referral", REP)
    assert of(ana) == [("boyan", "referral", "to")]
    assert relations.link(scene.ws, twin, ana, "colleague", REP)
    assert not relations.link(scene.ws, ana, twin, "colleague", REP)
    assert relations.link(scene.ws, twin, mila, "group", REP)
    assert relations.link(scene.ws, mila, ana, "other", REP)
    merging.merge(scene.ws, ana, twin, REP)
    assert of(ana) == [("boyan", "referral", "to"), ("mila", "other", "to")]
    assert (of(mila), of(twin)) == ([("ana", "other", "from")], [])
    relations.unlink(scene.ws, ana, mila, REP)
    with pytest.raises(NotFound, match="not linked"):
        relations.unlink(scene.ws, ana, mila, REP)
    for wrong, told in ((ana, "with itself"), (twin, "merged meanwhile")):
        with pytest.raises((BadInput, Conflict), match=told):
            relations.link(scene.ws, ana, wrong, "colleague", REP)
    assert scene.history(ana)[-1] == scene.history(mila)[-1] == "unrelated"
    assert faults(scene) == ()
