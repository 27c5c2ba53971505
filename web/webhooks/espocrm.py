"""The kind `espocrm`: webhooks of EspoCRM, a list of up to 50 records without a word on what happened to them.

So the address says it: `/webhooks/<name>/Lead.create`. Both forms of the signature are understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import loads
from web.webhooks import proof
from web.webhooks.adapter import EVENT, Adapter, Headers, body_key
from web.webhooks.reading import batch, digest_of, event_id, facts, first, full_name, own_id, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_NEW, _OLD = "signature", "x-signature"
_STATUS: Final = {"lead": ("status", "lead.status"), "opportunity": ("stage", "deal.stage")}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _now: datetime) -> bool:
    """Whether the body was signed with the webhook's secret key, in the newer form if both are sent."""
    newer = headers.get(_NEW)
    mark = proof.unpacked(newer or headers.get(_OLD, "")).partition(b":")[2]
    told = mark.decode("latin-1") if newer is not None else mark.hex()
    # EspoCRM makes a key for each of its webhooks, and has one webhook for each event: a source may hold them all.
    keys = [key.strip() for secret in secrets for key in (secret, *secret.split(","))]
    return proof.any_fits(keys, lambda key: proof.hex_mark(key, body), told)


def read(key: str, headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What became of each record. Raises Unreadable."""
    told = loads(body)
    what, _, action = headers.get(EVENT, "").rpartition("/")[2].lower().replace("_", ".").partition(".")

    def change(item: Mapping[str, Any], fallback: str) -> list[Incoming]:
        return _change(what or _guessed(item), action or "change", item, fallback)

    return batch(told if isinstance(told, list) else [told], key, change)


ADAPTER: Final = Adapter(reads=(_NEW, _OLD, EVENT), verify=verify, key=body_key, read=read, keeps=(EVENT,))


def _guessed(item: Mapping[str, Any]) -> str:
    """The entity, where the address does not say it."""
    return "opportunity" if "stage" in item else "lead" if "emailAddress" in item or "lastName" in item else "record"


def _change(what: str, action: str, item: Mapping[str, Any], fallback: str) -> list[Incoming]:
    about = word(item.get("id"))
    # The same record comes again at every change and says nothing that names the change.
    named = event_id("espocrm", f"{what}_{action}", about, digest_of(item)) if about else fallback
    at = when(item.get("createdAt" if action == "create" else "modifiedAt")) or when(item.get("createdAt"))
    if action == "delete" or item.get("deleted") is True:
        return [Incoming(named, f"{what}.delete", at, about)]
    fields = facts(
        email=item.get("emailAddress"),
        name=full_name(item.get("firstName"), item.get("lastName")) or (item.get("name") if what == "contact" else ""),
        phone=item.get("phoneNumber"),
        company=item.get("accountName"),
        title=item.get("title"),
    )
    # A deal's own name is no person's, and its person is found by the contact it names.
    ref = own_id(item.get("cOnwardId")) or (first(item, "contactId") if what == "opportunity" else "") or about
    name, kind = _STATUS.get(what, ("", ""))
    status = word(item.get(name)) if name else ""
    found: list[Incoming] = []
    if fields and what in ("lead", "contact"):
        found.append(Incoming(named, kinds.UPSERTED, at, ref, fields))
    if status:
        told = {"value": status}
        known = bool(fields.get("email"))
        found.append(
            Incoming(f"{named}:status" if found else named, kind, at, ref, fields, data=told, introduces=known)
        )
    return found or [Incoming(named, f"{what}.{action}", at, ref, fields)]
