"""The tables, as typed declarative models: the one description that SQLite, PostgreSQL and the migrations share.

Holds no behaviour. Statements over these tables are written in Core, in `workflow.actions` and `workflow.reports`,
because the ORM's unit of work costs twice the processor time on the hot routes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflow.records import audit as audit  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import calls as calls  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import crm as crm  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import day as day  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import drafts as drafts  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import erasing as erasing  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import finding as finding  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import imports as imports  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import outbox as outbox  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import personal as personal  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import replays as replays  # noqa: PLC0414
from workflow.records import stays as stays  # noqa: PLC0414 - its tables belong to the schema
from workflow.records import texts as texts  # noqa: PLC0414
from workflow.records.base import Base, Id, one_of, partial
from workflow.records.deliveries import Delivery as Delivery  # noqa: PLC0414
from workflow.records.deliveries import Event as Event  # noqa: PLC0414
from workflow.records.deliveries import Source as Source  # noqa: PLC0414 - the others hang on its module
from workflow.records.people import ApiKey as ApiKey  # noqa: PLC0414
from workflow.records.people import IdempotentAnswer as IdempotentAnswer  # noqa: PLC0414
from workflow.records.people import Rep as Rep  # noqa: PLC0414
from workflow.records.people import Session as Session  # noqa: PLC0414
from workflow.records.people import SignInAttempt as SignInAttempt  # noqa: PLC0414
from workflow.records.people import SignInLink as SignInLink  # noqa: PLC0414
from workflow.records.suppressions import Suppression as Suppression  # noqa: PLC0414 - the others hang on its module

TOUCH_STATES: Final = (
    "scheduled", "claimed", "sending", "committing", "sent", "failed", "uncertain", "cancelled", "skipped", "done",
)  # fmt: skip
# States of the touches that are in somebody's hands or in doubt, few among the many. SQLite looks only among them when
# a statement names all of these states in its text, besides the ones it asks for.
IN_HANDS: Final = ("claimed", "sending", "committing", "uncertain")
URGENT: Final = "state = 'scheduled' AND priority > 0"
# What may come of an email; a report finds those rows among all others.
OF_MAIL: Final = "kind IN ('email.replied', 'meeting.booked', 'email.unsubscribed', 'email.bounced')"
ENROLLMENT_STATES: Final = ("active", "completed", "stopped", "failed")
INCOMING_OUTCOMES: Final = ("applied", "ignored", "unmatched", "failed")
# The newest migration; a test holds the two together.
REVISION: Final = "0030"


class Prospect(Base):
    """A buyer on the way through the stages. `version` counts its history, `moved_at` guards the order of its moves.

    Its mail waits until `mail_hold_until`: they are away, or asked for a pause (`mail_hold_why`). One that was found to
    be the same person as another is a mark that leads there (`merged_into`), and keeps its own history. `declined` has
    the keys of the sequences that they want no more of, with blanks between. `reached`, `origin` and `competitor` are
    what `workflow.progress` makes of its history and facts.
    """

    __tablename__ = "prospect"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str | None]
    name: Mapped[str]
    company: Mapped[str]
    phone: Mapped[str]
    title: Mapped[str]
    language: Mapped[str]
    time_zone: Mapped[str]
    country: Mapped[str]
    custom: Mapped[dict[str, Any]]
    stage: Mapped[str]
    outcome: Mapped[str | None]
    outcome_reason: Mapped[str | None]
    owner_id: Mapped[str | None] = mapped_column(Id, ForeignKey("rep.id"))
    version: Mapped[int]
    chain: Mapped[str]
    entered_stage_at: Mapped[datetime]
    moved_at: Mapped[datetime]
    mail_hold_until: Mapped[datetime | None]
    mail_hold_why: Mapped[str | None]
    declined: Mapped[str | None]
    merged_into: Mapped[str | None] = mapped_column(Id, ForeignKey("prospect.id"))
    search: Mapped[str]
    reached: Mapped[str] = mapped_column(server_default="")
    origin: Mapped[str] = mapped_column(server_default="")
    competitor: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    __table_args__ = (
        Index("uq_prospect_email_key", "email_key", unique=True),
        # Those two carry all that the board counts, so that a hundred thousand rows need not be looked at.
        Index("ix_prospect_stage", "stage", "entered_stage_at", "id", "owner_id", "merged_into"),
        Index("ix_prospect_owner", "owner_id", "stage", "entered_stage_at", "id", "merged_into"),
        # In it a stage is counted without reading a value: the index itself proves the condition.
        partial("ix_prospect_counted", "stage", "entered_stage_at", "merged_into", where="merged_into IS NULL"),
        Index("ix_prospect_created", "created_at", "id"),
        Index("ix_prospect_name", "name", "id"),
        Index("ix_prospect_company", "company", "id"),
        Index("ix_prospect_entered", "entered_stage_at", "id"),
        partial("ix_prospect_merged", "merged_into", where="merged_into IS NOT NULL"),
        # These carry all that analytics count, the first in the order of the groups, so that nothing is sorted.
        Index(
            "ix_prospect_reached",
            "reached",
            "stage",
            "outcome",
            "owner_id",
            "origin",
            "language",
            "merged_into",
            "created_at",
        ),
        partial(
            "ix_prospect_closed",
            "outcome",
            "entered_stage_at",
            "stage",
            "created_at",
            "owner_id",
            "origin",
            "language",
            "merged_into",
            where="outcome IS NOT NULL",
        ),
        partial(
            "ix_prospect_competitor",
            "competitor",
            "outcome",
            "stage",
            "created_at",
            "owner_id",
            "origin",
            "language",
            "merged_into",
            where="competitor <> ''",
        ),
    )


class ExternalRef(Base):
    """A sender's own id for one of its objects, and the prospect it means here."""

    __tablename__ = "external_ref"
    source_id: Mapped[str] = mapped_column(Id, ForeignKey("source.id"), primary_key=True)
    object: Mapped[str] = mapped_column(primary_key=True)
    ref: Mapped[str] = mapped_column(primary_key=True)
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"), index=True)


class History(Base):
    """One change of a prospect, never altered. `digest` chains it to the one before; `changes` fold to the row."""

    __tablename__ = "history"
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    occurred_at: Mapped[datetime]
    kind: Mapped[str]
    actor: Mapped[str]
    cause: Mapped[str]
    from_stage: Mapped[str | None]
    to_stage: Mapped[str | None]
    reason: Mapped[str | None]
    changes: Mapped[dict[str, Any]]
    detail: Mapped[dict[str, Any]]
    digest: Mapped[str]
    __table_args__ = (
        Index("ix_history_at", "at"),
        # Few among the many, and Today asks for nothing else.
        partial("ix_history_answers", "at", where="kind IN ('email.replied', 'email.bounced')"),
        partial("ix_history_of_mail", "kind", "occurred_at", "prospect_id", where=OF_MAIL),
    )


class Decided(Base):
    """What one signal was decided from and what followed, so that the same question can be asked again.

    `version` is the newest row of history that the decision wrote. `basis` and `answer` are JSON of `engine.basis`.
    """

    __tablename__ = "decision"
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    playbook_digest: Mapped[str] = mapped_column(String(64), ForeignKey("playbook_version.digest"))
    basis: Mapped[str]
    answer: Mapped[str]


class PlaybookVersion(Base):
    """A published playbook as it was read, kept for ever; enrollments point at the one they began with."""

    __tablename__ = "playbook_version"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str]
    number: Mapped[int]
    source: Mapped[str]
    published_at: Mapped[datetime]


class Publication(Base):
    """A playbook that came into force: by whom, what became of those in flight, and how far that has got.

    `mapping` leads removed stages to new ones, `choices` holds keep, move or stop by group, `counts` what was shown.
    """

    __tablename__ = "publication"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    from_digest: Mapped[str | None] = mapped_column(String(64), ForeignKey("playbook_version.digest"))
    to_digest: Mapped[str] = mapped_column(String(64), ForeignKey("playbook_version.digest"))
    state: Mapped[str]
    mapping: Mapped[dict[str, Any]]
    choices: Mapped[dict[str, Any]]
    counts: Mapped[dict[str, Any]]
    cursor: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        one_of("state", ("moving", "done"), "state"),
        partial("ix_publication_moving", "at", where="state = 'moving'"),
    )


class Enrollment(Base):
    """A prospect on one sequence. At most one active per prospect and sequence.

    `started_version` and `ended_version` name the rows of the prospect's history that began and ended it, if any did.
    """

    __tablename__ = "enrollment"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"))
    sequence: Mapped[str]
    playbook_digest: Mapped[str] = mapped_column(String(64), ForeignKey("playbook_version.digest"))
    state: Mapped[str]
    meeting_id: Mapped[str | None] = mapped_column(Id, ForeignKey("meeting.id"))
    cause: Mapped[str]
    reason: Mapped[str | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    started_version: Mapped[int | None]
    ended_version: Mapped[int | None]
    __table_args__ = (
        one_of("state", ENROLLMENT_STATES, "state"),
        partial("uq_enrollment_active", "prospect_id", "sequence", where="state = 'active'", unique=True),
        Index("ix_enrollment_prospect", "prospect_id", "started_at"),
    )


class Mailbox(Base):
    """An address mail leaves from, of one rep or shared. A pause holds its mail; a back-off waits for its server.

    `secrets` is sealed: the address of its mail server with the password, a DKIM key, tokens. Without it mail leaves
    by the installation's own server. `settings` is what may be shown. A removed one sends no more and keeps its past.
    """

    __tablename__ = "mailbox"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    sender: Mapped[str]
    state: Mapped[str]
    pause_reason: Mapped[str | None]
    paused_at: Mapped[datetime | None]
    resumed_at: Mapped[datetime | None]
    backoff_step: Mapped[int]
    backoff_until: Mapped[datetime | None]
    policy_refusals: Mapped[int]
    rep_id: Mapped[str | None] = mapped_column(Id, ForeignKey("rep.id"), index=True)
    secrets: Mapped[str | None]
    settings: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    removed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    __table_args__ = (one_of("state", ("active", "paused"), "state"),)


class Touch(Base):
    """One email or task of a sequence, with a life of its own; the send protocol is written in `actions.outreach`.

    `next_attempt_at` is null while the touch waits for the step before it. `committed_at` is the moment of the commit
    mark, and with it the moment that counts against the limits. `generation` grows when a person sends it again.
    `variant` names which of the step's emails was chosen, once it was written.
    `priority` is that of its sequence, `domain` the company that it was claimed for or went to, if it is one's own.
    Since `asks_since` a scheduled one waits for a person's word, and does not leave by itself.
    `trail` keeps every decision about its time with what it was decided from, one JSON object a line, oldest first.
    """

    __tablename__ = "touch"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    enrollment_id: Mapped[str] = mapped_column(Id, ForeignKey("enrollment.id"))
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"))
    mailbox_id: Mapped[str | None] = mapped_column(Id, ForeignKey("mailbox.id"))
    sequence: Mapped[str]
    step: Mapped[str]
    position: Mapped[int]
    generation: Mapped[int]
    kind: Mapped[str]
    state: Mapped[str]
    due_at: Mapped[datetime]
    not_after: Mapped[datetime]
    next_attempt_at: Mapped[datetime | None]
    attempts: Mapped[int]
    begin_errors: Mapped[int]
    forced: Mapped[bool]
    priority: Mapped[int] = mapped_column(server_default="0")
    domain: Mapped[str | None]
    asks_since: Mapped[datetime | None]
    token: Mapped[str | None] = mapped_column(Id)
    holder: Mapped[str | None] = mapped_column(Id)
    lease_until: Mapped[datetime | None]
    hint_at: Mapped[datetime | None]
    message_id: Mapped[str | None]
    recipient: Mapped[str | None]
    committed_at: Mapped[datetime | None]
    committed_version: Mapped[int | None]
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    smtp_code: Mapped[int | None]
    smtp_text: Mapped[str | None]
    reason: Mapped[str | None]
    trail: Mapped[str | None]
    variant: Mapped[str | None]
    created_at: Mapped[datetime]
    __table_args__ = (
        one_of("state", TOUCH_STATES, "state"),
        one_of("kind", ("email", "task"), "kind"),
        UniqueConstraint("enrollment_id", "step", "generation"),
        partial(
            "ix_touch_due",
            "mailbox_id",
            "next_attempt_at",
            "id",
            where="state = 'scheduled' AND next_attempt_at IS NOT NULL AND asks_since IS NULL",
        ),
        # Few have a priority, and the claim asks for those first.
        partial("ix_touch_urgent", "mailbox_id", "priority", "next_attempt_at", "id", where=URGENT),
        partial("ix_touch_domain", "domain", "committed_at", where="domain IS NOT NULL"),
        partial("ix_touch_asks", "asks_since", "id", where="state = 'scheduled' AND asks_since IS NOT NULL"),
        partial("ix_touch_open", "state", "mailbox_id", "next_attempt_at", "id", where=f"state IN {IN_HANDS}"),
        partial("ix_touch_forced", "mailbox_id", "next_attempt_at", where="state = 'scheduled' AND forced"),
        # Most touches have neither yet: what is not indexed need not be indexed anew when a row changes.
        partial("ix_touch_used", "mailbox_id", "committed_at", where="committed_at IS NOT NULL"),
        partial("uq_touch_message_id", "message_id", where="message_id IS NOT NULL", unique=True),
        Index("ix_touch_prospect", "prospect_id", "due_at"),
        partial(
            "ix_touch_left",
            "sequence",
            "step",
            "variant",
            "committed_at",
            "state",
            "prospect_id",
            where="kind = 'email' AND committed_at IS NOT NULL",
        ),
        partial("ix_touch_failed", "ended_at", where="state = 'failed'"),
        partial(
            "ix_touch_soonest",
            "kind",
            "next_attempt_at",
            "id",
            where="state = 'scheduled' AND next_attempt_at IS NOT NULL",
        ),
    )


class Message(Base):
    """The bytes of an email of a touch as they were rendered, and from which text: version 0 is the folder's.

    `own_version` is there instead when somebody had written this one email by hand.
    """

    __tablename__ = "message"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    touch_id: Mapped[str] = mapped_column(Id, ForeignKey("touch.id"), unique=True)
    message_id: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str]
    content: Mapped[bytes]
    sha256: Mapped[str] = mapped_column(String(64))
    template: Mapped[str | None]
    language: Mapped[str | None]
    template_version: Mapped[int | None]
    own_version: Mapped[int | None]
    created_at: Mapped[datetime]


class Reading(Base):
    """How far a mailbox has been read over IMAP, who is reading it now, and what keeps it from being read.

    As long as `validity` stays the same, ids up to `last_uid` have been taken in.
    """

    __tablename__ = "reading"
    mailbox_id: Mapped[str] = mapped_column(Id, ForeignKey("mailbox.id"), primary_key=True)
    validity: Mapped[int] = mapped_column(BigInteger)
    last_uid: Mapped[int] = mapped_column(BigInteger)
    holder: Mapped[str | None] = mapped_column(Id)
    lease_until: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    problem_since: Mapped[datetime | None]


class Incoming(Base):
    """A received email, what it was taken for and why, and what followed. The same bytes are taken in once a mailbox.

    `facts` is what the classifier found, `match` how its prospect was found. `visible` is what a person wrote.
    """

    __tablename__ = "incoming"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    mailbox_id: Mapped[str] = mapped_column(Id, ForeignKey("mailbox.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    message_id: Mapped[str | None] = mapped_column(index=True)
    received_at: Mapped[datetime]
    occurred_at: Mapped[datetime]
    sender: Mapped[str]
    subject: Mapped[str]
    kind: Mapped[str]
    prospect_id: Mapped[str | None] = mapped_column(Id, ForeignKey("prospect.id"))
    touch_id: Mapped[str | None] = mapped_column(Id, ForeignKey("touch.id"))
    outcome: Mapped[str]
    reason: Mapped[str | None]
    facts: Mapped[dict[str, Any]]
    match: Mapped[dict[str, Any]]
    visible: Mapped[str]
    quoted: Mapped[str]
    content: Mapped[bytes]
    whole: Mapped[bool]
    __table_args__ = (
        UniqueConstraint("mailbox_id", "sha256"),
        one_of("outcome", INCOMING_OUTCOMES, "outcome"),
        Index("ix_incoming_received", "received_at", "id"),
        partial("ix_incoming_unmatched", "received_at", where="outcome = 'unmatched'"),
        Index("ix_incoming_prospect", "prospect_id", "received_at"),
    )


class Meeting(Base):
    """A meeting as its booker last described it; `changed_at` orders what different messages say of it.

    `sequence` counts how often it was told anew: calendars take the higher one (RFC 5545, section 3.8.7.4).
    """

    __tablename__ = "meeting"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"))
    uid: Mapped[str]
    state: Mapped[str]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    place: Mapped[str]
    reason: Mapped[str]
    sequence: Mapped[int] = mapped_column(server_default="0")
    changed_at: Mapped[datetime]
    created_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("prospect_id", "uid"),
        Index("ix_meeting_starts", "starts_at"),
        Index("ix_meeting_created", "created_at"),
    )


class Call(Base):
    """A call that took place."""

    __tablename__ = "call"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"), index=True)
    ended_at: Mapped[datetime]
    minutes: Mapped[float | None]
    notes: Mapped[str]
    actor: Mapped[str]
    __table_args__ = (Index("ix_call_ended", "ended_at", "id"), Index("ix_call_actor", "actor", "ended_at"))


class Answer(Base):
    """What a prospect said to one question of the bank; the newest answer stands."""

    __tablename__ = "answer"
    prospect_id: Mapped[str] = mapped_column(Id, ForeignKey("prospect.id"), primary_key=True)
    question: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    at: Mapped[datetime]


class Heartbeat(Base):
    """A living process. The reaper takes the rows of one that fell silent."""

    __tablename__ = "heartbeat"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    role: Mapped[str]
    name: Mapped[str]
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]]


class Fact(Base):
    """A few named facts about the installation as a whole."""

    __tablename__ = "fact"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
