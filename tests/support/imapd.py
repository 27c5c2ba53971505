"""A real IMAP server in a process of its own, with IDLE, for one mailbox whose messages the test puts there."""

from __future__ import annotations

import imaplib
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

USER, PASSWORD = "demouser", "demopass"  # the one account of its in-memory store


class ImapServerProcess:
    """The server. `url` is what a mailbox takes as the address of its IMAP server."""

    def __init__(self, folder: Path, *, certificate: Path | None = None) -> None:
        self.folder = folder
        self.certificate = certificate
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, with the sign-in."""
        option = "required" if self.certificate else "never"
        return f"imap://{USER}:{PASSWORD}@localhost:{self.port}?starttls={option}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start with fresh folders; a new start is a new UIDVALIDITY, as after a restored backup."""
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = probe.getsockname()[1]
        command = [str(Path(sys.executable).with_name("pymap")), "--host", "127.0.0.1", "--port", str(self.port)]
        tls = ["--cert", str(self.certificate), "--key", str(self.certificate)] if self.certificate else ["--no-tls"]
        self._process = subprocess.Popen(
            [*command, *tls, "dict", "--demo-data"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        message = "the IMAP server did not start"
        raise RuntimeError(message)

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def put(self, *contents: bytes, folder: str = "INBOX") -> None:
        """Put messages into a folder, as a mail server does on delivery."""
        client = imaplib.IMAP4("localhost", self.port)
        try:
            if self.certificate:
                client.starttls(ssl.create_default_context(cafile=str(self.certificate)))
            client.login(USER, PASSWORD)
            for content in contents:
                status, _ = client.append(folder, "", "", content)
                assert status == "OK"
        finally:
            client.logout()
