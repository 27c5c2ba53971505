"""Mailboxes of reps: each writes as itself, by its own server, and its secrets rest sealed."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dkim
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select, update

from tests.mail.test_smtp_tls import certificate
from tests.outreach.scene import Scene
from tests.support.smtpd import Behaviour, SmtpSink
from workers.jobs import Hands
from workflow.actions import absence, mailboxes, people, prospects, received, sealing, sources
from workflow.actions.outreach import acts
from workflow.actions.prospects import Who
from workflow.actions.received import Letter
from workflow.engine import signals as kinds
from workflow.engine.signals import Signal
from workflow.errors import BadInput, Conflict, NotFound, StartError, Unavailable
from workflow.mail.oauth import AccessTokens
from workflow.mail.smtp import SmtpServer, SmtpTransport
from workflow.records.models import Mailbox, Source
from workflow.reports.scope import Viewer, prospect_id

PASSWORD = "canary-4711"
KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ADMIN = Who("rep:admin@example.com", "test")


@pytest.fixture
def server(place: Path) -> Iterator[SmtpSink]:
    """A rep's own mail server, with a password."""
    with SmtpSink(place / "own", behaviour=Behaviour(user="maria", password=PASSWORD)) as sink:
        yield sink


@pytest.fixture
def hands(scene: Scene, smtp_sink: SmtpSink) -> Hands:
    """A worker over the installation's mail server."""
    settings = replace(scene.ws.settings, smtp_url=smtp_sink.url)
    return Hands(replace(scene.ws, settings=settings), scene.spool, scene.timings)


def rep(scene: Scene, email: str = "maria@example.com") -> str:
    return people.add_rep(scene.ws, email, "rep", password="a long password", name=email.partition("@")[0].title())


def own_mailbox(scene: Scene, server: SmtpSink, email: str = "maria@example.com", **more: str) -> str:
    told = {"smtp_url": server.url, **more}
    return mailboxes.add(scene.ws, email.partition("@")[0], f"Maria Ivanova <{email}>", told, rep=email)


def prospect_of(scene: Scene, owner: str, address: str = "ana@sink.test") -> str:
    made = prospects.create(scene.ws, {"email": address, "language": "en"}, {}, ADMIN, owner_id=owner)
    scene.move(made.prospect_id, "qualify")
    return made.prospect_id


def drain(scene: Scene, hands: Hands) -> None:
    for claimed in scene.claim():
        hands.drain(claimed.mailbox_id)


def read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)


def test_the_prospects_of_a_rep_get_mail_from_their_own_mailbox(
    scene: Scene, hands: Hands, server: SmtpSink, smtp_sink: SmtpSink
) -> None:
    owner = rep(scene)
    own_id = own_mailbox(scene, server, signature_en="Maria Ivanova\n+359 2 123 456 <desk>")
    prospect_of(scene, owner)
    scene.qualified("eva@sink.test")
    drain(scene, hands)
    [own], [shared] = server.taken, smtp_sink.taken
    assert (own.sender, shared.sender) == ("maria@example.com", "ivan@sales.example.com")
    mail = read(own.content)
    assert mail["From"] == "Maria Ivanova <maria@example.com>"
    assert mail["Message-ID"].endswith("@example.com>")
    text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    assert "Maria Ivanova\n+359 2 123 456 <desk>" in text
    assert "Maria Ivanova<br>" in html
    assert "&lt;desk&gt;" in html
    with scene.ws.database.write() as tx:
        # One signal gives the prospect to the rep and begins a sequence.
        facts = {"email": "iva@sink.test", "language": "en"}
        called = Signal(kinds.CALL_ENDED, tx.now, "system", "test", fields=facts, owner_id=owner)
        made = prospects.submit(scene.ws, tx, None, called)
    assert {touch.mailbox_id for touch in scene.touches(made.prospect_id)} == {own_id}


def test_a_mailbox_with_a_key_signs_what_it_sends(scene: Scene, hands: Hands, server: SmtpSink) -> None:
    owner = rep(scene)
    own_mailbox(scene, server, dkim_key=KEY, dkim_selector="s1")
    name, record = mailboxes.dns_record(scene.ws, "maria") or ("", "")
    assert name == "s1._domainkey.example.com"
    prospect_of(scene, owner)
    drain(scene, hands)
    [own] = server.taken
    assert dkim.verify(own.content, dnsfunc=lambda asked, timeout=5: record.encode())  # noqa: ARG005 - its port
    message = scene.messages()[-1]
    assert message.content == own.content, "what is kept is what left"


def test_answers_and_bounces_find_home_by_the_address_alone(scene: Scene, hands: Hands, server: SmtpSink) -> None:
    owner = rep(scene)
    own_mailbox(scene, server, email="maria@example.com", plus_addresses="yes")
    prospect_id = prospect_of(scene, owner)
    absence.leave(scene.ws, owner, stand_in=None)
    absence.come_back(scene.ws, owner)
    drain(scene, hands)
    [own] = server.taken
    local, _, domain = own.sender.partition("@")
    assert (local.partition("+")[0], domain) == ("maria", "example.com")
    reply = read(own.content)["Reply-To"]
    to = reply.addresses[0].addr_spec
    assert to != own.sender, "what answers is told from what bounces"
    for address in (to.upper(), own.sender):
        mail = f"From: other@else.test\r\nTo: {address}\r\nSubject: hi\r\n\r\nHello {address}\r\n".encode()
        taken = scene.ws.database.transact(
            lambda tx, mail=mail: received.take(scene.ws, tx, scene.ws.mailbox_id, Letter(mail))  # type: ignore[misc]
        )
        assert taken.prospect_id == prospect_id


def test_secrets_rest_sealed_and_are_never_shown(scene: Scene, server: SmtpSink) -> None:
    rep(scene)
    own_mailbox(scene, server, dkim_key=KEY)
    with scene.ws.database.read() as tx:
        row = tx.conn.execute(select(Mailbox).where(Mailbox.name == "maria")).one()
    assert PASSWORD not in repr(row)
    assert "PRIVATE" not in repr(row)
    assert row.settings["server"] == f"localhost:{server.port}" or row.settings["server"].startswith("127.0.0.1")
    way = mailboxes.way(scene.ws, row.id)
    assert PASSWORD not in repr(way)


def test_the_seal_is_made_anew_with_another_key(scene: Scene, hands: Hands, server: SmtpSink) -> None:
    owner = rep(scene)
    own_mailbox(scene, server)

    def sealed() -> str | None:
        with scene.ws.database.read() as tx:
            return tx.conn.execute(select(Mailbox.secrets).where(Mailbox.name == "maria")).scalar_one()

    before = sealed()
    assert sealing.rotate(scene.ws) == 1
    assert sealed() != before
    prospect_of(scene, owner)
    drain(scene, hands)
    assert len(server.taken) == 1


def test_the_secrets_and_tokens_of_sources_are_sealed_anew_too_even_those_of_an_earlier_release(scene: Scene) -> None:
    ws, secret = scene.ws, "a secret of the vendor's own"
    sources.add(ws, "hubspot", "hub", secret)
    sources.keep_token(ws, sources.id_of(ws, "hub"), "pat-1")
    sources.add(ws, "hubspot", "old", secret)
    box = Fernet(base64.urlsafe_b64encode(bytes.fromhex(ws.key("source secrets"))))
    earlier = box.encrypt(json.dumps([secret, "the one before"]).encode()).decode()

    def rows() -> dict[str, tuple[str, str | None]]:
        with ws.database.read() as tx:
            found = select(Source.name, Source.secrets, Source.api_token)
            return {row.name: (row.secrets, row.api_token) for row in tx.conn.execute(found)}

    def opened(name: str) -> tuple[tuple[str, ...], str | None]:
        with ws.database.read() as tx:
            source = sources.known(ws, tx, name)
            return source.secrets, sources.token(ws, tx, source.id)

    with ws.database.write() as tx:
        tx.conn.execute(update(Source).where(Source.name == "old").values(secrets=earlier))
    before = rows()
    for _ in range(2):
        assert opened("hub") == ((secret,), "pat-1")
        assert opened("old") == ((secret, "the one before"), None)
        assert sealing.rotate(ws) >= len(before)
    after = rows()
    assert all(after[name][0] != before[name][0] for name in before)
    assert after["hub"][1] != before["hub"][1]
    with ws.database.read() as tx, pytest.raises(StartError):
        sources.known(replace(ws, _key=b"another key"), tx, "hub")


def test_another_secret_key_pauses_the_mailbox_and_says_why(scene: Scene, hands: Hands, server: SmtpSink) -> None:
    owner = rep(scene)
    mailbox_id = own_mailbox(scene, server)
    prospect_of(scene, owner)
    scene.claim()
    stranger = replace(hands, ws=replace(hands.ws, _key=b"another key"))
    stranger.drain(mailbox_id)
    assert scene.touch().state == "scheduled"
    assert "another secret key" in (scene.touch().reason or "")
    with pytest.raises(StartError, match="another secret key"):
        mailboxes.way(stranger.ws, mailbox_id)


def test_trying_a_mailbox_out_sends_nothing(scene: Scene, server: SmtpSink) -> None:
    rep(scene)
    own_mailbox(scene, server)
    assert mailboxes.try_out(scene.ws, "maria").kind == "sent"
    mailboxes.change(scene.ws, "maria", {"smtp_url": server.url.replace(PASSWORD, "wrong")})
    refused = mailboxes.try_out(scene.ws, "maria")
    assert (refused.kind, refused.phase, refused.code) == ("permanent", "auth", 535)
    server.stop()
    assert mailboxes.try_out(scene.ws, "maria").phase == "connect"
    assert server.taken == []
    assert "DATA" not in server.commands


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"smtp_url": "https://mail.example.com"}, "smtp_url"),
        ({"smtp_url": "smtp://user:pass@mail.example.com?starttls=never"}, "smtp_url"),
        ({"smtp_url": "smtp://localhost", "dkim_key": "nonsense"}, "dkim_key"),
        ({"smtp_url": "smtp://localhost", "dkim_key": KEY, "dkim_domain": "example.net"}, "dkim_domain"),
        ({"smtp_url": "smtp://localhost", "refresh_token": "x", "token_url": "http://example.com"}, "token_url"),
        ({"password": "x"}, "password"),
    ],
)
def test_what_could_not_send_is_refused_before_it_is_kept(scene: Scene, told: dict[str, str], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        mailboxes.add(scene.ws, "maria", "maria@example.com", told)
    assert refused.value.field == field
    with pytest.raises(NotFound):
        mailboxes.id_of(scene.ws, "maria")


def test_a_name_is_given_once_and_an_unknown_rep_gets_none(scene: Scene) -> None:
    mailboxes.add(scene.ws, "desk", "desk@example.com", {"smtp_url": "smtp://localhost"})
    with pytest.raises(Conflict):
        mailboxes.add(scene.ws, "desk", "other@example.com", {"smtp_url": "smtp://localhost"})
    with pytest.raises(NotFound):
        mailboxes.add(scene.ws, "two", "two@example.com", {"smtp_url": "smtp://localhost"}, rep="nobody@example.com")


def test_a_removed_mailbox_ends_what_it_began_and_begins_nothing(
    scene: Scene, hands: Hands, server: SmtpSink, smtp_sink: SmtpSink
) -> None:
    owner = rep(scene)
    own_mailbox(scene, server)
    prospect_of(scene, owner)
    mailboxes.remove(scene.ws, "maria")
    prospect_of(scene, owner, "eva@sink.test")
    drain(scene, hands)
    assert [each.sender for each in server.taken] == ["maria@example.com"]
    assert [each.sender for each in smtp_sink.taken] == ["ivan@sales.example.com"]
    with pytest.raises(BadInput, match="own mailbox"):
        mailboxes.remove(scene.ws, "default")


def test_the_mail_of_a_rep_who_is_away_waits(scene: Scene, hands: Hands, server: SmtpSink) -> None:
    owner = rep(scene)
    mailbox_id = own_mailbox(scene, server)
    prospect_of(scene, owner)
    absence.leave(scene.ws, owner)
    drain(scene, hands)
    assert server.taken == []
    absence.come_back(scene.ws, owner)
    drain(scene, hands)
    assert len(server.taken) == 1
    mailboxes.pause(scene.ws, "maria", "the administrator")
    absence.leave(scene.ws, owner)
    absence.come_back(scene.ws, owner)
    with scene.ws.database.read() as tx:
        state = tx.conn.execute(select(Mailbox.state).where(Mailbox.id == mailbox_id)).scalar_one()
    assert state == "paused", "what somebody else paused is theirs to resume"
    acts.resume(scene.ws, mailbox_id)


def test_a_stand_in_signs_and_is_answered_to_in_the_same_thread(scene: Scene, hands: Hands, server: SmtpSink) -> None:
    owner, other = rep(scene), rep(scene, "petar@example.com")
    own_mailbox(scene, server)
    hers = prospect_of(scene, owner)
    colleague = Viewer(other, "rep")
    with scene.ws.database.read() as tx, pytest.raises(NotFound):
        prospect_id(tx, colleague, hers)
    absence.leave(scene.ws, owner, stand_in=other)
    with scene.ws.database.read() as tx:
        assert prospect_id(tx, colleague, hers) == hers
    drain(scene, hands)
    [own] = server.taken
    assert own.sender == "maria@example.com", "the thread goes on from where it began"
    assert read(own.content)["Reply-To"] == "Petar <petar@example.com>"
    absence.come_back(scene.ws, owner)
    with scene.ws.database.read() as tx, pytest.raises(NotFound):
        prospect_id(tx, colleague, hers)


def test_nobody_stands_in_for_themselves_or_while_away(scene: Scene) -> None:
    owner, other = rep(scene), rep(scene, "petar@example.com")
    with pytest.raises(BadInput):
        absence.leave(scene.ws, owner, stand_in=owner)
    absence.leave(scene.ws, other)
    with pytest.raises(BadInput):
        absence.leave(scene.ws, owner, stand_in=other)


# --- OAuth 2


class TokenEndpoint:
    """A provider's token endpoint over TLS, which counts and answers as it is told."""

    def __init__(self, folder: Path) -> None:
        trust = certificate(folder)
        self.answer: tuple[int, object] = (200, {"access_token": "token-1", "expires_in": 600})
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                code, told = outer.answer
                body = json.dumps(told).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                if code == 302:
                    self.send_header("Location", "https://localhost/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = trust.server.wrap_socket(self.server.socket, server_side=True)
        self.tls: ssl.SSLContext = trust.client
        self.url = f"https://localhost:{self.server.server_address[1]}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def provider(place: Path) -> Iterator[TokenEndpoint]:
    """The token endpoint."""
    endpoint = TokenEndpoint(place)
    yield endpoint
    endpoint.close()


def test_a_token_is_asked_for_once_and_again_when_it_runs_out(provider: TokenEndpoint) -> None:
    now = [0.0]
    tokens = AccessTokens(provider.url, {"refresh_token": "r"}, provider.tls, clock=lambda: now[0])
    assert [tokens.fresh(), tokens.fresh()] == ["token-1", "token-1"]
    assert provider.asked == ["grant_type=refresh_token&refresh_token=r"]
    provider.answer = (200, {"access_token": "token-2", "expires_in": 600})
    now[0] = 481.0
    assert tokens.fresh() == "token-2"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"error": "invalid_grant"}), BadInput),
        ((503, {}), Unavailable),
        ((302, {}), Unavailable),
        ((200, {"token": "x"}), Unavailable),
        ((200, ["x"]), Unavailable),
        ((200, {"access_token": "a\r\nRCPT TO:<x>"}), Unavailable),
    ],
)
def test_an_endpoint_that_gives_no_token_is_told_apart(
    provider: TokenEndpoint, answer: tuple[int, object], error: type[Exception]
) -> None:
    provider.answer = answer
    with pytest.raises(error):
        AccessTokens(provider.url, {"refresh_token": "r"}, provider.tls).fresh()


def test_a_mailbox_signs_in_with_a_token(place: Path, provider: TokenEndpoint) -> None:
    behaviour = Behaviour(user="maria@example.com", password="token-1", ways="PLAIN XOAUTH2")
    with SmtpSink(place / "oauth", behaviour=behaviour) as sink:
        tokens = AccessTokens(provider.url, {"refresh_token": "r"}, provider.tls)
        server = replace(SmtpServer.parse(f"smtp://localhost:{sink.port}"), user="maria@example.com")
        transport = SmtpTransport(server, access_token=tokens.fresh)
        assert transport.try_out("maria@example.com").kind == "sent"
        behaviour.password = "another"
        refused = transport.try_out("maria@example.com")
        assert (refused.phase, refused.code) == ("auth", 535)
        behaviour.ways = "PLAIN"
        assert transport.try_out("maria@example.com").phase == "auth"
        provider.answer = (503, {})
        unasked = SmtpTransport(server, access_token=AccessTokens(provider.url, {}, provider.tls).fresh)
        behaviour.ways = "XOAUTH2"
        assert unasked.try_out("maria@example.com").kind == "transient"
