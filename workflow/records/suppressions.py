"""The list of barred addresses, barred domains, everything that ever happened to the list, and the test of the link.

Holds no behaviour. A barred domain bars by a row for each address of it, because the commit mark asks for those.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of

LISTED: Final = ("added", "removed")
OF_DOMAIN: Final = "suppressed.domain"
BY_DOMAIN: Final = "domain:"
"""The cause of an address that is barred for its domain alone, and how its source begins."""


class Suppression(Base):
    """An address nobody writes to any more, whatever prospect it belongs to.

    `cause` is the code of a reason, `note` what a person wrote of it. `source` says by which way it came; rows of the
    releases before have none. One that is there for its domain alone has the source `domain:` and that domain.
    """

    __tablename__ = "suppression"
    email_key: Mapped[str] = mapped_column(primary_key=True)
    cause: Mapped[str]
    actor: Mapped[str]
    at: Mapped[datetime]
    note: Mapped[str | None]
    source: Mapped[str | None]
    __table_args__ = (Index("ix_suppression_at", "at", "email_key"),)


class BarredDomain(Base):
    """A domain whose addresses nobody writes to, those of its subdomains included. In its ASCII form, lower case.

    `ends_after` is the last prospect of it whose sequences have been ended, in the order of ids; null when all are.
    """

    __tablename__ = "barred_domain"
    domain: Mapped[str] = mapped_column(String(253), primary_key=True)
    note: Mapped[str]
    source: Mapped[str]
    actor: Mapped[str]
    at: Mapped[datetime]
    ends_after: Mapped[str | None]


class SuppressionLog(Base):
    """One thing that happened to the list, never altered. `key` is an address, or a domain after an @."""

    __tablename__ = "suppression_log"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    act: Mapped[str]
    key: Mapped[str]
    cause: Mapped[str]
    note: Mapped[str]
    source: Mapped[str]
    actor: Mapped[str]
    __table_args__ = (
        one_of("act", LISTED, "act"),
        Index("ix_suppression_log_key", "key", "at"),
    )


class LinkTest(Base):
    """The newest test of the product's own link to unsubscribe: when, and what came of it. One row, named `link`.

    `next_at` is when the next one is due; whoever moves it forward makes the test. `problem` says what was wrong.
    """

    __tablename__ = "link_test"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    next_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    passed_at: Mapped[datetime | None]
    result: Mapped[str]
    problem: Mapped[str]
    __table_args__ = (one_of("result", ("none", "passed", "unreached", "changed"), "result"),)
