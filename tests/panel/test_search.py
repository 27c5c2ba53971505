"""The search finds people by any part of what is known of them, in Cyrillic and in Latin, on both databases alike."""

from __future__ import annotations

import random
from collections.abc import Collection

import pytest
from sqlalchemy import delete, select

from tests.panel.scene import CRM, Scene
from workflow import search
from workflow.actions import prospects
from workflow.records.models import History, Prospect
from workflow.reports import finding
from workflow.workspace import Workspace

CAST = {
    "tsvetan": {"name": "Цветан Живков", "company": "Щастие ООД", "phone": "+359 88 812 3456"},
    "petar": {"name": "Petur Zheliazkov", "company": "100% Wool", "email": "pz@jivko.example"},
    "petar2": {"name": "Петър Йорданов", "email": "boss@shumen.example", "phone": "0888 765 432"},
    "mikhail": {"name": "Mikhail Khristov", "company": "Ксилофон"},
    "anna": {"name": "Anna Weiß", "company": "Kühne_Glas"},
}
FOUND = {
    # Any part, in either case.
    "ветан": "tsvetan", "ЦВЕТ": "tsvetan", "shumen.ex": "petar2", "boss@": "petar2", "Mik": "mikhail",
    # Cyrillic that was written in Latin, by the law and by custom, and the other way round.
    "Tsvetan Zhivkov": "tsvetan", "cvetan jivkov": "tsvetan", "shtastie": "tsvetan", "петър": "petar petar2",
    "petur": "petar petar2", "Petar": "petar2", "Желязков": "petar", "Zhelyazkov": "petar",
    "Iordanov": "petar2", "Yordanov": "petar2", "jordan": "petar2", "Михаил Христов": "mikhail",
    "Christov": "mikhail", "xilofon": "mikhail", "ksilofon": "mikhail", "Анна Weiss": "anna", "kuhne": "anna",
    # A number, however it is written.
    "0888123456": "tsvetan", "+359888123456": "tsvetan", "00359 88 812": "tsvetan", "812 34": "tsvetan",
    "+359 888 765-432": "petar2",
    # Signs that mean something to a database mean nothing here.
    "100%": "petar", "%": "petar", "e_g": "anna", '"': "", "' OR 1=1": "", "АБВГД": "",
}  # fmt: skip


def test_people_are_found_by_any_part_in_any_spelling(scene: Scene) -> None:
    made = _make(scene.ws)
    for wanted, keys in FOUND.items():
        assert _found(scene.ws, wanted) == set(keys.split()), wanted
    # What is changed is found by its new words only, and what is gone by none.
    prospects.edit(scene.ws, made["mikhail"], {"name": "Борис"}, {}, CRM)
    assert (_found(scene.ws, "Mikhail"), _found(scene.ws, "boris")) == (set(), {"mikhail"})
    with scene.ws.database.write() as tx:
        tx.conn.execute(delete(History).where(History.prospect_id == made["anna"]))
        tx.conn.execute(delete(Prospect).where(Prospect.id == made["anna"]))
    assert _found(scene.ws, "kuhne") == set()


@pytest.mark.parametrize(("limit", "number"), [("_MANY", 1), ("_RARE", 0), ("_RARE", finding._RARE)])
def test_the_index_finds_what_the_texts_say(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, limit: str, number: int
) -> None:
    """Random parts of random texts, whether they are taken from the index or looked at one by one."""
    monkeypatch.setattr(finding, limit, number)
    _make(scene.ws)
    with scene.ws.database.read() as tx:
        texts = {row.custom["key"]: row.search for row in tx.conn.execute(select(Prospect.custom, Prospect.search))}
    dice = random.Random(7)
    for _ in range(60):
        whole = dice.choice(list(texts.values()))
        begin = dice.randrange(len(whole) - 1)
        wanted = whole[begin : begin + dice.randrange(1, 9)]
        assert _found(scene.ws, wanted) == {key for key, told in texts.items() if _says(told, wanted)}, wanted


def test_what_is_searched_fits_an_index_and_loses_no_letter_as_it_was_written() -> None:
    long = search.searchable("щ" * 200, "Жълъди " * 28, f"{'x' * 240}@example.com", "+359" * 20)
    assert len(long.encode()) <= 2_000
    assert f"{'x' * 240}@example.com" in long


def _make(ws: Workspace) -> dict[str, str]:
    return {key: prospects.create(ws, facts, {"key": key}, CRM).prospect_id for key, facts in CAST.items()}


def _found(ws: Workspace, wanted: str) -> Collection[str]:
    with ws.database.read() as tx:
        found = select(Prospect.custom).where(*finding.found_by(tx, wanted), Prospect.custom.is_not(None))
        return {str(row.custom["key"]) for row in tx.conn.execute(found) if "key" in row.custom}


def _says(told: str, wanted: str) -> bool:
    return all(any(form in told for form in term) for term in search.terms(wanted))
