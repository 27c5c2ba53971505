"""The kind `postmark`: bounces, complaints, changes of a subscription, and mail that Postmark received.

Postmark signs nothing: a user and a password stand in the address it is given, and the password is the secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import loads
from web.webhooks import proof
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.letters import assembled, received, usable
from web.webhooks.reading import event_id, first, one, own_id, table, tables, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

# By `Type`: the numbers beside it differ between Postmark's own samples. What is not here is late, full or refusing us;
# so is a `SpamNotification`, which is the word of a filter, and not of the person.
_LASTING: Final = frozenset({"HardBounce", "BadEmailAddress", "ManuallyDeactivated"})
_OTHER: Final = {
    "SpamComplaint": kinds.COMPLAINED, "Unsubscribe": kinds.UNSUBSCRIBED,
    "Subscribe": "email.subscribed", "AutoResponder": "email.automatic", "AddressChange": "email.automatic",
    "ChallengeVerification": "email.automatic", "OpenRelayTest": "email.automatic", "VirusNotification": "email.report",
}  # fmt: skip
_SUPPRESSED: Final = {
    "HardBounce": kinds.BOUNCED, "SpamComplaint": kinds.COMPLAINED, "ManualSuppression": kinds.UNSUBSCRIBED,
}  # fmt: skip


def verify(headers: Headers, _body: bytes, secrets: Sequence[str], _now: datetime) -> bool:
    """Whether the request shows the password."""
    return proof.shows(headers, secrets)


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What happened to a mail. Raises Unreadable."""
    return tuple(one(the_table(loads(body)), key, _happened))


ADAPTER: Final = Adapter(reads=proof.SHOWING, verify=verify, key=body_key, read=read, success=200)


def _happened(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    what = first(told, "RecordType")
    if what in ("", "Inbound") and ("Headers" in told or "From" in told):
        return _inbound(told, fallback)
    at = when(first(told, "BouncedAt", "ChangedAt", "DeliveredAt", "ReceivedAt"))
    ref = own_id(table(told.get("Metadata")).get("prospect_id"))
    data: dict[str, Any] = {
        "address": usable(first(told, "Email", "Recipient")),
        "detail": first(told, "Details", "Description", "SuppressionReason"),
    }
    if what in ("Bounce", "SpamComplaint"):
        named = event_id("postmark", what, told["ID"]) if word(told.get("ID")) else fallback
        kind = _OTHER.get(first(told, "Type") or what, kinds.BOUNCED)
        if kind == kinds.BOUNCED:
            data["permanent"] = first(told, "Type") in _LASTING
        return [Incoming(named, kind, at, ref, data=data)]
    parts = (told.get("MessageID"), first(told, "Recipient", "Email"), first(told, "ChangedAt", "ReceivedAt"))
    named = event_id("postmark", what, *parts) if word(told.get("MessageID")) else fallback
    if what == "SubscriptionChange":
        # Postmark stops by itself after a bounce or a complaint, and says so once more.
        stopped = told.get("SuppressSending") is True
        kind = _SUPPRESSED.get(first(told, "SuppressionReason"), kinds.UNSUBSCRIBED) if stopped else "email.resumed"
        return [Incoming(named, kind, at, ref, data=data)]
    return [Incoming(named, f"email.{what.lower()}" if what else "unknown", at, ref, data=data)]


def _inbound(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    headers = [(word(each.get("Name")), word(each.get("Value"), 2000)) for each in tables(told.get("Headers"))]
    headers += [(name, word(told.get(name), 2000)) for name in ("From", "To", "Subject", "Date")]
    named = event_id("postmark", "Inbound", told["MessageID"]) if word(told.get("MessageID")) else fallback
    text = told.get("TextBody")
    return received(assembled(headers, text if isinstance(text, str) else ""), named)
