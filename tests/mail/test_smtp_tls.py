"""Mail is private or it is not sent: certificates, handshakes that fail, and servers that take STARTTLS back."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.smtpd import Behaviour, SmtpSink
from workflow.mail.smtp import Envelope, Outcome, SmtpServer, SmtpTransport, Timeouts

PATIENT = Timeouts(connect=20.0, command=20.0, body=20.0, dot=20.0)
CONTENT = b"Message-ID: <m-1@test>\r\nSubject: hello\r\n\r\nHello.\r\n"


class Certificate(NamedTuple):
    """A server's half and a client's half of one trust."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def certificate(folder: Path, *, name: str = "localhost", days: int = 1) -> Certificate:
    """A certificate for `name`, valid until in `days`; the client trusts exactly it."""
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(title)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(pem) + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return Certificate(server, ssl.create_default_context(cadata=made.public_bytes(pem).decode()))


def send(sink: SmtpSink, client: ssl.SSLContext | None, *, times: int = 1) -> list[Outcome]:
    transport = SmtpTransport(SmtpServer.parse(sink.url), PATIENT, tls=client)
    envelope = Envelope("rep@ours.test", "ana@sink.test", CONTENT)
    outcomes = [transport.send(envelope, lambda: True) for _ in range(times)]
    transport.close()
    return outcomes


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
def test_mail_goes_through_tls_and_signs_in_there(tmp_path: Path, tls: Literal["starttls", "smtps"]) -> None:
    trust = certificate(tmp_path)
    behaviour = Behaviour(user="rep", password="a/b c%")
    with SmtpSink(tmp_path, tls=tls, context=trust.server, behaviour=behaviour) as sink:
        query = "" if tls == "smtps" else "?starttls=required"
        scheme = "smtps" if tls == "smtps" else "smtp"
        server = SmtpServer.parse(f"{scheme}://rep:a%2Fb%20c%25@localhost:{sink.port}{query}")
        transport = SmtpTransport(server, PATIENT, tls=trust.client)
        outcomes = [transport.send(Envelope("r@o.test", "ana@sink.test", CONTENT), lambda: True) for _ in range(3)]
        transport.close()
    assert [outcome.kind for outcome in outcomes] == ["sent"] * 3
    assert sink.connections == 1, "a session ticket of TLS 1.3 is no word of the server"
    assert sink.commands["EHLO"] == (1 if tls == "smtps" else 2), "what was said in the clear counts no more"


BAD_CERTIFICATES = {"unknown": ("localhost", 1), "another name": ("elsewhere.test", 1), "expired": ("localhost", -1)}


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
@pytest.mark.parametrize("what", BAD_CERTIFICATES)
def test_a_bad_certificate_sends_nothing(tmp_path: Path, tls: Literal["starttls", "smtps"], what: str) -> None:
    name, days = BAD_CERTIFICATES[what]
    trust = certificate(tmp_path, name=name, days=days)
    with SmtpSink(tmp_path, tls=tls, context=trust.server) as sink:
        client = ssl.create_default_context() if what == "unknown" else trust.client
        (outcome,) = send(sink, client)
    assert (outcome.kind, outcome.phase, outcome.scope, outcome.reason) == ("transient", "tls", "host", "tls")
    assert "certificate" in outcome.text
    assert sink.commands["MAIL"] == 0


def test_the_certificates_of_the_system_are_the_default(tmp_path: Path) -> None:
    trust = certificate(tmp_path)
    with SmtpSink(tmp_path, tls="starttls", context=trust.server) as sink:
        (outcome,) = send(sink, None)
    assert (outcome.kind, outcome.reason) == ("transient", "tls")


def test_a_server_without_starttls_gets_no_mail_in_the_clear(tmp_path: Path) -> None:
    with SmtpSink(tmp_path) as sink:
        server = SmtpServer.parse(f"smtp://localhost:{sink.port}?starttls=required")
        transport = SmtpTransport(server, PATIENT)
        outcome = transport.send(Envelope("r@o.test", "ana@sink.test", CONTENT), lambda: True)
        transport.close()
    assert (outcome.kind, outcome.phase, outcome.scope) == ("transient", "tls", "host")
    assert "STARTTLS" in outcome.text
    assert sink.commands["MAIL"] == 0


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(starttls_answer="454 4.7.0 not today"),
        Behaviour(starttls_answer="554 5.7.0 never"),
        # Words put in before the handshake would be read as if said in private.
        Behaviour(starttls_answer="220 go ahead\r\n250 put in from outside"),
        Behaviour(drop_in_handshake=True),
    ],
    ids=["454", "554", "injection", "drop"],
)
def test_a_starttls_that_fails_is_never_followed_by_clear_text(tmp_path: Path, behaviour: Behaviour) -> None:
    trust = certificate(tmp_path)
    with SmtpSink(tmp_path, tls="starttls", context=trust.server, behaviour=behaviour) as sink:
        (outcome,) = send(sink, trust.client)
    assert (outcome.kind, outcome.phase, outcome.scope) == ("transient", "tls", "host")
    assert sink.commands["MAIL"] == 0


def test_a_handshake_that_never_ends_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = SmtpServer("127.0.0.1", silent.getsockname()[1], security="tls")
        transport = SmtpTransport(server, Timeouts(connect=0.3))
        outcome = transport.send(Envelope("r@o.test", "ana@sink.test", CONTENT), lambda: True)
        transport.close()
    assert (outcome.kind, outcome.phase, outcome.scope) == ("transient", "tls", "host")
    assert "timed out" in outcome.text
