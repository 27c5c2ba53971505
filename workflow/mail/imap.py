"""Reads a mailbox over IMAP: what is new since a place, one message at a time, and whether a sent email lies there.

Marks nothing as read and changes nothing: the mailbox may be a person's own. The only user of the IMAP library, whose
errors become `Unavailable` (try again later) or `BadInput` (a person must mend the settings).
"""

from __future__ import annotations

import imaplib
import re
import select
import ssl
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from imap_tools import (
    BaseMailBox,
    ImapToolsError,
    MailBox,
    MailboxFolderSelectError,
    MailboxLoginError,
    MailBoxStartTls,
    MailBoxUnencrypted,
)

from workflow import text
from workflow.errors import BadInput, Unavailable
from workflow.mail.hosts import is_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

LARGEST: Final = 25 * 1024 * 1024
"""Bytes of a message that is read whole; of a larger one only its first part tells enough."""
_FIRST_PART: Final = 256 * 1024
_COMMAND_S: Final = 60.0
# RFC 2177 asks for a new IDLE every 29 minutes; routers forget silent connections much earlier.
_LONGEST_IDLE_S: Final = 240.0
_UIDVALIDITY: Final = re.compile(rb"[0-9]{1,10}")
_SIZE: Final = re.compile(rb"RFC822\.SIZE ([0-9]{1,10})")
_MESSAGE_ID: Final = re.compile(r"[\x21-\x7e]{3,250}")
# In English whatever the locale says (RFC 9051, section 9).
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FOLDER: Final = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


@dataclass(frozen=True, slots=True)
class ImapServer:
    """Where mail is read, how private that must be, and in which folders it lies."""

    host: str
    port: int
    user: str
    password: str = field(default="", repr=False)
    security: Literal["tls", "starttls", "none"] = "tls"
    folder: str = "INBOX"
    sent: str = "Sent"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `imaps://user:pass@host`, `imap://user:pass@host?starttls=required&folder=INBOX&sent=Sent`.

        TLS is required with a checked certificate; only a server on this machine may do without (`starttls=never`).
        Raises ValueError with one sentence, never the password.
        """
        try:
            parts = urlsplit(url.strip())
            port = parts.port
            options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        except ValueError:
            message = "The address of the IMAP server cannot be read: write it as imaps://user:password@host."
            raise ValueError(message) from None
        host, user = parts.hostname or "", unquote(parts.username or "")
        starttls = options.pop("starttls", None)
        folder, sent = options.pop("folder", "INBOX"), options.pop("sent", "Sent")
        here = is_here(host)
        told = starttls or ("never" if here else "required")
        message = ""
        if parts.scheme not in ("imap", "imaps"):
            message = "The address of the IMAP server must begin with imap:// or imaps://."
        elif not host or not user or parts.path not in ("", "/") or parts.fragment:
            message = "The address of the IMAP server needs a user and a host: write it as imaps://user:password@host."
        elif options:
            message = f"{min(options)[:40]!r} is no option of the IMAP server's address: use starttls, folder, sent."
        elif told not in ("required", "never") or (starttls and parts.scheme == "imaps"):
            message = "The option starttls is required or never, and only for imap://."
        elif parts.scheme == "imap" and told == "never" and not here:
            message = f"The password for {host} would travel unprotected: leave out starttls=never."
        elif not (_FOLDER.fullmatch(folder) and _FOLDER.fullmatch(sent)):
            message = "The name of a folder has up to 100 signs."
        if message:
            raise ValueError(message)
        security: Literal["tls", "starttls", "none"] = "tls"
        if parts.scheme == "imap":
            security = "starttls" if told == "required" else "none"
        return cls(
            host,
            port or (993 if security == "tls" else 143),
            user,
            unquote(parts.password or ""),
            security,
            folder,
            sent,
        )


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it lies in the mailbox. `whole` is False for one of which only the beginning was read."""

    uid: int
    content: bytes
    whole: bool = True


class ImapMailbox:
    """One open mailbox. Every method raises Unavailable when the server is away; then open another one."""

    def __init__(
        self,
        server: ImapServer,
        *,
        access_token: Callable[[], str] | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = _COMMAND_S,
    ) -> None:
        """Connect, sign in and open the folder. Raises BadInput for a refused sign-in and for an unknown folder."""
        self._server = server
        with _told(server.host):
            self._box = _connected(server, tls, timeout_s)
            try:
                if access_token is not None:
                    self._box.xoauth2(server.user, access_token(), None)
                elif server.user.isascii() and server.password.isascii():
                    self._box.login(server.user, server.password, None)
                else:
                    self._box.login_utf8(server.user, server.password, None)
                self._box.folder.set(server.folder, readonly=True)
                # What a server can do is told anew after the sign-in.
                _, told = self._box.client.capability()
                self._idles = any(b"IDLE" in line.upper().split() for line in told if isinstance(line, bytes))
            except BaseException:
                self.close()
                raise

    @property
    def validity(self) -> int:
        """The folder's UIDVALIDITY: as long as it stays the same, an id names the same message (RFC 9051, 2.3.1.1)."""
        _, told = self._box.client.response("UIDVALIDITY")
        found = _UIDVALIDITY.search(told[0] or b"") if told else None
        return int(found[0]) if found else 0

    def newest(self) -> int:
        """The id of the newest message; 0 in an empty folder."""
        return max(self._uids("ALL"), default=0)

    def before(self, day: date) -> int:
        """The id of the last message that arrived before `day`, as its server counts days; 0 for none."""
        since = self._uids(f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}")
        return min(since) - 1 if since else self.newest()

    def after(self, uid: int) -> Iterator[Arrived]:
        """What came after `uid`, oldest first. Each message is asked for when the one before it has been dealt with."""
        # `N:*` always names the last message, even one before N (RFC 9051, 6.4.9).
        for each in sorted(found for found in self._uids(f"UID {uid + 1}:*") if found > uid):
            arrived = self._fetch(each)
            if arrived is not None:
                yield arrived

    def wait(self, seconds: float) -> None:
        """Until something happens in the folder, or `seconds` have passed."""
        seconds = min(seconds, _LONGEST_IDLE_S)
        if not self._idles:
            time.sleep(seconds)
            return
        with _told(self._server.host):
            # Only listened for here, and read when the wait is over: the library would lose half a line that came late.
            self._box.idle.start()  # type: ignore[no-untyped-call]
            select.select([self._box.client.sock], [], [], seconds)
            self._box.idle.stop()  # type: ignore[no-untyped-call]

    def holds(self, message_id: str) -> bool:
        """Whether the folder of sent mail holds an email with this Message-ID. No folder holds none."""
        bare = message_id.strip("<>")
        if not _MESSAGE_ID.fullmatch(bare) or '"' in bare or "\\" in bare:
            return False
        with _told(self._server.host):
            try:
                self._box.folder.set(self._server.sent, readonly=True)
            except MailboxFolderSelectError:
                return False
            try:
                return bool(self._box.uids(f'HEADER Message-ID "<{bare}>"', charset=None))
            finally:
                self._box.folder.set(self._server.folder, readonly=True)

    def close(self) -> None:
        """Say farewell; a server that is gone is no matter any more."""
        try:
            self._box.logout()
        except (ImapToolsError, imaplib.IMAP4.error, OSError):
            with suppress(OSError):
                self._box.client.shutdown()

    def _uids(self, criteria: str) -> list[int]:
        with _told(self._server.host):
            # A search knows only what the server has told of, and it tells when it is asked for nothing.
            self._box.client.noop()
            return [int(uid) for uid in self._box.uids(criteria, charset=None)]

    def _fetch(self, uid: int) -> Arrived | None:
        with _told(self._server.host):
            _, sizes = self._box.client.uid("FETCH", str(uid), "(RFC822.SIZE)")
            found = _SIZE.search(b" ".join(part for part in sizes if isinstance(part, bytes)))
            whole = found is None or int(found[1]) <= LARGEST
            part = "(BODY.PEEK[])" if whole else f"(BODY.PEEK[]<0.{_FIRST_PART}>)"
            _, answer = self._box.client.uid("FETCH", str(uid), part)
        content = next((part[1] for part in answer if isinstance(part, tuple) and len(part) > 1), None)
        # A message may vanish between the search and this line.
        return Arrived(uid, content, whole) if isinstance(content, bytes) else None


def _connected(server: ImapServer, tls: ssl.SSLContext | None, timeout_s: float) -> BaseMailBox:
    if server.security == "none":
        return MailBoxUnencrypted(server.host, server.port, timeout_s)
    kind = MailBox if server.security == "tls" else _StartTls
    return kind(server.host, server.port, timeout=timeout_s, ssl_context=tls or ssl.create_default_context())


class _StartTls(MailBoxStartTls):
    """The library's own, which would leave the socket open when the handshake fails."""

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4(self._host, self._port, self._timeout)
        try:
            client.starttls(self._ssl_context)
        except BaseException:
            with suppress(OSError):
                client.shutdown()
            raise
        return client


@contextmanager
def _told(host: str) -> Iterator[None]:
    """The library's errors in our words."""
    try:
        yield
    except MailboxLoginError as error:
        message = f"{host} refuses the sign-in: {_words(error)}"
        raise BadInput(message, field="imap_url") from error
    except MailboxFolderSelectError as error:
        message = f"{host} does not open the folder: {_words(error)}"
        raise BadInput(message, field="imap_url") from error
    except ssl.SSLCertVerificationError as error:
        message = f"The certificate of {host} does not hold: {error.verify_message}."
        raise Unavailable(message) from error
    except (ImapToolsError, imaplib.IMAP4.error, OSError, ValueError, TypeError) as error:
        # Garbage from a server reaches the library's own parsing as any of these.
        slow = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
        message = f"The IMAP server {host} is away ({getattr(error, 'strerror', None) or slow})."
        raise Unavailable(message) from error


def _words(error: ImapToolsError) -> str:
    return text.line(str(error))[:200]
