"""If-Match on records that count no versions: of two who decided on the same state, one changes it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.web.fixtures import Api, body_of

WHICH = (
    ("/endpoints", {"name": "crm", "url": "https://hooks.example.com/in"}, "url", "https://hooks.example.com/in{}"),
    ("/mailboxes", {"name": "own", "sender": "Ana <ana@example.com>"}, "sender", "Ana {} <ana@example.com>"),
    ("/reps", {"email": "ana@example.com", "role": "rep"}, "name", "Ana {}"),
)


@pytest.mark.parametrize(("listed", "new", "field", "value"), WHICH, ids=[listed for listed, *_ in WHICH])
def test_of_two_changes_at_once_only_one_is_made(
    app: Flask, api: Api, listed: str, new: dict[str, str], field: str, value: str
) -> None:
    made = api.ask("POST", listed, new)
    assert made.status_code == 201, made.text
    at = f"{listed}/{body_of(made)['id']}"
    for turn in range(5):
        tag = api.ask("GET", at).headers["ETag"]
        ready = threading.Barrier(2)

        def change(own: int, turn: int = turn, tag: str = tag, ready: threading.Barrier = ready) -> int:
            with app.test_client() as client:
                client.environ_base["HTTP_HOST"] = "127.0.0.1:8000"
                ready.wait()
                told = {field: value.format(2 * turn + own)}
                return Api(client, api.key).ask("PATCH", at, told, If_Match=tag).status_code

        with ThreadPoolExecutor(2) as both:
            assert sorted(both.map(change, range(2))) == [200, 412]
