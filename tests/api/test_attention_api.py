"""The API about what needs a person: a page of it, settling by generations, unmatched mail, and mail that waits."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from tests.conftest import Clock
from tests.web.fixtures import Api, Sender, body_of
from workflow.actions import people, prospects, received
from workflow.actions.prospects import Who
from workflow.actions.received import Letter
from workflow.engine import signals as kinds
from workflow.engine import trail
from workflow.engine.reasons import because
from workflow.records.models import Incoming, Mailbox, Prospect, Touch
from workflow.workspace import Workspace

NOWHERE = "00000000-0000-7000-8000-000000000000"


def broken(ws: Workspace, crm: Sender, clock: Clock) -> list[str]:
    """Three emails after a call: one uncertain, two failed; gives their touches."""
    found = []
    for number, state in enumerate(("uncertain", "failed", "failed")):
        crm.tell("call.ended", f"p{number}@example.com")
        why = because("uncertain") if state == "uncertain" else because("refused", answer="552 too big")
        values = {"state": state, "reason": why.pack(), "attempts": 3, "next_attempt_at": None, "generation": 1}
        values["trail"] = trail.told(state, clock.now, why)
        values |= {"committed_at" if state == "uncertain" else "ended_at": clock.now}
        with ws.database.write() as tx:
            person = select(Prospect.id).where(Prospect.email_key == f"p{number}@example.com").scalar_subquery()
            first = update(Touch).where(Touch.prospect_id == person, Touch.position == 0).values(**values)
            found.append(tx.conn.execute(first.returning(Touch.id)).scalar_one())
        clock.advance(seconds=10)
    return found


def take(ws: Workspace, content: bytes) -> str:
    ws.database.transact(lambda tx: received.take(ws, tx, ws.mailbox_id, Letter(content)))
    with ws.database.read() as tx:
        return str(tx.conn.execute(select(Incoming.id).order_by(Incoming.received_at.desc())).scalars().first())


def test_what_needs_a_person_is_listed_page_by_page_with_what_is_known(
    api: Api, ws: Workspace, crm: Sender, clock: Clock
) -> None:
    touches = broken(ws, crm, clock)
    with ws.database.write() as tx:
        why = because("pause.policy", answer="554 5.7.1 spam").pack()
        tx.conn.execute(update(Mailbox).values(state="paused", pause_reason=why, paused_at=clock.now))
    seen, query = [], "?limit=1"
    while query:
        page = api.get(f"/attention{query}")
        seen += page["items"]
        query = f"?limit=1&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert [each["touch_id"] for each in seen] == touches
    assert [each["what"] for each in seen] == ["uncertain", "failed", "failed"]
    assert page["counts"] == {"uncertain": 1, "failed": 2, "late": 0}
    assert "554 5.7.1 spam" in page["mailboxes"][0]["reason"]
    assert page["mailboxes"][0]["remedy"].startswith("Read the answer")
    assert seen[0]["acts"] == ["sent", "resend", "dropped"]
    assert [each["says"] for each in seen[1]["signs"]] == ["Tried 3 times."]
    assert any("folder of sent mail" in each["says"] for each in seen[0]["signs"])
    assert [each["touch_id"] for each in api.get("/attention?what=failed")["items"]] == touches[1:]
    assert api.get(f"/attention?mailbox={NOWHERE}")["items"] == []
    for odd in ("?what=x", "?mailbox=x", "?cursor=x"):
        assert api.ask("GET", f"/attention{odd}").status_code == 422
    rep = Api(api.client, people.add_key(ws, "a rep", "rep"))
    assert len(rep.get("/attention")["items"]) == 3, "they belong to nobody yet"


def test_a_failed_email_is_settled_by_a_new_generation_and_undone(
    api: Api, ws: Workspace, crm: Sender, clock: Clock
) -> None:
    _, failed, _ = broken(ws, crm, clock)
    path = f"/touches/{failed}"
    assert api.ask("POST", f"{path}/resolve", {"as": "sent"}).status_code == 422
    told = body_of(api.ask("POST", f"{path}/resolve", {"as": "resend"}))
    assert (told["state"], told["generation"]) == ("failed", 1)
    new = api.get(f"/touches/{told['goes_on_as']}")
    assert (new["state"], new["generation"], new["attempts"]) == ("scheduled", 2, 0)
    assert api.ask("POST", f"{path}/resolve", {"as": "resend"}).status_code == 409
    undone = body_of(api.ask("POST", f"{path}/undo"))
    assert (undone["state"], undone["reason"]) == ("failed", "Refused by the mail server: 552 too big")
    assert api.get(f"/touches/{told['goes_on_as']}")["state"] == "cancelled"


def test_a_mail_service_that_has_an_email_settles_what_was_uncertain(
    api: Api, ws: Workspace, crm: Sender, clock: Clock
) -> None:
    """Delivered, delayed, opened: it had left. What names another email settles nothing."""
    uncertain, *_ = broken(ws, crm, clock)
    with ws.database.write() as tx:
        tx.conn.execute(update(Touch).where(Touch.id == uncertain).values(message_id="<one@ours.example>"))
    for named, state in (("two@ours.example", "uncertain"), ("one@ours.example", "sent")):
        crm.tell("email.delivered", "p0@example.com", data={"message_id": named})
        assert api.get(f"/touches/{uncertain}")["state"] == state
    assert api.get(f"/touches/{uncertain}")["reason"] == "A mail server reports on it, so it had left."


def test_unmatched_mail_is_assigned_or_put_aside_by_whoever_may_read_it(
    api: Api, ws: Workspace, crm: Sender, clock: Clock
) -> None:
    crm.tell("call.ended")
    prospect_id = api.get("/prospects")["items"][0]["id"]
    first = take(ws, b"From: Ana <ana@home.example>\r\nSubject: one\r\n\r\nI write from home.\r\n")
    clock.advance(seconds=1)
    second = take(ws, b"From: Ana <ana@home.example>\r\nSubject: two\r\n\r\nAnd again.\r\n")
    page = api.get("/unmatched?limit=1")
    more = api.get(f"/unmatched?limit=1&cursor={page['next_cursor']}")
    assert [each["id"] for each in page["items"] + more["items"]] == [second, first]
    assert more["next_cursor"] is None
    assert [each["id"] for each in api.get("/unmatched?sort=received_at")["items"]] == [first, second]
    assert api.ask("POST", f"/unmatched/{first}/assign", {"prospect_id": NOWHERE}).status_code == 404
    rep = Api(api.client, people.add_key(ws, "a rep", "rep"))
    assert rep.get("/unmatched")["items"] == []
    assert rep.ask("POST", f"/unmatched/{first}/aside").status_code == 404
    told = body_of(api.ask("POST", f"/unmatched/{first}/assign", {"prospect_id": prospect_id}))
    assert (told["outcome"], told["matched_by"], told["confidence"]) == ("applied", "person", "likely")
    assert body_of(api.ask("POST", f"/unmatched/{second}/aside"))["outcome"] == "ignored"
    assert api.get("/unmatched")["items"] == []
    for act, body in (("assign", {"prospect_id": prospect_id}), ("aside", None)):
        assert api.ask("POST", f"/unmatched/{first}/{act}", body).status_code == 409


def test_a_prospect_tells_until_when_and_why_their_mail_waits(api: Api, crm: Sender, clock: Clock) -> None:
    crm.tell("call.ended")
    day = (clock.now + timedelta(days=5)).date().isoformat()
    crm.tell("email.auto_replied", data={"about": "away", "returns_on": day})
    (known,) = api.get("/prospects")["items"]
    assert known["mail_hold_why"] == "away"
    assert known["mail_hold_until"] is not None
    clock.advance(days=6)
    later = api.get(f"/prospects/{known['id']}")
    assert (later["mail_hold_until"], later["mail_hold_why"]) == (None, None)


def test_mail_that_waits_goes_on_and_a_pause_of_the_prospect_needs_a_reason(
    api: Api, ws: Workspace, crm: Sender, clock: Clock
) -> None:
    crm.tell("call.ended")
    (known,) = api.get("/prospects")["items"]
    path = f"/prospects/{known['id']}/resume"
    assert api.ask("POST", path).status_code == 409, "nothing waits"
    day = (clock.now + timedelta(days=5)).date().isoformat()
    crm.tell("email.auto_replied", data={"about": "away", "returns_on": day})
    rep = Api(api.client, people.add_key(ws, "a rep", "rep"))
    assert body_of(rep.ask("POST", path))["mail_hold_why"] is None
    assert api.get(f"/prospects/{known['id']}/history")["items"][-1]["kind"] == "email.released"
    prospects.tell(ws, known["id"], kinds.PAUSED, {}, Who("prospect", "test"))
    assert api.get(f"/prospects/{known['id']}")["mail_hold_why"] == "pause"
    assert rep.ask("POST", path, {"reason": "I want to"}).status_code == 403
    assert api.ask("POST", path).status_code == 422
    assert body_of(api.ask("POST", path, {"reason": "They called us"}))["mail_hold_until"] is None
    last = api.get(f"/prospects/{known['id']}/history")["items"][-1]
    assert (last["kind"], last["detail"]["detail"]) == ("email.pause.ended", "They called us")
