"""Batches as HubSpot sends them: a hundred changes in one signed request, answered while single deliveries pour in.

Measures the time to the answer, as the vendor's clock would; it gives up after five seconds and pauses who is slow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Final

from bench import wire
from bench.harness import Figure

BATCHES: Final = 120
EVENTS: Final = 100
SENDERS: Final = 1
"""How many of HubSpot's connections are open at once; twice as many bring single deliveries."""
_LIMIT_S: Final = 1.0
_NUMBERS = count()


def figure(label: str, port: int, base_url: str, secret: str, single_secret: str, singles: range) -> Figure:
    """The slowest one in a hundred batches."""
    took: list[float] = []
    with ThreadPoolExecutor(SENDERS + 1) as pool:
        beside = [wire.webhook(single_secret, number, "beside") for number in singles]
        load = pool.submit(wire.pour, port, beside, b'"accepted"', 2 * SENDERS)
        for each in [pool.submit(_talk, port, base_url, secret) for _ in range(SENDERS)]:
            took += each.result()
        load.result()
    took.sort()
    note = f"{len(took)} batches of {EVENTS} changes, {len(beside)} single deliveries beside them; "
    note += f"median {took[len(took) // 2] * 1000:,.0f} ms, slowest {took[-1] * 1000:,.0f} ms"
    return Figure(
        f"webhook, {label}: a HubSpot batch of 100, 99th percentile", _percentile(took), _LIMIT_S, "s", note=note
    )


def _talk(port: int, base_url: str, secret: str) -> list[float]:
    took = []
    with socket.create_connection(("127.0.0.1", port)) as sock, sock.makefile("rb") as answers:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(BATCHES // SENDERS):
            request = _batch(base_url, secret)
            begun = time.perf_counter()
            sock.sendall(request)
            answer = wire.answer(answers)
            took.append(time.perf_counter() - begun)
            if b"202" not in answer[:20]:
                raise SystemExit(f"an answer that was not expected: {answer.decode(errors='replace')[:500]}")
    return took


def _batch(base_url: str, secret: str) -> bytes:
    """A hundred deals, each made and moved: half of the changes meet a prospect who is new."""
    now = int(time.time() * 1000)
    changes = []
    for _ in range(EVENTS // 2):
        deal = next(_NUMBERS)
        common = {"objectId": deal, "portalId": 1, "appId": 2, "subscriptionId": 3, "attemptNumber": 0}
        changes.append({**common, "eventId": deal * 2, "subscriptionType": "deal.creation", "occurredAt": now - 2})
        moved = {"propertyName": "dealstage", "propertyValue": "qualifiedtobuy"}
        change = {**common, **moved, "eventId": deal * 2 + 1, "subscriptionType": "deal.propertyChange"}
        changes.append({**change, "occurredAt": now - 1})
    body = json.dumps(changes).encode()
    stamp = str(now)
    signed = f"POST{base_url}/webhooks/hub{body.decode()}{stamp}".encode()
    mark = base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()
    head = (
        f"POST /webhooks/hub HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-HubSpot-Request-Timestamp: {stamp}\r\nX-HubSpot-Signature-v3: {mark}\r\n\r\n"
    )
    return head.encode() + body


def _percentile(took: list[float]) -> float:
    return took[min(len(took) - 1, int(len(took) * 0.99))]
