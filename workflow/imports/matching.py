"""Tells whether two rows, or a row and a prospect, mean the same person.

Pure. Ids, refs and addresses are sure. A phone number, or a name with a company, counts only where one of the two has
no address: colleagues share a telephone and a company, and namesakes are not one person.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Why = Literal["id", "ref", "email", "phone", "name"]
_DIGITS_TOLD: Final = 9
_DIGITS_ENOUGH: Final = 6


def weak_keys(fields: Mapping[str, str]) -> Iterator[tuple[Why, int]]:
    """What may show that two are one: the last nine digits of the phone number, and name with company."""
    digits = "".join(filter(str.isdigit, fields.get("phone", "")))
    if len(digits) >= _DIGITS_ENOUGH:
        yield "phone", _short(f"p{digits[-_DIGITS_TOLD:]}")
    name, company = fields.get("name", ""), fields.get("company", "")
    if name and company:
        yield "name", _short(f"n{' '.join(name.casefold().split())}\n{' '.join(company.casefold().split())}")


def strong_key(kind: str, value: str) -> int:
    """An id, a ref or the key of an address, as a number."""
    return _short(f"{kind}\n{value}")


@dataclass(slots=True)
class Seen:
    """The keys of the rows before, as numbers: what a hundred thousand rows leave behind is a few megabytes."""

    strong: set[int] = field(default_factory=set)
    with_address: set[int] = field(default_factory=set)
    without: set[int] = field(default_factory=set)
    again: set[int] = field(default_factory=set)

    def take(self, strong: Sequence[int], keys: tuple[tuple[Why, int], ...], *, addressed: bool) -> bool:
        """Take in a row; whether a row before it meant the same person."""
        weak = [key for _why, key in keys]
        double = any(key in self.strong for key in strong)
        for key in weak:
            double = double or key in self.without or (not addressed and key in self.with_address)
            if key in self.without or key in self.with_address:
                self.again.add(key)
        self.strong.update(strong)
        (self.with_address if addressed else self.without).update(weak)
        return double

    def holds(self, key: int) -> bool:
        """Whether a row has this weak key."""
        return key in self.without or key in self.with_address


@dataclass(slots=True)
class Weak:
    """Prospects by weak keys, of those that rows of the file have."""

    known: dict[int, tuple[str, bool]] = field(default_factory=dict)

    def keep(self, key: int, prospect_id: str, *, addressed: bool) -> None:
        """Remember whose key this is; of two, the one without an address, because it matches more."""
        if key not in self.known or not addressed:
            self.known[key] = (prospect_id, addressed)

    def find(self, fields: Mapping[str, str]) -> tuple[str, Why] | None:
        """Whom a row means, and by what."""
        return self.find_by(tuple(weak_keys(fields)), addressed=bool(fields.get("email"))) if self.known else None

    def find_by(self, keys: tuple[tuple[Why, int], ...], *, addressed: bool) -> tuple[str, Why] | None:
        """The same by the keys of the row."""
        for why, key in keys:
            found = self.known.get(key)
            if found is not None and not (found[1] and addressed):
                return found[0], why
        return None


def _short(told: str) -> int:
    return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest())
