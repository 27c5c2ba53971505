"""The exported history: whole as it leaves, refused with any byte changed, and proved by a digest kept elsewhere."""

from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from tests.web.fixtures import Sender
from workflow import ids
from workflow.engine.signals import FIELDS
from workflow.errors import NotFound
from workflow.records.chain import digest
from workflow.records.models import History, Prospect
from workflow.reports import bundle, check_history
from workflow.workspace import Workspace

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
Lines = list[list[Any]]


@pytest.fixture
def told(ws: Workspace, crm: Sender) -> Workspace:
    """Three prospects: one with a life, one Bulgarian, one of a single row."""
    crm.tell("call.ended", data={"minutes": 12.5})
    crm.tell("move.requested", data={"trigger": "qualify"})
    crm.tell(
        "prospect.upserted", "ana@example.com", prospect={"email": "ana@example.com", "name": 'A "B" \\ <c>\u00a0é'}
    )
    crm.tell("move.requested", data={"trigger": "close", "outcome": "lost", "reason": "price"})
    crm.tell("prospect.upserted", prospect={"email": "boris@example.com", "name": "Борис", "city": "Русе"})
    crm.tell("answers.recorded", "boris@example.com", data={"answers": {"challenge": "Ден\nи нощ"}})
    crm.tell("prospect.upserted", prospect={"email": "vera@example.com"})
    return ws


def exported(ws: Workspace, prospect: str | None = None) -> tuple[bytes, bundle.Exported]:
    lines: list[bytes] = []
    with ws.database.read() as tx:
        done = bundle.export(tx, lines.append, bundle.find(tx, prospect) if prospect else None)
    return b"".join(lines), done


def refusal(content: bytes, expect: str = "") -> str:
    """Why the checker refuses `content`."""
    with pytest.raises(check_history.Altered) as found:
        check_history.check(content.splitlines(keepends=True), expect)
    return str(found.value)


def parsed(content: bytes) -> Lines:
    return [json.loads(line) for line in content.splitlines()]


def rows(lines: Lines, kind: str = "history") -> list[dict[str, Any]]:
    return [row for name, row in lines if name == kind]


def sealed(lines: Lines) -> bytes:
    """The lines with a manifest and a seal that fit them, as a forger would write them."""
    body = [each for each in lines if each[0] not in ("manifest", "seal")]
    told = check_history.Told()
    for name, row in body:
        told.add(name, _line(name, row))
        if name == "prospect":
            told.heads.update(f"{row['id']} {row['version']} {row['chain']}\n".encode())
    content = b"".join(_line(name, row) for name, row in [*body, ["manifest", told.manifest()]])
    return content + _line("seal", {"sha256": hashlib.sha256(content).hexdigest()})


def _line(kind: str, row: Any) -> bytes:
    written = json.dumps([kind, row], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"{written}\n".encode()


def chained(lines: Lines) -> Lines:
    """The lines with every digest of every chain made anew, and the prospects' heads with them."""
    before = ""
    for name, row in lines:
        if name == "history":
            before = row["digest"] = digest(before, row)
        elif name == "prospect":
            row["chain"], before = before, ""
    return lines


def test_what_is_exported_is_whole(told: Workspace) -> None:
    content, done = exported(told)
    found = check_history.check(content.splitlines(keepends=True), done.digest)
    lines = parsed(content)
    with told.database.read() as tx:
        heads = tx.conn.execute(select(Prospect.id, Prospect.version, Prospect.chain).order_by(Prospect.id)).all()
    written = "".join(f"{row.id} {row.version} {row.chain}\n" for row in heads)
    assert found.heads.hexdigest() == done.digest == hashlib.sha256(written.encode()).hexdigest()
    assert (done.prospects, done.rows) == (3, sum(row.version for row in heads)) == (3, len(rows(lines)))
    assert rows(lines, "playbook")[0]["digest"] == told.playbooks.current.digest
    assert {row["name"] for row in rows(lines, "prospect")} == {'A "B" \\ <c> é', "Борис", ""}
    assert rows(lines, "prospect")[0]["outcome"] == "lost"


def test_the_form_that_is_written_down_is_the_form_that_is_kept() -> None:
    """A column more in the table would change every digest there is: it must stay outside the chain."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "history.md").read_text()
    sentence = page.partition("an object with exactly these keys: ")[2].partition(". Versions")[0]
    assert re.findall("`([a-z_]+)`", sentence) == [column.name for column in History.__table__.columns]
    assert re.findall("`([^`]+)`", page.partition("| `header` | one, first | ")[2])[1] == bundle.FORMAT
    assert check_history.FORMAT == bundle.FORMAT
    assert check_history.TEXTS == FIELDS


def test_two_exports_of_one_state_have_one_digest(told: Workspace, crm: Sender) -> None:
    first = exported(told)[1].digest
    assert exported(told)[1].digest == first
    crm.tell("call.ended", "vera@example.com")
    assert exported(told)[1].digest != first


def test_one_prospect_can_be_exported_alone(told: Workspace) -> None:
    for named in ("BORIS@example.com", rows(parsed(exported(told)[0]), "prospect")[1]["id"]):
        content, done = exported(told, named)
        check_history.check(content.splitlines(keepends=True), done.digest)
        assert [row["email"] for row in rows(parsed(content), "prospect")] == ["boris@example.com"]
        assert rows(parsed(content), "header")[0]["prospect"] == rows(parsed(content), "prospect")[0]["id"]
    for unknown in ("nobody@example.com", ids.new_id(), "not an address"):
        with pytest.raises(NotFound):
            exported(told, unknown)


@SQLITE
def test_any_changed_byte_is_found(told: Workspace) -> None:
    content = exported(told)[0]
    chance = random.Random(7)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= chance.randrange(1, 256)
        refusal(bytes(changed))


@SQLITE
def test_any_byte_too_many_or_too_few_is_found(told: Workspace) -> None:
    content = exported(told)[0]
    chance = random.Random(8)
    for place in chance.sample(range(len(content)), 1500):
        refusal(content[:place] + content[place + 1 :])
        refusal(content[:place] + bytes([chance.randrange(256)]) + content[place:])
    for place in chance.sample(range(len(content)), 300):
        refusal(content[:place])
    refusal(b"")
    refusal(content + content)
    refusal(content + b"\n")


@SQLITE
def test_the_first_altered_row_is_named(told: Workspace) -> None:
    """Even where the forger made manifest and seal anew, and for every field of every row."""
    content = exported(told)[0]
    for number, whole in enumerate(rows(parsed(content))):
        for name in whole:
            lines = parsed(content)
            row = rows(lines)[number]
            row[name] = {"other": 1} if isinstance(row[name], dict) else f"{row[name]}0" if name != "version" else 99
            sentence = refusal(sealed(lines))
            assert f"version {whole['version']} of prospect" in sentence
            assert whole["prospect_id"] in sentence


@SQLITE
def test_every_field_of_a_prospect_is_held_to_its_history(told: Workspace) -> None:
    content = exported(told)[0]
    for name in rows(parsed(content), "prospect")[1]:
        lines = parsed(content)
        row = rows(lines, "prospect")[1]
        row[name] = {"other": 1} if isinstance(row[name], dict) else f"{row[name]}0"
        sentence = refusal(sealed(lines))
        assert row["id"] in sentence
        assert name in sentence or name == "id"


@SQLITE
@pytest.mark.parametrize("forge", ["remove", "repeat", "swap", "drop the last", "move to another"])
def test_rows_removed_inserted_or_moved_are_found(told: Workspace, forge: str) -> None:
    lines = parsed(exported(told)[0])
    places = [number for number, (name, _) in enumerate(lines) if name == "history"]
    first = places[1]
    if forge == "remove":
        del lines[first]
    elif forge == "repeat":
        lines.insert(first, lines[first])
    elif forge == "swap":
        lines[first], lines[first + 1] = lines[first + 1], lines[first]
    elif forge == "drop the last":
        del lines[places[-1]]
    else:
        lines.insert(places[-1], lines.pop(first))
    assert "prospect" in refusal(sealed(lines)).lower()
    assert "prospect" in refusal(sealed(chained(lines))).lower()


@SQLITE
@pytest.mark.parametrize("without", ["header", "manifest", "seal", "prospect"])
def test_a_missing_part_is_found(told: Workspace, without: str) -> None:
    """A seal that fits does not stand in for a manifest, nor a manifest for a header."""
    body = [each for each in parsed(exported(told)[0]) if each[0] not in (without, "seal")]
    content = b"".join(_line(*each) for each in body)
    refusal(content if without == "seal" else content + _line("seal", {"sha256": hashlib.sha256(content).hexdigest()}))


@SQLITE
@pytest.mark.parametrize("part", ["counts", "digest", "sha256"])
def test_a_manifest_of_another_file_is_found(told: Workspace, part: str) -> None:
    """Even under a seal that fits it."""
    lines = parsed(exported(told)[0])
    other = rows(parsed(exported(told, "vera@example.com")[0]), "manifest")[0]
    rows(lines, "manifest")[0][part] = other[part]
    content = b"".join(_line(*each) for each in lines[:-1])
    assert "manifest" in refusal(content + _line("seal", {"sha256": hashlib.sha256(content).hexdigest()}))


@SQLITE
def test_prospects_out_of_their_order_are_found(told: Workspace) -> None:
    """In another order the same heads would have another digest."""
    lines = parsed(exported(told)[0])
    assert [name for name, _ in lines[-4:-2]] == ["history", "prospect"]
    last = lines[-4:-2]
    del lines[-4:-2]
    first = next(number for number, (name, _) in enumerate(lines) if name == "history")
    lines[first:first] = last
    assert "not in its place" in refusal(sealed(lines))


def _actor(lines: Lines) -> None:
    rows(lines)[1]["actor"] = "rep:somebody else"


def _last_row_gone(lines: Lines) -> None:
    places = [number for number, (name, _) in enumerate(lines) if name == "history"]
    row = rows(lines, "prospect")[1]
    del lines[places[-2]]
    before = rows(lines)[-2]
    row["version"], row["updated_at"] = before["version"], before["at"]


def _person_gone(lines: Lines) -> None:
    del lines[-4:-2]


@SQLITE
@pytest.mark.parametrize("forge", [_actor, _last_row_gone, _person_gone])
def test_a_perfect_forgery_is_found_by_the_digest_kept_elsewhere(
    told: Workspace, forge: Callable[[Lines], None]
) -> None:
    """Whoever can make every digest anew cannot make the one that somebody else wrote down."""
    content, done = exported(told)
    lines = parsed(content)
    forge(lines)
    forged = sealed(chained(lines))
    check_history.check(forged.splitlines(keepends=True))
    assert done.digest in refusal(forged, done.digest)


@pytest.mark.parametrize(
    "content",
    [b"\xff\n", b"null\n", b"[]\n", b'["header"]\n', b'["header",[]]\n', b'["nonsense",{}]\n', b"[" * 100_000,
     b'["history",null]\n', b'["seal",{}]\n', b"\n", '["header",{}]\n'.encode("utf-16"), b"1" * 10_000],
)  # fmt: skip
def test_what_is_no_bundle_is_refused_in_a_sentence(content: bytes) -> None:
    assert refusal(content).endswith(".")


def test_the_checker_stands_alone(told: Workspace, tmp_path: Path) -> None:
    """A copy of the one file, an interpreter without site packages, and no installation."""
    content, done = exported(told)
    checker = tmp_path / "check_history.py"
    checker.write_bytes(Path(check_history.__file__).read_bytes())
    (tmp_path / "whole").write_bytes(content)
    (tmp_path / "altered").write_bytes(content.replace(b"qualify", b"Qualify", 1))

    def run(*words: str) -> tuple[int, str]:
        argv = [sys.executable, "-I", "-S", "check_history.py", *words]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert run("whole", "--expect", done.digest)[0] == 0
    assert done.digest in run("whole")[1]
    assert run("altered")[0] == 1
    assert "was altered" in run("altered")[1] or "as it was written" in run("altered")[1]
    assert run("whole", "--expect", "0" * 64)[0] == 1
    assert run("nowhere")[0] == 2


@SQLITE
def test_it_keeps_one_prospect_in_memory_not_all(ws: Workspace, crm: Sender) -> None:
    """Four times as many prospects take no more memory."""

    def fill(many: int) -> None:
        with ws.database.write() as tx:
            person = tx.conn.execute(select(*Prospect.__table__.columns)).first()._asdict()  # type: ignore[union-attr]
            link = tx.conn.execute(select(*History.__table__.columns)).first()._asdict()  # type: ignore[union-attr]
            people = [{**person, "id": ids.new_id(), "email": "", "email_key": None} for _ in range(many)]
            tx.conn.execute(insert(Prospect), people)
            links = [{**link, "prospect_id": each["id"], "version": v} for each in people for v in range(1, 4)]
            tx.conn.execute(insert(History), links)

    def peak() -> int:
        with ws.database.read() as tx:
            tracemalloc.start()
            bundle.export(tx, len)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most

    crm.tell("prospect.upserted")
    fill(500)
    peak()
    few = peak()
    fill(1_500)
    assert peak() < few * 1.5


def test_a_row_altered_in_the_database_is_found_in_the_export(told: Workspace) -> None:
    with told.database.write() as tx:
        tx.conn.execute(update(History).where(History.version == 2, History.kind == "call.ended").values(actor="else"))
    assert "version 2 of prospect" in refusal(exported(told)[0])


@SQLITE
@pytest.mark.parametrize(("column", "value"), [("at", "yesterday"), ("changes", "{")])
def test_a_row_that_cannot_be_read_is_said_so(told: Workspace, column: str, value: str) -> None:
    statements = {"at": "UPDATE history SET at = :value", "changes": "UPDATE history SET changes = :value"}
    with told.database.write() as tx:
        tx.conn.execute(text(statements[column]), {"value": value})
    with pytest.raises(bundle.Unreadable):
        exported(told)
