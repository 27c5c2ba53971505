"""Whatever bytes arrive: an answer, within bounded time and memory, with nothing in it that a database cannot keep."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import fields, is_dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.letters import REPORTS, letter, prose_bounces
from workflow.mail.inbound.classify import Classified, Kind, classify
from workflow.mail.inbound.headers import addresses, parameters, plain, read_headers, words
from workflow.mail.inbound.html import text_of_html
from workflow.mail.inbound.matching import Ours
from workflow.mail.inbound.mime import MOST_PARTS, read
from workflow.mail.inbound.replies import split

# A busy machine is no finding.
PATIENT = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KNOWN = Ours(message_keys=("k",), tag_keys=("k",), link_keys=("k",))
SEEDS = [
    *(path.read_bytes() for path in sorted((Path(__file__).parent / "wire").glob("*.eml"))),
    *(make("5.1.1", "550 no such user") for make in REPORTS.values()),
    *prose_bounces("550 5.1.1 User unknown").values(),
    letter("Отсъствам до 12.01.2027 г.", charset="windows-1251", headers={"Auto-Submitted": "auto-replied"}),
    letter("<p>Yes<blockquote>no", kind="text/html", coding="quoted-printable"),
]
HEAD = b"From: a@b.cc\r\nTo: x@y.zz\r\nSubject: s\r\nDate: Thu, 19 Nov 2026 08:15:30 +0000\r\n"
MIXED = HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
BIG = 25_000_000


def texts(value: Any) -> list[str]:
    """Every text in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [each for item in value for each in texts(item)]
    if is_dataclass(value):
        return [each for item in fields(value) for each in texts(getattr(value, item.name))]
    return []


def check(content: bytes) -> Classified:
    found = classify(content, ours=KNOWN)
    assert found.kind in Kind
    for text in texts(found):
        assert "\0" not in text
        text.encode()
    if found.away:
        found.away.returns_on()
    return found


@PATIENT
@given(st.binary(max_size=400))
@example(b"")
@example(b"\n")
@example(b":")
@example(b"From: <\r\nSubject: =?utf-7?q?+2AA-?=\r\n\r\n+2AA-")
@example(b"Content-Type: text/plain; charset=idna\r\n\r\nxn--\xff")
@example(b"Content-Type: text/plain; charset*0*=x'y'%ff; charset*1=z\r\n\r\n\xff")
@example(b"Date: Thu, 99999999999999999999 Nov 2026 08:15:30 +99999999999999\r\n\r\n")
def test_no_bytes_are_without_an_answer(content: bytes) -> None:
    check(content)


LINES = st.sampled_from(
    [
        *(line for seed in SEEDS for line in seed.splitlines(keepends=True)),
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n',
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Type: text/plain; charset=utf-7\r\n",
        b"Content-Type: text/html; charset=utf-16\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"\r\n",
        b"\0\0\r\n",
    ]
) | st.binary(max_size=40)


@PATIENT
@given(st.lists(LINES, max_size=60))
def test_lines_of_real_mail_in_any_order_have_an_answer(lines: list[bytes]) -> None:
    check(b"".join(lines))


@PATIENT
@given(
    st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.binary(max_size=6)), max_size=8)
)
def test_real_mail_with_bytes_changed_dropped_and_doubled_has_an_answer(
    seed: bytes, changes: list[tuple[float, int, bytes]]
) -> None:
    content = seed
    for share, dropped, put in changes:
        place = int(len(content) * share)
        content = content[:place] + put + content[place + dropped :]
    check(content)


@PATIENT
@given(st.sampled_from(SEEDS), st.floats(0, 1))
def test_mail_that_breaks_off_has_an_answer(seed: bytes, share: float) -> None:
    check(seed[: int(len(seed) * share)])


HOSTILE = {
    "a large file": MIXED
    + b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Transfer-Encoding: base64\r\nContent-Type: "
    b"application/pdf\r\n\r\n" + (b"QUJD" * 19 + b"\r\n") * (BIG // 78) + b"--b--",
    "much text": HEAD + b"\r\n" + b"word word word\n" * (BIG // 15),
    "one line": HEAD + b"\r\n" + b"a" * BIG,
    "much html": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>a" * (BIG // 6),
    "headers only": b"".join(b"X-%d: y\r\n" % at for at in range(BIG // 14)),
    "one header": b"Subject: " + b"a" * BIG,
    "a header in a million lines": b"Subject: a\r\n" + b" \r\n" * 1_000_000,
    "ten thousand parts": MIXED + b"".join(b"--b\r\n\r\nline %d\r\n" % at for at in range(10_000)) + b"--b--",
    "ten thousand levels": HEAD
    + b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (at, at) for at in range(10_000)),
    "one boundary at every level": MIXED + b'--b\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' * 20_000,
    "a boundary everywhere": HEAD + b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n' + b"--a" * (BIG // 3),
    "half a boundary everywhere": HEAD
    + b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n'
    + b"\n--ax" * (BIG // 5),
    "nothing but zeros": b"\0" * BIG,
    "nothing but carriage returns": b"\r" * BIG,
    "open quotes": b"From: " + b'"\\' * 8000 + b"\r\n\r\n",
    "open brackets": b"From: " + b"(" * 16_000 + b"\r\n\r\n",
    "open words": b"Subject: " + b"=?utf-8?q?a?= " * 1200 + b"\r\n\r\n",
    "open parameters": b"Content-Type: " + b';a="' * 4000 + b"\r\n\r\n",
    "open tags": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<a b='" * 80_000,
    "open comments": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<!--" * 120_000,
    "open scripts": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<script>" * 60_000,
    "introductions": HEAD + b"\r\n" + b"On 1\n2\n3\nwrote:\n\n" * 30_000,
    "headers of answered mail": HEAD + b"\r\n" + b"From: x\n" * 60_000,
    "signatures": HEAD + b"\r\n" + b"-- \n" * 150_000,
    "recipients": MIXED.replace(b"mixed", b"report")
    + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    + b"Final-Recipient: rfc822; a@b.cc\r\nAction: failed\r\n\r\n" * 5000,
    "dates": HEAD + b"Auto-Submitted: auto-replied\r\n\r\nout of office " + b"until monday 1.1 back on " * 20_000,
    "attendees": HEAD
    + b"Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VEVENT\nATTENDEE"
    + b";A=b" * 20_000
    + b":x\n",
    "addresses in prose": HEAD.replace(b"a@", b"mailer-daemon@")
    + b"Return-Path: <>\r\n\r\nundeliverable "
    + b"x@y.cc " * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_costs_seconds(name: str) -> None:
    content = HOSTILE[name]
    began = time.perf_counter()
    check(content)
    # An idle machine takes a tenth of this; what is not linear takes minutes.
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("name", ["a large file", "much text", "much html", "half a boundary everywhere", "signatures"])
def test_the_answer_takes_some_megabytes_however_large_the_mail(name: str) -> None:
    tracemalloc.start()
    check(HOSTILE[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 25_000_000


def test_the_words_in_the_first_parts_are_read_and_the_rest_is_cut_not_refused() -> None:
    mail = read(HOSTILE["ten thousand parts"])
    assert len(mail.parts) <= MOST_PARTS
    assert check(HOSTILE["ten thousand parts"]).reply.visible.startswith("line 0\nline 1\nline 2")


@PATIENT
@given(st.text(max_size=300))
def test_html_is_never_too_odd(text: str) -> None:
    shown = text_of_html(text)
    found = split(shown)
    assert sorted((found.visible + found.quoted).split()) == sorted(shown.split())


@pytest.mark.parametrize("seed", SEEDS)
def test_sound_mail_is_read_as_the_standard_library_reads_it(seed: bytes) -> None:
    ours, theirs = read(seed), message_from_bytes(seed, policy=policy.default)
    assert ours.headers.text("subject") == str(theirs["subject"])
    assert [each for _, each in addresses(ours.headers.raw("from"))] == [
        each.addr_spec for each in theirs["from"].addresses
    ]
    body = theirs.get_body(("plain",))
    if body is not None and body.get_content_charset() and not theirs.is_multipart():
        assert ours.text().split() == body.get_content().split()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?utf-8?q?=D0=9F=D0?= =?utf-8?q?=B0=D1=82?=", "Пат"),
        ("=?UTF-8?B?0J/QsNGC?=\r\n =?utf-8?b?IGE=?=", "Пат a"),
        ("=?windows-1251*bg?B?z+Dy?= ok", "Пат ok"),
        ("=?koi8-r?Q?=F0=C1=D4?=", "Пат"),
        ("=?utf-8?q?a_b?=c", "a bc"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?nonsense?b?0J/QsNGC?=", "Пат"),
        ("=?utf-8?b?0J/QsNG?=", "Па\ufffd"),
    ],
)
def test_encoded_words_are_decoded_as_far_as_they_go(raw: str, text: str) -> None:
    assert words(raw) == text


@pytest.mark.parametrize(
    ("raw", "name", "value"),
    [
        ("multipart/report; boundary=abc; report-type=x", "boundary", "abc"),
        ('multipart/report; boundary="a;b\\"c"', "boundary", 'a;b"c'),
        ("text/plain; charset=utf-8 (a comment)", "charset", "utf-8"),
        ("text/plain; charset*=us-ascii'en'utf-8", "charset", "utf-8"),
        ("x/y; name*0=one; name*1=two", "name", "onetwo"),
        ("x/y; name*0*=utf-8''%D0%9F; name*1*=%D0%B0", "name", "Па"),
        ("x/y; name*1*=%D0%B0; name*0*=utf-8''%D0%9F", "name", "Па"),
        ("x/y; CHARSET = Windows-1251 ;", "charset", "Windows-1251"),
    ],
)
def test_parameters_are_read_in_each_form(raw: str, name: str, value: str) -> None:
    assert parameters(raw)[1][name] == value


def test_a_line_that_is_no_header_begins_the_body() -> None:
    headers, body = read_headers(b"From: a@b.cc\nno header here\nmore")
    assert (headers.raw("from"), body) == ("a@b.cc", 13)


@pytest.mark.parametrize(
    "charset", ["idna", "zip", "undefined", "hex", "punycode", "unicode_escape", "../x", "utf-8\0"]
)
def test_no_name_of_a_charset_reaches_a_codec_that_is_not_for_text(charset: str) -> None:
    assert plain("Пат".encode(), charset) == "Пат"
