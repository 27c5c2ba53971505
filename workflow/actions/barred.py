"""Addresses that nobody writes to: asks for one, bars one, and bars what enters with a barred domain.

All in the caller's transaction, and nothing else: sequences are stopped by whoever bars. Every change of the list is
written down in its log, which nothing ever alters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, insert, or_, select, update

from workflow import ids
from workflow.records import upserts
from workflow.records.models import Suppression
from workflow.records.prepared import Prepared, one_of
from workflow.records.suppressions import BY_DOMAIN, OF_DOMAIN, BarredDomain, SuppressionLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.records.db import Record, Tx

LISTED: Final = "suppressed.listed"
UNSUBSCRIBED: Final = "stop.unsubscribe"
# What a person said of their own address outlives the rest: it must not go when a domain is allowed again.
_WEIGHTS: Final = {OF_DOMAIN: 0, LISTED: 1, "stop.bounce": 2, "stop.complaint": 3, UNSUBSCRIBED: 4}
_PARTS: Final = 8
_BARRED: Final = Prepared(select(Suppression.email_key).where(Suppression.email_key == bindparam("email_key")))
_DOMAIN: Final = Prepared(
    select(BarredDomain.domain, BarredDomain.note, BarredDomain.actor).where(
        or_(*(BarredDomain.domain == bindparam(f"part{number}") for number in range(_PARTS)))
    )
)
_ANY_DOMAIN: Final = Prepared(select(BarredDomain.domain).limit(1))
_LOG: Final = Prepared(insert(SuppressionLog))
_DOMAINS: Final = "barred_domains"


def is_barred(tx: Tx, email_key: str) -> bool:
    """Whether nobody may write to this address, also one that is not known yet."""
    return _BARRED.first(tx, {"email_key": email_key}) is not None or domain_of(tx, email_key) is not None


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
    """Bar an address that a prospect has from now on, where its domain is barred.

    Whoever bars a domain writes alone, so either sees this address or was seen by this: no address slips between.
    """
    domain = domain_of(tx, email_key)
    if domain is not None:
        upserts.insert_new(tx, Suppression, {"email_key": email_key, "at": tx.now, **of_domain(domain)})


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
    told: dict[str, Record | None] | None = tx.known.get(_DOMAINS)
    if told is None:
        told = tx.known[_DOMAINS] = {}
        told[""] = _ANY_DOMAIN.first(tx, {})
    if told[""] is None:
        return None
    domain = email_key.rpartition("@")[2]
    if domain not in told:
        told[domain] = _domain_of(tx, domain)
    return told[domain]


def forget_domains(tx: Tx) -> None:
    """Ask anew: the list of domains has been changed in this transaction."""
    tx.known.pop(_DOMAINS, None)


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
