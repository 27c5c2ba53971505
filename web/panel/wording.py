"""Puts keys into words: stages, triggers, steps, fields, outcomes, actors and reasons, in the language of the request.

A playbook names its own stages and tasks. What it names by key alone is said in our words where we know the key, else
the key itself is shown as a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from flask import g

from web.formats import a_day, when
from web.formats import moment as day_and_time
from web.i18n import gettext as _
from web.i18n import language, later
from web.pages import playbook
from workflow.engine import scoring
from workflow.engine.reasons import Reason, codes, in_short, unpack
from workflow.engine.reasons import remedy as told_remedy
from workflow.mail.inbound import rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workflow.engine.advice import Advice
    from workflow.engine.gaps import Gap
    from workflow.playbook.schema import Playbook, Step, Transition

_EMAILS: Final = {
    "call_confirmation": later("Confirmation of the call"),
    "decision": later("Question about the decision"),
    "follow_up_questions": later("Follow-up questions"),
    "lost_check_in": later("A word after some months"),
    "lost_thanks": later("Thanks and goodbye"),
    "meeting_confirmation": later("Confirmation of the meeting"),
    "meeting_recap": later("Meeting recap"),
    "meeting_reminder_day": later("Reminder a day before the meeting"),
    "meeting_reminder_hour": later("Reminder an hour before the meeting"),
    "no_decision_check_in": later("A word when nothing was decided"),
    "no_show": later("Missed meeting"),
    "schedule_next_call": later("Schedule the next call"),
    "won_referral": later("Request for a referral"),
    "won_welcome": later("Welcome as a customer"),
}
_TRIGGERS: Final = {
    "qualify": later("Qualify"),
    "diagnose": later("Need is clear"),
    "schedule_meeting": later("Meeting agreed"),
    "cancel_meeting": later("Meeting cancelled"),
    "no_show": later("Did not come"),
    "follow_up": later("Follow up"),
    "close": later("Close"),
    "disqualify": later("Disqualify"),
    "reopen": later("Reopen"),
}
_FIELDS: Final = {
    "email": later("Email"),
    "name": later("Name"),
    "company": later("Company"),
    "phone": later("Phone"),
    "title": later("Job title"),
    "language": later("Language"),
    "time_zone": later("Time zone"),
    "country": later("Country"),
    "outcome": later("Outcome"),
    "outcome_reason": later("Reason"),
    "reason": later("Reason"),
    "owner_id": later("Owner"),
    "stage": later("Stage"),
    "budget": later("Budget"),
    "decision_maker": later("Decision maker"),
    "persona": later("Buyer persona"),
    "journey": later("Buyer's phase"),
    "competitor": later("Competitors"),
}
_PARTS: Final = {
    "": later("Open gaps"),
    "plan": later("Plan"),
    "situation": later("Situation"),
    "problem": later("Problem"),
    "implication": later("Implication"),
    "need_payoff": later("Need-payoff"),
    "all": later("All"),
}
_ROLES: Final = {"rep": later("Rep"), "manager": later("Manager"), "admin": later("Administrator")}
OUTCOMES: Final = {
    "won": later("Won"),
    "lost": later("Lost"),
    "no_decision": later("No decision"),
    "disqualified": later("Disqualified"),
}
_KINDS: Final = {
    "created": later("Prospect added"),
    "edited": later("Facts changed"),
    "erased": later("The person was erased"),
    "call.ended": later("Call"),
    "answers.recorded": later("Answers recorded"),
    "meeting.booked": later("Meeting booked"),
    "meeting.rescheduled": later("Meeting moved"),
    "meeting.cancelled": later("Meeting cancelled"),
    "meeting.held": later("Meeting held"),
    "meeting.no_show": later("Did not come to the meeting"),
    "email.replied": later("Replied"),
    "email.auto_replied": later("Automatic reply"),
    "meeting.answered": later("Answered the invitation"),
    "email.bounced": later("An email came back"),
    "email.complained": later("Marked an email as unwanted"),
    "email.unsubscribed": later("Unsubscribed"),
    "sequence.started": later("Sequence begun by hand"),
    "sequence.ended": later("Sequence ended by hand"),
    "sequence.resumed": later("End of a sequence taken back"),
    "email.held_back": later("Mail waits, by hand"),
    "email.released": later("Mail goes on, by hand"),
    "email.declined": later("Wanted no more of a sequence"),
    "email.declined.undone": later("Wanted the sequence after all"),
    "email.paused": later("Asked for a pause"),
    "email.paused.undone": later("Took back the pause"),
    "email.pause.ended": later("The pause was ended"),
    "address.barred": later("The address was barred"),
    "address.allowed": later("The address was allowed again"),
    "touch.skipped": later("Skipped"),
    "touch.sent_now": later("Sent ahead of time"),
    "touch.done": later("Task done"),
    "touch.resolved": later("Uncertain email settled"),
    "touch.again": later("Failed email tried again"),
    "touch.dropped": later("Failed email given up"),
    "touch.undone": later("Decision taken back"),
    "touch.reworded": later("Text written for one email"),
    "touch.template": later("Back to the template"),
    "related": later("Linked"),
    "unrelated": later("Link taken away"),
    "sequence.moved": later("Went on by a new playbook"),
    "sequence.stopped": later("Stopped by a new playbook"),
}
_STATES: Final = {
    "scheduled": later("Scheduled"),
    "claimed": later("About to leave"),
    "sending": later("Being sent"),
    "committing": later("Being sent"),
    "sent": later("Sent"),
    "failed": later("Failed"),
    "uncertain": later("Uncertain"),
    "cancelled": later("Cancelled"),
    "skipped": later("Skipped"),
    "done": later("Done"),
}
_MEETINGS: Final = {
    "booked": later("Booked"),
    "cancelled": later("Called off"),
    "held": later("Held"),
    "no_show": later("Did not come"),
}
_FATES: Final = {
    "dead": later("Cannot be read"),
    "given_up": later("Given up"),
    "applied": later("Applied"),
    "duplicate": later("Came before"),
    "ignored": later("No effect here"),
    "blocked": later("Refused by the playbook"),
    "stale": later("Overtaken"),
    "parked": later("Waits for its prospect"),
    "failed": later("Could not be applied"),
    "pending": later("About to be applied"),
}
_INVITATIONS: Final = {
    "accepted": later("Accepted the invitation"),
    "declined": later("Declined the invitation"),
    "tentative": later("Accepted the invitation, but is not sure yet"),
    "counter": later("Proposed another time for the meeting"),
}
_SEQUENCES: Final = {
    "after_call": later("After the call"),
    "welcome": later("Welcome"),
    "nudge": later("Nudge"),
}
_MAIL: Final = {
    "reply": later("Replied"),
    "auto_reply": later("Automatic reply"),
    "bounce": later("An email came back"),
    "complaint": later("Marked an email as unwanted"),
    "unsubscribe": later("Asks for no more email"),
    "calendar_reply": later("Answered an invitation"),
    "deferred": later("An email is delayed"),
}
_MATCHES: Final = {
    "message_id": later("It names the id of our email, signed by us."),
    "token": later("It came to an address that we signed."),
    "link": later("It names our link to unsubscribe."),
    "unsigned_id": later("It names the id of our email, as the mail server gave it."),
    "recipient": later("It reports on this address."),
    "sender": later("It came from this address."),
    "person": later("A person assigned it."),
}
_CONFIDENCE: Final = {"sure": later("sure"), "likely": later("likely"), "low": later("low: anybody can write that")}
_RELATIONS: Final = {
    "referred": later("Was referred from here"),
    "referrer": later("Gave the referral"),
    "colleague": later("Colleague"),
    "group": later("Same group of companies"),
    "other": later("Belongs together"),
}
_REP: Final = re.compile(r"rep:([0-9a-f-]{36})")


def phrase(key: str) -> str:
    """A key as a phrase: `call_back` becomes “Call back”."""
    words = re.sub(r"[_.\-\s]+", " ", key).strip()
    return words[:1].upper() + words[1:]


def stage(key: str | None) -> str:
    """The title of a stage, also of one that only an older playbook knew."""
    book = playbook()
    known = book.stages.get(key or "")
    return book.words(known.title, language()) if known else phrase(key or "")


def step(made_from: Step | None, key: str = "") -> str:
    """What an email or task of a sequence is about."""
    if made_from is None:
        return phrase(key)
    if made_from.task is not None:
        return playbook().words(made_from.task, language())
    return _word(_EMAILS, made_from.email or key)


def email(key: str) -> str:
    """The name of an email, the same wherever it is named."""
    return _word(_EMAILS, key)


def step_of(sequence_key: str, key: str, *others: Playbook) -> str:
    """What a step is about that is known by the key of its sequence and its own, here or in other playbooks."""
    known = [book.sequences[sequence_key] for book in (playbook(), *others) if sequence_key in book.sequences]
    found = next((each for sequence in known for each in sequence.steps if each.key == key), None)
    return step(found, key)


def sequence(key: str) -> str:
    """The title of a sequence."""
    book = playbook()
    known = book.sequences.get(key)
    return book.words(known.title, language()) if known and known.title else _word(_SEQUENCES, key)


def trigger(key: str) -> str:
    """The act that moves a prospect."""
    return _word(_TRIGGERS, key)


def way(book: Playbook, taken: Transition, ways: tuple[Transition, ...]) -> str:
    """Where a move leads; with the act, where two moves lead to the same stage."""
    to = book.words(book.stages[taken.to].title, language())
    alike = sum(other.to == taken.to for other in ways)
    return f"{to}: {trigger(taken.trigger)}" if alike > 1 else to


def field(key: str) -> str:
    """The name of a fact."""
    return _word(_FIELDS, key)


def fields(keys: Iterable[str]) -> str:
    """The names of several facts."""
    return ", ".join(field(key) for key in keys)


def outcome(key: str | None) -> str:
    """How a prospect was closed."""
    return _word(OUTCOMES, key or "") if key else ""


def part(key: str) -> str:
    """A part of the questions: what is open, the plan, or a part of SPIN."""
    return _word(_PARTS, key)


def role(key: str) -> str:
    """What a person's role is called."""
    return _word(_ROLES, key)


def question(key: str) -> str:
    """What a question or a criterion is called in short; without a title the question itself."""
    book = playbook()
    criterion, asked = book.content.criteria.get(key), book.content.questions.get(key)
    if criterion:
        return book.words(criterion.title, language())
    return book.words(asked.title or asked.text, language()) if asked else phrase(key)


def answer(key: str, value: str) -> str:
    """What was answered; of a criterion the title of the option that was chosen."""
    book = playbook()
    criterion = book.content.criteria.get(key)
    option = scoring.rating(criterion, {key: value}) if criterion else None
    return book.words(option.title, language()) if option else value


def buyer(name: str, value: str) -> str:
    """The persona, or the phase on the way to a decision, by its title."""
    content = playbook().content
    known = (content.personas if name == "persona" else content.journey).get(value)
    return playbook().words(known.title, language()) if known else phrase(value)


def lacks(gaps: Iterable[Gap]) -> str:
    """The questions that would close several gaps, in one line: those that `keys` asks first."""
    return in_short([question(key) for key in dict.fromkeys(_enough(gaps))], language())


def relation(way: str) -> str:
    """What a linked prospect is to this one; a referral has two sides."""
    return _word(_RELATIONS, way)


def related(kind: str, side: str) -> str:
    """The same by the kind of a link and the side on which this one stands."""
    return relation({"from": "referred", "to": "referrer"}.get(side, kind) if kind == "referral" else kind)


def keys(gaps: Iterable[Gap]) -> str:
    """The questions that would close these gaps, for an address: of each as many as it lacks come first."""
    told = tuple(gaps)
    return ",".join(dict.fromkeys((*_enough(told), *(key for gap in told for key in gap.keys))))


def _enough(gaps: Iterable[Gap]) -> tuple[str, ...]:
    """Of each gap as many questions as it lacks answers."""
    return tuple(key for gap in gaps for key in gap.keys[: gap.short])


def happened(kind: str) -> str:
    """What a row of history tells."""
    return _word(_KINDS, kind)


def invitation(answer: str) -> str:
    """How an invitation was answered."""
    return _word(_INVITATIONS, answer) if answer in _INVITATIONS else happened("meeting.answered")


def state(key: str) -> str:
    """The state of an email or task."""
    return _word(_STATES, key)


def meeting(key: str) -> str:
    """The state of a meeting."""
    return _word(_MEETINGS, key)


def fate(key: str) -> str:
    """What became of a delivery or an event."""
    return _word(_FATES, key)


def mail(kind: str) -> str:
    """What a received email is."""
    return _word(_MAIL, kind)


def rule(code: str) -> str:
    """Why it was taken for that."""
    return rules.words(code, language())


def match(by: str, confidence: str) -> str:
    """How it found its prospect, and how sure that is."""
    told = {"how": _word(_MATCHES, by), "sure": _word(_CONFIDENCE, confidence)}
    return _("%(how)s Confidence: %(sure)s.") % told


def actor(who: str) -> str:
    """Whose doing something was."""
    kind, _colon, name = who.partition(":")
    if kind == "rep":
        return _people().get(name) or _("somebody who has left")
    if kind == "prospect":
        return _("the prospect")
    if kind == "api":
        return _("the program %(name)s") % {"name": name}
    if kind == "source":
        return _("the source %(name)s") % {"name": name}
    if kind == "mailbox":
        return _("mail to %(name)s") % {"name": name}
    if kind == "command":
        return _("the command line")
    return "Onward"


def reason(stored: str | None, of_sequence: str = "") -> str:
    """A stored reason as a sentence, with people by their names, and the steps of a sequence by theirs."""
    told = unpack(stored)
    return said(told, of_sequence) if told and told.code != "due" else ""


def remedy(stored: str | None) -> str:
    """What to do about a mailbox that was paused for the stored reason."""
    return told_remedy(stored, language())


def said(told: Reason, of_sequence: str = "") -> str:
    """A reason as a sentence."""
    facts = dict(told.facts)
    if "step" in facts:
        known = playbook().sequences.get(of_sequence)
        made_from = next((one for one in known.steps if one.key == facts["step"]), None) if known else None
        facts["step"] = step(made_from, facts["step"])
    for name, word in (("field", field), ("stage", stage), ("trigger", trigger)):
        if name in facts:
            facts[name] = word(facts[name])
    # Whoever pauses a mailbox stands there by name already: the reason is read on the command line too.
    if "by" in facts and told.code != "pause.by":
        facts["by"] = actor(facts["by"])
    if "until" in facts:
        facts["until"] = _until(facts["until"])
    if told.code == "wrong_outcome":
        facts["outcome"] = outcome(facts["outcome"])
        facts["what"] = ", ".join(outcome(each) for each in facts["what"].split(", "))
    return Reason(told.code, facts).words(language())


def advice(told: Advice) -> str:
    """Why this is best done next; the time that matters by the reader's clock."""
    facts = {**told.reason.facts, "at": day_and_time(told.at)} if told.at is not None else told.reason.facts
    return said(Reason(told.reason.code, facts))


def silence(cause: str) -> str:
    """Why an address gets no more emails."""
    return Reason(cause).words(language()) if cause in codes() else ""


def changes(told: Mapping[str, object]) -> str:
    """What facts became, in one line."""
    parts = []
    for name, value in told.items():
        if name == "owner_id":
            shown = _people().get(str(value), "–")
        elif isinstance(value, Mapping):
            parts.append(", ".join(field(str(key)) for key in value))
            continue
        else:
            shown = str(value or "–")
        parts.append(f"{field(name)} {shown}")
    return "; ".join(parts)


def moment(told: str) -> str:
    """A time that history keeps as text."""
    try:
        return when(datetime.fromisoformat(told))
    except ValueError:
        return told


def _until(told: str) -> str:
    """A stored deadline by the reader's clock; one that is a day alone is that day for everybody."""
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        return told
    return day_and_time(at) if at.tzinfo else a_day(at)


def changed(who: str, kind: str, to_stage: str | None, at: datetime) -> str:
    """Who changed a prospect last, what, and when."""
    what = stage(to_stage) if to_stage else happened(kind)
    return _("%(who)s, %(when)s: %(what)s.") % {"who": actor(who), "when": day_and_time(at), "what": what}


def _people() -> Mapping[str, str]:
    found: Mapping[str, str] = g.get("people", {})
    return found


def _word(known: Mapping[str, str], key: str) -> str:
    return _(known[key]) if key in known else phrase(key)


WORDS: Final = (
    invitation,
    way,
    stage,
    step,
    email,
    step_of,
    sequence,
    trigger,
    field,
    outcome,
    happened,
    state,
    meeting,
    fate,
    actor,
    reason,
    remedy,
    said,
    phrase,
    fields,
    silence,
    changes,
    moment,
    part,
    role,
    question,
    answer,
    buyer,
    lacks,
    relation,
    related,
    advice,
    keys,
    mail,
    rule,
    match,
)
"""What templates use as functions, by these names with a leading `say_`."""
