"""The tables of what a call is led with: needs, personas, questions, scripts, matrix, checklist, meeting rules.

Every default is the one of `content`. Those of stages and sequences, and the playbook as a whole, are in `grammar`.
"""

from __future__ import annotations

from datetime import time
from typing import Any, Final

from workflow.playbook import content, needs, schema
from workflow.playbook.shapes import (
    FLAG,
    LINE,
    SPAN,
    TITLE,
    WORD,
    At,
    Key,
    Shape,
    choice,
    clock,
    count,
    keyed,
    lazily,
    lined,
    numbered,
    one_key,
    placed,
    record,
    rows,
    table,
    value,
    words,
)  # fmt: skip

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def days(names: tuple[str, ...]) -> frozenset[int]:
    """Weekdays as numbers, from Monday = 0."""
    return frozenset(WEEKDAYS.index(name) for name in names)


# --- hours


def _window(at: At, **values: Any) -> schema.Window:  # noqa: ANN401 - by attribute
    window = schema.Window(**values)
    if window.start >= window.end:
        at.place.wrong("window", "This window ends before it starts: `to` must be later than `from` on the same day.")
    return window


HOURS: Final = record(
    "hours",
    _window,
    (
        Key("from", clock(time(0)), 'The first minute, in quotes like "08:30".', required=True, attribute="start"),
        Key("to", clock(time(23, 59)), "The minute after the last one.", required=True, attribute="end"),
    ),
)


# --- needs


def _need() -> Shape:
    return NEED


A_NEED: Final = lazily("need", _need)
NEEDS: Final = rows(A_NEED)
SOME_NEEDS: Final = rows(A_NEED, some=True)
RATED: Final = record(
    "rated",
    value(needs.Rated),
    (
        Key("criterion", WORD, "A criterion of the qualification.", required=True),
        Key("is", words(), "One of its options, or several that will do.", required=True, attribute="options"),
    ),
)
EVIDENCE: Final = record(
    "evidence",
    value(needs.Evidence),
    (
        Key("at_least", count(1, 1000), "How many questions must be answered.", required=True),
        Key("spin", words(*needs.SPIN), "Only questions of these parts of SPIN."),
        Key("checklist", words(), "Only questions of these items of the checklist."),
        Key("journey", words(), "Only questions of these phases of the buyer's journey."),
    ),
)
NEED: Final = one_key(
    "need",
    (
        Key("field", WORD, "A field of the prospect, or of the move, that must be filled."),
        Key("answers", words(), "Questions or criteria that must be answered, all of them."),
        Key("rated", RATED, "A criterion that must have one of these options."),
        Key("checklist", words(), "Items of the checklist that must be ticked, all of them."),
        Key("score_at_least", count(0, 100), "The least score of the qualification."),
        Key("meeting", choice(*needs.MEETING_WORDS), "A meeting that is booked, or was held."),
        Key("call", choice(*needs.CALL_WORDS), "A call that has ended, with minutes (timed), with notes (noted)."),
        Key("evidence", EVIDENCE, "How much of the question bank must be answered."),
        Key("sequence", WORD, "A sequence that must have begun."),
        Key("role", choice(*needs.ROLES), "The least role of whoever asks for the move."),
        Key("any", SOME_NEEDS, "At least one of these."),
        Key("all", SOME_NEEDS, "All of these."),
        Key("not", A_NEED, "Not this one."),
    ),
    {
        "field": needs.Filled,
        "answers": needs.Answered,
        "rated": lambda value: value,
        "checklist": needs.Ticked,
        "score_at_least": needs.ScoreAtLeast,
        "meeting": needs.Met,
        "call": needs.Called,
        "evidence": lambda value: value,
        "sequence": needs.Begun,
        "role": needs.HasRole,
        "any": needs.AnyOf,
        "all": needs.AllOf,
        "not": needs.NotMet,
    },
    needs.Filled(""),
)


# --- the call


PERSONA: Final = record(
    "persona",
    keyed(content.Persona),
    (
        Key("title", TITLE, "What people read.", required=True),
        Key("about", LINE, "Who this is."),
        Key("wants", LINE, "What this buyer wants."),
        Key("worries", LINE, "What makes this buyer hesitate."),
    ),
)
JOURNEY: Final = record(
    "journey",
    placed(content.JourneyStage),
    (Key("title", TITLE, "What people read.", required=True), Key("about", LINE, "How to recognise it.")),
)


def _question(at: At, **values: Any) -> content.Question:  # noqa: ANN401 - by attribute
    values["of_rep"] = values.get("of_rep") == "rep"
    return content.Question(key=at.key, position=at.position, **values, line=at.place.line)


QUESTION: Final = record(
    "question",
    _question,
    (
        Key("text", LINE, "The question as it is asked.", required=True),
        Key("title", TITLE, "A few words for lists; without it the question itself."),
        Key("spin", choice(*needs.SPIN), "Its part of SPIN."),
        Key("journey", words(), "The phases of the journey that it fits; without it all."),
        Key("personas", words(), "The personas that it fits; without it all."),
        Key("checklist", WORD, "The item of the checklist that it serves."),
        Key("open", FLAG, "Whether it asks for more than yes or no; without it true."),
        Key("of", choice("buyer", "rep"), "Who answers it; without it the buyer.", attribute="of_rep"),
    ),
)


BRANCH: Final = record(
    "branch",
    lined(content.Branch),
    (
        Key("says", LINE, "What the buyer says or does.", required=True),
        Key("to", WORD, "The step to go on with, or `end`.", required=True),
    ),
)
SCRIPT_STEP: Final = record(
    "script_step",
    numbered(content.ScriptStep),
    (
        Key("key", WORD, "The step's name within its script.", required=True),
        Key("title", TITLE, "What people read.", required=True),
        Key("minutes", count(1, 240), "How long it takes.", required=True),
        Key("lines", rows(LINE), "What to say."),
        Key("questions", words(), "Questions of the bank to ask here."),
        Key("branches", rows(BRANCH), "Where to go on, by what the buyer says."),
    ),
)
SCRIPT: Final = record(
    "script",
    keyed(content.Script),
    (
        Key("title", TITLE, "What people read.", required=True),
        Key("about", LINE, "When to use it."),
        Key("minutes", count(1, 480), "How long the call is planned.", required=True),
        Key("steps", rows(SCRIPT_STEP, some=True, unique="key"), "Its parts, in order.", required=True),
    ),
)
OBJECTION: Final = record(
    "objection",
    keyed(content.Objection),
    (
        Key("says", LINE, "What the buyer says against it.", required=True),
        Key("reply", LINE, "What to say to that.", required=True),
    ),
)
OPTION: Final = record(
    "option",
    keyed(content.Option),
    (
        Key("title", TITLE, "What people read.", required=True),
        Key("points", count(0, 100), "What this answer is worth.", required=True),
    ),
)
CRITERION: Final = record(
    "criterion",
    keyed(content.Criterion),
    (
        Key("title", TITLE, "What people read.", required=True),
        Key("weight", count(1, 100), "How much it counts beside the others.", required=True),
        Key("questions", words(), "Questions of the bank that help to find out."),
        Key("options", table(OPTION, some=True), "The possible answers.", required=True),
    ),
)


def _item(at: At, **values: Any) -> content.ChecklistItem:  # noqa: ANN401 - by attribute
    item = content.ChecklistItem(key=at.key, position=at.position, **values, line=at.place.line)
    for need in needs.walk(item.done_when):
        # The list would wait for itself, and it ticks itself when nobody asks for anything.
        if isinstance(need, needs.Ticked | needs.HasRole):
            at.place.wrong("combination", "`checklist` and `role` tick no item: use the others of `needs`.")
    return item


ITEM: Final = record(
    "checklist_item",
    _item,
    (
        Key("title", TITLE, "What people read.", required=True),
        Key("phase", words(*content.PHASES), "Before, during or after the call.", required=True, attribute="phases"),
        Key("asks", LINE, "What it asks of the rep."),
        Key("done_when", NEEDS, "What ticks it by itself; all of it. Without it nothing does."),
    ),
)


def _meetings(_at: At, **values: Any) -> content.MeetingRules:  # noqa: ANN401 - by attribute
    if "days" in values:
        values["days"] = days(values["days"])
    return content.MeetingRules(**values)


MEETINGS: Final = record(
    "meetings",
    _meetings,
    (
        Key("length", SPAN, "How long a meeting is."),
        Key("days", words(*WEEKDAYS), "The days on which it may be."),
        Key("hours", rows(HOURS), "The hours in which it may be, the best ones first."),
        Key("notice", SPAN, "How long before at the latest it is agreed."),
        Key("horizon", SPAN, "How far ahead times are offered."),
        Key("buffer", SPAN, "The least time between two meetings of a rep."),
        Key("alternates", count(0, 20), "How many other times are offered beside the first."),
    ),
)
