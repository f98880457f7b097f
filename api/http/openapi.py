"""What FastAPI cannot derive for the OpenAPI document: bodies that endpoints parse themselves, and problems."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.alias_generators import to_camel, to_snake
from pydantic.json_schema import models_json_schema
from starlette.routing import compile_path

from api.http.job_batch import JobsRequest
from api.problem_details import Problem
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.qwen.request import TextRequest
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.types import REQUEST_TYPES
from reelqueue.texts.text_job import TextJobOptions
from reelqueue.version import VERSION

_REF: Final = "#/components/schemas/{model}"

_INITIALISMS: Final = {"csv": "CSV", "jsonl": "JSONL", "pdf": "PDF", "png": "PNG"}

DESCRIPTION: Final = """\
Render jobs for Reelqueue: submit a request, watch the job, download the video.

Every error is a problem (RFC 9457) whose `code` is stable. Option names are accepted in camelCase too.
What a model takes beyond the types given here is in `GET /v1/models`; a request that the model does not
take is refused with 422 before anything is stored.
"""

JSON_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobRequest"}}},
    }
}
"""``openapi_extra`` of an operation whose body is a request object."""

JOBS_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobsRequest"}}},
    }
}
"""``openapi_extra`` of an operation whose body has many request objects."""

TEXT_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TextJobRequest"}}},
    }
}
"""``openapi_extra`` of an operation whose body asks a language model."""


def body_of(model: type[BaseModel], *, is_required: bool = True) -> dict[str, Any]:
    """``openapi_extra`` of an operation that parses its body itself."""
    schema = _without_defaults(model.model_json_schema(by_alias=False, ref_template=_REF))
    schema.pop("$defs", None)  # `document` puts them where the references point
    return {"requestBody": {"required": is_required, "content": {"application/json": {"schema": schema}}}}


def operation_id(route: APIRoute) -> str:
    """The name that client generators give to an operation: that of its function, as JavaScript spells it."""
    return to_camel(route.name)


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """The methods of every operation at *path*.

    Starlette's own 405 names those of the first route only, and some paths have two. A path that is spelled out is no
    id of another.
    """
    operations = app.openapi()["paths"]
    templates = [path] if path in operations else [one for one in operations if compile_path(one)[0].match(path)]
    return sorted(method.upper() for template in templates for method in operations[template])


def document(app: FastAPI, *, require_key: bool) -> dict[str, Any]:
    """The OpenAPI 3.1 document of *app*."""
    schema = get_openapi(
        title="Reelqueue", version=VERSION, description=DESCRIPTION, routes=app.routes, openapi_version="3.1.0"
    )
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(mode="serialization", ref_template=_REF)
    schemas |= problem.pop("$defs") | {"Problem": problem}
    schemas |= _request_schemas() | _campaign_schemas() | _text_schemas()
    if require_key:
        schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            operation["summary"] = _summary(operation["operationId"])
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "header":  # in whatever case; clients show them as people write them
                    parameter["name"] = parameter["name"].title()
            if require_key and path.startswith("/v1/"):
                operation["security"] = [{"key": []}]
    return schema


def _summary(name: str) -> str:
    words = [_INITIALISMS.get(word, word) for word in to_snake(name).split("_")]
    return f"{words[0].capitalize()} {' '.join(words[1:])}"


def _without_defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """A request's schema with each default told in words only.

    Generators of clients make an option with a default a required one, which a caller would have to give.
    """
    for part in (schema, *schema.get("$defs", {}).values()):
        for option in part.get("properties", {}).values():
            default = option.pop("default", None)
            if default is not None:
                option["description"] = f"{option.get('description', '')} Unless given: {default}.".strip()
    return schema


def _campaign_schemas() -> dict[str, Any]:
    schema = _without_defaults(CampaignOptions.model_json_schema(by_alias=False, ref_template=_REF))
    definitions: dict[str, Any] = schema["$defs"]
    return definitions


def _text_schemas() -> dict[str, Any]:
    """The body of a text job: what the model is asked, and what the queue is told, in one object."""
    kinds: list[type[BaseModel]] = [TextRequest, TextJobOptions]
    _, definitions = models_json_schema([(kind, "validation") for kind in kinds], by_alias=False, ref_template=_REF)
    schemas: dict[str, Any] = _without_defaults(definitions)["$defs"]
    properties: dict[str, Any] = {}
    for kind in kinds:
        properties |= schemas.pop(kind.__name__)["properties"]
    request = {
        "title": "TextJobRequest",
        "description": "A question to a language model: `prompt` or `messages`, and beside it what the queue is told.",
        "type": "object",
        "properties": properties,
        "required": ["model"],
        "oneOf": [{"required": ["prompt"]}, {"required": ["messages"]}],
        "additionalProperties": False,
        "examples": [{"model": "qwen-plus", "prompt": "Name a paper boat.", "max_cost": "0.01 USD"}],
    }
    return {**schemas, "TextJobRequest": request}


def _request_schemas() -> dict[str, Any]:
    """One schema for the four kinds of requests, whose options are told apart by the model."""
    kinds: list[type[RenderRequest]] = list(REQUEST_TYPES.values())
    _, definitions = models_json_schema([(kind, "validation") for kind in kinds], by_alias=False, ref_template=_REF)
    schemas: dict[str, Any] = _without_defaults(definitions)["$defs"]
    properties: dict[str, Any] = {}
    for kind in kinds:
        properties |= schemas.pop(kind.__name__)["properties"]
    properties["mode"] = {
        "type": "string",
        "enum": [kind.mode for kind in kinds],
        "description": "What the video is made from; derived from the model and the media unless given.",
    }
    request = {
        "title": "JobRequest",
        "type": "object",
        "properties": properties,
        "required": ["model"],
        "additionalProperties": False,
        "examples": [{"model": "wan2.6-t2v", "prompt": "a paper boat on a lake at dawn", "duration": 5}],
    }
    return {**schemas, "JobRequest": request, **_many_schemas()}


def _many_schemas() -> dict[str, Any]:
    """The body of many jobs, which refers to ``JobRequest``."""
    schema = _without_defaults(JobsRequest.model_json_schema(by_alias=False, ref_template=_REF))
    definitions: dict[str, Any] = schema.pop("$defs")
    # Set here: pydantic asks for a model behind each reference, and a request has four.
    request = definitions["JobOfMany"]["properties"]["request"]
    definitions["JobOfMany"]["properties"]["request"] = {
        "$ref": _REF.format(model="JobRequest"),
        "description": request["description"],
    }
    return {**definitions, "JobsRequest": schema}
