"""The health check of workers and clocks, over rows as living and dead processes leave them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from workflow.ids import new_id
from workflow.records.db import Database
from workflow.records.models import Heartbeat

HERE = socket.gethostname()


def check(url: str, role: str) -> tuple[int, str]:
    """Run the check as a container does; its exit code and what it said."""
    environ = {**os.environ, "ONWARD_DATABASE_URL": url, "ONWARD_SECRET_KEY": "k" * 48}
    words = (sys.executable, "-m", "workers", "alive", role)
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(
    ("role", "name", "silent_s", "code"),
    [
        ("clock", f"{HERE}:17 clock", 5, 0),
        ("clock", f"{HERE}:17 clock", 40, 1),
        ("worker", f"{HERE}:17 worker-1", 5, 1),
        ("clock", "other-host:17 clock", 5, 1),
        ("clock", f"{HERE}2:17 clock", 5, 1),
    ],
    ids=["beats", "fell silent", "another role", "another host", "a host whose name begins alike"],
)
def test_only_a_beat_of_this_role_on_this_host_just_now_counts(
    database_url: str, role: str, name: str, silent_s: int, code: int
) -> None:
    """Of the row left by a process, role, host and age decide."""
    database = Database(database_url)
    beat_at = datetime.now(UTC) - timedelta(seconds=silent_s)
    row = {"id": new_id(), "role": role, "name": name, "started_at": beat_at, "beat_at": beat_at, "detail": {}}
    with database.write() as tx:
        tx.conn.execute(insert(Heartbeat), row)
    database.close()
    answer = check(database_url, "clock")
    assert answer == (code, "No clock on this host has been heard of for 30 s." if code else "")


def test_a_database_that_is_away_is_one_sentence(tmp_path: object) -> None:
    """The health log of a container shows a reason, not a traceback."""
    code, said = check(f"sqlite:///{tmp_path}/nowhere/onward.db", "clock")
    assert code == 2
    assert len(said.splitlines()) == 1
