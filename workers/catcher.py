"""The local mail catcher: takes every mail sent to a loopback port and keeps it as one file.

Delivers nothing. A mail is on disk before the server says 250.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
import socket
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiosmtpd.smtp import SMTP

from workers import doors
from workflow import logs
from workflow.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiosmtpd.smtp import Envelope, Session

_KEPT = 2_000
_LARGEST = 32 * 1024 * 1024
_LOG = logging.getLogger(__name__)


class Store:
    """Caught mail in a folder, one file each, named by the time it came; the newest are kept."""

    def __init__(self, folder: Path, kept: int = _KEPT) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for torn in folder.glob("*.part"):
            # Never answered with 250: the sender still has it.
            torn.unlink(missing_ok=True)
        self._folder = folder
        self._kept = kept
        self._names = deque(sorted(entry.name for entry in folder.glob("*.eml")))

    def keep(self, content: bytes) -> Path:
        """Write a mail so that it survives the end of this process and of the machine. Raises OSError."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        file = self._folder / f"{stamp}-{secrets.token_hex(4)}.eml"
        part = file.with_suffix(".part")
        with part.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        self._names.append(file.name)
        while len(self._names) > self._kept:
            (self._folder / self._names.popleft()).unlink(missing_ok=True)
        return file


class _Door:
    """What the server asks when a mail is complete."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail, then say so. The name and the arguments are those of aiosmtpd."""
        content = envelope.original_content or b""
        head = f"Return-Path: <{envelope.mail_from or ''}>\r\n"
        head += "".join(f"Delivered-To: {address}\r\n" for address in envelope.rcpt_tos)
        try:
            # On the loop itself: the order of files is the order of answers, and one disk gains nothing from threads.
            file = self._store.keep(head.encode("utf-8", "replace") + content)
        except OSError as error:
            _LOG.error("mail could not be kept: %s", error.strerror)
            return "452 4.3.1 The mail could not be kept, try again later"
        return f"250 2.0.0 Kept as {file.stem}"


async def serve(door: socket.socket, store: Store) -> None:
    """Take mail at `door` until SIGTERM or SIGINT; mail being answered is finished first."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)

    def session() -> SMTP:
        return SMTP(_Door(store), hostname="catcher.onward.localhost", ident="Onward catcher", enable_SMTPUTF8=True,
                    data_size_limit=_LARGEST, loop=loop)  # fmt: skip

    server = await loop.create_server(session, sock=door)
    try:
        await ended.wait()
    finally:
        server.close()


def main(argv: Sequence[str]) -> int:
    """Run the catcher of a data folder, on an inherited socket when there is one."""
    parser = argparse.ArgumentParser(prog="python -m workers catcher", description="Keep mail instead of sending it.")
    parser.add_argument("--data-dir", type=Path, default=Path("var"))
    parser.add_argument("--fd", type=int, help="a listening socket handed down by the supervisor")
    args = parser.parse_args(argv)
    logs.configure("catcher", level=logging.WARNING)
    try:
        door = socket.socket(fileno=args.fd) if args.fd is not None else doors.catcher(args.data_dir)
        store = Store(args.data_dir / "mail")
    except OSError as error:
        message = f"The mail catcher cannot use {args.data_dir} ({error.strerror}): check the folder and its rights."
        raise StartError(message) from error
    asyncio.run(serve(door, store))
    return 0
