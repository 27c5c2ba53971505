"""Where Onward calls out to: public places only, whatever the address looks like and however its name changes."""

from __future__ import annotations

import pytest

from workflow.errors import BadInput
from workflow.outbound import guard
from workflow.outbound.guard import FakeResolver, Refused, SystemResolver


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/",
        "https://", "https:///path", "https://example.com:22/", "https://example.com:99999/", "https://example.com:x/",
        "https://user:secret@example.com/", "https://example.com@127.0.0.1/", "https://example.com/#part",
        "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://017700000001/",
        "https://1.2.3.4.5/", "https://localhost/", "https://hooks.localhost/", "https://a.LOCALHOST./",
        "https://redis/", "https://exa mple.com/", "https://a.de/a b",
        "https://example.com\\@127.0.0.1/", "https://example.com/\r\nHost: evil", "https://[::1",
        "https://[fe80::1%25lo]/", "https://[::1]/", "https://10.0.0.1/", "https://169.254.169.254/latest/",
        "https://-bad.example.com/", "https://..example.com/", "https://a.de/път", "https://" + "a" * 64 + ".com/",
        "https://example.com/" + "x" * 2000, "", "example.com", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_an_address_that_is_no_plain_https_address_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(BadInput, match=r"^The address .* https://example\.com/hooks\.$") as refused:
        guard.place(url)
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%lo",
        "fec0::1",
        "ff02::1", "100::1", "3fff::1", "5f00::1", "", "example.com",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_open_internet_is_not_called(address: str) -> None:
    assert not guard.is_public(address)
    resolver = FakeResolver({"hooks.example.com": [["93.184.215.14", address]]})
    with pytest.raises(Refused, match="not public"):
        guard.addresses(guard.place("https://hooks.example.com/"), resolver)


def test_public_places_are_allowed() -> None:
    for address in ("93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"):
        assert guard.is_public(address)
    assert guard.place("https://Hooks.Example.COM./in?x=1") == guard.Place("https", "hooks.example.com", 443, "/in?x=1")
    assert guard.place("https://пример.бг:8443") == guard.Place("https", "xn--e1afmkfd.xn--90ae", 8443, "/")
    assert guard.place("http://lab:9000/", private=True).port == 9000


def test_the_resolver_of_this_host_is_not_asked_for_ever() -> None:
    assert "127.0.0.1" in SystemResolver().addresses("127.0.0.1", 443, 5.0)
    with pytest.raises(OSError, match=r".+"):
        SystemResolver().addresses("no-such-name.invalid", 443, 10.0)


def test_a_name_below_localhost_is_this_machine_whatever_the_system_resolves() -> None:
    found = guard.addresses(guard.place("http://hooks.localhost:9/", private=True), SystemResolver(), private=True)
    assert found == ["127.0.0.1", "::1"]
    assert not any(map(guard.is_public, found))
