"""The language that emails are written in: values, choices between texts, a few filters, and nothing else.

Takes a source apart, refuses what is not on the list and fills in values. Work, depth and size have bounds, because
people write these sources in the panel. Knows neither files nor which values there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, UndefinedError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import do_title
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from workflow.errors import OnwardError
from workflow.mail.faults import fault, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workflow.mail.faults import Fault

Part = Literal["subject.txt", "body.txt", "body.html"]
PARTS: Final[tuple[Part, ...]] = ("subject.txt", "body.txt", "body.html")
Compiled = Template
LONGEST_SOURCE: Final = 64 * 1024
"""Bytes of one part."""
_LONGEST_VALUE: Final = 4_000
LONGEST_MAIL: Final = 200_000
"""Characters of one part, as it leaves."""
# What a source of allowed length could still ask for: 30,000 values of 4,000 characters each, in one expression.
_MOST_VALUES: Final = 500
# Both Jinja and Python walk nested things by recursion, and Python's parser allows a hundred blocks within each other.
_DEEPEST: Final = 40
_BLOCK: Final = re.compile(r"\{%.*?%\}")
_MARK: Final = re.compile(r"\{[{%](?:\"[^\"]*\"|'[^']*'|[^\"'{}])*[%}]\}")
_WORD: Final = re.compile(r"\w+")
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

    def __init__(self, fault: Fault, place: Place, *, line: int = 0, variable: str = "") -> None:
        file = " ".join(filter(None, [place.part, f"line {line}" if line else ""]))
        where = ", ".join(filter(None, [place.language, file]))
        super().__init__(f"Email {place.template}{f' ({where})' if where else ''}: {fault.words('en')}.")
        self.fault = fault
        self.place = place
        self.line = line
        self.variable = variable


class Place(NamedTuple):
    """Which file of which email."""

    template: str
    language: str = ""
    part: Part | Literal["", "frame.html"] = ""


def parse(source: str, place: Place) -> nodes.Template:
    """The tree of a source, in which nothing is left that is not on the list. Raises TemplateError."""
    try:
        tree = _environment(place).parse(_trimmed(source))
    except TemplateSyntaxError as error:
        raise TemplateError(fault("syntax", why=_in_words(error)), place, line=error.lineno) from error
    except (RecursionError, ValueError) as error:
        raise TemplateError(fault("too_deep"), place) from error
    values = 0
    for node, depth in _walk(tree):
        if objection := _objection(node):
            raise TemplateError(objection, place, line=node.lineno)
        values += isinstance(node, nodes.Name)
        if depth > _DEEPEST:
            raise TemplateError(fault("too_deep"), place, line=node.lineno)
    if values > _MOST_VALUES:
        raise TemplateError(fault("too_many_values", most=_MOST_VALUES), place)
    return tree


def variables(tree: nodes.Template) -> set[str]:
    """The values that a parsed source names."""
    return meta.find_undeclared_variables(tree)


def compiled(tree: nodes.Template, place: Place) -> Compiled:
    """A parsed source, ready to be filled in."""
    return _environment(place).from_string(tree)


def fill(template: Compiled, values: Mapping[str, object], place: Place, source: str) -> str:
    """The text with these values, of which `tamed` made plain data; `source` is what errors count the lines of.

    Raises TemplateError for a value that is missing without a fall-back, and for a text without end.
    """
    pieces: list[str] = []
    length = 0
    try:
        for piece in template.generate(values):
            pieces.append(piece)
            length += len(piece)
            if length > LONGEST_MAIL:
                break
    except UndefinedError as error:
        found = _MISSING.search(error.message or "")
        variable = found[1] if found else ""
        missing = fault("no_value", value=variable) if found else fault("no_text")
        raise TemplateError(missing, place, line=line_of(variable, source), variable=variable) from error
    except (SecurityError, TypeError, ValueError) as error:
        raise TemplateError(fault("not_filled", why=type(error).__name__), place) from error
    if length > LONGEST_MAIL:
        raise TemplateError(too_long(LONGEST_MAIL, characters=True), place)
    return "".join(pieces)


def tamed(name: str, value: object) -> object:
    """A value as plain data: text cut to a length no template can multiply beyond reason."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 1] + "…"
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return _Named(name, value)
    message = f"The value {name!r} of an email is a {type(value).__name__}: give text, a number or a mapping of these."
    raise TypeError(message)


def line_of(variable: str, source: str) -> int:
    """The first line of `source` with a mark that names `variable`, counted from 1; 0 when there is none."""
    wanted = variable.split(".")
    for mark in _MARK.finditer(source):
        words = _WORD.findall(mark[0])
        for place in range(len(words)):
            if words[place : place + len(wanted)] == wanted:
                at = mark.start() + mark[0].find(wanted[0])
                return source.count("\n", 0, at) + 1
    return 0


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
        super().__init__({key: tamed(name, value) for key, value in items.items() if value is not None})
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


def _environment(place: Place) -> _Environment:
    return _made(escapes=place.part == "body.html")


@cache
def _made(*, escapes: bool) -> _Environment:
    return _Environment(autoescape=escapes)


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    """Every node with its depth, without recursion: a chain of a thousand filters is as deep as it is long."""
    left: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while left:
        node, depth = left.pop()
        yield node, depth
        left.extend((child, depth + 1) for child in node.iter_child_nodes())


def _in_words(error: TemplateSyntaxError) -> str:
    return (error.message or "it has no form").rstrip(".")


def _objection(node: nodes.Node) -> Fault | None:
    """Why a node may not be in a template; None when it may."""
    if not isinstance(node, _ALLOWED):
        kind = type(node).__name__
        return fault("construct", what=_WORDS.get(kind, f"the construct {kind}"))
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        return fault("filter", name=node.name, all=", ".join(_FILTERS))
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        return fault("test", name=node.name, all=", ".join(_TESTS))
    if isinstance(node, nodes.Name) and node.name in _SPECIAL:
        return fault("name", name=node.name)
    if isinstance(node, nodes.Const) and node.value is None:
        return fault("none")
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return fault("name", name=node.attr)
    return None


def _trimmed(source: str) -> str:
    """`source` with a `+` in each block that ends a line beside other text: only a block alone takes its line end away.

    Jinja's trim_blocks would glue the next line to every sentence that ends in a choice.
    """
    lines = source.split("\n")
    for number, line in enumerate(lines):
        if line.endswith("%}") and not line.endswith(("-%}", "+%}")) and _BLOCK.sub("", line).strip():
            lines[number] = line[:-2] + "+%}"
    return "\n".join(lines)
