"""Whether a mail asks us to stop: by the address it was sent to, by its subject, or in a person's own words.

Only the words a person wrote now count: our own mails, quoted below, tell how to unsubscribe.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 600
_ADDRESS: Final = re.compile(
    r"(?:unsubscribe|unsub|opt-?out|list-unsubscribe|remove|abmelden|otpis\w{0,6})(?:[+=_.-](.{1,200}))?", re.IGNORECASE
)
_SUBJECT: Final = re.compile(
    r"(?:unsubscribe|unsub|opt[- ]?out|remove me|stop|list-unsubscribe|отпиши(?:\s?ме)?|отпишете(?:\s?ме)?"
    r"|отписване|отказ от абонамент|abmelden|abmeldung|austragen|désinscription|désabonnement"
    r"|desinscription|desabonnement|baja|darme de baja|cancelar suscripci[óo]n|отписаться|отписка"
    r"|отпишите меня)"
    r"(?:\s+([A-Za-z0-9_.\-=]{10,400}))?[\s.!]*",
    re.IGNORECASE,
)
# "Do not write to me before Monday" asks for patience, not for silence.
_NOT_ONLY_NOW: Final = (
    r"(?!,? (?:the|a|an|as|before|until|till|on|by|via"
    r"|today|this|next|at|на|до|преди|днес|тази|този|по|сегодня|раньше|в|перед)\b)"
)
_WISH: Final = re.compile(
    r"^\W*(?:stop|unsubscribe|remove|стоп|спри|спрете|отпиши|отпишете|abmelden|stopp|baja|désinscription"
    r"|отписаться|отпишите)\W*$"
    r"|\bunsubscribe (?:me|us|my|from)\b|(?:please|want to|like to|kindly) unsubscribe|\b(?:remove|delete"
    r"|take) (?:me|us|my (?:e-?mail|address|name|contact))\b.{0,30}\b(?:from|off|out)\b"
    # "We want to stop sending invoices by hand" is what we live on.
    r"|(?:(?<=\byou to )|(?<!\bto )(?<!\bwe )(?<!\bi )(?<!\bthey )(?<!\bcannot ))\b(?:stop|quit)"
    r" (?:e-?mailing|sending|contacting|writing|spamming|messaging|with th)"
    r"|(?:^\W*|\b(?:please|i|we|us|me|to|hereby) )opt (?:me |us )?out\b(?! of (?:the|your) (?:plan|contract))"
    r"|\bopt (?:me|us) out\b|\bopting out\b"
    r"|(?:do not|don['’]?t|never) (?:ever )?(?:e-?mail|contact|write|message|bother|spam)(?: to)? (?:me|us|any "
    r"?more|again)\b"
    rf"{_NOT_ONLY_NOW}"
    r"|(?:do not|don['’]?t|never) send (?:me |us )?(?:any|anything|further|such|more|these|your)\b"
    r"|отпиш(?:и|ете) (?:ме|ни)\b|отписване от"
    r"|сп(?:ри|рете) (?:да|с) (?:ми |ни )?(?:пиш|праща|изпраща|имейл|писма|тези)"
    r"|не (?:ми|ни) (?:пишете|пиши)\b"
    rf"{_NOT_ONLY_NOW}"
    r"|не (?:ми |ни )?(?:изпращайте|пращайте|пращай) (?:повече(?! от)|нищо|никакви|имейл|писма|съобщени|реклам|такива)"
    r"|не (?:ми|ни) (?:изпращайте|пращайте|пращай)\W*$|повече не (?:ми|ни) (?:изпращайте|пращайте)"
    r"|(?:махнете|премахнете|изтрийте|заличете) (?:ме|ни|адреса ми|имейла ми|моя (?:адрес|имейл))\b"
    r"|не (?:желая|искам) (?:повече )?да (?:получавам|ме (?:търсите|безпокоите))"
    r"|(?:желая|искам) да се отпиша|не (?:ме|ни) (?:безпоко(?:йте|й)|търсете|търси) повече"
    r"|(?:tragen|nehmen|löschen|entfernen) sie (?:mich|uns|meine)\b"
    r"|keine (?:weiteren?|mehr) (?:e-?mails?|nachrichten|werbung)|keine (?:e-?mails?|nachrichten|werbung) mehr"
    r"|nicht (?:mehr|weiter) (?:kontaktieren|anschreiben|schreiben)|vom verteiler|abbestellen"
    r"|(?:me )?d[ée]s(?:inscri|abonn)\w+|ne (?:me |nous )?(?:contactez|écrivez|envoyez|sollicitez) plus"
    r"|ne plus (?:me |nous )?(?:contacter|écrire|envoyer|recevoir|solliciter)"
    r"|(?:retire|supprime)[rz][- ](?:moi\b|mon (?:adresse|e-?mail|mail|nom|contact))"
    r"|(?:me |nous )retirer de (?:votre|vos|la|cette) liste"
    r"|dar(?:me|nos) de baja|d[eé](?:me|nos) de baja|no (?:me |nos )?(?:escrib|contact|env[íi]|mand)\w+ m[áa]s\b"
    r"|no (?:me|nos) (?:escrib|contact)\w+\b|elim[íi]n(?:e|en|ar)(?:me\b| mi (?:correo|direcci|nombre))"
    r"|cancelar (?:mi |la )?suscripci"
    r"|отпишите|отписаться|не (?:пишите|беспокойте)(?: мне| нам| меня| нас)?(?: больше)?\b"
    rf"{_NOT_ONLY_NOW}"
    r"|не (?:присылайте|шлите|отправляйте)(?: мне| нам)?(?: больше| ничего| писем| рекламу|\W*$)"
    r"|больше не (?:пишите|присылайте)|(?:удалите|уберите|исключите) (?:меня|нас|мой (?:адрес|имейл|e-?mail))\b"
    r"|прекратите (?:рассылку|писать|присылать)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """That a mail is nothing but a request to stop. `tag` is what a link of ours put into it."""

    rule: str
    evidence: str
    tag: str = ""


def request(recipients: tuple[str, ...], subject: str, visible: str) -> Request | None:
    """The request that a mail to `recipients` is as a whole; None when it is something else."""
    for address in recipients:
        match = _ADDRESS.fullmatch(address.partition("@")[0])
        if match:
            return Request("unsubscribe.address", address[:300], match[1] or "")
    match = _SUBJECT.fullmatch(subject.strip()[:500])
    if match is None:
        return None
    if match[1]:
        return Request("unsubscribe.subject", subject[:300], match[1])
    # A subject alone: mail programs send it with an empty body, people with the same words again.
    empty = not visible.strip() or wish(visible) or _SUBJECT.fullmatch(visible.strip()[:500])
    return Request("unsubscribe.subject", subject[:300]) if empty else None


def wish(visible: str) -> str:
    """The words with which a person asks not to be written to any more; empty where there are none."""
    match = _WISH.search(visible[:_LONGEST].lower())
    return " ".join(match[0].split())[:200] if match else ""
