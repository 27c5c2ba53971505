"""The API about touches: what waits and why, and what a person may do with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.conftest import Clock
from tests.web.fixtures import Api, Sender, body_of
from workflow.engine.reasons import because
from workflow.records.models import Mailbox, Touch
from workflow.workspace import Workspace

NOWHERE = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def called(crm: Sender, api: Api) -> str:
    """A prospect who was called: two emails lie ahead."""
    assert crm.tell("call.ended")["outcome"] == "applied"
    prospect_id: str = api.get("/prospects")["items"][0]["id"]
    return prospect_id


def touches(api: Api, prospect_id: str, query: str = "", **headers: str) -> Any:
    return body_of(api.ask("GET", f"/prospects/{prospect_id}/touches{query}", **headers))["items"]


def put(ws: Workspace, table: Any, **values: Any) -> None:
    with ws.database.write() as tx:
        tx.conn.execute(update(table).values(**values))


def test_touches_are_told_in_the_order_they_are_due(api: Api, called: str, clock: Clock) -> None:
    first, second = touches(api, called)
    assert (first["sequence"], first["step"], first["kind"], first["state"]) == (
        "after_call", "questions", "email", "scheduled",
    )  # fmt: skip
    assert first["due_at"] == (clock.now + timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
    assert first["reason"] == "Due by the plan of its sequence."
    assert (first["attempts"], first["generation"], first["sent_at"], first["message_id"]) == (0, 1, None, None)
    assert second["reason"] == "Waits for step “questions”."
    assert second["next_attempt_at"] is None
    assert touches(api, called, Accept_Language="bg")[1]["reason"] == "Изчаква стъпка „questions“."


def test_touches_have_pages(api: Api, called: str) -> None:
    first = api.get(f"/prospects/{called}/touches?limit=1")
    second = api.get(f"/prospects/{called}/touches?limit=1&cursor={first['next_cursor']}")
    assert [each["step"] for each in first["items"] + second["items"]] == ["questions", "next_call"]
    assert second["next_cursor"] is None
    last = api.get(f"/prospects/{called}/touches?limit=1&sort=-due_at")
    assert [each["step"] for each in last["items"]] == ["next_call"]
    assert api.ask("GET", f"/prospects/{called}/touches?cursor={last['next_cursor']}").status_code == 422
    assert api.get(f"/prospects/{called}/mail?sort=-received_at")["items"] == []


def test_a_task_has_its_title_in_the_reader_s_language(api: Api, crm: Sender) -> None:
    crm.tell("prospect.upserted")
    prospect_id = api.get("/prospects")["items"][0]["id"]
    for trigger in ("qualify", "diagnose", "schedule_meeting", "follow_up"):
        api.ask("POST", f"/prospects/{prospect_id}/moves", {"trigger": trigger})
    tasks = [each for each in touches(api, prospect_id, Accept_Language="bg") if each["kind"] == "task"]
    assert [each["title"] for each in tasks] == ["Обадете се"]
    done = api.ask("POST", f"/touches/{tasks[0]['id']}/done")
    assert (done.status_code, body_of(done)["state"], body_of(done)["title"]) == (200, "done", "Call back")
    assert api.ask("POST", f"/touches/{tasks[0]['id']}/done").status_code == 409


def test_a_due_email_says_that_its_mailbox_is_paused_and_why(
    api: Api, called: str, ws: Workspace, clock: Clock
) -> None:
    put(ws, Mailbox, state="paused", pause_reason=because("pause.auth", answer="535 no").pack())
    assert touches(api, called)[0]["reason"] == "Due by the plan of its sequence."
    clock.advance(seconds=3)
    reason = "Waits, because the mailbox is paused: the mail server refused the sign-in: 535 no"
    assert touches(api, called)[0]["reason"] == reason
    assert "535 no" in touches(api, called, Accept_Language="bg")[0]["reason"]
    assert touches(api, called, Accept_Language="bg")[0]["reason"].startswith("Изчаква")


def test_a_due_email_says_that_its_mailbox_waits_for_the_server(
    api: Api, called: str, ws: Workspace, clock: Clock
) -> None:
    clock.advance(seconds=3)
    put(ws, Mailbox, backoff_until=clock.now + timedelta(minutes=5), backoff_step=3)
    assert "2026-11-10 08:05 UTC" in touches(api, called)[0]["reason"]
    told = because("backoff", answer="421 later").pack()
    put(ws, Touch, reason=told)
    assert touches(api, called)[0]["reason"] == "Waits for the mail server to come back: 421 later"
    put(ws, Touch, reason=because("send_now", by="rep").pack(), forced=True)
    assert "ahead of its time" in touches(api, called)[0]["reason"]
    clock.advance(minutes=6)
    put(ws, Touch, reason=because("due").pack(), forced=False)
    assert touches(api, called)[0]["reason"] == "Due by the plan of its sequence."


def test_a_due_email_says_that_the_limit_is_reached(api: Api, called: str, ws: Workspace, clock: Clock) -> None:
    clock.advance(seconds=3)
    with ws.database.write() as tx:
        tx.conn.execute(
            update(Touch).where(Touch.position == 1).values(state="sent", committed_at=clock.now, kind="email")
        )
    playbook = ws.playbooks.current
    strict = replace(playbook.limits, mailbox=replace(playbook.limits.mailbox, per_hour=1))
    ws.playbooks.current = replace(playbook, limits=strict)
    assert touches(api, called)[0]["reason"] == "Waits for the mailbox's limit of emails."
    clock.advance(minutes=61)
    assert touches(api, called)[0]["reason"] == "Due by the plan of its sequence."


def test_a_late_email_that_asks_says_so_until_it_is_sent_or_skipped(
    api: Api, called: str, ws: Workspace, clock: Clock
) -> None:
    assert touches(api, called)[0]["asks_since"] is None
    clock.advance(days=6)
    why = because("late.ask", until="2026-11-11T08:00+00:00").pack()
    with ws.database.write() as tx:
        tx.conn.execute(update(Touch).where(Touch.position == 0).values(asks_since=clock.now, reason=why))
    told = touches(api, called)[0]
    assert (told["state"], told["asks_since"]) == ("scheduled", clock.now.isoformat().replace("+00:00", "Z"))
    assert told["reason"].startswith("It should have left by 2026-11-11T08:00+00:00")
    told = body_of(api.ask("POST", f"/touches/{told['id']}/send-now"))
    assert (told["state"], told["asks_since"]) == ("scheduled", None)


def test_a_due_email_says_that_all_mailboxes_have_sent_enough(
    api: Api, called: str, ws: Workspace, clock: Clock
) -> None:
    clock.advance(seconds=3)
    playbook = ws.playbooks.current
    strict = replace(playbook.limits, overall=replace(playbook.limits.overall, per_day=1))
    ws.playbooks.current = replace(playbook, limits=strict)
    assert touches(api, called)[0]["reason"] == "Due by the plan of its sequence."
    with ws.database.write() as tx:
        tx.conn.execute(update(Touch).where(Touch.position == 1).values(state="sent", committed_at=clock.now))
    assert touches(api, called)[0]["reason"] == "Waits for the limit of emails of all mailboxes together."


def test_skipping_lets_the_next_step_go_on(api: Api, called: str) -> None:
    first, second = touches(api, called)
    answer = api.ask("POST", f"/touches/{first['id']}/skip")
    assert (answer.status_code, body_of(answer)["state"]) == (200, "skipped")
    assert body_of(answer)["reason"] == "Skipped by api:tests."
    assert touches(api, called)[1]["next_attempt_at"] is not None
    assert api.ask("POST", f"/touches/{first['id']}/skip").status_code == 409
    assert second["next_attempt_at"] is None
    assert api.get(f"/prospects/{called}/history")["items"][-1]["kind"] == "touch.skipped"


def test_sending_now_makes_it_due_at_once_but_not_past_a_paused_mailbox(
    api: Api, called: str, ws: Workspace, clock: Clock
) -> None:
    first, _ = touches(api, called)
    told = body_of(api.ask("POST", f"/touches/{first['id']}/send-now"))
    assert told["next_attempt_at"] == clock.now.isoformat().replace("+00:00", "Z")
    put(ws, Mailbox, state="paused")
    assert api.ask("POST", f"/touches/{first['id']}/send-now").status_code == 409


@pytest.mark.parametrize(("word", "state"), [("sent", "sent"), ("resend", "failed"), ("dropped", "failed")])
def test_an_uncertain_email_is_settled_in_one_of_three_ways(
    api: Api, called: str, ws: Workspace, clock: Clock, word: str, state: str
) -> None:
    first, _ = touches(api, called)
    path = f"/touches/{first['id']}/resolve"
    assert api.ask("POST", path, {"as": word}).status_code == 409
    with ws.database.write() as tx:
        uncertain = {"state": "uncertain", "committed_at": clock.now}
        tx.conn.execute(update(Touch).where(Touch.id == first["id"]).values(**uncertain))
    told = body_of(api.ask("POST", path, {"as": word}))
    assert told["state"] == state
    assert (told["goes_on_as"] is not None) is (word == "resend")
    generations = [(each["generation"], each["state"]) for each in touches(api, called) if each["step"] == "questions"]
    assert ((2, "scheduled") in generations) is (word == "resend")


@pytest.mark.parametrize("body", [None, {}, {"as": "lost"}, {"as": None}, {"as_": "sent"}, {"as": "sent", "x": 1}])
def test_a_wrong_resolution_is_refused(api: Api, called: str, body: Any) -> None:
    first, _ = touches(api, called)
    assert api.ask("POST", f"/touches/{first['id']}/resolve", body).status_code in (400, 422)


@pytest.mark.parametrize("act", ["skip", "send-now", "done"])
def test_a_touch_that_is_not_there_is_404(api: Api, act: str) -> None:
    for name in (NOWHERE, "x", NOWHERE.upper().replace("0", "A")):
        assert api.ask("POST", f"/touches/{name}/{act}").status_code == 404


def test_a_mailbox_is_resumed(api: Api, ws: Workspace) -> None:
    put(ws, Mailbox, state="paused", pause_reason=because("pause.uncertain").pack())
    (mailbox,) = api.get("/mailboxes")["items"]
    assert (mailbox["id"], mailbox["state"]) == (ws.mailbox_id, "paused")
    assert "ten minutes" in mailbox["pause_reason"]
    resumed = body_of(api.ask("POST", f"/mailboxes/{ws.mailbox_id}/resume"))
    assert (resumed["state"], resumed["pause_reason"]) == ("active", None)
    assert api.ask("POST", f"/mailboxes/{NOWHERE}/resume").status_code == 404


def test_deliveries_are_listed_newest_first_and_filtered(api: Api, crm: Sender, clock: Clock) -> None:
    crm.deliver(b"{", delivery_id="msg_1")
    clock.advance(seconds=1)
    crm.tell("email.replied", "nobody@example.com")
    clock.advance(seconds=1)
    crm.tell("prospect.upserted", id="evt_3")
    found = api.get("/deliveries")["items"]
    assert [each["status"] for each in found] == ["accepted", "accepted", "dead"]
    assert found[0]["events"][0]["id"] == "evt_3"
    assert found[0]["source"] == "crm"
    assert "no JSON" in found[2]["reason"]
    assert [each["id"] for each in api.get("/deliveries?status=dead")["items"]] == [found[2]["id"]]
    assert [each["id"] for each in api.get("/deliveries?outcome=parked")["items"]] == [found[1]["id"]]
    assert api.get("/deliveries?source=else")["items"] == []
    first = api.get("/deliveries?limit=2")
    second = api.get(f"/deliveries?limit=2&cursor={first['next_cursor']}")
    assert [each["id"] for each in first["items"] + second["items"]] == [each["id"] for each in found]
    oldest = api.get("/deliveries?limit=2&sort=received_at")
    newest = api.get(f"/deliveries?limit=2&sort=received_at&cursor={oldest['next_cursor']}")
    assert [each["id"] for each in oldest["items"] + newest["items"]] == [each["id"] for each in reversed(found)]
    letter = api.get(f"/deliveries/{found[2]['id']}")
    assert (letter["body"], "webhook-signature" in letter["headers"]) == ("{", False)
    assert api.ask("GET", f"/deliveries/{NOWHERE}").status_code == 404
    assert api.ask("POST", f"/deliveries/{NOWHERE}/replay").status_code == 404
    assert api.ask("GET", "/deliveries?status=lost").status_code == 422


def test_the_playbook_is_told(api: Api) -> None:
    told = api.get("/playbook")
    assert told["name"] == "fast"
    assert next(stage["key"] for stage in told["stages"]) == "planned"
    close = next(way for way in told["transitions"] if way["trigger"] == "close")
    assert (close["needs"], close["to"]) == (["outcome"], "closed")
    assert {sequence["key"] for sequence in told["sequences"]} == {"after_call", "welcome", "nudge"}
