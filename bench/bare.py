"""The counterparts of the webhook route: Flask routes on the same server that do as little as can be done.

`python -m bench.bare RECIPE --bind HOST:PORT`. The recipe says which: the product's own statements as literal SQL
through the raw driver, or two statements in Core. Both check the signature and read the JSON.
"""

from __future__ import annotations

import base64
import gc
import hmac
import json
import logging
import pickle
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask, Response, request
from sqlalchemy import bindparam, create_engine, event, insert, update

from bench.recipe import COMMIT, Recipe, Slot, Statement
from web.server import options_from, serve
from workflow.ids import new_id
from workflow.records.models import Delivery, Prospect


def literal(recipe: Recipe) -> Callable[[dict[str, Any], str, bytes], None]:
    """The recorded statements through the raw driver, on one connection for each thread."""
    kept = threading.local()

    def run(told: dict[str, Any], delivery: str, body: bytes) -> None:
        if not hasattr(kept, "connection"):
            kept.connection = connect(recipe.url)
        facts = {"ref": told["prospect"]["ref"], "email": told["prospect"]["email"], "event": told["id"]}
        facts |= {"delivery": delivery, "body": body}
        replay(kept.connection, recipe.statements, facts | fresh_ids(recipe.fresh_ids))

    return run


def fresh_ids(count: int) -> dict[str, str]:
    """Ids for the places where the product made new ones."""
    return {f"id{number}": new_id() for number in range(count)}


def replay(conn: Any, statements: Iterable[Statement], facts: dict[str, Any]) -> None:
    """Run recorded statements through the raw driver, with `facts` in their places."""
    for statement in statements:
        if statement.sql == COMMIT:
            conn.commit()
            continue
        cursor = conn.execute(statement.sql, _filled(statement.values, facts))
        if statement.asks:
            rows = cursor.fetchall()
            if statement.gives_prospect:
                facts["prospect"] = rows[0][0]


def core(recipe: Recipe) -> Callable[[dict[str, Any], str, bytes], None]:
    """Two statements in Core: keep the delivery, count the prospect's version."""
    engine = create_engine(recipe.url, pool_size=8)
    if recipe.url.startswith("sqlite"):
        event.listen(engine, "connect", lambda conn, _record: _durable(conn))
    keep = insert(Delivery)
    count = update(Prospect).where(Prospect.email_key == bindparam("who")).values(version=Prospect.version + 1)

    def run(told: dict[str, Any], delivery: str, body: bytes) -> None:
        row = {"id": new_id(), "source_id": recipe.source_id, "dedupe_key": delivery, "received_at": datetime.now(UTC)}
        row |= {"status": "accepted", "repeats": 0, "headers": {"webhook-id": delivery}, "body": body, "reason": None}
        with engine.connect() as conn:
            if recipe.url.startswith("sqlite"):
                conn.exec_driver_sql("BEGIN IMMEDIATE")
            conn.execute(keep, row)
            conn.execute(count, {"who": told["prospect"]["email"]})
            conn.commit()

    return run


def application(recipe: Recipe) -> Flask:
    """One route that checks, reads, runs and answers."""
    app = Flask("bare", static_folder=None)
    key = base64.b64decode(recipe.secret.removeprefix("whsec_"))
    run = literal(recipe) if recipe.statements else core(recipe)

    def receive(name: str) -> Response:
        body = request.get_data(cache=False)
        delivery, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        mark = base64.b64encode(hmac.digest(key, f"{delivery}.{stamp}.".encode() + body, "sha256")).decode()
        if not hmac.compare_digest(f"v1,{mark}", request.headers["webhook-signature"]):
            return Response(status=401)
        run(json.loads(body), delivery, body)
        told = {"delivery": delivery, "status": "accepted", "events": [{"id": name, "outcome": "applied"}]}
        return Response(json.dumps(told), 202, mimetype="application/json")

    app.add_url_rule("/webhooks/<name>", "webhook", receive, methods=["POST"])
    return app


def _filled(values: tuple[object, ...] | dict[str, object], facts: dict[str, Any]) -> Any:
    if isinstance(values, dict):
        return {name: _value(value, facts) for name, value in values.items()}
    return tuple([_value(value, facts) for value in values])


def _value(value: object, facts: dict[str, Any]) -> object:
    if not isinstance(value, Slot):
        return value
    fact = facts[value.name]
    return value.before + fact + value.after if value.before or value.after else fact


def connect(url: str) -> Any:
    """A connection of the raw driver, as durable as the product's."""
    if not url.startswith("sqlite"):
        return psycopg.connect(url.replace("+psycopg", ""), options="-c timezone=UTC")
    conn = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=5, isolation_level=None)
    _durable(conn)
    return conn


def _durable(conn: Any) -> None:
    conn.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        conn.execute(f"PRAGMA {pragma}")


def main(argv: list[str]) -> None:
    """Serve the recipe."""
    logging.basicConfig(level=logging.WARNING)
    recipe: Recipe = pickle.loads(Path(argv[0]).read_bytes())  # noqa: S301 - written by the bench a moment ago
    gc.collect()
    gc.freeze()
    serve(lambda: application(recipe), options_from(argv[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
