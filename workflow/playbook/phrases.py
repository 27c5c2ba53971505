"""Short words, in English and Bulgarian, for what a playbook says by keys: needs, starts, stops, waiting times.

For drawings and lists, where a sentence has no room. What a refusal says to a rep is in `engine.reasons`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from workflow.playbook.needs import (
    AllOf,
    Answered,
    AnyOf,
    Begun,
    Called,
    Evidence,
    Filled,
    HasRole,
    Met,
    NotMet,
    Rated,
    ScoreAtLeast,
    Ticked,
)
from workflow.playbook.schema import Delay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from workflow.playbook.needs import Need
    from workflow.playbook.schema import Playbook, Sequence, Start, Step

    Names = Callable[[str, str], str]
    """What a key is called, or nothing; gets its kind (trigger, field, email, role, outcome, sequence) and the key."""

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "answers": ("answers: {}", "отговори: {}"),
    "rated": ("{}: {}", "{}: {}"),
    "checklist": ("done: {}", "направено: {}"),
    "score": ("score ≥ {}", "оценка ≥ {}"),
    "meeting.booked": ("meeting booked", "насрочена среща"),
    "meeting.held": ("meeting held", "проведена среща"),
    "call.ended": ("call recorded", "записано обаждане"),
    "call.timed": ("minutes of a call", "минути на обаждане"),
    "call.noted": ("notes of a call", "бележки от обаждане"),
    "evidence": ("answers ≥ {} {}", "отговори ≥ {} {}"),
    "sequence": ("begun: {}", "започната: {}"),
    "or": (" or ", " или "),
    "and": (" and ", " и "),
    "not": ("not {}", "не {}"),
    "start.call.ended": ("call ended", "край на обаждане"),
    "start.meeting.booked": ("meeting booked", "насрочена среща"),
    "start.meeting.held": ("meeting held", "проведена среща"),
    "start.meeting.no_show": ("missed meeting", "пропусната среща"),
    "stop.reply": ("reply", "отговор"),
    "stop.colleague_reply": ("reply of a colleague", "отговор на колега"),
    "stop.left": ("left the company", "напуснал фирмата"),
    "stop.bounce": ("returned email", "върнат имейл"),
    "stop.complaint": ("complaint", "оплакване"),
    "stop.unsubscribe": ("unsubscribe", "отписване"),
    "stop.meeting": ("meeting booked", "насрочена среща"),
    "stop.close": ("closing", "приключване"),
    "stop.reopen": ("reopening", "отваряне отново"),
    "stop.meeting.cancelled": ("meeting cancelled", "отменена среща"),
    "stop.meeting.held": ("meeting held", "проведена среща"),
    "stop.meeting.no_show": ("did not come", "не дойде"),
    "at once": ("at once", "веднага"),
    "after": ("after {}", "след {}"),
    "before": ("{} before", "{} преди"),
    "working": ("{} working days", "{} работни дни"),
    "working.one": ("1 working day", "1 работен ден"),
    "unit.d": ("days", "дни"),
    "unit.one": ("day", "ден"),
    "unit.h": ("hours", "часа"),
    "unit.h.one": ("hour", "час"),
    "unit.m": ("min", "мин"),
    "unit.s": ("s", "сек"),
    "spin.situation": ("situation", "ситуация"),
    "spin.problem": ("problem", "проблем"),
    "spin.implication": ("implication", "последици"),
    "spin.need_payoff": ("need-payoff", "полза"),
    "role.rep": ("rep", "търговец"),
    "role.manager": ("manager", "мениджър"),
    "role.admin": ("administrator", "администратор"),
    "outcome.won": ("won", "спечелен"),
    "outcome.lost": ("lost", "загубен"),
    "outcome.no_decision": ("no decision", "без решение"),
    "outcome.disqualified": ("disqualified", "отпаднал"),
    "field.outcome": ("outcome", "резултат"),
    "field.reason": ("reason", "причина"),
    "trigger.qualify": ("qualify", "квалифициране"),
    "trigger.diagnose": ("diagnose", "нуждата е изяснена"),
    "trigger.schedule_meeting": ("schedule meeting", "насрочване на среща"),
    "trigger.cancel_meeting": ("cancel meeting", "отмяна на среща"),
    "trigger.no_show": ("no show", "не дойде"),
    "trigger.follow_up": ("follow up", "проследяване"),
    "trigger.close": ("close", "приключване"),
    "trigger.disqualify": ("disqualify", "отпадане"),
    "trigger.reopen": ("reopen", "отваряне отново"),
    "email.call_confirmation": ("Confirmation of the call", "Потвърждение на обаждането"),
    "email.decision": ("Question about the decision", "Въпрос за решението"),
    "email.follow_up_questions": ("Follow-up questions", "Въпроси след разговора"),
    "email.lost_check_in": ("A word after some months", "Писмо след няколко месеца"),
    "email.lost_thanks": ("Thanks and goodbye", "Благодарност и довиждане"),
    "email.meeting_confirmation": ("Confirmation of the meeting", "Потвърждение на срещата"),
    "email.meeting_recap": ("Meeting recap", "Резюме на срещата"),
    "email.meeting_reminder_day": ("Reminder a day before the meeting", "Напомняне ден преди срещата"),
    "email.meeting_reminder_hour": ("Reminder an hour before the meeting", "Напомняне час преди срещата"),
    "email.no_decision_check_in": ("A word when nothing was decided", "Писмо, когато няма решение"),
    "email.no_show": ("Missed meeting", "Пропусната среща"),
    "email.schedule_next_call": ("Schedule the next call", "Насрочване на следващо обаждане"),
    "email.won_referral": ("Request for a referral", "Молба за препоръка"),
    "email.won_welcome": ("Welcome as a customer", "Добре дошли сред клиентите"),
}
_DAY: Final = timedelta(days=1)
_NO_DELAY: Final = Delay()


class Phrases:
    """The words of one playbook in one language. `names` may know better names for keys than their own letters."""

    def __init__(self, playbook: Playbook, language: str, names: Names | None = None) -> None:
        self._playbook = playbook
        self._language = language
        self._names = names

    def name(self, kind: str, key: str) -> str:
        """What a key of the file is called."""
        named = self._names(kind, key) if self._names is not None else ""
        return named or (self._say(f"{kind}.{key}") if f"{kind}.{key}" in _WORDS else key.replace("_", " "))

    def stage(self, key: str) -> str:
        """The title of a stage; of one that the playbook does not have, as in a draft, the key."""
        stage = self._playbook.stages.get(key)
        return self._title(stage.title, key) if stage is not None else key

    def sequence(self, sequence: Sequence) -> str:
        """The title of a sequence."""
        return self._title(sequence.title, "") or self.name("sequence", sequence.key)

    def needs(self, needs: Iterable[Need]) -> str:
        """What all must be so."""
        return ", ".join(self.need(each) for each in needs)

    def need(self, need: Need) -> str:
        """What must be so."""
        match need:
            case AllOf(needs):
                return f"({self._say('and').join(self.need(each) for each in needs)})"
            case AnyOf(needs):
                return self._either(self.need(each) for each in needs)
            case NotMet(inner):
                return self._say("not", self.need(inner))
            case Filled(field):
                return self.name("field", field)
            case HasRole(role):
                return self.name("role", role)
            case Met(state):
                return self._say(f"meeting.{state}")
            case Called(how):
                return self._say(f"call.{how}")
        return self._of_the_call(need)

    def start(self, start: Start) -> str:
        """What begins a sequence."""
        if start.stage is None:
            return self._say(f"start.{start.when}")
        stage = self.stage(start.stage)
        return f"{stage}: {self.name('outcome', start.outcome)}" if start.outcome else stage

    def stops(self, sequence: Sequence) -> str:
        """What ends a sequence early, in alphabetical order."""
        return self._listed(sorted(self._say(f"stop.{word}") for word in sequence.stop))

    def step(self, step: Step) -> str:
        """What a step is: the title of its task, else the name of its email, or of each it chooses from."""
        if step.task is not None:
            return self._title(step.task, step.key)
        return self._either(self.name("email", email) for email in step.emails)

    def waits(self, step: Step) -> str:
        """How long a step waits, or how long before the meeting it comes."""
        if step.before_meeting:
            return self._say("before", self._span(step.lead))
        if step.after.working_days:
            days = step.after.working_days
            told = self._say("working.one") if days == 1 else self._say("working", days)
        else:
            told = self._span(step.after.span)
        return self._say("after", told) if step.after != _NO_DELAY else told

    def _of_the_call(self, need: ScoreAtLeast | Answered | Rated | Ticked | Evidence | Begun) -> str:
        content = self._playbook.content
        match need:
            case ScoreAtLeast(score):
                return self._say("score", score)
            case Answered(keys):
                return self._say("answers", self._listed(self._question(key) for key in keys))
            case Rated(criterion, options):
                known = content.criteria[criterion]
                titles = [self._title(known.options[each].title, each) for each in options]
                return self._say("rated", self._question(criterion), self._either(titles))
            case Ticked(items):
                titles = [self._title(content.checklist[each].title, each) for each in items]
                return self._say("checklist", self._listed(titles))
            case Begun(sequence):
                return self._say("sequence", self.sequence(self._playbook.sequences[sequence]))
            case Evidence(least, spin, items, journey):
                named = [self._title(content.checklist[each].title, each) for each in items]
                phases = [self._title(content.journey[each].title, each) for each in journey]
                among = self._listed([*(self._say(f"spin.{each}") for each in spin), *named, *phases])
                return self._say("evidence", least, f"({among})" if among else "").rstrip()

    def _question(self, key: str) -> str:
        content = self._playbook.content
        if key in content.criteria:
            return self._title(content.criteria[key].title, key)
        asked = content.questions.get(key)
        return self._title(asked.title, key) if asked else key.replace("_", " ")

    def _span(self, span: timedelta) -> str:
        if not span:
            return self._say("at once")
        days, rest = span.days, (span - span.days * _DAY).seconds
        hours, rest = divmod(rest, 3600)
        parts = [
            (days, "unit.one" if days == 1 else "unit.d"),
            (hours, "unit.h.one" if hours == 1 else "unit.h"),
            (rest // 60, "unit.m"),
            (rest % 60, "unit.s"),
        ]
        return " ".join(f"{number} {self._say(unit)}" for number, unit in parts if number)

    def _title(self, title: Mapping[str, str], key: str) -> str:
        return self._playbook.words(title, self._language) or key.replace("_", " ")

    def _either(self, several: Iterable[str]) -> str:
        return self._say("or").join(several)

    def _listed(self, several: Iterable[str]) -> str:
        return ", ".join(several)

    def _say(self, code: str, *facts: object) -> str:
        words = _WORDS[code]
        return words[1 if self._language == "bg" else 0].format(*facts)
