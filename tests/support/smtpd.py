"""A scripted SMTP server: takes mail, misbehaves on request, and keeps a truth log of what it has taken.

The local part of the recipient (or, for faults before it is known, of the sender or the user's name) says what goes
wrong; a tag after `+` keeps recipients apart. `SCRIPTS` lists the words. The truth log is the witness of every check
for duplicates: a line is on the disk before the server answers.

Runs inside a test (`with SmtpSink(folder) as sink:`) or by itself: `python tests/support/smtpd.py --truth FILE`.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import select
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

SCRIPTS = {
    "f<code>[mail|data|dot][x<n>]": "answer <code> to RCPT (or MAIL, by the sender; DATA; the dot), n times or always",
    "auth535": "as the user's name: refuse every password",
    "greylist": "451 to the first two RCPT, then take it",
    "slow<ms>": "wait so many milliseconds before the answer to the dot",
    "drop_at_data": "close instead of the answer to DATA",
    "drop_mid_body": "close after the first bytes of the message",
    "hang_at_data": "answer DATA with 354 and never read again",
    "close_before_dot": "say 421 and close once the body has arrived, not waiting for the dot",
    "drop_after_dot": "take the message, then close without an answer",
    "lose_after_dot": "close without an answer and without taking the message",
    "hang_after_dot": "take the message and never answer",
    "drop_after_250": "take the message, answer, reset the connection",
    "badquit": "take the message, answer QUIT with 500",
    "drip": "answer RCPT one byte at a time, without end",
    "drip_dot": "take the message and drip an answer without a code",
    "drip_250": "take the message and answer 250- with further words that never end",
    "garbage / garbage_dot": "answer with bytes that are no answer",
    "huge / huge_dot": "answer with one line of 64 KB",
    "lines_dot": "answer 250 in fifty lines",
    "mixed_dot": "answer 250- and then 554 in one answer",
    "half_dot": "answer `250-taken`, without the end of the line, and close",
    "cut_dot": "answer `25` and close",
}
SILENT = frozenset({"drop_after_dot", "hang_after_dot", "drip_dot", "cut_dot", "garbage_dot", "mixed_dot"})
"""Scripts that take the message and give no answer that says so."""
_CODE = re.compile(r"f([45][0-9]{2})(mail|data|dot)?(?:x([0-9]+))?")
_WORDS = {
    421: "421 4.3.2 closing now",
    450: "450 4.2.0 greylisted, try again",
    451: "451 4.7.1 greylisted, try again",
    452: "452 4.2.2 mailbox full",
    535: "535 5.7.8 wrong name or password",
    550: "550 5.1.1 no such user here",
    552: "552 5.3.4 message too big",
    553: "553 5.1.3 bad address",
    554: "554 5.7.1 refused by policy",
}
_RESET = struct.pack("ii", 1, 0)
_DRIP_SECONDS = 0.02
_MAX_BYTES = 26_214_400


@dataclass(frozen=True, slots=True)
class Taken:
    """A message the server took: what the truth log says, and the bytes, dots undoubled."""

    message_id: str
    rcpt: str
    replied: int | None
    sender: str
    content: bytes


@dataclass(slots=True)
class Behaviour:
    """What the server as a whole does; may be changed while it runs. Numbers count down, -1 is for ever."""

    banner421: int = 0
    banner: str = "220 sink.test ready"
    user: str = ""
    password: str = ""
    starttls_answer: str = "220 go ahead"
    rset_answer: str = "250 2.0.0 ok"
    drop_in_handshake: bool = False
    idle_close: bool = False
    """Close each connection after its first message, 421 first, as a server tired of an idle client does."""
    utf8: bool = True
    ways: str = "PLAIN LOGIN"


class TruthLog:
    """One JSON line per message taken, on the disk before `write` returns.

    Threads that wait at the same moment share one fsync.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()
        self._sync = threading.Lock()
        self._written = 0
        self._synced = 0

    def write(self, row: dict[str, object]) -> None:
        line = json.dumps(row, ensure_ascii=True).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._written += 1
            mine = self._written
        with self._sync:
            if self._synced < mine:
                covered = self._written
                os.fdatasync(self._file.fileno()) if hasattr(os, "fdatasync") else os.fsync(self._file.fileno())
                self._synced = covered

    def close(self) -> None:
        self._file.close()


class SmtpSink:
    """The server. `url` is what ONWARD_SMTP_URL takes; `taken` what it took, in order.

    `fault_of` turns an address into a script; by default its local part up to `+`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        tls: Literal["starttls", "smtps"] | None = None,
        context: ssl.SSLContext | None = None,
        behaviour: Behaviour | None = None,
        fault_of: Callable[[str], str] | None = None,
        keep: bool = True,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.truth_path = folder / "truth.jsonl"
        self.behaviour = behaviour or Behaviour()
        self.taken: list[Taken] = []
        self.connections = 0
        self.left = 0
        """Conversations that are over."""
        self.commands: Counter[str] = Counter()
        self.tls = tls
        self.context = context
        self.fault_of = fault_of or local_part
        self.keep = keep
        self.truth = TruthLog(self.truth_path)
        self.stopping = threading.Event()
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, name="smtpd", daemon=True)

    @property
    def url(self) -> str:
        """The server's address in the form of ONWARD_SMTP_URL."""
        scheme = "smtps" if self.tls == "smtps" else "smtp"
        user = f"{self.behaviour.user}:{self.behaviour.password}@" if self.behaviour.user else ""
        host = "localhost" if self.tls else "127.0.0.1"
        return f"{scheme}://{user}{host}:{self.port}" + {"starttls": "?starttls=required"}.get(self.tls or "", "")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every connection."""
        self.stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        with self._lock:
            left = dict(self._open)
        for sock, talk in left.items():
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            talk.join(5)
        self.truth.close()

    def truth_rows(self) -> list[dict[str, object]]:
        """The truth log as it stands, without a line torn by a kill."""
        lines = self.truth_path.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def wait_until_left(self, conversations: int = 1, seconds: float = 5.0) -> None:
        """Return once so many conversations are over. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.left < conversations:
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.002)

    def turn(self, key: str) -> int:
        """How often this was asked before, counting this time."""
        with self._lock:
            self._counts[key] += 1
            return self._counts[key]

    def take(self, message: Taken) -> None:
        """Write the message to the truth log, then keep it."""
        self.truth.write(
            {
                "ts": time.time(),
                "message_id": message.message_id,
                "rcpt": message.rcpt,
                "phase": "dot",
                "replied": message.replied,
            }
        )
        if self.keep:
            self.taken.append(message)

    def count_down(self, name: Literal["banner421"]) -> bool:
        """Whether a counted behaviour applies once more."""
        with self._lock:
            left: int = getattr(self.behaviour, name)
            if left > 0:
                setattr(self.behaviour, name, left - 1)
            return left != 0

    def _listen(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            talk = threading.Thread(target=self._serve, args=(sock,), name="smtpd-talk", daemon=True)
            with self._lock:
                self._open[sock] = talk
            talk.start()

    def _serve(self, sock: socket.socket) -> None:
        talk = _Talk(self, sock)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(OSError, _Gone):
                talk.run()
        finally:
            with suppress(OSError):
                talk.sock.close()
            with self._lock:
                self._open.pop(sock, None)
                self.left += 1


class _Gone(Exception):
    """The conversation is over."""


class _Talk:
    """One conversation."""

    def __init__(self, sink: SmtpSink, sock: socket.socket) -> None:
        self.sink = sink
        self.sock = sock
        self.buffer = bytearray()
        self.private = False
        self.signed_in = not sink.behaviour.user
        self.sender = ""
        self.rcpt = ""
        self.script = ""
        self.quit_answer = "221 2.0.0 bye"

    def run(self) -> None:
        """Greet, then answer until someone leaves."""
        if self.sink.tls == "smtps":
            self.go_private()
        if self.sink.count_down("banner421"):
            self.say("421 4.3.2 too busy")
            raise _Gone
        self.say(self.sink.behaviour.banner)
        while True:
            line = self.line().decode("utf-8", "replace")
            verb = line.partition(" ")[0].upper()
            self.sink.commands[verb] += 1
            answer = getattr(self, f"on_{verb.lower()}", None)
            if answer is None:
                self.say("500 5.5.1 what")
            else:
                answer(line)

    def on_ehlo(self, _: str) -> None:
        behaviour = self.sink.behaviour
        words = [f"SIZE {_MAX_BYTES}", "8BITMIME", "ENHANCEDSTATUSCODES"]
        words += ["SMTPUTF8"] if behaviour.utf8 else []
        words += ["STARTTLS"] if self.sink.tls == "starttls" and not self.private else []
        words += [f"AUTH {behaviour.ways}"] if behaviour.user and behaviour.ways else []
        self.say("\r\n".join(["250-sink.test", *(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}"]))

    def on_starttls(self, _: str) -> None:
        self.say(self.sink.behaviour.starttls_answer)
        if self.sink.behaviour.starttls_answer.startswith("220"):
            self.go_private()

    def on_auth(self, line: str) -> None:
        way, _, first = line.partition(" ")[2].partition(" ")
        if way.upper() == "XOAUTH2":
            user, _, rest = base64.b64decode(first).decode().removeprefix("user=").partition("\x01")
            password = rest.removeprefix("auth=Bearer ").rstrip("\x01")
            if (user, password) != (self.sink.behaviour.user, self.sink.behaviour.password):
                self.say("334 " + base64.b64encode(b'{"status":"401"}').decode())
                self.line()
        elif way.upper() == "PLAIN":
            _, user, password = base64.b64decode(first).decode().split("\0")
        else:
            self.say("334 VXNlcm5hbWU6")
            user = base64.b64decode(self.line()).decode()
            self.say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(self.line()).decode()
        wanted = self.sink.behaviour
        self.signed_in = (user, password) == (wanted.user, wanted.password) and not user.startswith("auth535")
        self.say("235 2.7.0 welcome" if self.signed_in else _WORDS[535])

    def on_mail(self, line: str) -> None:
        if not self.signed_in:
            self.say("530 5.7.0 sign in first")
            return
        self.sender = _address(line)
        if self.refuse(self.sender, "mail"):
            return
        self.rcpt = ""
        self.say("250 2.1.0 ok")

    def on_rcpt(self, line: str) -> None:
        if self.rcpt:
            self.say("452 4.5.3 one at a time")
            return
        self.rcpt = _address(line)
        self.script = self.sink.fault_of(self.rcpt)
        if self.refuse(self.rcpt, ""):
            self.rcpt = ""
            return
        if self.script == "drip":
            self.drip(b"250-")
        if self.script == "greylist" and self.sink.turn(f"greylist {self.rcpt}") <= 2:
            self.say(_WORDS[451])
            self.rcpt = ""
            return
        self.say({"garbage": "\x80\xff nonsense", "huge": "x" * 65536}.get(self.script, "250 2.1.5 ok"))

    def on_data(self, _: str) -> None:
        if not self.rcpt:
            self.say("503 5.5.1 whom to")
            return
        if self.refuse(self.rcpt, "data"):
            return
        if self.script == "drop_at_data":
            raise _Gone
        self.say("354 go on")
        if self.script == "hang_at_data":
            self.hang()
        if self.script == "drop_mid_body":
            self.fill()
            raise _Gone
        content = self.body()
        self.answer_dot(content)
        self.rcpt = ""
        if self.sink.behaviour.idle_close:
            self.say("421 4.4.2 idle")
            raise _Gone

    def on_rset(self, _: str) -> None:
        self.rcpt = ""
        self.say(self.sink.behaviour.rset_answer)

    def on_noop(self, _: str) -> None:
        self.say("250 2.0.0 ok")

    def on_quit(self, _: str) -> None:
        self.say(self.quit_answer)
        raise _Gone

    def answer_dot(self, content: bytes) -> None:
        """Take the message, or not, and answer as the script says."""
        if self.script == "lose_after_dot" or self.refuse(self.rcpt, "dot"):
            if self.script == "lose_after_dot":
                raise _Gone
            return
        silent = self.script in SILENT
        found = re.search(rb"(?im)^message-id:\s*(\S+)", content[: content.find(b"\r\n\r\n") + 2])
        message_id = found[1].decode("ascii", "replace") if found else ""
        self.sink.take(Taken(message_id, self.rcpt, None if silent else 250, self.sender, content))
        self.answer_taken()

    def answer_taken(self) -> None:
        script = self.script
        if slow := re.fullmatch(r"slow([0-9]+)", script):
            time.sleep(int(slow[1]) / 1000)
        if script == "drop_after_dot":
            raise _Gone
        if script == "hang_after_dot":
            self.hang()
        if script in ("drip_dot", "drip_250"):
            self.drip(b"250-" if script == "drip_250" else b"")
        if script in ("half_dot", "cut_dot"):
            self.sock.sendall(b"250-taken" if script == "half_dot" else b"25")
            raise _Gone
        answers = {
            "garbage_dot": "\x80\xff nonsense",
            "huge_dot": "250 " + "x" * 65536,
            "lines_dot": "\r\n".join([*(f"250-line {number}" for number in range(49)), "250 last"]),
            "mixed_dot": "250-taken\r\n554 or not",
        }
        self.say(answers.get(script, f"250 2.0.0 Ok: queued as {self.sink.turn('queue'):08X}"))
        if script == "drop_after_250":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            raise _Gone
        if script == "badquit":
            self.quit_answer = "500 5.5.2 never heard of it"

    def refuse(self, address: str, where: str) -> bool:
        """Give the scripted refusal for this place, if there is one left."""
        found = _CODE.fullmatch(self.sink.fault_of(address))
        if found is None or (found[2] or "") != where:
            return False
        if found[3] and self.sink.turn(f"{where} {address}") > int(found[3]):
            return False
        code = int(found[1])
        self.say(_WORDS.get(code, f"{code} no"))
        if code == 421:
            raise _Gone
        return True

    def go_private(self) -> None:
        if self.sink.behaviour.drop_in_handshake:
            self.fill()
            raise _Gone
        if self.sink.context is None:
            raise _Gone
        self.sock = self.sink.context.wrap_socket(self.sock, server_side=True)
        self.private = True
        self.buffer.clear()

    def body(self) -> bytes:
        """Everything up to the final dot, dots undoubled. A connection that ends before it raises: nothing is taken."""
        end = 0
        while True:
            if self.buffer.startswith(b".\r\n"):
                end = 0
                break
            found = self.buffer.find(b"\r\n.\r\n", max(0, end - 5))
            if found >= 0:
                end = found + 2
                break
            end = len(self.buffer)
            if self.script == "close_before_dot" and self.buffer.endswith(b"\r\n"):
                self.say(_WORDS[421])
                raise _Gone
            self.fill()
        content = bytes(self.buffer[:end])
        del self.buffer[: end + 3]
        return re.sub(rb"(?m)^\.\.", b".", content)

    def line(self) -> bytes:
        while (end := self.buffer.find(b"\r\n")) < 0:
            self.fill()
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        return line

    def fill(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise _Gone
        self.buffer += data

    def say(self, text: str) -> None:
        self.sock.sendall(text.encode("latin-1") + b"\r\n")

    def drip(self, head: bytes) -> None:
        """One byte at a time until the client has enough."""
        for byte in _endless(head):
            self.sock.sendall(byte)
            if self.sink.stopping.wait(_DRIP_SECONDS):
                break
        raise _Gone

    def hang(self) -> None:
        """Say nothing and read nothing until the client leaves."""
        poll = select.poll()
        poll.register(
            self.sock, select.POLLHUP | select.POLLRDHUP | select.POLLERR if hasattr(select, "POLLRDHUP") else 0
        )
        while not self.sink.stopping.is_set() and not poll.poll(50):
            pass
        raise _Gone


def local_part(address: str) -> str:
    """The script of an address: its local part up to the tag."""
    return address.rpartition("@")[0].partition("+")[0]


def _address(line: str) -> str:
    found = re.search(r"<([^>]*)>", line)
    return found[1] if found else ""


def _endless(head: bytes) -> Iterator[bytes]:
    for byte in head:
        yield bytes([byte])
    while True:
        yield b"x"


def main(argv: list[str]) -> int:
    """Serve until SIGTERM; prints the port on the first line."""
    parser = argparse.ArgumentParser(description="A scripted SMTP server with a truth log.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args(argv)
    with SmtpSink(options.folder, port=options.port, keep=False) as sink:
        print(sink.port, flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
