"""`python -m workers alive clock|worker`: whether a process of that role has beaten on this host just now.

The health check of containers that answer no HTTP. Reads one row and says nothing of the rest of the installation.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from workflow.records.db import Database
from workflow.records.models import Heartbeat
from workflow.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence

_LATELY = timedelta(seconds=30)


def main(argv: Sequence[str]) -> int:
    """Exit code 0 when one has beaten within 30 s, 1 after a sentence when none has."""
    parser = argparse.ArgumentParser(prog="python -m workers alive", description="Whether a part lives on this host.")
    parser.add_argument("role", choices=("clock", "worker"))
    parser.add_argument("--data-dir", type=Path, help="where the installation is kept")
    args = parser.parse_args(argv)
    database = Database(load(os.environ, data_dir=args.data_dir).database_url, pooled=False)
    with database.read() as tx:
        here = Heartbeat.name.startswith(f"{socket.gethostname()}:", autoescape=True)
        lately = Heartbeat.beat_at > tx.now - _LATELY
        found = tx.conn.execute(select(Heartbeat.id).where(Heartbeat.role == args.role, here, lately).limit(1)).first()
    if found is None:
        sys.stderr.write(f"No {args.role} on this host has been heard of for {_LATELY.seconds} s.\n")
    return 0 if found else 1
