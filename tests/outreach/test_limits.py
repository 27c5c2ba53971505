"""How many and when: limits of prospects, companies and all mailboxes, who goes first, and what is too late."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import insert, select, update

from tests.outreach.conftest import Stage
from tests.outreach.scene import GREYLISTED, REP, SENT, Scene
from workflow import ids
from workflow.actions.outreach import acts, claim
from workflow.engine import reasons
from workflow.records.models import Mailbox, Prospect, Touch
from workflow.reports import attention, check_limits, doctor, replay
from workflow.reports.scope import Viewer

HELLO = "{key: hello, email: call_confirmation, after: 0s}"
EVERYBODY = Viewer("", "admin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def limits(mailbox: str = "per_hour: 100000, per_day: 1000000, min_gap: 0s", **more: str) -> str:
    """The limits of a playbook: `limits(domain="per_day: 2")`."""
    groups = {"mailbox": f"{mailbox}, pause_after_uncertain: 1000000", **more}
    return "\n".join(f"  {name}: {{{values}}}" for name, values in groups.items())


def late(word: str) -> dict[str, str]:
    """The step `hello` with a word about its lateness."""
    return {HELLO: HELLO.replace("after: 0s", f"after: 0s, late: {word}")}


def most_in(times: Sequence[datetime], span: timedelta) -> int:
    """The fullest window of so long a time."""
    return max((sum(at - span < other <= at for other in times) for at in times), default=0)


def clean(scene: Scene) -> None:
    """Nothing in the records is wrong, and every decision comes out again as it stands there."""
    assert doctor.examine(scene.ws) == ()
    with scene.ws.database.read() as tx:
        assert list(replay.everything(scene.ws, tx)) == []


def boxes(scene: Scene, count: int) -> list[str]:
    """So many mailboxes more."""
    made = [ids.new_id() for _ in range(count)]
    with scene.ws.database.write() as tx:
        box = {"state": "active", "backoff_step": 0, "policy_refusals": 0, "created_at": tx.now, "sender": "x@y.test"}
        tx.conn.execute(insert(Mailbox), [{**box, "id": each, "name": each} for each in made])
    return made


def spread(scene: Scene, mailboxes: Sequence[str]) -> None:
    """Let what waits leave by these mailboxes in turn."""
    for number, touch in enumerate(scene.touches()):
        if touch.state == "scheduled":
            scene.change(Touch, {"mailbox_id": mailboxes[number % len(mailboxes)]}, id=touch.id)


def test_after_an_outage_of_six_days_every_window_holds_from_the_first_minute(stage: Stage) -> None:
    """F51, F52: 500 due at once leave at the pace of every limit, in three mailboxes, and none is lost."""
    scene = stage(
        limits=limits(
            "per_hour: 30, per_day: 60, min_gap: 20s",
            prospect="per_day: 1, min_gap: 1h",
            domain="per_day: 3, min_gap: 2m",
            all="per_hour: 50, per_day: 100",
        ),
        replaced=late("send"),
    )
    for number in range(500):
        # Two companies with many people, many with one, and some whom only a free host unites.
        host = ("big.test", "wide.test", f"c{number}.test", f"d{number}.test", "gmail.com")[number % 5]
        scene.qualified(f"p{number}@{host}")
    mine = [scene.ws.mailbox_id, *boxes(scene, 2)]
    spread(scene, mine)
    scene.clock.advance(days=6)
    hands = scene.sender()
    for tick in range(150):
        claim.hold_open(scene.ws)
        claim.claim_due(scene.ws)
        for mailbox_id in mine:
            hands.drain(mailbox_id)
        # The first minutes closely, then a day and more at a glance.
        scene.clock.advance(seconds=10 if tick < 60 else 1200)
    sent = [touch for touch in scene.touches() if touch.state == "sent"]
    marks = sorted(touch.committed_at for touch in sent)
    assert 100 <= len(sent) <= 200
    assert Counter(touch.state for touch in scene.touches()) == {"sent": len(sent), "scheduled": 500 - len(sent)}
    assert (most_in(marks, HOUR), most_in(marks, DAY)) == (50, 100)
    first = [at for at in marks if at < marks[0] + timedelta(minutes=1)]
    assert len(first) <= 3 * 3, "no herd: one a mailbox, then one in twenty seconds"
    by: dict[str, list[datetime]] = defaultdict(list)
    for touch in sorted(sent, key=lambda touch: touch.committed_at):
        by[touch.mailbox_id].append(touch.committed_at)
        by[touch.domain or "free"].append(touch.committed_at)
    for mailbox_id in mine:
        assert most_in(by[mailbox_id], HOUR) <= 30
        assert min(b - a for a, b in pairwise(by[mailbox_id])) >= timedelta(seconds=20)
        assert len(by[mailbox_id]) > 20, "no mailbox starves beside the others"
    for company in ("big.test", "wide.test"):
        assert most_in(by[company], DAY) == 3
        assert min(b - a for a, b in pairwise(by[company])) >= timedelta(minutes=2)
    assert most_in(by["free"], DAY) > 3, "who has an address at a free host has no company there"
    clean(scene)


def test_many_clocks_and_hands_keep_what_mailboxes_share(stage: Stage) -> None:
    """P10 with many workers: four clocks on five mailboxes, and hands that send while others claim."""
    scene = stage(limits=limits(domain="per_day: 4", all="per_hour: 13"))
    for number in range(60):
        scene.qualified(f"p{number}@c{number % 5}.test")
    mine = [scene.ws.mailbox_id, *boxes(scene, 4)]
    spread(scene, mine)
    ready = threading.Barrier(6)

    def tick() -> None:
        ready.wait()
        for _ in range(6):
            claim.claim_due(scene.ws)

    def send() -> None:
        sender = scene.sender(GREYLISTED, SENT, SENT)
        ready.wait()
        for _ in range(4):
            for mailbox_id in mine:
                sender.drain(mailbox_id)

    with ThreadPoolExecutor(6) as crowd:
        for done in [crowd.submit(work) for work in (tick, tick, tick, tick, send, send)]:
            done.result()
    counted = [touch for touch in scene.touches() if touch.state in ("claimed", "sending", "committing", "sent")]
    assert 8 <= len(counted) <= 13
    assert max(Counter(touch.domain for touch in counted).values()) <= 4
    clean(scene)


def test_what_mailboxes_share_goes_to_all_of_them(stage: Stage) -> None:
    """The one with most to send does not take it all, and each has the next room in its turn."""
    scene = stage(limits=limits(all="per_hour: 4"))
    for number in range(12):
        scene.qualified(f"p{number}@sink.test")
    mine = [scene.ws.mailbox_id, *boxes(scene, 1)]
    spread(scene, [*[mine[0]] * 5, mine[1]])
    assert {each.mailbox_id: each.touches for each in scene.claim()} == dict.fromkeys(mine, 2)
    assert scene.claim() == ()


def test_a_higher_priority_leaves_first_and_then_what_was_due_first(stage: Stage) -> None:
    """Of the emails that wait for one mailbox, whatever was due when; a rep's wish passes the gap in its own turn."""
    start = "    start: {when: stage.entered, stage: qualified}\n"
    nudge = "    start: {when: stage.entered, stage: followed_up}\n"
    scene = stage(
        limits=limits("per_hour: 1, per_day: 1000, min_gap: 0s"),
        replaced={start: f"{start}    priority: 5\n", nudge: f"{nudge}    priority: 100\n"},
    )
    scene.called("ordinary@sink.test")
    scene.clock.advance(seconds=10)
    for name in ("first", "second"):
        scene.qualified(f"{name}@sink.test")
        scene.clock.advance(seconds=1)
    urgent = scene.prospect("urgent@sink.test")
    for trigger in ("qualify", "diagnose", "schedule_meeting", "follow_up"):
        scene.move(urgent, trigger)
    for _ in range(4):
        scene.clock.advance(hours=1, seconds=5)
        scene.send()
    assert scene.recipients() == ["urgent@sink.test", "urgent@sink.test", "first@sink.test", "second@sink.test"]
    assert {touch.step: touch.priority for touch in scene.touches(urgent)} == {
        "hello": 5, "recap": 100, "call_back": 0, "decision": 100,
    }  # fmt: skip


def test_a_company_that_got_enough_holds_up_nobody_else(stage: Stage) -> None:
    """Its emails are put off with the reason and leave a day later; a person's wish passes the gap, not the number."""
    scene = stage(limits=limits("per_hour: 2, per_day: 1000, min_gap: 0s", domain="per_day: 2, min_gap: 30m"))
    for name in ("a", "b", "c", "d"):
        scene.qualified(f"{name}@Big.Test")
    scene.qualified("else@other.test")
    scene.send()
    assert scene.recipients() == ["a@big.test", "else@other.test"]
    rows = {touch.recipient or "": touch for touch in scene.touches()}
    waits = [touch for touch in scene.touches() if touch.state == "scheduled"]
    assert {(touch.next_attempt_at - scene.clock.now, scene_why(touch.reason)) for touch in waits} == {
        (timedelta(minutes=30), "Waits for the limit of emails to big.test.")
    }
    assert (rows["a@big.test"].domain, rows["else@other.test"].domain) == ("big.test", "other.test")
    acts.send_now(scene.ws, waits[-1].id, REP)
    scene.clock.advance(hours=1)
    scene.change(Touch, {"next_attempt_at": scene.clock.now}, state="scheduled", id=waits[0].id)
    scene.send()
    assert len(scene.sent) == 3, "the one that a person wanted, or the one in its turn: the company has two a day"
    for touch in scene.touches():
        if touch.state == "scheduled":
            acts.send_now(scene.ws, touch.id, REP)
    scene.clock.advance(hours=20)
    scene.send()
    assert len(scene.sent) == 3
    scene.clock.advance(hours=3, minutes=1)
    scene.send()
    scene.clock.advance(hours=1)
    scene.send()
    assert len(scene.sent) == 5
    clean(scene)


def scene_why(packed: str) -> str:
    """A stored reason in English."""
    return reasons.words(packed, "en") or ""


def test_an_address_that_changes_after_the_claim_is_counted_for_its_new_company(stage: Stage) -> None:
    """The room of one company is not used for another."""
    scene = stage(limits=limits(domain="per_day: 1"))
    scene.qualified("a@big.test")
    scene.send()
    moved = scene.qualified("b@small.test")
    scene.claim()
    scene.edit(moved, email="b@big.test")
    scene.sender().drain(scene.ws.mailbox_id)
    scene.send()
    assert scene.recipients() == ["a@big.test"]
    touch = scene.touch(prospect_id=moved)
    assert (touch.state, touch.next_attempt_at) == ("scheduled", scene.clock.now + DAY)


def test_a_prospect_gets_no_more_than_a_day_and_a_week_allow(stage: Stage) -> None:
    """Also what a person sends ahead of its time waits; what may leave at any hour passes, and counts."""
    any_hour = {HELLO: HELLO.replace("after: 0s", "after: 0s, window: any")}
    scene = stage(limits=limits(prospect="per_day: 2, per_week: 3, min_gap: 1h"), replaced=any_hour)
    known = scene.called()
    scene.clock.advance(seconds=2)
    scene.send()
    scene.clock.advance(hours=1)
    scene.send()
    scene.move(known, "qualify")
    scene.send()
    assert [touch.state for touch in scene.touches()] == ["sent"] * 3, "the confirmation passes what the two used up"
    scene.tell(known, "call.ended")
    scene.clock.advance(seconds=2)
    scene.send()
    (again,) = [touch for touch in scene.touches() if touch.step == "questions" and touch.state == "scheduled"]
    assert (again.state, scene_why(again.reason)[:20]) == ("scheduled", "Waits, because the p")
    acts.send_now(scene.ws, again.id, REP)
    scene.send()
    assert len(scene.sent) == 3
    left = min(touch.committed_at for touch in scene.touches() if touch.committed_at)
    (again,) = [touch for touch in scene.touches() if touch.id == again.id]
    assert again.next_attempt_at == left + timedelta(days=7)
    scene.clock.advance(days=6, hours=22)
    scene.send()
    scene.clock.advance(hours=1)
    scene.send()
    assert len(scene.sent) == 4
    clean(scene)


def test_what_is_too_late_asks_the_rep_and_does_what_is_said(stage: Stage) -> None:
    """Never sent blindly: it waits, is found, and is sent or skipped by a person, under every limit."""
    scene = stage(limits=limits(all="per_hour: 1"), replaced=late("ask"))
    people = [scene.qualified(f"p{number}@sink.test") for number in range(3)]
    scene.clock.advance(days=6)
    for _ in range(4):
        scene.send()
        scene.clock.advance(hours=1)
    assert scene.sent == []
    with scene.ws.database.read() as tx:
        asked = attention.needs(scene.ws, tx, EVERYBODY, attention.Wanted("late"), limit=9)
        mine = attention.needs(scene.ws, tx, Viewer(ids.new_id(), "rep"), attention.Wanted("late"), limit=1)
        assert mine == asked[:1]
    assert [each.prospect_id for each in asked] == people
    assert (scene.touch().state, scene.why()) == ("scheduled", "late.ask")
    clean(scene)
    acts.send_now(scene.ws, asked[0].id, REP)
    acts.skip(scene.ws, asked[1].id, REP)
    scene.send()
    assert scene.recipients() == ["p0@sink.test"]
    assert [scene.touch(prospect_id=each).state for each in people] == ["sent", "skipped", "scheduled"]
    scene.tell(people[2], "email.replied")
    assert scene.touch(prospect_id=people[2]).state == "cancelled", "a stop takes back what waits for a person"
    with scene.ws.database.read() as tx:
        assert attention.needs(scene.ws, tx, EVERYBODY, attention.Wanted("late"), limit=9) == []
    clean(scene)


@pytest.mark.parametrize("word", ["skip", "send"])
def test_what_is_too_late_is_skipped_or_sent_as_its_step_says(stage: Stage, word: str) -> None:
    """Whichever, it is on record."""
    scene = stage(replaced=late(word))
    scene.qualified()
    scene.clock.advance(days=6)
    scene.send()
    assert scene.touch().state == {"skip": "skipped", "send": "sent"}[word]
    assert '"k":"late"' in scene.touch().trail
    clean(scene)


def test_the_doctor_sees_every_window_that_was_not_kept(stage: Stage) -> None:
    """As far back as the limits of today were in force."""
    scene = stage(limits=limits(prospect="per_day: 2", domain="per_day: 4, min_gap: 5s", all="per_hour: 5"))
    for name in "abcdef":
        scene.qualified(f"{name}@sink.test")
    with scene.ws.database.write() as tx:
        first = tx.conn.execute(select(Prospect.id).limit(1)).scalar_one()
        left = {"state": "sent", "committed_at": tx.now, "domain": "sink.test", "prospect_id": first}
        tx.conn.execute(update(Touch).values(**left))
    with scene.ws.database.read() as tx:
        found = Counter(code for code, _ in check_limits.overdrawn(scene.ws, tx))
    assert found == {"prospect.limit": 1, "domain.limit": 1, "domain.gap": 1, "all.limit": 1}
