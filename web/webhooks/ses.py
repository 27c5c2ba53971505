"""The kind `ses`: what Amazon SES tells through an SNS topic, and the topic's own messages.

Opens no connection: certificates and topics are part of the source's secret, and a subscription is confirmed by a
command (docs/sources/ses.md). Both versions of the signature are understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import Unreadable, loads
from web.webhooks import proof
from web.webhooks.adapter import Adapter, Headers, body_key, short_key
from web.webhooks.letters import is_lasting, received, usable
from web.webhooks.reading import event_id, first, one, own_id, table, tables, the_table, when, word
from workflow import sns
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TOLERANCE_S: Final = 3600
"""How old a message may be: SNS gives up after an hour (SNS, "Message delivery retries")."""
# What a mailbox provider reports of a mail that was no complaint: it was taken out of the spam, or a signature failed.
_NO_COMPLAINT: Final = frozenset({"not-spam", "auth-failure"})


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether everything that one of the secrets asks for is so: the topic, the token in the address, the signature."""
    try:
        told = table(loads(body))
    except Unreadable:
        return False
    at = when(told.get("Timestamp"))
    if at is None or abs((now - at).total_seconds()) > TOLERANCE_S:
        return False
    return any(_fits(sns.Trust.of(secret), headers, told) for secret in secrets)


def key(headers: Headers, body: bytes) -> str:
    """`MessageId`, which a retry keeps."""
    try:
        named = word(table(loads(body)).get("MessageId"))
    except Unreadable:
        named = ""
    return short_key(f"sns:{named}") if named else body_key(headers, body)


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What happened to mails, or the mail that came. Raises Unreadable."""
    told = the_table(loads(body))
    what, at = first(told, "Type"), when(told.get("Timestamp"))
    if what == "SubscriptionConfirmation":
        return (Incoming(key, "subscription.offered", at, data={"detail": first(told, "TopicArn")}),)
    if what != "Notification":
        return (Incoming(key, "subscription.ended" if "Unsubscribe" in what else "unknown", at),)
    try:
        message = loads(str(told.get("Message", "")).encode("utf-8", "replace"))
    except Unreadable:
        # What somebody types into the console to see whether it arrives.
        message = {}
    return tuple(one(table(message), key, lambda event, _: _happened(event, key, at)))


ADAPTER: Final = Adapter(reads=proof.SHOWING, verify=verify, key=key, read=read, success=200)


def _fits(trust: sns.Trust, headers: Headers, told: Mapping[str, Any]) -> bool:
    if trust.topics and word(told.get("TopicArn")) not in trust.topics:
        return False
    if trust.tokens and not proof.shows(headers, trust.tokens):
        return False
    url = told.get("SigningCertURL") or told.get("SigningCertUrl")
    if sns.host_of(url) is None:
        return False
    known = [each for each in trust.certificates if each.url in ("", url)]
    # Amazon changes its certificate without a word. What it signs with one that was never fetched counts by the token
    # alone, as everything did before the first was fetched: rather that than an hour of bounces lost.
    return sns.is_signed(told, known) if known or not trust.tokens else True


def _happened(event: Mapping[str, Any], key: str, sent_at: datetime | None) -> list[Incoming]:
    # A configuration set says the one, an identity the other.
    what = first(event, "eventType", "notificationType")
    mail = table(event.get("mail"))
    if what == "Received":
        return _inbound(event, mail, key)
    told = table(event.get(what[:1].lower() + what[1:]))
    at = when(told.get("timestamp")) or sent_at
    named = _headers(mail)
    data: dict[str, Any] = {"message_id": named.get("message-id", "")}
    ref = own_id(named.get("x-prospect-id"), *_tags(mail))
    if what == "Bounce":
        rows, kind = tables(told.get("bouncedRecipients")), kinds.BOUNCED
    elif what == "Complaint" and first(told, "complaintFeedbackType").lower() not in _NO_COMPLAINT:
        rows, kind = tables(told.get("complainedRecipients")), kinds.COMPLAINED
    elif what == "Subscription" and _left(told):
        rows, kind = [{"emailAddress": each} for each in _listed(mail.get("destination"))], kinds.UNSUBSCRIBED
    else:
        return [Incoming(key, f"email.{what.lower()}" if what else "unknown", at, ref, data=data)]
    found = []
    for number, row in enumerate(rows):
        about = {**data, "address": usable(row.get("emailAddress"))}
        about["detail"] = first(row, "diagnosticCode") or first(told, "complaintFeedbackType", "bounceSubType")
        if kind == kinds.BOUNCED:
            lasting = first(told, "bounceType") == "Permanent"
            about["permanent"] = lasting and is_lasting(first(row, "status"), default=True)
        found.append(Incoming(f"{key}:{number}" if number else key, kind, at, ref, data=about))
    return found or [Incoming(key, f"email.{what.lower()}", at, ref, data=data)]


def _inbound(event: Mapping[str, Any], mail: Mapping[str, Any], key: str) -> list[Incoming]:
    action = table(table(event.get("receipt")).get("action"))
    content = event.get("content")
    named = event_id("ses:received", mail["messageId"]) if word(mail.get("messageId")) else key
    if not isinstance(content, str):
        # Larger mail lies in S3, where we do not look: its headers are here all the same.
        lines = [f"{word(each.get('name'))}: {word(each.get('value'), 2000)}" for each in tables(mail.get("headers"))]
        return received("\r\n".join([*lines, "", ""]).encode("utf-8", "replace"), named)
    packed = first(action, "encoding").upper() == "BASE64"
    return received(proof.unpacked(content) if packed else content.encode("utf-8", "surrogatepass"), named)


def _headers(mail: Mapping[str, Any]) -> dict[str, str]:
    found = {word(each.get("name")).lower(): word(each.get("value"), 990) for each in tables(mail.get("headers"))}
    common = word(table(mail.get("commonHeaders")).get("messageId"), 990)
    return {**found, "message-id": found.get("message-id") or common}


def _tags(mail: Mapping[str, Any]) -> list[object]:
    return _listed(table(mail.get("tags")).get("prospect_id"))


def _listed(told: object) -> list[object]:
    return told if isinstance(told, list) else []


def _left(told: Mapping[str, Any]) -> bool:
    return table(told.get("newTopicPreferences")).get("unsubscribeAll") is True
