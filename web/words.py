"""Checks that every word of pages and code has its translation, and that no translation is left over.

`python -m web.words check` prints each finding on a line and exits with 1 when there is one. Serves no page.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment

from web.i18n import FALLBACK, LANGUAGES, Key, read_words
from workflow import places

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Report:
    """What a check of the catalogue found, one sentence each."""

    findings: list[str] = field(default_factory=list)
    checked: int = 0


def used_words(root: Path, templates: Path) -> dict[Key, str]:
    """Every message that a page or a module asks for, with the place where it stands."""
    found: dict[Key, str] = {}
    environment = Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - only read
    for folder in ("panel", "public"):
        for file in sorted((templates / folder).rglob("*.html")):
            source = file.read_text(encoding="utf-8")
            for line, function, message in _extract(environment, source):
                found.setdefault(_key(function, message), f"{file.relative_to(templates)}:{line}")
    for file in sorted(root.rglob("*.py")):
        for line, function, message in _calls(ast.parse(file.read_text(encoding="utf-8"))):
            found.setdefault(_key(function, message), f"{file.relative_to(root.parent)}:{line}")
    return found


def _extract(environment: Environment, source: str) -> Iterator[tuple[int, str, Any]]:
    extract: Any = environment.extract_translations  # type: ignore[attr-defined]
    yield from extract(source)


def _calls(tree: ast.AST) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id not in ("_", "gettext", "ngettext", "pgettext", "_n", "later"):
            continue
        texts = tuple(
            each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )
        if texts:
            yield node.lineno, node.func.id, texts


def _key(function: str, message: Any) -> Key:  # noqa: ANN401 - a text, or a tuple with holes
    parts = (message,) if isinstance(message, str) else tuple(each for each in message if isinstance(each, str))
    if function in ("ngettext", "_n"):
        return parts[0], parts[1]
    if function == "pgettext":
        return f"{parts[0]}\x04{parts[1]}"
    return parts[0]


def check(root: Path, templates: Path) -> Report:
    """Compare the words in use with each language's file: none missing, none left over, no place holder lost."""
    used = used_words(root, templates)
    report = Report(checked=len(used))
    for code in LANGUAGES:
        if code == FALLBACK:
            continue
        told = read_words(templates / "words" / f"{code}.po")
        for key, place in used.items():
            forms = told.get(key, ("",))
            if not all(forms):
                report.findings.append(f"{place}: no {code} for {_shown(key)}")
            elif any(_holes(form) != _holes(key if isinstance(key, str) else key[-1]) for form in forms[-1:]):
                report.findings.append(f"{place}: the {code} of {_shown(key)} has other place holders")
        report.findings += [f"words/{code}.po: {_shown(key)} is used nowhere" for key in told if key not in used]
    return report


def _holes(message: str) -> set[str]:
    return {part.partition(")")[0] for part in message.split("%(")[1:]}


def _shown(key: Key) -> str:
    return repr(key if isinstance(key, str) else key[0]).replace("\\x04", ": ")


def main(argv: list[str]) -> int:
    """Check the catalogue; exit code 1 with findings."""
    if argv != ["check"]:
        sys.stderr.write("Usage: python -m web.words check\n")
        return 2
    report = check(Path(__file__).resolve().parent, places.templates_dir())
    for finding in report.findings:
        sys.stdout.write(finding + "\n")
    sys.stdout.write(f"{report.checked} messages, {len(report.findings)} findings\n")
    return 1 if report.findings else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
