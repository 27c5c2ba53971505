"""Bounces in prose, from servers that write no report: Exim, qmail, Exchange, Notes, and those that speak Bulgarian.

Knows a machine by its name and by what it says; a person who writes about a bounce is no bounce.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workflow.mail.inbound import headers as head
from workflow.mail.inbound import verdicts
from workflow.mail.inbound.dsn import Recipient, Report, returned_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workflow.mail.inbound.mime import Mail

_LONGEST: Final = 60_000
_MOST_RECIPIENTS: Final = 20

DAEMONS: Final = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|mailerdaemon|maildaemon|mdaemon|qmail-send)(?:[+=-].*)?"
)
_KEEPERS: Final = re.compile(
    r"(?:postmaster|mail-?delivery|mailadmin|mail-?system|bounces?|ndr|no-?reply-?bounce"
    r"|microsoftexchange[0-9a-f]{6,64}|exchange-?admin)(?:[+=-].*)?"
)
_NAMES: Final = re.compile(
    r"mail(?:er)?[- ]?(?:delivery|daemon)|delivery (?:sub)?system|mail system|postmaster"
    r"|system administrator|internet mail delivery|mail administrator"
    r"|microsoft outlook|пощенски сървър|почтовая система|mail delivery"
)
_SUBJECTS: Final = re.compile(
    r"^(?:\W{0,3})(?:undeliver(?:ed|able)|mail delivery (?:failed|failure|error|problem|status|subsystem)"
    r"|delivery (?:status notification|failure|failed|error|problem|has failed|notification|report"
    r"|unsuccessful|delayed)"
    r"|delivery to .{1,80} (?:failed|delayed)|failure notice|failed mail|failed delivery|returned mail"
    r"|return(?:ed)? to sender|non.?delivery|non recapitabile|mail failure|mail could not be delivered"
    r"|message (?:delivery failure|delayed|not delivered|undeliverable)|message status - undeliverable"
    r"|your message (?:could not|couldn't|to .{1,80} (?:could not|couldn't))|warning: (?:message|could not)"
    r"|delayed mail|(?:mail )?delivery delayed|nondeliverable|unzustellbar|unzustellbare"
    r"|fehler beim zustellen|zustellung|rückläufer|nicht zugestellt"
    r"|non remis|échec de (?:la )?(?:remise|livraison|distribution)|message non (?:remis|distribué)"
    r"|no se puede entregar|no entregado|error de entrega|correo (?:no|devuelto)|mensaje no entregado"
    r"|devuelto"
    r"|не удается доставить|недоставлен|не доставлено|сообщение не доставлено|возврат|невозможно доставить"
    r"|недоставимо|ошибка доставки"
    r"|недоставен|недоставена|недоставено|неуспешно (?:доставяне|изпращане)|неуспешна доставка"
    r"|грешка при (?:доставка|доставяне|изпращане)|върнат[ао]? (?:писмо|съобщение|имейл|поща)"
    r"|невъзможна доставка|не може да (?:се|бъде) достав|неполучено|съобщението не (?:е|бе|беше) доставено)"
)
_BODY: Final = re.compile(
    r"could ?n[o'’]t be (?:delivered|sent|reached)|wasn[’']t (?:able to deliver|delivered)"
    r"|was not delivered|unable to deliver|not (?:be )?able to deliver|cannot be delivered"
    r"|can[’']t be delivered|undeliverable|undelivered"
    r"|(?:following|some or all of the (?:intended )?) ?(?:address(?:\(es\)|es)?"
    r"|recipients?(?:\(s\))?).{0,60}(?:fail|reached|problem|deliver|error)|did not reach"
    r"|failed (?:permanently|to deliver)|permanent(?: fatal)? (?:error|delivery|failure)"
    r"|delivery.{0,30}failed|returned (?:mail|message|to (?:you|sender))|delivery (?:failure"
    r"|has been delayed|attempt)|fatal errors|message .{0,60}(?:bounced|rejected)"
    r"|не (?:можа|може|успя|бе|беше|е) .{0,40}достав|не .{0,20}бъд\w+ достав|недостав|не достав"
    r"|не удалось доставить|konnte nicht .{0,60}zugestellt|nicht zugestellt"
    r"|n['’]a (?:pas )?pu être (?:remis|distribué|livré)|no (?:se )?(?:ha )?(?:pudo|podido) (?:ser )?entreg"
)
_DELAYED: Final = re.compile(
    r"this is a warning|warning only|do not need to resend|still being retried"
    r"|has not (?:yet )?been delivered|not yet been delivered|(?:has been|is|was|being) delayed"
    r"|delayed \d+ hours|will (?:continue|keep) (?:to )?(?:be )?(?:try|retry|attempt)|will (?:try again"
    r"|be retried|retry)|no action is required|delivery attempts will continue|temporarily suspended"
    r"|забавено|забавена|ще (?:бъде )?опит|verzögert|weitere zustellversuche|retardé|retrasad|задерж|будут продолжены"
)
_GIVEN_UP: Final = re.compile(r"given up|giving up|permanent|no longer|has failed|fatal|expired|undeliverable|returned")
_COPY: Final = re.compile(
    r"^[ \t]*(?:-{2,}.{0,20}(?:below this line is a copy|this is a copy|original message|message header"
    r"|returned (?:message|mail)|forwarded|undelivered message|unsent message|копие|оригинално).{0,80}"
    r"|(?:message headers?|headers of the (?:original )?message) follow.{0,20}|(?:the )?(?:original"
    r"|returned) (?:message|mail)(?: headers?)?(?: follows?.{0,10})?:?|копие на (?:съобщението|писмото).{0,40}"
    r"|return-path:.{0,300}|received: from .{0,900})$",
    re.IGNORECASE | re.MULTILINE,
)
_RETURNED_ID: Final = re.compile(r"^[ \t>]*message-id:\s{0,5}(<[^<>\s]{3,500}>)", re.IGNORECASE | re.MULTILINE)
_RETURNED_TO: Final = re.compile(r"^[ \t>]*to:([^\n]{3,400})$", re.IGNORECASE | re.MULTILINE)
_ADDRESS: Final = re.compile(
    r"[^\s<>(),;:\"'@\[\]\\=]{1,64}@[a-z0-9.\u0080-\uffff-]{1,200}[a-z0-9\u0080-\uffff]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Bounce:
    """A bounce in prose, and what gave it away."""

    report: Report
    evidence: str


def null_sender(headers: head.Headers) -> bool:
    """Whether the mail came with the empty return path that machines use (RFC 5321, section 4.5.5)."""
    return any(value.strip() in {"<>", "< >", "<MAILER-DAEMON>"} for value in headers.every("return-path"))


def bounce(mail: Mail, text: str) -> Bounce | None:
    """The bounce that `text`, the words of `mail`, tells of; None when it is none."""
    subject = mail.headers.text("subject").lower()[:300]
    body = text[:_LONGEST]
    copy = _COPY.search(body)
    said = body[: copy.start()] if copy and copy.start() > 0 else body
    evidence = _evidence(mail, subject, said.lower()[:6000])
    if not evidence:
        return None
    recipients = tuple(_recipients(mail, said, body[len(said) :], delayed=_is_delayed(subject, said.lower())))
    originals = [*returned_ids(mail), *_RETURNED_ID.findall(body)]
    return Bounce(Report(recipients, tuple(dict.fromkeys(originals))), evidence)


def _evidence(mail: Mail, subject: str, said: str) -> str:
    """What shows that a mail server wrote this; empty when that is not sure enough."""
    name, address = next(iter(head.addresses(mail.headers.raw("from"))), ("", mail.headers.raw("from").strip().lower()))
    local = address.partition("@")[0].lower()
    null = null_sender(mail.headers)
    titled = _SUBJECTS.search(subject)
    told = _BODY.search(" ".join(said.split())) or verdicts.enhanced(said)
    if mail.headers.raw("x-failed-recipients") and (null or titled or DAEMONS.fullmatch(local)):
        return f"X-Failed-Recipients: {mail.headers.text('x-failed-recipients')}"
    if DAEMONS.fullmatch(local) and (null or titled or told):
        return f"From: {address}"
    keeper = _KEEPERS.fullmatch(local) or _NAMES.search(name.lower())
    if keeper and ((titled and (null or told)) or (null and told)):
        return f"From: {name or address}; Subject: {subject}"
    if null and titled and told:
        return f"Return-Path: <>; Subject: {subject}"
    # No return path is known and nobody we know by name: both the title and the words have to be those of a server.
    if titled and told and not mail.headers.raw("in-reply-to") and not mail.headers.raw("return-path"):
        return f"Subject: {subject}"
    return ""


def _is_delayed(subject: str, said: str) -> bool:
    if re.search(r"delay|warning|still being retried|забав|verzögert|retard", subject):
        return not re.search(r"fail|returned", subject)
    return bool(_DELAYED.search(said)) and not _GIVEN_UP.search(said)


def _recipients(mail: Mail, said: str, copy: str, *, delayed: bool) -> Iterator[Recipient]:
    marked = [address for raw in mail.headers.every("x-failed-recipients") for _, address in head.addresses(raw)]
    places = _places(mail, said, marked)
    if not places:
        named = marked or [address for _, address in head.addresses(" ".join(_RETURNED_TO.findall(copy)[:1]))]
        places = [(0, address) for address in named[:_MOST_RECIPIENTS]] or [(0, "")]
    for at, (start, address) in enumerate(places):
        alone = len(places) == 1
        # Some servers say why above the address, most below it.
        end = places[at + 1][0] if at + 1 < len(places) and places[at + 1][0] > start else len(said)
        words = " ".join((said if alone else said[start:end]).split())
        code = verdicts.enhanced(words)
        status = ".".join(map(str, code)) if code else ""
        if delayed:
            yield Recipient(address, "delayed", status, words[:500])
            continue
        verdict, evidence = verdicts.judge(status, words)
        yield Recipient(address, "failed", status, words[:500], verdict, evidence)


def _places(mail: Mail, said: str, marked: list[str]) -> list[tuple[int, str]]:
    """Where the report names whom it could not reach: each address once, in order."""
    ours = {address.lower() for name in ("to", "from", "cc") for _, address in head.addresses(mail.headers.raw(name))}
    wanted = {address.lower() for address in marked}
    found: dict[str, tuple[int, str]] = {}
    for match in _ADDRESS.finditer(said):
        address = match[0].strip(".")
        key = address.lower()
        if key in found or key in ours or DAEMONS.fullmatch(key.partition("@")[0]) or key.startswith("postmaster@"):
            continue
        if wanted and key not in wanted:
            continue
        line = said[said.rfind("\n", 0, match.start()) + 1 : match.end() + 2].strip()
        # An address on a line of its own is a recipient; the first in running text is one where there is no such line.
        own = line.lstrip("<[(\"'* ").startswith(address)
        found[key] = (match.start() if own or wanted else -1, address)
        if len(found) >= _MOST_RECIPIENTS:
            break
    own_lines = [place for place in found.values() if place[0] >= 0]
    return own_lines or [(0, address) for _, address in list(found.values())[:1]]
