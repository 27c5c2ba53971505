"""A playbook's text as a plain tree, and `Place`: one spot of it, read strictly as a text, a number or a duration.

Knows neither YAML nor what a stage is. What is not as it should be becomes a finding, and reading goes on.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

from workflow.playbook.findings import Findings
from workflow.playbook.schema import Delay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPANS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST: Final = timedelta(days=366)
MOST_WORKING_DAYS: Final = 260  # about a year of them
LONGEST_TEXT: Final = 200

_DURATION: Final = re.compile(r"(\d{1,8})(s|m|h|d|wd)", re.ASCII)
_LOOSE_DURATION: Final = re.compile(
    r"(?P<n>\d{1,8})\s*(?P<unit>s|sec|secs|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|(wd|working\s?days?))",
    re.ASCII | re.IGNORECASE,
)
WORD: Final = "[a-z][a-z0-9_]{0,63}"
_WORD: Final = re.compile(WORD, re.ASCII)
_ROW: Final = re.compile(r"\.(\d+)", re.ASCII)
CLOCK: Final = "([01][0-9]|2[0-3]):([0-5][0-9])"
_CLOCK: Final = re.compile(CLOCK, re.ASCII)
# What YAML 1.1, or some reader of it, takes for a number or a truth value although PyYAML may not: 08:30, 1e3, 09, y.
_NOT_CLEARLY_TEXT: Final = re.compile(r"[-+]?\.?\d[\d_]*(?:[:.,]\d+)*(?:[eE][-+]?\d+)?|[yYnN]", re.ASCII)

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar. `kind` says what YAML would make of it: text, or a bool, int, float, null, timestamp, other."""

    value: str
    line: int
    kind: str = "text"
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping in the order of the file."""

    entries: dict[str, tuple[Text, Node]]
    line: int


@dataclass(frozen=True, slots=True)
class Rows:
    """A list."""

    items: list[Node]
    line: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A node that was refused already (an alias): asking it anything brings no second finding."""

    line: int


Node = Text | Table | Rows | Unreadable

_READ_AS: Final = {
    "bool": "a yes or no",
    "int": "a number",
    "float": "a number",
    "null": "nothing at all",
    "timestamp": "a date",
}


@dataclass(frozen=True, slots=True)
class Notes:
    """What reading leaves behind besides the value: the findings, and the line of every path."""

    findings: Findings
    lines: dict[str, int] = field(default_factory=dict)


class Place:
    """One place of the tree, there or absent. Each reading method returns its `default` when absent or wrong."""

    __slots__ = ("_node", "_notes", "line", "path")

    def __init__(self, node: Node | None, path: str, notes: Notes, line: int) -> None:
        self._node = node
        self._notes = notes
        self.path = path
        self.line = line
        if node is not None:
            notes.lines[path] = line

    @property
    def where(self) -> str:
        """The path as a person counts, with the rows of a list from 1."""
        return _ROW.sub(lambda row: f" (number {int(row[1]) + 1})", self.path) or "The file"

    @property
    def given(self) -> bool:
        """Whether the file says anything here."""
        return self._node is not None

    @property
    def is_table(self) -> bool:
        """Whether keys with values stand here."""
        return isinstance(self._node, Table)

    @property
    def is_bare_table(self) -> bool:
        """Whether `{}` stands here."""
        return isinstance(self._node, Table) and not self._node.entries

    @property
    def is_bare_list(self) -> bool:
        """Whether `[]` stands here."""
        return isinstance(self._node, Rows) and not self._node.items

    @property
    def is_list(self) -> bool:
        """Whether a list stands here."""
        return isinstance(self._node, Rows)

    def wrong(self, code: str, sentence: str) -> None:
        """Note a finding about this place."""
        self._notes.findings.add(self.line, code, sentence)

    # --- texts ---

    def text(self, default: str = "", longest: int = LONGEST_TEXT) -> str:
        """A line of text: not empty, no control characters, and never what YAML takes for something else."""
        node = self._node
        if not isinstance(node, Text):
            self._expected("a text")
            return default
        return node.value if _plain_text(node, self.where, self._notes.findings, longest) else default

    def word(self, default: str = "") -> str:
        """A name as used in the file itself: small Latin letters, digits and underscores."""
        text = self.text()
        if text and not _WORD.fullmatch(text):
            self.wrong("name", _no_name(text))
            return default
        return text or default

    def choice(self, known: Sequence[str], default: str = "") -> str:
        """One of the `known` words."""
        text = self.text()
        if text and text not in known:
            start = f"`{text[:40]}` is not known in {self.where}"
            self._notes.findings.unknown(self.line, "unknown_word", start, text, known)
            return default
        return text or default

    def spoken(self, known: Sequence[str]) -> str:
        """One of the `known` words if one of them stands here; nothing is wrong with anything else."""
        node = self._node
        return node.value if isinstance(node, Text) and node.value in known else ""

    def words(self, known: Sequence[str] = ()) -> tuple[str, ...]:
        """A name or a list of at least one name, each once; with `known` only those."""
        places = self.rows() if isinstance(self._node, Rows) else [self]
        if self.is_bare_list:
            self.wrong("empty", f"{self.where} is an empty list: write at least one word, or remove the key.")
        found: dict[str, None] = {}  # a set that keeps the order
        for place in places:
            word = place.choice(known) if known else place.word()
            if word in found:
                place.wrong("twice", f"`{word}` is named twice in {self.where}: once is enough.")
            elif word:
                found[word] = None
        return tuple(found)

    # --- numbers, times ---

    def flag(self, *, default: bool = False) -> bool:
        """`true` or `false`."""
        node = self._node
        if isinstance(node, Text) and not node.quoted and node.value in {"true", "false"}:
            return node.value == "true"
        self._expected("true or false, without quotes", even_text=True)
        return default

    def count(self, low: int, high: int, default: int) -> int:
        """A whole number from `low` to `high`."""
        node = self._node
        if isinstance(node, Text) and not node.quoted and re.fullmatch(r"0|[1-9]\d{0,8}", node.value, re.ASCII):
            number = int(node.value)
            if low <= number <= high:
                return number
        self._expected(f"a whole number from {low} to {high}, without quotes", even_text=True)
        return default

    def clock(self, default: time) -> time:
        """A time of day in quotes, such as "08:30"."""
        text = self.text()
        match = _CLOCK.fullmatch(text)
        if match:
            return time(int(match[1]), int(match[2]))
        if text:
            self.wrong("time", f'`{text[:40]}` is no time of day: write it in quotes like "08:30", up to "23:59".')
        return default

    def delay(self, default: Delay) -> Delay:
        """A duration such as 2s 15m 24h 3d 2wd."""
        node = self._node
        if not isinstance(node, Text):
            self._expected("a duration, for example 24h")
            return default
        try:
            return parse_delay(node.value)
        except ValueError as error:
            self.wrong("duration", str(error))
            return default

    def span(self, default: timedelta) -> timedelta:
        """A duration without working days."""
        delay = self.delay(Delay(default))
        if delay.working_days:
            self.wrong("duration", f"{self.where} cannot be counted in working days: write hours or days, like 24h.")
            return default
        return delay.span

    # --- what holds others ---

    def peek(self, key: str) -> Place:
        """The place of `key`, to read ahead: what is wrong there is noted when it is read in its turn."""
        node = self._node
        entry = node.entries.get(key) if isinstance(node, Table) else None
        return Place(entry[1] if entry else None, key, Notes(Findings()), self.line)

    def rows(self) -> list[Place]:
        """The places of a list; none when absent."""
        node = self._node
        if not isinstance(node, Rows):
            self._expected("a list")
            return []
        return [Place(item, f"{self.path}.{number}", self._notes, item.line) for number, item in enumerate(node.items)]

    def items(self) -> Iterator[tuple[str, Place]]:
        """Keys of the author's choice, each with its place."""
        for key, place in self._entries():
            if _WORD.fullmatch(key):
                yield key, place
            else:
                place.wrong("name", _no_name(key))

    def fields(self, *known: str) -> Fields:
        """The places of a mapping whose keys are all among `known`; others are findings."""
        found: dict[str, Place] = {}
        for key, place in self._entries():
            if key in known:
                found[key] = place
            else:
                start = f"The key `{key[:40]}` is not known" + (f" in {self.where}" if self.path else "")
                self._notes.findings.unknown(place.line, "unknown_key", start, key, known)
        return Fields(self, found, self._notes)

    def _entries(self) -> Iterator[tuple[str, Place]]:
        node = self._node
        if not isinstance(node, Table):
            self._expected("keys with values, for example `key: value`")
            return
        for name, (key, value) in node.entries.items():
            if _plain_text(key, "a key", self._notes.findings):
                path = f"{self.path}.{name}" if self.path else name
                yield name, Place(value, path, self._notes, key.line)

    def _expected(self, what: str, *, even_text: bool = False) -> None:
        """Note that something else stands here than `what`; an absent place is nobody's fault."""
        node = self._node
        if node is None or isinstance(node, Unreadable):
            return
        where = self.where
        if isinstance(node, Text) and node.kind == "null" and not node.value:
            self.wrong("empty", f"{where} has no value: write {what}, or remove the key.")
        elif isinstance(node, Text) and even_text:
            self.wrong("type", f"{where} is `{node.value[:40]}`: write {what}.")
        else:
            found = {Text: "a single value", Table: "keys with values", Rows: "a list"}[type(node)]
            self.wrong("type", f"{where} holds {found}: write {what}.")


class Fields:
    """The known keys of one mapping."""

    __slots__ = ("_found", "_notes", "place")

    def __init__(self, place: Place, found: dict[str, Place], notes: Notes) -> None:
        self.place = place
        self._found = found
        self._notes = notes

    def __getitem__(self, key: str) -> Place:
        """The place of `key`, absent or not."""
        if key in self._found:
            return self._found[key]
        path = f"{self.place.path}.{key}" if self.place.path else key
        return Place(None, path, self._notes, self.place.line)

    def __contains__(self, key: str) -> bool:
        """Whether the file gives `key`."""
        return key in self._found

    def need(self, key: str) -> Place:
        """The place of `key`; its absence is a finding."""
        place = self[key]
        if not place.given and self.place.is_table:
            where = f"{self.place.where} needs" if self.place.path else "The playbook needs"
            place.wrong("missing", f"{where} the key `{key}`: add it.")
        return place


def _no_name(text: str) -> str:
    return f"`{text[:40]}` is no name: use small Latin letters, digits and _, starting with a letter."


def parse_delay(text: str) -> Delay:
    """The waiting time written as one whole number and one unit: s, m, h, d, or wd for working days.

    Raises ValueError with a sentence that shows the right form.
    """
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError(_duration_sentence(text))
    number, unit = int(match[1]), match[2]
    if unit == "wd":
        if number > MOST_WORKING_DAYS:
            message = f"`{text}` is too long: at most {MOST_WORKING_DAYS}wd."
            raise ValueError(message)
        return Delay(working_days=number)
    span = timedelta(seconds=number * SPANS[unit])
    if span > LONGEST:
        message = f"`{text}` is too long: at most {LONGEST.days}d."
        raise ValueError(message)
    return Delay(span)


def _duration_sentence(text: str) -> str:
    loose = _LOOSE_DURATION.fullmatch(text.strip())
    if not loose:
        return f"`{text[:40]}` is no duration: write one whole number and one unit (s, m, h, d, wd), for example 24h."
    number, unit = int(loose["n"]), loose["unit"].lower()
    if unit.startswith("w") and not unit.startswith(("wd", "wo")):
        number, unit = number * 7, "d"
    unit = "wd" if unit.startswith(("wd", "wo")) else unit[0]
    return f"`{text[:40]}` is no duration: write it as {number}{unit}."


def _plain_text(node: Text, where: str, findings: Findings, longest: int = LONGEST_TEXT) -> bool:
    """Whether `node` is a usable line of text; a finding if not."""
    value = node.value
    if not node.quoted:
        if node.kind == "null" and not value:
            findings.add(node.line, "empty", f"{where} has no value: write a text.")
            return False
        kind = node.kind
        if kind == "text" and _NOT_CLEARLY_TEXT.fullmatch(value):
            kind = "bool" if value.isalpha() else "int"
        if kind != "text":
            read_as = _READ_AS.get(kind, "an instruction to YAML")
            shown = value[:40]
            findings.add(node.line, "quotes", f'`{shown}` is read as {read_as}: write it in quotes, "{shown}".')
            return False
    if not value.strip():
        findings.add(node.line, "empty", f"{where} is empty: write a text.")
    elif len(value) > longest:
        findings.add(node.line, "too_long", f"{where} is too long: at most {longest} characters.")
    elif any(unicodedata.category(c) in _UNSEEN for c in value):
        findings.add(node.line, "characters", f"{where} holds a line break or an invisible character: remove it.")
    else:
        return True
    return False
