"""Validation errors as one clear sentence: which option, what was seen, what the model takes."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from reelqueue.catalog import ModelSpec, lookup
from reelqueue.errors import InvalidRequestError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from reelqueue.requests import RenderRequest

JOB_OPTIONS: Final = frozenset(
    {
        "custom_id",
        "headers",
        "metadata",
        "on_timeout",
        "poll_interval_ms",
        "poll_timeout_ms",
        "priority",
        "raw",
        "start_by",
    }
)
"""Options that are ours and that every model therefore takes."""

_OTHER_WORDS: Final = {
    "aspect_ratio": "ratio",
    "first_frame": "image",
    "first_frame_url": "image",
    "generate_audio": "audio",
    "image_url": "image",
    "img_url": "image",
    "last_frame_url": "last_frame",
    "reference_video_urls": "reference_urls",
    "size": "resolution",
}
"""What the service and other clients call our options."""

_CODES: Final = {
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "literal_error": "out_of_range",
    "missing": "missing_option",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_long",
    "bad_url": "bad_url",
    "bad_header": "bad_header",
    "bad_item": "bad_media",
    "bad_json": "bad_json",
    "bad_text": "bad_text",
    "file_too_large": "file_too_large",
    "reserved_header": "reserved_header",
}
_QUIET: Final = frozenset({"prompt", "negative_prompt", "headers", "raw", "metadata", "media"})
"""Options whose value an error does not quote."""

_QUOTED: Final = frozenset({"greater_than_equal", "int_type", "bool_type", "less_than_equal", "literal_error"})
"""Kinds of error that are clearer with the value that was seen."""


def refusal(kind: type[RenderRequest], data: Mapping[str, object], error: ValidationError) -> InvalidRequestError:
    """The first thing wrong with *data* as an error that says what to do."""
    details = error.errors(include_url=False, include_context=False)[0]
    name = to_snake(str(details["loc"][0])) if details["loc"] else "request"
    if details["type"] == "extra_forbidden":
        return unknown_option(str(details["loc"][0]), kind, data.get("model"))
    seen = _seen(name, details)
    return InvalidRequestError(_CODES.get(details["type"], "wrong_type"), f"{_where(name, details)}: {seen}", name)


def item_refusal(error: ValidationError) -> InvalidRequestError:
    """The first thing wrong with one item of ``media``."""
    details = error.errors(include_url=False, include_context=False)[0]
    key = to_snake(str(details["loc"][0])) if details["loc"] else "item"
    if details["type"] == "extra_forbidden":
        return InvalidRequestError(
            "unknown_option", f"{key} is no key; an item has type, url, reference_voice", "media"
        )
    return InvalidRequestError(_CODES.get(details["type"], "wrong_type"), f"{key} {_said(details)}", "media")


def unknown_option(name: str, kind: type[RenderRequest], model: object) -> InvalidRequestError:
    """The error for an option that the model or the mode does not take."""
    snake = to_snake(name)
    spec = lookup(model) if isinstance(model, str) else None
    taken = options_taken(kind, spec)
    near = _OTHER_WORDS.get(snake) or next(iter(get_close_matches(snake, sorted(taken), n=1)), None)
    hint = f"; did you mean {near}?" if near in taken else "."
    whose = f"{model} ({kind.mode})" if isinstance(model, str) else kind.mode
    listed = ", ".join(sorted(taken - JOB_OPTIONS))
    if spec is None:
        listed += "; a model id outside the catalog may state its mode"
    return InvalidRequestError("unknown_option", f"{name}: {whose} does not take it{hint} It takes {listed}", snake)


def options_taken(kind: type[RenderRequest], spec: ModelSpec | None) -> frozenset[str]:
    """What a request of this kind may say to this model."""
    known = frozenset(kind.model_fields) - {"model"}
    return known if spec is None else known & (spec.options | JOB_OPTIONS)


def _where(name: str, details: ErrorDetails) -> str:
    position = next((part for part in details["loc"][1:] if isinstance(part, int)), None)
    return name if position is None else f"{name}[{position}]"


def _seen(name: str, details: ErrorDetails) -> str:
    said = _said(details)
    if name in _QUIET or details["type"] not in _QUOTED:
        return said
    return f"{said}, not {str(details['input'])[:80]!r}"


def _said(details: ErrorDetails) -> str:
    message = details["msg"]
    for theirs, ours in (("Input should", "must"), ("String should", "must"), ("Field required", "must be given")):
        message = message.replace(theirs, ours)
    return message
