"""Which company an address belongs to: the one of its domain, unless anybody can have an address there.

Knows a short list of such hosts, written down in docs/playbook.md, and asks nobody.
"""

from __future__ import annotations

from typing import Final

FREE_HOSTS: Final = frozenset(
    {
        "abv.bg", "aol.com", "bk.ru", "dir.bg", "fastmail.com", "free.fr", "freenet.de", "gbg.bg", "gmail.com",
        "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "inbox.ru",
        "laposte.net", "libero.it", "list.ru", "live.com", "mac.com", "mail.bg", "mail.com", "mail.ru", "me.com",
        "msn.com", "orange.fr", "outlook.com", "proton.me", "protonmail.com", "rambler.ru", "seznam.cz",
        "t-online.de", "ukr.net", "web.de", "wp.pl", "ya.ru", "yahoo.com", "yandex.com", "yandex.ru",
    }
)  # fmt: skip
"""Hosts of mail for everybody: those who have an address there have no company in common."""


def company_of(address: str | None) -> str | None:
    """The domain of `address` in lower case; None for a host of mail for everybody, and without an address."""
    domain = (address or "").rpartition("@")[2].strip().lower()
    return domain if domain and domain not in FREE_HOSTS else None
