"""Takes secrets out of what is shown: bodies of deliveries, headers, lines of the log. What is stored stays whole.

Knows names, not senders: a value is taken out because of what it is called. Finds nothing in what is encrypted.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

MASK: Final = "•••"
_DEEPEST: Final = 64
_PARTS: Final = (
    "token", "password", "passwd", "passphrase", "secret", "authorization", "signature", "apikey", "accesskey",
    "privatekey", "sessionid", "credential", "cookie", "hmac", "jwt",
)  # fmt: skip
_WHOLE: Final = frozenset({"auth", "sig", "pwd", "pass", "otp", "pin", "hash", "sign"})
# Names that only sound like it, and tell how to read the rest.
_PLAIN: Final = frozenset({"signatureversion", "tokentype", "signaturealgorithm"})
_NAME: Final = r"[A-Za-z0-9_.:-]*"
_NAMED: Final = (
    rf"{_NAME}(?:{'|'.join((*_PARTS, 'api[_-]key', 'access[_-]key', 'private[_-]key', 'session[_-]id'))}){_NAME}"
)
_IN_TEXT: Final = (
    # name=value in forms and addresses, name: value in headers, <name>value</name>, and the same in broken JSON.
    re.compile(
        rf"(?P<head>(?:^|[?&;\s\"'])(?P<name>{_NAMED}|sig|auth|pwd)=)[^&\s\"'<>;]+", re.IGNORECASE | re.MULTILINE
    ),
    re.compile(rf"(?P<head>^[ \t]*(?P<name>{_NAMED}):[ \t]*)[^\r\n]+", re.IGNORECASE | re.MULTILINE),
    re.compile(rf"(?P<head><(?P<name>{_NAMED})(?:\s[^>]*)?>)[^<]+", re.IGNORECASE),
    re.compile(rf"(?P<head>\\?\"(?P<name>{_NAMED})\\?\"\s*:\s*\\?\")[^\"\\]+", re.IGNORECASE),
    re.compile(
        rf"(?P<head>name=\"(?P<name>{_NAMED}|sig|auth|pwd)\"(?:\r?\n[^\r\n]+)*\r?\n\r?\n)[^\r\n]+", re.IGNORECASE
    ),
    re.compile(r"(?P<head>\b(?P<name>Bearer|Basic)\s+)[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE),
    re.compile(r"(?P<head>(?P<name>whsec_|\bak_))[A-Za-z0-9+/=_-]{8,}"),
    re.compile(r"(?P<head>://(?P<name>[^/\s:@]+):)[^/\s@]+(?=@)"),
)


def is_secret(name: str) -> bool:
    """Whether a value of this name is not to be shown."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    return bare not in _PLAIN and (bare in _WHOLE or any(part in bare for part in _PARTS))


def text(told: str) -> str:
    """A text without the secrets that are named in it."""
    for pattern in _IN_TEXT:
        told = pattern.sub(_masked, told)
    return told


def headers(told: dict[str, Any]) -> dict[str, str]:
    """Headers without the values that prove who sent them."""
    return {name: MASK if is_secret(name) else text(str(value)) for name, value in told.items()}


def body(content: bytes) -> str:
    """A body as a person reads it, without its secrets: JSON with line breaks, anything else as it came."""
    told = content.decode("utf-8", "replace")
    try:
        return json.dumps(_value(json.loads(told), 0), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text(told)


def _value(told: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(told, dict):
        # A list of headers gives each name as a value of its own.
        named = next((told[key] for key in ("name", "Name", "key") if isinstance(told.get(key), str)), "")
        hidden = is_secret(named)
        return {
            key: _hidden(value) if is_secret(key) or (hidden and key.lower() == "value") else _value(value, depth + 1)
            for key, value in told.items()
        }
    if isinstance(told, list):
        return [_value(each, depth + 1) for each in told]
    if isinstance(told, str):
        return _string(told, depth)
    return told


def _string(told: str, depth: int) -> str:
    """Some senders pack JSON into a text of their JSON."""
    if told[:1] in ("{", "["):
        try:
            return json.dumps(_value(json.loads(told), depth + 1), ensure_ascii=False)
        except (ValueError, RecursionError):
            return text(told)
    return text(told)


def _hidden(told: Any) -> Any:  # noqa: ANN401 - JSON
    """The shape stays, so that one sees that something was there."""
    if isinstance(told, dict):
        return {key: _hidden(value) for key, value in told.items()}
    if isinstance(told, list):
        return [_hidden(each) for each in told]
    return MASK if told not in (None, "") else told


def _masked(found: re.Match[str]) -> str:
    name = re.sub(r"[^a-z0-9]", "", found["name"].lower())
    return found[0] if name in _PLAIN else found["head"] + MASK
