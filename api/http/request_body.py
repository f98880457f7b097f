"""From the bytes of a request to a JSON object that can be stored.

Stricter than `json.loads`: what it would let through and Postgres, the provider or another reader
would stumble over later is refused here, with the place named.
"""

from __future__ import annotations

import asyncio
import json
import math
from typing import Annotated, Any, Final, Never, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from api.auth.authentication import caller
from api.dependencies import services
from api.problem_details import ProblemError

MAX_DEPTH: Final = 32
"""Objects and arrays inside one another; ours need four, metadata may need more."""

_DISCARDED_BYTES: Final = 256 * 1024**2
"""How much of a body that is too large is read and dropped: closing at once would reset the connection,
and the sender would see that instead of the answer."""

_FORM_BYTES_MAX: Final = 16 * 1024
_FORM_FIELDS_MAX: Final = 10

JsonObject = dict[str, Any]
M = TypeVar("M", bound=BaseModel)


async def _read(request: Request, _caller: Annotated[object, Depends(caller)]) -> bytes:
    """The body, read only once the caller is known."""
    return await _read_in_time(request, services(request).settings.api_max_body_bytes)


async def _read_unsigned(request: Request) -> bytes:
    """A body from anybody, and so a small one."""
    return await _read_in_time(request, _FORM_BYTES_MAX)


async def _read_in_time(request: Request, max_bytes: int) -> bytes:
    settings = services(request).settings
    try:
        async with asyncio.timeout(settings.api_body_timeout_seconds):
            return await _read_capped(request, max_bytes)
    except TimeoutError:
        raise ProblemError(
            408,
            "body_too_slow",
            f"the body did not arrive within {settings.api_body_timeout_seconds:g} s; send it again",
            headers={"Connection": "close"},  # whatever arrives now is the middle of a body
        ) from None


async def _read_capped(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    # uvicorn has seen to it that this is a number.
    size_bytes = int(request.headers.get("content-length", "0"))
    kept = size_bytes <= max_bytes
    read_bytes = 0
    async for chunk in request.stream():
        read_bytes += len(chunk)
        kept = kept and read_bytes <= max_bytes
        if kept:
            body += chunk
        elif read_bytes > _DISCARDED_BYTES:
            break
    if kept:
        return bytes(body)
    raise ProblemError(
        413,
        "body_too_large",
        f"the body has more than {max_bytes} bytes; put pictures on a web server or into a bucket and send their URLs",
    )


# Two dependencies instead of one: this one is synchronous, so that a large body is decoded on a
# thread and the event loop goes on.
def json_object(request: Request, body: Annotated[bytes, Depends(_read)]) -> JsonObject:
    """The JSON object in the body.

    Raises:
        ProblemError: there is none, or it holds something that cannot be stored.
    """
    _check_content_type(request, "application/json")
    return decode_object(body)


def ndjson_lines(request: Request, body: Annotated[bytes, Depends(_read)]) -> list[bytes]:
    """The lines of the body, each of which shall be a JSON object.

    Raises:
        ProblemError: it does not say that it is such.
    """
    _check_content_type(request, "application/x-ndjson")
    return body.split(b"\n")


def form_fields(request: Request, body: Annotated[bytes, Depends(_read_unsigned)]) -> dict[str, str]:
    """The fields of a form that a browser sends.

    Raises:
        ProblemError: it is not such, or too long.
    """
    _check_content_type(request, "application/x-www-form-urlencoded")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FORM_FIELDS_MAX))
    except ValueError as error:  # also where it is no UTF-8
        raise ProblemError(400, "malformed_form", "the body is no form; use the page") from error


def optional_json_object(request: Request, body: Annotated[bytes, Depends(_read)]) -> JsonObject:
    """The JSON object in the body; an empty one where there is no body."""
    return json_object(request, body) if body else {}


def options_of(body: JsonObject, kind: type[M]) -> M:
    """A body as options of a kind.

    Raises:
        ProblemError: an option is missing, unknown or of a wrong type.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise ProblemError(422, "invalid_option", f"{field}: {first['msg']}", field=field) from error


def decode_object(body: bytes) -> JsonObject:
    """The JSON object that *body* spells."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_not_json, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start} is not UTF-8") from error
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise _malformed(str(error)) from error
    if not isinstance(value, dict):
        raise ProblemError(422, "not_an_object", "the body is JSON but not an object; send {…}")
    # Only an escape can spell what cannot be stored, and only brackets nest: most bodies have neither to look for.
    if b"\\u" in body or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_storable(value, (), MAX_DEPTH)
    return value


def _check_content_type(request: Request, wanted: str) -> None:
    """Only JSON, said so: a web page elsewhere can then not send it without asking the browser's leave."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != wanted:
        raise ProblemError(415, "not_json", f"the content type is {media_type or 'missing'}; send {wanted}")


def _check_storable(value: object, place: tuple[str, ...], depth: int) -> None:
    if depth < 0:
        raise _too_deep()
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_storable(item, (*place, str(index)), depth - 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_text(name, place)
            _check_storable(item, (*place, name), depth - 1)


def _check_text(text: str, place: tuple[str, ...]) -> None:
    field = ".".join(place) or None
    if "\0" in text:
        raise ProblemError(422, "nul_character", "a text holds the character U+0000; remove it", field=field)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ProblemError(
            422, "lone_surrogate", "a text holds half of a surrogate pair; send whole characters", field=field
        ) from None


def _unique(pairs: list[tuple[str, object]]) -> JsonObject:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _malformed(f"the name {twice[:100]!r} stands twice in one object")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _malformed(f"the number {text[:40]} is too large")
    return number


def _not_json(text: str) -> Never:
    raise _malformed(f"{text} is not a number in JSON")


def _malformed(seen: str) -> ProblemError:
    return ProblemError(400, "malformed_json", f"the body is not JSON: {seen}")


def _too_deep() -> ProblemError:
    return ProblemError(422, "too_deep", f"the body nests deeper than {MAX_DEPTH} levels; flatten it")
