"""A client that costs little: requests made beforehand, sent as bytes over kept connections."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import BinaryIO

from tests.support.processes import signed

CONNECTIONS = 4


def webhook(secret: str, number: int, tag: str) -> bytes:
    """A signed delivery that moves prospect `number` on, of the size that CRMs send."""
    ref, name = f"crm-{number:06}", f"{tag}_{number:06}"
    event = {
        "id": f"evt_{name}",
        "type": "move.requested",
        "occurred_at": datetime.now(UTC).isoformat(),
        "prospect": {"ref": ref, **facts(number)},
        "data": {"trigger": "qualify"},
    }
    body = json.dumps(event).encode()
    headers = {"Host": "localhost", "Content-Length": str(len(body)), **signed(secret, body, f"msg_{name}")}
    head = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    return f"POST /webhooks/crm HTTP/1.1\r\n{head}\r\n".encode() + body


def facts(number: int) -> dict[str, str]:
    """What is known of prospect `number`."""
    return {
        "email": f"p{number:06}@example.com",
        "name": "Ana Petrova",
        "company": "Example OOD",
        "phone": "+359888123456",
        "title": "COO",
        "language": "bg",
        "time_zone": "Europe/Sofia",
        "country": "BG",
    }


def pour(port: int, requests: Sequence[bytes], wanted: bytes, connections: int = CONNECTIONS) -> float:
    """Send the requests over some connections, each after the answer before it; the seconds it took.

    Raises SystemExit for an answer without `wanted` in it.
    """

    def talk(mine: Sequence[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", port)) as sock, sock.makefile("rb") as answers:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in mine:
                sock.sendall(request)
                told = answer(answers)
                if wanted not in told:
                    raise SystemExit(f"an answer that was not expected: {told.decode(errors='replace')[:500]}")

    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        for talked in [pool.submit(talk, requests[number::connections]) for number in range(connections)]:
            talked.result()
    return time.perf_counter() - begun


def answer(stream: BinaryIO) -> bytes:
    """One answer, head and body."""
    head = b""
    length = 0
    while line := stream.readline():
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            break
    return head + stream.read(length)
