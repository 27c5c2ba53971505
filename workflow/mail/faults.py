"""What can be wrong with the text of an email: a code with its facts, put into words in English and Bulgarian.

Panel, command line and API read the same table. Where it is wrong is said by `workflow.mail.dialect.TemplateError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "no_email": ("there is no such email", "няма такъв имейл"),
    "no_file": ("the file {file} is not there", "файлът {file} липсва"),
    "unreadable": ("it cannot be read", "не може да се прочете"),
    "encoding": ("it is not written in UTF-8", "не е записан в UTF-8"),
    "syntax": ("it cannot be read: {why}", "не може да се прочете: {why}"),
    "not_filled": ("it cannot be filled in ({why})", "не може да се попълни ({why})"),
    "too_long": ("it is longer than {most} {of}", "по-дълъг е от {most} {of_bg}"),
    "too_deep": (
        "it is nested too deeply, or its tags are not closed",
        "вложен е твърде дълбоко или има незатворени тагове",
    ),
    "too_many_values": ("it names more than {most} values", "посочва повече от {most} стойности"),
    "too_many_tags": ("it has more than {most} tags", "има повече от {most} тага"),
    "styles": ("its styles are too many or too long", "стиловете са твърде много или твърде дълги"),
    "unknown_value": (
        "there is no value “{value}”; the values are {all}",
        "няма стойност „{value}“; стойностите са {all}",
    ),
    "no_value": (
        "there is no value for “{value}”, and no fall-back",
        "няма стойност за „{value}“, нито резервен текст",
    ),
    "no_text": ("a choice has no text for this case", "един избор няма текст за този случай"),
    "no_subject": ("the subject is empty", "темата е празна"),
    "no_way_out": (
        "it has no {link}, and every email must say how to end them",
        "липсва {link}, а всеки имейл трябва да казва как се спират",
    ),
    "construct": (
        "{what} is not allowed in an email: there are no loops, macros, assignments or calls here",
        "тук няма цикли, макроси, присвоявания и извиквания",
    ),
    "name": ("the name “{name}” is not allowed in an email", "името „{name}“ не е позволено в имейл"),
    "none": (
        "the word none is not allowed in an email, where it would be read as it stands",
        "думата none не е позволена в имейл, защото би се прочела така, както стои",
    ),
    "filter": ("there is no filter “{name}”; the filters are {all}", "няма филтър „{name}“; филтрите са {all}"),
    "test": ("there is no test “{name}”; the tests are {all}", "няма проверка „{name}“; проверките са {all}"),
    "declaration": ("a <! begins something that is no HTML", "<! започва нещо, което не е HTML"),
    "block_in_tag": ("a block of the template stands inside a tag", "блок на шаблона стои вътре в таг"),
    "not_closed": ("{tag} is not closed", "{tag} не е затворен"),
    "crossed": ("{tag} stands where {due} is due", "{tag} стои там, където трябва да е {due}"),
    "no_place": ("{what} has no place in an email", "{what} няма място в имейл"),
    "unquoted": ("a value in {tag} stands outside quotation marks", "стойност в {tag} стои извън кавички"),
    "in_style": ("a value stands inside a style", "стойност стои вътре в стил"),
    "scheme": (
        "{name} must begin with https://, mailto: or a value whose name ends in _url",
        "{name} трябва да започва с https://, mailto: или със стойност, чието име завършва на _url",
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    code: str
    facts: Mapping[str, str]

    def words(self, language: str) -> str:
        """What is wrong, as the part of a sentence, in English or in Bulgarian."""
        return _WORDS[self.code][language == "bg"].format(**self.facts)


def fault(code: str, /, **facts: object) -> Fault:
    """The fault `code` with its facts as text."""
    return Fault(code, {name: str(value) for name, value in facts.items()})


def too_long(most: int, *, characters: bool) -> Fault:
    """A text beyond its bound, in bytes or in characters."""
    named = ("characters", "знака") if characters else ("bytes", "байта")
    return fault("too_long", most=most, of=named[0], of_bg=named[1])


def codes() -> frozenset[str]:
    """Every code there is."""
    return frozenset(_WORDS)
