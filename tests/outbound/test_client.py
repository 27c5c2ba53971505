"""Calling out: pinned to the addresses that were checked, in a few seconds, over a real connection."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.mail.test_smtp_tls import certificate
from tests.support.receiver import Receiver, Told
from workflow.outbound.client import Client, Failed
from workflow.outbound.guard import FakeResolver, Refused


def test_a_name_that_changes_its_mind_is_called_where_it_led_when_it_was_checked(tmp_path: Path) -> None:
    made = certificate(tmp_path, name="hooks.example.com")
    with Receiver(tls=made.server) as receiver, pytest.MonkeyPatch.context() as patch:
        # The name leads to the receiver when it is asked for; whoever asks again is led elsewhere.
        resolver = FakeResolver({"hooks.example.com": [["127.0.0.1"], ["192.0.2.1"]]})
        patch.setenv("https_proxy", "http://192.0.2.1:3128")
        client = Client(private=True, resolver=resolver, tls=made.client)
        reply = client.post(f"https://hooks.example.com:{receiver.port}/in?a=1", {"webhook-id": "evt_1"}, b"{}")
    assert (reply.code, reply.text) == (200, "taken")
    assert resolver.asked == ["hooks.example.com"]
    (came,) = receiver.came
    assert (came.path, came.body, came.headers["webhook-id"]) == ("/in?a=1", b"{}", "evt_1")
    assert came.headers["host"] == f"hooks.example.com:{receiver.port}"


def test_a_name_that_leads_home_is_not_called_nor_is_a_certificate_of_another_believed(tmp_path: Path) -> None:
    made = certificate(tmp_path, name="other.example.com")
    home = FakeResolver({"hooks.example.com": [["93.184.215.14"], ["127.0.0.1"]]})
    assert home.addresses("hooks.example.com", 443, 1.0) == ["93.184.215.14"]
    with Receiver(tls=made.server) as receiver:
        with pytest.raises(Refused, match=r"127\.0\.0\.1"):
            Client(resolver=home, tls=made.client).post("https://hooks.example.com/", {}, b"{}")
        url = f"https://hooks.example.com:{receiver.port}/"
        with pytest.raises(Failed, match="certificate"):
            Client(private=True, resolver=home, tls=made.client).post(url, {}, b"{}")
    assert receiver.came == []


def test_a_redirect_is_an_answer_and_a_request_to_wait_is_told_on() -> None:
    with Receiver(
        Told(302, "", {"Location": "http://127.0.0.1:1/"}),
        Told(429, "slow down", {"Retry-After": "120"}),
        Told(503, "", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Told(200, "", {"Retry-After": "soon"}),
    ) as receiver:
        client = Client(private=True)
        got = [client.post(receiver.url, {}, b"") for _ in range(4)]
    assert [(each.code, each.retry_after_s) for each in got] == [(302, None), (429, 120.0), (503, 0.0), (200, None)]
    assert len(receiver.came) == 4


@pytest.mark.parametrize("told", [Told(hold_s=30), Told(text="x" * 2_000, drips=True)])
def test_a_slow_server_is_left_after_the_time_that_a_call_has(told: Told) -> None:
    with Receiver(told) as receiver:
        begun = time.monotonic()
        with pytest.raises(Failed, match=r"no answer within 0\.5 seconds"):
            Client(private=True, timeout_s=0.5).post(receiver.url, {}, b"{}")
        assert time.monotonic() - begun < 5


def test_a_long_answer_is_not_read_to_its_end_and_what_is_no_http_is_a_failure() -> None:
    with Receiver(Told(text="x" * 1_000_000)) as receiver:
        assert len(Client(private=True).post(receiver.url, {}, b"{}").text) == 65_536
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Failed, match="refused"):
        Client(private=True).post(f"http://127.0.0.1:{port}/", {}, b"{}")
