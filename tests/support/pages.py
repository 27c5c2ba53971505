"""Every page of the panel with something on it: what checks and screenshots walk through.

Only addresses; who opens them brings a browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from tests.panel.scene import LOST, Scene
from tests.web.fixtures import Sender
from workflow.actions import endpoints, sources
from workflow.actions.prospects import Who
from workflow.engine.reasons import because
from workflow.mail import links
from workflow.records.deliveries import Delivery, Source
from workflow.records.models import Meeting, Touch

BY_HAND = Who("cli", "test")


@dataclass(frozen=True, slots=True)
class Walk:
    """The pages, by a name for their picture; a name may stand for one page only."""

    paths: dict[str, str]
    known: str


def furnish(scene: Scene) -> Walk:
    """Fill an installation with one of everything, and name its pages."""
    known = scene.prospect("Константина Александрова", company="Транспортна компания ООД", email="k@buyer.example")
    scene.tell(known, "call.ended", minutes=12, notes="Поръчките се губят. Иска решение до март.")
    scene.move(known, "qualify", "diagnose")
    for number, (name, company, stages) in enumerate(
        (
            ("Борис Илиев", "Илиев и синове", ("qualify",)),
            ("Jane Miller", "Miller Freight Ltd", ()),
            ("Вера Стоянова", "Стоянов Логистик", ("qualify", "diagnose")),
            ("John Smith", "Smith & Sons", ()),
        )
    ):
        scene.move(scene.prospect(name, company=company, email=f"p{number}@buyer.example"), *stages)
    uncertain = scene.prospect("Ани Колева", company="Колева ЕООД", email="ani@buyer.example")
    failed = scene.prospect("Мартин Димов", company="Димов АД", email="martin@buyer.example")
    for each in (uncertain, failed):
        scene.tell(each, "call.ended", minutes=5)
    _broken(scene, failed)
    scene.wait(hours=25)
    scene.send_due([LOST])
    _delivered(scene)
    told = endpoints.add(scene.ws, "crm", "https://hooks.example.com/onward", BY_HAND)
    return Walk(_paths(scene, known, told.id, scene.touches(known)[0].id), known)


def _broken(scene: Scene, known: str) -> None:
    """An email that the mail server has refused for good."""
    with scene.ws.database.write() as tx:
        why = because("refused", answer="552 5.3.4 Message size exceeds fixed maximum message size").pack()
        values = {"state": "failed", "reason": why, "ended_at": tx.now, "committed_at": tx.now}
        first = update(Touch).where(Touch.prospect_id == known, Touch.position == 0)
        tx.conn.execute(first.values(**values, recipient="martin@buyer.example"))


def _delivered(scene: Scene) -> None:
    """What a connected system brought at once: an event that was applied, one refused, one of somebody unknown."""
    crm = Sender(scene.app.test_client(), scene.clock, sources.add(scene.ws, "standard", "crm"))
    about = {"prospect": {"email": "p3@buyer.example"}}
    bad = {"id": "evt_1042", "type": "call.ended", "data": {"minutes": "ten"}, **about}
    unknown = {"id": "evt_1043", "type": "email.replied", "prospect": {"email": "nobody@buyer.example"}}
    good = {"id": "evt_1041", "type": "prospect.upserted", "data": {"title": "Operations manager"}, **about}
    answer = crm.deliver([good, bad, unknown], delivery_id="msg_2026_11_10_a")
    assert answer.status_code == 202, answer.text


def _meetings(scene: Scene) -> dict[str, str]:
    """Two meetings, one ahead and one that waits for a word, of somebody by another clock."""
    known = scene.prospect("Нели Маринова", company="Маринов Карго", email="neli@buyer.example", time_zone="Asia/Tokyo")
    for number, hours in enumerate((-3, 40)):
        starts, ends = scene.clock.now + timedelta(hours=hours), scene.clock.now + timedelta(hours=hours, minutes=45)
        scene.tell(known, "meeting.booked", uid=f"m{number}", starts_at=starts, ends_at=ends, place="София, Витоша 1")
    with scene.ws.database.read() as tx:
        late = tx.conn.execute(select(Meeting.id).where(Meeting.uid == "m0")).scalar_one()
        at = tx.now + timedelta(days=5)
    return {
        "meeting": f"/meetings/{late}?what=held",
        "meeting-book": f"/prospects/{known}/meetings/new?times=all&at={at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _paths(scene: Scene, known: str, endpoint: str, touch: str) -> dict[str, str]:
    with scene.ws.database.read() as tx:
        source = tx.conn.execute(select(Source.id)).scalar_one()
        delivery = tx.conn.execute(select(Delivery.id)).scalar_one()
    paths = {
        "today": "/", "board": "/board", "prospects": "/prospects", "nobody-fits": "/prospects?q=zzzz",
        "prospect-new": "/prospects/new", "prospect": f"/prospects/{known}",
        "prospect-edit": f"/prospects/{known}/edit", "prospect-why": f"/prospects/{known}/why",
        "email-text": f"/touches/{scene.touches(known)[-1].id}/text", "fact": f"/prospects/{known}/facts/phone",
        "related": f"/prospects/{known}/related?q=Miller", "email-why": f"/touches/{touch}/why",
        "merge": f"/prospects/{known}/merge", "erase": f"/prospects/{known}/erase", "import": "/prospects/import",
        "call-plan": f"/prospects/{known}/call", "call-sheet": f"/prospects/{known}/call/sheet",
        "uncertain": "/uncertain", "settle-all": "/uncertain?what=failed&all=resend", "unmatched": "/unmatched",
        "analytics-times": "/analytics/times", "analytics-reps": "/analytics/reps?owner=me",
        "deliveries": "/deliveries", "mail": "/mail", "templates": "/templates", "template": "/templates/decision",
        "template-history": "/templates/decision/en/history", "settings": "/settings",
        "appearance": "/settings/appearance", "mailboxes": "/settings/mailboxes",
        "mailbox-new": "/settings/mailboxes/new", "sources": "/settings/sources",
        "source": f"/settings/sources/{source}", "delivery": f"/deliveries/{delivery}",
        "endpoints": "/settings/endpoints", "endpoint": f"/settings/endpoints/{endpoint}", "keys": "/settings/keys",
        "suppression": "/settings/suppression", "playbook": "/settings/playbook",
        "diagram": "/settings/playbook/diagram", "help": "/help", "help-page": "/help/mailboxes",
        "not-found": "/nothing-here", "unsubscribe": f"/u/{links.sign(links.Link(known), scene.ws.key('links'))}",
    }  # fmt: skip
    paths |= _meetings(scene)
    paths["user"] = f"/settings/users/{scene.reps['boyan']}"
    rules = {rule.rule for rule in scene.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    for name in ("/sequences", "/meetings", "/analytics", "/settings/users", "/settings/audit"):
        if name in rules:
            paths[name.rpartition("/")[2]] = name
    return paths
