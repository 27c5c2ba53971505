"""The kinds of sources, and the form of the secret that each of them has with its vendor. Keeps nothing."""

from __future__ import annotations

import base64
import re
import secrets as entropy
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from workflow import sns
from workflow.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KINDS: Final = (
    "standard", "hubspot", "pipedrive", "salesforce", "liveagent", "zoho", "close", "calendly", "calcom", "postmark",
    "mailgun", "sendgrid", "ses", "twenty", "espocrm", "frappe", "github",
)  # fmt: skip
_PREFIX: Final = "whsec_"
# Standard Webhooks asks for 24 to 64 bytes.
_STANDARD_BYTES: Final = range(24, 65)
_FRESH_BYTES: Final = 32
_LONGEST: Final = 500
_SHORTEST: Final = 8
_ZOHO_LONGEST: Final = 50
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}){16,64}")
_PUBLIC_KEY: Final = re.compile(r"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{86}==")
_PEM_LINES: Final = re.compile(r"-----[A-Z ]+-----|\s+")


def fresh(kind: str) -> str:
    """A new secret of 32 random bytes, in the form of the kind."""
    raw = entropy.token_bytes(_FRESH_BYTES)
    if kind == "standard":
        return _PREFIX + base64.b64encode(raw).decode()
    return raw.hex() if kind == "close" else base64.urlsafe_b64encode(raw).decode().rstrip("=")


def checked(kind: str, secret: str) -> str:
    """The secret as it is kept. Raises BadInput with a sentence on the form it must have."""
    return _CHECKS.get(kind, _plain)(secret)


def tail(kind: str, secret: str) -> str:
    """What an address of this kind ends with, because its vendor can show the secret nowhere else; else empty."""
    if kind == "salesforce":
        name, colon, rest = secret.partition(":")
        return quote(rest if colon and name.startswith("00D") else secret, safe="")
    if kind == "sendgrid" and not _PUBLIC_KEY.fullmatch(secret):
        return quote(secret, safe="")
    if kind == "ses":
        return next((quote(token, safe="") for token in sns.Trust.of(secret).tokens), "")
    return ""


def _standard(secret: str) -> str:
    try:
        raw = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        raw = b""
    if not secret.startswith(_PREFIX) or len(raw) not in _STANDARD_BYTES:
        message = "The secret must be whsec_ and the base64 of 24 to 64 random bytes."
        raise BadInput(message, field="secret")
    return secret


def _plain(secret: str) -> str:
    told = secret.strip()
    if not _SHORTEST <= len(told) <= _LONGEST or not told.isprintable():
        message = f"The secret must have {_SHORTEST} to {_LONGEST} signs, on one line."
        raise BadInput(message, field="secret")
    return told


def _close(secret: str) -> str:
    if not _HEX.fullmatch(secret.strip()):
        message = "The secret must be the signature_key that Close shows: 32 to 128 hexadecimal signs."
        raise BadInput(message, field="secret")
    return secret.strip().lower()


def _zoho(secret: str) -> str:
    told = _plain(secret)
    if len(told.rpartition(":")[2]) > _ZOHO_LONGEST:
        message = f"The token must have at most {_ZOHO_LONGEST} signs: Zoho takes no longer one."
        raise BadInput(message, field="secret")
    return told


def _sendgrid(secret: str) -> str:
    bare = _PEM_LINES.sub("", secret)
    if _PUBLIC_KEY.fullmatch(bare):
        return bare
    if "PUBLIC KEY" in secret or bare.startswith("MFk"):
        message = "The public key cannot be read: copy it whole from SendGrid, one line of 124 signs."
        raise BadInput(message, field="secret")
    return _plain(secret)


def _ses(secret: str) -> str:
    trust = sns.Trust.of(secret)
    unread = [each for each in trust.certificates if sns.public_key(each.der) is None]
    if unread or "-----" in trust.secret() or not (trust.tokens or trust.certificates):
        message = (
            "The secret must be a token for the address, a certificate of Amazon SNS (PEM), or both, and may name "
            "the topic (arn:aws:sns:…), with commas between them."
        )
        raise BadInput(message, field="secret")
    if any(len(token) < _SHORTEST for token in trust.tokens):
        message = f"The token of the address must have at least {_SHORTEST} signs."
        raise BadInput(message, field="secret")
    return trust.secret()


_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "standard": _standard,
    "close": _close,
    "zoho": _zoho,
    "sendgrid": _sendgrid,
    "ses": _ses,
}
