"""Checks an exported history with Python's standard library alone: `python check_history.py FILE [--expect DIGEST]`.

Needs no installation and changes nothing; an auditor can read it in five minutes. The rules are in docs/history.md.
Exit code 0 when nothing was altered, 1 when something was, 2 when the file cannot be opened.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT: Final = "onward-history/1"
# The lines in the order in which they may come, and the part of the file that each belongs to.
ORDER: Final = {"header": 0, "playbook": 1, "history": 2, "prospect": 2, "manifest": 3, "seal": 4}
PARTS: Final = {"header": "header", "playbook": "playbooks", "history": "prospects", "prospect": "prospects"}
TEXTS: Final = ("email", "name", "company", "phone", "title", "language", "time_zone", "country")
NEW: Final[dict[str, Any]] = {**dict.fromkeys(TEXTS, ""), "custom": {}, "outcome": None, "outcome_reason": None,
                              "owner_id": None}  # fmt: skip
# What a file of an earlier release does not have yet.
LATER: Final = ("mail_hold_until", "mail_hold_why", "declined", "merged_into")


class Altered(Exception):
    """The file is not what was exported; the message names the place."""


@dataclass
class Told:
    """What has been read so far."""

    prospect: str = ""
    version: int = 0
    head: str = ""
    folded: dict[str, Any] = field(default_factory=dict)
    last: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    sums: dict[str, Any] = field(default_factory=lambda: {part: hashlib.sha256() for part in PARTS.values()})
    heads: Any = field(default_factory=hashlib.sha256)
    whole: Any = field(default_factory=hashlib.sha256)

    def take(self, kind: str, row: dict[str, Any], number: int) -> None:
        """One line more."""
        if (kind == "header") != (number == 1) or (kind == "header" and row["format"] != FORMAT):
            raise Altered(f"Line {number} is no header of the form {FORMAT}, or a second one.")
        if kind == "history":
            self.change(row)
        if kind == "prospect":
            self.close(row)
        if kind == "manifest" and (self.prospect or text(row) != text(self.manifest())):
            raise Altered(f"The manifest in line {number} is not that of the lines before it.")
        if kind == "seal" and row != {"sha256": self.whole.hexdigest()}:
            raise Altered(f"The seal in line {number} is not that of the lines before it.")

    def change(self, row: dict[str, Any]) -> None:
        """The next version of this prospect, chained to the one before, and folded onto it."""
        if not self.prospect:
            self.prospect, self.version, self.head = row["prospect_id"], 0, ""
            self.folded = {**NEW, "id": self.prospect, "created_at": row["at"]}
        name = f"version {self.version + 1} of prospect {self.prospect}"
        if (row["prospect_id"], row["version"]) != (self.prospect, self.version + 1):
            raise Altered(f"There should be {name}: a row was removed, inserted or moved.")
        canonical = text({key: value for key, value in row.items() if key != "digest"})
        if hashlib.sha256(f"{self.head}\n{canonical}".encode()).hexdigest() != row["digest"]:
            raise Altered(f"The row is not what was chained: {name} was altered.")
        self.version, self.head = row["version"], row["digest"]
        self.folded |= row["changes"] | {"version": self.version, "chain": self.head, "updated_at": row["at"]}

    def close(self, row: dict[str, Any]) -> None:
        """The prospect as it stands: exactly what its history adds up to."""
        if row["id"] != self.prospect or row["id"] <= self.last:
            raise Altered(f"Prospect {row['id']} has no history here, or is not in its place.")
        folded: dict[str, Any] = {name: None for name in LATER if name in row}
        folded |= self.folded
        if text(row) != text(folded):
            differs = sorted(key for key in {*row, *folded} if row.get(key) != folded.get(key))
            raise Altered(f"Prospect {row['id']} is not what its history adds up to: {', '.join(differs)}.")
        self.heads.update(f"{self.prospect} {self.version} {self.head}\n".encode())
        self.last, self.prospect = self.prospect, ""

    def add(self, kind: str, line: bytes) -> None:
        """Count and sum a line that was right."""
        self.whole.update(line)
        if kind in PARTS:
            self.counts[kind] += 1
            self.sums[PARTS[kind]].update(line)

    def manifest(self) -> dict[str, Any]:
        """The manifest that belongs to what was read."""
        sums = {part: each.hexdigest() for part, each in self.sums.items()}
        return {"counts": dict(self.counts), "digest": self.heads.hexdigest(), "sha256": sums}


def text(value: object) -> str:
    """The canonical form: JSON with sorted keys, no spaces, and only the escapes that JSON demands."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def check(lines: Iterable[bytes], expect: str = "") -> Told:
    """Read a whole file, line by line; gives what it held. Raises Altered at the first place that is not right."""
    told, before, number = Told(), "header", 0
    for number, line in enumerate(lines, 1):
        place = f"Line {number}, after version {told.version} of prospect {told.prospect or told.last},"
        try:
            kind, row = json.loads(line.decode("utf-8"))
            follows = before == "manifest" if kind == "seal" else ORDER[before] <= min(ORDER[kind], 2)
            if not follows or f"{text([kind, row])}\n".encode() != line:
                raise Altered(f"{place} is not as it was written, or not in its place.")
            told.take(kind, row, number)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise Altered(f"{place} cannot be read.") from error
        told.add(kind, line)
        before = kind
    if before != "seal":
        raise Altered(f"The file ends without its seal, after line {number}: the end of it was cut off.")
    if expect and expect != told.heads.hexdigest():
        raise Altered(f"The digest is {told.heads.hexdigest()}, not {expect}: this is another state of the history.")
    return told


def main() -> int:
    """Check the file that the command line names."""
    words = argparse.ArgumentParser(description="Check an exported history.")
    words.add_argument("file", type=Path)
    words.add_argument("--expect", default="", metavar="DIGEST", help="the digest that was printed at the export")
    asked = words.parse_args()
    try:
        with asked.file.open("rb") as lines:
            told = check(lines, asked.expect.lower())
    except OSError as error:
        words.error(f"{asked.file} cannot be opened: {error.strerror}.")
    except Altered as error:
        print(error)  # noqa: T201 - a program of its own
        return 1
    print(f"{told.counts['prospect']} prospects, {told.counts['history']} rows, nothing altered.")  # noqa: T201
    print(told.heads.hexdigest())  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
