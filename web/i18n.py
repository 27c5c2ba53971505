"""Words in two languages: which one a request gets, and the catalogue that turns our English into it.

English stands in the templates and is its own key; every other language is one `.po` file in `templates/words`. Dates
and numbers are the matter of `web.formats`; that no word lacks its translation is checked by `web.words`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from babel.messages.pofile import read_po
from flask import g, request

from workflow import places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from werkzeug.wrappers import Response

LANGUAGES: Final = ("en", "bg")
FALLBACK: Final = "en"
COOKIE: Final = "onward-lang"
_COOKIE_FOR_S: Final = 365 * 24 * 3600

Key = str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The words of all languages but English: for each key its text, or its forms for one and for more."""

    words: Mapping[str, Mapping[str, str]]
    counted: Mapping[str, Mapping[tuple[str, str], tuple[str, str]]]

    def text(self, language: str, message: str) -> str:
        """`message` in `language`, or as it is."""
        return self.words.get(language, {}).get(message, message)

    def count(self, language: str, one: str, many: str, number: int) -> str:
        """The form for `number`; English and Bulgarian both tell one from the rest."""
        forms = self.counted.get(language, {}).get((one, many), (one, many))
        return forms[0] if number == 1 else forms[1]


@lru_cache(maxsize=1)
def shipped() -> Catalogue:
    """The words that ship, read once in a process: that takes longer than all else here."""
    return read_catalogue()


def read_catalogue(folder: Path | None = None) -> Catalogue:
    """The catalogue in `folder`, by default the one that ships."""
    words: dict[str, dict[str, str]] = {}
    counted: dict[str, dict[tuple[str, str], tuple[str, str]]] = {}
    for file in sorted((folder or places.templates_dir() / "words").glob("*.po")):
        for key, told in read_words(file).items():
            if isinstance(key, tuple):
                counted.setdefault(file.stem, {})[key] = (told[0], told[-1])
            else:
                words.setdefault(file.stem, {})[key] = told[0]
    return Catalogue(words, counted)


def choose(preferred: str | None) -> str:
    """The language of this request: `?lang=`, else what it chose before, else the rep's own, else the browser's."""
    for told in (request.args.get("lang"), request.cookies.get(COOKIE), preferred):
        if told in LANGUAGES:
            return told
    return request.accept_languages.best_match(LANGUAGES, FALLBACK)


def remember(response: Response, *, secure: bool) -> Response:
    """Keep a choice made by `?lang=` in a cookie."""
    told = request.args.get("lang")
    if told in LANGUAGES:
        response.set_cookie(COOKIE, told, max_age=_COOKIE_FOR_S, secure=secure, httponly=True, samesite="Lax")
    return response


def forget(response: Response) -> None:
    """Let go of what `?lang=` chose."""
    response.delete_cookie(COOKIE)


def language() -> str:
    """The language of what is being written just now."""
    try:
        return cast("str", g.get("language", FALLBACK))
    except RuntimeError:
        # No request: what a command or a worker writes. Asked first, it would cost a page a thousand more calls.
        return FALLBACK


def gettext(message: str) -> str:
    """`message` in the language of the request."""
    return shipped().text(language(), message)


def ngettext(one: str, many: str, number: int) -> str:
    """The form of the message for `number`, in the language of the request."""
    return shipped().count(language(), one, many, number)


def pgettext(context: str, message: str) -> str:
    """`message` in the sense that `context` names; two senses of one English word are two keys."""
    key = f"{context}\x04{message}"
    told = shipped().text(language(), key)
    return message if told == key else told


def read_words(file: Path) -> dict[Key, tuple[str, ...]]:
    """The words of one language file, by key."""
    with file.open("rb") as stream:
        catalogue = read_po(stream, locale=file.stem, domain="onward", abort_invalid=True)
    told: dict[Key, tuple[str, ...]] = {}
    for message in catalogue:
        if message.id and not message.fuzzy:
            key: Any = f"{message.context}\x04{message.id}" if message.context else message.id
            forms = message.string if isinstance(message.string, tuple | list) else [message.string]
            told[key] = tuple(str(form or "") for form in forms)
    return told


def later(message: str) -> str:
    """Mark a message whose translation is asked for where it is shown."""
    return message
