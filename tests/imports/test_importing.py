"""Imports from the file to the last row: what is read, what is written once, and what is refused with a sentence."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, select

from tests.conftest import Clock
from tests.outreach.scene import REP, Scene, opened
from tests.support import ground
from workers.importers import Importers
from workflow.actions import importing, importing_work, prospects, relations, sources
from workflow.actions.importing import Job
from workflow.actions.importing_work import Edges
from workflow.actions.outreach.spool import Spool
from workflow.errors import BadInput, Conflict
from workflow.imports import cells, sheets
from workflow.imports.options import Options
from workflow.records.db import Database
from workflow.records.imports import ImportJob
from workflow.records.models import Enrollment, History, Prospect
from workflow.reports import doctor, exporting
from workflow.reports import imports as reports
from workflow.reports.scope import Viewer

HEAD = "Имейл;Име;Фирма;Телефон\n"


@pytest.fixture
def scene(database: Database, clock: Clock, place: Path) -> Scene:
    """An installation whose one sequence begins with the first stage."""
    starts = "{when: stage.entered, stage: qualified}"
    ws = opened(
        place, database, folder=ground.folder() / "emails", replaced={starts: "{when: stage.entered, stage: planned}"}
    )
    return Scene(ws, clock, Spool(place / "spool"))


def sent(scene: Scene, place: Path, content: bytes | str, **told: str) -> str:
    """A file as somebody sends it; the id of its job."""
    path = place / "people"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return importing.receive(scene.ws, path, "people.csv", REP, told)


def checked(scene: Scene, job_id: str, **chosen: object) -> Job:
    """The job after its check, with these choices."""
    if chosen:
        importing.choose(scene.ws, job_id, replace(job_of(scene, job_id).options, **chosen))  # type: ignore[arg-type]
    importing.check(scene.ws, job_id, "me")
    importing_work.work(scene.ws, job_id, "me")
    return job_of(scene, job_id)


def run(scene: Scene, job_id: str, edges: Edges | None = None) -> Job:
    """The job after its run."""
    importing.start(scene.ws, job_id, "me")
    importing_work.work(scene.ws, job_id, "me", edges)
    return job_of(scene, job_id)


def job_of(scene: Scene, job_id: str) -> Job:
    with scene.ws.database.read() as tx:
        return importing.job(tx, job_id)


def people(scene: Scene) -> dict[str, str]:
    with scene.ws.database.read() as tx:
        rows = tx.conn.execute(select(Prospect.email, Prospect.name).order_by(Prospect.email))
        return {row.email: row.name for row in rows}


def count(scene: Scene, table: type[Enrollment | History | Prospect]) -> int:
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_file_is_looked_at_written_once_and_named_by_its_bytes_and_choices(scene: Scene, place: Path) -> None:
    known = scene.prospect("known@sink.test", name="Ana", company="Example")
    scene.bar("barred@sink.test")
    begun = count(scene, Enrollment)
    file = (
        f"{HEAD}known@sink.test;Ana Petrova;Example;+359 888 123 456\nnew@sink.test;Нов Човек;Фирма;\n"
        "NEW@sink.test;Same Again;;\nno address;X;;\n;Ana;Example;\n;;;\nbarred@sink.test;B;;\n;Only;Tel;0888 000 111\n"
    )
    job = checked(scene, sent(scene, place, file), double="merge")
    assert job.options.columns == ("email", "name", "company", "phone")
    told = {name: job.found[name] for name in ("new", "known", "repeated", "refused", "barred", "by")}
    assert told == {"new": 4, "known": 2, "repeated": 1, "refused": 1, "barred": 1, "by": {"email": 1, "name": 1}}
    assert len(people(scene)) == 1
    done = run(scene, job.id)
    assert done.state == "done"
    assert people(scene) == {
        "": "Only", "barred@sink.test": "B", "known@sink.test": "Ana", "new@sink.test": "Нов Човек",
    }  # fmt: skip
    assert {**done.counts} == {"made": 3, "barred": 1, "changed": 1, "same": 2, "refused": 1}
    assert scene.prospect_row(known).phone == "+359 888 123 456"
    assert count(scene, Enrollment) == begun
    rows = count(scene, History)
    again = checked(scene, sent(scene, place, file), double="merge")
    with pytest.raises(Conflict, match="imported in the same way before"):
        importing.start(scene.ws, again.id)
    assert checked(scene, again.id, double="skip").found["new"] == 0
    assert run(scene, again.id).counts["skipped"] == 6
    assert count(scene, History) == rows
    # A colleague shares the telephone; whoever gives nothing but the telephone is the one who is known by it.
    shared = checked(scene, sent(scene, place, f"{HEAD}colleague@sink.test;C;Example;0888123456\n;;;0888123456\n"))
    assert (shared.found["new"], shared.found["by"]) == (1, {"phone": 1})
    assert doctor.examine(scene.ws) == ()


def test_sequences_begin_only_when_asked_and_it_says_how_many_mails_that_is(scene: Scene, place: Path) -> None:
    file = "email\n" + "".join(f"p{number}@sink.test\n" for number in range(5))
    job = checked(scene, sent(scene, place, file), start=True)
    with scene.ws.database.read() as tx:
        would = reports.would_start(scene.ws, tx, job.found["reachable"])
    assert (would.sequences, would.mails, sum(number for _, number in would.days)) == (("welcome",), 5, 5)
    assert run(scene, job.id).counts["begun"] == 5
    scene.send()
    assert len(scene.sent) == 5


def test_a_killed_import_goes_on_behind_its_last_batch(
    scene: Scene, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing_work, "BATCH", 10)
    file = "email,name\n" + "".join(f"p{number}@sink.test,P {number}\n" for number in range(45))
    job = checked(scene, sent(scene, place, file))

    class Killed(BaseException):
        pass

    class Kill:
        passed = 0

        def at(self, point: str) -> None:
            self.passed += point == "import.written"
            if self.passed == 3:
                raise Killed

    with pytest.raises(Killed):
        run(scene, job.id, Edges(probe=Kill()))
    assert (len(people(scene)), job_of(scene, job.id).done) == (20, 21)
    assert importing_work.claim(scene.ws, "other") is None
    scene.clock.advance(minutes=2)
    assert importing_work.claim(scene.ws, "other") == job.id
    importing_work.work(scene.ws, job.id, "me")
    assert len(people(scene)) == 20, "whoever lost the lease writes nothing"
    importing_work.work(scene.ws, job.id, "other")
    done = job_of(scene, job.id)
    assert (done.state, done.counts, len(people(scene))) == ("done", {"made": 45}, 45)
    assert count(scene, History) == 45


def test_who_referred_whom_comes_with_the_file_wherever_they_stand_in_it(
    scene: Scene, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By address, id or ref, here or in the file, also below; a name nobody has is refused, and a kill links once."""
    monkeypatch.setattr(importing_work, "BATCH", 2)
    sources.add(scene.ws, "standard", "crm")
    old, left = scene.prospect("old@sink.test"), scene.prospect("left@sink.test")
    file = (
        f"email,name,ref,Referred by\na@sink.test,A,r-1,LAST@sink.test\nb@sink.test,B,r-2,r-1 old@sink.test\n"
        f",C,r-3,{old}\nd@sink.test,D,r-4,nobody@sink.test\ne@sink.test,E,r-5,E@sink.test\n"
        f"left@sink.test,L,,old@sink.test\nlast@sink.test,Z,r-9,\n"
    )
    with scene.ws.database.read() as tx:
        source_id = importing.source_id(tx, "crm")
    job = checked(scene, sent(scene, place, file), source_id=source_id)
    assert job.options.columns == ("email", "name", "ref", "referred_by")
    assert (job.found["referred"], job.found["refused"]) == (4, 2)
    with scene.ws.database.read() as tx:
        refused = {each.row: (each.column, *each.sentences) for each in reports.refused(tx, job.id, "en")}
    assert [(row, column) for row, (column, _said) in refused.items()] == [(5, "Referred by"), (6, "Referred by")]
    assert "Nobody here or in the file is “nobody@sink.test”" in refused[5][1]
    assert "nobody refers themselves" in refused[6][1]

    class Killed(BaseException):
        pass

    class Kill:
        passed = 0

        def at(self, point: str) -> None:
            self.passed += point == "import.linked"
            if self.passed == 2:
                raise Killed

    with pytest.raises(Killed):
        run(scene, job.id, Edges(probe=Kill()))
    scene.clock.advance(minutes=2)
    assert importing_work.claim(scene.ws, "me") == job.id
    importing_work.work(scene.ws, job.id, "me")
    done = job_of(scene, job.id)
    assert (done.state, done.counts) == ("done", {"made": 4, "skipped": 1, "refused": 2, "linked": 4})
    assert _referred(scene) == [("A", "Z"), ("B", "A"), ("B", "old"), ("C", "old")]
    assert scene.history(left) == ["created"], "who was known is left alone"
    again = checked(scene, sent(scene, place, file), source_id=source_id, double="merge")
    assert run(scene, again.id).counts["linked"] == 1
    assert ("L", "old") in _referred(scene)
    assert doctor.examine(scene.ws) == ()


def _referred(scene: Scene) -> list[tuple[str, str]]:
    """Who was referred by whom."""
    header, rows = exporting.table(scene.ws, "prospects")
    people = [dict(zip(header, row, strict=True)) for row in rows]
    names = {one["email"]: one["name"] or one["email"].partition("@")[0] for one in people}
    return sorted((one["name"], names[by]) for one in people for by in one["referred_by"].split())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_clock_works_imports_off_beside_its_ticks(scene: Scene, place: Path) -> None:
    importers = Importers(scene.ws)
    importers.look()
    job_id = sent(scene, place, "email\na@sink.test\n")
    for begin, state in ((importing.check, "checked"), (importing.start, "done")):
        begin(scene.ws, job_id)
        importers.look()
        while job_of(scene, job_id).state in ("checking", "running"):
            importers.look()
        assert job_of(scene, job_id).state == state
    importers.stop()
    assert people(scene) == {"a@sink.test": ""}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_letters_and_delimiters_are_found_out_and_may_be_changed(scene: Scene, place: Path) -> None:
    table = "Имейл{0}Име\nivan@sink.test{0}Иван\n"
    for encoding, delimiter, shown in (
        ("utf-8", ",", "utf-8"), ("utf-8-sig", ";", "utf-8"), ("cp1251", ";", "windows-1251"),
        ("utf-16", "\t", "utf-16"), ("utf-16-le", ";", "utf-16-le"),
    ):  # fmt: skip
        job = job_of(scene, sent(scene, place, table.format(delimiter).encode(encoding)))
        assert (job.options.encoding, job.options.delimiter) == (shown, delimiter)
        assert (job.header, job.head[0]) == (("Имейл", "Име"), ("ivan@sink.test", "Иван"))
    job = job_of(scene, sent(scene, place, "sep=|\r\n" + table.format("|").replace("\n", "\r\n")))
    assert (job.options.delimiter, job.header) == ("|", ("Имейл", "Име")), "as Excel begins a file"
    with pytest.raises(BadInput, match="choose another encoding"):
        sent(scene, place, table.format(";").encode("cp1251"), encoding="utf-8")
    table = table.replace("Имейл", "email").replace("Име", "name")
    wrong = sent(scene, place, table.format(";").encode("cp1251"), encoding="utf-8")
    assert checked(scene, wrong).found["refused"] == 1
    importing.read_anew(scene.ws, wrong, {"encoding": "windows-1251"})
    assert checked(scene, wrong).found["new"] == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_dates_and_decimals_are_asked_where_the_file_leaves_them_open(scene: Scene, place: Path) -> None:
    file = 'email;Met;Budget\na@sink.test;03/04/2026;"1.234"\nb@sink.test;05/06/2026;"2.000"\n'
    job = checked(scene, sent(scene, place, file))
    assert job.options.columns[1:] == ("date:custom.Met", "number:custom.Budget")
    assert job.found["questions"] == ["dates", "decimals"]
    with pytest.raises(BadInput, match="the day or the month"):
        importing.start(scene.ws, job.id)
    job = checked(scene, job.id, date_order="dmy", decimal=",")
    assert (job.found["questions"], job.found.get("refused", 0)) == ([], 0)
    run(scene, job.id)
    told = checked(scene, sent(scene, place, 'email;Met;Budget\nc@sink.test;31/12/25;"1.234,50 лв."\n'))
    assert (told.options.date_order, told.options.decimal) == ("dmy", ",")
    assert told.options.columns[1] == "date:custom.Met", "remembered from the same header"
    run(scene, told.id)
    with scene.ws.database.read() as tx:
        kept = {row.email[0]: row.custom for row in tx.conn.execute(select(Prospect.email, Prospect.custom))}
    assert kept["a"] == {"Met": "2026-04-03", "Budget": 1234}
    assert kept["c"] == {"Met": "2025-12-31", "Budget": 1234.5}
    endless = checked(scene, sent(scene, place, f"email;Budget\nd@sink.test;{'1' * 400},5\ne@sink.test;1,5\n"))
    endless = checked(scene, endless.id, columns=("email", "number:custom.Budget"))
    assert endless.found["refused"] == 1


def test_refused_rows_come_back_in_a_file_that_can_be_mended_and_sent_again(scene: Scene, place: Path) -> None:
    file = 'email,name,country\nbad,"A, the first",Nowhere\n=cmd,B,BG\ngood@sink.test,C,Bulgaria,stray\n'
    job = checked(scene, sent(scene, place, file))
    assert job.found["refused"] == 3
    header, rows = reports.refused_file(scene.ws, job.id, job.header, "bg")
    written = b"".join(cells.as_csv(header, rows))
    lines = list(csv.reader(io.StringIO(written.decode("utf-8-sig"))))
    assert lines[0] == ["Ред", "Колона", "Проблем", "email", "name", "country"]
    assert lines[1][:2] == ["2", "email, country"]
    assert "не е имейл адрес" in lines[1][2]
    assert lines[2][3] == "'=cmd"
    mended = written.replace(b"bad", b"a@sink.test").replace(b"'=cmd", b"b@sink.test").replace(b"Nowhere", b"BG")
    again = checked(scene, sent(scene, place, mended))
    assert (again.found["new"], again.found.get("refused", 0)) == (3, 0)
    run(scene, again.id)
    assert set(people(scene)) == {"a@sink.test", "b@sink.test", "good@sink.test"}


def test_what_is_exported_can_be_imported_again_and_changes_nothing(scene: Scene, place: Path) -> None:
    for number, name in enumerate(("=1+1", "+359", "-x", "@home", "'quoted", "Иван, „Петров“\n2", "Plain")):
        prospects.create(
            scene.ws,
            {"email": f"p{number}@sink.test", "name": name.replace("\n", " ")},
            {"Note": name, "n": number},
            REP,
        )
    before = count(scene, History)
    for form in ("csv", "xlsx"):
        header, rows = exporting.table(scene.ws, "prospects")
        out = io.BytesIO()
        if form == "csv":
            out.writelines(cells.as_csv(header, rows))
            table = list(csv.reader(io.StringIO(out.getvalue().decode("utf-8-sig"))))
        else:
            sheets.write(out, header, rows)
            sheet = load_workbook(io.BytesIO(out.getvalue())).active
            assert sheet is not None
            assert {cell.data_type for line in sheet.iter_rows() for cell in line} <= {"s", "n", "inlineStr"}
            table = [[str(value or "") for value in line] for line in sheet.values]
        assert not [cell for line in table for cell in line if cell.startswith(("=", "+", "-", "@"))]
        job = checked(scene, sent(scene, place, out.getvalue()), double="update")
        assert (job.found["known"], job.found["by"]) == (7, {"id": 7})
        assert run(scene, job.id).counts == {"same": 7}
    assert count(scene, History) == before
    with scene.ws.database.read() as tx:
        first, second = tx.conn.execute(select(Prospect.id).order_by(Prospect.id).limit(2)).scalars().all()
    relations.link(scene.ws, first, second, "referral", REP)
    viewer = Viewer("", "admin")
    header, rows = exporting.table(scene.ws, "prospects", viewer)
    by = [dict(zip(header, row, strict=True))["referred_by"] for row in rows]
    assert by == ["", "p0@sink.test", *[""] * 5]
    for what in ("touches", "history", "relations"):
        header, rows = exporting.table(scene.ws, what, viewer)
        told = [dict(zip(header, row, strict=True)) for row in rows]
        assert told or what == "touches"
    assert [(one["prospect_id"], one["other_id"], one["kind"]) for one in told] == [(first, second, "referral")]


def _zip(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(f"xl/{name}.xml", content)
    return out.getvalue()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_no_table_is_refused_in_one_sentence(scene: Scene, place: Path) -> None:
    for content, sentence in (
        (b"", "The file is empty"),
        (b"\xef\xbb\xbf\n\n", "The file is empty"),
        (b"email,name\n", "nothing below it"),
        (b"email,Email\na@sink.test,b\n", "is there 2 times"),
        (",".join(f"c{number}" for number in range(1000)).encode() + b"\n1\n", "more than 200 columns"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 100, "old .xls file"),
        (b"\x7fELF\x00\x01\x02\x00\x00" * 50, "zero bytes"),
        (b"PK\x03\x04 not a zip at all", "cannot be read"),
        (_zip(workbook=b"<a/>"), "cannot be read"),
        (_zip(workbook=b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "no spreadsheet needs"),
        (_zip(sharedStrings=b" " * 80_000_000), "far too much"),
        (("email" * 100 + "\n1\n").encode(), "a long text"),
    ):
        with pytest.raises(BadInput, match=sentence):
            sent(scene, place, content)
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(ImportJob.id)).all() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_odd_rows_cost_nobody_else_their_place(scene: Scene, place: Path) -> None:
    file = (
        'email,name,note\n"quoted@sink.test","Two\nlines","x\ny"\nlong@sink.test,L,' + "y" * 50_000 + "\n"
        'zero@sink.test,N\x00ul,z\nodd@sink.test,"a"b,q\nlast@sink.test,Last,\n"open@sink.test,never closed,\n1,2,3\n'
    )
    job = checked(scene, sent(scene, place, file))
    with scene.ws.database.read() as tx:
        refused = {each.row: each.sentences[0] for each in reports.refused(tx, job.id, "en")}
    assert refused[3].startswith("The cell has 50000 signs")
    assert "quotes" in refused[5].casefold()
    assert "never closed" in refused[7]
    run(scene, job.id)
    assert people(scene) == {"last@sink.test": "Last", "quoted@sink.test": "Two lines", "zero@sink.test": "Nul"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_columns_of_our_own_are_never_set_by_a_file(scene: Scene, place: Path) -> None:
    file = "email,stage,owner_id,version,is_admin,suppressed\na@sink.test,closed,x,9,yes,yes\n"
    job = checked(scene, sent(scene, place, file))
    assert job.options == Options(encoding="utf-8", delimiter=",", columns=("email", "", "", "", "", ""))
    run(scene, job.id)
    with scene.ws.database.read() as tx:
        row = tx.conn.execute(select(Prospect.stage, Prospect.version, Prospect.owner_id, Prospect.custom)).one()
    assert tuple(row) == ("planned", 1, None, {})
    for columns in (("stage", *[""] * 5), ("email", "email", *[""] * 4), ("", *[""] * 5)):
        with pytest.raises(BadInput):
            importing.choose(scene.ws, job.id, replace(job.options, columns=columns))


def test_a_spreadsheet_keeps_its_dates_numbers_and_sheets(scene: Scene, place: Path) -> None:
    book = Workbook()
    first = book.active
    assert first is not None
    first.title = "Notes"
    first.append(["nothing"])
    sheet = book.create_sheet("Хора")
    sheet.append(["Имейл", "Телефон", "Цена", "Дата"])
    sheet.append(["a@sink.test", 359888123456, 12.5, date(2026, 4, 3)])
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(BadInput, match="nothing below it"):
        sent(scene, place, out.getvalue())
    job = checked(scene, sent(scene, place, out.getvalue(), sheet="Хора"))
    run(scene, job.id)
    with scene.ws.database.read() as tx:
        row = tx.conn.execute(select(Prospect.phone, Prospect.custom)).one()
    assert tuple(row) == ("359888123456", {"Цена": 12.5, "Дата": "2026-04-03"})
