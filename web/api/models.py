"""What the API takes and gives, as models: they check the requests, write the answers, and make the OpenAPI document.

Unknown fields are refused by name, so that a misspelt one is never a silent default.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

Id = Annotated[str, Field(description="A UUID in its lower-case form.")]


def _whole(told: object) -> object:
    """JSON knows one kind of number: 7.0 is the whole number 7."""
    return int(told) if isinstance(told, float) and told.is_integer() else told


Text = Annotated[str, Field(max_length=400)]
Version = Annotated[
    int, BeforeValidator(_whole), Field(ge=1, description="The version you decided on; 409 when there is a newer one.")
]


def _plausible(told: datetime) -> datetime:
    if told.year not in _YEARS:
        raise ValueError("must lie between 2000 and 2099")
    return told.astimezone(UTC)


_YEARS = range(2000, 2100)
Moment = Annotated[AwareDatetime, AfterValidator(_plausible), Field(description="ISO 8601 with a zone.", strict=False)]


class Request(BaseModel):
    """A body that is sent to us."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """The part of an address behind the question mark."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reply(BaseModel):
    """A body that we send."""

    model_config = ConfigDict(from_attributes=True, frozen=True, populate_by_name=True)


# --- requests


class Listed(Query):
    """How much of a list to give, and behind which place."""

    cursor: Annotated[str, Field(max_length=400, description="`next_cursor` of the page before.")] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 100


class WantedProspects(Listed):
    """Which prospects to list; `q` looks for words in name, company, address and phone."""

    sort: Literal[
        "created_at", "-created_at", "updated_at", "-updated_at", "entered_stage_at", "-entered_stage_at", "name",
        "-name", "company", "-company",
    ] = "-created_at"  # fmt: skip

    ref: Text = ""
    email: Text = ""
    stage: Text = ""
    owner: Annotated[str, Field(max_length=400, description="The email address of a rep.")] = ""
    q: Annotated[str, Field(max_length=200)] = ""
    outcome: Literal["", "won", "lost", "no_decision", "disqualified"] = ""
    suppressed: bool | None = None
    changed_since: Moment | None = None


class WantedExplanation(Query):
    """By whose clock an explanation is told; without a zone by the playbook's."""

    zone: Annotated[str, Field(max_length=80, description="Your IANA time zone, as Europe/Sofia.")] = ""


class WantedSequences(WantedExplanation):
    """Which sequence to explain, and which step of it; all of them when none is named."""

    sequence: Text = ""
    step: Text = ""


Outcome = Literal["", "applied", "duplicate", "ignored", "blocked", "stale", "parked", "failed", "pending"]


class WantedDeliveries(Listed):
    """Which deliveries to list."""

    status: Literal["", "accepted", "pending", "dead"] = ""
    source: Text = ""
    outcome: Outcome = ""


class ProspectFields(Request):
    """Facts about a prospect. An empty text or null clears one; keys of `custom` are added to those there are."""

    email: Text | None = None
    name: Text | None = None
    company: Text | None = None
    phone: Text | None = None
    title: Text | None = None
    language: Text | None = None
    time_zone: Text | None = None
    country: Text | None = None
    custom: dict[str, Any] | None = None
    owner: Annotated[str | None, Field(max_length=400, description="The email address of a rep.")] = None


class ProspectNew(ProspectFields):
    """A prospect to be made; at least an address, a name or a company."""


class ProspectChange(ProspectFields):
    """A change of some facts; what is not named stays."""

    version: Version | None = None


class Move(BaseModel):
    """A trigger, and in further fields what its transition needs, such as `outcome` and `reason`."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, Annotated[str, Field(max_length=2000)]]

    trigger: Annotated[str, Field(min_length=1, max_length=100)]
    version: Version | None = None


class Answers(Request):
    """Answers by the key of their question, or ratings by the key of their criterion; an empty text takes one back."""

    answers: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=100)], Annotated[str, Field(max_length=20_000)]],
        Field(min_length=1, max_length=200),
    ]
    version: Version | None = None


class EndedCall(Request):
    """A call that has ended, which may start the emails after it."""

    minutes: Annotated[float | None, Field(ge=0, le=24 * 60, allow_inf_nan=False)] = None
    notes: Annotated[str, Field(max_length=20_000)] = ""
    version: Version | None = None


class Nothing(Request):
    """No body, or an empty object."""


class Resolution(Request):
    """What becomes of an uncertain email: it arrived, send it once more, or forget it; the last two of a failed one."""

    as_: Annotated[Literal["sent", "resend", "dropped"], Field(alias="as")]


# --- answers


class Prospect(Reply):
    """A prospect. `ref` is the first of `refs`, the ids it has at the senders of webhooks."""

    id: Id
    ref: str | None
    refs: tuple[str, ...]
    email: str
    name: str
    company: str
    phone: str
    title: str
    language: str
    time_zone: str
    country: str
    custom: dict[str, Any]
    stage: str
    outcome: str | None
    outcome_reason: str | None
    owner: str | None
    suppressed: bool
    mail_hold_until: Annotated[datetime | None, Field(description="Until then all mail but for meetings waits.")]
    mail_hold_why: Annotated[str | None, Field(description="away, pause (they asked for it) or by_hand.")]
    version: int
    entered_stage_at: datetime
    created_at: datetime
    updated_at: datetime


class Change(Reply):
    """A row of a prospect's history. `changes` names the fields as they were after it."""

    version: int
    at: datetime
    occurred_at: datetime
    kind: str
    actor: str
    cause: str
    from_: Annotated[str | None, Field(alias="from", validation_alias="from_stage")]
    to: Annotated[str | None, Field(validation_alias="to_stage")]
    reason: str | None
    changes: dict[str, Any]
    detail: dict[str, Any]


class Touch(Reply):
    """An email or a task of a sequence; `reason` says why it is in its state, in the language you accept."""

    id: Id
    prospect_id: Id
    sequence: str
    step: str
    kind: Literal["email", "task"]
    state: Literal[
        "scheduled",
        "claimed",
        "sending",
        "committing",
        "sent",
        "failed",
        "uncertain",
        "cancelled",
        "skipped",
        "done",
    ]
    due_at: datetime
    next_attempt_at: datetime | None
    sent_at: datetime | None
    message_id: str | None
    reason: str | None
    attempts: int
    generation: int
    title: str | None
    recipient: str | None
    smtp_code: int | None
    asks_since: datetime | None


class Resolved(Touch):
    """An email that was settled; for `resend`, `goes_on_as` is the touch that will be sent."""

    goes_on_as: Id | None


class PlaybookVersion(Reply):
    """A version of the playbook: its number, and the first digits of its digest."""

    number: int
    digest: str
    name: str | None = None


class Zones(Reply):
    """The time zones by which times are told."""

    viewer: str
    prospect: str


class Note(Reply):
    """One thing that was decided, or that stands: a sentence, and what it was decided from and with what result.

    `at` is UTC; `at_prospect` and `at_viewer` are the same moment on their clocks. `code` names the sentence.
    """

    at: datetime | None
    at_prospect: str | None
    at_viewer: str | None
    code: str
    text: str
    inputs: dict[str, Any]
    result: dict[str, Any]
    playbook: PlaybookVersion | None


class Explained(Reply):
    """A sequence or a step, with its notes in order of time; `line` is where the playbook has it."""

    sequence: str
    step: str | None
    title: str
    state: str | None
    line: int | None
    playbook: PlaybookVersion | None
    notes: tuple[Note, ...]


class Explanation(Reply):
    """Why an email or task is as it is, or why sequences did or did not begin."""

    prospect: Id
    touch: Id | None = None
    zones: Zones
    items: tuple[Explained, ...]


class Event(Reply):
    """One event of a delivery, and what became of it."""

    id: str
    type: str
    outcome: str
    stage: str | None
    reason: str | None
    prospect_id: str | None
    occurred_at: datetime | None
    attempts: int
    next_attempt_at: datetime | None


class Delivery(Reply):
    """A webhook as it was received."""

    id: Id
    source: str
    kind: str
    received_at: datetime
    status: str
    repeats: int
    reason: str | None
    events: tuple[Event, ...]


class DeliveryLetter(Delivery):
    """A webhook with its body; bytes that are no UTF-8 are shown as question marks."""

    headers: dict[str, str]
    body: str


class EventReceipt(Reply):
    """What became of one event."""

    id: str
    outcome: str
    stage: str | None
    reason: str | None


class Receipt(Reply):
    """What became of a delivery."""

    delivery: Annotated[Id, Field(validation_alias="delivery_id")]
    status: str
    events: tuple[EventReceipt, ...]


class ReceivedMail(Reply):
    """One received email. `text` is what a person wrote, `quoted` what they quoted; both are a stranger's words."""

    id: Id
    received_at: datetime
    sender: str
    sender_name: str
    subject: str
    kind: Annotated[str, Field(description="reply, auto_reply, bounce, complaint, unsubscribe, calendar_reply, …")]
    outcome: str
    reason: str | None
    rule: str
    why: Annotated[str, Field(description="The rule in words.")]
    matched_by: str
    confidence: Annotated[str, Field(description="sure, likely or low; empty for what was assigned otherwise.")]
    touch_id: Id | None
    text: str
    quoted: str


class Mailbox(Reply):
    """An address mail leaves from."""

    id: Id
    name: str
    sender: str
    state: Literal["active", "paused"]
    pause_reason: str | None
    paused_at: datetime | None
    backoff_until: datetime | None
    rep: str | None
    """The address of the rep to whose prospects it writes; none for a shared one."""
    server: str | None
    """Its own mail server; none for the installation's."""
    inbox: str | None
    """The IMAP server it is read at; none when it is not read."""
    read_at: datetime | None
    problem: str | None
    """Why it cannot be read just now."""
    removed_at: datetime | None


class Reason(Reply):
    """Why something is refused or missing: a stable code, and a sentence in each language."""

    code: str
    en: str
    bg: str


class Item(Reply):
    """An item of the checklist; `missing` is empty once it is ticked."""

    key: str
    title: dict[str, str]
    phases: tuple[str, ...]
    ticked: bool
    missing: tuple[Reason, ...]


class Given(Reply):
    """The answer that stands, and who gave it."""

    text: str
    at: datetime
    actor: str


class OpenWay(Reply):
    """A move out of the stage: whether this key may make it as things stand, and what a rep would have to do first.

    What is given with the move itself, such as an outcome, counts as given.
    """

    trigger: str
    to: str
    open: bool
    missing: tuple[Reason, ...]


class Checklist(Reply):
    """How far a prospect's discovery has come; `score` is 0 to 100, `missing` the keys of items without a tick."""

    version: int
    score: int
    ticked: int
    missing: tuple[str, ...]
    items: tuple[Item, ...]
    answers: dict[str, Given]
    moves: tuple[OpenWay, ...]


class Stage(Reply):
    """A stage, with its title by language."""

    key: str
    title: dict[str, str]
    final: bool


class Transition(Reply):
    """A way from some stages to another: `needs` are the fields it asks for, `guards` all that must be so."""

    trigger: str
    from_: Annotated[tuple[str, ...], Field(alias="from")]
    to: str
    needs: tuple[str, ...]
    guards: tuple[str, ...]
    sets: dict[str, str]


class Step(Reply):
    """An email or a task of a sequence."""

    key: str
    kind: Literal["email", "task"]
    email: str | None
    title: dict[str, str] | None


class Sequence(Reply):
    """Emails and tasks that follow each other after a start."""

    key: str
    title: dict[str, str]
    start: str
    stage: str | None
    outcome: str | None
    stop: tuple[str, ...]
    steps: tuple[Step, ...]


class Playbook(Reply):
    """The playbook in force; `digest` names its version."""

    name: str
    digest: str
    languages: tuple[str, ...]
    time_zone: str
    stages: tuple[Stage, ...]
    transitions: tuple[Transition, ...]
    sequences: tuple[Sequence, ...]


class _List(Reply):
    next_cursor: Annotated[str | None, Field(description="Where the next page begins; null on the last.")]


class ProspectList(_List):
    """Prospects, the newest first."""

    items: tuple[Prospect, ...]


class ChangeList(_List):
    """A prospect's history, the oldest first."""

    items: tuple[Change, ...]


class TouchList(_List):
    """A prospect's touches in the order they are due."""

    items: tuple[Touch, ...]


class DeliveryList(_List):
    """Deliveries, the newest first."""

    items: tuple[Delivery, ...]


class MailboxList(_List):
    """Every mailbox."""

    items: tuple[Mailbox, ...]


class ReceivedList(_List):
    """A page of received mail, oldest first."""

    items: tuple[ReceivedMail, ...]


class WrongField(Reply):
    """What is wrong with one field."""

    field: str
    detail: str


class Problem(Reply):
    """An error after RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[WrongField, ...] | None = None
    reasons: tuple[Reason, ...] | None = None
    request_id: str | None = None
