"""Signed words of public links: read only with the purpose and the key they were made for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.mail import tokens

KEY = "k" * 40
TOKEN = tokens.sign("unsubscribe", "0192f0c1-2222-7000-8000-0123456789ab", KEY)


def test_a_token_carries_its_payload() -> None:
    assert tokens.read("unsubscribe", TOKEN, KEY) == "0192f0c1-2222-7000-8000-0123456789ab"


def test_a_token_can_stand_in_an_address_as_it_is() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{27}", TOKEN)


def test_a_token_for_one_purpose_serves_no_other() -> None:
    assert tokens.read("sign-in", TOKEN, KEY) is None


def test_a_token_of_another_key_is_none() -> None:
    assert tokens.read("unsubscribe", TOKEN, "other") is None


def test_a_purpose_and_a_payload_cannot_be_shifted_into_each_other() -> None:
    assert tokens.sign("a", "bc", KEY).partition(".")[2] != tokens.sign("ab", "c", KEY).partition(".")[2]
    with pytest.raises(ValueError, match="zero byte"):
        tokens.sign("a\0b", "c", KEY)


def test_a_token_needs_a_key() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        tokens.sign("unsubscribe", "x", "")


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_a_token_changed_anywhere_is_none(place: int) -> None:
    other = "A" if TOKEN[place] != "A" else "B"
    assert tokens.read("unsubscribe", TOKEN[:place] + other + TOKEN[place + 1 :], KEY) is None


@pytest.mark.parametrize(
    "odd",
    ["", ".", "..", "я.я", TOKEN + "=", TOKEN + ".", TOKEN.replace(".", "=."), "\ud800", "a" * 100_000, "\n" + TOKEN],
)
def test_a_token_that_is_none_is_no_error(odd: str) -> None:
    assert tokens.read("unsubscribe", odd, KEY) is None


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_any_payload_comes_back(payload: str) -> None:
    assert tokens.read("link", tokens.sign("link", payload, KEY), KEY) == payload
