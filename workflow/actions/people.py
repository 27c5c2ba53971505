"""People and programs that may come in: reps, their passwords, sessions and one-time links, and the keys of the API.

Of every secret only a hash is kept. Knows no cookie and no request; what a role may do is in `workflow.rights`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, or_, select, update

from workflow import auditing, ids, rights, text
from workflow.actions import passwords
from workflow.engine import calendar
from workflow.errors import BadInput, Conflict, NotFound
from workflow.mail.address import key_of as address_key
from workflow.mail.address import parse_address
from workflow.records.models import ApiKey, Rep, Session, SignInAttempt, SignInLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement, Select

    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

ROLES: Final = ("rep", "manager", "admin")
LANGUAGES: Final = ("en", "bg")
THEMES: Final = ("light", "dark")
SINGLE_KEYS: Final = ("on", "off")
LINK_FOR: Final = timedelta(minutes=30)

_IDLE: Final = {"admin": timedelta(minutes=30)}
_IDLE_ELSE: Final = timedelta(hours=8)
_WHOLE: Final = {"admin": timedelta(hours=12)}
_WHOLE_ELSE: Final = timedelta(days=7)
_NOTED_EVERY: Final = timedelta(minutes=1)

_WINDOW: Final = timedelta(minutes=15)
_FREE_TRIES: Final = 5
_LONGEST_WAIT: Final = timedelta(minutes=1)
_ADDRESS_WINDOW: Final = timedelta(minutes=1)
_PER_ADDRESS: Final = 20

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_API_KEY: Final = re.compile(r"ak_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")
MOST_DAYS: Final = 3660
"""How long a key may be valid that does not last for ever."""
_LONGEST_KEY: Final = timedelta(days=MOST_DAYS)
_PREFIX_SIGNS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Person:
    """A rep as the panel needs one; `language`, `time_zone` and `theme` are None where nothing was chosen.

    `single_keys` is "off" for who wants no shortcuts of one key (WCAG 2.1.4).
    """

    id: str
    email: str
    name: str
    role: str
    language: str | None
    time_zone: str | None
    theme: str | None
    has_password: bool
    single_keys: str | None = None

    @property
    def actor(self) -> str:
        """How history names this person."""
        return f"rep:{self.id}"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session: whose it is, and what its forms must carry. `token` is the cookie, told only at its birth."""

    person: Person
    csrf: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Denied:
    """No session. `wait` is zero for a wrong address or password, else how long to wait before the next try."""

    wait: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the API: what it is called, what its role is, and which part of that its scopes leave it.

    One with a `rep_id` sees what that rep sees; one of the role “rep” without it sees the prospects of nobody.
    """

    id: str
    name: str
    role: str
    scopes: tuple[str, ...] = ()
    rep_id: str | None = None
    expires_at: datetime | None = None


# --- reps ---------------------------------------------------------------------------------------------------------


def add_rep(ws: Workspace, email: str, role: str, password: str | None = None, name: str | None = None) -> str:
    """Add a rep and give the id. Raises BadInput for an odd address, role or password, Conflict for a taken address."""
    _known(role)
    address = parse_address(email)
    row = {
        "id": ids.new_id(),
        "email": address.key,
        "name": text.line(name or "") or address.local,
        "role": role,
        "password_hash": passwords.hash_of(password) if password is not None else None,
    }

    def work(tx: Tx) -> str:
        if rep_id(tx, address.key) is not None:
            raise Conflict(f"There is a rep with the address {address.key} already: choose another address.")
        tx.conn.execute(insert(Rep), {**row, "created_at": tx.now})
        made = {"name": row["name"], "role": role}
        auditing.note(tx, ws.actor, "rep.added", address.key, after=made, about_id=row["id"])
        return str(row["id"])

    return ws.database.transact(work)


def rep_id(tx: Tx, email: str) -> str | None:
    """The id of the rep with this address."""
    return tx.conn.execute(select(Rep.id).where(Rep.email == address_key(email))).scalar_one_or_none()


def set_password(ws: Workspace, rep: str, password: str, *, keep: str | None = None) -> None:
    """Give a rep a new password; every session but `keep`, and every open link, ends. Raises NotFound and BadInput."""
    hashed = passwords.hash_of(password)

    def work(tx: Tx) -> None:
        _change(ws, tx, rep, {"password_hash": hashed}, "rep.password")
        _end_sessions(tx, rep, but=keep)

    ws.database.transact(work)


def password_is(ws: Workspace, rep: str, password: str) -> bool:
    """Whether this is the rep's password, for a form that asks for it once more. Raises BadInput and Unavailable."""
    with ws.database.read() as tx:
        kept = tx.conn.execute(select(Rep.password_hash).where(Rep.id == rep)).scalar_one_or_none()
    return passwords.matches(kept, password)


def prefer(ws: Workspace, rep: str, choices: Mapping[str, str]) -> None:
    """Keep a rep's name, language, theme, zone or keys; an empty choice means none. Raises NotFound and BadInput."""
    values = _preferred(choices)
    if values:
        ws.database.transact(lambda tx: _change(ws, tx, rep, values))


def change(ws: Workspace, rep: str, role: str | None, choices: Mapping[str, str]) -> None:
    """What `change_role` and `prefer` do, both or neither; the sessions end only for another role."""
    values = _preferred(choices)

    def work(tx: Tx) -> None:
        if role is not None and tx.conn.execute(select(Rep.role).where(Rep.id == rep)).scalar_one_or_none() != role:
            _give(ws, tx, rep, role)
        if values:
            _change(ws, tx, rep, values)

    if role is not None:
        _known(role)
    ws.database.transact(work)


def _preferred(choices: Mapping[str, str]) -> dict[str, Any]:
    allowed = {"language": LANGUAGES, "theme": THEMES, "single_keys": SINGLE_KEYS}
    values: dict[str, Any] = {}
    for name, value in choices.items():
        if name in allowed and value and value not in allowed[name]:
            raise BadInput(f"“{name}” must be one of {', '.join(allowed[name])}.", field=name)
        if name == "time_zone" and value and calendar.zone_of(value).key != value:
            raise BadInput("There is no such time zone: write one such as Europe/Sofia.", field="time_zone")
        if name in (*allowed, "time_zone"):
            values[name] = value or None
        elif name == "name":
            values[name] = text.line(value)
    return values


def change_role(ws: Workspace, rep: str, role: str) -> None:
    """Give a rep another role; every session ends. Raises NotFound, BadInput, Conflict for the last administrator."""
    _known(role)
    ws.database.transact(lambda tx: _give(ws, tx, rep, role))


def _known(role: str) -> None:
    if role not in ROLES:
        raise BadInput(f"The role must be one of {', '.join(ROLES)}.", field="role")


def _give(ws: Workspace, tx: Tx, rep: str, role: str) -> None:
    if role != "admin":
        _keep_an_administrator(tx, rep)
    _change(ws, tx, rep, {"role": role})
    _end_sessions(tx, rep)


def disable(ws: Workspace, rep: str) -> None:
    """Shut a rep out; sessions and open links end at once. Raises NotFound, Conflict for the last administrator."""

    def work(tx: Tx) -> None:
        _keep_an_administrator(tx, rep)
        _change(ws, tx, rep, {"disabled_at": tx.now}, "rep.disabled")
        _end_sessions(tx, rep)

    ws.database.transact(work)


# --- sessions -----------------------------------------------------------------------------------------------------


def sign_in(
    ws: Workspace, email: str, password: str, address: str | None, *, instead_of: str | None = None
) -> SignedIn | Denied:
    """Sign in by password; `address` is the caller's, None for this machine itself, `instead_of` an older session.

    Unknown address, wrong password and disabled rep look alike and take as long. Raises BadInput for a password too
    long to be checked, Unavailable.
    """
    account = _hash(address_key(email) or email.strip().casefold()[:400])
    attempt, wait = ws.database.transact(lambda tx: _try_once(tx, account, address))
    if wait:
        return Denied(wait)
    with ws.database.read() as tx:
        found = tx.conn.execute(
            select(Rep.id, Rep.password_hash).where(Rep.email == address_key(email), Rep.disabled_at.is_(None))
        ).one_or_none()
    kept: str | None = found.password_hash if found else None
    if not passwords.matches(kept, password) or found is None or kept is None:
        return Denied()
    renewed = passwords.hash_of(password) if passwords.is_outdated(kept) else None

    def work(tx: Tx) -> SignedIn | Denied:
        if renewed is not None:
            tx.conn.execute(update(Rep).where(Rep.id == found.id).values(password_hash=renewed))
        tx.conn.execute(delete(SignInAttempt).where(SignInAttempt.account == account))
        tx.conn.execute(delete(SignInAttempt).where(SignInAttempt.id == attempt))
        return _begin(tx, found.id, instead_of)

    return ws.database.transact(work)


def session_of(ws: Workspace, token: str) -> SignedIn | None:
    """Whose session the cookie `token` is; None when it has ended, or its rep may no longer come in."""
    if not _TOKEN.fullmatch(token):
        return None
    hashed = _hash(token)
    with ws.database.read() as tx:
        now = tx.now
        row = tx.conn.execute(
            _PERSON.add_columns(Session.csrf, Session.seen_at)
            .join(Session, Session.rep_id == Rep.id)
            .where(Session.token_hash == hashed, Session.expires_at > now)
        ).one_or_none()
    if row is None or now - row.seen_at > _IDLE.get(row.role, _IDLE_ELSE):
        return None
    if now - row.seen_at > _NOTED_EVERY:
        seen = update(Session).where(Session.token_hash == hashed).values(seen_at=now)
        ws.database.transact(lambda tx: tx.conn.execute(seen))
    return SignedIn(_person(row), row.csrf)


def sign_out(ws: Workspace, token: str) -> None:
    """End the session of this cookie; nothing happens where there is none."""
    ws.database.transact(lambda tx: _forget(tx, token))


# --- one-time links -----------------------------------------------------------------------------------------------


def sign_in_link(ws: Workspace, rep: str, valid: timedelta = LINK_FOR) -> str:
    """A token that signs `rep` in once, within `valid`, at `/sign-in/<token>`. Raises NotFound."""
    token = secrets.token_urlsafe(32)

    def work(tx: Tx) -> str:
        known = tx.conn.execute(_PERSON.where(Rep.id == rep)).one_or_none()
        if known is None:
            raise NotFound("There is no such rep: check the id.")
        auditing.note(tx, ws.actor, "rep.link", known.email, about_id=rep)
        tx.conn.execute(delete(SignInLink).where(SignInLink.expires_at < tx.now))
        row = {"token_hash": _hash(token), "rep_id": rep, "expires_at": tx.now + valid}
        tx.conn.execute(insert(SignInLink), row)
        return token

    return ws.database.transact(work)


def sign_in_address(ws: Workspace, rep_id: str) -> str:
    """The whole address of such a link."""
    return f"{ws.settings.base_url}/sign-in/{sign_in_link(ws, rep_id)}"


def link_stands(ws: Workspace, token: str) -> bool:
    """Whether `use_link` would work; asking changes nothing, so that a mail scanner uses up no link."""
    with ws.database.read() as tx:
        return _link_owner(tx, token) is not None


def use_link(ws: Workspace, token: str, *, instead_of: str | None = None) -> SignedIn | Denied:
    """Sign in by a one-time link; of two uses at once, one wins."""

    def work(tx: Tx) -> SignedIn | Denied:
        owner = _link_owner(tx, token)
        used = update(SignInLink).where(SignInLink.token_hash == _hash(token), SignInLink.used_at.is_(None))
        if owner is None or tx.conn.execute(used.values(used_at=tx.now)).rowcount != 1:
            return Denied()
        return _begin(tx, owner, instead_of)

    return ws.database.transact(work)


# --- keys of the API ----------------------------------------------------------------------------------------------


def add_key(
    ws: Workspace,
    name: str,
    role: str,
    *,
    scopes: Iterable[str] = (),
    rep: str | None = None,
    valid: timedelta | None = None,
) -> str:
    """Add a key and give it, `ak_<prefix>_<secret>`; it is told only here. Raises BadInput, NotFound and Conflict.

    `scopes` are of `rights.SCOPES`, none for all that the role allows. A key of `rep` (an id) has that rep's role.
    """
    _known(role)
    called = text.line(name, 80)
    if not called:
        raise BadInput("The key needs a name, such as that of the program that will use it.", field="name")
    if valid is not None and not timedelta() < valid <= _LONGEST_KEY:
        raise BadInput("A key is valid for 1 to 3660 days, or without end.", field="days")
    prefix, secret = "".join(secrets.choice(_PREFIX_SIGNS) for _ in range(8)), secrets.token_urlsafe(32)
    row = {"id": ids.new_id(), "name": called, "prefix": prefix, "secret_hash": _hash(secret), "role": role}
    limits = {"scopes": " ".join(_known_scopes(scopes)) or None, "rep_id": rep}

    def work(tx: Tx) -> str:
        if tx.conn.execute(select(ApiKey.id).where(ApiKey.name == called)).scalar_one_or_none():
            raise Conflict(f"There is a key named {called} already: choose another name.")
        if rep is not None and tx.conn.execute(_PERSON.where(Rep.id == rep)).one_or_none() is None:
            raise NotFound("There is no such rep: check the id.")
        ends = tx.now + valid if valid is not None else None
        made = {"role": role, **limits, "expires_at": ends}
        auditing.note(tx, ws.actor, "key.added", called, after=made, about_id=row["id"])
        tx.conn.execute(insert(ApiKey), {**row, **limits, "expires_at": ends, "created_at": tx.now})
        return f"ak_{prefix}_{secret}"

    return ws.database.transact(work)


def key_of(ws: Workspace, token: str) -> Key | None:
    """The key that `token` is, or None for one that is wrong, revoked, over, or of a rep who was shut out."""
    parts = _API_KEY.fullmatch(token)
    if parts is None:
        return None
    with ws.database.read() as tx:
        now = tx.now
        row = tx.conn.execute(
            _KEY.where(ApiKey.prefix == parts[1], or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now))
        ).one_or_none()
    if row is None or not hmac.compare_digest(row.secret_hash, _hash(parts[2])):
        return None
    if row.used_at is None or now - row.used_at > _NOTED_EVERY:
        used = update(ApiKey).where(ApiKey.id == row.id).values(used_at=now)
        ws.database.transact(lambda tx: tx.conn.execute(used))
    return Key(
        row.id, row.name, row.rep_role or row.role, tuple((row.scopes or "").split()), row.rep_id, row.expires_at
    )


def revoke_key(ws: Workspace, name: str) -> None:
    """Shut a key out for good. Raises NotFound."""

    def work(tx: Tx) -> None:
        if not _revoke(ws, tx, ApiKey.name == name):
            raise NotFound(f"There is no valid key named {name[:80]}.")

    ws.database.transact(work)


def revoke_key_by_id(ws: Workspace, key_id: str) -> None:
    """The same by its id. Raises NotFound."""

    def work(tx: Tx) -> None:
        if not _revoke(ws, tx, ApiKey.id == key_id):
            raise NotFound("There is no such key, or it was revoked before.")

    ws.database.transact(work)


def _revoke(ws: Workspace, tx: Tx, which: ColumnElement[bool]) -> bool:
    ended = update(ApiKey).where(which, ApiKey.revoked_at.is_(None)).values(revoked_at=tx.now)
    row = tx.conn.execute(ended.returning(ApiKey.id, ApiKey.name)).one_or_none()
    if row is not None:
        auditing.note(tx, ws.actor, "key.revoked", row.name, about_id=row.id)
    return row is not None


# --- what these share ---------------------------------------------------------------------------------------------

_PERSON: Final[Select[*tuple[Any, ...]]] = select(
    Rep.id, Rep.email, Rep.name, Rep.role, Rep.language, Rep.time_zone, Rep.theme, Rep.single_keys,
    Rep.password_hash.is_not(None).label("has_password"),
).where(Rep.disabled_at.is_(None))  # fmt: skip

# A theme is nobody else's business, and a hash is nobody's.
_AUDITED: Final = frozenset({"name", "role", "language", "time_zone"})
_KEY: Final = (
    select(
        ApiKey.id, ApiKey.name, ApiKey.role, ApiKey.scopes, ApiKey.rep_id, ApiKey.expires_at, ApiKey.secret_hash,
        ApiKey.used_at, Rep.role.label("rep_role"),
    )
    .outerjoin(Rep, Rep.id == ApiKey.rep_id)
    .where(ApiKey.revoked_at.is_(None), Rep.disabled_at.is_(None))
)  # fmt: skip


def _known_scopes(told: Iterable[str]) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(told))
    odd = next((each for each in scopes if each not in rights.SCOPES), None)
    if odd is not None:
        raise BadInput(f"“{odd[:40]}” is no scope: use {', '.join(rights.SCOPES)}.", field="scopes")
    return scopes


def _person(row: Record) -> Person:
    return Person(
        row.id,
        row.email,
        row.name,
        row.role,
        row.language,
        row.time_zone,
        row.theme,
        row.has_password,
        row.single_keys,
    )


def _hash(token: str) -> str:
    # A plain hash is enough for 256 random bits; the slow one is for what people think up.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _begin(tx: Tx, rep: str, instead_of: str | None) -> SignedIn | Denied:
    """A new session under a new token, so that a cookie planted before the sign-in is worth nothing after it."""
    row = tx.conn.execute(_PERSON.where(Rep.id == rep)).one_or_none()
    if row is None:
        return Denied()
    if instead_of:
        _forget(tx, instead_of)
    tx.conn.execute(delete(Session).where(Session.expires_at < tx.now))
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    session = {
        "token_hash": _hash(token),
        "rep_id": rep,
        "csrf": csrf,
        "created_at": tx.now,
        "seen_at": tx.now,
        "expires_at": tx.now + _WHOLE.get(row.role, _WHOLE_ELSE),
    }
    tx.conn.execute(insert(Session), session)
    return SignedIn(_person(row), csrf, token)


def _forget(tx: Tx, token: str) -> None:
    tx.conn.execute(delete(Session).where(Session.token_hash == _hash(token)))


def _end_sessions(tx: Tx, rep: str, *, but: str | None = None) -> None:
    kept = _hash(but) if but else ""
    tx.conn.execute(delete(Session).where(Session.rep_id == rep, Session.token_hash != kept))
    tx.conn.execute(delete(SignInLink).where(SignInLink.rep_id == rep))


def _keep_an_administrator(tx: Tx, rep: str) -> None:
    """Refuse to lose the last one: nobody could let anybody in again."""
    admins = select(Rep.id).where(Rep.role == "admin", Rep.disabled_at.is_(None)).with_for_update()
    if list(tx.conn.execute(admins).scalars()) == [rep]:
        raise Conflict("This is the last administrator: make somebody else one first.")


def _change(ws: Workspace, tx: Tx, rep: str, values: Mapping[str, Any], what: str = "rep.changed") -> None:
    before = tx.conn.execute(select(*Rep.__table__.columns).where(Rep.id == rep)).one_or_none()
    if before is None:
        raise NotFound("There is no such rep: check the id.")
    tx.conn.execute(update(Rep).where(Rep.id == rep).values(**values))
    told = [name for name in values if name in _AUDITED]
    if told or what != "rep.changed":
        was, now = {name: getattr(before, name) for name in told}, {name: values[name] for name in told}
        auditing.note(tx, ws.actor, what, before.email, was, now, about_id=rep)


def _link_owner(tx: Tx, token: str) -> str | None:
    if not _TOKEN.fullmatch(token):
        return None
    return tx.conn.execute(
        select(SignInLink.rep_id)
        .join(Rep, Rep.id == SignInLink.rep_id)
        .where(
            SignInLink.token_hash == _hash(token),
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > tx.now,
            Rep.disabled_at.is_(None),
        )
    ).scalar_one_or_none()


def _try_once(tx: Tx, account: str, address: str | None) -> tuple[str, timedelta]:
    """Note a try before it is made, so that many at once cannot all count as the first; or say how long to wait.

    The account slows down, it never locks: whoever guesses must not be able to keep its owner out.
    """
    tx.conn.execute(delete(SignInAttempt).where(SignInAttempt.at < tx.now - _WINDOW))
    latest: datetime | None
    count, latest = tx.conn.execute(
        select(func.count(), func.max(SignInAttempt.at)).where(SignInAttempt.account == account)
    ).one()
    if latest is not None and count >= _FREE_TRIES:
        pause = min(timedelta(seconds=2 ** min(count - _FREE_TRIES, 10)), _LONGEST_WAIT)
        if latest + pause > tx.now:
            return "", latest + pause - tx.now
    if address is not None:
        recent = select(func.count()).where(
            SignInAttempt.address == address, SignInAttempt.at > tx.now - _ADDRESS_WINDOW
        )
        if tx.conn.execute(recent).scalar_one() >= _PER_ADDRESS:
            return "", _ADDRESS_WINDOW
    attempt = ids.new_id()
    row = {"id": attempt, "account": account, "address": address or "", "at": tx.now}
    tx.conn.execute(insert(SignInAttempt), row)
    return attempt, timedelta()
