"""What a template cannot do without: the values it names without a fall-back, read from its parsed tree.

Renders nothing and knows no values. The tree is that of `templates`, the only importer of Jinja: nodes are told apart
by their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

Demands = frozenset[frozenset[str]]
"""Of each set one value must be there, such as `company` or `answers.goal`."""
_NONE: Final[Demands] = frozenset()
_NOTHING: Final[frozenset[str]] = frozenset()
_FALL_BACKS: Final = ("default", "default_to")


def demands(tree: Any) -> Demands:  # noqa: ANN401 - a node of Jinja
    """What the whole template asks for."""
    return _of_all(tree.body, _NOTHING)


def _of_all(nodes: Iterable[Any], given: frozenset[str]) -> Demands:
    return frozenset().union(*(_of(node, given) for node in nodes))


def _of(node: Any, given: frozenset[str]) -> Demands:  # noqa: ANN401 - a node of Jinja
    """What a node asks for where the values in `given` are known to be there."""
    kind, value = type(node).__name__, _named(node)
    if value:
        return _NONE if value in given else frozenset({frozenset({value})})
    if kind == "If":
        return _of_choice(node, given)
    if kind == "CondExpr":
        yes, no = _learned(node.test)
        other = _of(node.expr2, given | no) if node.expr2 is not None else _NONE
        return _asked(node.test, given) | _of(node.expr1, given | yes) | other
    if kind == "Filter" and node.name in _FALL_BACKS:
        first = _of(node.node, given)
        second = _of(node.args[0], given) if node.args else _NONE
        return frozenset(one | other for one in first for other in second)
    if kind in ("Test", "And", "Or", "Not", "Compare"):
        return _asked(node, given)
    return _of_all(node.iter_child_nodes(), given)


def _of_choice(node: Any, given: frozenset[str]) -> Demands:  # noqa: ANN401 - a node of Jinja
    yes, no = _learned(node.test)
    found = _asked(node.test, given) | _of_all(node.body, given | yes)
    otherwise = given | no
    for other in node.elif_:
        yes, no = _learned(other.test)
        found |= _asked(other.test, otherwise) | _of_all(other.body, otherwise | yes)
        otherwise |= no
    return found | _of_all(node.else_, otherwise)


def _asked(test: Any, given: frozenset[str]) -> Demands:  # noqa: ANN401 - a node of Jinja
    """What the question itself asks for: a blank value may be asked about, an answer that is missing may not."""
    kind, value = type(test).__name__, _named(test)
    if value:
        return _of(test, given) if "." in value else _NONE
    if kind == "Test":
        return _NONE if _named(test.node) else _of(test.node, given)
    if kind in ("And", "Or"):
        yes, no = _learned(test.left)
        return _asked(test.left, given) | _asked(test.right, given | (yes if kind == "And" else no))
    if kind in ("Not", "Compare", "Operand"):
        return frozenset().union(*(_asked(each, given) for each in test.iter_child_nodes()))
    return _of(test, given)


def _learned(test: Any) -> tuple[frozenset[str], frozenset[str]]:  # noqa: ANN401 - a node of Jinja
    """The values that are there when the test holds, and when it does not."""
    kind, value = type(test).__name__, _named(test)
    if value:
        return frozenset({value}), _NOTHING
    if kind == "Test":
        asked = _named(test.node)
        return (frozenset({asked}) if asked else _NOTHING), _NOTHING
    if kind == "Not":
        yes, no = _learned(test.node)
        return no, yes
    if kind in ("And", "Or"):
        left, right = _learned(test.left), _learned(test.right)
        if kind == "And":
            return left[0] | right[0], left[1] & right[1]
        return left[0] & right[0], left[1] | right[1]
    return _NOTHING, _NOTHING


def _named(node: Any) -> str:  # noqa: ANN401 - a node of Jinja
    """The value that a node is, such as `company` or `answers.goal`; empty when it is none."""
    kind = type(node).__name__
    if kind == "Name":
        return str(node.name)
    inner = _named(node.node) if kind in ("Getattr", "Getitem") else ""
    if inner and kind == "Getattr":
        return f"{inner}.{node.attr}"
    if inner and type(node.arg).__name__ == "Const":
        return f"{inner}.{node.arg.value}"
    return ""
