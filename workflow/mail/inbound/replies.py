"""The words a person wrote, apart from the mail they answered and from their signature.

Folds, never drops: each line that is not blank stands in `visible` or in `quoted`. Reads plain text only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LONGEST_LINE: Final = 400
_MOST_LABELLED: Final = 7
_MOST_SIGNATURE: Final = 8

# What each mail program writes before the mail that is answered, by what the line tells.
_LABELS: Final = {
    **dict.fromkeys(
        ("from", "от", "von", "de", "expéditeur", "remitente", "отправитель", "подател", "da", "van"), "from"
    ),
    **dict.fromkeys(("sent", "date", "изпратено", "изпратено на", "дата", "gesendet", "datum", "gesendet am"), "sent"),
    **dict.fromkeys(("envoyé", "envoyé le", "date d'envoi", "enviado", "enviado el", "fecha", "отправлено"), "sent"),
    **dict.fromkeys(("sent at", "дата на изпращане", "дата отправки", "получено", "inviato", "verzonden"), "sent"),
    **dict.fromkeys(("to", "до", "an", "à", "a", "para", "кому", "destinataire", "получател", "aan"), "to"),
    **dict.fromkeys(("cc", "копие", "копия", "копие до", "kopie", "bcc", "reply-to", "importance", "важность"), "cc"),
    **dict.fromkeys(("subject", "тема", "относно", "betreff", "objet", "sujet", "asunto", "oggetto"), "subject"),
}
_LABEL: Final = re.compile(r"[\s*]*([^\W\d_][^:*]{0,18}?)[\s\u00a0]*\*?[\s\u00a0]*:\*?(?:\s|$)")
_ORIGINAL: Final = re.compile(
    r"\s*(?:[-_=*>]{2,}\s*"
    r"(?:original (?:message|e-?mail)|reply message|forwarded (?:message|by .{1,60})|ursprüngliche (?:nachricht|mail)"
    r"|originalnachricht|weitergeleitete nachricht|message (?:d['’]origine|original|transféré|transmis)"
    r"|mensaje (?:original|reenviado)|исходное сообщение|пересылаемое сообщение|пересланное сообщение"
    r"|оригинално (?:съобщение|писмо)|препратено (?:съобщение|писмо)|messaggio originale|oorspronkelijk bericht)"
    r"\s*[-_=*]{0,80}"
    r"|-{2,} ?.{5,300}\b(?:wrote|написа|schrieb|a écrit|escribió|написала?) ?-{2,}"
    r"|begin forwarded message\s*:|anfang der weitergeleiteten nachricht\s*:|début du message transféré\s*:"
    r"|начало переадресованного сообщения\s*:|начало на препратеното писмо\s*:)\s*",
    re.IGNORECASE,
)
# The webmail of abv.bg marks its own introduction and none of the lines below it.
_ABV: Final = re.compile(r"\s{0,3}>\s?-{4,}\s?Оригинално писмо\s?-{4,}\s*")
_RULE: Final = re.compile(r"\s*[_\-=*]{5,}\s*")
_WROTE: Final = re.compile(
    r"\b(?:wrote|writes|написа|пише|schrieb|schreibt|a écrit|a ecrit|écrit|escribió|escribio|написал(?:а"
    r"|\(а\)|и)?|пишет"
    r"|ha scritto|escreveu|schreef|napisał(?:a|\(a\))?|a scris|yazdı|έγραψε|skrev|kirjoitti|написав|napsal"
    r"|ezt írta)\b\)?",
    re.IGNORECASE,
)
_OPENING: Final = re.compile(
    r"\s*(?:on|на|в|am|den|le|el|il|em|op|w|dnia|în|στις|цитат|quoting|\d|(?:mon|tue|wed|thu|fri|sat|sun)\w*\b"
    r"|(?:пн|вт|ср|чт|пт|сб|вс|пон|нед)\b|(?:понеделник|вторник|сряда|четвъртък|петък|събота|неделя)\b"
    r"|(?:понедельник|среда|четверг|пятница|суббота|воскресенье)\b)",
    re.IGNORECASE,
)
_ADDRESSED: Final = re.compile(
    r"\d.*[<(\[][^<>\s@]{1,100}@[^<>\s]{1,100}[>)\]]|\d.*\bmailto:|<[^<>\s@]{1,100}@[^<>\s]{1,100}>.*\d{4}",
    re.IGNORECASE,
)
# Some phones begin the quoted mail on the very line that introduces it.
_RUN_ON: Final = re.compile(
    r"\s*(?:on|на|am|le|el)\b.{5,120}\d.{0,160}@.{1,120}\b(?:wrote|написа|schrieb|a écrit|escribió)\s?:\s+\S.*",
    re.IGNORECASE,
)
_CITED: Final = re.compile(
    r"\s*(?:quoting|цитат от|цитирам|zitat von|citando a|quotation from)\b.{2,200}:\s*", re.IGNORECASE
)
_DASHES: Final = re.compile(r"--[ \u00a0]?|—\s*|-- *$")
_FROM_PHONE: Final = re.compile(
    r"\s*(?:sent (?:from|with|via) (?:my |the )?(?:\w+ ){0,4}?"
    r"(?:iphone|ipad|android|phone|mobile|samsung|galaxy|blackberry|outlook|mail|yahoo|proton\w*|huawei"
    r"|xiaomi|pixel)\b.{0,60}"
    r"|(?:get |вземете |изтеглете |получете |télécharge[rz] |obtener |descargar? |laden sie |скачать |загрузите )?"
    r"outlook (?:for|für|pour|para|за|для) (?:ios|android)\b.{0,60}"
    r"|изпратено от (?:моя |моето )?.{0,20}(?:iphone|ipad|android|телефон|устройство|samsung|outlook|abv"
    r"|yahoo|mail)\b.{0,60}"
    r"|(?:von meinem .{1,30}|gesendet (?:von|mit|aus) .{1,40})(?: gesendet)?"
    r"|diese nachricht wurde von .{1,60}gesendet.{0,20}"
    r"|envoyé (?:de|depuis|à partir d[e’']) ?(?:mon |un |ma )?.{1,50}|enviado desde (?:mi |un )?.{1,50}"
    r"|отправлено (?:с|из|со) (?:моего )?.{1,50})\s*",
    re.IGNORECASE,
)
_GOODBYE: Final = (
    r"(?:(?:with )?(?:best|kind|warm|kindest|warmest|many thanks and)?\s*(?:regards|wishes)|best|all the best|cheers"
    r"|thanks(?: again|,? (?:and|&) (?:best |kind )?regards| in advance)?|thank you|many thanks|sincerely"
    r"|yours (?:sincerely"
    r"|faithfully|truly)|br|kr"
    r"|(?:сърдечни |най-добри |с )?поздрави|с (?:най-добри )?(?:уважение|пожелания)|хубав ден|лек ден"
    r"|(?:хубава|лека) вечер|благодаря(?: ви)?|бъдете здрави"
    r"|mit (?:freundlichen|besten|herzlichen|lieben) gr(?:ü|ue)(?:ß|ss)en|(?:viele|beste|liebe|freundliche"
    r"|herzliche|schöne) gr(?:ü|ue)(?:ß|ss)e"
    r"|mfg|lg|vg|(?:bien )?(?:cordialement|à vous)|bien à vous|sincères salutations"
    r"|salutations(?: distinguées)?|meilleures salutations|à bientôt"
    r"|(?:un )?(?:cordial )?saludos?(?: cordiales)?|atentamente|cordialmente|muchas gracias|gracias"
    r"|с уважением|с наилучшими пожеланиями|всего доброго|хорошего дня|спасибо)"
)
_FAREWELL: Final = re.compile(
    rf"\s*{_GOODBYE}(?:\s*[/|&]\s*{_GOODBYE})?\s*[,.!–-]*\s*(?:(?-i:[A-ZÀ-ÖØ-ÞА-ЯЁ])[\w.’'-]*\s*){{0,3}}", re.IGNORECASE
)
_GREETING: Final = re.compile(
    r"\s*(?:hi|hello|dear|hey|good (?:morning|day|afternoon)|здравей(?:те)?|привет|добър ден|уважаем\w+|hallo|guten tag"
    r"|liebe\w*|sehr geehrte\w*|bonjour|hola|estimad\w+|buen[oa]s \w+|здравствуйте|добрый день)"
    r"(?:\W.{0,60})?|[\w.’' -]{1,40},",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"\S+\s+\S+\s+\S.*[.!]|.*\?.*|.{91,}")
_AFTERWORD: Final = re.compile(r"\s*p\.?\s?s\.?\b|\s*п\.?\s?(?:п|с)\.?[\s:]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody wrote now, and all the rest: the mails before it, the signature."""

    visible: str
    quoted: str


def split(text: str) -> Reply:
    """`text` in the two. Where the answers stand between the quoted lines, they alone are visible."""
    lines = text.split("\n")
    folded = [line.lstrip().startswith(">") for line in lines]
    end = _original(lines, folded)
    _fold(folded, end, len(lines))
    _introductions(lines, folded, end)
    _signatures(lines, folded)
    _farewell(lines, folded)
    return Reply(_joined(lines, folded, wanted=False), _joined(lines, folded, wanted=True))


def _joined(lines: list[str], folded: list[bool], *, wanted: bool) -> str:
    kept: list[str] = []
    for line, is_folded in zip(lines, folded, strict=True):
        if is_folded is wanted and (line.strip() or (kept and kept[-1])):
            kept.append(line.rstrip())
    return "\n".join(kept).strip("\n")


def _fold(folded: list[bool], start: int, end: int) -> None:
    folded[start:end] = [True] * (end - start)


def _original(lines: list[str], folded: list[bool]) -> int:
    """Where the mail that is answered begins without marks on its lines, as Outlook writes it."""
    for at, line in enumerate(lines):
        if folded[at] and _ABV.fullmatch(line):
            return at
        if folded[at] or len(line) > _LONGEST_LINE or not line.strip():
            continue
        if _ORIGINAL.fullmatch(line) or _RUN_ON.fullmatch(line) or _labelled(lines, at):
            return _with_rule(lines, at)
    return len(lines)


def _labelled(lines: list[str], start: int) -> bool:
    """Whether lines such as From, Sent, To, Subject stand here, three of them at least."""
    if _label(lines[start]) == "":
        return False
    found: set[str] = set()
    others = 0
    for line in [each for each in lines[start : start + _MOST_LABELLED * 2] if each.strip()][:_MOST_LABELLED]:
        label = _label(line)
        if label:
            found.add(label)
        else:
            others += 1
            if others > 1:
                break
    return len(found) >= 3 and "from" in found  # noqa: PLR2004 - "To: do" alone is a line of prose


def _label(line: str) -> str:
    match = _LABEL.match(line[:60])
    return _LABELS.get(" ".join(match[1].lower().split()), "") if match else ""


def _with_rule(lines: list[str], at: int) -> int:
    """The place of the ruled line above, where there is one."""
    above = at - 1
    while above >= 0 and not lines[above].strip():
        above -= 1
    return above if above >= 0 and _RULE.fullmatch(lines[above]) else at


def _introductions(lines: list[str], folded: list[bool], end: int) -> None:
    """Fold lines such as "On … wrote:", and what follows one that is followed by no marked line."""
    for at in range(end):
        if folded[at] or not lines[at].rstrip().endswith(":") or len(lines[at]) > _LONGEST_LINE:
            continue
        start, sure = _introduction(lines, folded, at)
        if start < 0:
            continue
        after = next((line for line in range(at + 1, len(lines)) if lines[line].strip()), len(lines))
        marked = after < len(lines) and folded[after] and lines[after].lstrip().startswith(">")
        if marked:
            _fold(folded, start, at + 1)
        elif sure:
            _fold(folded, start, len(lines))
            return


def _introduction(lines: list[str], folded: list[bool], at: int) -> tuple[int, bool]:
    """The first line of the introduction that ends at `at`, and whether it is surely one; -1 for none."""
    text = ""
    for start in range(at, max(-1, at - 4), -1):
        if folded[start] or not lines[start].strip():
            break
        text = f"{lines[start].strip()} {text}".strip()
        if len(text) > _LONGEST_LINE:
            break
        wrote = _WROTE.search(text) is not None
        if _CITED.fullmatch(text) or (
            _OPENING.match(text) and re.search(r"\d", text) and (wrote or _ADDRESSED.search(text))
        ):
            return start, True
        if start == at and _ADDRESSED.search(text):
            return start, True
    return (at, False) if _WROTE.search(lines[at]) else (-1, False)


def _signatures(lines: list[str], folded: list[bool]) -> None:
    """Fold what stands below two dashes (RFC 3676, section 4.3), and what phones write."""
    at = 0
    while at < len(lines):
        if not folded[at] and len(lines[at]) < _LONGEST_LINE:
            if _DASHES.fullmatch(lines[at].strip() or "x") and any(
                line.strip() and not folded[n] for n, line in enumerate(lines[:at])
            ):
                end = next((n for n in range(at, len(lines)) if folded[n]), len(lines))
                _fold(folded, at, end)
                at = end
                continue
            if _FROM_PHONE.fullmatch(lines[at]):
                folded[at] = True
        at += 1


def _farewell(lines: list[str], folded: list[bool]) -> None:
    """Fold a greeting at the end with the name and the few short lines below it."""
    shown = [at for at, line in enumerate(lines) if not folded[at] and line.strip()]
    for place in range(len(shown) - 1, max(0, len(shown) - _MOST_SIGNATURE - 2), -1):
        at = shown[place]
        below = [lines[each].strip() for each in shown[place + 1 :]]
        if any(_SENTENCE.fullmatch(line) or _AFTERWORD.match(line) for line in below):
            return
        if len(lines[at]) > 90 or not _FAREWELL.fullmatch(lines[at]):  # noqa: PLR2004
            continue
        named = len(lines[at].split()) > 1 and "," in lines[at].strip().rstrip(",")
        if (below or named) and any(not _GREETING.fullmatch(lines[each]) for each in shown[:place]):
            _fold(folded, at, next((n for n in range(at, len(lines)) if folded[n]), len(lines)))
        return
