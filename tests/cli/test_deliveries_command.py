"""`onward deliveries`: what came is listed, shown without its secrets, rehearsed and replayed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.web.fixtures import FAST
from web.desk import deliveries
from web.webhooks.kinds import read_again
from workflow.actions import inbox, sources
from workflow.actions.parcels import Parcel
from workflow.errors import BadInput
from workflow.settings import load
from workflow.workspace import open_workspace

BODY = (
    b'{"id": "e1", "type": "deal.renamed", "prospect": {"email": "ana@sink.test"},'
    b' "data": {"value": "hot", "token": "SECRET1"}}'
)


def test_deliveries_are_listed_shown_rehearsed_and_replayed(place: Path, sqlite_url: str) -> None:
    environ = {"ONWARD_SECRET_KEY": "a key for tests, long enough to be one", "ONWARD_PLAYBOOK": str(FAST)}
    environ |= {"ONWARD_DATA_DIR": str(place), "ONWARD_DATABASE_URL": sqlite_url}
    ws = open_workspace(load(environ))
    sources.add(ws, "standard", "crm")
    with ws.database.read() as tx:
        crm = sources.known(ws, tx, "crm")
    known = b'{"id": "e0", "type": "prospect.upserted", "prospect": {"email": "ana@sink.test", "name": "Ana"}}'
    for key, body in (("m0", known), ("m1", BODY)):
        read = read_again("standard", body, {})
        inbox.receive(ws, crm, Parcel(key, {}, body, read.events))

    def says(*words: str) -> str:
        told = CliRunner().invoke(deliveries, words, env=environ, catch_exceptions=False)
        assert told.exit_code == 0, told.output
        return told.output

    line = says("list", "--fate", "ignored", "--within-hours", "1")
    assert "deal.renamed ignored" in line
    shown = says("show", line.split()[0])
    assert "SECRET1" not in shown
    assert '"value": "hot"' in shown
    draft = place / "draft.yaml"
    more = "  - {source: crm, when: {kind: deal.renamed, value: hot}, do: qualify}\n"
    draft.write_text(FAST.read_text(encoding="utf-8") + more, encoding="utf-8")
    told = says("dry-run", "--source", "crm", "--playbook", str(draft))
    assert "1 events: ignored -> applied" in told
    assert "Ana: planned -> qualified" in told
    assert "1 deliveries replayed: 1 ignored." in says("replay", "--fate", "ignored")
    with pytest.raises(BadInput, match="--all"):
        says("replay")
    assert datetime.now(UTC).isoformat()[:10] in line
