"""Mails as the world's mail servers write them, built from layouts: reports, bounces in prose, absences, answers.

Builds bytes only. Layouts follow what each program is known to write; the addresses are invented.
"""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable
from email.header import Header
from typing import Final

OURS = "dana@ours.test"
PAT = "pat.moss@prospect.test"
ORIGINAL = "<touch-0192f0c1-2222-7000-8000-0123456789ab.0123456789abcdef@ours.test>"
RETURNED = (
    f"Return-Path: <{OURS}>\nReceived: from app.ours.test by mx.ours.test with ESMTPS; Thu, 19 Nov 2026 08:15:03 "
    f"+0000\n"
    f"From: Dana Lee <{OURS}>\nTo: {{to}}\nSubject: Acme pilot\nDate: Thu, 19 Nov 2026 08:15:02 +0000\n"
    f"Message-ID: {{original}}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
)


def letter(
    text: str,
    *,
    subject: str = "Re: Acme pilot",
    sender: str = f"Pat Moss <{PAT}>",
    to: str = OURS,
    charset: str = "utf-8",
    coding: str = "8bit",
    kind: str = "text/plain",
    headers: dict[str, str] | None = None,
    date: str = "Thu, 19 Nov 2026 10:15:30 +0200",
) -> bytes:
    """One part of text, in a charset and a transfer encoding."""
    data = text.encode(charset)
    body = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(coding, bytes)(data)
    title = subject if subject.isascii() else Header(subject, charset, maxlinelen=70).encode()
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {title}", f"Date: {date}", "Message-ID: <one@prospect.test>"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += ["MIME-Version: 1.0", f"Content-Type: {kind}; charset={charset}", f"Content-Transfer-Encoding: {coding}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def report(
    sender: str,
    subject: str,
    prose: str,
    fields: str,
    *,
    returned: str = "message/rfc822",
    to: str = PAT,
    original: str = ORIGINAL,
    headers: str = "Auto-Submitted: auto-replied\n",
    wrapped: bool = False,
) -> bytes:
    """A report in three parts (RFC 6522); `wrapped` puts it into a multipart/mixed, as some gateways do."""
    parts = [
        ("text/plain; charset=utf-8", prose),
        ("message/delivery-status", fields),
        (returned, RETURNED.format(to=to, original=original) + ("\nHello,\n" if returned == "message/rfc822" else "")),
    ]
    inner = "".join(f"--=_r\nContent-Type: {kind}\n\n{body}\n" for kind, body in parts) + "--=_r--\n"
    kind = 'multipart/report; report-type=delivery-status;\n\tboundary="=_r"'
    body = f"Content-Type: {kind}\n\n{inner}"
    if wrapped:
        body = f'Content-Type: multipart/mixed; boundary="out"\n\n--out\n{body}\n--out--\n'
    head = f"Return-Path: <>\nFrom: {sender}\nTo: {OURS}\nSubject: {subject}\nDate: Thu, 19 Nov 2026 08:16:20 +0000\n"
    return f"{head}Message-ID: <report@mx.test>\n{headers}MIME-Version: 1.0\n{body}".encode()


def _fields(status: str, said: str, *, reporter: str, action: str = "failed", kind: str = "smtp") -> str:
    folded = said.replace(" ", "\n    ", 1)
    return (
        f"Reporting-MTA: dns; {reporter}\nArrival-Date: Thu, 19 Nov 2026 08:15:03 +0000\n\n"
        f"Final-Recipient: rfc822; {PAT}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: {kind}; {folded}\n"
    )


def _postfix(status: str, said: str, action: str = "failed") -> bytes:
    prose = f"This is the mail system at host mx.ours.test.\n\n<{PAT}>: host mx.prospect.test[192.0.2.44] said: {said}"
    fields = f"X-Postfix-Queue-ID: 4XyZ1\n{_fields(status, said, reporter='mx.ours.test', action=action)}"
    sender = "MAILER-DAEMON@mx.ours.test (Mail Delivery System)"
    return report(sender, "Undelivered Mail Returned to Sender", prose, fields)


def _sendmail(status: str, said: str, action: str = "failed") -> bytes:
    prose = f"   ----- The following addresses had permanent fatal errors -----\n<{PAT}>\n    (reason: {said})\n"
    fields = _fields(status, said, reporter="sm.ours.test", action=action).replace("rfc822;", "RFC822;")
    sender = "Mail Delivery Subsystem <MAILER-DAEMON@sm.ours.test>"
    title = "Returned mail: see transcript for details"
    return report(
        sender,
        title,
        prose,
        fields,
        returned="text/rfc822-headers",
        headers="Auto-Submitted: auto-generated (failure)\n",
    )


def _exim(status: str, said: str, action: str = "failed") -> bytes:
    prose = f"This message was created automatically by mail delivery software.\n\n  {PAT}\n    host "
    f"mx.prospect.test\n    {said}"
    fields = _fields(status, said, reporter="exim.ours.test", action=action).replace(
        "Final-Recipient", "Final-recipient"
    )
    sender = "Mail Delivery System <Mailer-Daemon@exim.ours.test>"
    extra = f"X-Failed-Recipients: {PAT}\nAuto-Submitted: auto-replied\n"
    return report(sender, "Mail delivery failed: returning message to sender", prose, fields, headers=extra)


def _exchange(status: str, said: str, action: str = "failed") -> bytes:
    prose = f"Delivery has failed to these recipients or groups:\n\n{PAT}\n{said}"
    fields = _fields(status, said, reporter="AM0PR01MB0001.prod.outlook.test", action=action).replace("; ", ";")
    sender = "<MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@prospect.test>"
    extra = "X-MS-Exchange-Message-Is-Ndr:\nContent-Language: en-US\nIn-Reply-To: " + ORIGINAL + "\n"
    return report(sender, "Undeliverable: Acme pilot", prose, fields, headers=extra)


def _gmail(status: str, said: str, action: str = "failed") -> bytes:
    prose = f"** Address not found **\n\nYour message wasn't delivered to {PAT}.\n\nThe response was:\n\n{said}"
    fields = _fields(status, said, reporter="googlemail.com", action=action)
    fields = fields.replace("\n\nFinal", f"\nX-Original-Message-ID: {ORIGINAL}\n\nFinal")
    sender = "Mail Delivery Subsystem <mailer-daemon@googlemail.com>"
    return report(sender, "Delivery Status Notification (Failure)", prose, fields)


def _ses(status: str, said: str, action: str = "failed") -> bytes:
    prose = f"An error occurred while trying to deliver the mail to the following recipients:\n{PAT}\n"
    fields = _fields(status, said, reporter="a8-30.smtp-out.amazonses.test", action=action)
    return report("MAILER-DAEMON@amazonses.test", "Delivery Status Notification (Failure)", prose, fields, headers="")


def _zoho(status: str, said: str, action: str = "failed") -> bytes:
    prose = f"This message was created automatically by mail delivery software.\n{PAT}, ERROR CODE :{said}"
    fields = _fields(status, said, reporter="mx.zoho.test", action=action, kind="SMTP")
    return report("<mailer-daemon@mail.zoho.test>", "Undelivered Mail Returned to Sender", prose, fields, wrapped=True)


def _mailgun(status: str, said: str, action: str = "failed") -> bytes:
    fields = _fields(status, said, reporter="so1.mailgun.test", action=action, kind="X-Mailgun")
    return report(
        "postmaster@mg.ours.test", "Delivery Status Notification", "Failed.", fields, returned="message/rfc822"
    )


def _abv(status: str, said: str, action: str = "failed") -> bytes:
    prose = f"Съобщението не беше доставено.\n\n<{PAT}>: {said}"
    fields = _fields(status, said, reporter="smtp.abv.test", action=action)
    return report("MAILER-DAEMON@abv.test", "=?utf-8?b?" + _b64("Недоставено писмо") + "?=", prose, fields)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


REPORTS = {
    "postfix": _postfix,
    "sendmail": _sendmail,
    "exim": _exim,
    "exchange": _exchange,
    "gmail": _gmail,
    "ses": _ses,
    "zoho": _zoho,
    "mailgun": _mailgun,
    "abv": _abv,
}


def prose(
    sender: str, subject: str, body: str, *, headers: str = "", path: str = "Return-Path: <>\n", copy: str = ""
) -> bytes:
    """A bounce in prose, with a copy of our mail below the line `copy`."""
    tail = f"\n{copy}\n\n{RETURNED.format(to=PAT, original=ORIGINAL)}" if copy else ""
    head = f"{path}From: {sender}\nTo: {OURS}\nSubject: {subject}\nDate: Thu, 19 Nov 2026 08:16:20 +0000\n"
    return f"{head}Message-ID: <prose@mx.test>\n{headers}\n{body}\n{tail}".encode()


_PROSE: Final[dict[str, Callable[[str], bytes]]] = {
    "exim": lambda said: prose(
        "Mail Delivery System <Mailer-Daemon@exim.test>",
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
        "delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        f"  {PAT}\n    SMTP error from remote mail server after RCPT TO:<{PAT}>:\n    host mx.prospect.test "
        f"[192.0.2.44]: {said}",
        headers=f"X-Failed-Recipients: {PAT}\nAuto-Submitted: auto-replied\n",
        copy="------ This is a copy of the message, including all the headers. ------",
    ),
    "qmail": lambda said: prose(
        "MAILER-DAEMON@mx1.prospect.test",
        "failure notice",
        "Hi. This is the qmail-send program at mx1.prospect.test.\nI'm afraid I wasn't able to deliver your message "
        "to the "
        f"following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work "
        f"out.\n\n<{PAT}>:\n{said}",
        copy="--- Below this line is a copy of the message.",
    ),
    "exchange2003": lambda said: prose(
        "System Administrator <postmaster@prospect.test>",
        "Undeliverable: Acme pilot",
        "Your message did not reach some or all of the intended recipients.\n\n      Subject:  Acme pilot\n      "
        "Sent:     "
        f"19.11.2026 10:15\n\nThe following recipient(s) could not be reached:\n\n      {PAT} on 19.11.2026 10:16\n "
        f"           {said}",
    ),
    "yahoo": lambda said: prose(
        "MAILER-DAEMON@yahoo.test",
        "Failure Notice",
        f"Sorry, we were unable to deliver your message to the following address.\n\n<{PAT}>:\n{said}",
        copy="--- Below this line is a copy of the message.",
    ),
    "notes": lambda said: prose(
        "Postmaster@prospect.test",
        "DELIVERY FAILURE: Acme pilot",
        f"Your message\n\n  Subject: Acme pilot\n\nwas not delivered to:\n\n  {PAT}\n\nbecause:\n\n  {said}",
    ),
    "mdaemon": lambda said: prose(
        "MDaemon@mx.prospect.test",
        "Permanent Delivery Failure",
        f"The following data may contain sections which represent BASE64 encoded\n\nThe attached message had "
        f"PERMANENT fatal "
        f"delivery errors!\n\nFailed address: {PAT}\n\n--- Session Transcript ---\n<-- {said}\n--- End Transcript ---",
    ),
    "hmail": lambda said: prose(
        "mailer-daemon@prospect.test",
        "Message undeliverable: Acme pilot",
        f"Your message did not reach some or all of the intended recipients.\n\n   Sent: Thu, 19 Nov 2026\n   "
        f"Subject: Acme pilot\n\n"
        f"The following recipient(s) could not be reached:\n\n{PAT}\n   Error Type: SMTP\n   Remote server replied: "
        f"{said}",
    ),
    "bulgarian": lambda said: prose(
        "MAILER-DAEMON@mail.bg.test",
        "=?utf-8?b?" + _b64("Неуспешно доставяне на писмо") + "?=",
        f"Писмото ви не беше доставено до следния получател:\n\n<{PAT}>\n{said}",
        copy="---------- Копие на писмото ----------",
    ),
    "russian": lambda said: prose(
        "=?utf-8?b?" + _b64("Почтовая система") + "?= <mailer-daemon@mail.ru.test>",
        "=?utf-8?b?" + _b64("Сообщение не доставлено") + "?=",
        f"Не удалось доставить сообщение.\n\n{PAT}\n{said}",
    ),
    "german": lambda said: prose(
        "Mail Administrator <postmaster@prospect.test>",
        "Unzustellbar: Acme pilot",
        f"Ihre Nachricht konnte nicht zugestellt werden.\n\n{PAT}\n{said}",
    ),
    "no return path": lambda said: prose(
        "Mail Delivery Subsystem <mailer-daemon@prospect.test>",
        "Returned mail: User unknown",
        f"   ----- The following addresses had permanent fatal errors -----\n<{PAT}>\n\n   ----- Transcript of "
        f"session follows -----\n{said}",
        path="",
        copy="   ----- Original message follows -----",
    ),
    "page": lambda said: prose(
        "postmaster@prospect.test",
        "Undeliverable: Acme pilot",
        f"<html><body><p>Delivery has failed to these recipients:</p><p>{PAT}</p><p>{said}</p></body></html>",
        headers="Content-Type: text/html; charset=utf-8\n",
    ),
}


def prose_bounces(said: str) -> dict[str, bytes]:
    """The same refusal, told by each server that writes no report."""
    return {name: make(said) for name, make in _PROSE.items()}
