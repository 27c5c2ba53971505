"""A stand-in for the web: the server of the product with a few answers of its own."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from web import server
from workflow import logs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def application() -> WSGIApplication:
    """A few answers over HTTP."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/boom":
            message = "a fault of the application"
            raise RuntimeError(message)
        if path == "/slow":
            time.sleep(2.0)
        body = str(os.getpid()).encode()
        if environ["REQUEST_METHOD"] == "POST":
            body = environ["wsgi.input"].read()
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    return app


if __name__ == "__main__":
    logs.configure("web", level=logging.WARNING)
    server.serve(application, server.options_from(sys.argv[1:]))
