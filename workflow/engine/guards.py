"""Whether needs are met, and if not, what is missing, in both languages. Also which facts must be known to tell.

Pure: the facts come as a value. A name that the playbook does not know is met by nothing, and never an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatch
from typing import TYPE_CHECKING, Final, Literal

from workflow.engine import scoring
from workflow.engine.reasons import Reason, because, in_short
from workflow.playbook import references
from workflow.playbook.needs import (
    ROLES,
    AllOf,
    Answered,
    AnyOf,
    Begun,
    Called,
    Evidence,
    Filled,
    HasRole,
    Met,
    Need,
    NotMet,
    Rated,
    ScoreAtLeast,
    Ticked,
    walk,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workflow.playbook.schema import Playbook

Kind = Literal["answers", "meetings", "calls", "sequences", "role"]
"""Facts beyond the prospect's own row, which are loaded only where somebody asks for them."""

_KINDS: Final[Mapping[type, Kind]] = {
    Answered: "answers",
    Rated: "answers",
    ScoreAtLeast: "answers",
    Evidence: "answers",
    Met: "meetings",
    Called: "calls",
    Begun: "sequences",
    HasRole: "role",
}
_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "situation": ("situation", "ситуация"),
    "problem": ("problem", "проблем"),
    "implication": ("implication", "последици"),
    "need_payoff": ("need-payoff", "полза от решението"),
    "rep": ("rep", "търговец"),
    "manager": ("manager", "мениджър"),
    "admin": ("administrator", "администратор"),
}
# Every person and every key has a role: who has none is a source of webhooks.
_ANYBODY: Final = HasRole(ROLES[0])
_SOURCE: Final = {"what.en": "a connected system", "what.bg": "свързана система"}
_ANY_QUESTION: Final = ("all questions", "всички въпроси")


@dataclass(frozen=True, slots=True)
class Facts:
    """All that needs may ask about. `fields` are those of the prospect and of the move together.

    `meetings` holds states, `calls` the words of `needs.CALL_WORDS`, `begun` keys of sequences.
    """

    fields: Mapping[str, str | None] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    meetings: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()
    role: str | None = None


def unmet(playbook: Playbook, needs: Iterable[Need], facts: Facts) -> tuple[Reason, ...]:
    """Why these needs are not all met; nothing when they are."""
    return tuple(reason for need in needs for reason in _unmet(need, playbook, facts))


def wants(playbook: Playbook, needs: Iterable[Need]) -> frozenset[Kind]:
    """The kinds of facts without which these needs cannot be judged."""
    found: set[Kind] = set()
    for need in walk(needs):
        if isinstance(need, Ticked):
            for key in need.items:
                item = playbook.content.checklist.get(key)
                found |= wants(playbook, item.done_when) if item else set()
        elif type(need) in _KINDS:
            found.add(_KINDS[type(need)])
    return frozenset(found)


@singledispatch
def _unmet(need: object, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    raise NotImplementedError(type(need))


@_unmet.register(Filled)
def _(need: Filled, _playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    return () if facts.fields.get(need.field) else (because("need.field", field=need.field),)


@_unmet.register(Answered)
def _(need: Answered, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    missing = tuple(key for key in need.keys if not answered(facts, key))
    return (because("need.answers", **_shortly(playbook, missing)),) if missing else ()


@_unmet.register(Rated)
def _(need: Rated, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    criterion = playbook.content.criteria.get(need.criterion)
    option = scoring.rating(criterion, facts.answers) if criterion else None
    return () if option and option.key in need.options else (because("need.rated", **_rated(playbook, need)),)


@_unmet.register(Ticked)
def _(need: Ticked, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    missing = tuple(key for key in need.items if not is_ticked(playbook, key, facts))
    return (because("need.checklist", **_shortly(playbook, missing)),) if missing else ()


@_unmet.register(ScoreAtLeast)
def _(need: ScoreAtLeast, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    score = scoring.score(playbook, facts.answers)
    return () if score >= need.score else (because("need.score", score=score, least=need.score),)


@_unmet.register(Met)
def _(need: Met, _playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    return () if need.state in facts.meetings else (because(f"need.meeting.{need.state}"),)


@_unmet.register(Called)
def _(need: Called, _playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    return () if need.how in facts.calls else (because(f"need.call.{need.how}"),)


@_unmet.register(Evidence)
def _(need: Evidence, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    asked = references.questions_of(playbook, need)
    open_keys = tuple(key for key in asked if not answered(facts, key))
    count = len(asked) - len(open_keys)
    if count >= need.at_least:
        return ()
    about, named = _about(playbook, need), _shortly(playbook, open_keys)
    what = {each: f"{about[each]}: {named[each]}" if named[each] else about[each] for each in about}
    return (because("need.evidence", count=count, least=need.at_least, **what),)


@_unmet.register(Begun)
def _(need: Begun, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    return () if need.sequence in facts.begun else (because("need.sequence", **_listed(playbook, (need.sequence,))),)


@_unmet.register(HasRole)
def _(need: HasRole, _playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    enough = facts.role in ROLES and ROLES.index(facts.role) >= ROLES.index(need.role)
    return () if enough else (because("need.role", **_roles(need)),)


@_unmet.register(AllOf)
def _(need: AllOf, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    return unmet(playbook, need.needs, facts)


@_unmet.register(AnyOf)
def _(need: AnyOf, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    ways = [unmet(playbook, (each,), facts) for each in need.needs]
    if not all(ways):
        return ()
    if len(ways) == 1:
        return ways[0]
    return (because("need.any", **_numbered(ways)),)


@_unmet.register(NotMet)
def _(need: NotMet, playbook: Playbook, facts: Facts) -> tuple[Reason, ...]:
    if unmet(playbook, (need.need,), facts):
        return ()
    if need.need == _ANYBODY:
        return (because("need.role", **_SOURCE),)
    return (because("need.not", **_said([statement(playbook, need.need)])),)


def is_ticked(playbook: Playbook, key: str, facts: Facts) -> bool:
    """Whether an item of the checklist is ticked. One without `done_when` never is by itself."""
    item = playbook.content.checklist.get(key)
    return item is not None and bool(item.done_when) and not unmet(playbook, item.done_when, facts)


def statement(playbook: Playbook, need: Need) -> Reason:
    """What `need` asks for, as a phrase: the words of a guard, met or not."""
    match need:
        case Filled(name):
            return because("is.field", field=name)
        case Met(word):
            return because(f"is.meeting.{word}")
        case Called(word):
            return because(f"is.call.{word}")
        case ScoreAtLeast(least):
            return because("is.score", least=least)
        case NotMet(inner) if inner == _ANYBODY:
            return because("is.role", **_SOURCE)
        case NotMet(inner):
            return because("is.not", **_said([statement(playbook, inner)]))
        case AllOf(inner) | AnyOf(inner):
            code = "is.all" if isinstance(need, AllOf) else "is.any"
            return because(code, **_said([statement(playbook, each) for each in inner]))
    return _listing(playbook, need)


def _listing(playbook: Playbook, need: Need) -> Reason:
    match need:
        case Answered(keys):
            return because("is.answers", **_listed(playbook, keys))
        case Ticked(items):
            return because("is.checklist", **_listed(playbook, items))
        case Begun(sequence):
            return because("is.sequence", **_listed(playbook, (sequence,)))
        case Rated():
            return because("is.rated", **_rated(playbook, need))
        case Evidence():
            return because("is.evidence", least=need.at_least, **_about(playbook, need))
        case HasRole():
            return because("is.role", **_roles(need))
    raise NotImplementedError(type(need))


def answered(facts: Facts, key: str) -> bool:
    """Whether a question or a criterion has an answer."""
    return bool(facts.answers.get(key, "").strip())


# --- words: facts of a reason, in both languages


def _listed(playbook: Playbook, keys: Iterable[str]) -> dict[str, str]:
    names = [_named(playbook, key) for key in keys]
    return {"what.en": ", ".join(name[0] for name in names), "what.bg": ", ".join(name[1] for name in names)}


def _shortly(playbook: Playbook, keys: Iterable[str]) -> dict[str, str]:
    """What is missing: the first few by their names, and how many more there are."""
    names = [_named(playbook, key) for key in keys]
    return {
        "what.en": in_short([name[0] for name in names], "en"),
        "what.bg": in_short([name[1] for name in names], "bg"),
    }


def _named(playbook: Playbook, key: str) -> tuple[str, str]:
    """What people call a question, a criterion, an item, a phase or a sequence; else the key."""
    if key in _NAMES:
        return _NAMES[key]
    content = playbook.content
    for known in (content.questions, content.criteria, content.checklist, content.journey, playbook.sequences):
        if key in known:
            title = known[key].title or getattr(known[key], "text", {})
            return playbook.words(title, "en") or key, playbook.words(title, "bg") or key
    return key, key


def _rated(playbook: Playbook, need: Rated) -> dict[str, str]:
    criterion = playbook.content.criteria.get(need.criterion)
    options = [criterion.options[key] for key in need.options if key in criterion.options] if criterion else []
    allowed = {
        f"options.{language}": ", ".join(playbook.words(option.title, language) for option in options)
        or ", ".join(need.options)
        for language in ("en", "bg")
    }
    return {**_listed(playbook, (need.criterion,)), **allowed}


def _about(playbook: Playbook, need: Evidence) -> dict[str, str]:
    keys = (*need.spin, *need.checklist, *need.journey)
    return _listed(playbook, keys) if keys else {"what.en": _ANY_QUESTION[0], "what.bg": _ANY_QUESTION[1]}


def _roles(need: HasRole) -> dict[str, str]:
    allowed = [_NAMES[role] for role in ROLES[ROLES.index(need.role) :]]
    return {"what.en": ", ".join(name[0] for name in allowed), "what.bg": ", ".join(name[1] for name in allowed)}


def _said(reasons: Iterable[Reason]) -> dict[str, str]:
    told = list(reasons)
    return {f"what.{language}": "; ".join(each.words(language) for each in told) for language in ("en", "bg")}


def _numbered(ways: Iterable[tuple[Reason, ...]]) -> dict[str, str]:
    """The alternatives, each with its own sentences, under a number."""
    told = list(enumerate(ways, start=1))
    return {
        f"what.{language}": " ".join(
            f"({number}) {' '.join(reason.words(language) for reason in way)}" for number, way in told
        )
        for language in ("en", "bg")
    }
