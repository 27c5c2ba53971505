"""Links the people of an import with whoever referred them, by the cells that name those.

Runs when every row is written, because a file may name somebody who stands further below. Linking again changes
nothing, so that whoever takes over after a kill begins anew.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import or_, select

from workflow.actions import importing_rows, prospects, relations
from workflow.ids import is_id
from workflow.imports import columns
from workflow.imports.matching import strong_key
from workflow.imports.values import Problem
from workflow.mail.address import key_of
from workflow.records.models import ExternalRef, History, Prospect
from workflow.records.personal import Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from workflow.actions.prospects import Who
    from workflow.imports.matching import Weak
    from workflow.imports.options import Options
    from workflow.imports.values import Facts
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_REFERRAL: Final = "referral"


def strong(row: Facts) -> list[int]:
    """What surely names the person of a row."""
    named = (("id", row.id), ("ref", row.ref), ("email", row.email_key or ""))
    return [strong_key(kind, value) for kind, value in named if value]


class Links:
    """The cells of one file that say who referred whom; without such a column there is nothing to do."""

    def __init__(self, header: Sequence[str], options: Options) -> None:
        self._column = columns.referred_by(header, options.columns)
        self._options = options
        self._here: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        """Whether the file has such a column."""
        return self._column is not None

    def learn(self, rows: Iterable[Facts]) -> None:
        """Remember who is in the file: 8 bytes for each name of theirs."""
        self._here = frozenset(key for row in rows if row.is_good for key in strong(row))

    def judged(self, tx: Tx, batch: Sequence[Facts]) -> list[Facts]:
        """The rows, with a problem for each one that names somebody who is neither here nor in the file."""
        known = self._known(tx, batch)
        return [self._judged(row, known) for row in batch]

    def link(
        self, ws: Workspace, tx: Tx, batch: Sequence[Facts], weak: Weak, who: Who
    ) -> tuple[Counter[str], dict[int, tuple[Problem, ...]]]:
        """Link the people of these rows; how many links are new, and what could not be linked after all.

        Only whom this import made where known ones are left alone, and only who has no link yet where it fills in.
        """
        known, rows = self._known(tx, batch), importing_rows.known(tx, batch, self._options)
        wanted: list[tuple[str, str]] = []
        refused: dict[int, tuple[Problem, ...]] = {}
        for row in batch:
            target = rows.find(row, weak)
            if not row.referred_by or target is None:
                continue
            lost = [told for told in row.referred_by if known.get(told, target[0]) == target[0]]
            wanted += [(known[told], target[0]) for told in row.referred_by if told not in lost]
            if lost:
                refused[row.number] = self._problems(lost, known)
        pairs = self._free(tx, wanted, who)
        for each in sorted({each for pair in pairs for each in pair}):
            prospects.lock(tx, each)
        made = sum(relations.link_in(ws, tx, *pair, _REFERRAL, who) for pair in pairs)
        return Counter(linked=made), refused

    def _free(self, tx: Tx, wanted: Sequence[tuple[str, str]], who: Who) -> list[tuple[str, str]]:
        people = {person for _by, person in wanted}
        if self._options.double == "skip":
            first = select(History.prospect_id).where(History.prospect_id.in_(people), History.version == 1)
            made = set(tx.conn.execute(first.where(History.cause == who.cause)).scalars())
            return [pair for pair in wanted if pair[1] in made]
        if self._options.double == "merge":
            mine = or_(Relation.prospect_id.in_(people), Relation.other_id.in_(people))
            found = tx.conn.execute(select(Relation.prospect_id, Relation.other_id).where(mine))
            linked = {frozenset((row.prospect_id, row.other_id)) for row in found}
            return [pair for pair in wanted if frozenset(pair) not in linked]
        return list(wanted)

    def _judged(self, row: Facts, known: dict[str, str]) -> Facts:
        own = [told for told in row.referred_by if row.email_key and key_of(told) == row.email_key]
        lost = [told for told in row.referred_by if told not in known and not self._in_file(told)]
        problems = (*self._problems(lost, {}), *self._problems(own, dict.fromkeys(own, "")))
        return replace(row, problems=(*row.problems, *problems)) if problems else row

    def _problems(self, told: Iterable[str], known: dict[str, str]) -> tuple[Problem, ...]:
        column = self._column or ""
        codes = (("themselves" if each in known else "referrer", each) for each in told)
        return tuple(Problem(column, code, {"value": each[:60]}) for code, each in codes)

    def _in_file(self, told: str) -> bool:
        return any(strong_key(kind, value) in self._here for kind, value in _ways(told))

    def _known(self, tx: Tx, batch: Sequence[Facts]) -> dict[str, str]:
        """Whom the cells of these rows mean: id, then ref, then address, one statement each."""
        named = {told for row in batch for told in row.referred_by}
        if not named:
            return {}
        found: dict[str, str] = {}
        keys = {told: key for told in named if (key := key_of(told))}
        by_key = select(Prospect.email_key, Prospect.id, Prospect.merged_into)
        rows = tx.conn.execute(by_key.where(Prospect.email_key.in_(set(keys.values())))) if keys else ()
        here = {row.email_key: row.merged_into or row.id for row in rows}
        found |= {told: here[key] for told, key in keys.items() if key in here}
        if self._options.source_id:
            mine = (ExternalRef.source_id == self._options.source_id, ExternalRef.object == "prospect")
            refs = select(ExternalRef.ref, ExternalRef.prospect_id).where(*mine, ExternalRef.ref.in_(named))
            found |= {row.ref: row.prospect_id for row in tx.conn.execute(refs)}
        if some := [told for told in named if is_id(told)]:
            by_id = select(Prospect.id, Prospect.merged_into).where(Prospect.id.in_(some))
            found |= {row.id: row.merged_into or row.id for row in tx.conn.execute(by_id)}
        return found


def _ways(told: str) -> Iterator[tuple[str, str]]:
    """As what a cell may name somebody."""
    if is_id(told):
        yield "id", told
    yield "ref", told
    if (key := key_of(told)) is not None:
        yield "email", key
