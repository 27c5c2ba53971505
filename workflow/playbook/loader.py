"""The only reader of YAML: turns a playbook's text into a frozen `Playbook`, or raises all findings with their lines.

Builds its own tree from parser events and never constructs a value, so aliases, tags and deep nesting cost nothing.
What the keys mean is in `grammar`; whether the parts fit together is asked by `check`.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import yaml

from workflow.errors import Finding, PlaybookError
from workflow.playbook.findings import Findings
from workflow.playbook.grammar import playbook_of
from workflow.playbook.spots import Spot
from workflow.playbook.tree import Node, Notes, Place, Rows, Table, Text, Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from workflow.playbook.schema import Playbook

MOST_BYTES: Final = 256 * 1024
DEEPEST: Final = 20

# libyaml is about ten times faster; the wheels of the common platforms carry it.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KINDS: Final = {
    "tag:yaml.org,2002:bool": "bool",
    "tag:yaml.org,2002:int": "int",
    "tag:yaml.org,2002:float": "float",
    "tag:yaml.org,2002:null": "null",
    "tag:yaml.org,2002:timestamp": "timestamp",
}
# Begins with a letter and holds nothing that means anything in YAML, or is a duration.
_SURELY_TEXT: Final = re.compile(r"[^\W\d_][\w ./()'’…–-]*(?<! )|\d{1,8}(?:s|m|h|d|wd)")
# Everything that YAML may not hold, the byte order mark inside the text, and the rare line breaks that most
# editors do not count, so that line numbers stay true. Tabs get a finding of their own.
_UNSEEN: Final = re.compile("[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def read(path: Path) -> Playbook:
    """The playbook in the file at `path`. Raises PlaybookError, also when the file cannot be read."""
    try:
        # A pipe or a device could be endless; of a file one byte over the limit is enough to know.
        if not path.is_file():
            raise _refusal(str(path), 0, "unreadable", "There is no such file: check the path.")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refusal(str(path), 0, "unreadable", f"The file cannot be read: {reason}.") from error
    return load(content, str(path))


def load(text: str | bytes, file: str = "playbook") -> Playbook:
    """The playbook written in `text`; `file` is the name to use in errors.

    Raises PlaybookError with every finding, in the order of lines. The same text gives the same playbook, which keys
    caches and is never changed.
    """
    # What is no text is refused where it is decoded.
    return _loaded(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text), file)


@lru_cache(maxsize=4)
def _loaded(content: bytes, file: str) -> Playbook:
    characters = _decoded(content, file)
    findings = Findings()
    for number, line in enumerate(characters.split("\n"), start=1):
        if "\t" in line:
            findings.add(number, "tab", "There is a tab in this line: indent and separate with spaces.")
    findings.refuse(file)  # with tabs the structure is not what it seems
    root = _tree(characters, findings)
    if root is None or (isinstance(root, Text) and root.kind == "null"):
        findings.refuse(file)
        raise _refusal(file, 1, "empty", "The playbook is empty: see docs/playbook.md for its keys.")
    notes = Notes(findings)
    playbook = playbook_of(Place(root, "", notes, root.line), notes.lines, hashlib.sha256(content).hexdigest())
    findings.refuse(file)
    return playbook


def spots(text: str, file: str = "playbook") -> Spot | None:
    """Where each part of `text` stands in it, None when nothing does. Raises PlaybookError for what is no plain YAML.

    What `load` would say of the values is not asked. The same text gives the same spots, which nobody may change.
    """
    return _spotted(text, file)


# An edit asks many times about the text before it and the one after it.
@lru_cache(maxsize=2)
def _spotted(text: str, file: str) -> Spot | None:
    findings = Findings()
    # The parser counts no byte order mark.
    mark = len(text) - len(text.removeprefix("\ufeff"))
    charted = _Chart(text, mark)
    if _tree(text[mark:], findings) is not None:
        findings.refuse(file)
        for event in yaml.parse(text[mark:], Loader=_LOADER):
            charted.take(event)
    findings.refuse(file)
    return charted.root


def written(text: str) -> str:
    """`text` as a value of the file: in quotes wherever YAML, or a reader in brackets, could take it for another."""
    if _SURELY_TEXT.fullmatch(text) and kind(text) == "text" and text not in "yYnN":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _refusal(file: str, line: int, code: str, sentence: str) -> PlaybookError:
    return PlaybookError(file=file, findings=(Finding(line, code, sentence),))


def _decoded(content: bytes, file: str) -> str:
    try:
        if len(content) > MOST_BYTES:
            raise _refusal(file, 0, "too_large", f"The playbook is larger than {MOST_BYTES // 1024} KB: shorten it.")
        characters = content.decode("utf-8-sig")
    except UnicodeError as error:
        raise _refusal(file, 0, "encoding", "The playbook is not UTF-8 text: save it as UTF-8.") from error
    unseen = _UNSEEN.search(characters)
    if unseen:
        line = characters.count("\n", 0, unseen.start()) + 1
        raise _refusal(file, line, "characters", "There is an invisible character in this line: remove it.")
    return characters


def _tree(characters: str, findings: Findings) -> Node | None:
    """The tree of the text, None when there is nothing or nothing that could be read."""
    # Where the end of the file is the mistake, the parser points behind it.
    last = max(1, len(characters.splitlines()))
    builder = _Builder(findings, last)
    try:
        for event in yaml.parse(characters, Loader=_LOADER):
            if not builder.take(event):
                return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line + 1, last) if mark else 0
        problem = error.problem or error.context
        findings.add(line, "yaml", f"This is not YAML ({problem}): check the lines around here.")
        return None
    return builder.root


class _Builder:
    """Grows the tree from parser events, and refuses what a playbook has no use for."""

    def __init__(self, findings: Findings, last: int) -> None:
        self.root: Node | None = None
        self._findings = findings
        self._last = last
        self._open: list[Table | Rows] = []
        self._keys: list[Text | Unreadable | None] = []  # of each open node, the key that waits for its value
        self._documents = 0

    def take(self, event: yaml.Event) -> bool:
        """Take the next event in; False when reading on would be of no use."""
        line = min(event.start_mark.line + 1, self._last) if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            return self._document(event, line)
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            name = (event.anchor or "")[:40]
            self._findings.add(line, "alias", f"`*{name}` refers to another place: write the value out here.")
            self._place(Unreadable(line))
        elif isinstance(event, (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            return self._node(event, line)
        return True

    def _document(self, event: yaml.DocumentStartEvent, line: int) -> bool:
        self._documents += 1
        if self._documents > 1:
            self._findings.add(line, "documents", "A second document starts here: a playbook is one document.")
            return False
        if event.version or event.tags:
            self._findings.add(line, "directive", "There is a % line before the playbook: remove it.")
        return True

    def _node(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int) -> bool:
        if event.anchor:
            self._findings.add(line, "anchor", f"`&{event.anchor[:40]}` names a place for reuse: remove it.")
        if event.tag:
            self._findings.add(line, "tag", f"`{_shown(event.tag)}` is a YAML tag: remove it.")
        if isinstance(event, yaml.ScalarEvent):
            self._place(_scalar(event, line))
            return True
        if len(self._open) >= DEEPEST:
            self._findings.add(line, "too_deep", f"The playbook nests deeper than {DEEPEST} levels: flatten it.")
            return False
        node: Table | Rows = Table({}, line) if isinstance(event, yaml.MappingStartEvent) else Rows([], line)
        self._place(node)
        self._open.append(node)
        self._keys.append(None)
        return True

    def _place(self, node: Node) -> None:
        """Put `node` where it belongs: the root, a row, a key, or the value of the key before it."""
        if not self._open:
            self.root = node
            return
        parent, key = self._open[-1], self._keys[-1]
        if isinstance(parent, Rows):
            parent.items.append(node)
        elif key is None:
            self._keys[-1] = self._key(node)
        else:
            self._keys[-1] = None
            self._enter(parent, key, node)

    def _key(self, node: Node) -> Text | Unreadable:
        if isinstance(node, (Text, Unreadable)):
            return node
        self._findings.add(node.line, "key", "A list or a mapping stands where a key should be: write a single word.")
        return Unreadable(node.line)

    def _enter(self, table: Table, key: Text | Unreadable, node: Node) -> None:
        if isinstance(key, Unreadable):
            return
        if key.value == "<<" and not key.quoted:
            self._findings.add(key.line, "merge", "`<<` merges another place in: write its keys out here.")
            return
        if key.value in table.entries:
            first = table.entries[key.value][0].line
            self._findings.add(
                key.line,
                "duplicate_key",
                f"The key `{key.value[:40]}` is here twice (first in line {first}): keep one.",
            )
            return
        table.entries[key.value] = (key, node)


class _Chart:
    """Notes where each node begins and ends. What is refused elsewhere has been refused before."""

    def __init__(self, text: str, mark: int) -> None:
        self.root: Spot | None = None
        self._text = text
        self._mark = mark
        self._line, self._seen = 1, 0
        self._open: list[Spot] = []
        self._keys: list[Spot | None] = []

    def take(self, event: yaml.Event) -> None:
        """Take the next event in."""
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close(event)
        elif isinstance(event, (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            start, end = self._index(event.start_mark), self._index(event.end_mark)
            if isinstance(event, yaml.ScalarEvent):
                end = start + len(self._text[start:end].rstrip())  # a block of text ends before the next line
            # Events come in the order of the text.
            self._line += self._text.count("\n", self._seen, start)
            self._seen = start
            spot = Spot(start, end, self._line, start - self._text.rfind("\n", 0, start) - 1)
            spot.last_line = spot.line + self._text.count("\n", start, end)
            self._place(spot)
            if isinstance(event, yaml.ScalarEvent):
                spot.value, spot.quoted = event.value, bool(event.style)
                return
            spot.flow = bool(event.flow_style)
            if isinstance(event, yaml.MappingStartEvent):
                spot.entries = []
            else:
                spot.items = []
            self._open.append(spot)
            self._keys.append(None)

    def _close(self, event: yaml.Event) -> None:
        spot = self._open.pop()
        self._keys.pop()
        inner = [value for _, value in spot.entries or ()] + (spot.items or [])
        # Outside of brackets the parser's end lies behind all that follows; the text ends with the last thing in it.
        spot.end = self._index(event.end_mark) if spot.flow else inner[-1].end if inner else spot.end
        spot.last_line = spot.line + self._text.count("\n", spot.start, spot.end)

    def _index(self, mark: Any) -> int:  # noqa: ANN401 - of either parser
        return int(mark.index) + self._mark

    def _place(self, spot: Spot) -> None:
        if not self._open:
            self.root = spot
            return
        parent, key = self._open[-1], self._keys[-1]
        if parent.items is not None:
            parent.items.append(spot)
        elif key is None:
            self._keys[-1] = spot
        else:
            self._keys[-1] = None
            if parent.entries is not None:
                parent.entries.append((key, spot))


def _scalar(event: yaml.ScalarEvent, line: int) -> Text:
    quoted = bool(event.style)  # the style of a plain scalar is None or, from libyaml, empty
    return Text(event.value, line, "text" if quoted else kind(event.value), quoted)


def kind(value: str) -> str:
    """What YAML 1.1 makes of the plain scalar `value`."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    for tag, pattern in (*resolvers.get(value[:1], ()), *resolvers.get(None, ())):
        if pattern.match(value):
            return _KINDS.get(tag, "other")
    return "text"


def _shown(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")[:60]
