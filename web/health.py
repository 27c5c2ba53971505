"""`/healthz`, `/readyz` and `/metrics`: what monitors and orchestrators ask.

A queue, a clock or a worker that is missing does not make us unready: web could still store deliveries, and does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flask import Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from werkzeug.exceptions import Unauthorized

from web.security import is_local
from workflow.actions import people
from workflow.errors import Unavailable
from workflow.reports import crm, health, link_test, outbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from prometheus_client import Metric

    from workflow.reports.crm import Numbers as CrmNumbers
    from workflow.reports.health import Health, Pulse
    from workflow.reports.outbox import Numbers
    from workflow.workspace import Workspace

_BEARER: Final = "Bearer "


def register(app: Flask, ws: Workspace) -> None:
    """Add the three addresses to `app`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(ws))

    def healthz() -> Response:
        return _json({"status": "ok"})

    def readyz() -> Response:
        return _readiness(ws)

    def metrics() -> Response:
        authorization = request.headers.get("Authorization", "")
        if not is_local(request) and people.key_of(ws, authorization.removeprefix(_BEARER)) is None:
            raise Unauthorized("Send a key of the API, or ask from this machine.")
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    for view in (healthz, readyz, metrics):
        app.add_url_rule(f"/{view.__name__}", view.__name__, view, methods=["GET"])


def _readiness(ws: Workspace) -> Response:
    try:
        with ws.database.read() as tx:
            schema = health.schema(tx)
            pulse = health.pulse(tx) if schema == "ok" else None
    except Unavailable:
        return _json({"ready": False, "database": "away"}, 503)
    told: dict[str, Any] = {"ready": schema == "ok", "database": "ok", "schema": schema}
    if pulse is None:
        return _json(told, 503)
    return _json(told | _parts(pulse))


def _parts(pulse: Pulse) -> dict[str, Any]:
    words = {True: "ok", False: "away", None: "unknown"}
    told: dict[str, Any] = {"queue": {"state": words[pulse.hints_arrive], "due_lag_seconds": round(pulse.due_lag_s, 3)}}
    for role, beats in pulse.beats.items():
        age = None if beats.age_s is None else round(beats.age_s, 3)
        told[role if role == "clock" else f"{role}s"] = {"alive": beats.alive, "last_heard_seconds_ago": age}
    return told


class _Numbers(Collector):
    """Everything that is counted, read from the database when it is asked for: no process has counters of its own."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        with self._ws.database.read() as tx:
            found = health.look(tx)
            link = link_test.look(tx)
            metrics = [*_metrics(found), *_of_the_outbox(outbox.look(tx)), *_of_crms(crm.look(tx))]
            link_age = (tx.now - link.asked_at).total_seconds() if link is not None else None
        if link is not None and link_age is not None:
            words = "Whether the link to unsubscribe changed nothing when it was last opened by the daily test."
            metrics.append(_gauge("link_test_ok", words, link.result == "passed"))
            metrics.append(_gauge("link_test_age_seconds", "How long ago that was.", link_age))
        return iter(metrics)


def _metrics(found: Health) -> list[Metric]:
    pulse = found.pulse
    single = (
        ("due_lag_seconds", "How long the oldest email that is due has been waiting.", pulse.due_lag_s),
        ("oldest_claim_seconds", "How long ago the oldest email in work was claimed or hinted.", found.oldest_claim_s),
        ("inbox_waiting", "Events that will be tried again.", found.events_waiting),
        ("inbox_oldest_wait_seconds", "How long the oldest of them has been overdue.", found.oldest_event_s),
        ("inbox_dead", "Deliveries that could not be read.", found.dead_letters),
        ("inbox_given_up", "Events that nothing tries again by itself.", found.events_given_up),
        ("uncertain", "Emails of which nobody knows whether they arrived.", found.touches["uncertain"]),
        ("mailboxes_paused", "Mailboxes that wait for somebody to resume them.", found.mailboxes_paused),
        ("hints_arrive", "Whether the clock reaches the queue.", pulse.hints_arrive),
    )
    metrics = [_gauge(name, words, value) for name, words, value in single if value is not None]
    touches = GaugeMetricFamily("onward_touches", "Emails and tasks that have not ended, by state.", labels=["state"])
    for state, count in found.touches.items():
        touches.add_metric([state], count)
    alive = GaugeMetricFamily("onward_processes", "Living processes, by role.", labels=["role"])
    ages = GaugeMetricFamily("onward_heartbeat_age_seconds", "Since the last sign of life, by role.", labels=["role"])
    for role, beats in pulse.beats.items():
        alive.add_metric([role], beats.alive)
        if beats.age_s is not None:
            ages.add_metric([role], beats.age_s)
    return [*metrics, touches, alive, ages]


def _of_the_outbox(found: Numbers) -> list[Metric]:
    return [
        _gauge("outbox_waiting", "Events that wait to be told to others.", found.waiting),
        _gauge("outbox_dead", "Events that were given up.", found.dead),
        _gauge("outbox_overdue_seconds", "How long the most overdue target has waited.", found.overdue_s),
        _gauge("endpoints_off", "Endpoints that were switched off.", found.switched_off),
        _gauge("outbox_targets_failing", "Targets that take nothing just now.", found.failing),
    ]


def _of_crms(found: CrmNumbers) -> list[Metric]:
    return [
        _gauge("crm_links", "CRMs that are asked by their API.", found.links),
        _gauge("crm_problems", "Those of them that cannot be asked just now.", found.problems),
        _gauge("crm_lookups_waiting", "Objects named by an id that wait to be looked up.", found.awaited),
        _gauge("crm_lookups_failed", "Objects named by an id that could not be looked up.", found.lookups_failed),
        _gauge("crm_poll_overdue_seconds", "How long the most overdue CRM has waited to be read.", found.overdue_s),
        _gauge("crm_cursor_age_seconds", "How long ago the least read CRM was read up to.", found.cursor_age_s),
        _gauge("crm_writes_waiting", "Stages that wait to be written to a CRM.", found.unwritten),
        _gauge("crm_writes_dead", "Stages that were given up.", found.given_up),
    ]


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"onward_{name}", words, value=float(value))


def _json(told: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(told), status, mimetype="application/json")
