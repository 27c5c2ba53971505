"""Listening sockets of the parts on one machine, opened before the parts and kept open while they restart.

A caller who comes while a part restarts waits in line instead of being refused, and nobody else can take the port.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workers import notes
from workflow.errors import StartError
from workflow.settings import noted_address

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"
_BACKLOG = 1_024
_LAST_PORT = 65_535


def web(port: int) -> socket.socket:
    """The door of the panel, the API and the webhooks; any free port for 0. Raises StartError when it is taken."""
    try:
        if port <= _LAST_PORT:
            return socket.create_server((HOST, port), backlog=_BACKLOG)
        reason = "there is no such port"
    except OSError as error:
        # create_server adds the address to the words of the system.
        reason = os.strerror(error.errno or 0).lower()
    message = f"Port {port} cannot be used ({reason}): stop what uses it, or give another with --port."
    raise StartError(message)


def catcher(data_dir: Path) -> socket.socket:
    """The door of the mail catcher: the port of last time if it is free, else any; its address is noted."""
    try:
        door = socket.create_server((HOST, _last_port(data_dir)), backlog=_BACKLOG)
    except OSError:
        door = socket.create_server((HOST, 0), backlog=_BACKLOG)
    notes.write(data_dir, notes.CATCHER, f"smtp://{HOST}:{door.getsockname()[1]}?starttls=never")
    return door


def _last_port(data_dir: Path) -> int:
    url = noted_address(data_dir, notes.CATCHER)
    try:
        return (urlsplit(url).port or 0) if url else 0
    except ValueError:
        return 0
