"""The playbook in force as a drawing, with the list of its sequences beside it; and the drawing as a file to keep.

Changes nothing. What is drawn, and where it stands, is the matter of `workflow.playbook.svg`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Response
from markupsafe import Markup

from web.i18n import language
from web.pages import playbook
from web.panel.frame import page
from web.panel.wording import field, sequence, step, trigger
from web.security import policy
from workflow.playbook import svg
from workflow.playbook.phrases import Phrases
from workflow.playbook.schema import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.playbook.schema import Sequence

_WORDS: Final[Mapping[str, Callable[[str], str]]] = {
    "trigger": trigger,
    "field": field,
    "email": lambda key: step(Step(key, 0, email=key)),
    "sequence": sequence,
}
# The file has one style, which our policy would refuse; it is allowed by what it says, and nothing else is.
_STYLE: Final = base64.b64encode(hashlib.sha256(svg.STYLE.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Listed:
    """One sequence in words: what begins and ends it, and of each step when it comes, what it is, and which kind."""

    title: str
    begins: str
    ends: str
    steps: tuple[tuple[str, str, str], ...]


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/settings/playbook/diagram", view_func=diagram, methods=["GET"])
    routes.add_url_rule("/settings/playbook/diagram.svg", view_func=diagram_file, methods=["GET"])


def diagram() -> ResponseReturnValue:
    """The drawing, and the sequences as a list."""
    book = playbook()
    phrases = Phrases(book, language(), _name)
    # Everything in it was escaped where it was written.
    drawing = Markup(svg.fragment(book, language(), names=_name, cards=False))  # noqa: S704
    listed = [_listed(phrases, each) for each in book.sequences.values()]
    return page("diagram", here="settings", drawing=drawing, sequences=listed)


def diagram_file() -> ResponseReturnValue:
    """The drawing as a file of its own, which a browser also shows by itself."""
    drawn = svg.page(playbook(), language(), names=_name)
    answer = Response(drawn, mimetype="image/svg+xml")
    answer.headers["Content-Security-Policy"] = policy(style_src=f"'sha256-{_STYLE}'")
    return answer


def _name(kind: str, key: str) -> str:
    """As the panel says it elsewhere; the rest is said within a phrase, and `Phrases` knows how."""
    return _WORDS[kind](key) if kind in _WORDS else ""


def _listed(phrases: Phrases, told: Sequence) -> Listed:
    steps = tuple(
        (phrases.waits(each), phrases.step(each), "task" if each.task is not None else "mail") for each in told.steps
    )
    return Listed(phrases.sequence(told), phrases.start(told.start), phrases.stops(told), steps)
