"""The scripted server itself, on whose truth log every count of duplicates rests."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.support import smtpd
from tests.support.smtpd import SmtpSink
from workflow.mail.smtp import Envelope, SmtpServer, SmtpTransport

CONTENT = b"Subject: x\r\nMessage-ID: <m-1@test>\r\n\r\nMessage-ID: <not-this@test>\r\n"


def test_what_it_took_is_in_its_log_when_it_answers_even_after_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, smtpd.__file__, "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        client = SmtpTransport(SmtpServer("127.0.0.1", port, security="none"))
        outcome = client.send(Envelope("a@b.test", "ana+7@sink.test", CONTENT), lambda: True)
        server.send_signal(signal.SIGKILL)
        server.wait(10)
        client.close()
    assert outcome.kind == "sent"
    with SmtpSink(tmp_path) as again:
        (row,) = again.truth_rows()
    assert (row["message_id"], row["rcpt"], row["phase"], row["replied"]) == (
        "<m-1@test>",
        "ana+7@sink.test",
        "dot",
        250,
    )


def test_many_conversations_at_once_lose_no_line(tmp_path: Path) -> None:
    with SmtpSink(tmp_path) as sink:

        def talk(number: int) -> None:
            client = SmtpTransport(SmtpServer.parse(sink.url))
            for mail in range(25):
                client.send(Envelope("a@b.test", f"ana+{number}-{mail}@sink.test", CONTENT), lambda: True)
            client.close()

        talks = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
        for each in talks:
            each.start()
        for each in talks:
            each.join(60)
        rows = sink.truth_rows()
    assert len({row["rcpt"] for row in rows}) == len(rows) == len(sink.taken) == 200


def test_a_faults_name_may_come_from_elsewhere_than_the_address(tmp_path: Path) -> None:
    with SmtpSink(tmp_path, fault_of=lambda address: "f550" if address.endswith("7@sink.test") else "") as sink:
        client = SmtpTransport(SmtpServer.parse(sink.url))
        kinds = [client.send(Envelope("a@b.test", f"{n}@sink.test", CONTENT), lambda: True).kind for n in (6, 7, 8)]
        client.close()
    assert kinds == ["sent", "permanent", "sent"]
