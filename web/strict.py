"""Reads JSON from outside so that both databases, and every reader after us, understand the same thing by it.

Python's own reader takes NaN, numbers without end and any depth. Knows no schema: that is said elsewhere.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from workflow import text
from workflow.errors import BadInput

DEEPEST: Final = 64
"""Lists and objects inside each other. Real senders stay below ten."""
_LEAST, _MOST = -(2**63), 2**63 - 1
_LONGEST_INT: Final = 20
_LONGEST_KEY: Final = 100


class Unreadable(BadInput):
    """The body cannot be read as JSON."""


def loads(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """The JSON in `body`, which is UTF-8 with or without a byte order mark. Raises Unreadable with one sentence."""
    if not body.strip():
        raise Unreadable("The body is empty.")
    try:
        told = _DECODER.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable("The body is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"The body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise Unreadable(f"The body is nested deeper than {DEEPEST} levels.") from error
    # Counting brackets is a hundred times cheaper than walking, and almost every body has fewer than the limit.
    if body.count(b"[") + body.count(b"{") > DEEPEST and _too_deep(told):
        raise Unreadable(f"The body is nested deeper than {DEEPEST} levels.")
    return told


def plain(value: str, name: str) -> str:
    """`value` as it came, if it is real text: half of a surrogate pair cannot be stored. Raises BadInput."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise BadInput(f"“{name}” holds half of a character (a lone surrogate).", field=name) from error
    return value


def line(value: str, longest: int) -> str:
    """`text.line`, at a tenth of its price where there is nothing to take out: in almost every field of ours."""
    if len(value) <= longest and value.isascii() and value.isprintable():
        return " ".join(value.split())
    return text.line(value, longest)


def tidy(value: Any, name: str) -> Any:  # noqa: ANN401 - JSON
    """Any JSON value with every text in it cleaned. Raises BadInput as `plain` does."""
    if isinstance(value, str):
        return text.block(plain(value, name))
    if isinstance(value, dict):
        return {line(plain(key, name), _LONGEST_KEY): tidy(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [tidy(each, name) for each in value]
    return value


def _too_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [child for each in level for child in _children(each) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(value: object) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _int(digits: str) -> int:
    # The length first: turning thousands of digits into a number takes quadratic time, and Python refuses it.
    if len(digits) > _LONGEST_INT or not _LEAST <= int(digits) <= _MOST:
        raise Unreadable("The body has a whole number of more than 64 bits.")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Unreadable("The body has a number too large to be one.")
    return number


def _no_number(name: str) -> float:
    raise Unreadable(f"The body has {name}, which is no number in JSON.")


_DECODER: Final = json.JSONDecoder(parse_int=_int, parse_float=_float, parse_constant=_no_number)
