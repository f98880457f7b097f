"""The OpenAPI document as generators of clients read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.app import create_app
from api.settings import ApiSettings

DOCUMENT = create_app(ApiSettings(), require_key=True).openapi()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS = [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]
VERBS = {
    "approve", "begin", "cancel", "check", "commit", "create", "decide", "delete", "discard", "download", "enable",
    "explain", "follow", "get", "import", "list", "pause", "preview", "price", "put", "redeliver", "resume", "retry",
    "stage", "test",
}  # fmt: skip


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS]

    assert len(set(names)) == len(names)
    assert {"createJob", "getJob", "listJobs", "cancelJob", "followCampaign", "createWebhook"} <= set(names)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation["operationId"])
def test_an_operation_is_named_by_what_it_does(operation: dict[str, Any]) -> None:
    verb, *rest = re.findall(r"[A-Z]?[a-z]+", operation["operationId"])

    assert verb in VERBS
    assert rest
    assert re.fullmatch(r"[A-Z][a-z]+( ([a-z]+|CSV|JSONL|PDF|PNG))+", operation["summary"])
    assert operation["description"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation["operationId"])
def test_every_parameter_is_described(operation: dict[str, Any]) -> None:
    assert [each["name"] for each in operation.get("parameters", []) if not each.get("description")] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_described(name: str) -> None:
    assert [field for field, schema in SCHEMAS[name].get("properties", {}).items() if not told(schema)] == []


def test_every_field_of_a_body_is_described() -> None:
    bare = [
        (operation["operationId"], field)
        for operation in OPERATIONS
        for schema in bodies(operation)
        for field, described in schema.get("properties", {}).items()
        if not told(described)
    ]

    assert bare == []


def test_no_body_has_a_default_that_makes_an_option_required() -> None:
    requests = [schema for operation in OPERATIONS for schema in bodies(operation)]
    requests += [SCHEMAS[name] for name in ("JobRequest", "MediaItem", "Budget", "Breaker")]

    assert len(requests) > 10
    assert [schema["title"] for schema in requests if '"default"' in json.dumps(schema)] == []


def test_a_default_is_told_in_words() -> None:
    assert SCHEMAS["JobRequest"]["properties"]["poll_interval_ms"]["description"].endswith("Unless given: 5000.")


def test_every_reference_leads_somewhere() -> None:
    led_to = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(DOCUMENT)))

    assert led_to <= set(SCHEMAS)


def bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The JSON bodies that an operation takes, where they are written in place."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == "application/json":
            yield content["schema"]


def told(schema: dict[str, Any]) -> bool:
    """Whether a field is described, itself or by the one type that it has."""
    return bool(schema.get("description"))
