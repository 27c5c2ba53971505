"""Pipedrive by its API v2: persons, deals and organizations as the webhooks of the kind name them.

A person is a prospect under its bare id, as in the adapter; a deal belongs to its person. Sources:
developers.pipedrive.com (API v2: deals, persons, organizations, stages) and "Rate limiting" there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from workflow.crm.api import Api, moment, number, table, tables
from workflow.crm.port import ID, STAGE, STATUS, Card, CrmError, Deal, Page, Stage, Word, facts
from workflow.engine.reasons import because
from workflow.ids import is_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

BASE: Final = "https://api.pipedrive.com"
NAME: Final = "Pipedrive"
ENDS: Final = ("won", "lost")
"""What can be written instead of the id of a stage: the deal ends so."""
_PAGE: Final = 100
_TIMES: Final = {"won": "won_time", "lost": "lost_time"}


def room(headers: Mapping[str, str]) -> float:
    """How long to wait before the next call: the rest of the window of two seconds, once it is used up."""
    if headers.get("x-ratelimit-remaining", "1") != "0":
        return 0.0
    rest = headers.get("x-ratelimit-reset", "")
    return float(rest) if rest.isdecimal() else 2.0


def api(token: str, **parts: Any) -> Api:  # noqa: ANN401 - the parts of an Api
    """The account that a personal API token opens."""
    return Api(**{"name": NAME, "base": BASE, "auth": {"x-api-token": token}, "room": room, **parts})


@dataclass(frozen=True, slots=True)
class Pipedrive:
    """An account at Pipedrive."""

    api: Api

    def look_up(self, ref: str) -> Card | None:
        """Who an object is about."""
        what, _, about = ref.rpartition(":")
        if what not in ("", "person", "deal", "organization") or not ID.fullmatch(about):
            return None
        try:
            if what == "deal":
                return next(iter(self._of_deals([self._one("deals", about)], ref)), None)
            if what == "organization":
                people = self._list("persons", org_id=about, limit="1")
                return next(iter(self._of_people(people, ref)), None)
            return next(iter(self._of_people([self._one("persons", about)])), None)
        except CrmError as error:
            if error.kind == "missing":
                return None
            raise

    def changed(self, since: datetime) -> Iterator[Page]:
        """Persons first: they say who the deals are about."""
        stamp = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for what in ("persons", "deals"):
            cursor = ""
            while True:
                told = self.api.get(
                    f"/api/v2/{what}", updated_since=stamp, sort_by="update_time", sort_direction="asc",
                    limit=str(_PAGE), cursor=cursor,
                )  # fmt: skip
                rows = tables(told.get("data"))
                if rows:
                    cards = self._of_people(rows) if what == "persons" else self._of_deals(rows)
                    yield Page(
                        cards, max((at for row in rows if (at := moment(row.get("update_time")))), default=since)
                    )
                cursor = str(table(told.get("additional_data")).get("next_cursor") or "")
                if not cursor:
                    break

    def deal(self, refs: Sequence[str]) -> Deal | None:
        """The deal of a prospect: one named by itself, else the open one of its person that changed last."""
        named = [ref.removeprefix("deal:") for ref in refs if ref.startswith("deal:")]
        found = self._list("deals", ids=",".join(named[:_PAGE])) if named else []
        for person in [ref for ref in refs if ID.fullmatch(ref)] if not found else ():
            sort = {"sort_by": "update_time", "sort_direction": "desc"}
            found += self._list("deals", person_id=person, status="open", limit="5", **sort)
        if not found:
            return None

        def rank(each: Mapping[str, Any]) -> tuple[bool, float]:
            at = moment(each.get("update_time"))
            return each.get("status") == "open", at.timestamp() if at else 0.0

        chosen = max(found, key=rank)
        return Deal(number(chosen.get("id")), _words(chosen))

    def write(self, deal_id: str, value: str) -> Word:
        """Set the stage of a deal, or end it as won or lost."""
        kind = self.kind_of(value)
        if not ID.fullmatch(deal_id):
            raise CrmError(because("crm.gone", vendor=NAME), "missing")
        body: dict[str, Any] = {"stage_id": int(value)} if kind == STAGE else {"status": value}
        told = table(self.api.patch(f"/api/v2/deals/{deal_id}", body).get("data"))
        said = next((each for each in _words(told) if each.kind == kind and each.value == value), None)
        at = said.at if said else moment(told.get("update_time"))
        if at is None:
            raise CrmError(because("crm.untold", vendor=NAME), "away")
        return Word(f"deal:{deal_id}", kind, value, at)

    def kind_of(self, value: str) -> str:
        """A stage, or the end of a deal."""
        if value in ENDS:
            return STATUS
        if not ID.fullmatch(value):
            raise CrmError(because("crm.stage", vendor=NAME), "refused")
        return STAGE

    def stages(self) -> tuple[Stage, ...]:
        """All stages of all pipelines, and the two ways in which a deal ends."""
        pipelines = {number(each.get("id")): str(each.get("name")) for each in self._list("pipelines", limit="100")}
        stages = self._list("stages", limit="500")
        known = tuple(
            Stage(number(each.get("id")), f"{pipelines.get(number(each.get('pipeline_id')), '')}: {each.get('name')}")
            for each in stages
        )
        return (*known, *(Stage(each, each) for each in ENDS))

    def _one(self, what: str, about: str) -> dict[str, Any]:
        return table(self.api.get(f"/api/v2/{what}/{about}").get("data"))

    def _list(self, what: str, **query: str) -> list[dict[str, Any]]:
        return tables(self.api.get(f"/api/v2/{what}", **query).get("data"))

    def _many(self, what: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The objects with these ids, each once; what is gone is left out."""
        found: dict[str, dict[str, Any]] = {}
        unique = [each for each in dict.fromkeys(ids) if each]
        for start in range(0, len(unique), _PAGE):
            some = unique[start : start + _PAGE]
            found |= {number(each.get("id")): each for each in self._list(what, ids=",".join(some), limit=str(_PAGE))}
        return found

    def _of_people(self, rows: Sequence[Mapping[str, Any]], ref: str = "") -> tuple[Card, ...]:
        firms = self._many("organizations", [number(row.get("org_id")) for row in rows])
        return tuple(_person(row, firms, ref) for row in rows if number(row.get("id")))

    def _of_deals(self, rows: Sequence[Mapping[str, Any]], ref: str = "") -> tuple[Card, ...]:
        """A deal tells of its person; without one it stands for itself."""
        people = self._many("persons", [number(row.get("person_id")) for row in rows])
        firms = self._many("organizations", [number(row.get("org_id")) for row in (*rows, *people.values())])
        cards = []
        for row in rows:
            about = number(row.get("id"))
            person = people.get(number(row.get("person_id")))
            own = _own(row)
            if person is not None:
                card = _person(person, firms, own or ref)
                known, fields = card.ref, dict(card.fields)
            else:
                known, fields = own or ref or f"deal:{about}", {}
            firm = facts(company=table(firms.get(number(row.get("org_id")))).get("name"))
            custom = {"deal": name} if (name := facts(name=row.get("title")).get("name")) else {}
            at = moment(row.get("update_time")) or moment(row.get("add_time"))
            if at is None:
                raise CrmError(because("crm.untold", vendor=NAME), "away")
            cards.append(Card(known, {**firm, **fields}, at, moment(row.get("add_time")), custom, _words(row)))
        return tuple(cards)


def _person(row: Mapping[str, Any], firms: Mapping[str, Mapping[str, Any]], ref: str) -> Card:
    about = number(row.get("id"))
    told = facts(
        name=row.get("name"),
        email=_primary(row, "emails"),
        phone=_primary(row, "phones"),
        company=table(firms.get(number(row.get("org_id")))).get("name"),
        title=row.get("job_title"),
    )
    at = moment(row.get("update_time")) or moment(row.get("add_time"))
    if at is None:
        raise CrmError(because("crm.untold", vendor=NAME), "away")
    return Card(_own(row) or ref or about, told, at, moment(row.get("add_time")))


def _words(row: Mapping[str, Any]) -> tuple[Word, ...]:
    """Its stage, and how it ended. That a deal is open is no news."""
    about, found = f"deal:{number(row.get('id'))}", []
    stage, status = number(row.get("stage_id")), str(row.get("status") or "")
    at = moment(row.get("stage_change_time")) or moment(row.get("add_time"))
    if stage and at:
        found.append(Word(about, STAGE, stage, at))
    ended = moment(row.get(_TIMES.get(status, "")))
    if ended:
        found.append(Word(about, STATUS, status, ended))
    return tuple(sorted(found, key=lambda word: word.at))


def _primary(row: Mapping[str, Any], name: str) -> object:
    rows = tables(row.get(name))
    chosen = next((each for each in rows if each.get("primary")), rows[0] if rows else {})
    return chosen.get("value")


def _own(row: Mapping[str, Any]) -> str:
    """The id of a prospect of ours that a field of the company's own holds."""
    for value in table(row.get("custom_fields")).values():
        told = str(value.get("value") if isinstance(value, dict) else value).removeprefix("prospect-")
        if is_id(told):
            return told
    return ""
