"""HubSpot by its API (CRM v3, associations v4): contacts, deals and companies as the webhooks of the kind name them.

A deal is a prospect under its bare id, as in the adapter; anything else has the name of its kind before it. Sources:
developers.hubspot.com, "CRM search", "Batch read", "Associations v4", "API usage guidelines".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workflow.crm.api import Api, moment, number, table, tables
from workflow.crm.port import ID, STAGE, Card, CrmError, Deal, Page, Stage, Word, facts
from workflow.engine.reasons import because

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

BASE: Final = "https://api.hubapi.com"
NAME: Final = "HubSpot"
_FACTS: Final = {
    "email": "email", "mobilephone": "phone", "phone": "phone", "company": "company", "jobtitle": "title",
    "hs_language": "language", "hs_timezone": "time_zone", "hs_country_region_code": "country",
}  # fmt: skip
_PERSON: Final = ("firstname", "lastname", "hs_email_optout", "lastmodifieddate", "createdate", *_FACTS)
_DEAL: Final = ("dealname", "hs_lastmodifieddate", "createdate", "hs_is_closed")
_WORDS: Final = {
    "deal": {"dealstage": STAGE},
    "contact": {"hs_lead_status": "lead.status", "lifecyclestage": "contact.lifecycle"},
}
_CHANGED: Final = {"deal": "hs_lastmodifieddate", "contact": "lastmodifieddate"}
# With the history of properties, 50 objects are read at once.
_BATCH: Final = 50
# "The search endpoints are limited to 10,000 total results for any given query."
_MOST_FOUND: Final = 9_900
_MOST_PEOPLE: Final = 20
# "Five requests per second" for searches, over all apps of the account; we take half of it.
_GAP_S: Final = 0.4


def room(headers: Mapping[str, str]) -> float:
    """How long to wait before the next call: the rest of a window in which none are left."""
    if headers.get("x-hubspot-ratelimit-remaining", "1") != "0":
        return 0.0
    span = headers.get("x-hubspot-ratelimit-interval-milliseconds", "")
    return int(span) / 1000 if span.isdecimal() else 1.0


def api(token: str, **parts: Any) -> Api:  # noqa: ANN401 - the parts of an Api
    """The account that a token of a private app opens."""
    return Api(**{"name": NAME, "base": BASE, "auth": {"Authorization": f"Bearer {token}"}, "room": room, **parts})


@dataclass(frozen=True, slots=True)
class HubSpot:
    """An account at HubSpot."""

    api: Api

    def look_up(self, ref: str) -> Card | None:
        """Who an object is about."""
        what, _, about = ref.rpartition(":")
        what = what or "deal"
        if what not in ("deal", "contact", "company") or not ID.fullmatch(about):
            return None
        try:
            if what == "contact":
                return _of_contact(self._people([about])[about])
            kind, asked = ("deals", _DEAL) if what == "deal" else ("companies", ("name", "hs_lastmodifieddate"))
            found = self.api.get(
                f"/crm/v3/objects/{kind}/{about}", properties=",".join(asked), associations="contacts,companies"
            )
        except CrmError as error:
            if error.kind == "missing":
                return None
            raise
        except KeyError:
            return None
        near = table(found.get("associations"))
        people = self._people(_ids(table(near.get("contacts")).get("results"), "id")[:_MOST_PEOPLE])
        company = self._company(found if what == "company" else None, near)
        return _of_deal(ref, found, people.values(), company)

    def changed(self, since: datetime) -> Iterator[Page]:
        """Deals first, so that what contacts say finds them known."""
        for what in ("deal", "contact"):
            yield from self._changed(what, since)

    def deal(self, refs: Sequence[str]) -> Deal | None:
        """The deal of a prospect."""
        named = [ref for ref in refs if ID.fullmatch(ref)]
        people = [ref.removeprefix("contact:") for ref in refs if ref.startswith("contact:")]
        if not named and people:
            named = [each for near in self._near("contacts", "deals", people).values() for each in near]
        found = self._read("deal", named[:_BATCH]) if named else []
        if not found:
            return None

        def rank(each: Mapping[str, Any]) -> tuple[bool, float]:
            told = table(each.get("properties"))
            at = moment(told.get("hs_lastmodifieddate"))
            return told.get("hs_is_closed") != "true", at.timestamp() if at else 0.0

        chosen = max(found, key=rank)
        words = _words("deal", chosen)
        return Deal(number(chosen.get("id")), words[-1:])

    def write(self, deal_id: str, value: str) -> Word:
        """Set the stage of a deal."""
        if not ID.fullmatch(deal_id):
            raise CrmError(because("crm.gone", vendor=NAME), "missing")
        told = self.api.patch(f"/crm/v3/objects/deals/{deal_id}", {"properties": {"dealstage": value}})
        at = moment(told.get("updatedAt")) or moment(table(told.get("properties")).get("hs_lastmodifieddate"))
        if at is None:
            raise CrmError(because("crm.untold", vendor=NAME), "away")
        return Word(f"deal:{deal_id}", STAGE, value, at)

    def kind_of(self, value: str) -> str:
        """All stages are stages."""
        return STAGE

    def stages(self) -> tuple[Stage, ...]:
        """All stages of all pipelines of deals."""
        return tuple(
            Stage(str(stage.get("id")), f"{pipeline.get('label')}: {stage.get('label')}")
            for pipeline in tables(self.api.get("/crm/v3/pipelines/deals").get("results"))
            for stage in tables(pipeline.get("stages"))
        )

    def _changed(self, what: str, since: datetime) -> Iterator[Page]:
        after, floor = "", since
        while True:
            found = self._search(what, floor, after)
            rows = tables(found.get("results"))
            through = max((at for row in rows if (at := _modified(what, row))), default=floor)
            if rows:
                yield Page(self._cards(what, _ids(rows, "id")), through)
            after = str(table(table(found.get("paging")).get("next")).get("after") or "")
            if not after:
                return
            if not after.isdecimal() or int(after) >= _MOST_FOUND:
                if through <= floor:
                    raise CrmError(because("crm.crowded", vendor=NAME), "refused")
                after, floor = "", through

    def _search(self, what: str, since: datetime, after: str) -> dict[str, Any]:
        name = _CHANGED[what]
        stamp = str(int(since.timestamp() * 1000))
        asked: dict[str, Any] = {
            "filterGroups": [{"filters": [{"propertyName": name, "operator": "GTE", "value": stamp}]}],
            "sorts": [{"propertyName": name, "direction": "ASCENDING"}],
            "properties": [name],
            "limit": _BATCH,
        }
        if after:
            asked["after"] = after
        self.api.sleep(_GAP_S)
        return self.api.post(f"/crm/v3/objects/{what}s/search", asked)

    def _cards(self, what: str, ids: Sequence[str]) -> tuple[Card, ...]:
        rows = self._read(what, ids)
        if what == "contact":
            return tuple(_of_contact(row, _words("contact", row)) for row in rows)
        near = self._near("deals", "contacts", ids)
        people = self._people([each for some in near.values() for each in some[:_MOST_PEOPLE]])
        cards = []
        for row in rows:
            theirs = [people[each] for each in near.get(number(row.get("id")), ()) if each in people]
            cards.append(_of_deal(number(row.get("id")), row, theirs, "", _words("deal", row)))
        return tuple(cards)

    def _read(self, what: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        asked = {
            "properties": list(_DEAL if what == "deal" else _PERSON),
            "propertiesWithHistory": list(_WORDS[what]),
            "inputs": [{"id": each} for each in ids],
        }
        return tables(self.api.post(f"/crm/v3/objects/{what}s/batch/read", asked).get("results"))

    def _people(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        unique = list(dict.fromkeys(ids))
        for start in range(0, len(unique), 2 * _BATCH):
            inputs = [{"id": each} for each in unique[start : start + 2 * _BATCH]]
            told = self.api.post("/crm/v3/objects/contacts/batch/read", {"properties": list(_PERSON), "inputs": inputs})
            found |= {number(each.get("id")): each for each in tables(told.get("results"))}
        return found

    def _near(self, from_: str, to: str, ids: Sequence[str]) -> dict[str, list[str]]:
        asked = {"inputs": [{"id": each} for each in ids[: 2 * _BATCH]]}
        told = self.api.post(f"/crm/v4/associations/{from_}/{to}/batch/read", asked)
        return {
            number(table(each.get("from")).get("id")): _ids(each.get("to"), "toObjectId")
            for each in tables(told.get("results"))
        }

    def _company(self, found: Mapping[str, Any] | None, near: Mapping[str, Any]) -> str:
        if found is None:
            named = _ids(table(near.get("companies")).get("results"), "id")[:1]
            found = self.api.get(f"/crm/v3/objects/companies/{named[0]}", properties="name") if named else {}
        return str(table(found.get("properties")).get("name") or "")


def _of_contact(row: Mapping[str, Any], words: tuple[Word, ...] = ()) -> Card:
    told = table(row.get("properties"))
    fields = _person(told)
    out = str(told.get("hs_email_optout") or "").lower() == "true"
    at, made = _times(row, told, "lastmodifieddate")
    return Card(f"contact:{number(row.get('id'))}", fields, at, made, words=words, opted_out=out)


def _of_deal(
    ref: str,
    row: Mapping[str, Any],
    people: Iterable[Mapping[str, Any]],
    company: str,
    words: tuple[Word, ...] = (),
) -> Card:
    """The card of a deal, or of a company: the first of its people who has an address stands for it."""
    told = table(row.get("properties"))
    known = [(_person(table(each.get("properties"))), number(each.get("id"))) for each in people]
    fields, whose = next((each for each in known if "email" in each[0]), known[0] if known else ({}, ""))
    named = facts(company=company)
    custom = {"deal": name} if (name := facts(name=told.get("dealname")).get("name")) else {}
    at, made = _times(row, told, "hs_lastmodifieddate")
    also = (f"contact:{whose}",) if whose else ()
    return Card(ref, {**named, **fields}, at, made, custom, words, also=also)


def _person(told: Mapping[str, Any]) -> dict[str, str]:
    name = " ".join(str(told[part]) for part in ("firstname", "lastname") if told.get(part))
    return facts(name=name, **{ours: told[theirs] for theirs, ours in _FACTS.items() if told.get(theirs)})


def _times(row: Mapping[str, Any], told: Mapping[str, Any], name: str) -> tuple[datetime, datetime | None]:
    at = moment(told.get(name)) or moment(row.get("updatedAt"))
    made = moment(told.get("createdate")) or moment(row.get("createdAt"))
    if at is None:
        raise CrmError(because("crm.untold", vendor=NAME), "away")
    return at, made


def _modified(what: str, row: Mapping[str, Any]) -> datetime | None:
    return moment(table(row.get("properties")).get(_CHANGED[what])) or moment(row.get("updatedAt"))


def _words(what: str, row: Mapping[str, Any]) -> tuple[Word, ...]:
    """What the history of its properties says, oldest first."""
    told = table(row.get("propertiesWithHistory"))
    about = f"{what}:{number(row.get('id'))}"
    found = [
        Word(about, kind, str(each["value"]), at)
        for name, kind in _WORDS[what].items()
        for each in tables(told.get(name))
        if each.get("value") and (at := moment(each.get("timestamp")))
    ]
    return tuple(sorted(found, key=lambda word: word.at))


def _ids(told: object, name: str) -> list[str]:
    return [found for each in tables(told) if (found := number(each.get(name)))]
