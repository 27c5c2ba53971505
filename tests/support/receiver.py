"""A receiver of webhooks: a real HTTP server on this host that keeps what came and answers as it was told."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Came:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """How to answer: after `hold_s` seconds, and the text byte by byte if it `drips`."""

    code: int = 200
    text: str = "taken"
    headers: Mapping[str, str] | None = None
    hold_s: float = 0.0
    drips: bool = False


class Receiver:
    """Runs while the `with` block does. `answers` are given in turn, and then 200."""

    def __init__(self, *answers: Told, tls: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.came: list[Came] = []
        self.ending = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/hooks"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.came.append(Came(handler.path, {k.lower(): v for k, v in handler.headers.items()}, body))
        told = self.answers.pop(0) if self.answers else Told()
        self.ending.wait(told.hold_s)
        try:
            handler.send_response(told.code)
            for name, value in (told.headers or {}).items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(told.text)))
            handler.end_headers()
            for part in told.text if told.drips else [told.text]:
                handler.wfile.write(part.encode())
                handler.wfile.flush()
                if told.drips:
                    self.ending.wait(0.05)
        except OSError:
            return
