"""The texts of our emails: folders of templates, in a language so small that nothing in them can run away.

An email is `<root>/<name>/<language>/{subject.txt,body.txt,body.html}`. A template may name values, choose between
texts and use a few filters. It cannot loop, calculate, call or load, so its work is bounded by its length, and a
prospect's words are always data. Sends nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, UndefinedError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import do_title
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from workflow.errors import OnwardError
from workflow.mail import markup
from workflow.mail.compose import clean
from workflow.mail.demands import Demands, demands
from workflow.playbook.emails import Email

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Part = Literal["subject.txt", "body.txt", "body.html"]
PARTS: Final[tuple[Part, ...]] = ("subject.txt", "body.txt", "body.html")
FALLBACK: Final = "en"
"""The language of an email that has none in the prospect's."""
VALUES: Final = frozenset(
    {
        "answers", "booking_url", "company", "email", "first_name", "language", "meeting_place", "meeting_starts",
        "meeting_zone", "name", "rep_email", "rep_name", "sender_name", "signature", "stage_title", "title",
        "unsubscribe_url",
    }
)  # fmt: skip
"""What a template may name. `answers` maps the key of a question to the prospect's words."""
LONGEST_SUBJECT: Final = 200
_FRAME: Final = "frame.html"
_UNSUBSCRIBE: Final = "unsubscribe_url"
_LONGEST_SOURCE: Final = 64 * 1024
_LONGEST_VALUE: Final = 4_000
_LONGEST_MAIL: Final = 200_000
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_BLOCK: Final = re.compile(r"\{%.*?%\}")
_MISSING: Final = re.compile(r"'(.+)' is undefined")
_ALLOWED: Final = (
    nodes.And, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Filter, nodes.Getattr, nodes.Getitem,
    nodes.If, nodes.Keyword, nodes.List, nodes.Name, nodes.Not, nodes.Operand, nodes.Or, nodes.Output, nodes.Template,
    nodes.TemplateData, nodes.Test, nodes.Tuple,
)  # fmt: skip
_SPECIAL: Final = frozenset({"self", "loop", "caller", "varargs", "kwargs", "super"})
"""Names that Jinja fills by itself with objects of its own."""
_WORDS: Final = {
    "For": "a loop", "Macro": "a macro", "Call": "a call", "CallBlock": "a call", "Assign": "an assignment",
    "AssignBlock": "an assignment", "Include": "an include", "Import": "an import", "FromImport": "an import",
    "Extends": "an extends", "Block": "a block", "FilterBlock": "a filter block", "With": "a with",
}  # fmt: skip


class TemplateError(OnwardError):
    """An email text cannot be used: correct the named line of the template."""

    def __init__(self, what: str, place: Place, *, line: int = 0, variable: str = "") -> None:
        file = " ".join(filter(None, [place.part, f"line {line}" if line else ""]))
        where = ", ".join(filter(None, [place.language, file]))
        super().__init__(f"Email {place.template}{f' ({where})' if where else ''}: {what}.")
        self.place = place
        self.line = line
        self.variable = variable


class Place(NamedTuple):
    """Which file of which email."""

    template: str
    language: str = ""
    part: Part | Literal["", "frame.html"] = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """An email ready to be composed, and the language it is really in."""

    subject: str
    text: str
    html: str
    language: str


@dataclass(frozen=True, slots=True)
class _Email:
    sources: Mapping[Part, str]
    compiled: Mapping[Part, Template]
    variables: frozenset[str]
    needs: Demands


class Templates:
    """All emails below `root`, compiled at first use and again when a file has changed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._plain = _Environment(autoescape=False)
        self._html = _Environment(autoescape=True)
        self._kept: dict[tuple[str, str], tuple[object, _Email]] = {}

    def names(self) -> tuple[str, ...]:
        """Every email there is, in order."""
        found = self._root.iterdir() if self._root.is_dir() else ()
        return tuple(sorted(each.name for each in found if self.exists(each.name)))

    def exists(self, name: str) -> bool:
        """Whether there is an email of this name, in the fallback language at least."""
        return _NAME.fullmatch(name) is not None and (self._root / name / FALLBACK).is_dir()

    def languages(self, name: str) -> tuple[str, ...]:
        """The languages of an email, in order. Raises TemplateError for one that is not there."""
        if not self.exists(name):
            raise TemplateError("there is no such email", Place(name[:64]))
        return tuple(sorted(each.name for each in (self._root / name).iterdir() if each.is_dir()))

    def variables(self, name: str, language: str) -> frozenset[str]:
        """The values that the email names, fall-backs or not. Raises TemplateError."""
        return self._email(name, self._language(name, language)).variables

    def facts(self, name: str) -> Email:
        """What the check of a playbook asks of an email. Raises TemplateError for one that is not there."""
        problems = tuple(problem.message for problem in self.problems(name))
        languages = self.languages(name)
        needs: Demands = frozenset()
        if not problems:
            needs = needs.union(*(self._email(name, language).needs for language in languages))
        return Email(frozenset(languages), needs, problems)

    def catalogue(self) -> Mapping[str, Email]:
        """Every email there is, with its `facts`, which are found out when they are asked for."""
        return _Catalogue(self)

    def warm(self, *names: str) -> None:
        """Compile these emails now, for instance before a process forks. Raises TemplateError."""
        for name in names:
            for language in self.languages(name):
                self._email(name, language)

    def problems(self, name: str) -> list[TemplateError]:
        """Everything that keeps an email from being sent, in all its languages, as far as the text alone can tell."""
        try:
            languages = self.languages(name)
        except TemplateError as error:
            return [error]
        return [problem for language in languages for problem in self._look(name, language)]

    def render(self, name: str, language: str, values: Mapping[str, object]) -> Rendered:
        """The email with these values, in `language` or the fallback.

        A value that is None counts as not given. Raises TemplateError for a value the email needs and did not get.
        """
        real = self._language(name, language)
        email = self._email(name, real)
        given = {key: _tamed(key, value) for key, value in values.items() if value is not None} | {"language": real}
        subject = clean(_fill(email, name, real, "subject.txt", given), LONGEST_SUBJECT)
        if not subject:
            raise TemplateError("the subject is empty", Place(name, real, "subject.txt"))
        text = _fill(email, name, real, "body.txt", given)
        html = _fill(email, name, real, "body.html", {"signature": "", **given, "subject": subject})
        return Rendered(subject, _signed(_tidy(text), given), html, real)

    def _language(self, name: str, language: str) -> str:
        if not self.exists(name):
            raise TemplateError("there is no such email", Place(name[:64]))
        base = language.partition("-")[0].lower()
        return base if _NAME.fullmatch(base) and (self._root / name / base).is_dir() else FALLBACK

    def _look(self, name: str, language: str) -> list[TemplateError]:
        try:
            email = self._email(name, language)
        except TemplateError as error:
            return [error]
        found = []
        for part in PARTS:
            place, source = Place(name, language, part), email.sources[part]
            for each in sorted(email.variables - VALUES):
                if line := _line_of(each, source):
                    what = f"there is no value {each!r}; the values are {', '.join(sorted(VALUES))}"
                    found.append(TemplateError(what, place, line=line, variable=each))
            if part != "subject.txt" and not _line_of(_UNSUBSCRIBE, source):
                what = f"it has no {{{{ {_UNSUBSCRIBE} }}}}, and every email must say how to end them"
                found.append(TemplateError(what, place, variable=_UNSUBSCRIBE))
        return found

    def _email(self, name: str, language: str) -> _Email:
        """The compiled email, from memory while its files are as they were."""
        files = [*(self._root / name / language / part for part in PARTS), self._root / _FRAME]
        try:
            stamp: object = [(state.st_mtime_ns, state.st_size) for state in map(os.stat, files)]
        except OSError as error:
            raise TemplateError(f"the file {error.filename} is not there", Place(name, language)) from error
        kept = self._kept.get((name, language))
        if kept is not None and kept[0] == stamp:
            return kept[1]
        email = self._compile(name, language)
        self._kept[name, language] = stamp, email
        return email

    def _compile(self, name: str, language: str) -> _Email:
        sources = {part: _read(self._root / name / language / part, Place(name, language, part)) for part in PARTS}
        trees = {part: self._parse(source, Place(name, language, part)) for part, source in sources.items()}
        variables: frozenset[str] = frozenset().union(*map(meta.find_undeclared_variables, trees.values()))
        needs: Demands = frozenset().union(*map(demands, trees.values()))
        place = Place(name, language, "body.html")
        try:
            markup.check(sources["body.html"])
        except markup.MarkupError as error:
            raise TemplateError(error.text, place, line=error.line) from error
        frame = _read(self._root / _FRAME, Place(name, language, _FRAME))
        trees["body.html"] = self._parse(markup.finish(frame, sources["body.html"]), place)
        compiled = {part: self._environment(part).from_string(tree) for part, tree in trees.items()}
        return _Email(sources, compiled, variables, needs)

    def _environment(self, part: str) -> _Environment:
        return self._html if part == "body.html" else self._plain

    def _parse(self, source: str, place: Place) -> nodes.Template:
        """The tree of a template, in which nothing is left that is not on the list."""
        try:
            tree = self._environment(place.part).parse(_trimmed(source))
        except TemplateSyntaxError as error:
            raise TemplateError((error.message or "it cannot be read").rstrip("."), place, line=error.lineno) from error
        except (RecursionError, ValueError) as error:
            raise TemplateError("it is nested too deeply, or holds a number without end", place) from error
        for node in [tree, *tree.find_all(nodes.Node)]:
            if what := _objection(node):
                raise TemplateError(what, place, line=node.lineno)
        return tree


class _Catalogue(Mapping[str, Email]):
    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._names = dict.fromkeys(templates.names())

    def __getitem__(self, name: str) -> Email:
        if name not in self._names:
            raise KeyError(name)
        return self._templates.facts(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _fill(email: _Email, name: str, language: str, part: Part, values: Mapping[str, object]) -> str:
    place = Place(name, language, part)
    try:
        text = email.compiled[part].render(values)
    except UndefinedError as error:
        found = _MISSING.search(error.message or "")
        variable = found[1] if found else ""
        what = (
            f"there is no value for {variable!r}, and no fall-back" if found else "a choice has no text for this case"
        )
        raise TemplateError(what, place, line=_line_of(variable, email.sources[part]), variable=variable) from error
    except (SecurityError, TypeError, ValueError) as error:
        raise TemplateError(f"it cannot be filled in ({type(error).__name__})", place) from error
    if len(text) > _LONGEST_MAIL:
        raise TemplateError(f"it would be longer than {_LONGEST_MAIL} characters", place)
    return text


def _read(file: Path, place: Place) -> str:
    try:
        data = file.read_bytes()
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise TemplateError("it cannot be read", place) from error
    except UnicodeDecodeError as error:
        raise TemplateError("it is not written in UTF-8", place) from error
    if len(data) > _LONGEST_SOURCE:
        raise TemplateError(f"it is longer than {_LONGEST_SOURCE} bytes", place)
    return text


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja without its globals, with our filters and tests, and with keys in the place of attributes."""

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(
            autoescape=autoescape,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self.globals.clear()
        self.filters.clear()
        self.filters.update(_FILTERS)
        self.tests.clear()
        self.tests.update(_TESTS)

    def getattr(self, obj: object, attribute: str) -> object:
        """`obj.attribute` is a key of a mapping, never an attribute of a Python object."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """`obj[argument]` for a mapping; for everything else, and for a missing key, a value that is not given."""
        if isinstance(obj, _Named):
            return obj.get(argument, self.undefined(name=f"{obj.name}.{argument}"))
        return self.undefined(name=str(argument))


class _Named(dict[object, object]):
    """A mapping among the values, which knows its name for the sake of errors."""

    def __init__(self, name: str, items: Mapping[object, object]) -> None:
        super().__init__({key: _tamed(name, value) for key, value in items.items() if value is not None})
        self.name = name


def _given(value: object) -> bool:
    return not isinstance(value, Undefined) and bool(str(value).strip())


def _default_to(value: object, fallback: object = "") -> object:
    """`value`, or `fallback` when it is missing or blank."""
    return value if _given(value) else fallback


def _truncate(value: object, length: int = 80) -> str:
    text = str(value)
    return text if len(text) <= length else text[: max(0, length - 1)].rstrip() + "…"


def _lines(value: object) -> Markup:
    """Several lines as HTML: mail programs do not agree on styles that would keep them."""
    return Markup("<br>\n").join(str(value).splitlines())


def _signed(text: str, values: Mapping[str, object]) -> str:
    """`text` with the signature of its mailbox, above the last paragraph when that one says how to unsubscribe."""
    signature = str(values.get("signature") or "").strip()
    if not signature:
        return text
    paragraphs = text.rstrip("\n").split("\n\n")
    link = values.get(_UNSUBSCRIBE)
    place = len(paragraphs) - 1 if link and str(link) in paragraphs[-1] else len(paragraphs)
    return "\n\n".join([*paragraphs[:place], signature, *paragraphs[place:]]) + "\n"


_FILTERS: Final[dict[str, Any]] = {
    "capitalize": lambda value: str(value).capitalize(),
    "default": _default_to,
    "default_to": _default_to,
    "lines": _lines,
    "lower": lambda value: str(value).lower(),
    "title": lambda value: do_title(str(value)),
    "trim": lambda value: str(value).strip(),
    "truncate": _truncate,
    "upper": lambda value: str(value).upper(),
}
_TESTS: Final[dict[str, Any]] = {"given": _given, "defined": lambda value: not isinstance(value, Undefined)}


def _objection(node: nodes.Node) -> str:
    """Why a node may not be in a template; empty when it may."""
    if not isinstance(node, _ALLOWED):
        kind = type(node).__name__
        return f"{_WORDS.get(kind, f'the construct {kind}')} is not allowed in an email"
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        return f"there is no filter {node.name!r}; the filters are {', '.join(_FILTERS)}"
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        return f"there is no test {node.name!r}; the tests are {', '.join(_TESTS)}"
    if isinstance(node, nodes.Name) and node.name in _SPECIAL:
        return f"the name {node.name!r} is not allowed in an email"
    if isinstance(node, nodes.Const) and node.value is None:
        return "the word none is not allowed in an email, where it would be read as it stands"
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return f"the name {node.attr!r} is not allowed in an email"
    return ""


def _tamed(name: str, value: object) -> object:
    """A value as plain data: text cut to a length no template can multiply beyond reason."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 1] + "…"
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return _Named(name, value)
    message = f"The value {name!r} of an email is a {type(value).__name__}: give text, a number or a mapping of these."
    raise TypeError(message)


def _trimmed(source: str) -> str:
    """`source` with a `+` in each block that ends a line beside other text: only a block alone takes its line end away.

    Jinja's trim_blocks would glue the next line to every sentence that ends in a choice.
    """
    lines = source.split("\n")
    for number, line in enumerate(lines):
        if line.endswith("%}") and not line.endswith(("-%}", "+%}")) and _BLOCK.sub("", line).strip():
            lines[number] = line[:-2] + "+%}"
    return "\n".join(lines)


def _line_of(variable: str, source: str) -> int:
    """The first line of `source` with a mark that names `variable`, counted from 1; 0 when there is none."""
    word = re.compile(rf"\{{[{{%][^}}]*\b{re.escape(variable)}\b")
    found = word.search(source)
    return source.count("\n", 0, found.end()) + 1 if found and variable else 0


def _tidy(text: str) -> str:
    """Plain text without the gaps that untaken choices leave behind."""
    lines = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"
