"""Ids are UUIDs of version 7 that sort in the order in which one process made them."""

from __future__ import annotations

from itertools import pairwise
from uuid import RFC_4122, UUID

from workflow.ids import is_id, new_id


def test_ids_are_canonical_and_never_the_same() -> None:
    made = [new_id() for _ in range(5_000)]
    assert len(set(made)) == len(made)
    assert all(is_id(each) and str(UUID(each)) == each for each in made)
    assert {(UUID(each).version, UUID(each).variant) for each in made} == {(7, RFC_4122)}


def test_ids_made_in_one_millisecond_still_sort_as_they_were_made() -> None:
    """Two deliveries are stored within one; lists order what came at the same time by id."""
    made = [new_id() for _ in range(5_000)]
    out_of_order = sum(one > other for one, other in pairwise(made))
    # A quarter of a microsecond apart is told apart; only a clock that is set back in between could disturb more.
    assert out_of_order <= len(made) // 100
