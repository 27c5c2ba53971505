"""What a key of the playbook may hold: shapes that read a place of the file, and describe themselves as JSON Schema.

The tables made of them stand in `grammar`; loader and editors read the same ones. Knows no playbook.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any, Final

from workflow.playbook import tree
from workflow.playbook.schema import Delay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.playbook.tree import Fields, Place

LANGUAGES: Final = ("en", "bg")
LONGEST_LINE: Final = 500

Described = dict[str, Any]


@dataclass(frozen=True, slots=True)
class At:
    """Where a value is read: its place, its key or row number, and the languages that a text must have."""

    place: Place
    languages: tuple[str, ...]
    key: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """How a value is read and how it is described. `named` shapes are described once, and referred to."""

    read: Callable[[At], Any]
    describe: Callable[[], Described]
    parts: Callable[[], tuple[Shape, ...]] = tuple
    keys: tuple[Key, ...] = ()
    name: str = ""

    @property
    def schema(self) -> Described:
        """The description to put where this shape stands."""
        return {"$ref": f"#/$defs/{self.name}"} if self.name else self.describe()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record: what it holds, what it means, and the attribute that takes the value."""

    name: str
    shape: Shape
    about: str
    required: bool = False
    attribute: str = ""


# --- single values


def _plain(read: Callable[[Place], Any], **described: Any) -> Shape:  # noqa: ANN401 - words of JSON Schema
    return Shape(lambda at: read(at.place), lambda: dict(described))


TEXT: Final = _plain(lambda place: place.text(), type="string", minLength=1, maxLength=tree.LONGEST_TEXT)
WORD: Final = _plain(lambda place: place.word(), type="string", pattern=f"^{tree.WORD}$")
FLAG: Final = _plain(lambda place: place.flag(), type="boolean")
SPAN: Final = _plain(lambda place: place.span(timedelta()), type="string", pattern="^[0-9]{1,8}(s|m|h|d)$")
DELAY: Final = _plain(lambda place: place.delay(Delay()), type="string", pattern="^[0-9]{1,8}(s|m|h|d|wd)$")


def count(low: int, high: int) -> Shape:
    """A whole number."""
    return _plain(lambda place: place.count(low, high, low), type="integer", minimum=low, maximum=high)


def clock(otherwise: time) -> Shape:
    """A time of day; `otherwise` where it is wrong, so that it is not found wrong twice."""
    return _plain(lambda place: place.clock(otherwise), type="string", pattern=f"^{tree.CLOCK}$")


def choice(*known: str) -> Shape:
    """One of these words."""
    return _plain(lambda place: place.choice(known), type="string", enum=list(known))


def is_word(word: str) -> Shape:
    """One word, which stands for yes."""
    return _plain(lambda place: place.choice((word,)) == word, type="string", enum=[word])


def words(*known: str) -> Shape:
    """A word or a list of them, each once; without `known` words of the author's own."""
    one = choice(*known).describe() if known else WORD.describe()
    several = {"type": "array", "items": one, "minItems": 1, "uniqueItems": True}
    return _plain(lambda place: place.words(known), oneOf=[one, several])


def span_or(**spoken: timedelta | None) -> Shape:
    """A time span, or one of these words, which stands for the value beside it."""

    def read(place: Place) -> timedelta | None:
        word = place.spoken(tuple(spoken))
        if word:
            return spoken[word]
        # A wait of no time reads like a wait.
        refused = place.spoken(("0s", "0m", "0h", "0d"))
        if refused:
            place.wrong(
                "duration", f"`{refused}` is no time at all: write one of {', '.join(spoken)}, or a longer time."
            )
        return place.span(timedelta())

    described = SPAN.describe()
    return _plain(read, oneOf=[described, {"type": "string", "enum": list(spoken)}])


# --- texts by language


def texts(longest: int = tree.LONGEST_TEXT) -> Shape:
    """A text for each language of the playbook."""

    def read(at: At) -> dict[str, str]:
        keys = at.place.fields(*LANGUAGES)
        for language in at.languages:
            keys.need(language)
        return {language: keys[language].text(longest=longest) for language in LANGUAGES if language in keys}

    text = {"type": "string", "minLength": 1, "maxLength": longest}
    described = {
        "type": "object",
        "properties": dict.fromkeys(LANGUAGES, text),
        "additionalProperties": False,
        "minProperties": 1,
    }
    return Shape(read, lambda: dict(described))


TITLE: Final = texts()
LINE: Final = texts(LONGEST_LINE)


# --- what holds others


def rows(of: Shape, *, some: bool = False, unique: str = "") -> Shape:
    """A list, with `some` of at least one row; no two rows have the same `unique` attribute."""

    def read(at: At) -> tuple[Any, ...]:
        found = []
        taken: set[object] = set()
        for position, place in enumerate(at.place.rows()):
            value = of.read(replace(at, place=place, position=position))
            mark = getattr(value, unique) if unique else None
            if mark and mark in taken:
                place.wrong("twice", f"Two rows of {at.place.where} have the {unique} `{mark}`: give each its own.")
            taken.add(mark)
            found.append(value)
        if some and at.place.is_bare_list:
            at.place.wrong("empty", f"{at.place.where} is an empty list: write at least one row, or remove the key.")
        return tuple(found)

    least = {"minItems": 1} if some else {}
    return Shape(read, lambda: {"type": "array", "items": of.schema, **least}, parts=lambda: (of,))


def table(of: Shape, *, some: bool = False) -> Shape:
    """Keys of the author's choice, in the order of the file, with `some` at least one."""

    def read(at: At) -> dict[str, Any]:
        if some and at.place.is_bare_table:
            at.place.wrong("empty", f"{at.place.where} is empty: write at least one key with its values.")
        items = enumerate(at.place.items())
        return {key: of.read(replace(at, place=place, key=key, position=position)) for position, (key, place) in items}

    least = {"minProperties": 1} if some else {}
    names = WORD.describe()
    described = {"type": "object", "propertyNames": names, **least}
    return Shape(read, lambda: {**described, "additionalProperties": of.schema}, parts=lambda: (of,))


@dataclass(frozen=True, slots=True)
class Together:
    """What the keys of a record must keep among themselves: a rule for the loader and its words for editors."""

    rule: Callable[[Fields], None]
    described: Mapping[str, Any] = field(default_factory=dict)


def record(name: str, make: Callable[..., Any], keys: tuple[Key, ...], together: Together | None = None) -> Shape:
    """A mapping of known keys. `make(at, **values)` gets the values that the file gives, by attribute."""

    def read(at: At) -> object:
        fields = at.place.fields(*(key.name for key in keys))
        values = {}
        for key in keys:
            place = fields.need(key.name) if key.required else fields[key.name]
            if place.given or key.required:
                values[key.attribute or key.name] = key.shape.read(replace(at, place=place))
        if together is not None:
            together.rule(fields)
        return make(at, **values)

    def describe() -> Described:
        required = [key.name for key in keys if key.required]
        return {
            "type": "object",
            "properties": {key.name: {**key.shape.schema, "description": key.about} for key in keys},
            "additionalProperties": False,
            **({"required": required} if required else {}),
            **(together.described if together else {}),
        }

    return Shape(read, describe, lambda: tuple(key.shape for key in keys), keys, name)


def one_key(name: str, keys: tuple[Key, ...], makers: Mapping[str, Callable[[Any], Any]], blank: object) -> Shape:
    """A mapping of exactly one known key, whose value is handed to its maker; `blank` where that is not so.

    The shapes of its keys may refer to the whole: they are asked for when a value is read.
    """

    def read(at: At) -> object:
        fields = at.place.fields(*makers)
        given = [key for key in keys if key.name in fields]
        if len(given) == 1:
            key = given[0]
            return makers[key.name](key.shape.read(replace(at, place=fields[key.name])))
        if len(given) > 1:
            names = ", ".join(f"`{key.name}`" for key in given)
            at.place.wrong("combination", f"{at.place.where} holds {names}: give each a row of its own.")
        elif at.place.is_table:
            at.place.wrong("missing", f"{at.place.where} is empty: write one of {', '.join(makers)}.")
        return blank

    def describe() -> Described:
        return {
            "type": "object",
            "properties": {key.name: {**key.shape.schema, "description": key.about} for key in keys},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }

    return Shape(read, describe, lambda: tuple(key.shape for key in keys), keys, name)


def word_or(word: str, value: object, other: Shape) -> Shape:
    """A single word that stands for `value`, or else a mapping."""

    def read(at: At) -> object:
        if at.place.is_table:
            return other.read(at)
        at.place.choice((word,))
        return value

    described = {"type": "string", "enum": [word]}
    return Shape(read, lambda: {"oneOf": [described, other.schema]}, parts=lambda: (other,))


def lazily(name: str, find: Callable[[], Shape]) -> Shape:
    """A shape that is defined elsewhere, perhaps around this very place."""
    return Shape(lambda at: find().read(at), lambda: find().describe(), lambda: (find(),), name=name)


def every(shape: Shape, seen: set[int] | None = None) -> list[Shape]:
    """A shape and all within it, each once."""
    known = seen if seen is not None else set()
    if id(shape) in known:
        return []
    known.add(id(shape))
    return [shape, *(found for part in shape.parts() for found in every(part, known))]


# --- how the values of a record become one of `schema`


def value(kind: type) -> Callable[..., Any]:
    """Only what the record holds."""
    return lambda _at, **values: kind(**values)


def lined(kind: type) -> Callable[..., Any]:
    """With its line."""
    return lambda at, **values: kind(**values, line=at.place.line)


def keyed(kind: type) -> Callable[..., Any]:
    """With the key it stands under, and its line."""
    return lambda at, **values: kind(key=at.key, **values, line=at.place.line)


def placed(kind: type) -> Callable[..., Any]:
    """With its key, its position and its line."""
    return lambda at, **values: kind(key=at.key, position=at.position, **values, line=at.place.line)


def numbered(kind: type) -> Callable[..., Any]:
    """With its position in the list, and its line."""
    return lambda at, **values: kind(position=at.position, **values, line=at.place.line)
