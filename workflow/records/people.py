"""The tables of those who work here: people, how they are signed in, and keys of the API. Holds no behaviour."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records.base import Base, Id, one_of


class Rep(Base):
    """A person who works here; signs in by password or one-time link.

    While one is away (`away_since`), the mail of their mailbox waits, or a stand-in answers for them.
    """

    __tablename__ = "rep"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    language: Mapped[str | None]
    time_zone: Mapped[str | None]
    theme: Mapped[str | None]
    single_keys: Mapped[str | None]
    away_since: Mapped[datetime | None]
    stand_in_id: Mapped[str | None] = mapped_column(Id, ForeignKey("rep.id"))
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    __table_args__ = (one_of("role", ("rep", "manager", "admin"), "role"),)


class Session(Base):
    """A signed-in browser, by the hash of its cookie."""

    __tablename__ = "session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    rep_id: Mapped[str] = mapped_column(Id, ForeignKey("rep.id"), index=True)
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class SignInLink(Base):
    """A one-time link that signs a rep in, by the hash of its token."""

    __tablename__ = "sign_in_link"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    rep_id: Mapped[str] = mapped_column(Id, ForeignKey("rep.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """A failed sign-in, kept for a quarter of an hour to slow the next ones down."""

    __tablename__ = "sign_in_attempt"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (
        Index("ix_sign_in_attempt_account", "account", "at"),
        Index("ix_sign_in_attempt_address", "address", "at"),
    )


class ApiKey(Base):
    """A key of the API, by the hash of its secret part.

    `scopes` are words of `workflow.rights` with blanks between, none of them for all that the role allows. A key of
    `rep_id` sees what that rep sees.
    """

    __tablename__ = "api_key"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    role: Mapped[str]
    scopes: Mapped[str | None]
    rep_id: Mapped[str | None] = mapped_column(Id, ForeignKey("rep.id"))
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class IdempotentAnswer(Base):
    """What a POST of the API answered, kept a day for whoever asks again with the same key."""

    __tablename__ = "idempotent_answer"
    api_key_id: Mapped[str] = mapped_column(Id, ForeignKey("api_key.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    body: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(index=True)
