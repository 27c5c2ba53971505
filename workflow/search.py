"""What a search looks in and looks for: names, addresses and phones, in Cyrillic and in any usual Latin spelling.

Pure: texts in, texts out. Whoever asks the database puts the terms into a statement; see `workflow.reports.finding`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import product
from typing import Final

MOST_WORDS: Final = 6
# The text stands in an index of PostgreSQL, whose entries may have 2,700 bytes.
_MOST_BYTES: Final = 2_000
_PHONE: Final = re.compile(r"[+\d\s().\-/]*\d[+\d\s().\-/]*")
_FEWEST_DIGITS: Final = 3
_FEWEST_LETTERS: Final = 3
_NATIONAL: Final = 9
_WITH_COUNTRY: Final = 11

# The Bulgarian transliteration law of 2009, and for letters of the neighbours what their passports write.
_OFFICIAL: Final = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i", "й": "y", "к": "k",
    "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "h",
    "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sht", "ъ": "a", "ь": "y", "ю": "yu", "я": "ya", "ы": "y", "э": "e",
    "ё": "e", "і": "i", "ї": "i", "є": "e", "ґ": "g", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "ђ": "dj", "џ": "dz",
    "ѓ": "g", "ќ": "k", "ѕ": "dz", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th",
}  # fmt: skip
# How people write these letters as often as by the law: Jivko, Cvetan, Petur.
_CUSTOMARY: Final = {"ж": ("zh", "j"), "ц": ("ts", "c"), "ъ": ("a", "u")}
_TABLE: Final = str.maketrans(_OFFICIAL)
# Spellings of one sound become one spelling, in this order. What is cut in the middle of such a pair is still found,
# because the text as it was written stands beside its folded form.
_FOLDS: Final = (
    ("shch", "sht"), ("sch", "sh"), ("tch", "ch"), ("chr", "hr"), ("kh", "h"), ("ph", "f"), ("tz", "ts"), ("ou", "u"),
    ("w", "v"), ("x", "ks"), ("q", "k"),
)  # fmt: skip
_SOFT_C: Final = re.compile("c(?=[eiyvj])")
_HARD_C: Final = re.compile("c(?!h)")
_SOFT: Final = str.maketrans("yj", "ii")
_DOUBLE: Final = re.compile(r"(.)\1+")
_OLD_ENDING: Final = re.compile(r"(?<=[oe])f\b")


def searchable(name: str, company: str, email: str, phone: str) -> str:
    """What the search of a prospect looks in: the words as they are and in one Latin spelling, and the phone's digits.

    The raw words come first, so that nothing but spellings is cut off where all that is too long for an index.
    """
    words = f"{name} {company} {email} {phone}".casefold().split()
    raw = " ".join(words)
    more = dict.fromkeys(form for word in words for form in spellings(word) if form not in raw)
    digits = "".join(sign for sign in phone if sign.isdigit())
    if len(digits) >= _FEWEST_DIGITS and digits not in raw:
        more[digits] = None
    whole = " ".join((raw, *more))
    return whole if len(whole) * 4 <= _MOST_BYTES else whole.encode()[:_MOST_BYTES].decode(errors="ignore")


def terms(wanted: str) -> tuple[tuple[str, ...], ...]:
    """What to look for: of each term any alternative must stand in the text, and every term must be there.

    A number is looked for by its digits, whatever stands between them and whether or not its country is told.
    """
    folded = " ".join(wanted.casefold().split())
    if _PHONE.fullmatch(folded) and sum(sign.isdigit() for sign in folded) >= _FEWEST_DIGITS:
        return (_number(folded),)
    return tuple(_shortest((word, *spellings(word))) for word in folded.split()[:MOST_WORDS])


@lru_cache(maxsize=8192)
def spellings(word: str) -> tuple[str, ...]:
    """A casefolded word in one Latin spelling; in several where its Cyrillic letters are written in several ways."""
    if word.isascii():
        return (_folded(word),)
    several = [letter for letter in _CUSTOMARY if letter in word]
    found = []
    for chosen in product(*(_CUSTOMARY[letter] for letter in several)):
        told = word
        for letter, latin in zip(several, chosen, strict=True):
            told = told.replace(letter, latin)
        plain = unicodedata.normalize("NFKD", told.translate(_TABLE))
        found.append(_folded("".join(sign for sign in plain if not unicodedata.combining(sign))))
    return tuple(dict.fromkeys(found))


def _folded(word: str) -> str:
    for spelling, to in _FOLDS:
        word = word.replace(spelling, to)
    if "c" in word:
        word = _HARD_C.sub("k", _SOFT_C.sub("ts", word))
    word = _DOUBLE.sub(r"\1", word.translate(_SOFT))
    return _OLD_ENDING.sub("v", word) if "f" in word else word


def _number(told: str) -> tuple[str, ...]:
    digits = "".join(sign for sign in told if sign.isdigit())
    # 00359 88 and 0 88 are ways to dial it from abroad and from here.
    bare = digits.lstrip("0") or digits
    forms = [bare, bare[-_NATIONAL:]] if len(bare) >= _WITH_COUNTRY else [bare]
    return _shortest((*forms, told)) if " " not in told else _shortest(forms)


def _shortest(forms: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Without the empty ones, and without those that are found only where another is found."""
    # A spelling that says too little would find everybody: of “zzz” one “z” is left.
    fewest = min(len(forms[0]), _FEWEST_LETTERS)
    known = [form for form in dict.fromkeys(forms) if len(form) >= fewest]
    return tuple(form for form in known if not any(other != form and other in form for other in known))
