"""What every kind of source refuses: another secret, an old stamp, a flipped byte, no proof at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.conftest import Clock
from tests.web.vendors import Post, Vendor, another, arrive, vendors
from web.webhooks.kinds import ADAPTERS
from workflow.actions import sources
from workflow.records.models import Delivery
from workflow.workspace import Workspace

ALL = vendors()
STAMPED = {name: vendor for name, vendor in ALL.items() if vendor.stale}
BODY = {"event": "something", "type": "something", "Type": "Notification", "prospect": {}}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database: what is told here is told before any is asked."""
    return sqlite_url


@pytest.fixture
def post(ws: Workspace, client: FlaskClient, clock: Clock, request: pytest.FixtureRequest) -> Post:
    vendor: Vendor = replace(ALL[request.param])
    return arrive(ws, client, clock, vendor)


def kept(ws: Workspace) -> int:
    with ws.database.read() as tx:
        return tx.conn.execute(select(func.count()).select_from(Delivery)).scalar_one()


def everyone(names: Iterable[str] = ALL) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("post", list(names), indirect=True)


@everyone()
def test_what_is_signed_is_taken_and_what_is_not_is_refused(post: Post) -> None:
    for secret, status in ((another(post.vendor), 401), (None, ADAPTERS[post.vendor.kind].success)):
        assert post.send(BODY, secret=secret).status_code == status
    assert post.client.post("/webhooks/crm", json=BODY).status_code == 401
    assert post.client.post("/webhooks/nobody", json=BODY).status_code == 401
    assert kept(post.ws) == 1


@everyone(STAMPED)
def test_a_stamp_is_good_for_a_while_and_then_no_more(post: Post) -> None:
    stale = post.vendor.stale
    assert stale
    for late, good in ((stale - 5, True), (stale + 5, False), (-stale - 5, False), (86_400, False)):
        assert (post.send({**BODY, "n": late}, late=late).status_code != 401) is good, late


@everyone()
def test_the_old_secret_is_good_until_the_rotation_after_the_next(post: Post) -> None:
    old, new = post.vendor.secret, another(post.vendor)
    sources.rotate(post.ws, post.name, new)
    assert post.send({**BODY, "n": 1}, secret=old).status_code != 401
    assert post.send({**BODY, "n": 2}, secret=new).status_code != 401


@everyone()
def test_the_secret_of_one_source_does_not_open_another(post: Post) -> None:
    other = another(post.vendor)
    sources.add(post.ws, post.vendor.kind, "other", other)
    post.name = "other"
    assert post.send(BODY).status_code == 401


@everyone(name for name, vendor in ALL.items() if vendor.signs_body)
def test_one_flipped_byte_is_refused(post: Post) -> None:
    sent: list[bytes] = []
    inner = post.vendor.sign

    def flip(asked: Any, secret: str, now: Any) -> Any:
        told = inner(asked, secret, now)
        place = told.body.index(b"something")
        told.body = told.body[:place] + bytes([told.body[place] ^ 1]) + told.body[place + 1 :]
        sent.append(told.body)
        return told

    post.vendor.sign = flip
    assert post.send(BODY).status_code == 401
    assert sent
    assert kept(post.ws) == 0


UNREADABLE = (b"", b"{", b"\xff\xfe", b"[" * 200, b"null", b"[1, 2]", b'"text"', b'{"a": NaN}', b"<a", b"--x\r\n\r\n")


@everyone()
def test_what_is_signed_and_cannot_be_read_is_kept(post: Post) -> None:
    success = ADAPTERS[post.vendor.kind].success
    # Where the proof is a part of the body, a body that cannot be read has none.
    if post.vendor.kind in ("zoho", "mailgun"):
        assert {post.send(body).status_code for body in (b"", b"{", b"\xff\xfe", b"[" * 200)} == {401}
        return
    for number, body in enumerate(UNREADABLE, start=1):
        assert post.send(body).status_code == success, body
        assert kept(post.ws) == number
