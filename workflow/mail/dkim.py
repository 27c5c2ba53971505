"""Signs an email for its domain (DKIM, RFC 6376), with RSA-SHA256 or Ed25519-SHA256 (RFC 8463).

Reads keys and makes signatures only; nothing is verified and no name server is asked. Written here and not taken from
the one library there is, so that this library can stand in the tests as the verifier that knows nothing of our code.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from workflow.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

# Named once more than they occur, so that a header added on the way breaks the signature (RFC 6376, section 8.15).
_SEALED: Final = (
    *("from", "to", "subject", "date", "message-id", "reply-to", "in-reply-to", "references", "mime-version"),
    *("content-type", "list-unsubscribe", "list-unsubscribe-post"),
)
# Below, receivers ignore the signature; from 2048 on they trust it (RFC 8301, section 3.2).
_LEAST_RSA_BITS: Final = 1024
_WHITE: Final = re.compile(rb"[ \t]+")
_FOLD: Final = re.compile(rb"\r\n(?=[ \t])")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LINE: Final = 72


@dataclass(frozen=True, slots=True)
class Signer:
    """The right to sign for `domain` with the key published at `selector`._domainkey.`domain`."""

    domain: str
    selector: str
    _key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @classmethod
    def read(cls, domain: str, selector: str, pem: str) -> Self:
        """Take a private key in PEM form, without a password. Raises BadInput with one sentence, never the key."""
        for what, value in (("domain", domain), ("selector", selector)):
            if not all(_LABEL.fullmatch(label) for label in value.split(".")):
                message = f"“{value[:60]}” cannot be the {what} of a DKIM key: use letters, digits, hyphens and dots."
                raise BadInput(message, field=what)
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            message = "The DKIM key cannot be read: give a private key in PEM form without a password."
            raise BadInput(message, field="key") from None
        if isinstance(key, RSAPrivateKey) and key.key_size < _LEAST_RSA_BITS:
            message = f"The DKIM key has {key.key_size} bits, which receivers ignore: make one of 2048 bits."
            raise BadInput(message, field="key")
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            message = "The DKIM key is of a kind that DKIM does not know: use RSA or Ed25519."
            raise BadInput(message, field="key")
        return cls(domain.lower(), selector.lower(), key)

    @property
    def record(self) -> str:
        """The text of the DNS record that publishes the public half (RFC 6376, section 3.6.1)."""
        public = self._key.public_key()
        if isinstance(self._key, RSAPrivateKey):
            raw = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return f"v=DKIM1; k=rsa; p={_base64(raw)}"
        return f"v=DKIM1; k=ed25519; p={_base64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}"

    def sign(self, content: bytes, at: datetime) -> bytes:
        """`content`, whose lines end with CRLF, with its signature in front; `at` says when it was made."""
        head, _, body = content.partition(b"\r\n\r\n")
        headers = list(_headers(head))
        digest = _base64(hashlib.sha256(_relaxed_body(body)).digest())
        present = [name for name, _ in headers]
        chosen = [name for sealed in _SEALED for name in [sealed] * (present.count(sealed) + 1)]
        tags = [
            "v=1",
            f"a={'rsa' if isinstance(self._key, RSAPrivateKey) else 'ed25519'}-sha256",
            "c=relaxed/relaxed",
            f"d={self.domain}",
            f"s={self.selector}",
            f"t={int(at.timestamp())}",
            f"h={':'.join(chosen)}",
            f"bh={digest}",
        ]
        unsigned = _written("; ".join(tags) + "; b=")
        signed = b"".join([*_picked(headers, chosen), _relaxed(b"dkim-signature", unsigned.partition(b":")[2])])
        return unsigned + _wrapped(_base64(self._signature(signed))) + b"\r\n" + content

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), SHA256())
        # The digest is what Ed25519 signs here (RFC 8463, section 3).
        return self._key.sign(hashlib.sha256(data).digest())


def _headers(head: bytes) -> Iterator[tuple[str, bytes]]:
    """Each header with its name in small letters and its raw value."""
    for line in _FOLD.sub(b"\0", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        yield name.strip().lower().decode("latin-1"), value.replace(b"\0", b"")


def _picked(headers: list[tuple[str, bytes]], chosen: list[str]) -> Iterator[bytes]:
    """The named headers in order; of several of one name the last first, beyond them nothing (section 5.4.2)."""
    left: dict[str, list[bytes]] = {}
    for name, value in headers:
        left.setdefault(name, []).append(value)
    for name in chosen:
        if left.get(name):
            yield _relaxed(name.encode(), left[name].pop()) + b"\r\n"


def _relaxed(name: bytes, value: bytes) -> bytes:
    """A header in relaxed form (section 3.4.2), without its end of line."""
    return name + b":" + _WHITE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")


def _relaxed_body(body: bytes) -> bytes:
    """A body in relaxed form (section 3.4.4)."""
    lines = [_WHITE.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def _written(tags: str) -> bytes:
    """The header folded at its blanks and at the colons of `h`, none of which changes the relaxed form of the rest."""
    lines, line = [], "DKIM-Signature:"
    for word in tags.split(" "):
        for piece in re.split(r"(?<=:)", word) if word.startswith("h=") else [word]:
            glue = "" if piece is not word and not piece.startswith("h=") else " "
            if len(line) + len(glue) + len(piece) > _LINE and line.strip():
                lines.append(line)
                line = " " + piece
            else:
                line += glue + piece
    return "\r\n".join([*lines, line]).encode("ascii")


def _wrapped(value: str) -> bytes:
    """The signature on lines of its own; blanks inside `b` do not count (section 3.5)."""
    return "".join(f"\r\n {value[at : at + _LINE]}" for at in range(0, len(value), _LINE)).encode("ascii")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
