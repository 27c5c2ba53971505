"""Editing a playbook's text: what was asked for changes, and not one other byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.errors import BadInput, PlaybookError
from workflow.playbook import edit, loader

HEAD = """\
# how we sell
name: small
languages: [en, bg]
stages:
  open: {title: {en: Open, bg: Отворен}}
  closed: {title: {en: Closed, bg: Приключен}, final: true}
transitions:
  - {trigger: close, from: open, to: closed}
"""
BLOCK = f"""{HEAD}
sequences:
  # the first of them
  one:
    title: {{en: One, bg: Едно}}   # said aloud
    start: {{when: call.ended}}

    stop:
      - reply      # always
      - close
    # between the calls
    steps:
      # above a
      - {{key: a, email: decision, after: 1d}}  # behind a

      # above b, in
      # two lines
      - task: {{en: Call, bg: Обаждане}}
        # of b
        key: b
        after: 2wd
        blocking: true
      -
        key: c
        email: "meeting_recap"
        after: 3h
# far out
  two: {{start: {{when: meeting.held}}, stop: [reply],
        steps: [{{key: x, email: decision}}, {{key: z, task: {{en: A, bg: Б}}}}]}}

signals:
  - {{source: s, when: {{kind: k}}, do: close}}   # the end"""
COMMENTS = [line[line.index("#") :] for line in BLOCK.split("\n") if "#" in line]
ASKED = ("sequences", "one", "steps")
FLOW = ("sequences", "two", "steps")


def steps(source: str, key: str = "one") -> list[str]:
    """The keys of a sequence's steps, as the product reads the file."""
    return [step.key for step in loader.load(source).sequences[key].steps]


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("swap"), st.integers(0, 2)),
        st.tuples(st.just("drop"), st.integers(0, 3)),
        st.tuples(st.just("insert"), st.integers(0, 3)),
        st.tuples(st.just("double"), st.integers(0, 3)),
        st.tuples(st.just("after"), st.integers(0, 3)),
    ),
    max_size=6,
)


@settings(max_examples=50, deadline=None)
@given(operations=OPERATIONS, path=st.sampled_from([ASKED, FLOW]), breaks=st.sampled_from(["\n", "\r\n"]))
def test_any_edits_do_to_the_steps_what_they_do_to_a_list_and_nothing_to_the_rest(
    operations: list[tuple[str, int]], path: tuple[str, ...], breaks: str
) -> None:
    source = BLOCK.replace("\n", breaks)
    model, dropped = steps(source, path[1]), False
    for made, (what, at) in enumerate(operations):
        if at >= len(model) or (what == "swap" and at + 1 >= len(model)) or (what == "drop" and len(model) == 1):
            continue
        if what == "swap":
            source = edit.swap(source, path, at)
            model[at], model[at + 1] = model[at + 1], model[at]
        elif what == "drop":
            source, dropped = edit.drop(source, (*path, at)), True
            del model[at]
        elif what == "insert":
            source = edit.insert(source, path, at, {"key": f"new{made}", "email": "decision", "after": "1d"})
            model.insert(at, f"new{made}")
        elif what == "double":
            source = edit.double(source, path, at, f"again{made}")
            model.insert(at + 1, f"again{made}")
        else:
            source = edit.put(source, (*path, at, "after"), f"{made + 5}d")
        book = loader.load(source)
        assert [step.key for step in book.sequences[path[1]].steps] == model
    assert dropped or all(comment in source for comment in COMMENTS)
    # All around the steps is as it was, to the byte; the file had no end of its last line, and may have got one.
    start = BLOCK.index("steps:") if path is ASKED else BLOCK.index("steps: [")
    assert source.startswith(BLOCK[:start].replace("\n", breaks))
    assert source.rstrip("\r\n").endswith("# the end")
    assert source.count("\r\n") == (source.count("\n") if breaks == "\r\n" else 0)


CHANGES: list[tuple[tuple[str | int, ...], Any, str, str]] = [
    (("sequences", "one", "stop"), ["reply", "close", "left"], "      - close\n", "      - close\n      - left\n"),
    (("sequences", "one", "stop"), ["close"], "      - reply      # always\n", ""),
    (("sequences", "one", "title"), {"en": "One: first", "bg": "Едно"}, "{en: One,", '{en: "One: first",'),
    (("sequences", "one", "title"), {"en": "One", "bg": "Едно"}, "", ""),
    (("sequences", "one", "priority"), 5, "        after: 3h\n", "        after: 3h\n    priority: 5\n"),
    (("sequences", "two", "exclusive"), True, "Б}}]", "Б}}], exclusive: true"),
    (("sequences", "two", "start"), {"when": "stage.entered", "stage": "open"},
     "meeting.held", "stage.entered, stage: open"),
    ((*ASKED, 1, "blocking"), None, "        blocking: true\n", ""),
    ((*ASKED, 1, "after"), "2wd", "", ""),
    ((*ASKED, 2, "email"), "decision", '"meeting_recap"', "decision"),
    ((*FLOW, 0, "thread"), None, "", ""),
    ((*FLOW, 1, "task"), {"en": "on", "bg": "Б"}, "{en: A,", '{en: "on",'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "before", "after"), CHANGES)
def test_a_change_touches_its_own_letters_only(
    path: tuple[str | int, ...], value: Any, before: str, after: str
) -> None:
    source = f"{BLOCK}\n"
    changed = edit.put(source, path, value)
    loader.load(changed)
    assert changed == source.replace(before, after, 1)
    assert edit.put(changed, path, value) == changed


def test_the_first_key_of_a_row_goes_and_its_neighbours_move_up_with_their_comments() -> None:
    after = edit.put(edit.put(BLOCK, (*ASKED, 1, "email"), "decision"), (*ASKED, 1, "blocking"), None)
    after = edit.put(after, (*ASKED, 1, "task"), None)
    assert loader.load(after).sequences["one"].steps[1].email == "decision"
    assert "# of b" in after
    assert "Обаждане" not in after


def test_a_comment_goes_where_its_step_goes() -> None:
    moved = edit.swap(BLOCK, ASKED, 0)
    assert "      # above a\n      - {key: a, email: decision, after: 1d}  # behind a\n      -\n        key: c" in moved
    assert "steps:\n      # above b, in\n      # two lines\n      - task:" in moved
    assert "two lines" not in edit.drop(BLOCK, (*ASKED, 1))


def test_whole_sequences_come_are_copied_and_go() -> None:
    fresh: Any = {"start": {"when": "call.ended"}, "stop": ["reply"], "steps": [{"key": "a", "email": "decision"}]}
    after = edit.put(BLOCK, ("sequences", "fresh"), fresh)
    assert list(loader.load(after).sequences) == ["one", "two", "fresh"]
    twice = edit.double_entry(after, ("sequences",), "one", "uno")
    assert list(loader.load(twice).sequences) == ["one", "uno", "two", "fresh"]
    assert steps(twice, "uno") == ["a", "b", "c"]
    gone = edit.put(edit.put(twice, ("sequences", "uno"), None), ("sequences", "fresh"), None)
    assert list(loader.load(gone).sequences) == ["one", "two"]
    assert all(comment in gone for comment in COMMENTS)
    # A playbook that had none gets its first, with the mark that some editors put before everything.
    first = edit.put("\ufeff" + HEAD, ("sequences",), {"fresh": fresh})
    assert steps(first, "fresh") == ["a"]
    assert first.startswith("\ufeff" + HEAD)


def test_what_is_not_there_is_said_and_a_broken_file_is_left_alone() -> None:
    calls: tuple[Callable[[], str], ...] = (
        lambda: edit.swap(BLOCK, ASKED, 2),
        lambda: edit.put(BLOCK, ("sequences", "none", "stop"), ["reply"]),
        lambda: edit.drop(BLOCK, ("sequences", "one", "steps", 7)),
        lambda: edit.double_entry(BLOCK, ("sequences",), "none", "other"),
    )
    for call in calls:
        with pytest.raises(BadInput, match="edit it as text"):
            call()
    with pytest.raises(BadInput, match="at least one step"):
        edit.drop(edit.drop(BLOCK, (*FLOW, 0)), (*FLOW, 0))
    for broken in ("a: [", "a: *b", "a: &b 1", "a: !!str b"):
        with pytest.raises(PlaybookError):
            edit.put(broken, ("a",), "x")


def test_every_text_comes_back_as_it_was_written() -> None:
    for told in ("no", "12:30", "a: b", 'a "b" \\ c', "# x", "- x", "Обаждане, и още", "y", "[x", "3d", "it's", "null"):
        after = edit.put(BLOCK, ("sequences", "one", "title"), {"en": told, "bg": told})
        assert loader.load(after).sequences["one"].title == {"en": told, "bg": told}
