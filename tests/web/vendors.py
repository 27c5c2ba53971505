"""The other end: each vendor as it signs what it sends. Written from the vendors' pages, not from our adapters."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import Clock
from tests.support.processes import signed
from workflow.actions import sources
from workflow.workspace import Workspace

BASE = "http://127.0.0.1:8000"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-00000000000000000000000000000000.pem"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"


@dataclass
class Sent:
    """A request: what `send` was asked to send, before and after it was signed."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Vendor:
    """A vendor with a source of ours. `stale` is how old a stamp may not be any more, None where there is none."""

    kind: str
    secret: str
    sign: Callable[[Sent, str, datetime], Sent]
    stale: float | None = None
    signs_body: bool = True


def _hmac(key: str | bytes, content: bytes) -> bytes:
    return hmac.digest(key.encode() if isinstance(key, str) else key, content, hashlib.sha256)


def _with(sent: Sent, **headers: str) -> Sent:
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(sent, headers={**own, **sent.headers})


def _seconds(now: datetime) -> str:
    return str(int(now.timestamp()))


def _millis(now: datetime) -> str:
    return str(int(now.timestamp() * 1000))


def standard(sent: Sent, secret: str, now: datetime) -> Sent:
    return replace(sent, headers={**signed(secret, sent.body, None, now), **sent.headers})


def hubspot_1(sent: Sent, secret: str, _now: datetime) -> Sent:
    told = hashlib.sha256(secret.encode() + sent.body).hexdigest()
    return _with(sent, X_HubSpot_Signature=told, X_HubSpot_Signature_Version="v1")


def hubspot_2(sent: Sent, secret: str, _now: datetime) -> Sent:
    told = hashlib.sha256(secret.encode() + b"POST" + (BASE + sent.path).encode() + sent.body).hexdigest()
    return _with(sent, X_HubSpot_Signature=told, X_HubSpot_Signature_Version="v2")


def hubspot_3(sent: Sent, secret: str, now: datetime) -> Sent:
    address = (BASE + sent.path).replace("%40", "@").replace("%3A", ":").replace("%2F", "/")
    content = b"POST" + address.encode() + sent.body + _millis(now).encode()
    told = base64.b64encode(_hmac(secret, content)).decode()
    both = hubspot_1(sent, secret, now)
    return _with(both, X_HubSpot_Signature_v3=told, X_HubSpot_Request_Timestamp=_millis(now))


def basic(user: str) -> Callable[[Sent, str, datetime], Sent]:
    def sign(sent: Sent, secret: str, _now: datetime) -> Sent:
        return _with(sent, Authorization="Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode())

    return sign


def shown_in(header: str) -> Callable[[Sent, str, datetime], Sent]:
    def sign(sent: Sent, secret: str, _now: datetime) -> Sent:
        return _with(sent, **{header: secret})

    return sign


def in_address(sent: Sent, secret: str, _now: datetime) -> Sent:
    return replace(sent, path=f"{sent.path}/{quote(secret, safe='')}")


def zoho(sent: Sent, secret: str, _now: datetime) -> Sent:
    try:
        told = json.loads(sent.body)
    except ValueError:
        return sent
    return replace(sent, body=json.dumps({**told, "token": secret}).encode()) if isinstance(told, dict) else sent


def close(sent: Sent, secret: str, now: datetime) -> Sent:
    told = _hmac(bytes.fromhex(secret), _seconds(now).encode() + sent.body).hex()
    return _with(sent, close_sig_timestamp=_seconds(now), close_sig_hash=told)


def calendly(sent: Sent, secret: str, now: datetime) -> Sent:
    told = _hmac(secret, _seconds(now).encode() + b"." + sent.body).hex()
    return _with(sent, Calendly_Webhook_Signature=f"t={_seconds(now)},v1={told}")


def calcom(sent: Sent, secret: str, _now: datetime) -> Sent:
    return _with(sent, X_Cal_Signature_256=_hmac(secret, sent.body).hex())


def mailgun_marks(secret: str, now: datetime) -> dict[str, str]:
    token = uuid4().hex + "0123456789abcdef01"
    return {
        "timestamp": _seconds(now),
        "token": token,
        "signature": _hmac(secret, (_seconds(now) + token).encode()).hex(),
    }


def mailgun(sent: Sent, secret: str, now: datetime) -> Sent:
    try:
        told = json.loads(sent.body)
    except ValueError:
        return sent
    marks = mailgun_marks(secret, now)
    return replace(sent, body=json.dumps({"signature": marks, "event-data": told}).encode())


def mailgun_form(told: dict[str, str], secret: str, now: datetime) -> tuple[bytes, str]:
    return urlencode({**told, **mailgun_marks(secret, now)}).encode(), "application/x-www-form-urlencoded"


def multipart(told: dict[str, bytes]) -> tuple[bytes, str]:
    parts = [
        b'--bOuNd\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)
        for name, value in told.items()
    ]
    return b"".join(parts) + b"--bOuNd--\r\n", "multipart/form-data; boundary=bOuNd"


@cache
def _curve() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _other_curve() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form)).decode()


def sendgrid(sent: Sent, secret: str, now: datetime) -> Sent:
    key = _curve() if secret == _public(_curve()) else _other_curve()
    mark = key.sign(_seconds(now).encode() + sent.body, ec.ECDSA(hashes.SHA256()))
    return _with(
        sent,
        X_Twilio_Email_Event_Webhook_Signature=base64.b64encode(mark).decode(),
        X_Twilio_Email_Event_Webhook_Timestamp=_seconds(now),
    )


@cache
def amazon(_number: int) -> tuple[rsa.RSAPrivateKey, str]:
    """A key of Amazon's, and its certificate as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com (test)")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=3650))
    return key, built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def sns(
    message: object, now: datetime, *, number: int = 0, version: str = "2", parts: dict[str, str] | None = None
) -> bytes:
    """A message of a topic, signed; `parts` changes some of it before it is signed."""
    told: dict[str, str] = {
        "Type": "Notification",
        "MessageId": str(uuid4()),
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **(parts or {}),
    }
    notification = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    confirmation = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    names = notification if told["Type"] == "Notification" else confirmation
    content = "".join(f"{name}\n{told[name]}\n" for name in names if name in told).encode()
    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - version 1 of the vendor
    mark = amazon(number)[0].sign(content, padding.PKCS1v15(), digest)
    return json.dumps({**told, "Signature": base64.b64encode(mark).decode()}).encode()


def ses(sent: Sent, secret: str, now: datetime) -> Sent:
    number = 0 if secret == amazon(0)[1] else 1
    text = sent.body.decode("utf-8", "replace")
    return replace(sent, body=sns(text, now, number=number), headers={"Content-Type": "text/plain; charset=UTF-8"})


def twenty(sent: Sent, secret: str, now: datetime) -> Sent:
    told = _hmac(secret, _millis(now).encode() + b":" + sent.body).hex()
    return _with(sent, X_Twenty_Webhook_Timestamp=_millis(now), X_Twenty_Webhook_Signature=told)


def espocrm(sent: Sent, secret: str, _now: datetime) -> Sent:
    return _with(sent, Signature=base64.b64encode(b"64f1:" + _hmac(secret, sent.body).hex().encode()).decode())


def espocrm_old(sent: Sent, secret: str, _now: datetime) -> Sent:
    return _with(sent, X_Signature=base64.b64encode(b"64f1:" + _hmac(secret, sent.body)).decode())


def frappe(sent: Sent, secret: str, _now: datetime) -> Sent:
    return _with(sent, X_Frappe_Webhook_Signature=base64.b64encode(_hmac(secret, sent.body)).decode())


def github(sent: Sent, secret: str, _now: datetime) -> Sent:
    return _with(sent, X_Hub_Signature_256="sha256=" + _hmac(secret, sent.body).hex())


def n8n(sent: Sent, secret: str, now: datetime) -> Sent:
    told = _hmac(secret, _seconds(now).encode() + b"." + sent.body).hex()
    return _with(sent, x_webhook_timestamp=_seconds(now), x_webhook_signature="sha256=" + told)


def vendors() -> dict[str, Vendor]:
    """Every vendor, and every way in which one of them signs."""
    text = "a secret that nobody knows"
    found = {
        "standard": Vendor("standard", "whsec_" + base64.b64encode(bytes(range(32))).decode(), standard, 300),
        "hubspot-1": Vendor("hubspot", text, hubspot_1),
        "hubspot-2": Vendor("hubspot", text, hubspot_2),
        "hubspot-3": Vendor("hubspot", text, hubspot_3, 300),
        "pipedrive": Vendor("pipedrive", text, basic("pipedrive"), signs_body=False),
        "salesforce": Vendor("salesforce", text, in_address, signs_body=False),
        "salesforce-flow": Vendor("salesforce", text, shown_in("X_Api_Key"), signs_body=False),
        "liveagent": Vendor("liveagent", text, shown_in("X_Webhook_Secret"), signs_body=False),
        "zoho": Vendor("zoho", "zoho-token-of-ours", zoho, signs_body=False),
        "close": Vendor("close", bytes(range(32)).hex(), close, 300),
        "calendly": Vendor("calendly", text, calendly, 180),
        "calcom": Vendor("calcom", text, calcom),
        "postmark": Vendor("postmark", text, basic("postmark"), signs_body=False),
        "mailgun": Vendor("mailgun", text, mailgun, 600, signs_body=False),
        "sendgrid": Vendor("sendgrid", _public(_curve()), sendgrid, 600),
        "sendgrid-parse": Vendor("sendgrid", text, in_address, signs_body=False),
        "ses": Vendor("ses", amazon(0)[1], ses, 3600),
        "twenty": Vendor("twenty", text, twenty, 300),
        "espocrm": Vendor("espocrm", text, espocrm),
        "espocrm-old": Vendor("espocrm", text, espocrm_old),
        "frappe": Vendor("frappe", text, frappe),
        "github": Vendor("github", text, github),
        "n8n": Vendor("github", text, n8n, 300),
    }
    return {name: replace(vendor, secret=vendor.secret) for name, vendor in found.items()}


def another(vendor: Vendor) -> str:
    """A secret of the same form that is not this source's."""
    if vendor.sign is sendgrid:
        return _public(_other_curve())
    if vendor.kind == "ses":
        return amazon(1)[1]
    if vendor.kind == "close":
        return bytes(range(1, 33)).hex()
    if vendor.kind == "standard":
        return "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
    return "another secret altogether"


@dataclass
class Post:
    """A vendor at our door: its source exists, and what it sends is signed."""

    ws: Workspace
    client: FlaskClient
    clock: Clock
    vendor: Vendor
    name: str = "crm"

    def send(
        self, body: object, *, tail: str = "", secret: str | None = None, late: float = 0, **headers: str
    ) -> TestResponse:
        """Sign and deliver a body (bytes as they are, anything else as JSON), signed `late` seconds ago."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = Sent(f"/webhooks/{self.name}{tail}", content, own)
        sent = self.vendor.sign(asked, secret or self.vendor.secret, self.clock.now - timedelta(seconds=late))
        return self.client.post(sent.path, data=sent.body, headers=sent.headers)

    def tell(self, body: object, **more: Any) -> list[dict[str, Any]]:
        """Deliver; what the answer says of each event."""
        answer = self.send(body, **more)
        assert answer.status_code in (200, 202), answer.text
        events: list[dict[str, Any]] = json.loads(answer.data)["events"]
        return events


def arrive(ws: Workspace, client: FlaskClient, clock: Clock, vendor: Vendor, name: str = "crm") -> Post:
    """A vendor whose source has been added."""
    sources.add(ws, vendor.kind, name, vendor.secret)
    return Post(ws, client, clock, vendor, name)
