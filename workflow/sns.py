"""Messages of Amazon SNS: who may have sent one, and whether its signature fits. Pure; opens no connection.

What is signed, in which order and with which hash, is "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.hashes import HashAlgorithm

TOPIC: Final = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
_HOST: Final = re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com(?:\.cn)?")
_PEM: Final = re.compile(r"-----BEGIN (?:CERTIFICATE|PUBLIC KEY)-----([A-Za-z0-9+/=\s]+)-----END [A-Z ]+-----")
_DER: Final = re.compile(r"(?:(https://[^\s=]+)=)?(MII[A-Za-z0-9+/]{100,}={0,2})")
_NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
# Version 1 is SHA-1 by Amazon's choice; a topic may be switched to version 2, and the steps say so.
_HASHES: Final = {"1": SHA1(), "2": SHA256()}  # noqa: S303


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of Amazon's in base64 of its DER form, or its key alone; and its address, if known."""

    der: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """What a source asks of a message, as its secret writes it, parts with commas between them.

    The topics it may come from, the tokens that its address may hold, the certificates that may have signed it.
    """

    topics: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()

    @classmethod
    def of(cls, secret: str) -> Trust:
        """What `secret` asks for; PEM is understood as well."""
        secret = _PEM.sub(lambda found: "".join(found[1].split()) + ",", secret)
        parts = [part for part in re.split(r"[,\s]+", secret) if part]
        found = [(part, _DER.fullmatch(part)) for part in parts]
        return cls(
            topics=tuple(part for part, _ in found if TOPIC.fullmatch(part)),
            tokens=tuple(part for part, der in found if der is None and not TOPIC.fullmatch(part)),
            certificates=tuple(Certificate(der[2], der[1] or "") for _, der in found if der is not None),
        )

    def secret(self) -> str:
        """The same as a secret on one line."""
        told = [f"{each.url}={each.der}" if each.url else each.der for each in self.certificates]
        return ",".join([*self.topics, *self.tokens, *told])


def host_of(url: object) -> str | None:
    """The host of an address of Amazon SNS itself, over https and without anything odd; None for every other."""
    if not isinstance(url, str) or len(url) > 2000 or not url.isascii() or not url.isprintable():  # noqa: PLR2004
        return None
    try:
        told = urlsplit(url)
        port = told.port
    except ValueError:
        return None
    plain = told.scheme == "https" and port in (None, 443) and told.username is None and told.password is None
    return told.hostname if plain and told.hostname and _HOST.fullmatch(told.hostname) else None


def is_signed(message: Mapping[str, Any], certificates: Sequence[Certificate]) -> bool:
    """Whether one of the certificates signed the message."""
    names = _NOTIFICATION if message.get("Type") == "Notification" else _CONFIRMATION
    lines = [f"{name}\n{message[name]}\n" for name in names if isinstance(message.get(name), str)]
    content = "".join(lines).encode("utf-8", "surrogatepass")
    digest = _HASHES.get(str(message.get("SignatureVersion")))
    try:
        signature = base64.b64decode(str(message.get("Signature")), validate=True)
    except (binascii.Error, ValueError):
        return False
    keys = [key for each in certificates if (key := public_key(each.der)) is not None]
    return digest is not None and any(_fits(key, signature, content, digest) for key in keys)


@lru_cache(maxsize=64)
def public_key(der: str) -> rsa.RSAPublicKey | None:
    """The RSA key in base64 of a certificate or of a bare public key; None where there is none."""
    try:
        raw = base64.b64decode(der, validate=True)
    except (binascii.Error, ValueError):
        return None
    for load in (_from_certificate, load_der_public_key):
        try:
            key = load(raw)
        except (ValueError, UnsupportedAlgorithm):
            continue
        return key if isinstance(key, rsa.RSAPublicKey) else None
    return None


def _from_certificate(raw: bytes) -> object:
    return x509.load_der_x509_certificate(raw).public_key()


def _fits(key: rsa.RSAPublicKey, signature: bytes, content: bytes, digest: HashAlgorithm) -> bool:
    try:
        key.verify(signature, content, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True
