"""Reads the fields of a form, urlencoded or in parts, as bytes: what charset each is in, its sender says elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from web.strict import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_PARTS: Final = 500
_LARGEST: Final = 1024 * 1024
_PARTS: Final = "multipart/form-data"
_FORM: Final = "application/x-www-form-urlencoded"


def is_form(content_type: str) -> bool:
    """Whether a body of this type is a form."""
    return parse_options_header(content_type)[0].lower() in (_PARTS, _FORM)


def fields(content_type: str, body: bytes) -> Mapping[str, bytes]:
    """The fields of a form without its files; of a field that stands twice, the first. Raises Unreadable."""
    kind, told = parse_options_header(content_type)
    if kind.lower() != _PARTS:
        return _urlencoded(body)
    boundary = told.get("boundary", "")
    if not boundary or not boundary.isascii():
        raise Unreadable("The form names no boundary between its parts.")
    try:
        return _in_parts(boundary.encode(), body)
    except (ValueError, HTTPException) as error:
        raise Unreadable("The parts of the form cannot be read.") from error


def _urlencoded(body: bytes) -> dict[str, bytes]:
    pairs = body.split(b"&", _MOST_PARTS)
    if len(pairs) > _MOST_PARTS:
        raise Unreadable(f"The form has more than {_MOST_PARTS} fields.")
    found: dict[str, bytes] = {}
    for pair in pairs:
        name, _, value = (unquote_to_bytes(part) for part in pair.replace(b"+", b" ").partition(b"="))
        found.setdefault(name.decode("utf-8", "replace"), value)
    return found


def _in_parts(boundary: bytes, body: bytes) -> dict[str, bytes]:
    decoder = MultipartDecoder(boundary, max_form_memory_size=_LARGEST, max_parts=_MOST_PARTS)
    decoder.receive_data(body)
    decoder.receive_data(None)
    found: dict[str, bytes] = {}
    name: str | None = None
    while not isinstance(event := decoder.next_event(), NeedData):
        if isinstance(event, Field | File):
            name = event.name if isinstance(event, Field) and event.name not in found else None
        elif isinstance(event, Data) and name is not None:
            found[name] = found.get(name, b"") + event.data
        elif isinstance(event, Epilogue):
            break
    return found
