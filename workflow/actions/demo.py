"""Believable demo data: three weeks of a small sales team, played through the engine and the send protocol.

Everything is made by the same doors as in daily life, under a clock that runs from three weeks ago to now, with a mail
server that takes every email and delivers none. What falls due later is left to the real clock.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from workflow.actions import people, prospects, sources
from workflow.actions.outreach import claim
from workflow.actions.outreach.send import Sender
from workflow.actions.outreach.spool import Spool
from workflow.actions.outreach.timings import Timings
from workflow.engine import signals as kinds
from workflow.engine.signals import Signal
from workflow.ids import new_id
from workflow.mail.transport import FakeTransport
from workflow.records.db import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workflow.records.db import Tx
    from workflow.workspace import Workspace

REP_EMAIL: Final = "iva.petrova@example.com"
SOURCE: Final = "crm"
_HERO: Final = "elena.marinova@example.com"
_STEP: Final = timedelta(seconds=30)
# What the rep of the demo does herself; the rest comes from the CRM.
_BY_REP: Final = frozenset({kinds.MOVE, kinds.ANSWERS, kinds.CALL_ENDED})
_PERSONAS: Final = {
    **dict.fromkeys(("Purchasing", "Снабдяване", "Finance", "CFO"), "finance"),
    **dict.fromkeys(("Управител", "Собственик", "Изпълнителен директор", "CEO"), "owner"),
}


@dataclass(frozen=True, slots=True)
class _Event:
    """Something that happened `days` ago at `hour` o'clock UTC."""

    days: float
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Person:
    fields: Mapping[str, str]
    custom: Mapping[str, str]
    events: tuple[_Event, ...]


def fill(ws: Workspace) -> None:
    """Make the rep, the source and the prospects of the demo, with three weeks of history behind them."""
    rep_id = people.add_rep(ws, REP_EMAIL, "admin", name="Iva Petrova")
    sources.add(ws, "standard", SOURCE)
    with ws.database.read() as tx:
        now = tx.now
    past = _Past(now - timedelta(days=21), now)
    database = Database(ws.settings.database_url, clock=past.read, pooled=False)
    _Play(replace(ws, database=database), past, rep_id).run(_cast(now))
    database.close()


def curl(base_url: str, secret: str) -> tuple[str, ...]:
    """Lines for a shell that book a meeting as a CRM would, with a signature made on the spot."""
    key = base64.b64decode(secret.removeprefix("whsec_")).hex()
    starts = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT08:30:00Z")
    body = (
        '{"id":"\'$id\'","type":"meeting.booked","prospect":{"email":"' + _HERO + '"},'
        '"data":{"uid":"\'$id\'","starts_at":"' + starts + '","place":"Video call"}}'
    )
    sign = f"openssl dgst -sha256 -mac HMAC -macopt hexkey:{key}"
    return (
        "",
        f"  t=$(date +%s); id=evt_$t; body='{body}'",
        f'  sig=$(printf "%s.%s.%s" "$id" "$t" "$body" | {sign} -binary | base64)',
        f'  curl {base_url}/webhooks/{SOURCE} -H "webhook-id: $id" -H "webhook-timestamp: $t" \\',
        '    -H "webhook-signature: v1,$sig" -d "$body"',
    )


class _Past:
    """A clock that a story moves forward."""

    def __init__(self, at: datetime, end: datetime) -> None:
        self.at = at
        self.end = end

    def read(self) -> datetime:
        """The moment the story has reached."""
        return self.at


class _Play:
    """Plays events in their order, and between them lets every email leave that falls due."""

    def __init__(self, ws: Workspace, past: _Past, rep_id: str) -> None:
        self._ws = ws
        self._past = past
        self._rep_id = rep_id
        spool = Spool(ws.settings.data_dir / "spool")
        self._sender = Sender(ws, FakeTransport(), spool, Timings(), new_id())
        self._ids: dict[str, str] = {}

    def run(self, cast: tuple[_Person, ...]) -> None:
        """Play everything up to now."""
        for at, person, event in sorted(self._script(cast), key=lambda row: row[0]):
            self._send_until(at)
            self._past.at = at
            self._ws.database.transact(partial(self._tell, person=person, event=event))
        self._send_until(self._past.end)

    def _script(self, cast: tuple[_Person, ...]) -> Iterator[tuple[datetime, _Person, _Event]]:
        for person in cast:
            for event in person.events:
                yield self._past.end - timedelta(days=event.days), person, event

    def _tell(self, tx: Tx, *, person: _Person, event: _Event) -> None:
        email = person.fields["email"]
        new = email not in self._ids
        by_rep = event.kind in _BY_REP
        facts = event.data if event.kind == kinds.UPSERTED else {}
        signal = Signal(
            event.kind,
            self._past.at,
            f"rep:{self._rep_id}" if by_rep else f"source:{SOURCE}",
            "demo",
            data={} if facts else event.data,
            fields=person.fields if new else {},
            custom={**person.custom, **facts} if new else facts,
            sender=() if by_rep else ("standard", SOURCE),
            owner_id=self._rep_id if new else None,
        )
        self._ids[email] = prospects.submit(self._ws, tx, self._ids.get(email), signal).prospect_id

    def _send_until(self, until: datetime) -> None:
        while True:
            with self._ws.database.read() as tx:
                due = claim.earliest_due(tx)
            if due is None or due > until:
                return
            self._past.at = max(self._past.at, due)
            claimed = claim.claim_due(self._ws)
            for each in claimed:
                self._sender.drain(each.mailbox_id)
            if not claimed:
                # A gap or a limit of the mailbox holds it for the moment.
                self._past.at += _STEP
                if self._past.at > until:
                    return


def _person(name: str, title: str, company: str, language: str, country: str, *events: _Event) -> _Person:
    zones = {"BG": "Europe/Sofia", "DE": "Europe/Berlin", "GB": "Europe/London"}
    latin = _latin(name)
    fields = {
        "name": name,
        "title": title,
        "company": company,
        "email": ".".join(latin.lower().split()) + "@example.com",
        "phone": "+3598880" + f"{sum(map(ord, name)) % 100_000:05d}" if country == "BG" else "",
        "language": language,
        "country": country,
        "time_zone": zones[country],
    }
    custom = {"persona": _PERSONAS.get(title, "lead")}
    return _Person({key: value for key, value in fields.items() if value}, custom, events)


def _latin(name: str) -> str:
    table = str.maketrans(
        dict(
            zip(
                "АБВГДЕЗИЙКЛМНОПРСТУФХабвгдезийклмнопрстуфхъ",
                "ABVGDEZIYKLMNOPRSTUFHabvgdeziyklmnoprstufha",
                strict=True,
            )
        )
        | {"Ц": "Ts", "ц": "ts", "Ч": "Ch", "ч": "ch", "Ш": "Sh", "ш": "sh", "я": "ya", "ю": "yu", "ж": "zh", "Ж": "Zh"}
    )
    return name.translate(table)


def _move(days: float, trigger: str, **data: str) -> _Event:
    return _Event(days, kinds.MOVE, {"trigger": trigger, **data})


def _answers(days: float, **answers: str) -> _Event:
    return _Event(days, kinds.ANSWERS, {"answers": answers})


def _plan(days: float, goal: str, attendees: str, agenda: str, research: str, must_learn: str) -> _Event:
    """The plan before the first call."""
    return _answers(
        days, call_goal=goal, attendees=attendees, agenda=agenda, research=research, must_learn=must_learn,
        planned_minutes="30", preferred_times="08:30 – 10:00",
    )  # fmt: skip


def _qualify(days: float, goal: str, **ratings: str) -> tuple[_Event, ...]:
    """A first talk: the goal, and enough of the matrix to qualify."""
    rated = {"fit": "full", "authority": "shares", "urgency": "half_year", **ratings}
    return _answers(days + 0.02, goal=goal, **rated), _move(days, "qualify")


def _diagnose(days: float, challenge: str, obstacles: str, cost: str, **more: str) -> tuple[_Event, ...]:
    """A call, and what came out of it: what hurts, what stands in the way, and what it leads to."""
    said = _answers(days + 0.02, challenge=challenge, obstacles=obstacles, cost_of_problem=cost, **more)
    phase = _Event(days + 0.01, kinds.UPSERTED, {"journey": "consideration"})
    return _call(days + 0.03, 24, f"{challenge}. {cost}."), said, phase, _move(days, "diagnose")


def _call(days: float, minutes: int, notes: str) -> _Event:
    return _Event(days, kinds.CALL_ENDED, {"minutes": minutes, "notes": notes})


def _booked(days: float, uid: str, starts_at: datetime, place: str) -> _Event:
    data = {"uid": uid, "starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=45), "place": place}
    return _Event(days, kinds.BOOKED, data)


def _known(days: float) -> _Event:
    return _Event(days, kinds.UPSERTED)


def _cast(now: datetime) -> tuple[_Person, ...]:
    """A dozen prospects in every stage, in both languages; some late, some answered, one bounced."""
    return (*_before_a_meeting(), *_with_a_meeting(now))


def _before_a_meeting() -> tuple[_Person, ...]:
    return (
        _person("Petar Iliev", "Purchasing", "Dunav Steel", "bg", "BG", _known(2.2)),
        _person("Martin Weiss", "IT Manager", "Weiss Logistik", "en", "DE", _known(16.0),
                _answers(15.2, solution="A spreadsheet for each branch", authority="advises")),
        _person("Лидия Хаас", "Снабдяване", "Хелиос Партс", "bg", "BG", _known(10.1),
                *_qualify(9.2, "Доставка до 48 часа"), _call(8.6, 18, "Търсят по-бърза доставка."),
                _Event(4.5, kinds.BOUNCED, {"detail": "550 5.1.1 no such user", "permanent": True})),
        _person("Вера Минчева", "Оперативен директор", "Орфей Текстил", "bg", "BG", _known(4.0),
                _plan(3.2, "Да разберем къде се губи време между складовете", "Вера и началникът на склад Русе",
                      "Днешният път на стоката; какво пречи; следваща стъпка", "Нов склад в Русе от септември",
                      "Кой решава и до кога"),
                *_qualify(3.0, "Една система за трите склада", budget="planned"),
                _answers(0.39, solution="Листове, които шофьорите носят", challenge="Никой не знае къде е стоката",
                         people_involved="Четирима души, по един ден седмично"),
                _call(0.4, 25, "Три склада, предаване на хартия. Решава заедно с финансовия директор.")),
        _person("Tanya Boeva", "Finance", "Krem Dairy", "bg", "BG", _known(11.0),
                *_qualify(9.0, "Half as many returns by summer", budget="approved"),
                _call(6.2, 31, "Returns cost about 3,400 a month."),
                _Event(1.1, kinds.REPLIED, {"detail": "Thursday suits me, can you call at ten?"})),
        _person("Elena Marinova", "Operations Director", "Balkan Freight", "bg", "BG", _known(14.0),
                _plan(13.0, "Да чуем за последния объркан палет с нейните думи", "Елена, сама; очаква пример от бранша",
                      "Варна; какво струва; кой решава", "Две нови линии до Солун, сайтът им от октомври",
                      "Срок и бюджет"),
                *_qualify(12.0, "Нито един объркан палет", authority="decides", urgency="quarter"),
                _call(11.8, 28, "Wrong pallets leave Varna, six to eight a week."),
                _answers(11.79, solution="Обща таблица, изоставена през май", lead_source="Препоръки",
                         script_used="Проучвателен разговор, до края", people_involved="Двама началник-смени"),
                _Event(7.9, kinds.REPLIED, {"detail": "Благодаря, изпращам данните."}),
                *_diagnose(4.1, "Грешни палети тръгват от Варна", "Етикетите се пишат на ръка",
                           "Шест до осем курса седмично", deadline="Преди пролетния пик, 1 март",
                           tried_before="Баркодове, но без четци на портала",
                           must_have="Да се вижда от телефона на шофьора", commitment="dated",
                           next_step="Среща с нея и склада във Варна, тази седмица")),
        _person("Chris Vogel", "CIO", "Bora Systems", "en", "GB", _known(19.0),
                *_qualify(17.0, "One system for four offices"), _call(16.9, 22, "Wants it by the summer."),
                *_diagnose(10.3, "Four offices, four truths", "Nobody owns the figures", "Two days a month each")),
    )  # fmt: skip


def _with_a_meeting(now: datetime) -> tuple[_Person, ...]:
    def day(ahead: int, hour: int) -> datetime:
        return (now + timedelta(days=ahead)).replace(hour=hour, minute=30, second=0, microsecond=0)

    return (
        _person("Стоян Димитров", "Управител", "Нова Оптика", "bg", "BG", _known(12.0),
                *_qualify(10.0, "Втори магазин до пролетта", authority="decides"),
                *_diagnose(6.0, "Поръчките се губят", "Няма кой да ги следи", "Около 900 на месец"),
                _booked(1.3, "demo-nova", day(2, 8), "София, ул. Шишман 12")),
        _person("Sara Lind", "CTO", "Lumen Energy", "en", "GB", _known(9.0),
                *_qualify(8.0, "Fewer tools to look after"),
                *_diagnose(5.0, "Five tools that do not talk", "Every change costs a week", "A person and a half"),
                _booked(0.9, "demo-lumen", day(4, 9), "Video call")),
        _person("Ива Канева", "Собственик", "Странджа Ууд", "bg", "BG", _known(15.0),
                *_qualify(13.0, "Износ за Гърция", authority="decides"),
                *_diagnose(9.0, "Офертите закъсняват", "Цените са в три тетрадки", "Две загубени поръчки на месец"),
                _booked(7.0, "demo-wood", day(-3, 9), "Video call"), _Event(2.6, kinds.NO_SHOW, {"uid": "demo-wood"})),
        _person("Gergana Tasheva", "CFO", "Rila Pharma", "bg", "BG", _known(18.0),
                *_qualify(15.0, "A month-end in two days", budget="approved"),
                *_diagnose(11.0, "Month-end takes nine days", "Data arrives by email", "Decisions a week late"),
                _booked(8.0, "demo-rila", day(-2, 9), "Sofia, Rila Pharma"),
                _Event(1.9, kinds.HELD, {"uid": "demo-rila"})),
        _person("Деян Марек", "Изпълнителен директор", "Марек Фуудс", "bg", "BG", _known(20.0),
                *_qualify(18.0, "Доставки без рекламации", authority="decides", budget="approved"),
                *_diagnose(14.0, "Рекламации всяка седмица", "Пликовете се бъркат", "4 000 на тримесечие"),
                _booked(12.0, "demo-marek", day(-8, 9), "Пловдив"),
                _Event(7.7, kinds.HELD, {"uid": "demo-marek"}), _move(3.3, "close", outcome="won")),
        _person("Nikola Genov", "CEO", "Vitosha Labs", "en", "BG", _known(20.5),
                *_qualify(17.5, "A lab that runs itself", alternatives="comparing"),
                *_diagnose(13.5, "Samples wait for days", "Two people know the process", "A lost client last year"),
                _booked(11.0, "demo-labs", day(-9, 9), "Video call"), _Event(8.8, kinds.HELD, {"uid": "demo-labs"}),
                _move(2.1, "close", outcome="lost", reason="Chose another supplier")),
    )  # fmt: skip
