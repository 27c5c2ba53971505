"""Cleans text at the border: what no name, note or answer may carry never gets into a row."""

from __future__ import annotations

import re
import unicodedata

# C0 and C1 controls but line feed and tab; bidirectional overrides; zero-width signs and tags. PostgreSQL refuses NUL
# where SQLite takes it, and the others hide or reorder what a person reads (Unicode TR 36).
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
_BREAKS = re.compile(r"\s+")


def line(text: str, limit: int = 200) -> str:
    """`text` as one line of at most `limit` characters, without hidden signs, in normal form C."""
    # Most texts are so already, which costs a tenth to see: an import asks ten times a row.
    bare = len(text) <= limit and text.isprintable() and text == text.strip() and "  " not in text
    if bare and unicodedata.is_normalized("NFC", text):
        return text
    plain = _BREAKS.sub(
        " ", _HIDDEN.sub("", unicodedata.normalize("NFC", text[: limit * 4]).replace("\r", " "))
    ).strip()
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def block(text: str, limit: int = 20_000) -> str:
    """`text` with its line breaks, of at most `limit` characters, without hidden signs."""
    unified = text[: limit * 2].replace("\r\n", "\n").replace("\r", "\n")
    return _HIDDEN.sub("", unicodedata.normalize("NFC", unified))[:limit]


def searchable(*parts: str) -> str:
    """What a search looks in: the parts, folded."""
    return " ".join(part.casefold() for part in parts if part)
