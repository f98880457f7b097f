"""A value that fits a JSON schema, always the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_DEPTH_MAX: Final = 12


def sample(schema: object, root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
    """The simplest value of *schema*; texts for what cannot be told."""
    if not isinstance(schema, Mapping) or depth > _DEPTH_MAX:
        return "text"
    root = schema if root is None else root
    if isinstance(reference := schema.get("$ref"), str):
        return sample(_resolved(reference, root), root, depth + 1)
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("enum", "examples"):
        if schema.get(name):
            return schema[name][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return sample(schema[name][0], root, depth + 1)
    kind = schema.get("type")
    return _of_type(kind[0] if isinstance(kind, list) and kind else kind, schema, root, depth)


def _of_type(kind: object, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:  # noqa: ANN401
    match kind:
        case "object":
            named = schema.get("properties", {})
            return {name: sample(inner, root, depth + 1) for name, inner in named.items()}
        case "array":
            items = [sample(schema.get("items", {}), root, depth + 1)]
            return items * max(int(schema.get("minItems", 1)), 1)
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "text".ljust(int(schema.get("minLength", 0)), "x")


def _resolved(reference: str, root: Mapping[str, Any]) -> object:
    found: Any = root
    for name in reference.removeprefix("#/").split("/"):
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found
