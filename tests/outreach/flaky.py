"""A working database that is away, or does not answer a commit, when a test says so. All else is the real thing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sqlalchemy.exc import OperationalError

from workflow.errors import Unavailable
from workflow.records.db import CommitUnknown, Database, Tx

Trouble = Literal["away", "lost_commit", "unanswered_commit"]


class Flaky(Database):
    """Write transactions meet `troubles` in turn; None is one that goes well, and so is every one after the last.

    `away`: the database cannot be reached. `lost_commit`: the commit raises and did not happen. `unanswered_commit`: it
    raises and did happen.
    """

    troubles: list[Trouble | None]

    @classmethod
    def over(cls, database: Database) -> Flaky:
        """The same database, on the same connections, with troubles to come."""
        flaky = cls.__new__(cls)
        flaky.__dict__.update(database.__dict__)
        flaky.troubles = []
        return flaky

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Tx]:
        """A write transaction, or the next trouble."""
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble == "away":
            raise Unavailable from OperationalError("connect", {}, Exception("connection refused"))
        with super().write(alone=alone) as tx:
            yield tx
            if trouble == "lost_commit":
                raise CommitUnknown
        if trouble == "unanswered_commit":
            raise CommitUnknown
