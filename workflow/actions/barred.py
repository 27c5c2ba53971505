"""Addresses that nobody writes to: asks for one, bars one, and bars what enters with a barred domain.

All in the caller's transaction, and nothing else: sequences are stopped by whoever bars. Every change of the list is
written down in its log, which nothing ever alters.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, insert, literal_column, or_, select, update

from workflow import ids
from workflow.records import upserts
from workflow.records.erasing import SALT, ErasedAddress
from workflow.records.models import Fact, Suppression
from workflow.records.prepared import Prepared, one_of
from workflow.records.suppressions import BY_DOMAIN, OF_DOMAIN, BarredDomain, SuppressionLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.records.db import Record, Tx

LISTED: Final = "suppressed.listed"
ERASED: Final = "suppressed.erased"
UNSUBSCRIBED: Final = "stop.unsubscribe"
# What a person said of their own address outlives the rest: it must not go when a domain is allowed again.
_WEIGHTS: Final = {OF_DOMAIN: 0, ERASED: 0, LISTED: 1, "stop.bounce": 2, "stop.complaint": 3, UNSUBSCRIBED: 4}
_PARTS: Final = 8
_BARRED: Final = Prepared(select(Suppression.email_key).where(Suppression.email_key == bindparam("email_key")))
_DOMAIN: Final = Prepared(
    select(BarredDomain.domain, BarredDomain.note, BarredDomain.actor).where(
        or_(*(BarredDomain.domain == bindparam(f"part{number}") for number in range(_PARTS)))
    )
)
# Whether any domain is barred, and with what addresses are marked once somebody was erased: few installations have it.
_ANY: Final = Prepared(
    select(
        select(BarredDomain.domain).limit(1).scalar_subquery().label("domain"),
        select(Fact.value).where(Fact.name == literal_column(f"'{SALT}'")).scalar_subquery().label("salt"),
    )
)
_ERASED: Final = Prepared(select(ErasedAddress.mark).where(ErasedAddress.mark == bindparam("mark")))
_LOG: Final = Prepared(insert(SuppressionLog))
_DOMAINS: Final = "barred_domains"
_ANYTHING: Final = "barred_anything"


def is_barred(tx: Tx, email_key: str) -> bool:
    """Whether nobody may write to this address, also one that is not known yet."""
    if _BARRED.first(tx, {"email_key": email_key}) is not None or domain_of(tx, email_key) is not None:
        return True
    return was_erased(tx, email_key)


def mark_of(salt: str, email_key: str) -> str:
    """What stands for an address that was erased."""
    return hmac.new(salt.encode(), email_key.encode(), hashlib.sha256).hexdigest()


def was_erased(tx: Tx, email_key: str) -> bool:
    """Whether whoever had this address was erased."""
    salt = _any(tx).salt
    return salt is not None and _ERASED.first(tx, {"mark": mark_of(salt, email_key)}) is not None


def allow_erased(tx: Tx, email_key: str) -> bool:
    """Let an address get mail again although its owner was erased; whether it had been."""
    salt = _any(tx).salt
    if salt is None:
        return False
    gone = delete(ErasedAddress).where(ErasedAddress.mark == mark_of(salt, email_key))
    return tx.conn.execute(gone).rowcount == 1


def bar(tx: Tx, email_key: str, cause: str, *, actor: str, note: str = "", source: str = "") -> bool:
    """Bar an address; one that is barred for less is barred for this from now on. Whether anything changed."""
    told = {"cause": cause, "actor": actor, "note": note, "source": source}
    if upserts.insert_new(tx, Suppression, {"email_key": email_key, "at": tx.now, **told}):
        log(tx, "added", email_key, told)
        return True
    weight = _WEIGHTS.get(cause, 1)
    weaker = [known for known, weighs in _WEIGHTS.items() if weighs < weight]
    outdone = update(Suppression).where(Suppression.email_key == email_key, one_of(Suppression.cause, weaker))
    if not weaker or tx.conn.execute(outdone.values(**told)).rowcount != 1:
        return False
    log(tx, "added", email_key, told)
    return True


def by_domain(tx: Tx, email_key: str) -> None:
    """Bar an address that a prospect has from now on, where its domain is barred, or whoever had it was erased.

    Whoever bars a domain or erases writes alone, so either sees this address or was seen by this: none slips between.
    """
    domain = domain_of(tx, email_key)
    if domain is not None:
        upserts.insert_new(tx, Suppression, {"email_key": email_key, "at": tx.now, **of_domain(domain)})
    elif was_erased(tx, email_key):
        told = {"cause": ERASED, "actor": "system", "note": "", "source": "erased"}
        upserts.insert_new(tx, Suppression, {"email_key": email_key, "at": tx.now, **told})


def of_domain(domain: Record) -> Mapping[str, Any]:
    """What the row of an address says that is barred for this domain."""
    return {
        "cause": OF_DOMAIN,
        "actor": domain.actor,
        "note": domain.note,
        "source": f"{BY_DOMAIN}{domain.domain}",
    }


def domain_of(tx: Tx, email_key: str) -> Record | None:
    """The barred domain that an address belongs to, itself or by a subdomain.

    Asked once in a transaction: whoever changes the list of domains writes alone, and says `forget_domains`.
    """
    if _any(tx).domain is None:
        return None
    told: dict[str, Record | None] = tx.known.setdefault(_DOMAINS, {})
    domain = email_key.rpartition("@")[2]
    if domain not in told:
        told[domain] = _domain_of(tx, domain)
    return told[domain]


def forget_domains(tx: Tx) -> None:
    """Ask anew: the list of domains has been changed in this transaction, or somebody erased."""
    tx.known.pop(_DOMAINS, None)
    tx.known.pop(_ANYTHING, None)


def _any(tx: Tx) -> Record:
    if _ANYTHING not in tx.known:
        tx.known[_ANYTHING] = _ANY.first(tx, {})
    found: Record = tx.known[_ANYTHING]
    return found


def _domain_of(tx: Tx, domain: str) -> Record | None:
    labels = domain.split(".")
    names = [".".join(labels[start:]) for start in range(len(labels))]
    for start in range(0, len(names), _PARTS):
        some = [*names[start : start + _PARTS], *[None] * _PARTS][:_PARTS]
        found = _DOMAIN.first(tx, {f"part{number}": name for number, name in enumerate(some)})
        if found is not None:
            return found
    return None


def log(tx: Tx, act: str, key: str, told: Mapping[str, Any]) -> None:
    """Write down what happened to the list, for ever."""
    row = {name: str(told.get(name) or "") for name in ("cause", "note", "source", "actor")}
    _LOG.run(tx, {"id": ids.new_id(), "at": tx.now, "act": act, "key": key, **row})
