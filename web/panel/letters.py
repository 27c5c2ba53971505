"""Shows an email to a rep: its heads, its text, and its HTML shut in a frame that may do nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from itertools import islice
from typing import TYPE_CHECKING, Final

from flask import Response, abort

from web.pages import workspace
from web.panel.frame import page, reading, viewer
from web.security import policy as content_policy
from workflow import text
from workflow.reports import received

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.reports.prospect import Line

LISTED: Final = 100
_LARGEST: Final = 2 * 1024 * 1024
_LONGEST: Final = 200_000
# As the catcher names them: the time, and a few random digits.
_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[0-9a-f]{8}")
# What the standard library raises for heads and bodies that break the rules.
_STUMBLES: Final = (LookupError, ValueError, AttributeError, TypeError)
_HEADS: Final = ("From", "To", "Date", "Message-ID", "In-Reply-To", "List-Unsubscribe")
# Shut in twice, by the frame's attribute and by this: no scripts, no forms, nothing from other places.
_INSIDE: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Caught:
    """A caught email in the list."""

    name: str
    to: str
    subject: str
    at: datetime


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers; an installation without the local catcher has no caught mail."""
    routes.add_url_rule("/mail", view_func=caught_mail, methods=["GET"])
    routes.add_url_rule("/mail/<name>", view_func=show_caught, methods=["GET"])
    routes.add_url_rule("/received/<incoming_id>.eml", view_func=download_received, methods=["GET"])
    routes.add_url_rule("/mail/<name>/html", view_func=show_caught_html, methods=["GET"])


def caught_mail() -> ResponseReturnValue:
    """The mail that the local catcher keeps, the newest first."""
    folder = _folder()
    files = sorted((file for file in folder.glob("*.eml") if _NAME.fullmatch(file.stem)), reverse=True)
    found = [_caught(file) for file in islice(files, LISTED)]
    return page("mail", here="mail", found=[each for each in found if each], count=len(files))


def show_caught(name: str) -> ResponseReturnValue:
    """One caught email."""
    message = _read(_file(name))
    return show_letter(message, here="mail", back="/mail", html=f"/mail/{name}/html")


def show_caught_html(name: str) -> ResponseReturnValue:
    """The HTML of a caught email, for the frame."""
    return inside(body_of(_read(_file(name)), "html"))


def download_received(incoming_id: str) -> ResponseReturnValue:
    """A received message, byte by byte; as plain text to be kept, so that no browser runs anything in it."""
    with reading() as tx:
        content = received.raw(tx, viewer(), incoming_id)
    answer = Response(content, mimetype="text/plain")
    answer.headers["Content-Disposition"] = f'attachment; filename="{incoming_id}.eml"'
    return answer


def show_letter(
    message: Message, *, here: str, back: str, html: str = "", line: Line | None = None
) -> ResponseReturnValue:
    """The page of an email; `html` is the address of its HTML part, where that can be looked at."""
    heads = [(name, told) for name in _HEADS if (told := head_of(message, name))]
    framed = html if html and body_of(message, "html") else ""
    answer = page(
        "letter", here=here, back=back, heads=heads, body=text.block(body_of(message, "plain"), _LONGEST),
        subject=head_of(message, "Subject", 300), html=framed, line=line,
    )  # fmt: skip
    if framed:
        answer.headers["Content-Security-Policy"] = content_policy(frame_src="'self'")
    return answer


def inside(markup: str) -> Response:
    """The HTML of an email, for the frame: it may load nothing and do nothing."""
    answer = Response(markup or "<!doctype html><title></title>", mimetype="text/html")
    answer.headers["Content-Security-Policy"] = _INSIDE
    return answer


def _folder() -> Path:
    settings = workspace().settings
    if not settings.local_catcher:
        abort(404)
    return settings.mail_dir


def _file(name: str) -> Path:
    file = _folder() / f"{name}.eml"
    if not _NAME.fullmatch(name) or not file.is_file():
        abort(404)
    return file


def _read(file: Path) -> EmailMessage:
    try:
        with file.open("rb") as stream:
            return BytesParser(policy=policy.default).parsebytes(stream.read(_LARGEST))
    except FileNotFoundError:
        # The catcher keeps the newest only.
        abort(404)


def _caught(file: Path) -> Caught | None:
    try:
        with file.open("rb") as stream:
            message = BytesParser(policy=policy.default).parse(stream, headersonly=True)
    except FileNotFoundError:
        return None
    told = {name: head_of(message, name, 200) for name in ("To", "Subject")}
    at = datetime.strptime(file.stem[:22], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    return Caught(file.stem, told["To"], told["Subject"], at)


def head_of(message: Message, name: str, limit: int = 500) -> str:
    """A head as a person reads it; one that the library stumbles over, as it came."""
    try:
        told = message.get(name, "")
    except _STUMBLES:
        told = next((value for known, value in message.raw_items() if known.lower() == name.lower()), "")
    return text.line(str(told), limit)


def body_of(message: Message, kind: str) -> str:
    """The part of this kind as text; whatever cannot be read is left out, because anything may be in a mail."""
    try:
        part = message.get_body((kind,)) if isinstance(message, EmailMessage) else None
        return str(part.get_content()) if part is not None else ""
    except _STUMBLES:
        raw = message.get_payload(decode=True)
        return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""
