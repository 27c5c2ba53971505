"""What is wrong with a row, in the words of whoever reads it: a sentence for each code, in two languages. No logic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "email": ("“{value}” is no email address: correct it.", "„{value}“ не е имейл адрес: поправете го."),
    "country": (
        "“{value}” is no country: write its two letters, such as BG.",
        "„{value}“ не е държава: напишете двете ѝ букви, например BG.",
    ),
    "language": (
        "“{value}” is no language: write its code, such as bg.",
        "„{value}“ не е език: напишете кода му, например bg.",
    ),
    "time_zone": (
        "“{value}” is no time zone: write it as Europe/Sofia.",
        "„{value}“ не е часова зона: напишете я като Europe/Sofia.",
    ),
    "owner": (
        "“{value}” is nobody who works here: write the address of a colleague.",
        "„{value}“ не работи тук: напишете адреса на колега.",
    ),
    "id": (
        "“{value}” is no id of a prospect: leave it empty for somebody new.",
        "„{value}“ не е номер на клиент: оставете го празно за нов човек.",
    ),
    "unknown_id": (
        "Nobody here has the id “{value}”: leave it empty for somebody new.",
        "Тук никой няма номер „{value}“: оставете го празно за нов човек.",
    ),
    "taken": (
        "The address “{value}” belongs to another prospect: merge the two, or correct it.",
        "Адресът „{value}“ е на друг клиент: слейте двамата или го поправете.",
    ),
    "date": ("“{value}” is no date: write it as 2026-11-30.", "„{value}“ не е дата: напишете я като 2026-11-30."),
    "date_ambiguous": (
        "“{value}” can be two different days: say whether the day or the month comes first.",
        "„{value}“ може да е два различни дни: кажете дали първо е денят или месецът.",
    ),
    "number": ("“{value}” is no number: correct it.", "„{value}“ не е число: поправете го."),
    "number_ambiguous": (
        "“{value}” can be two different numbers: say whether the comma or the point is decimal.",
        "„{value}“ може да е две различни числа: кажете дали дробният знак е запетая или точка.",
    ),
    "too_long": (
        "The cell has {signs} signs, and {most} at most can be kept: shorten it.",
        "Клетката има {signs} знака, а се пазят най-много {most}: съкратете я.",
    ),
    "too_many_cells": (
        "The row has {cells} cells and the header {columns} columns: look for a stray delimiter.",
        "Редът има {cells} клетки, а заглавието {columns} колони: потърсете излишен разделител.",
    ),
    "letters": (
        "Some letters cannot be read: choose another encoding for the file.",
        "Някои букви не се четат: изберете друга кодировка за файла.",
    ),
    "quotes": (
        "The quotes of this row do not match, or a cell is far too long: correct it.",
        "Кавичките на този ред не съвпадат или клетка е твърде дълга: поправете го.",
    ),
    "quotes_to_the_end": (
        "A quote is opened here and never closed, so nothing behind it was read: close it.",
        "Тук се отваря кавичка, която не се затваря, и нищо след нея не е прочетено: затворете я.",
    ),
    "referrer": (
        "Nobody here or in the file is “{value}”: import them as well, or leave the cell empty.",
        "„{value}“ не е нито тук, нито във файла: внесете и него или оставете клетката празна.",
    ),
    "themselves": (
        "“{value}” is the person of this row, and nobody refers themselves: leave the cell empty.",
        "„{value}“ е човекът от този ред, а никой не препоръчва себе си: оставете клетката празна.",
    ),
    "nobody": (
        "The row has no address, name, company or phone number: add one of them.",
        "Редът няма адрес, име, фирма или телефон: добавете едно от тях.",
    ),
}


def sentence(code: str, facts: Mapping[str, str], language: str = "en") -> str:
    """The sentence for a problem."""
    english, bulgarian = _SENTENCES[code]
    return (bulgarian if language == "bg" else english).format_map(facts)
