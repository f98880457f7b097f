"""Whether a value is a JSON schema, before a model is paid to keep to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, NoReturn, TypeAlias

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_OF_SCHEMA: Final = frozenset(
    {
        "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
        "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_OF_NAMED_SCHEMAS: Final = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_OTHERS: Final = frozenset({"$ref", "const", "enum", "format", "maximum", "minimum", "pattern", "required", "type"})
_DEEPEST: Final = 50


def _json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    known = _OF_SCHEMA | _OF_SCHEMAS | _OF_NAMED_SCHEMAS | _OTHERS
    if schema and not known & schema.keys():
        _refuse("", f"says nothing of the answer; such a schema has type, properties or enum, not {_quoted(schema)}")
    _check(schema, "", 1)
    return schema


JsonSchema: TypeAlias = Annotated[dict[str, Any], AfterValidator(_json_schema)]
"""An object whose keywords have values of the kinds that JSON Schema gives them."""


def _check(schema: Mapping[str, object], path: str, depth: int) -> None:
    if depth > _DEEPEST:
        _refuse(path, f"is nested more than {_DEEPEST} deep")
    _check_type(schema, path)
    required, choices = schema.get("required", []), schema.get("enum", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        _refuse(_inside(path, "required"), "must be a list of names")
    if not isinstance(choices, list):
        _refuse(_inside(path, "enum"), "must be a list of values")
    for place, inner in _inner(schema, path):
        if isinstance(inner, Mapping):
            _check(inner, place, depth + 1)
        elif not isinstance(inner, bool):
            _refuse(place, "must be a schema, which is an object")


def _check_type(schema: Mapping[str, object], path: str) -> None:
    said = schema.get("type", [])
    for name in said if isinstance(said, list) else [said]:
        if not isinstance(name, str) or name not in _TYPES:
            _refuse(_inside(path, "type"), f"must be {', '.join(sorted(_TYPES))}")


def _inner(schema: Mapping[str, object], path: str) -> Iterator[tuple[str, object]]:
    """The schemas that a schema is made of, and where they are."""
    for keyword, value in schema.items():
        place = _inside(path, keyword)
        if keyword in _OF_NAMED_SCHEMAS:
            if not isinstance(value, Mapping):
                _refuse(place, "must be an object of schemas")
            yield from ((_inside(place, str(name)), one) for name, one in value.items())
        elif keyword in _OF_SCHEMAS:
            if not isinstance(value, list):
                _refuse(place, "must be a list of schemas")
            yield from ((f"{place}[{number}]", one) for number, one in enumerate(value))
        elif keyword in _OF_SCHEMA:
            # Older drafts have a list of schemas here.
            several = enumerate(value) if keyword == "items" and isinstance(value, list) else None
            yield from ((f"{place}[{n}]", one) for n, one in several) if several is not None else [(place, value)]


def _inside(path: str, keyword: str) -> str:
    return f"{path}.{keyword[:64]}" if path else keyword[:64]


def _quoted(schema: Mapping[str, object]) -> str:
    return ", ".join(sorted(str(name)[:64] for name in schema)[:5])


def _refuse(path: str, what: str) -> NoReturn:
    said = f"is no JSON schema: {path} {what}" if path else f"is no JSON schema: {what}"
    raise PydanticCustomError("bad_schema", "{said}", {"said": said})
