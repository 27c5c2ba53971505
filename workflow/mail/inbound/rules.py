"""The rules that decide what a mail is, in words: a code is kept with the mail, a sentence is shown to a person.

Says why, decides nothing. The order of the table is the order in which `classify` asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "own.message": (
        "It is a mail of ours that came back unchanged.",
        "Това е наш имейл, който се е върнал непроменен.",
    ),
    "complaint.report": (
        "The provider reports that the recipient marked our mail as junk.",
        "Доставчикът съобщава, че получателят е отбелязал имейла ни като спам.",
    ),
    "report.failed": (
        "A mail server reports that it could not deliver.",
        "Пощенски сървър съобщава, че не е могъл да достави имейла.",
    ),
    "report.delayed": (
        "A mail server reports a delay and goes on trying.",
        "Пощенски сървър съобщава за забавяне и продължава да опитва.",
    ),
    "report.delivered": (
        "A mail server confirms that it delivered or passed on the mail.",
        "Пощенски сървър потвърждава, че е доставил или предал имейла.",
    ),
    "unsubscribe.address": (
        "It was sent to the address for unsubscribing.",
        "Изпратено е до адреса за отписване.",
    ),
    "unsubscribe.subject": (
        "The subject asks to unsubscribe, and nothing else is written.",
        "Темата иска отписване и не е написано нищо друго.",
    ),
    "calendar.answer": (
        "It carries an answer to an invitation.",
        "Съдържа отговор на покана за среща.",
    ),
    "bounce.prose": (
        "A mail server writes that it could not deliver.",
        "Пощенски сървър пише, че не е могъл да достави имейла.",
    ),
    "bounce.delayed": (
        "A mail server writes that the mail is delayed and that it goes on trying.",
        "Пощенски сървър пише, че имейлът се бави и че продължава да опитва.",
    ),
    "automatic.receipt": (
        "It is a read receipt.",
        "Това е потвърждение за прочитане.",
    ),
    "automatic.header": (
        "Its headers say that a program wrote it.",
        "Заглавните редове казват, че е написано от програма.",
    ),
    "automatic.null_sender": (
        "It came with an empty return path, as only programs send it.",
        "Пристигнало е с празен обратен адрес, както изпращат само програми.",
    ),
    "automatic.sender": (
        "It came from an address that nobody reads.",
        "Изпратено е от адрес, който никой не чете.",
    ),
    "automatic.subject": (
        "Its subject is that of an automatic reply.",
        "Темата е на автоматичен отговор.",
    ),
    "automatic.wording": (
        "It reads like an automatic reply, and nothing in it answers us.",
        "Звучи като автоматичен отговор и нищо в него не ни отговаря.",
    ),
    "reply.person": (
        "Nothing shows that a program wrote it: a person did.",
        "Нищо не показва, че е писала програма: писал е човек.",
    ),
}


def words(rule: str, language: str) -> str:
    """The sentence for `rule` in English or Bulgarian; the bare code where a later release wrote it."""
    pair = _WORDS.get(rule)
    if pair is None:
        return rule
    return pair[1] if language == "bg" else pair[0]


def codes() -> frozenset[str]:
    """Every rule there is."""
    return frozenset(_WORDS)
