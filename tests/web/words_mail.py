"""What mail services say beyond the collection in `wire`, and what we understand by it."""

# ruff: noqa: E501 - a table reads better with a case in few lines

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from tests.web.cases import Case, case
from tests.web.vendors import multipart


def postmark() -> list[Case]:
    def bounced(name: str, kind: str, *events: str) -> Case:
        body = {
            "RecordType": "Bounce",
            "ID": name,
            "Type": kind,
            "Email": "ana@example.com",
            "BouncedAt": "2026-11-10T07:00:00Z",
        }
        return case("postmark", name, body, *events)

    def changed(name: str, *events: str, **more: Any) -> Case:
        body = {"RecordType": "SubscriptionChange", "MessageID": "m1", "Recipient": "ana@example.com",
                "ChangedAt": "2026-11-10T07:00:00Z", **more}  # fmt: skip
        return case("postmark", name, body, *events)

    head = [{"Name": "message-id", "Value": "<m1@example.com>"}]
    return [
        bounced("full", "SoftBounce", "email.bounced False ana@example.com"),
        bounced("refuses us", "Blocked", "email.bounced False ana@example.com"),
        bounced("wrong", "BadEmailAddress", "email.bounced True ana@example.com"),
        bounced("away", "AutoResponder", "email.automatic ana@example.com"),
        bounced("a filter's word", "SpamNotification", "email.bounced False ana@example.com"),
        bounced("new kind", "SomethingNew", "email.bounced False ana@example.com"),
        changed("unsubscribed", "email.unsubscribed ana@example.com", SuppressSending=True, SuppressionReason="ManualSuppression"),
        changed("after a bounce", "email.bounced ana@example.com", SuppressSending=True, SuppressionReason="HardBounce"),
        changed("resumed", "email.resumed ana@example.com", SuppressSending=False),
        case("postmark", "delivered", {"RecordType": "Delivery", "MessageID": "m", "Recipient": "ana@example.com",
             "DeliveredAt": "2026-11-10T07:00:00Z"}, "email.delivery ana@example.com"),
        case("postmark", "a reply in Cyrillic", {"From": "Ана <ana@example.com>", "Subject": "Отг: Среща", "Headers": head,
             "TextBody": "Да", "MessageID": "p"}, "email.replied ana@example.com"),
        case("postmark", "away for a week", {"From": "ana@example.com", "Headers": [*head, {"Name": "Auto-Submitted",
             "Value": "auto-replied"}], "MessageID": "p"}, "email.auto_replied ana@example.com"),
    ]  # fmt: skip


def mailgun() -> list[Case]:
    def told(name: str, event: str, *events: str, **more: Any) -> Case:
        body = {"event": event, "id": name, "timestamp": 1794297000.5, "recipient": "ana@example.com",
                "message": {"headers": {"message-id": "m1@example.com"}}, **more}  # fmt: skip
        return case("mailgun", name, {"signature": {}, "event-data": body}, *events)

    form = "application/x-www-form-urlencoded"
    parts, kind = multipart(
        {"from": "Ана <ana@example.com>".encode(), "Message-Id": b"<m2@example.com>", "body-plain": b"x"}
    )
    mime, mime_kind = multipart(
        {"body-mime": b"From: ana@example.com\r\nMessage-ID: <m3@x>\r\nAuto-Submitted: auto-replied\r\n\r\nx"}
    )
    return [
        told("for now", "failed", "email.bounced False ana@example.com", severity="temporary"),
        told("for good", "failed", "email.bounced True ana@example.com", severity="permanent", **{"delivery-status": {"code": 550}}),
        told("full", "failed", "email.bounced False ana@example.com", severity="permanent",
             **{"delivery-status": {"code": 552, "bounce-code": "5.2.2"}}),
        told("too old", "failed", "email.bounced False ana@example.com", severity="permanent", reason="old"),
        told("complained before", "failed", "email.complained ana@example.com", severity="permanent", reason="suppress-complaint"),
        told("opened", "opened", "email.opened ana@example.com"),
        told("nobody", "complained", "email.complained", recipient="n/a"),
        case("mailgun", "a route in parts", parts, "email.replied ana@example.com", content_type=kind),
        case("mailgun", "a route with the whole mail", mime, "email.auto_replied ana@example.com", content_type=mime_kind),
        case("mailgun", "a route with the sender alone", urlencode({"sender": "ana@example.com"}).encode(),
             "email.replied ana@example.com", content_type=form),
        case("mailgun", "an older webhook", urlencode({"event": "bounced", "recipient": "ana@example.com", "code": "550",
             "error": "5.1.1 no such user", "message-headers": json.dumps([["From", "onward@example.com"]])}).encode(),
             "email.bounced True ana@example.com", content_type=form),
        case("mailgun", "headers that are none", urlencode({"from": "ana@example.com", "message-headers": "[[1,2],3,"}).encode(),
             "email.replied ana@example.com", content_type=form),
    ]  # fmt: skip


def sendgrid() -> list[Case]:
    def told(name: str, event: str, *events: str, **more: Any) -> Case:
        body = {"email": "ana@example.com", "event": event, "timestamp": 1794297000, "sg_event_id": name, **more}
        return case("sendgrid", name, [body], *events)

    whole, kind = multipart({"email": "From: Ана <ana@example.com>\nMessage-ID: <m@x>\nSubject: Отг\n\nДа".encode()})
    odd, odd_kind = multipart(
        {"from": "Ана <ana@example.com>".encode("cp1251"), "charsets": b'{"from":"windows-1251"}'}
    )
    return [
        told("full", "bounce", "email.bounced False ana@example.com", status="5.2.2", type="bounce"),
        told("no code", "bounce", "email.bounced True ana@example.com", type="bounce"),
        told("blocked", "blocked", "email.bounced False ana@example.com"),
        told("never tried", "dropped", "email.unsubscribed ana@example.com", reason="Unsubscribed Address"),
        told("not our fault", "dropped", "email.bounced False ana@example.com", reason="Recipient List over Package Quota"),
        told("delivered", "delivered", "email.delivered ana@example.com"),
        told("back again", "group_resubscribe", "email.group_resubscribe ana@example.com"),
        case("sendgrid", "a whole mail", whole, "email.replied ana@example.com", content_type=kind),
        case("sendgrid", "in an old charset", odd, "email.replied ana@example.com", content_type=odd_kind),
        case("sendgrid", "nothing", []),
        case("sendgrid", "one by itself", {"event": "open"}, "email.open"),
    ]  # fmt: skip


def ses() -> list[Case]:
    def told(name: str, message: Any, *events: str, **more: Any) -> Case:
        text = message if isinstance(message, str) else json.dumps(message)
        body = {
            "Type": "Notification",
            "MessageId": name,
            "Timestamp": "2026-11-10T07:00:00.000Z",
            "Message": text,
            **more,
        }
        return case("ses", name, body, *events)

    mail = {"messageId": "0100", "headers": [{"name": "Message-ID", "value": "<m@example.com>"}]}
    two = [
        {"emailAddress": "ana@example.com", "status": "5.1.1"},
        {"emailAddress": "ben@example.com", "status": "5.7.1"},
    ]
    head = {
        "headers": [{"name": "From", "value": "ana@example.com"}, {"name": "Message-ID", "value": "<r@example.com>"}]
    }
    return [
        told("two at once", {"notificationType": "Bounce", "bounce": {"bounceType": "Permanent", "bouncedRecipients": two},
             "mail": mail}, "email.bounced True ana@example.com", "email.bounced False ben@example.com"),
        told("for now", {"eventType": "Bounce", "bounce": {"bounceType": "Transient", "bouncedRecipients": two[:1]}},
             "email.bounced False ana@example.com"),
        told("not told who", {"eventType": "Complaint", "complaint": {}, "mail": mail}, "email.complaint"),
        told("taken out of the spam", {"eventType": "Complaint", "complaint": {"complaintFeedbackType": "not-spam",
             "complainedRecipients": two[:1]}, "mail": mail}, "email.complaint"),
        told("delivered", {"eventType": "Delivery", "delivery": {}, "mail": mail}, "email.delivery"),
        told("left the list", {"eventType": "Subscription", "subscription": {"newTopicPreferences": {"unsubscribeAll": True}},
             "mail": {"destination": ["ana@example.com"]}}, "email.unsubscribed ana@example.com"),
        told("typed by hand", "hello", "unknown"),
        told("SES says that it works", "Successfully validated SNS topic", "unknown"),
        told("in S3", {"notificationType": "Received", "mail": head, "receipt": {"action": {"type": "S3"}}},
             "email.replied ana@example.com"),
        told("as text", {"notificationType": "Received", "mail": mail, "content": "From: ana@example.com\n\nДа",
             "receipt": {"action": {"encoding": "UTF8"}}}, "email.replied ana@example.com"),
        told("an offer", "", "subscription.offered", Type="SubscriptionConfirmation", TopicArn="arn"),
        told("the end", "", "subscription.ended", Type="UnsubscribeConfirmation"),
    ]  # fmt: skip


CASES: tuple[Case, ...] = tuple(each for cases in (postmark, mailgun, sendgrid, ses) for each in cases())
