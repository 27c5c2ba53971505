"""Examples for the OpenAPI document, made from the schemas: every field has a likely value, by its name or its type.

An example that breaks its own schema fails a test, so that the two cannot drift apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID: Final = "01a2049e-6d2c-7b55-9c8e-0242ac120002"
_TIME: Final = "2026-11-30T09:00:00Z"
_REF: Final = "#/components/schemas/"
# What is not told by its type: words that mean something in the shipped playbook.
_LIKELY: Final[Mapping[str, Any]] = {
    "email": "ana@example.com", "owner": "maria@sales.example.com", "rep": "maria@sales.example.com",
    "name": "Ana Petrova", "company": "Example OOD", "phone": "+359888123456", "title": "COO", "language": "bg",
    "time_zone": "Europe/Sofia", "country": "BG", "trigger": "qualify", "stage": "planned", "sequence": "after_call",
    "kind": "standard", "sender": "Maria Ivanova <maria@sales.example.com>", "role": "rep", "text": "Half the returns",
    "notes": "They want a demo.", "minutes": 25, "version": 7, "reason": "They chose another supplier.",
    "place": "Sofia, office", "uid": "meeting-42@example.com", "events": "replies on day 3", "status": 422,
    "detail": "“email” must be an address.", "field": "email", "source": "name: discovery", "days": 90,
    "type": "about:blank", "next_cursor": None, "error": None, "secret": None, "password": None,
    "smtp_url": "smtps://maria:secret@mail.example.com", "imap_url": "imaps://maria:secret@mail.example.com",
    "dkim_domain": "example.com", "dkim_selector": "onward", "token_url": "https://login.example.com/token",
    "client_id": "onward", "signature_en": "Kind regards", "signature_bg": "Поздрави", "code": "need.field",
    "en": "“budget” must be given first.", "bg": "Първо попълнете „budget“.", "message_id": "<42@example.com>",
    "recipient": "ana@example.com", "step": "first", "to": "qualified", "from": "planned", "area": "stages",
    "actor": "api:my-program", "cursor": "", "limit": 100, "api_token": "pat-eu1-…",
    "writes": {"qualified": "qualifiedtobuy"},
}  # fmt: skip
_DEEPEST: Final = 6


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:  # noqa: ANN401 - JSON
    """A value that fits `schema`, whose references lead into `schemas`."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].removeprefix(_REF)], schemas, name, depth)
    for given in ("const", "example"):
        if given in schema:
            return schema[given]
    if schema.get("examples"):
        return schema["examples"][0]
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices:
        if name in _LIKELY and _LIKELY[name] is None and {"type": "null"} in choices:
            return None
        return example(choices[0], schemas, name, depth)
    if "enum" in schema:
        return _LIKELY[name] if _LIKELY.get(name) in schema["enum"] else next(filter(None, schema["enum"]), "")
    return _of_type(schema, schemas, name, depth)


def _of_type(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str, depth: int) -> Any:  # noqa: ANN401 - JSON
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, schemas, depth)
    if kind == "array":
        items = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        return [example(items, schemas, name, depth + 1)] if depth < _DEEPEST else []
    if kind == "string":
        return _string(schema, name)
    if kind in ("integer", "number"):
        likely = _LIKELY.get(name)
        return likely if isinstance(likely, int) else schema.get("minimum", 1)
    return {"boolean": False}.get(str(kind))


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth >= _DEEPEST:
        return {}
    told = {
        name: example(each, schemas, name, depth + 1)
        for name, each in schema.get("properties", {}).items()
        if not ((each.get("default", "") is None) and _LIKELY.get(name, "") is None)
    }
    more = schema.get("additionalProperties")
    if not told and isinstance(more, dict):
        keys = schema.get("propertyNames", {}).get("enum", ["key"])
        return {keys[0]: example(more, schemas, "text", depth + 1)}
    return told


def _string(schema: Mapping[str, Any], name: str) -> str:
    form = schema.get("format")
    if form == "date-time":
        return _TIME
    if form == "date":
        return _TIME[:10]
    likely = _LIKELY.get(name)
    if isinstance(likely, str) and "pattern" not in schema:
        return likely
    if name == "id" or name.endswith("_id") or "UUID" in schema.get("description", ""):
        return _ID
    return "crm" if "pattern" in schema else name or "text"
