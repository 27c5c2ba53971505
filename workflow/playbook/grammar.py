"""What the keys of a playbook mean: from the tree of its text to the frozen values of `schema`.

Every default is the one of `schema`. Names are only read here; whether they exist is asked by `check`.
"""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

from workflow.playbook import schema
from workflow.playbook.schema import (
    Calendar,
    Limits,
    MailboxLimits,
    Need,
    Playbook,
    Sequence,
    SignalRule,
    Stage,
    Start,
    Step,
    Transition,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.playbook.tree import Fields, Place

LANGUAGES: Final = ("en", "bg")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST: Final = 1_000_000

# Only in a step that sends an email, and only in one that is a task.
_OF_EMAIL: Final = ("thread", "window", "lateness")
_OF_TASK: Final = ("blocking",)


def playbook_of(root: Place, lines: Mapping[str, int], digest: str) -> Playbook:
    """The playbook at `root`; with findings in the notes of `root` it is not to be used."""
    keys = root.fields(
        "name", "languages", "time_zone", "calendar", "limits", "stages", "transitions", "sequences", "signals"
    )
    languages = keys["languages"].words(LANGUAGES) or LANGUAGES[:1]
    stages = {
        key: _stage(place, key, position, languages)
        for position, (key, place) in enumerate(keys.need("stages").items())
    }
    if keys["stages"].is_bare_table:
        keys["stages"].wrong("empty", "There is no stage: write at least one, and one with `final: true`.")
    return Playbook(
        name=keys.need("name").text(),
        languages=languages,
        time_zone=keys["time_zone"].text("UTC"),
        calendar=_calendar(keys["calendar"]),
        limits=_limits(keys["limits"]),
        stages=stages,
        transitions=tuple(_transition(place) for place in keys["transitions"].rows()),
        sequences={key: _sequence(place, key, languages) for key, place in keys["sequences"].items()},
        signals=tuple(_signal(place) for place in keys["signals"].rows()),
        digest=digest,
        lines=lines,
    )


def _calendar(place: Place) -> Calendar:
    default = Calendar()
    keys = place.fields("send_window", "working_days", "holidays")
    days = keys["working_days"].words(WEEKDAYS)
    return Calendar(
        window=_window(keys["send_window"]),
        working_days=frozenset(WEEKDAYS.index(day) for day in days) or default.working_days,
        holidays=tuple(dict.fromkeys(country.text() for country in keys["holidays"].rows())),
    )


def _window(place: Place) -> Window | None:
    """None for `always`, which is the default: mail may leave at any hour of any day."""
    if not place.is_table:
        place.choice(("always",))
        return None
    keys = place.fields("from", "to")
    window = Window(keys.need("from").clock(time(0)), keys.need("to").clock(time(23, 59)))
    if window.start >= window.end:
        place.wrong("window", "The send window ends before it starts: `to` must be later than `from` on the same day.")
    return window


def _limits(place: Place) -> Limits:
    keys = place.fields("mailbox", "prospect")
    default = MailboxLimits()
    mailbox = keys["mailbox"].fields("per_hour", "per_day", "min_gap", "pause_after_uncertain", "concurrency")
    return Limits(
        mailbox=MailboxLimits(
            per_hour=mailbox["per_hour"].count(1, MOST, default.per_hour),
            per_day=mailbox["per_day"].count(1, MOST, default.per_day),
            min_gap=mailbox["min_gap"].span(default.min_gap),
            pause_after_uncertain=mailbox["pause_after_uncertain"].count(1, MOST, default.pause_after_uncertain),
            concurrency=mailbox["concurrency"].count(1, 64, default.concurrency),
        ),
        prospect_min_gap=keys["prospect"].fields("min_gap")["min_gap"].span(Limits().prospect_min_gap),
    )


def _stage(place: Place, key: str, position: int, languages: tuple[str, ...]) -> Stage:
    keys = place.fields("title", "final", "stalled_after")
    stalled = keys["stalled_after"]
    return Stage(
        key=key,
        title=_title(keys.need("title"), languages),
        position=position,
        final=keys["final"].flag(),
        stalled_after=stalled.span(timedelta(1)) if stalled.given else None,
        line=place.line,
    )


def _title(place: Place, languages: tuple[str, ...]) -> dict[str, str]:
    """A text for each language of the playbook."""
    keys = place.fields(*LANGUAGES)
    for language in languages:
        keys.need(language)
    return {language: keys[language].text() for language in LANGUAGES if language in keys}


def _transition(place: Place) -> Transition:
    keys = place.fields("trigger", "from", "to", "needs", "sets")
    return Transition(
        trigger=keys.need("trigger").word(),
        sources=keys.need("from").words(),
        to=keys.need("to").word(),
        needs=tuple(Need(each.fields("field").need("field").word()) for each in keys["needs"].rows()),
        sets=_sets(keys["sets"]),
        line=place.line,
    )


def _sets(place: Place) -> dict[str, str]:
    return {key: value.text() for key, value in place.items()}


def _sequence(place: Place, key: str, languages: tuple[str, ...]) -> Sequence:
    keys = place.fields("title", "start", "stop", "steps")
    title = keys["title"]
    steps: list[Step] = []
    taken: set[str] = set()
    for position, row in enumerate(keys.need("steps").rows()):
        step = _step(row, position, languages)
        if step.key in taken:
            row.wrong("twice", f"Two steps of {place.path} have the key `{step.key}`: give each its own.")
        if step.key:
            taken.add(step.key)
        steps.append(step)
    if keys["steps"].is_bare_list:
        keys["steps"].wrong("empty", f"{place.path} has no step: write at least one.")
    return Sequence(
        key=key,
        start=_start(keys.need("start")),
        stop=frozenset(keys["stop"].words(schema.STOP_WORDS)),
        steps=tuple(steps),
        title=_title(title, languages) if title.given else {},
        line=place.line,
    )


def _start(place: Place) -> Start:
    keys = place.fields("when", "stage", "outcome")
    when = keys.need("when").choice(schema.START_WORDS)
    if when == "stage.entered":
        keys.need("stage")
    elif when:
        _refuse(keys, ("stage", "outcome"), "goes only with `when: stage.entered`")
    return Start(when=when, stage=keys["stage"].word() or None, outcome=keys["outcome"].word() or None)


def _step(place: Place, position: int, languages: tuple[str, ...]) -> Step:
    keys = place.fields("key", "email", "task", "after", "before", "lead", "thread", "window", "blocking", "lateness")
    _agree(keys)
    default = Step(key="", position=0)
    task = keys["task"]
    return Step(
        key=keys.need("key").word(),
        position=position,
        email=keys["email"].text() or None,
        task=_title(task, languages) if task.given else None,
        after=keys["after"].delay(default.after),
        before_meeting=keys["before"].choice(("meeting",)) == "meeting",
        lead=keys["lead"].span(default.lead),
        same_thread=keys["thread"].choice(("same",)) == "same",
        any_hour=keys["window"].choice(("any",)) == "any",
        blocking=keys["blocking"].flag(),
        lateness=keys["lateness"].span(default.lateness),
        line=place.line,
    )


def _agree(keys: Fields) -> None:
    """Note which keys of a step do not go together."""
    email, task = "email" in keys, "task" in keys
    if email == task and keys.place.is_table:
        both = "both an email and a task" if email else "neither an email nor a task"
        keys.place.wrong("step", f"This step has {both}: write one of `email` and `task`.")
    elif task:
        _refuse(keys, _OF_EMAIL, "goes only with an email")
    else:
        _refuse(keys, _OF_TASK, "goes only with a task")
    if "before" in keys:
        _refuse(keys, ("after",), "cannot go with `before`: write `lead` for the time before the meeting")
    else:
        _refuse(keys, ("lead",), "goes only with `before: meeting`")


def _refuse(keys: Fields, names: tuple[str, ...], why: str) -> None:
    for name in names:
        if name in keys:
            keys[name].wrong("combination", f"`{name}` {why}.")


def _signal(place: Place) -> SignalRule:
    keys = place.fields("source", "when", "do", "sets")
    when = keys.need("when").fields("kind", "value")
    return SignalRule(
        source=keys.need("source").text(),
        kind=when.need("kind").text(),
        do=keys.need("do").word(),
        value=when["value"].text() if "value" in when else None,
        sets=_sets(keys["sets"]),
        line=place.line,
    )
