"""`python -m web`: opens the installation, and serves the web from it."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import TYPE_CHECKING

from web import create_app
from web.replays import resume
from web.server import options_from, serve
from workflow import logs
from workflow.errors import OnwardError
from workflow.settings import load
from workflow.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from wsgiref.types import WSGIApplication


def main(argv: Sequence[str]) -> None:
    """Serve until SIGTERM. Raises StartError with one sentence before anything is served."""
    options = options_from(argv)
    logs.configure("web", level=logging.WARNING)
    # Opened before the fork: what is wrong is said once, and playbook and templates are held once. No connection is
    # kept over the fork.
    ws = open_workspace(load(os.environ, data_dir=options.data_dir, port=options.port), offer=True)
    app = create_app(ws)
    ws.database.close()
    gc.collect()
    gc.freeze()

    def application() -> WSGIApplication:
        ws.database.after_fork()
        resume(ws)
        return app

    serve(application, options)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OnwardError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(2)
