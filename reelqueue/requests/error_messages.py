"""Validation errors as one clear sentence: which option, what was seen, what the model takes."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from pydantic import ValidationError
from pydantic.alias_generators import to_camel, to_snake
from pydantic_core import ErrorDetails

from reelqueue.catalog import assume, lookup
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.option_table import EVERY_OPTION, JOB_OPTIONS, OTHER_WORDS, Form, names_of

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
    "option_in_raw": "option_in_raw",
    "out_of_range": "out_of_range",
    "cut_picture": "cut_picture",
    "file_too_large": "file_too_large",
    "reserved_header": "reserved_header",
}
_NAME_CHARACTERS_MAX: Final = 64
"""Of an unknown key, as much is quoted and compared."""

_QUIET: Final = names_of(forms=[Form.TEXT, Form.HEADERS, Form.OBJECT, Form.MEDIA])
"""Options whose value an error does not quote."""

_QUOTED: Final = frozenset({"greater_than_equal", "int_type", "bool_type", "less_than_equal", "literal_error"})
"""Kinds of error that are clearer with the value that was seen."""

_MEASURED: Final = frozenset({"string_too_long", "string_too_short"})
"""Kinds of error that are clearer with the length that was seen."""

_WORDING: Final = (
    ("Input should", "must"),
    ("String should", "must"),
    ("Field required", "must be given"),
    ("valid tuple", "list"),
    ("valid dictionary", "JSON object"),
    (" or instance of MediaItem", ""),
)
"""Pydantic's words and what a reader of JSON calls them."""


def refusal(kind: type[RenderRequest], data: Mapping[str, object], error: ValidationError) -> InvalidRequestError:
    """The first thing wrong with *data* as an error that says what to do."""
    details = _first(error)
    told = str(details["loc"][0])[:_NAME_CHARACTERS_MAX]
    name = to_snake(told)
    if details["type"] == "extra_forbidden" and to_camel(name) in data and name in kind.model_fields:
        return InvalidRequestError("conflicting_options", f"{name}: it is given twice, also as {to_camel(name)}", name)
    if details["type"] == "extra_forbidden":
        return unknown_option(told, kind, data.get("model"))
    seen = _seen(name, details)
    return InvalidRequestError(_CODES.get(details["type"], "wrong_type"), f"{_where(name, details)}: {seen}", name)


def item_refusal(error: ValidationError) -> InvalidRequestError:
    """The first thing wrong with one item of ``media``."""
    details = _first(error)
    key = to_snake(str(details["loc"][0])[:_NAME_CHARACTERS_MAX])
    if details["type"] == "extra_forbidden":
        return InvalidRequestError(
            "unknown_option", f"{key} is no key; an item has type, url, reference_voice", "media"
        )
    return InvalidRequestError(_CODES.get(details["type"], "wrong_type"), f"{key} {_said(details)}", "media")


def unknown_option(name: str, kind: type[RenderRequest], model: object) -> InvalidRequestError:
    """The error for an option that the model or the mode does not take."""
    snake = to_snake(name)
    known = str(model)[:128]
    taken = options_taken(kind, known)
    near = _near(snake, taken)
    hint = f"; did you mean {near}?" if near else "."
    whose = f"{known} ({kind.mode})"
    listed = ", ".join(sorted(taken - JOB_OPTIONS))
    if lookup(known) is None:
        listed += "; a model id outside the catalog may state its mode"
    return InvalidRequestError("unknown_option", f"{name}: {whose} does not take it{hint} It takes {listed}", snake)


def options_taken(kind: type[RenderRequest], model_id: str) -> frozenset[str]:
    """What a request of this kind may say to this model."""
    spec = lookup(model_id) or assume(model_id)
    return frozenset(kind.model_fields) & (spec.options | JOB_OPTIONS)


def _near(name: str, taken: frozenset[str]) -> str | None:
    if name in EVERY_OPTION:
        return None  # spelt well, only not for this model
    near = OTHER_WORDS.get(name) or next(iter(get_close_matches(name, sorted(taken), n=1, cutoff=0.7)), None)
    return near if near in taken else None


def _first(error: ValidationError) -> ErrorDetails:
    """The error to tell: a misspelt key before what is missing because of it."""
    errors = error.errors(include_url=False, include_context=False)
    return next((details for details in errors if details["type"] == "extra_forbidden"), errors[0])


def _where(name: str, details: ErrorDetails) -> str:
    position = next((part for part in details["loc"][1:] if isinstance(part, int)), None)
    return name if position is None else f"{name}[{position}]"


def _seen(name: str, details: ErrorDetails) -> str:
    said = _said(details)
    if details["type"] in _MEASURED and isinstance(details["input"], str):
        return f"{said}, not {len(details['input'])}"
    if name in _QUIET or details["type"] not in _QUOTED:
        return said
    return f"{said}, not {repr(details['input'])[:80]}"


def _said(details: ErrorDetails) -> str:
    message = details["msg"]
    for theirs, ours in _WORDING:
        message = message.replace(theirs, ours)
    return message
