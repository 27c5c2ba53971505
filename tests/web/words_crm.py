"""What CRMs and calendars say beyond the collection in `wire`, and what we understand by it."""

# ruff: noqa: E501 - a table reads better with a case in few lines

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from tests.web.cases import OWN, Case, case


def standard() -> list[Case]:
    who = {"email": "ana@example.com"}
    return [
        case("standard", "one", {"type": "call.ended", "prospect": who}, "call.ended ana@example.com"),
        case("standard", "many", [{"type": "call.ended", "prospect": who}] * 2, *["call.ended ana@example.com"] * 2),
        case("standard", "cyrillic", {"type": "prospect.upserted", "prospect": {"email": "иван@пример.бг", "name": "Иван"}},
             "prospect.upserted иван@xn--e1afmkfd.xn--90ae |Иван"),
        case("standard", "no optional", {"type": "prospect.upserted", "prospect": {"ref": "7"}}, "prospect.upserted @7"),
        case("standard", "unknown", {"type": "weather.changed"}, "weather.changed"),
        case("standard", "wrong", [{"type": "call.ended", "data": {"minutes": "x"}}], "call.ended !"),
        case("standard", "nothing", [] ),
    ]  # fmt: skip


def _change(**more: Any) -> dict[str, Any]:
    return {"eventId": 1, "subscriptionId": 2, "portalId": 3, "appId": 4, "occurredAt": 1794297000000,
            "subscriptionType": "deal.propertyChange", "attemptNumber": 0, "objectId": 9001, **more}  # fmt: skip


def hubspot() -> list[Case]:
    stage = {"propertyName": "dealstage", "propertyValue": "qualifiedtobuy"}
    return [
        case("hubspot", "a deal is made", [_change(subscriptionType="deal.creation")], "prospect.upserted @9001"),
        case("hubspot", "the doc's other name", [{**_change(**stage), "subscriptionType": None,
             "eventType": "deal.propertyChange"}], "deal.stage qualifiedtobuy @9001"),
        case("hubspot", "an address", [_change(subscriptionType="contact.propertyChange", propertyName="email",
             propertyValue="ana@example.com")], "prospect.upserted @contact:9001 ana@example.com"),
        case("hubspot", "no address", [_change(subscriptionType="contact.propertyChange", propertyName="email",
             propertyValue="n/a")], "contact.changed n/a @contact:9001"),
        case("hubspot", "a company in Cyrillic", [_change(subscriptionType="object.propertyChange", objectTypeId="0-1",
             propertyName="company", propertyValue="Пример ООД")], "prospect.upserted @contact:9001"),
        case("hubspot", "opted out", [_change(subscriptionType="contact.propertyChange", propertyName="hs_email_optout",
             propertyValue="true")], "email.unsubscribed @contact:9001"),
        case("hubspot", "an unknown property", [_change(propertyName="amount", propertyValue="100")],
             "deal.changed 100 @9001"),
        case("hubspot", "an object of one's own", [_change(subscriptionType="object.creation", objectTypeId="2-77")],
             "object.creation @object:9001"),
        case("hubspot", "deleted and merged", [_change(subscriptionType="contact.deletion"),
             _change(subscriptionType="contact.merge", eventId=2)], "contact.deletion @contact:9001",
             "contact.merge @contact:9001"),
        case("hubspot", "out of order in one body", [_change(**stage, eventId=5), _change(
             propertyName="dealstage", propertyValue="appointmentscheduled", eventId=6, occurredAt=1794296000000)],
             "deal.stage appointmentscheduled @9001", "deal.stage qualifiedtobuy @9001"),
        case("hubspot", "one of the list is nothing", [7, _change(**stage)], "! ", "deal.stage qualifiedtobuy @9001"),
        case("hubspot", "a test", []),
        case("hubspot", "a workflow about a contact", {"objectId": 5, "objectType": "CONTACT", "portalId": 3, "properties":
             {"email": {"value": "ana@example.com"}, "firstname": {"value": "Ана"}, "lastname": {"value": "Петрова"}}},
             "prospect.upserted @contact:5 ana@example.com |Ана Петрова"),
        case("hubspot", "a workflow that sends the whole contact", {"vid": 5, "canonical-vid": 5, "merged-vids": [],
             "is-contact": True, "properties": {"email": {"value": "ana@example.com", "versions": [{"value": "old@example.com"}]},
             "lifecyclestage": {"value": "lead"}}}, "prospect.upserted @contact:5 ana@example.com"),
        case("hubspot", "a workflow that sends the whole deal", {"portalId": 3, "dealId": 9001, "isDeleted": False,
             "associations": {"associatedVids": [5]}, "properties": {"dealstage": {"value": "closedwon", "timestamp": 1}}},
             "deal.stage closedwon @9001"),
        case("hubspot", "a workflow with bare values and our id", {"objectId": 5, "objectType": "DEAL",
             "properties": {"dealstage": "closedwon", "onward_id": OWN}}, f"deal.stage closedwon @{OWN}"),
    ]  # fmt: skip


def pipedrive() -> list[Case]:
    meta = {"action": "change", "entity": "deal", "entity_id": "8", "id": "m-1", "timestamp": "2026-11-10T07:00:00Z"}
    deal = {"id": 8, "stage_id": 3, "status": "open", "person_id": 12, "title": "Сделка"}

    def v2(name: str, data: Any, previous: Any, *events: str, **more: Any) -> Case:
        return case("pipedrive", name, {"data": data, "previous": previous, "meta": {**meta, **more}}, *events)

    old = {
        "v": 1,
        "action": "updated",
        "object": "deal",
        "id": 8,
        "timestamp_micro": 1794297000000000,
        "webhook_id": "5",
    }
    return [
        v2("a stage", deal, {"stage_id": 2}, "deal.stage 3 @12"),
        v2("lost", {**deal, "status": "lost"}, {"status": "open", "lost_time": None}, "deal.status lost @12"),
        v2("something else", deal, {"value": 5}, "deal.change @12"),
        v2("nothing is known of before", deal, None, "deal.stage 3 @12", "deal.status open @12"),
        v2("deleted", None, deal, "deal.delete @deal:8", action="delete"),
        v2("a new deal of nobody", {**deal, "person_id": None}, None, "prospect.upserted @deal:8", "deal.stage 3 @deal:8",
           action="create"),
        v2("a new deal of somebody", deal, None, "deal.stage 3 @12", action="create"),
        v2("our id", {**deal, "custom_fields": {"a" * 40: {"type": "varchar", "value": OWN}, "b" * 40: None}},
           {"stage_id": 1}, f"deal.stage 3 @{OWN}"),
        v2("seconds", deal, {"stage_id": 2}, "deal.stage 3 @12", timestamp="1794297000"),
        v2("a person without an address", {"id": 12, "name": "Ана", "emails": [], "phones": None}, None,
           "prospect.upserted @12 |Ана", entity="person", entity_id="12"),
        v2("two addresses", {"id": 12, "emails": [{"value": "b@example.com"}, {"value": "a@example.com", "primary": True}]},
           {}, "prospect.upserted @12 a@example.com", entity="person", entity_id="12"),
        v2("a company", {"id": 3, "name": "Пример"}, {}, "organization.change @organization:3", entity="organization",
           entity_id="3"),
        v2("a call that took place", {"id": 4, "type": "call", "done": True, "person_id": 12, "duration": "00:30",
           "note": "<p>Обади се</p>"}, {"done": False}, "call.ended @12", entity="activity"),
        v2("a call that is planned", {"id": 4, "type": "call", "done": False, "person_id": 12}, {},
           "activity.change @activity:4", entity="activity"),
        v2("a note on an old call", {"id": 4, "type": "call", "done": True, "person_id": 12}, {"note": "x"},
           "activity.change @activity:4", entity="activity"),
        case("pipedrive", "version 1, deleted", {"meta": {**old, "action": "deleted"}, "current": None, "event":
             "deleted.deal"}, "deal.delete @deal:8"),
        case("pipedrive", "version 1, a person", {"meta": {**old, "object": "person", "id": 12}, "event": "added.person",
             "current": {"id": 12, "name": "Ана", "email": [{"value": "ana@example.com"}], "org_name": "Пример"},
             "previous": None}, "prospect.upserted @12 ana@example.com |Ана"),
    ]  # fmt: skip


def soap(records: str, *, head: str = "<OrganizationId>00D5g00000EXAMPLEAQ</OrganizationId>") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body>'
        f'<notifications xmlns="http://soap.sforce.com/2005/09/outbound">{head}{records}</notifications>'
        "</e:Body></e:Envelope>"
    ).encode()


def record(what: str, fields: str, number: int = 1) -> str:
    return (
        f'<Notification><Id>04l00000000000{number:04d}</Id><sObject xsi:type="sf:{what}" '
        f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>'
    )


def salesforce() -> list[Case]:
    deal = "<sf:Id>0065g00000XyZ01</sf:Id><sf:StageName>Qualification</sf:StageName>"
    person = (
        "<sf:Id>00Q5g00000AbCdE</sf:Id><sf:FirstName>Ана</sf:FirstName><sf:LastName>Петрова &amp; син</sf:LastName>"
        "<sf:Email>ana@example.com</sf:Email><sf:Company>Пример</sf:Company>"
    )
    flow = {
        "event": "lead.changed",
        "eventId": "e-1",
        "recordId": "00Q5g00000AbCdE",
        "occurredAt": "2026-11-10T07:00:00Z",
    }
    return [
        case("salesforce", "short id", soap(record("Opportunity", deal)), "deal.stage Qualification @0065g00000XyZ01"),
        case("salesforce", "a lead", soap(record("Lead", person + "<sf:Status>Working</sf:Status>")),
             "lead.status Working @00Q5g00000AbCdE ana@example.com |Ана Петрова & син"),
        case("salesforce", "a contact", soap(record("Contact", person.replace("Company", "Department"))),
             "prospect.upserted @00Q5g00000AbCdE ana@example.com |Ана Петрова & син"),
        case("salesforce", "two, the older last", soap(
             record("Opportunity", deal + "<sf:LastModifiedDate>2026-11-10T07:00:01Z</sf:LastModifiedDate>", 1)
             + record("Opportunity", deal.replace("Qualification", "Prospecting")
                      + "<sf:LastModifiedDate>2026-11-10T07:00:00Z</sf:LastModifiedDate>", 2)),
             "deal.stage Prospecting @0065g00000XyZ01", "deal.stage Qualification @0065g00000XyZ01"),
        case("salesforce", "our id", soap(record("Opportunity", deal + f"<sf:Onward__c>{OWN}</sf:Onward__c>")),
             f"deal.stage Qualification @{OWN}"),
        case("salesforce", "no stage", soap(record("Opportunity", '<sf:Id>0065g00000XyZ01</sf:Id><sf:StageName xsi:nil="true"/>')),
             "opportunity.changed @0065g00000XyZ01"),
        case("salesforce", "an object of one's own", soap(record("Visit__c", "<sf:Id>a0X5g00000XyZ01</sf:Id>")),
             "visit__c.changed @a0X5g00000XyZ01"),
        case("salesforce", "no records", soap("")),
        case("salesforce", "a flow with a status", {**flow, "status": "Working", "email": "ana@example.com"},
             "lead.status Working @00Q5g00000AbCdE ana@example.com"),
        case("salesforce", "a flow with little", {"recordId": "0065g00000XyZ01AAB"}, "record.changed @0065g00000XyZ01"),
    ]  # fmt: skip


def liveagent() -> list[Case]:
    def told(name: str, *events: str, **body: Any) -> Case:
        return case("liveagent", name, body, *events)

    return [
        told("a reply with who wrote", "email.replied @c1 ana@example.com |Ана", event="customer_message", ticket_id="t1",
             owner_contactid="c1", owner_email="ana@example.com", owner_name="Ана", date="2026-11-10 07:00:00"),
        told("an agent's own message", "message_added @ticket:t1", event_type="message_added", conversation_id="t1",
             message="Hello", agent_name="Ivan"),
        told("macros that stayed", "customer_message @ticket:t1", event="customer_message", ticket_id="t1",
             owner_email="{$owner_email}", agent_name="Ivan {$user_lastname}"),
        told("a call that ended", "call.ended @c1", event="call_ended", call_id="k1", contact_id="c1", duration="90"),
        told("a call of no length", "call.ended @c1", event="call_ended", call_id="k1", contact_id="c1", duration="long"),
        told("an event of one's own", "tag_added @ticket:t1", event="tag_added", ticket_id="t1"),
        told("no event at all", "unknown @ticket:t1", ticket_id="t1"),
        told("a status", "ticket.status A @c1", event="ticket_status_changed", contact_id="c1", status="A", ticket_id="t"),
    ]  # fmt: skip


def zoho() -> list[Case]:
    def told(name: str, module: str, operation: str, ids: list[str], values: Any, *events: str) -> Case:
        body = {"server_time": 1794297000000, "module": module, "operation": operation, "ids": ids, "channel_id": "1",
                "token": "zoho-token-of-ours", "affected_values": values}  # fmt: skip
        return case("zoho", name, body, *events)

    ana = {
        "Email": "ana@example.com",
        "First_Name": "Ана",
        "Last_Name": "Петрова",
        "Company": "Пример",
        "Lead_Status": "New",
    }
    return [
        told("a new lead", "Leads", "insert", ["1"], [{"record_id": "1", "values": ana}],
             "prospect.upserted @1 ana@example.com |Ана Петрова", "lead.status New @1 ana@example.com |Ана Петрова"),
        told("a new deal, no values", "Deals", "insert", ["2"], None, "prospect.upserted @2"),
        told("values were not asked for", "Deals", "update", ["2", "3"], [], "deals.update @2", "deals.update @3"),
        told("deleted", "Deals", "delete", ["2"], None, "deals.delete @2"),
        told("a contact moved house", "Contacts", "update", ["4"], [{"record_id": "4", "values": {"Phone": "+359 2 1"}}],
             "prospect.upserted @4"),
        told("another module", "Invoices", "update", ["5"], None, "invoices.update @5"),
        told("an unknown operation", "Deals", "merge", ["5"], None, "deals.merge @5"),
        told("nobody", "Deals", "update", [], []),
    ]  # fmt: skip


def close() -> list[Case]:
    def told(name: str, what: str, action: str, data: Any, *events: str, changed: Any = ()) -> Case:
        event = {"id": f"ev_{name}", "object_type": what, "action": action, "lead_id": "lead_1", "data": data,
                 "date_created": "2026-11-10T07:00:00.123000", "changed_fields": list(changed)}  # fmt: skip
        return case("close", name, {"event": event, "subscription_id": "whsub_1"}, *events)

    deal = {"status_id": "s", "status_label": "Преговори", "status_type": "active"}
    call = {"duration": 90, "disposition": "answered", "note": "Обади се"}
    person = {"name": "Ана", "emails": [{"email": "ana@example.com"}], "phones": [], "title": "COO"}
    return [
        told("a stage", "opportunity", "updated", deal, "deal.stage Преговори @lead_1", changed=["status_id"]),
        told("another field", "opportunity", "updated", deal, "opportunity.updated @lead_1", changed=["value"]),
        told("a new one", "opportunity", "created", deal, "deal.stage Преговори @lead_1"),
        told("lost", "opportunity", "updated", {**deal, "status_type": "lost"}, "deal.stage Преговори @lead_1",
             "deal.status lost @lead_1", changed=["status_id", "status_type"]),
        told("a lead with a contact", "lead", "created", {"display_name": "Пример", "contacts": [person],
             "status_label": "Potential"}, "prospect.upserted @lead_1 ana@example.com |Ана", "lead.status Potential @lead_1"),
        told("a contact", "contact", "updated", person, "prospect.upserted @lead_1 ana@example.com |Ана"),
        told("a call", "activity.call", "completed", call, "call.ended @lead_1"),
        told("nobody took it", "activity.call", "completed", {**call, "duration": 0}, "activity.call.completed @lead_1"),
        told("a machine took it", "activity.call", "completed", {**call, "disposition": "vm-answer"},
             "activity.call.completed @lead_1"),
        told("deleted", "lead", "deleted", {}, "lead.deleted @lead_1"),
        told("merged into another", "lead", "merged", {}, "lead.merged @lead_1"),
        case("close", "a test", {"event": {}}, "."),
    ]  # fmt: skip


def calendly() -> list[Case]:
    def told(name: str, event: str, payload: Any, *events: str) -> Case:
        uri = "https://api.calendly.com/scheduled_events/E1/invitees/I1"
        return case("calendly", name, {"event": event, "created_at": "2026-11-10T07:00:00Z", "payload":
                    {"uri": uri, "email": "ana@example.com", **payload}}, *events)  # fmt: skip

    return [
        told("little is told", "invitee.created", {}, "meeting.booked ana@example.com"),
        told("a name in parts", "invitee.created", {"first_name": "Ана", "last_name": "Петрова"},
             "meeting.booked ana@example.com |Ана Петрова"),
        told("the host cancels", "invitee.canceled", {"cancellation": {"canceler_type": "host", "reason": "Болен"}},
             "meeting.cancelled ana@example.com"),
        told("half of a move", "invitee.canceled", {"rescheduled": True}, "meeting.moving ana@example.com"),
        told("did come after all", "invitee_no_show.deleted", {}, "invitee_no_show.deleted ana@example.com"),
        told("a form", "routing_form_submission.created", {}, "routing_form_submission.created ana@example.com"),
        told("odd times", "invitee.created", {"scheduled_event": {"start_time": "soon", "end_time": 7}},
             "meeting.booked ana@example.com"),
    ]  # fmt: skip


def calcom() -> list[Case]:
    def told(name: str, trigger: str, payload: Any, *events: str) -> Case:
        return case(
            "calcom", name, {"triggerEvent": trigger, "createdAt": "2026-11-10T07:00:00Z", "payload": payload}, *events
        )

    guest = {"uid": "u1", "attendees": [{"email": "ana@example.com", "name": "Ана", "timeZone": "Europe/Sofia"}]}
    return [
        told("a test", "PING", {"type": "Test"}, "booking.ping"),
        told("little is told", "BOOKING_CREATED", guest, "meeting.booked ana@example.com |Ана"),
        told("only answers", "BOOKING_CREATED", {"uid": "u1", "responses": {"email": {"value": "ana@example.com"},
             "name": {"value": "Ана"}}}, "meeting.booked ana@example.com |Ана"),
        told("our id", "BOOKING_CREATED", {**guest, "metadata": {"prospect": OWN}}, f"meeting.booked @{OWN} ana@example.com |Ана"),
        told("asked for only", "BOOKING_REQUESTED", guest, "booking.requested ana@example.com |Ана"),
        told("another time is asked for", "BOOKING_CANCELLED", {**guest, "requestReschedule": True},
             "meeting.moving ana@example.com |Ана"),
        case("calcom", "over", {"triggerEvent": "MEETING_ENDED", **guest}, "meeting.held ana@example.com |Ана"),
        told("one of two did not come", "BOOKING_NO_SHOW_UPDATED", {"bookingUid": "u1", "attendees": [
             {"email": "ana@example.com", "noShow": True}, {"email": "ben@example.com", "noShow": False}]},
             "meeting.no_show ana@example.com", "booking.no_show_taken_back ben@example.com"),
        told("a form", "FORM_SUBMITTED", {"responses": {}}, "booking.form_submitted"),
    ]  # fmt: skip


def twenty() -> list[Case]:
    def told(name: str, event: str, record: Any, *events: str, **more: Any) -> Case:
        body = {"eventName": event, "webhookId": "w", "eventDate": "2026-11-10T07:00:00Z", "record": record, **more}
        return case("twenty", name, body, *events)

    deal = {"id": "d1", "stage": "MEETING", "pointOfContactId": "p1", "updatedAt": "2026-11-10T07:00:00Z"}
    person = {
        "id": "p1",
        "name": {"firstName": "Ана", "lastName": "Петрова"},
        "emails": {"primaryEmail": "ana@example.com"},
    }
    return [
        told("of a person", "opportunity.updated", deal, "deal.stage MEETING @p1", updatedFields=["stage"]),
        told("another field", "opportunity.updated", deal, "opportunity.updated @p1", updatedFields=["amount"]),
        told("of nobody", "opportunity.created", {**deal, "pointOfContactId": None}, "deal.stage MEETING @d1"),
        told("a person", "person.created", person, "prospect.upserted @p1 ana@example.com |Ана Петрова"),
        told("deleted", "opportunity.deleted", deal, "opportunity.deleted @d1"),
        told("a company", "company.updated", {"id": "c1", "name": "Пример"}, "company.updated @c1"),
        case("twenty", "an older release", {"event": "person.updated", "data": person},
             "prospect.upserted @p1 ana@example.com |Ана Петрова"),
        case("twenty", "nothing", {}, "unknown"),
    ]  # fmt: skip


def espocrm() -> list[Case]:
    lead = {"id": "64f1", "firstName": "Ана", "lastName": "Петрова", "emailAddress": "ana@example.com"}

    def told(name: str, event: str, body: Any, *events: str) -> Case:
        return Case("espocrm", name, json.dumps(body).encode(), events, {":event": event} if event else {})

    return [
        told("a lead", "Lead.create", [lead], "prospect.upserted @64f1 ana@example.com |Ана Петрова"),
        told("two", "Contact.update", [lead, {**lead, "id": "64f2"}], "prospect.upserted @64f1 ana@example.com |Ана Петрова",
             "prospect.upserted @64f2 ana@example.com |Ана Петрова"),
        told("a deal of a contact", "Opportunity.update", [{"id": "o1", "stage": "Proposal", "contactId": "64f1"}],
             "deal.stage Proposal @64f1"),
        told("a status alone", "Lead.fieldUpdate", [{"id": "64f1", "status": "Dead"}], "lead.status Dead @64f1"),
        told("deleted", "Lead.delete", [{"id": "64f1"}], "lead.delete @64f1"),
        told("not said what", "", [{"id": "o1", "stage": "Won"}], "deal.stage Won @o1"),
        told("another entity", "Meeting.create", [{"id": "m1", "name": "Среща"}], "meeting.create @m1"),
        told("none", "Lead.create", []),
    ]  # fmt: skip


def frappe() -> list[Case]:
    def told(title: str, *events: str, **body: Any) -> Case:
        return case("frappe", title, {"modified": "2026-11-10 07:00:00.123456", **body}, *events)

    return [
        told("a lead", "lead.status New @L1 ana@example.com |Ана", doctype="CRM Lead", name="L1", status="New",
             email="ana@example.com", lead_name="Ана"),
        told("a lead without a status", "prospect.upserted @L1 ana@example.com", doctype="CRM Lead", name="L1",
             email="ana@example.com"),
        told("a deal without a lead", "deal.stage Won @D1", doctype="CRM Deal", name="D1", status="Won"),
        told("our id", f"deal.stage Won @{OWN}", doctype="CRM Deal", name="D1", status="Won", onward_id=OWN),
        told("another document", "task.changed Open @T1", doctype="Task", name="T1", status="Open"),
        told("an odd address", "deal.stage Won @D1", doctype="CRM Deal", name="D1", status="Won", email="none"),
        case("frappe", "nothing of use", {"hello": "world"}, "document.changed"),
    ]  # fmt: skip


def github() -> list[Case]:
    own = {"type": "call.ended", "prospect": {"email": "ana@example.com"}}
    return [
        case("github", "our own event", own, "call.ended ana@example.com"),
        case("github", "our own events", [own, own], "call.ended ana@example.com", "call.ended ana@example.com"),
        case("github", "a ping", {"zen": "Design for failure.", "hook_id": 1}, "ping", X_GitHub_Event="ping"),
        case("github", "a form", urlencode({"payload": json.dumps(own)}).encode(), "call.ended ana@example.com",
             content_type="application/x-www-form-urlencoded"),
        case("github", "JSON that calls itself a form", own, "call.ended ana@example.com",
             content_type="application/x-www-form-urlencoded"),
        case("github", "a deal", {"event": "deal.changed", "deal": {"id": 7, "stage": "Преговори", "email": "ana@example.com"}},
             "deal.changed Преговори @7 ana@example.com"),
        case("github", "a contact", {"event": "x", "contact": {"id": "c", "email": "ana@example.com", "name": "Ана"}},
             "x @c ana@example.com |Ана"),
        case("github", "nothing", {}, "unknown"),
    ]  # fmt: skip


CASES: tuple[Case, ...] = tuple(
    each
    for cases in (
        standard,
        hubspot,
        pipedrive,
        salesforce,
        liveagent,
        zoho,
        close,
        calendly,
        calcom,
        twenty,
        espocrm,
        frappe,
        github,
    )
    for each in cases()
)
