"""Why something was decided: a code with its facts, put into words in English and Bulgarian when somebody reads it.

Stored as code and facts, so that a row written today reads well in both languages and in every later release.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workflow.engine.reasons_of_crm import CRMS
from workflow.engine.reasons_of_erasing import ERASING
from workflow.engine.reasons_of_meetings import MEETINGS
from workflow.engine.reasons_of_next import NEXT
from workflow.engine.reasons_of_senders import SENDERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAMED: Final = 3
# A question without a title of its own is named by its text.
_LONGEST_NAME: Final = 60
_QUOTED: Final = {"en": "“{}”", "bg": "„{}“"}
_MORE: Final = {"en": "{told} and {count} more", "bg": "{told} и още {count}"}
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "no_transition": (
        "“{trigger}” is no way out of the stage “{stage}”.",
        "„{trigger}“ не е преход от етап „{stage}“.",
    ),
    "unknown_trigger": ("The playbook knows no trigger “{trigger}”.", "В наръчника няма преход „{trigger}“."),
    "need.field": ("“{field}” must be given first.", "Първо попълнете „{field}“."),
    "need.answers": ("Not answered yet: {what}.", "Още няма отговор: {what}."),
    "need.rated": ("“{what}” must be: {options}.", "„{what}“ трябва да бъде: {options}."),
    "need.checklist": ("Not done yet: {what}.", "Още не е направено: {what}."),
    "need.score": (
        "The qualification score is {score}, and at least {least} is needed.",
        "Оценката от квалификацията е {score}, а са нужни поне {least}.",
    ),
    "need.meeting.booked": ("A meeting must be booked first.", "Първо трябва да бъде насрочена среща."),
    "need.meeting.held": ("A meeting must take place first.", "Първо трябва да се състои среща."),
    "need.call.ended": ("A call must be recorded first.", "Първо трябва да бъде записано обаждане."),
    "need.call.timed": (
        "The minutes of a call must be recorded first.",
        "Първо трябва да бъде записано колко минути е траяло обаждане.",
    ),
    "need.call.noted": ("Notes of a call must be recorded first.", "Първо трябва да има бележки от обаждане."),
    "need.evidence": (
        "Answers so far: {count}, and at least {least} are needed ({what}).",
        "Отговори досега: {count}, а са нужни поне {least} ({what}).",
    ),
    "need.sequence": ("The sequence “{what}” must begin first.", "Първо трябва да започне поредицата „{what}“."),
    "need.role": ("This move is reserved: {what}.", "Този преход е запазен: {what}."),
    "need.any": ("One of these is enough: {what}", "Достатъчно е едно от следните: {what}"),
    "need.not": ("Not possible while this is so: {what}.", "Не е възможно, докато е така: {what}."),
    "is.field": ("“{field}” is filled", "„{field}“ е попълнено"),
    "is.answers": ("answered: {what}", "има отговор: {what}"),
    "is.rated": ("“{what}” is: {options}", "„{what}“ е: {options}"),
    "is.checklist": ("done: {what}", "направено: {what}"),
    "is.score": ("the qualification score is at least {least}", "оценката от квалификацията е поне {least}"),
    "is.meeting.booked": ("a meeting is booked", "има насрочена среща"),
    "is.meeting.held": ("a meeting took place", "състояла се е среща"),
    "is.call.ended": ("a call is recorded", "записано е обаждане"),
    "is.call.timed": ("the minutes of a call are recorded", "записани са минутите на обаждане"),
    "is.call.noted": ("a call has notes", "има бележки от обаждане"),
    "is.evidence": ("at least {least} answers ({what})", "поне {least} отговора ({what})"),
    "is.sequence": ("the sequence “{what}” has begun", "поредицата „{what}“ е започнала"),
    "is.role": ("asked for by: {what}", "поискано от: {what}"),
    "is.all": ("all of this: {what}", "всичко това: {what}"),
    "is.any": ("one of this: {what}", "едно от това: {what}"),
    "is.not": ("not so: {what}", "не е така: {what}"),
    "wrong_outcome": (
        "The outcome “{outcome}” is not for this move: {what}.",
        "Резултатът „{outcome}“ не е за този преход: {what}.",
    ),
    "stop.exclusive": (
        "The sequence “{what}” goes first.",
        "Поредицата „{what}“ е с предимство.",
    ),
    "not_again": (
        "The sequence began on {since}, and its playbook does not begin it again so soon.",
        "Поредицата е започнала на {since} и по наръчника още не се повтаря.",
    ),
    "never_again": (
        "The sequence began once already, and its playbook does not repeat it.",
        "Поредицата вече е започвала и по наръчника не се повтаря.",
    ),
    "gives_way": (
        "The sequence “{what}” is under way, and its playbook lets only one of them run.",
        "Тече поредицата „{what}“, а по наръчника върви само една от тях.",
    ),
    "bad_outcome": (
        "The outcome “{outcome}” is unknown: use won, lost, no_decision or disqualified.",
        "Непознат резултат „{outcome}“: изберете won, lost, no_decision или disqualified.",
    ),
    "stale": (
        "A newer change of stage is already recorded, so this older one does not move the prospect.",
        "Вече е записана по-нова промяна на етапа, затова тази по-стара не мести клиента.",
    ),
    "stale_meeting": (
        "A newer message about this meeting is already recorded.",
        "Вече е записано по-ново съобщение за тази среща.",
    ),
    "unknown_type": ("Events of the type “{type}” mean nothing here.", "Събития от вид „{type}“ нямат значение тук."),
    "no_meaning": ("The playbook gives this event no meaning.", "Наръчникът не придава значение на това събитие."),
    "mail.unmatched": (
        "It answers no email of ours, and its sender is no prospect who gets mail just now.",
        "Не отговаря на наш имейл и подателят не е клиент, който получава имейли в момента.",
    ),
    "mail.aside": ("Put aside by {by}.", "Оставено настрана от {by}."),
    "mail.failed": (
        "What it says could not be applied ({error}).",
        "Казаното в него не можа да бъде приложено ({error}).",
    ),
    "mail.unproven": (
        "It names no email that we can prove to be ours, and anybody could have written it.",
        "Не посочва имейл, за който е доказано, че е наш; всеки може да го е написал.",
    ),
    "unknown_prospect": (
        "No such prospect is known yet; the event waits until it is.",
        "Все още няма такъв клиент; събитието изчаква появата му.",
    ),
    "parked_too_long": (
        "No such prospect appeared within seven days.",
        "Такъв клиент не се появи в рамките на седем дни.",
    ),
    "bad_event": ("{problem}", "Събитието не може да бъде използвано: {problem}"),
    "event_error": (
        "Applying this event failed ({error}); it will be tried again.",
        "Прилагането на събитието не успя ({error}); ще бъде направен нов опит.",
    ),
    "event_given_up": (
        "Applying this event failed every time ({error}): look at it, then replay it.",
        "Прилагането на събитието не успя нито веднъж ({error}): прегледайте го и го обработете повторно.",
    ),
    "held_up": (
        "An earlier event of this prospect fails; this one waits for it, a quarter of an hour at most.",
        "По-ранно събитие на този клиент не успява; това го изчаква, най-много четвърт час.",
    ),
    "stop.reply": ("The prospect replied.", "Клиентът отговори."),
    "stop.colleague_reply": ("A colleague of the prospect replied.", "Колега на клиента отговори."),
    "stop.left": ("The prospect has left the company.", "Клиентът е напуснал фирмата."),
    "stop.bounce": ("The address does not exist: an email came back.", "Адресът не съществува: имейл беше върнат."),
    "stop.complaint": ("The prospect marked an email as unwanted.", "Клиентът отбеляза имейл като нежелан."),
    "stop.unsubscribe": ("The prospect unsubscribed.", "Клиентът се отписа."),
    "stop.declined": (
        "The prospect wants no more emails of this sequence.",
        "Клиентът не желае повече имейли от тази поредица.",
    ),
    "stop.meeting": ("A meeting was booked.", "Насрочена е среща."),
    "stop.merged": (
        "The prospect was merged with another, who is on this sequence or had its emails.",
        "Клиентът беше слят с друг, който е в тази поредица или е получил имейлите ѝ.",
    ),
    "merged": (
        "The prospect was merged with another: the email is written anew.",
        "Клиентът беше слят с друг: имейлът се пише наново.",
    ),
    "stop.close": ("The prospect was closed.", "Клиентът е приключен."),
    "stop.reopen": ("The prospect was opened again.", "Клиентът беше отворен отново."),
    "stop.meeting.cancelled": ("The meeting was cancelled.", "Срещата беше отменена."),
    "stop.meeting.held": ("The meeting took place.", "Срещата се състоя."),
    "stop.meeting.no_show": ("The prospect did not come to the meeting.", "Клиентът не дойде на срещата."),
    "stop.failed": (
        "The email of step “{step}” failed for good.",
        "Имейлът от стъпка „{step}“ не може да бъде изпратен.",
    ),
    "stop.dropped": ("The email of step “{step}” was dropped.", "Имейлът от стъпка „{step}“ беше отказан."),
    "after": ("Waits for step “{step}”.", "Изчаква стъпка „{step}“."),
    "behind_uncertain": (
        "Waits for “{step}”: nobody knows yet whether it arrived.",
        "Изчаква „{step}“: още не е ясно дали е получен.",
    ),
    "due": ("Due by the plan of its sequence.", "Планиран по своята поредица."),
    "window": ("Waits for the next opening of the send window.", "Изчаква следващото време за изпращане."),
    "gap": (
        "Waits, so that the prospect gets no two emails close together.",
        "Изчаква, за да не получи клиентът два имейла наведнъж.",
    ),
    "limit": ("Waits for the mailbox's limit of emails.", "Изчаква заради ограничението на пощенската кутия."),
    "limit.all": (
        "Waits for the limit of emails of all mailboxes together.",
        "Изчаква заради общото ограничение на всички пощенски кутии.",
    ),
    "limit.company": (
        "Waits for the limit of emails to {what}.",
        "Изчаква заради ограничението на имейлите до {what}.",
    ),
    "limit.prospect": (
        "Waits, because the prospect has got as many emails as the playbook allows.",
        "Изчаква, защото клиентът е получил толкова имейла, колкото позволява наръчникът.",
    ),
    "sequence_ended": ("Its sequence has ended.", "Поредицата му приключи."),
    "paused": ("Waits, because the mailbox is paused: {why}", "Изчаква, защото пощенската кутия е спряна: {why}"),
    "retry": (
        "Will be tried again after attempt {attempt}: {answer}",
        "Ще бъде направен нов опит след опит {attempt}: {answer}",
    ),
    "backoff": (
        "Waits for the mail server to come back: {answer}",
        "Изчаква пощенския сървър: {answer}",
    ),
    "published.lost": (
        "The playbook’s version {version} has no such step any more.",
        "В версия {version} на наръчника вече няма такава стъпка.",
    ),
    "published.stopped": (
        "Stopped when the playbook’s version {version} was published.",
        "Спряна при публикуването на версия {version} на наръчника.",
    ),
    "published.gone": (
        "The playbook’s version {version} has no such sequence any more.",
        "В версия {version} на наръчника вече няма такава поредица.",
    ),
    "published.sent_as": (
        "Its email was sent already, as step “{step}”.",
        "Имейлът вече е изпратен като стъпка „{step}“.",
    ),
    "sent": ("Accepted by the mail server.", "Приет от пощенския сървър."),
    "sent_found": (
        "Sent: the mail server keeps it in its folder of sent mail.",
        "Изпратен: пощенският сървър го пази в папката с изпратени имейли.",
    ),
    "sent_confirmed": (
        "A message from the prospect shows that it arrived.",
        "Съобщение от клиента показва, че е получен.",
    ),
    "sent_relayed": (
        "A mail server reports on it, so it had left.",
        "Пощенски сървър съобщава за него, значи е тръгнал.",
    ),
    "sent_bounced": (
        "It had left, and came back: {answer}",
        "Беше тръгнал и се върна: {answer}",
    ),
    "came_back": ("Came back, refused by a policy: {answer}", "Върна се, отказан по правила: {answer}"),
    "resolved.sent": ("Marked as arrived by {by}.", "Отбелязан като получен от {by}."),
    "resolved.resend": ("Sent again at the wish of {by}.", "Изпратен повторно по желание на {by}."),
    "resolved.dropped": ("Dropped by {by}.", "Отказан от {by}."),
    "undone_by": ("The decision was taken back by {by}.", "Решението беше върнато от {by}."),
    "undone": ("Taken back before it left.", "Върнат, преди да тръгне."),
    "uncertain": (
        "The mail server never answered after the whole email was out, so nobody knows whether it arrived.",
        "Пощенският сървър не отговори след края на имейла, затова не е ясно дали е получен.",
    ),
    "uncertain.crash": (
        "The sending process died at the moment of handing over, so nobody knows whether the email arrived.",
        "Изпращащият процес спря в мига на предаването, затова не е ясно дали имейлът е получен.",
    ),
    "recovered": ("Taken up again after its sender died.", "Поет отново, след като изпращащият процес спря."),
    "refused": ("Refused by the mail server: {answer}", "Отказан от пощенския сървър: {answer}"),
    "exhausted": ("Given up after {attempts} attempts: {answer}", "Прекратен след {attempts} опита: {answer}"),
    "render": ("Cannot be written: {problem}", "Не може да бъде съставен: {problem}"),
    "poison": ("Preparing it failed {times} times.", "Подготовката му се провали {times} пъти."),
    "suppressed": ("The address is on the suppression list.", "Адресът е в списъка за неизпращане."),
    "declined": (
        "The prospect asked for no more emails of this sequence, so it does not begin again.",
        "Клиентът се отказа от имейлите на тази поредица, затова тя не започва отново.",
    ),
    "suppressed.listed": (
        "The address was put on the suppression list.",
        "Адресът е добавен в списъка за неизпращане.",
    ),
    "suppressed.domain": ("The whole domain of the address is barred.", "Целият домейн на адреса е забранен."),
    "no_change": ("It stands so already.", "Вече е така."),
    "no_address": ("The prospect has no email address.", "Клиентът няма имейл адрес."),
    "unsupported_address": (
        "The mail server cannot deliver to this kind of address.",
        "Пощенският сървър не поддържа такъв адрес.",
    ),
    "too_late": ("Too late by now: it should have left by {until}.", "Вече е късно: трябваше да тръгне до {until}."),
    "late.ask": (
        "It should have left by {until}: send it or skip it, it does not leave by itself any more.",
        "Трябваше да тръгне до {until}: изпратете го или го пропуснете, сам вече няма да тръгне.",
    ),
    "late.send": (
        "It should have left by {until}, and leaves all the same, as its playbook says.",
        "Трябваше да тръгне до {until} и тръгва въпреки това, както казва наръчникът.",
    ),
    "meeting_passed": ("Its time before the meeting had already passed.", "Времето му преди срещата вече беше минало."),
    "skipped_by": ("Skipped by {by}.", "Пропуснат от {by}."),
    "held": ("Waits until {until}: a colleague wants it so.", "Изчаква до {until}: така иска колега."),
    "stop.by": ("Stopped by {by}.", "Спряна от {by}."),
    "away": (
        "Waits until {until}: the prospect is out of the office.",
        "Изчаква до {until}: клиентът е извън офиса.",
    ),
    "auto_reply": (
        "An automatic reply is no answer: it stops nothing, and mail goes on as planned.",
        "Автоматичният отговор не е отговор: нищо не спира и имейлите продължават по план.",
    ),
    "auto_reply.away": (
        "An automatic reply is no answer: it stops nothing, and mail waits until {until}.",
        "Автоматичният отговор не е отговор: нищо не спира, а имейлите изчакват до {until}.",
    ),
    "auto_reply.left": (
        "An automatic reply says that the prospect has left the company.",
        "Автоматичен отговор казва, че клиентът е напуснал фирмата.",
    ),
    "nothing_waits": ("No {what} “{step}” is waiting.", "Няма чакащ елемент „{step}“ ({what})."),
    "done_by": ("Done by {by}.", "Изпълнено от {by}."),
    "send_now": ("Sent ahead of its time at the wish of {by}.", "Изпратен предсрочно по желание на {by}."),
    **SENDERS,
    **CRMS,
    **NEXT,
    **MEETINGS,
    **ERASING,
}


# One encoder for all reasons: `json.dumps` with options makes one at every call.
_WRITE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of the table above with the facts that its sentence names."""

    code: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def pack(self) -> str:
        """The form that is stored."""
        return _WRITE([self.code, dict(self.facts)])

    def words(self, language: str) -> str:
        """The sentence in `language` (bg, else English). Of the facts `x.en` and `x.bg` it takes the one for `{x}`."""
        english, bulgarian = _WORDS[self.code]
        sentence, ending = (bulgarian, ".bg") if language == "bg" else (english, ".en")
        own = {name.removesuffix(ending): value for name, value in self.facts.items() if name.endswith(ending)}
        return sentence.format_map({**self.facts, **own})


def in_short(names: Sequence[str], language: str) -> str:
    """Names in one line (bg, else English): up to three of them, and how many more there are, which is never one."""
    shown = len(names) if len(names) <= _NAMED else min(_NAMED, len(names) - 2)
    of = "bg" if language == "bg" else "en"
    told = ", ".join(_clipped(name, of) for name in names[:shown])
    return told if shown == len(names) else _MORE[of].format(told=told, count=len(names) - shown)


def _clipped(name: str, of: str) -> str:
    short = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME].rstrip()}…"
    return _QUOTED[of].format(short) if name.endswith("?") else short


def because(code: str, /, **facts: object) -> Reason:
    """The reason `code` with its facts as text."""
    return Reason(code, {name: str(value) for name, value in facts.items()})


def unpack(stored: str | None) -> Reason | None:
    """The reason that was stored."""
    if stored is None:
        return None
    code, facts = json.loads(stored)
    return Reason(code, facts)


def words(stored: str | None, language: str) -> str | None:
    """The stored reason as a sentence in `language`."""
    reason = unpack(stored)
    return reason.words(language) if reason else None


def codes_that_say(text: str) -> tuple[str, ...]:
    """The codes in whose sentences these words stand, in either language, whatever their case."""
    wanted = text.casefold()
    return tuple(code for code, told in _WORDS.items() if any(wanted in each.casefold() for each in told))


def remedy(stored: str | None, language: str) -> str:
    """What to do about a mailbox that was paused for the stored reason."""
    reason = unpack(stored)
    code = reason.code.replace("pause.", "remedy.", 1) if reason else ""
    return because(code if code in _WORDS else "remedy.by").words(language)


def codes() -> frozenset[str]:
    """Every code there is."""
    return frozenset(_WORDS)
