"""Reads the envelope of a Salesforce outbound message. No document type, so that no entity can be declared in one.

Gives texts by the local names of elements; knows nothing of what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from web.strict import Unreadable

_DEEPEST: Final = 32
_NIL: Final = "http://www.w3.org/2001/XMLSchema-instance nil"
_TYPE: Final = "http://www.w3.org/2001/XMLSchema-instance type"


@dataclass(frozen=True, slots=True)
class Notification:
    """One record of a message: the notification's id, the object's kind and its fields that are not nil."""

    id: str
    object: str
    fields: dict[str, str]


@dataclass(slots=True)
class Message:
    """An outbound message: the organization's id and its notifications."""

    organization: str = ""
    notifications: list[Notification] = field(default_factory=list)


def read(body: bytes) -> Message:
    """The message in `body`. Raises Unreadable."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset}"
        raise Unreadable(f"The body is no XML: {expat.ErrorString(error.code)} at {place}.") from error
    except (LookupError, ValueError) as error:
        raise Unreadable("The body is in a charset that is not known.") from error
    if not reader.seen:
        raise Unreadable("The body is no outbound message: it has no notifications.")
    return reader.message


def _refuse(*_told: object) -> None:
    raise Unreadable("The body declares a document type, which no outbound message has.")


class _Reader:
    def __init__(self) -> None:
        self.message = Message()
        self.seen = False
        self._path: list[str] = []
        self._text: list[str] = []
        self._nil = False
        self._id = ""
        self._object = ""
        self._fields: dict[str, str] = {}

    def start(self, name: str, told: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self._path.append(local)
        if len(self._path) > _DEEPEST:
            raise Unreadable(f"The body is nested deeper than {_DEEPEST} levels.")
        self._text = []
        self._nil = told.get(_NIL) in ("true", "1")
        if local == "notifications":
            self.seen = True
        elif local == "Notification":
            self._id, self._object, self._fields = "", "", {}
        elif local == "sObject":
            self._object = told.get(_TYPE, "").rpartition(":")[2]

    def text(self, text: str) -> None:
        self._text.append(text)

    def end(self, _name: str) -> None:
        local = self._path.pop()
        above = self._path[-1] if self._path else ""
        told = "".join(self._text).strip()
        self._text = []
        if above == "sObject" and not self._nil:
            self._fields[local] = told
        elif above == "Notification" and local == "Id":
            self._id = told
        elif above == "notifications" and local == "OrganizationId":
            self.message.organization = told
        elif local == "Notification":
            self.message.notifications.append(Notification(self._id, self._object, self._fields))
        self._nil = False
