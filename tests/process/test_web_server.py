"""The web server: what slow, broken and greedy clients get, and what an orderly stop leaves."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.process import ground
from web.server import options_from, serve
from workflow.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator

END = b"Host: onward.test\r\nConnection: close\r\n\r\n"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        argv = [sys.executable, "-m", "tests.process.standin_web", "--fd", str(door.fileno()), "--threads", "2"]
        env = ground.environment(tmp_path, HOME=str(tmp_path))
        with (tmp_path / "web.log").open("w") as log:
            process = subprocess.Popen(argv, env=env, pass_fds=[door.fileno()], stdout=log, stderr=log)
        number = door.getsockname()[1]
        try:
            assert ask(number, b"GET / HTTP/1.1\r\n" + END).startswith(b"HTTP/1.1 200 ")
            yield number
        finally:
            process.terminate()
            assert process.wait(10) == 0


def ask(port: int, words: bytes, seconds: float = 20.0) -> bytes:
    """Everything the server says until it hangs up."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(seconds)
        client.sendall(words)
        return rest(client)


def rest(client: socket.socket) -> bytes:
    """What is still to come on a connection."""
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + END, b"414"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9_000 + b"\r\n" + END, b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + END, b"431"),
        (b"\0\1\2\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nBad Name : x\r\n" + END, b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n" + END, b"400"),
        (b"GET /boom HTTP/1.1\r\n" + END, b"500"),
    ],
)
def test_a_bad_request_gets_its_answer_and_shows_nothing(port: int, words: bytes, status: bytes) -> None:
    """The status says what was wrong; no trace and no version of anything is in the answer."""
    answer = ask(port, words)
    assert answer.split()[1] == status
    assert b"Traceback" not in answer
    assert not re.search(rb"(?i)server: .*\d", answer)


def test_connections_that_say_nothing_hold_up_nobody(port: int) -> None:
    """Browsers open connections ahead of use; twenty of them do not take the two threads."""
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    try:
        begun = time.monotonic()
        assert b" 200 " in ask(port, b"GET / HTTP/1.1\r\n" + END)
        assert time.monotonic() - begun < 1.0
    finally:
        for client in idle:
            client.close()


def test_a_dripping_client_is_hung_up_on(port: int) -> None:
    """A head that comes a byte at a time does not hold a thread beyond its deadline."""
    ended = threading.Event()

    def drip(client: socket.socket) -> None:
        try:
            while not ended.wait(0.2):
                client.sendall(b"a")
        except OSError:
            return

    drippers = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    threads = [threading.Thread(target=drip, args=(client,)) for client in drippers]
    try:
        for client, thread in zip(drippers, threads, strict=True):
            client.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
            thread.start()
        time.sleep(0.5)
        begun = time.monotonic()
        assert b" 200 " in ask(port, b"GET / HTTP/1.1\r\n" + END)
        assert time.monotonic() - begun < 8.0
    finally:
        ended.set()
        for client, thread in zip(drippers, threads, strict=True):
            thread.join()
            client.close()


def test_an_answer_in_the_making_is_finished_at_a_stop(tmp_path: Path) -> None:
    """SIGTERM during a slow request: the client gets its answer, then the server leaves."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        argv = [sys.executable, "-m", "tests.process.standin_web", "--fd", str(door.fileno())]
        process = subprocess.Popen(argv, env=ground.environment(tmp_path), pass_fds=[door.fileno()])
        number = door.getsockname()[1]
        assert b" 200 " in ask(number, b"GET / HTTP/1.1\r\n" + END)
        with socket.create_connection(("127.0.0.1", number)) as client:
            client.settimeout(10)
            client.sendall(b"GET /slow HTTP/1.1\r\n" + END)
            time.sleep(0.5)
            process.terminate()
            assert b" 200 " in rest(client)
        assert process.wait(10) == 0


def test_it_opens_no_control_socket_and_logs_lines_of_json(port: int, tmp_path: Path) -> None:
    """Gunicorn would put a socket into the home folder, and a trace over many lines into the log."""
    ask(port, b"GET /boom HTTP/1.1\r\n" + END)
    lines = (tmp_path / "web.log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1
    assert '"process": "web"' in lines[0]
    assert "a fault of the application" in lines[0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["web.log"]


@pytest.mark.parametrize("bind", ["8079", ":8079", "nowhere", "127.0.0.1:x", "127.0.0.1:99999", "203.0.113.7:8079"])
def test_an_address_that_cannot_be_served_on_is_one_sentence(bind: str) -> None:
    """Said before anything is started."""
    with pytest.raises(StartError, match=re.escape(bind)):
        serve(lambda: lambda _environ, _start: [], options_from(["--bind", bind]))
