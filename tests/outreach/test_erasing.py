"""Erasing a person: nothing of them is left in any table or file, what is counted stays, and nobody writes again."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from tests.outreach.scene import REP, Scene
from tests.outreach.test_outbox import drain, target
from tests.outreach.test_received import answer, take
from workflow import ids
from workflow.actions import erasing, importing, importing_work, inbox, merging, prospects, sources, suppressions
from workflow.actions.parcels import Incoming, Parcel
from workflow.errors import Conflict, NotFound
from workflow.records.audit import SettingChange
from workflow.records.base import Base
from workflow.records.calls import CallField, CallSheet
from workflow.records.day import Snooze
from workflow.records.finding import SavedFilter
from workflow.records.models import ApiKey, Call, IdempotentAnswer, Prospect, Rep, Touch
from workflow.records.personal import OwnText, Relation
from workflow.reports import board, bundle, check_history, doctor, listing
from workflow.reports.filters import Wanted
from workflow.reports.scope import Viewer

EMAIL, NAME, PHONE, OLD = "zlatka@privat.test", "Zlatka Erasova", "+359 88 123 4567", "zlatka.old@privat.test"
WORDS = (EMAIL, OLD, "erasova", "123 4567", "secret of hers", "privat.test")
SWEPT = {
    # Their own rows, blanked or removed at once.
    "prospect", "external_ref", "history", "decision", "enrollment", "touch", "message", "incoming", "meeting", "call",
    "answer", "call_sheet", "call_field", "own_text", "relation", "snooze", "event", "outbox", "outbox_attempt",
    "crm_lookup", "crm_word", "suppression", "suppression_log",
    # Searched for their address.
    "delivery", "import_job", "import_chunk", "import_problem", "idempotent_answer", "saved_filter", "replay",
    "setting_change", "erasure",
}  # fmt: skip
COUNTED = {"stay"}
"""They point at a prospect and hold nothing but stages, times and numbers."""
OF_NO_PROSPECT = {
    "rep", "playbook_version", "publication", "mailbox", "reading", "session", "sign_in_link", "sign_in_attempt",
    "api_key", "heartbeat", "fact", "source", "outbox_target", "endpoint", "crm_link", "import_mapping",
    "template_version", "trial", "playbook_draft", "barred_domain", "link_test", "week_goal", "erased_address",
}  # fmt: skip


def found(scene: Scene, place: Path) -> set[str]:
    """The tables and files in which any of her words stands."""
    named: set[str] = set()
    with scene.ws.database.read() as tx:
        for table in Base.metadata.sorted_tables:
            for row in tx.conn.execute(select(*table.columns)):
                told = " ".join(each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in row)
                if any(word in told.lower() for word in WORDS):
                    named.add(table.name)
    for file in place.rglob("*"):
        if file.is_file() and any(word.encode() in file.read_bytes().lower() for word in WORDS):
            named.add(file.suffix)
    return named


def put(scene: Scene, table: type[Base], **row: Any) -> str:
    with scene.ws.database.write() as tx:
        times = {each.name for each in table.__table__.columns} & {"at", "created_at", "made_at", "started_at"}
        named = {"id": ids.new_id()} if "id" in table.__table__.columns else {}
        tx.conn.execute(insert(table), {**named, **dict.fromkeys(times, tx.now), **row})
    return str(named.get("id", ""))


@pytest.fixture
def zlatka(scene: Scene, place: Path) -> str:
    """Somebody about whom every part of the product knows something."""
    target(scene)
    sources.add(scene.ws, "standard", "crm")
    with scene.ws.database.read() as tx:
        crm = sources.open_source(scene.ws, tx, "crm")
    assert crm is not None
    facts = {"email": OLD, "name": NAME, "phone": PHONE, "company": "Privat.test"}
    news = Incoming("evt-1", "call.ended", ref="r-1", fields=facts, data={"notes": "Secret of hers."})
    inbox.receive(
        scene.ws, crm, Parcel("msg-1", {"x": EMAIL}, json.dumps({"email": OLD, "name": NAME}).encode(), [news])
    )
    strange = Incoming("evt-2", "email.bounced", ref=None, fields={}, data={"address": EMAIL})
    inbox.receive(scene.ws, crm, Parcel("msg-2", {}, EMAIL.encode(), [strange]))
    with scene.ws.database.read() as tx:
        known = tx.conn.execute(select(Prospect.id)).scalar_one()
    prospects.edit(scene.ws, known, {"email": EMAIL}, {"hobby": "secret of hers"}, REP)
    scene.clock.advance(seconds=3)
    scene.send()
    take(scene, answer(scene, "Secret of hers.", EMAIL))
    # Somebody whom nobody knows, and names her.
    take(scene, answer(scene, f"Ask {EMAIL}", "who@sink.test", In_Reply_To="", Message_ID="<other@sink.test>"))
    scene.tell(known, "answers.recorded", answers={"authority": "Secret of hers"})
    scene.tell(
        known, "meeting.booked", uid=f"{EMAIL}-1", starts_at=scene.clock.now + timedelta(days=3), place="secret of hers"
    )
    other = scene.prospect("other@sink.test")
    twin = scene.prospect("zlatka@sink.test", name=NAME)
    merging.merge(scene.ws, known, twin, REP)
    path = place / "people.csv"
    path.write_text(f"email;name\n{EMAIL};{NAME}\nnobody-{EMAIL}-;{NAME}\n")
    job = importing.receive(scene.ws, path, "people.csv", REP)
    importing.check(scene.ws, job, "me")
    importing_work.work(scene.ws, job, "me")
    path.unlink()
    with scene.ws.database.read() as tx:
        touch = tx.conn.execute(select(Touch.id).where(Touch.prospect_id == known).limit(1)).scalar_one()
    rep = put(scene, Rep, email="r@x.test", name="R", role="rep")
    sheet = put(scene, CallSheet, prospect_id=known, rep_id=rep, script="s", planned_minutes=15)
    put(scene, CallField, sheet_id=sheet, name="note", text="secret of hers", version=1)
    put(scene, OwnText, touch_id=touch, version=1, subject=NAME, text="secret of hers", actor="rep:r")
    put(scene, Relation, prospect_id=known, other_id=other, kind="referral", actor="rep:r")
    put(scene, Snooze, rep_id=rep, what="prospect", about=known, version=0, prospect_id=known)
    put(scene, SavedFilter, rep_id=rep, name="hers", query=f"q={EMAIL.replace('@', '%40')}")
    put(scene, SettingChange, actor="rep:r", what="suppression.removed", about=EMAIL, before={"k": EMAIL}, after={})
    key = put(scene, ApiKey, name="k", prefix="p", secret_hash="s", role="admin")
    put(scene, IdempotentAnswer, api_key_id=key, key="k", request_hash="h", status=201, body=f'{{"email":"{EMAIL}"}}')
    suppressions.add(scene.ws, EMAIL, "Secret of hers", REP, "panel")
    (place / "mail").mkdir(exist_ok=True)
    (place / "mail" / "1.eml").write_text(f"Delivered-To: {EMAIL}\n\nHello {NAME}")
    return str(known)


def test_nothing_of_them_is_left_anywhere_and_what_is_counted_stays(scene: Scene, zlatka: str, place: Path) -> None:
    """In no column of any table, in no file; the history can be proved, and no address comes back by itself."""
    assert found(scene, place) >= {
        "prospect", "history", "touch", "message", "incoming", "meeting", "call", "answer", "call_field",
        "own_text", "event", "delivery", "outbox", "import_chunk", "import_job", "saved_filter", "setting_change",
        "idempotent_answer", "suppression", "suppression_log", ".eml",
    }  # fmt: skip
    before = scene.history(zlatka)
    steps = len(scene.touches(zlatka))
    erasing.erase(scene.ws, zlatka, REP)
    assert not erasing.advance(scene.ws, seconds=0), "one batch at a time, each a transaction of its own"
    assert erasing.advance(scene.ws)
    assert found(scene, place) == set()
    assert scene.history(zlatka) == [*before, "erased"]
    assert len(scene.touches(zlatka)) == steps
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(func.count()).select_from(Call)).scalar_one() == 1
        assert tx.conn.execute(select(Prospect.outcome).where(Prospect.id == zlatka)).scalar_one() == erasing.OUTCOME
        lines: list[bytes] = []
        bundle.export(tx, lines.append)
        assert erasing.newest(tx, zlatka) is not None
        listed = listing.prospects(scene.ws, tx, Viewer("", "admin"), Wanted()).rows
        shown = board.columns(scene.ws, tx, Viewer("", "admin"), Wanted())
    assert zlatka not in {row.card.id for row in listed} | {card.id for each in shown for card in each.cards}
    check_history.check(lines)
    assert doctor.examine(scene.ws) == ()
    with scene.ws.database.read() as tx:
        (endpoint,) = tx.conn.execute(select(Base.metadata.tables["endpoint"].c.id)).scalars()
    told = [json.loads(each.payload) for each in drain(scene, endpoint).taken]
    assert told[-1]["type"] == "prospect.erased" or "prospect.erased" in {each["type"] for each in told}
    again = scene.called(EMAIL, name="Z")
    scene.clock.advance(hours=1)
    scene.send()
    assert (scene.suppressed(), scene.recipients().count(EMAIL)) == ([EMAIL], 1), (
        "what brings it back is not written to"
    )
    suppressions.remove(scene.ws, EMAIL, "She came back", REP)
    assert scene.suppressed() == []
    erasing.erase(scene.ws, again, REP)
    assert erasing.advance(scene.ws)
    assert found(scene, place) == set()


def test_while_an_email_is_on_its_way_nobody_is_erased(scene: Scene) -> None:
    """They are told until when, and nothing has changed."""
    ana = scene.qualified()
    scene.begin()
    with pytest.raises(Conflict, match=r"on its way just now: erase them at \d\d:\d\d UTC"):
        erasing.erase(scene.ws, ana, REP)
    assert scene.prospect_row(ana).email == "ana@sink.test"
    with pytest.raises(NotFound):
        erasing.erase(scene.ws, ids.new_id(), REP)


def test_every_table_is_known_to_those_who_erase() -> None:
    """Whoever adds a table says whether it may name a prospect; one that points at them has to be swept."""
    tables = {table.name: table for table in Base.metadata.sorted_tables}
    assert set(tables) == SWEPT | COUNTED | OF_NO_PROSPECT, "say in docs/erasing.md and here what becomes of it"
    pointing = {
        name for name, table in tables.items() if any(key.column.table.name == "prospect" for key in table.foreign_keys)
    }
    assert pointing <= SWEPT | COUNTED
