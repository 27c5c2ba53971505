"""Writes the rows of an import: each through the engine as every other change, a few hundred in one transaction.

Finds whom a row means, and makes, changes or leaves them as was chosen. Knows neither files nor jobs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from workflow.actions import barred, prospects
from workflow.actions.together import together
from workflow.engine.signals import UPSERTED, Signal
from workflow.imports.matching import Weak, weak_keys
from workflow.imports.values import Problem
from workflow.mail.address import key_of
from workflow.records.models import ExternalRef, Prospect, Suppression

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workflow.actions.prospects import Loaded, Who
    from workflow.engine.signals import ProspectView
    from workflow.imports.matching import Seen, Why
    from workflow.imports.options import Options
    from workflow.imports.values import Facts
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_PAGE: Final = 1000


@dataclass(slots=True)
class Known:
    """Whom the rows of a batch mean by id, ref or address, and which addresses get no mail."""

    ids: dict[str, str] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)

    def find(self, facts: Facts, weak: Weak) -> tuple[str, Why] | None:
        """Whom a row means, and by what."""
        named: tuple[tuple[str | None, Mapping[str, str], Why], ...] = (
            (facts.id, self.ids, "id"), (facts.ref, self.refs, "ref"), (facts.email_key, self.addresses, "email"),
        )  # fmt: skip
        for name, here, why in named:
            if name and name in here:
                return here[name], why
        return weak.find(facts.fields)


def known(tx: Tx, batch: Sequence[Facts], options: Options) -> Known:
    """Look up what the rows of a batch name; one statement each for ids, refs, addresses and barred addresses."""
    found = Known()
    ids = [facts.id for facts in batch if facts.id]
    if ids:
        rows = tx.conn.execute(select(Prospect.id, Prospect.merged_into).where(Prospect.id.in_(ids)))
        found.ids = {row.id: row.merged_into or row.id for row in rows}
    refs = [facts.ref for facts in batch if facts.ref]
    if refs and options.source_id:
        named = select(ExternalRef.ref, ExternalRef.prospect_id).where(
            ExternalRef.source_id == options.source_id, ExternalRef.object == "prospect", ExternalRef.ref.in_(refs)
        )
        found.refs = {row.ref: row.prospect_id for row in tx.conn.execute(named)}
    keys = [key for facts in batch if (key := facts.email_key)]
    if keys:
        by_key = select(Prospect.email_key, Prospect.id, Prospect.merged_into).where(Prospect.email_key.in_(keys))
        found.addresses = {str(row.email_key): row.merged_into or row.id for row in tx.conn.execute(by_key)}
        listed = select(Suppression.email_key).where(Suppression.email_key.in_(keys))
        found.barred = set(tx.conn.execute(listed).scalars())
        found.barred |= {key for key in keys if barred.domain_of(tx, key) is not None}
    return found


def weak_of(ws: Workspace, seen: Seen) -> Weak:
    """Everybody here who has a weak key of a row, read a page at a time."""
    weak, last = Weak(), ""
    if not seen.with_address and not seen.without:
        return weak
    columns = (Prospect.id, Prospect.name, Prospect.company, Prospect.phone, Prospect.email)
    page = select(*columns).where(Prospect.merged_into.is_(None)).order_by(Prospect.id).limit(_PAGE)
    while True:
        # A transaction each, so that none stands open for long.
        with ws.database.read() as tx:
            rows = tx.conn.execute(page.where(Prospect.id > last)).all()
        for row in rows:
            for _why, key in weak_keys({"phone": row.phone, "name": row.name, "company": row.company}):
                if seen.holds(key):
                    weak.keep(key, row.id, addressed=bool(row.email))
        if len(rows) < _PAGE:
            return weak
        last = rows[-1].id


class Writer:
    """Writes batch after batch of one import."""

    def __init__(self, ws: Workspace, options: Options, who: Who, weak: Weak, again: Iterable[int]) -> None:
        self._ws = ws
        self._options = options
        self._who = who
        self._weak = weak
        # Of the people who are made here, only the keys that come once more need be kept.
        self._again = frozenset(again)
        self._fresh = Weak()
        self._refs: list[tuple[str, str, str]] = []

    def write(self, tx: Tx, batch: Sequence[Facts]) -> tuple[Counter[str], dict[int, tuple[Problem, ...]]]:
        """Write the good rows of `batch`; what became of how many, and what is wrong with which.

        May be asked again for the same batch when the transaction came to nothing; `settle` says that it did not.
        """
        self._fresh = Weak()
        self._refs = []
        counts: Counter[str] = Counter()
        refused: dict[int, tuple[Problem, ...]] = {}
        found = known(tx, batch, self._options)
        if self._options.double != "skip":
            # In the one order of locks, because two imports may hold the same people.
            for prospect_id in sorted({target[0] for facts in batch if (target := self._find(found, facts))}):
                prospects.lock(tx, prospect_id)
        with together(tx):
            for facts in batch:
                target = self._find(found, facts)
                if target is None:
                    self._make(tx, facts, found, counts)
                elif self._options.double == "skip":
                    counts["skipped"] += 1
                else:
                    problem = self._change(tx, target[0], facts, found, counts)
                    if problem is not None:
                        refused[facts.number] = (problem,)
            self._keep_refs(tx)
        return counts, refused

    def settle(self) -> None:
        """The batch that was written last has been committed."""
        self._weak.known |= self._fresh.known
        self._fresh = Weak()

    def _keep_refs(self, tx: Tx) -> None:
        for ref in self._refs:
            prospects.remember_ref(tx, *ref)
        self._refs = []

    def _find(self, found: Known, facts: Facts) -> tuple[str, Why] | None:
        return found.find(facts, self._weak) or self._fresh.find(facts.fields)

    def _make(self, tx: Tx, facts: Facts, found: Known, counts: Counter[str]) -> None:
        fields = {name: value for name, value in facts.fields.items() if value}
        signal = self._signal(tx, fields, facts.custom, facts.owner or self._options.owner_id)
        fresh = prospects.nobody_yet(suppressed=facts.email_key in found.barred)
        result = prospects.put(self._ws, tx, fresh, signal)
        counts["made"] += 1
        counts["begun"] += len(result.decision.enroll)
        if facts.email_key in found.barred:
            counts["barred"] += 1
        self._remember(tx, facts, fields, result.prospect_id, found)

    def _change(self, tx: Tx, prospect_id: str, facts: Facts, found: Known, counts: Counter[str]) -> Problem | None:
        holder = found.addresses.get(facts.email_key or "")
        loaded = prospects.load(self._ws, tx, prospect_id)
        fields, custom = self._news(loaded.view, facts)
        if "email" in fields and holder not in (None, loaded.view.id):
            return Problem("email", "taken", {"value": fields["email"]})
        counts["changed" if self._put(tx, loaded, facts, fields, custom) else "same"] += 1
        self._remember(tx, facts, {**loaded.view.fields, **fields}, loaded.view.id, found)
        return None

    def _put(self, tx: Tx, loaded: Loaded, facts: Facts, fields: Mapping[str, str], custom: Mapping[str, Any]) -> bool:
        keeps = self._options.double == "merge" and loaded.view.owner_id is not None
        signal = self._signal(tx, fields, custom, "" if keeps else facts.owner)
        return prospects.put(self._ws, tx, loaded, signal).version != loaded.view.version

    def _news(self, view: ProspectView, facts: Facts) -> tuple[dict[str, str], dict[str, Any]]:
        """What of a row is written over what is known: an empty cell never takes anything away."""
        fields = {name: value for name, value in facts.fields.items() if value}
        custom = dict(facts.custom)
        if self._options.double == "merge":
            fields = {name: value for name, value in fields.items() if not view.fields.get(name)}
            custom = {name: value for name, value in custom.items() if view.custom.get(name) in (None, "")}
        # The same in another spelling, as a number that came back as text, is no change.
        custom = {name: value for name, value in custom.items() if str(view.custom.get(name, "")) != str(value)}
        if key_of(fields.get("email", "")) == key_of(view.fields.get("email", "")):
            fields.pop("email", None)
        return fields, custom

    def _signal(self, tx: Tx, fields: Mapping[str, str], custom: Mapping[str, Any], owner: str) -> Signal:
        return Signal(
            UPSERTED, tx.now, self._who.actor, self._who.cause, fields=fields, custom=custom, owner_id=owner or None,
            quiet=not self._options.start,
        )  # fmt: skip

    def _remember(self, tx: Tx, facts: Facts, fields: Mapping[str, str], prospect_id: str, found: Known) -> None:
        """Let later rows find this person too."""
        if facts.ref and self._options.source_id:
            # Leans on the row of the prospect, which may be held back until the end of the batch.
            self._refs.append((self._options.source_id, facts.ref, prospect_id))
            found.refs.setdefault(facts.ref, prospect_id)
        if facts.id:
            found.ids[facts.id] = prospect_id
        if (key := key_of(fields.get("email", ""))) is not None:
            found.addresses[key] = prospect_id
        for _why, weak in weak_keys(fields) if self._again else ():
            if weak in self._again:
                self._fresh.keep(weak, prospect_id, addressed=bool(fields.get("email")))
