"""What a refusal says about an address: a pure table from codes and words to hard, soft or policy.

Sources: RFC 3463 and RFC 5248 for enhanced codes, RFC 5321 section 4.2 for plain ones, and what servers really write.
In doubt never `hard`: that one word costs a prospect.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Verdict = Literal["hard", "soft", "policy"]
"""No such address; not now, such as a full mailbox; refused for what we sent or who we are."""

_ENHANCED: Final = re.compile(r"(?<![\d.])([245])\.([0-7])\.(\d{1,3})(?!\.?\d)")
_PLAIN: Final = re.compile(r"(?<![\d.:/-])([45]\d\d)(?=[\s:;#<-]|$)")
_LONGEST: Final = 4000

_FULL: Final = re.compile(
    r"over.?quota|quota (?:is )?(?:exceed|full|reached)|exceed\w*.{0,30}(?:quota|storage|allocation"
    r"|mailbox size|allowed (?:size|space))|mailbox (?:is |has )?.{0,20}full"
    r"|(?:mailbox|inbox|account|storage).{0,30}(?:is full|overquota|size limit|exceeded)|out of storage"
    r"|insufficient (?:system )?(?:storage|disk)|not enough (?:space|storage)|disk (?:is )?full"
    r"|кутия.{0,25}(?:пълна|препълнена)|квота\w*.{0,20}(?:надвиш|превиш)|превышена квота|переполнен|ящик.{0,20}полон"
    r"|postfach.{0,30}voll|speicherplatz|bo[îi]te.{0,30}pleine|quota dépassé|buz[oó]n.{0,30}(?:lleno|llena)"
    r"|cuota.{0,20}excedid"
)
_POLICY: Final = re.compile(
    r"\bspam\b|spamm|junk mail|black.?list|block.?list|\bblocked\b|\brbl\b|\bdnsbl\b|spamhaus|barracuda"
    r"|spamcop|reputation|\bpolic(?:y|ies)\b|dmarc|\bspf\b|\bdkim\b"
    r"|unauthenticated|authenticat|not (?:authori[sz]ed|permitted|allowed)|relay(?:ing)?.{0,20}(?:denied"
    r"|not)|unable to relay|access denied|unsolicited|content rejected|message (?:was )?rejected"
    r"|rejected (?:as|due to|because of)|rate.?limit|too many (?:messages|connections|recipients)"
    r"|suspicious|virus|malware|reverse dns|\bptr\b|greylist\w* forever|banned|prohibited"
    r"|message.{0,15}too (?:large|big)|size.{0,20}exceeds.{0,30}(?:maximum|limit)|спам|черен списък"
    r"|блокиран|чёрн\w+ спис|als spam|liste noire|lista negra"
)
_HARD: Final = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox|address|account|person|domain|host)"
    r"|does ?n[o'’]t exist|do not exist|not exist|no (?:mailbox|user|account).{0,20}(?:by|with"
    r"|under)? ?(?:that|this) name"
    r"|no mailbox (?:here|found|with)|mailbox (?:is |was )?(?:not found|unavailable|disabled|inactive"
    r"|does not|invalid|unknown)|(?:recipient|address|user|account|mailbox|e-?mail)s?.{0,40}(?:not found"
    r"|could ?n[o'’]t be found|cannot be found|is unknown|unknown|is invalid|is disabled|is inactive"
    r"|been disabled|suspended|deactivated|no longer (?:valid|available|exists|active|in use|on server))"
    r"|invalid (?:recipient|address|mailbox|user)|(?:unknown|illegal|bad|undeliverable) (?:recipient"
    r"|address|local.?part|host|domain|mailbox)|unrout(?:e)?able|not a valid (?:mailbox|user|address"
    r"|recipient)|not listed in|unknown or illegal alias|no longer (?:works|employed|accepts)"
    r"|address.{0,20}rejected|recipient.{0,20}rejected"
    r"|not our customer|(?:account|user|mailbox).{0,20}(?:closed|deleted|removed|discontinued|terminated"
    r"|expired)|host (?:or domain name )?(?:not found|unknown)|domain.{0,25}(?:not found|does not exist"
    r"|could ?n[o'’]t be found)|no mx|null mx|nxdomain|name service error"
    r"|recipnotfound|couldn['’]t find (?:any|a) host|this user doesn|not known at this"
    r"|не съществува|няма такъв|непознат потребител|невалиден (?:адрес|получател)|несъществуващ|не найден"
    r"|не существует|нет такого|неизвестный (?:пользователь|получатель)"
    r"|unbekannte[rn]? (?:benutzer|empf)|(?:benutzer|empf[aä]nger|adresse).{0,30}(?:unbekannt"
    r"|nicht gefunden|existiert nicht|nicht bekannt)|existiert nicht|gibt es nicht|n['’]existe pas"
    r"|n['’]existe plus|inconnue?\b|introuvable|no existe|desconocid|no se (?:ha )?encontr"
)
_TEMPORARY: Final = re.compile(
    r"tim(?:ed|e) ?-?out|try (?:again )?later|temporar|greylist|gray.?list|connection (?:refused|reset"
    r"|lost)|no route to host|network (?:is )?unreachable|too busy|deferred|retry (?:time|timeout)|expired"
    r"|service unavailable|resources? (?:temporarily )?unavailable"
    r"|временно|опитайте (?:по-късно|отново)|vor(?:ü|ue)bergehend|temporaire|temporalmente"
    r"|delivery attempts|has been in the queue|hop count|loop"
)
_NOT_NOW_DETAIL: Final = re.compile(r"connect|timed out|no answer|refused|not responding|unreachable")

# What a code of class 5 means where words need not be read (RFC 3463 section 3, RFC 5248, RFC 7505, RFC 7372).
_BY_DETAIL: Final[dict[tuple[int, int], Verdict]] = {
    (1, 7): "policy",  # the sender's address, ours
    (1, 8): "policy",
    (2, 1): "hard",  # mailbox disabled
    (2, 2): "soft",  # full: permanent by number, passing by meaning
    (2, 3): "policy",  # longer than this mailbox takes
    (2, 4): "soft",
    (3, 4): "policy",
    (4, 3): "soft",
    (4, 4): "hard",  # no route: the domain takes no mail
    (4, 6): "soft",
    (4, 7): "soft",
    (4, 310): "hard",  # Exchange Online: the domain does not exist
    (4, 312): "soft",
    (4, 316): "soft",
    (5, 6): "policy",
}
_VAGUE: Final = frozenset({(0, 0), (2, 0), (3, 0), (4, 0), (5, 0), (1, 0)})
_ADDRESS, _CONTENT, _POLICY_SUBJECT = 1, 6, 7


def enhanced(text: str) -> tuple[int, int, int] | None:
    """The first enhanced code in `text`, such as (5, 1, 1), with success aside."""
    found = [(int(a), int(b), int(c)) for a, b, c in _ENHANCED.findall(text[:_LONGEST]) if a != "2"]
    return found[0] if found else None


def code(text: str) -> int | None:
    """The first plain SMTP code of a refusal in `text`."""
    match = _PLAIN.search(text[:_LONGEST])
    return int(match[1]) if match else None


def judge(status: str, diagnostic: str) -> tuple[Verdict, str]:
    """The verdict on a recipient whose mail failed for good, and the words or the code that decided it.

    `status` is an enhanced code or empty, `diagnostic` what the server said.
    """
    said = " ".join(diagnostic[:_LONGEST].lower().split())
    stated = enhanced(status)
    inner = enhanced(said)
    # The server's own words count for more than the code that the reporting server put on top, where that is vague
    # or where they blame us: an address is given up only when both allow it.
    used = stated
    if inner and (stated is None or stated[1:] in _VAGUE or inner[1] == _POLICY_SUBJECT or inner[1:] == (2, 2)):
        used = inner
    if used:
        verdict = _by_code(used, said)
        if verdict == "hard" and not _HARD.search(said) and (_FULL.search(said) or _POLICY.search(said)):
            verdict = None
        if verdict:
            return verdict, ".".join(map(str, used))
    return _by_words(said, (used or (0,))[0] or (code(said) or 0) // 100)


def _by_code(found: tuple[int, int, int], said: str) -> Verdict | None:
    family, subject, detail = found
    if subject == _POLICY_SUBJECT:
        return "policy"
    if family == 4:  # noqa: PLR2004 - a passing reason that lasted until the server gave up
        return "soft"
    if (subject, detail) == (4, 1):
        # Exchange Online writes it for an address it does not know, all others for a host that does not answer.
        return "soft" if _NOT_NOW_DETAIL.search(said) else "hard"
    if (subject, detail) in _BY_DETAIL:
        return _BY_DETAIL[subject, detail]
    if subject == _ADDRESS and detail:
        return "hard"
    if subject == _CONTENT:
        return "policy"
    if (subject, detail) == (1, 0):
        return "policy" if _POLICY.search(said) and not _HARD.search(said) else "hard"
    return None


def _by_words(said: str, family: int) -> tuple[Verdict, str]:
    for verdict, pattern in (("soft", _FULL), ("policy", _POLICY), ("hard", _HARD), ("soft", _TEMPORARY)):
        match = pattern.search(said)
        # What a server calls passing is no reason to give an address up, whatever else it says.
        if match and not (verdict == "hard" and family == 4):  # noqa: PLR2004
            return verdict, match[0]  # type: ignore[return-value]
    return "soft", ""
