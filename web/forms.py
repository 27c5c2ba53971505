"""Reads what a person typed into a form: cleaned, bounded, and with the sentence for the field that is odd."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from flask import request

from web.i18n import gettext as _
from workflow import text
from workflow.engine import calendar
from workflow.engine.signals import FIELDS
from workflow.errors import BadInput
from workflow.mail.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMITS: Final = {"email": 254, "phone": 40, "language": 5, "time_zone": 64, "country": 2}
_COUNTRY_LETTERS: Final = 2
_DIGITS: Final = 9


@dataclass(slots=True)
class Form:
    """The fields of a form as typed, and what is wrong with them by name. Nothing typed is ever lost."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        """What to say at this field; empty when it is well."""
        return self.errors.get(name, "")

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.errors


@dataclass(frozen=True, slots=True)
class OneFact:
    """A fact in its field: what was typed, over which value and version, and what is wrong with it.

    `theirs` is what somebody else made of it meanwhile, as `by` tells.
    """

    name: str
    value: str
    was: str
    version: int
    error: str = ""
    theirs: str | None = None
    by: str = ""


def line(name: str, limit: int = 200) -> str:
    """One line of text."""
    return text.line(request.form.get(name, ""), limit)


def block(name: str, limit: int = 2000) -> str:
    """Text of several lines."""
    return text.block(request.form.get(name, ""), limit).strip()


def version() -> int | None:
    """The version of the prospect that the page showed; None when it did not say. Raises BadInput."""
    told = request.form.get("version", "")
    if not told:
        return None
    if not told.isascii() or not told.isdigit() or len(told) > _DIGITS:
        raise BadInput(_("The version of the prospect is a number."), field="version")
    return int(told)


def number(name: str, default: int, most: int) -> int:
    """A whole number of the address line, from 1 to `most`; anything odd is the default."""
    told = request.args.get(name, "")
    return min(max(int(told), 1), most) if told.isascii() and told.isdigit() and len(told) < _DIGITS else default


def prospect() -> Form:
    """The facts of a prospect as typed."""
    form = Form({name: line(name, _LIMITS.get(name, 200)) for name in FIELDS if name in request.form})
    form.values["owner"] = line("owner")
    _check(form, "email", _email_problem)
    _check(form, "time_zone", _zone_problem)
    _check(form, "country", _country_problem)
    if form["language"] not in ("", "en", "bg"):
        form.errors["language"] = _("Choose one of the languages.")
    if "country" in form.values:
        form.values["country"] = form["country"].upper()
    if not any(form[name] for name in ("email", "name", "company", "phone")):
        form.errors["email"] = _("Give at least an email address, a name, a company or a phone number.")
    return form


def fact(name: str) -> Form:
    """One fact of a prospect as typed in the field “value”."""
    form = Form({name: line("value", _LIMITS.get(name, 200))})
    problem = {"email": _email_problem, "time_zone": _zone_problem, "country": _country_problem}.get(name)
    if problem is not None:
        _check(form, name, problem)
    if name == "language" and form[name] not in ("", "en", "bg"):
        form.errors[name] = _("Choose one of the languages.")
    if name == "country":
        form.values[name] = form[name].upper()
    return form


def facts(form: Form) -> Mapping[str, str]:
    """The fields of the form that belong to the prospect."""
    return {name: form.values[name] for name in FIELDS if name in form.values}


def _check(form: Form, name: str, problem: _Problem) -> None:
    if form[name] and (told := problem(form[name])):
        form.errors[name] = told


def _email_problem(told: str) -> str:
    try:
        parse_address(told)
    except BadInput:
        return _("This is no email address. Write one such as ana@example.com.")
    return ""


def _zone_problem(told: str) -> str:
    if calendar.zone_of(told).key == told:
        return ""
    return _("There is no such time zone. Write one such as Europe/Sofia.")


def _country_problem(told: str) -> str:
    if len(told) == _COUNTRY_LETTERS and told.isascii() and told.isalpha():
        return ""
    return _("Write the two letters of the country, such as BG.")


if TYPE_CHECKING:
    from collections.abc import Callable

    _Problem = Callable[[str], str]
