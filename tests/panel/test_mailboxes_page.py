"""Settings > Mailboxes: try out, pause, add and change without showing a secret; and a rep who is away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from tests.outreach.test_mailboxes import KEY
from tests.panel.scene import Scene, Visitor
from tests.support.imapd import ImapServerProcess
from tests.support.smtpd import Behaviour, SmtpSink
from workers import notes
from workflow.actions import mailboxes, sealing
from workflow.mail.dkim import Signer
from workflow.records.db import Record
from workflow.records.models import Mailbox, Reading, Rep

PASSWORD = "canary-4711"
AT = "/settings/mailboxes"


def row(scene: Scene, name: str) -> Record:
    with scene.ws.database.read() as tx:
        return tx.conn.execute(select(*Mailbox.__table__.columns).where(Mailbox.name == name)).one()


def secrets(scene: Scene, name: str) -> dict[str, str]:
    with scene.ws.database.read() as tx:
        return dict(sealing.unseal(scene.ws, tx, row(scene, name).secrets))


def add(scene: Scene, smtp: str = "smtp://localhost:2525", **told: str) -> str:
    return mailboxes.add(scene.ws, "maria", "Maria <maria@example.com>", {"smtp_url": smtp, **told})


def statuses(page: str) -> list[str]:
    """What the test of a mailbox said, line by line."""
    said = re.search(r'<div role="status">(.*?)</div>', page, re.DOTALL)
    assert said is not None
    return [re.sub(r"<[^>]+>", "", line).strip() for line in re.findall(r"<p.*?</p>", said[1], re.DOTALL)]


def test_a_test_says_that_a_mailbox_sends_and_is_read(scene: Scene, iva: Visitor, place: Path) -> None:
    with (
        SmtpSink(place / "own", behaviour=Behaviour(user="maria", password=PASSWORD)) as smtp,
        ImapServerProcess(place) as imap,
    ):
        at = f"{AT}/{add(scene, smtp.url, imap_url=imap.url)}/test"
        said = statuses(iva.post(at).text)
        assert said == ["It may send: the mail server took its name and its sender.", "It can be read."]
        assert smtp.truth_rows() == []
        # The installation's own has no server but the local catcher, which another process has noted.
        assert statuses(iva.post(f"{AT}/{scene.ws.mailbox_id}/test").text)[0].startswith("There is no mail server")
        notes.write(place, notes.CATCHER, smtp.url)
        assert statuses(iva.post(f"{AT}/{scene.ws.mailbox_id}/test").text) == said[:1]
        imap.stop()
        said = statuses(iva.post(at).text)
        assert said[1].startswith("It cannot be read: The IMAP server localhost is away")
    gone = iva.post(at)
    assert (
        statuses(gone.text)[0] == "The mail server was not reached. Nobody answers at its address: check host and port."
    )
    iva.get("/?lang=bg")
    assert not re.search("[A-Z][a-z]{3}", re.sub("IMAP", "", " ".join(statuses(iva.post(at).text))))


def test_a_test_says_how_far_a_mailbox_came(scene: Scene, iva: Visitor, place: Path) -> None:
    with SmtpSink(place / "own", behaviour=Behaviour(user="maria", password="another")) as smtp:
        known = add(scene, re.sub("//.*@", f"//maria:{PASSWORD}@", smtp.url))
        answer = iva.post(f"{AT}/{known}/test")
        (said,) = statuses(answer.text)
        assert said.startswith("The mail server refused the sign-in. 535")
        assert PASSWORD not in answer.text
        iva.get("/?lang=bg")
        assert "Пощенският сървър отказа достъп. 535" in iva.post(f"{AT}/{known}/test").text


def test_a_mailbox_is_paused_by_name_and_sends_again(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    known = add(scene)
    assert iva.post(f"{AT}/{known}/pause").status_code == 303
    assert row(scene, "maria").state == "paused"
    text = iva.read(AT)
    assert "paused by Iva." in text
    assert f'action="{AT}/{known}/resume"' in text
    assert "The mailbox sends again" in swift.post(f"{AT}/{known}/resume").text
    assert row(scene, "maria").state == "active"


def test_the_page_tells_how_a_mailbox_is_read(scene: Scene, iva: Visitor) -> None:
    known = add(scene, imap_url="imap://maria:x@localhost:1143")
    text = iva.read(AT)
    assert "Not read yet, at localhost:1143" in text
    assert "Is not read: it has no IMAP server." in text
    state = {"mailbox_id": known, "validity": 1, "last_uid": 0, "read_at": scene.clock.now}
    with scene.ws.database.write() as tx:
        tx.conn.execute(insert(Reading), state)
    assert "Last read" in iva.read(AT)
    with scene.ws.database.write() as tx:
        tx.conn.execute(update(Reading).values(problem="No <b>sign-in</b>", problem_since=scene.clock.now))
    answer = iva.get(AT).text
    assert "No &lt;b&gt;sign-in" in answer
    assert "Cannot be read since" in answer


def test_an_administrator_adds_a_mailbox_and_nothing_shows_its_secrets(scene: Scene, iva: Visitor) -> None:
    assert "Maria Ivanova &lt;maria@example.com&gt;" in iva.get(f"{AT}/new").text
    typed = {
        "name": "mila", "sender": "Mila <mila@example.com>", "rep": "mila@example.com",
        "smtp_url": f"smtp://mila:{PASSWORD}@localhost:2525", "imap_url": f"imap://mila:{PASSWORD}@localhost:1143",
        "signature_en": "Mila\n+359 2 123 456", "plus_addresses": "yes",
    }  # fmt: skip
    assert iva.post(AT, typed).status_code == 303
    found = row(scene, "mila")
    assert (found.rep_id, found.settings["plus_addresses"]) == (scene.reps["mila"], "yes")
    for path in (AT, f"{AT}/{found.id}"):
        text = iva.read(path)
        assert "mila@example.com" in text
        assert PASSWORD not in text
    # An empty secret stays as it is; one is forgotten only where that was ticked.
    kept = {name: value for name, value in typed.items() if not name.endswith("_url")} | {"plus_addresses": ""}
    assert iva.post(f"{AT}/{found.id}", kept).status_code == 303
    assert sorted(secrets(scene, "mila")) == ["imap_url", "smtp_url"]
    assert "plus_addresses" not in row(scene, "mila").settings
    assert iva.post(f"{AT}/{found.id}", {**kept, "forget": "imap_url"}).status_code == 303
    assert sorted(secrets(scene, "mila")) == ["smtp_url"]


@pytest.mark.parametrize(
    ("field", "value", "english"),
    [
        ("name", "Not A Name", "up to 40 small letters"), ("name", "default", "choose another name"),
        ("sender", "nobody", ""), ("smtp_url", f"ftp://maria:{PASSWORD}@x", "must begin with smtp"),
        ("smtp_url", f"smtp://maria:{PASSWORD}@mail.example.com?starttls=never", ""),
        ("imap_url", "nonsense", "must begin with imap"), ("dkim_key", "no key", ""),
        ("rep", "x@example.com", "Nobody here"), ("dkim_key", "", ""),
    ],
)  # fmt: skip
def test_odd_input_is_said_at_its_field_and_loses_nothing_but_secrets(
    iva: Visitor, field: str, value: str, english: str
) -> None:
    typed = {"name": "maria", "sender": "Maria <maria@example.com>", "smtp_url": "smtp://localhost:25", field: value}
    if not value:
        assert iva.post(AT, typed).status_code == 303
        return
    answer = iva.post(AT, typed)
    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text
    assert english in answer.text
    assert 'value="Maria &lt;maria@example.com&gt;"' in answer.text or field == "sender"
    assert PASSWORD not in answer.text
    iva.get("/?lang=bg")
    bulgarian = iva.post(AT, typed).text
    said = re.search(rf'id="e-{field}">.*?</svg>([^<]+)', bulgarian, re.DOTALL)
    assert said is not None
    assert re.search("[а-я]{3}", said[1]), said[1]


def test_the_record_of_the_key_is_shown_to_be_published(scene: Scene, iva: Visitor) -> None:
    pem = KEY
    known = add(scene, dkim_key=pem, dkim_selector="one")
    text = iva.read(f"{AT}/{known}")
    assert "one._domainkey.example.com TXT" in text
    assert Signer.read("example.com", "one", pem).record in text
    assert "PRIVATE KEY" not in text


def test_the_installations_own_mailbox_keeps_its_sender(scene: Scene, iva: Visitor) -> None:
    at = f"{AT}/{scene.ws.mailbox_id}"
    text = iva.read(at)
    assert "ONWARD_MAIL_FROM" in text
    assert 'name="sender"' not in text
    assert iva.post(at, {"sender": "evil@example.com", "signature_en": "Us"}).status_code == 303
    own = row(scene, "default")
    assert (own.settings["signature_en"], "evil" in own.sender) == ("Us", False)


def test_only_administrators_see_the_forms_and_only_managers_test_and_pause(scene: Scene) -> None:
    known = add(scene)
    boyan = scene.visitor("boyan")
    assert "/pause" not in boyan.read(AT)
    for path in (f"{AT}/new", f"{AT}/{known}"):
        assert boyan.get(path).status_code == 403
    for path in (AT, f"{AT}/{known}", f"{AT}/{known}/test", f"{AT}/{known}/pause", f"{AT}/{known}/resume"):
        assert boyan.post(path, {"name": "x"}).status_code == 403
    iva = scene.visitor("iva")
    for odd in ("x", "0" * 36):
        assert iva.get(f"{AT}/{odd}").status_code == 404
        for act in ("", "/test", "/pause", "/resume"):
            assert iva.post(f"{AT}/{odd}{act}").status_code == 404


def test_a_rep_who_is_away_lets_mail_wait_or_has_a_stand_in(scene: Scene) -> None:
    mailboxes.add(scene.ws, "mila", "Mila <mila@example.com>", {}, rep="mila@example.com")
    mila = scene.visitor("mila")
    assert mila.post("/settings/away").status_code == 303
    assert row(scene, "mila").state == "paused"
    assert "The mail of your mailbox waits." in mila.read(AT)
    assert mila.post("/settings/away", {"here": "1"}).status_code == 303
    assert row(scene, "mila").state == "active"
    assert mila.post("/settings/away", {"stand_in": scene.reps["boyan"]}).status_code == 303
    assert row(scene, "mila").state == "active"
    assert "Boyan signs and answers meanwhile." in mila.read(AT)
    # Whoever is away stands in for nobody.
    boyan = scene.visitor("boyan")
    for nobody in (scene.reps["mila"], scene.reps["boyan"], "x", "0" * 36):
        answer = boyan.post("/settings/away", {"stand_in": nobody})
        assert (answer.status_code, 'id="e-stand_in"' in answer.text) == (422, True)
    with scene.ws.database.read() as tx:
        assert tx.conn.execute(select(Rep.away_since).where(Rep.id == scene.reps["boyan"])).scalar_one() is None
