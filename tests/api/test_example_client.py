"""The example client of the docs works as it stands against a server, and stays one page."""

from __future__ import annotations

import importlib.util
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.web.fixtures import Api

FILE = Path(__file__).resolve().parents[2] / "docs" / "client.py"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here depends on which."""
    return sqlite_url


@pytest.fixture
def base(app: Flask) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        server = make_server("127.0.0.1", port, app, threaded=True, fd=door.fileno())
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{port}"
        server.shutdown()
        serving.join(timeout=10)
        server.server_close()


def test_it_makes_a_prospect_tells_of_a_call_and_prints_what_follows(
    base: str, api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.spec_from_file_location("client", FILE)
    assert found is not None
    assert found.loader is not None
    client: Any = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "client", client)
    found.loader.exec_module(client)
    monkeypatch.setenv("ONWARD_KEY", api.key)
    client.main(base)
    said = capsys.readouterr().out
    assert "Ana Petrova is at" in said
    assert " email " in said
    onward = client.Onward(base, api.key)
    (ana,) = onward.pages("/prospects", limit="1")
    with pytest.raises(client.Refused, match="409") as refused:
        onward.move({**ana, "version": 1}, "qualify")
    assert refused.value.problem["title"] == "Conflict"
    assert len(FILE.read_text().splitlines()) <= 100
