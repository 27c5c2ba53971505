"""Where the columns of a file go: guessed from their names in English and Bulgarian, and checked when a person says it.

Pure. A column that names nothing known is kept under `custom`; what only the product may set is never taken.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from workflow.engine.signals import FIELDS
from workflow.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

IGNORED: Final = ""
REFERRED_BY: Final = "referred_by"
SINGLE: Final = (*FIELDS, "id", "ref", "owner", "first_name", "last_name", REFERRED_BY)
"""Where at most one column may go. First and last name become one name; `id` is our own id from an export."""
CUSTOM: Final = "custom."
KINDS: Final = ("number", "date")
LONGEST_KEY: Final = 80
OWN: Final = frozenset(
    {"stage", "outcome", "outcome_reason", "suppressed", "version", "entered_stage_at", "created_at", "updated_at",
     "moved_at", "refs", "merged_into", "chain", "owner_id", "role", "is_admin", "state"}
)  # fmt: skip
"""Columns of our own exports, and names that would pretend to be such: nobody sets these by a file."""
PROBLEM: Final = frozenset({"row", "column", "problem", "ред", "колона", "проблем"})
"""Columns of the file of refused rows; mended and sent again, it is read as if they were not there."""

_KEYS: Final = frozenset({"email", "name", "first_name", "last_name", "company", "phone", "id", "ref"})
_NAMES: Final[Mapping[str, str]] = {
    "email": "email e-mail mail emailaddress e-mailaddress workemail имейл имейладрес ел.поща електроннапоща поща мейл"
    " емайл e-поща",
    "name": "name fullname contact contactname person contactperson име имена пълноиме лице лицезаконтакт контакт",
    "first_name": "firstname givenname forename първоиме собственоиме личноиме",
    "last_name": "lastname surname familyname фамилия фамилноиме",
    "company": "company companyname organisation organization account accountname firm business employer фирма компания"
    " организация дружество предприятие работодател",
    "phone": "phone phonenumber telephone tel mobile mobilephone cell cellphone gsm workphone телефон тел мобилен"
    " мобилентелефон гсм телефоненномер",
    "title": "title jobtitle job position role длъжност позиция роля титла",
    "language": "language lang locale език",
    "time_zone": "timezone tz time_zone часовазона часовипояс",
    "country": "country countrycode държава страна",
    "owner": "owner owneremail rep salesrep accountowner assignedto отговорник собственик търговец",
    "ref": "ref externalid externalref crmid recordid contactid външенномер външенид",
    "id": "id onwardid",
    "referred_by": "referredby referrer referreremail referralfrom препоръчанот препоръчал препоръкаот",
}
_SIGNS: Final = re.compile(r"[^\w.@-]+|_")
_KNOWN: Final = {_plain: target for target, names in _NAMES.items() for _plain in names.split()}


def guess(header: Sequence[str], remembered: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Where each column goes: as it went the last time, else by its name; the first of two that mean the same wins."""
    told, taken = [], set[str]()
    for name in header:
        target = (remembered or {}).get(name)
        if target is None:
            target = _guessed(name)
        if target in SINGLE and target in taken:
            target = _kept(name)
        taken.add(target)
        told.append(target)
    return tuple(told)


def checked(header: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """`columns` when they may stand as they are. Raises BadInput for an unknown place, or one that is meant twice."""
    if len(columns) != len(header):
        raise BadInput("Say of each column where it goes.", field="columns")
    for name, target in zip(header, columns, strict=True):
        _kind, place = split(target)
        odd = place not in SINGLE and not (place.startswith(CUSTOM) and len(place) > len(CUSTOM))
        if target and (odd or len(place) > LONGEST_KEY + len(CUSTOM)):
            raise BadInput(
                f"“{target[:60]}” is no place for the column “{name[:60]}”: use a field, or custom.<key>.",
                field="columns",
            )
        if target and (place in SINGLE) and place != target:
            raise BadInput(f"The column “{name[:60]}” goes to a text, not to a number or date.", field="columns")
    places = [split(target)[1] for target in columns if target]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise BadInput(f"Two columns go to “{twice}”: lead one of them elsewhere.", field="columns")
    if not {"email", "name", "company", "phone", "first_name", "last_name", "ref", "id"} & set(places):
        raise BadInput(
            "No column holds an address, a name, a company or a phone number: say which one.", field="columns"
        )
    return tuple(columns)


def split(target: str) -> tuple[str, str]:
    """The kind of a target (`text`, `number`, `date`) and its place."""
    kind, colon, place = target.partition(":")
    return (kind, place) if colon and kind in KINDS else ("text", target)


def keys_only(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns with all led nowhere that do not tell who somebody is."""
    return tuple(target if target in _KEYS else IGNORED for target in columns)


def referred_by(header: Sequence[str], columns: Sequence[str]) -> str | None:
    """The name of the column that tells who referred somebody, if one does."""
    return header[columns.index(REFERRED_BY)] if REFERRED_BY in columns else None


def fingerprint(header: Sequence[str]) -> str:
    """What two files with the same columns share."""
    return hashlib.sha256("\x1f".join(name.casefold() for name in header).encode()).hexdigest()


def by_name(header: Sequence[str], told: Iterable[tuple[str, str]]) -> dict[int, str]:
    """Columns that somebody named with their places, by position. Raises BadInput for a column that is not there."""
    folded = [name.casefold() for name in header]
    found = {}
    for name, target in told:
        if name.casefold() not in folded:
            shown = ", ".join(f"“{each[:40]}”" for each in header[:12])
            raise BadInput(f"There is no column “{name[:60]}”: the file has {shown}.", field="columns")
        found[folded.index(name.casefold())] = target
    return found


def _guessed(name: str) -> str:
    folded = name.casefold().strip()
    if not folded or folded in OWN or folded in PROBLEM:
        return IGNORED
    if folded.startswith(CUSTOM) or (folded.partition(":")[0] in KINDS and CUSTOM in folded):
        return name if len(name) <= LONGEST_KEY else _kept(name)
    if folded in SINGLE:
        return folded
    return _KNOWN.get(_SIGNS.sub("", unicodedata.normalize("NFKC", folded)), "") or _kept(name)


def _kept(name: str) -> str:
    return f"{CUSTOM}{name[:LONGEST_KEY]}"
