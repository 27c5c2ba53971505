"""What the keys of a playbook mean: one table for each kind of entry, read by the loader and shown to editors.

Every default is the one of `schema` and `content`. Names are only read here; whether they exist is asked by `check`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from workflow.playbook import call_grammar, schema
from workflow.playbook.call_grammar import HOURS, NEEDS, WEEKDAYS, days
from workflow.playbook.content import Content
from workflow.playbook.shapes import (
    DELAY,
    FLAG,
    LANGUAGES,
    SPAN,
    TEXT,
    TITLE,
    WORD,
    At,
    Key,
    Shape,
    Together,
    choice,
    count,
    is_word,
    keyed,
    lined,
    placed,
    record,
    rows,
    span_or,
    table,
    value,
    word_or,
    words,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.playbook.schema import Playbook
    from workflow.playbook.tree import Fields, Place

MOST: Final = 1_000_000


# --- calendar, limits


def _calendar(_at: At, **values: Any) -> schema.Calendar:  # noqa: ANN401 - by attribute
    if "working_days" in values:
        values["working_days"] = days(values["working_days"])
    if "holidays" in values:
        values["holidays"] = tuple(dict.fromkeys(values["holidays"]))
    return schema.Calendar(**values)


def _limits(_at: At, **values: Any) -> schema.Limits:  # noqa: ANN401 - by attribute
    return schema.Limits(**values)


CALENDAR: Final = record(
    "calendar",
    _calendar,
    (
        Key(
            "send_window",
            word_or("always", None, HOURS),
            "The hours of a working day in which email may leave, by the prospect's clock.",
            attribute="window",
        ),
        Key("working_days", words(*WEEKDAYS), "The days of work; without it Monday to Friday."),
        Key("holidays", rows(TEXT), "Countries (ISO 3166, capitals) whose holidays are no working days."),
    ),
)
MAILBOX: Final = record(
    "mailbox",
    value(schema.MailboxLimits),
    (
        Key("per_hour", count(1, MOST), "Emails in any 60 minutes."),
        Key("per_day", count(1, MOST), "Emails in any 24 hours."),
        Key("min_gap", SPAN, "The least time between two emails of a mailbox."),
        Key("pause_after_uncertain", count(1, MOST), "Uncertain emails in ten minutes that pause the mailbox."),
        Key("concurrency", count(1, 64), "Emails of a mailbox on their way at once."),
    ),
)
PROSPECT_LIMITS: Final = record(
    "prospect_limits",
    value(schema.ProspectLimits),
    (
        Key("per_day", count(1, MOST), "Emails to one prospect in any 24 hours."),
        Key("per_week", count(1, MOST), "Emails to one prospect in any 7 days."),
        Key("min_gap", SPAN, "The least time between two emails to one prospect."),
    ),
)
DOMAIN_LIMITS: Final = record(
    "domain_limits",
    value(schema.DomainLimits),
    (
        Key("per_day", count(1, MOST), "Emails to one company in any 24 hours."),
        Key("min_gap", SPAN, "The least time between two emails to one company."),
    ),
)
OVERALL_LIMITS: Final = record(
    "overall_limits",
    value(schema.OverallLimits),
    (
        Key("per_hour", count(1, MOST), "Emails of all mailboxes in any 60 minutes."),
        Key("per_day", count(1, MOST), "Emails of all mailboxes in any 24 hours."),
    ),
)
LIMITS: Final = record(
    "limits",
    _limits,
    (
        Key("mailbox", MAILBOX, "What one mailbox may send."),
        Key("prospect", PROSPECT_LIMITS, "What one prospect may get."),
        Key("domain", DOMAIN_LIMITS, "What the prospects of one company may get together."),
        Key("all", OVERALL_LIMITS, "What all mailboxes may send together.", attribute="overall"),
    ),
)
OUT_OF_OFFICE: Final = record(
    "out_of_office",
    value(schema.OutOfOffice),
    (Key("resume_after", DELAY, "How long mail waits for somebody who is away and does not say until when."),),
)


# --- stages, transitions


SETS: Final = table(TEXT)
STAGE: Final = record(
    "stage",
    placed(schema.Stage),
    (
        Key("title", TITLE, "What people read.", required=True),
        Key("final", FLAG, "Whether a prospect's way ends here."),
        Key("stalled_after", SPAN, "After how long without a move the prospect counts as stalled."),
    ),
)
TRANSITION: Final = record(
    "transition",
    lined(schema.Transition),
    (
        Key("trigger", WORD, "The name by which the move is asked for.", required=True),
        Key("from", words(), "The stage, or stages, it leads from.", required=True, attribute="sources"),
        Key("to", WORD, "The stage it leads to.", required=True),
        Key("needs", NEEDS, "What must be so before the move; all of it."),
        Key("sets", SETS, "Fields that get a value on the way."),
        Key("outcomes", words(*schema.OUTCOMES), "The outcomes that a prospect may be closed with here."),
        Key("reasons", table(TITLE), "Reasons that are offered; another may be given."),
    ),
)


# --- sequences


def _agree_on_start(keys: Fields) -> None:
    when = keys["when"].spoken(schema.START_WORDS)
    if when == "stage.entered":
        keys.need("stage")
    elif when:
        _refuse(keys, ("stage", "outcome"), "goes only with `when: stage.entered`")


def _agree_on_step(keys: Fields) -> None:
    """Note which keys of a step do not go together."""
    mail = [name for name in ("email", "variants") if name in keys]
    task = "task" in keys
    if len(mail) + task != 1 and keys.place.is_table:
        named = " and ".join(f"`{name}`" for name in (*mail, *(("task",) if task else ())))
        has = f"has {named}" if named else "has neither an email nor a task"
        keys.place.wrong("step", f"This step {has}: write one of `email`, `variants` and `task`.")
    elif task:
        _refuse(keys, ("thread", "quote", "window", "lateness", "late"), "goes only with an email")
    else:
        _refuse(keys, ("blocking",), "goes only with a task")
    if "thread" not in keys:
        _refuse(keys, ("quote",), "goes only with `thread: same`")
    if "before" in keys:
        _refuse(keys, ("after",), "cannot go with `before`: write `lead` for the time before the meeting")
        _refuse(keys, ("late",), "cannot go with `before`: after the meeting the email is of no use")
    else:
        _refuse(keys, ("lead",), "goes only with `before: meeting`")


def _refuse(keys: Fields, names: tuple[str, ...], why: str) -> None:
    for name in names:
        if name in keys:
            keys[name].wrong("combination", f"`{name}` {why}.")


def _step(at: At, **values: Any) -> schema.Step:  # noqa: ANN401 - by attribute
    if values.get("variants"):
        values["email"] = values["variants"][0].email
    return schema.Step(position=at.position, **values, line=at.place.line)


def _sequence(at: At, **values: Any) -> schema.Sequence:  # noqa: ANN401 - by attribute
    values["stop"] = frozenset(values.get("stop", ()))
    return schema.Sequence(key=at.key, **values, line=at.place.line)


START: Final = record(
    "start",
    value(schema.Start),
    (
        Key("when", choice(*schema.START_WORDS), "What begins the sequence.", required=True),
        Key("stage", WORD, "The stage that was entered."),
        Key("outcome", WORD, "The outcome with which a final stage was entered."),
    ),
    Together(
        _agree_on_start,
        {
            "if": {"properties": {"when": {"const": "stage.entered"}}},
            "then": {"required": ["stage"]},
            "else": {"properties": {"stage": False, "outcome": False}},
        },
    ),
)
VARIANT: Final = record(
    "variant",
    keyed(schema.Variant),
    (
        Key("email", TEXT, "The template of this variant.", required=True),
        Key("share", count(1, 100), "Its part of the whole, beside the shares of the others; without it 1."),
    ),
)
STEP: Final = record(
    "step",
    _step,
    (
        Key("key", WORD, "The step's name within its sequence.", required=True),
        Key("email", TEXT, "The template to send."),
        Key(
            "variants",
            Shape(
                lambda at: tuple(table(VARIANT, some=True).read(at).values()),
                lambda: {**table(VARIANT).describe(), "minProperties": 1},
                lambda: (VARIANT,),
            ),
            "Several templates, of which each enrollment gets one.",
        ),
        Key("task", TITLE, "What the rep is asked to do."),
        Key("after", DELAY, "How long after the end of the step before it."),
        Key("before", is_word("meeting"), "Due before the meeting starts.", attribute="before_meeting"),
        Key("lead", SPAN, "How long before the meeting."),
        Key("thread", is_word("same"), "The email answers the one before it.", attribute="same_thread"),
        Key("quote", FLAG, "Whether the text of the email before it stands below it, quoted.", attribute="quotes"),
        Key("window", is_word("any"), "The email may leave at any hour of any day.", attribute="any_hour"),
        Key("late", choice(*schema.LATE), "What becomes of an email that is too late: skip, ask the rep, or send."),
        Key("blocking", FLAG, "Whether the next step waits until the task is done."),
        Key("lateness", SPAN, "How late the email may still leave by itself, if more than a day."),
    ),
    Together(
        _agree_on_step,
        {
            "oneOf": [{"required": ["email"]}, {"required": ["variants"]}, {"required": ["task"]}],
            "dependentSchemas": {
                "task": {"properties": dict.fromkeys(("thread", "quote", "window", "lateness", "late"), False)},
                "email": {"properties": {"blocking": False}},
                "variants": {"properties": {"blocking": False}},
                "before": {"properties": {"after": False, "late": False}},
            },
            "dependentRequired": {"lead": ["before"], "quote": ["thread"]},
        },
    ),
)
SEQUENCE: Final = record(
    "sequence",
    _sequence,
    (
        Key("title", TITLE, "What people read; without it they see the key."),
        Key("start", START, "What begins the sequence.", required=True),
        Key("stop", words(*schema.STOP_WORDS), "What ends it early."),
        Key(
            "again",
            span_or(always=timedelta(), never=None),
            "Whether it may begin anew: always, never, or so long after it last began.",
        ),
        Key("exclusive", FLAG, "Whether a prospect is on one such sequence at a time."),
        Key("priority", count(0, 100), "What has more of it leaves first, and of two exclusive sequences goes on."),
        Key("steps", rows(STEP, some=True, unique="key"), "What happens, in order.", required=True),
    ),
)
WHEN: Final = record(
    "when",
    value(dict),
    (
        Key("kind", TEXT, "The kind of event, in the words of its source.", required=True),
        Key("value", TEXT, "The value that it must carry."),
    ),
)
SIGNAL: Final = record(
    "signal",
    lambda at, when, **values: schema.SignalRule(**{"kind": "", **(when or {})}, **values, line=at.place.line),
    (
        Key("source", TEXT, "The kind or the name of a source.", required=True),
        Key("when", WHEN, "The event.", required=True),
        Key("do", WORD, "The trigger to take.", required=True),
        Key("sets", SETS, "Fields that go with it."),
    ),
)


# --- the whole


QUALIFICATION: Final = record(
    "qualification",
    lambda _at, criteria=None: criteria or {},
    (Key("criteria", table(call_grammar.CRITERION, some=True), "The rows of the matrix.", required=True),),
)
_OF_THE_CALL: Final = (
    Key("personas", table(call_grammar.PERSONA), "The kinds of buyers."),
    Key("journey", table(call_grammar.JOURNEY), "The phases of the buyer's way to a decision."),
    Key("questions", table(call_grammar.QUESTION), "The question bank."),
    Key("scripts", table(call_grammar.SCRIPT), "Ways through a call."),
    Key("objections", table(call_grammar.OBJECTION), "What buyers say against it, with a reply to each."),
    Key("qualification", QUALIFICATION, "The matrix that gives a prospect's score.", attribute="criteria"),
    Key("checklist", table(call_grammar.ITEM), "What a good discovery call is made of."),
    Key("meetings", call_grammar.MEETINGS, "When meetings are offered."),
)


def _playbook(_at: At, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - by attribute
    inner = {key.attribute or key.name for key in _OF_THE_CALL} & values.keys()
    values["content"] = Content(**{name: values.pop(name) for name in inner})
    return values


PLAYBOOK: Final = record(
    "playbook",
    _playbook,
    (
        Key("name", TEXT, "How the team calls it.", required=True),
        Key("languages", words(*LANGUAGES), "The languages in which every text must be there."),
        Key("time_zone", TEXT, "An IANA name, such as Europe/Sofia."),
        Key("calendar", CALENDAR, "When email may leave."),
        Key("limits", LIMITS, "How much email may leave."),
        Key("out_of_office", OUT_OF_OFFICE, "When mail goes on for somebody who is away."),
        Key(
            "stages",
            table(STAGE, some=True),
            "Where a prospect can stand; the first is where it begins.",
            required=True,
        ),
        Key("transitions", rows(TRANSITION), "The moves from stage to stage."),
        Key("sequences", table(SEQUENCE), "The emails and tasks that follow."),
        Key("signals", rows(SIGNAL), "What a source's own words mean here."),
        *_OF_THE_CALL,
    ),
)
_DEFAULTS: Final[Mapping[str, Any]] = {
    "languages": LANGUAGES[:1],
    "time_zone": "UTC",
    "calendar": schema.Calendar(),
    "limits": schema.Limits(),
    "transitions": (),
    "sequences": {},
    "signals": (),
}


def playbook_of(root: Place, lines: Mapping[str, int], digest: str) -> Playbook:
    """The playbook at `root`; with findings in the notes of `root` it is not to be used."""
    # Every text must be there in each language, so these are read ahead.
    languages = root.peek("languages").words(LANGUAGES) or LANGUAGES[:1]
    values = PLAYBOOK.read(At(root, languages))
    return schema.Playbook(**{**_DEFAULTS, **values, "languages": languages, "digest": digest, "lines": lines})
