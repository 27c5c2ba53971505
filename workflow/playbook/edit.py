"""Changes one part of a playbook's text and leaves every other byte of it as it is: comments, order, spaces, quotes.

Pure: text in, text out, cut by the places that the loader knows. Whether what comes out is sound is asked by `check`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from workflow.errors import BadInput
from workflow.playbook import loader

Value = str | int | bool | Sequence["Value"] | Mapping[str, "Value"] | None
Path = tuple[str | int, ...]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workflow.playbook.spots import Spot

_STEP: Final = 2  # columns by which what is new stands further in
_COMMENT: Final = re.compile(r"[ ]*#")
_BREAK: Final = re.compile(r"\r?\n")


def put(source: str, path: Path, value: Value) -> str:
    """The text with `value` at `path`; None takes it away. What is so already stays as it is written.

    Everything but the last key must be there. Raises BadInput when it is not, PlaybookError for what is no YAML.
    """
    *above, name = path
    if not isinstance(name, str):
        raise _lost()
    place = _spot(source, *above)
    pair = place.entry(name)
    if pair is None:
        return source if value is None else _add_entry(source, place, name, value)
    if value is None:
        return _drop_entry(source, place, name)
    return _change(source, path, pair, value)


def insert(source: str, path: Path, position: int, value: Mapping[str, Value]) -> str:
    """The text with a new row in the list at `path`, before the one that is at `position` (from 0) now."""
    place = _spot(source, *path)
    rows = place.items or []
    if place.items is None or not rows:
        raise _lost()
    said = _flow(value)
    if place.flow:
        if position >= len(rows):
            return _cut(source, rows[-1].end, rows[-1].end, f", {said}")
        return _cut(source, rows[position].start, rows[position].start, f"{said}, ")
    source = _ended(source)
    regions = _rows(source, place)
    at = regions[position][0] if position < len(rows) else regions[-1][2]
    return _cut(source, at, at, f"{' ' * _dash_column(source, regions[0])}- {said}{_nl(source)}")


def drop(source: str, path: Path) -> str:
    """The text without the row at `path`, and without the comment right above it. The last row is not taken away."""
    *above, number = path
    place = _spot(source, *above)
    rows = place.items or []
    if not isinstance(number, int) or not 0 <= number < len(rows):
        raise _lost()
    if len(rows) == 1:
        message = "A sequence has at least one step: add another one first, or remove the sequence."
        raise BadInput(message)
    if place.flow:
        row = rows[number]
        if number + 1 < len(rows):
            return _cut(source, row.start, rows[number + 1].start, "")
        return _cut(source, rows[number - 1].end, row.end, "")
    source = _ended(source)
    begin, _, end = _rows(source, place)[number]
    return _cut(source, begin, end, "")


def swap(source: str, path: Path, number: int) -> str:
    """The text with the row at `number` (from 0) of the list behind the one after it; each keeps its comment."""
    place = _spot(source, *path)
    rows = place.items or []
    if not 0 <= number < len(rows) - 1:
        raise _lost()
    if place.flow:
        a, b, c, d = rows[number].start, rows[number].end, rows[number + 1].start, rows[number + 1].end
    else:
        source = _ended(source)
        (a, _, b), (c, _, d) = _rows(source, place)[number : number + 2]
    return source[:a] + source[c:d] + source[b:c] + source[a:b] + source[d:]


def double(source: str, path: Path, number: int, key: str) -> str:
    """The text with a copy of a row behind it, under another `key`."""
    place = _spot(source, *path)
    row = place.at(number)
    named = row.at("key") if row else None
    if row is None or named is None:
        raise _lost()
    if place.flow:
        copy = source[row.start : named.start] + loader.written(key) + source[named.end : row.end]
        return _cut(source, row.end, row.end, f", {copy}")
    source = _ended(source)
    _, dash, end = _rows(source, place)[number]
    return _cut(source, end, end, source[dash : named.start] + loader.written(key) + source[named.end : end])


def double_entry(source: str, path: Path, name: str, key: str) -> str:
    """The text with a copy of the entry `name` of a mapping behind it, under another `key`."""
    place = _spot(source, *path)
    pair = place.entry(name)
    if pair is None:
        raise _lost()
    if place.flow:
        return _cut(source, pair[1].end, pair[1].end, f", {loader.written(key)}{source[pair[0].end : pair[1].end]}")
    source = _ended(source)
    begin, end = _line_start(source, pair[0].start), _line_end(source, pair[1].end)
    copy = source[begin : pair[0].start] + loader.written(key) + source[pair[0].end : end]
    return _cut(source, end, end, f"{_nl(source)}{copy}")


# --- one entry of a mapping


def _change(source: str, path: Path, pair: tuple[Spot, Spot], value: Value) -> str:
    key, there = pair
    if _is_same(there, value):
        return source
    if isinstance(value, Mapping) and there.entries:
        # What is new comes first, so that a mapping is never left without anything in it.
        wanted = {name: each for name, each in value.items() if each is not None}
        for name, each in (*wanted.items(), *((gone, None) for gone in list(there.keys()) if gone not in wanted)):
            source = put(source, (*path, name), each)
        return source
    if isinstance(value, (list, tuple)) and there.items and all(each.value is not None for each in there.items):
        return _change_words(source, path, [str(each) for each in value])
    said = _flow(value)
    if there.entries is None and there.items is None and there.end > there.start:
        return _cut(source, there.start, there.end, said)
    return _cut(source, key.end, max(there.end, source.index(":", key.end) + 1), f": {said}")


def _change_words(source: str, path: Path, wanted: list[str]) -> str:
    """A list of words becomes `wanted`: what stays stays where it is, what is new comes last."""
    there = [each.value or "" for each in _spot(source, *path).items or ()]
    for word in wanted:
        if word not in there:
            place = _spot(source, *path)
            rows = place.items or []
            if place.flow:
                source = _cut(source, rows[-1].end, rows[-1].end, f", {loader.written(word)}")
            else:
                source = _ended(source)
                regions = _rows(source, place)
                indent = " " * _dash_column(source, regions[0])
                source = _cut(source, regions[-1][2], regions[-1][2], f"{indent}- {loader.written(word)}{_nl(source)}")
    for word in there:
        if word not in wanted:
            place = _spot(source, *path)
            number = next(at for at, each in enumerate(place.items or ()) if each.value == word)
            source = drop(source, (*path, number))
    return source


def _add_entry(source: str, place: Spot, name: str, value: Value) -> str:
    if place.entries is None:
        raise _lost()
    last = place.entries[-1][1] if place.entries else None
    if place.flow:
        if last is None:
            return _cut(source, place.start, place.end, f"{{{name}: {_flow(value)}}}")
        return _cut(source, last.end, last.end, f", {name}: {_flow(value)}")
    if last is None:
        raise _lost()
    source = _ended(source)
    at = _line_end(source, last.end)
    column = place.entries[0][0].column
    if column == 0 or _is_deep(value):
        lines = _nl(source).join(_block(name, value, column))
        return _cut(source, at, at, f"{_nl(source)}{lines}{_nl(source)}")
    return _cut(source, at, at, f"{' ' * column}{name}: {_flow(value)}{_nl(source)}")


def _drop_entry(source: str, place: Spot, name: str) -> str:
    entries = place.entries or []
    number = next(at for at, (key, _) in enumerate(entries) if key.value == name)
    key, value = entries[number]
    if place.flow:
        if number + 1 < len(entries):
            return _cut(source, key.start, entries[number + 1][0].start, "")
        return _cut(source, entries[number - 1][1].end if number else key.start, value.end, "")
    source = _ended(source)
    begin, end = _line_start(source, key.start), _line_end(source, value.end)
    if source[begin : key.start].strip():  # it shares its line with the dash of a row
        if number + 1 == len(entries):
            raise _lost()
        after = entries[number + 1][0].start
        between = source[end : _line_start(source, after)]
        return source[:begin] + between + source[begin : key.start] + source[after:]
    if _is_deep_spot(value):
        begin = _with_comment(source, begin, entries[number - 1][1].end if number else 0)
    return _cut(source, begin, end, "")


# --- how a value is written


def _flow(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items() if each is not None) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return loader.written(value) if isinstance(value, str) else str(value)


def _block(name: str, value: Value, column: int) -> Iterator[str]:
    """An entry on lines of its own: mappings and lists of mappings are opened, the rest stands in brackets."""
    indent = " " * column
    if not _is_deep(value):
        yield f"{indent}{name}: {_flow(value)}"
        return
    yield f"{indent}{name}:"
    if isinstance(value, Mapping):
        for inner, each in value.items():
            if each is not None:
                yield from _block(inner, each, column + _STEP)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield f"{indent}{' ' * _STEP}- {_flow(each)}"


def _is_deep(value: Value) -> bool:
    inner = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else []
    return any(isinstance(each, (Mapping, list, tuple)) for each in inner)


def _is_deep_spot(spot: Spot) -> bool:
    return any(value.entries or value.items for _, value in spot.entries or ())


def _is_same(spot: Spot, value: Value) -> bool:
    """Whether `value` is what stands there, and is written so that it is read as that."""
    if isinstance(value, Mapping):
        wanted = {name: each for name, each in value.items() if each is not None}
        return spot.entries is not None and set(spot.keys()) == set(wanted) and all(
            _is_same(there, wanted[key.value]) for key, there in spot.entries if key.value is not None
        )  # fmt: skip
    if isinstance(value, (list, tuple)):
        return spot.items is not None and {each.value for each in spot.items} == set(value)
    if spot.value is None:
        return False
    said = _flow(value)
    if spot.quoted:
        return isinstance(value, str) and spot.value == value
    return spot.value == (value if isinstance(value, str) else said) and not (
        isinstance(value, str) and said.startswith('"') and _is_another(value)
    )


def _is_another(text: str) -> bool:
    """Whether YAML takes `text`, written without quotes, for something else than a text."""
    return loader.kind(text) != "text"


# --- where lines and rows begin and end


def _rows(source: str, place: Spot) -> list[tuple[int, int, int]]:
    """Of each row of a list without brackets: where its comment begins, its line with the dash, and the next line."""
    found: list[tuple[int, int, int]] = []
    behind = _line_start(source, place.start)
    for row in place.items or ():
        dash = behind
        while not source[dash : _line_end(source, dash)].lstrip(" ").startswith("-"):
            dash = _line_end(source, dash)
        begin = _with_comment(source, dash, found[-1][2] if found else 0)
        behind = _line_end(source, row.end)
        found.append((begin, dash, behind))
    return found


def _with_comment(source: str, begin: int, limit: int) -> int:
    """The line where the comment right above `begin` begins, not before `limit`."""
    while begin > limit:
        above = _line_start(source, begin - 1)
        if above < limit or not _COMMENT.match(source, above):
            break
        begin = above
    return begin


def _dash_column(source: str, row: tuple[int, int, int]) -> int:
    return source.index("-", row[1]) - row[1]


def _line_start(source: str, at: int) -> int:
    return source.rfind("\n", 0, at) + 1


def _line_end(source: str, at: int) -> int:
    found = source.find("\n", at)
    return len(source) if found < 0 else found + 1


def _nl(source: str) -> str:
    found = _BREAK.search(source)
    return found[0] if found else "\n"


def _ended(source: str) -> str:
    """The text with an end to its last line; every place in it stays what it was."""
    return source if source.endswith("\n") else source + _nl(source)


def _cut(source: str, begin: int, end: int, said: str) -> str:
    return source[:begin] + said + source[end:]


def _spot(source: str, *path: str | int) -> Spot:
    root = loader.spots(source)
    found = root.at(*path) if root is not None else None
    if found is None:
        raise _lost()
    return found


def _lost() -> BadInput:
    return BadInput(
        "This part of the playbook is not there any more, or is written in an unusual way: edit it as text."
    )
