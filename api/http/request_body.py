"""From the bytes of a request to a JSON object that can be stored.

Stricter than `json.loads`: what it would let through and Postgres, the provider or another reader
would stumble over later is refused here, with the place named.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Header, Request
from pydantic import BaseModel, ValidationError

from api.auth.authentication import caller
from api.dependencies import context_of
from api.problem_details import ProblemError
from reelqueue.strict_json import TooDeepError, TooManyElementsError, read_json

ELEMENTS_MAX: Final = 100_000
"""Of one JSON body, or of one line of a batch; the largest that means anything has a thousand."""
SMALL_BODY_BYTES: Final = 1024**2
"""For bodies without pictures."""
BATCH_LINES_MAX: Final = 2_000
"""Of one batch, which is checked and stored by one request."""

_DISCARDED_BYTES: Final = 256 * 1024**2
"""How much of a body that is too large is read and dropped: closing at once would reset the connection,
and the sender would see that instead of the answer."""

_FORM_BYTES_MAX: Final = 16 * 1024
_FORM_FIELDS_MAX: Final = 10

JsonObject = dict[str, Any]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Any text of the caller's. The same key with the same request is the same job.",
    ),
]
M = TypeVar("M", bound=BaseModel)


async def _read(request: Request, _caller: Annotated[object, Depends(caller)]) -> bytes:
    """A body that may hold pictures, read only once the caller is known."""
    return await _read_in_time(request, context_of(request).settings.api_max_body_bytes)


async def _read_small(request: Request, _caller: Annotated[object, Depends(caller)]) -> bytes:
    """A body without pictures, read only once the caller is known."""
    return await _read_in_time(request, min(SMALL_BODY_BYTES, context_of(request).settings.api_max_body_bytes))


async def _read_unsigned(request: Request) -> bytes:
    """A body from anybody, and so a small one."""
    return await _read_in_time(request, _FORM_BYTES_MAX)


async def _read_in_time(request: Request, max_bytes: int) -> bytes:
    settings = context_of(request).settings
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
def render_request(request: Request, body: Annotated[bytes, Depends(_read)]) -> JsonObject:
    """The JSON object in a body that may hold pictures.

    Raises:
        ProblemError: there is none, or it holds something that cannot be stored.
    """
    _check_content_type(request, "application/json")
    return decode_object(body)


def json_object(request: Request, body: Annotated[bytes, Depends(_read_small)]) -> JsonObject:
    """The JSON object in a body without pictures.

    Raises:
        ProblemError: there is none, or it holds something that cannot be stored.
    """
    _check_content_type(request, "application/json")
    return decode_object(body)


def ndjson_lines(request: Request, body: Annotated[bytes, Depends(_read)]) -> list[bytes]:
    """The lines of the body, each of which shall be a JSON object.

    Raises:
        ProblemError: it does not say that it is such, or there are too many.
    """
    _check_content_type(request, "application/x-ndjson")
    count = body.count(b"\n") + 1
    if count > BATCH_LINES_MAX:  # before they are lines
        raise ProblemError(413, "too_many_lines", f"a batch has at most {BATCH_LINES_MAX} lines, not {count}")
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


def optional_json_object(request: Request, body: Annotated[bytes, Depends(_read_small)]) -> JsonObject:
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
        value = read_json(body, elements_max=ELEMENTS_MAX)
    except TooManyElementsError as error:
        raise ProblemError(413, "too_many_elements", f"the body is too large: {error}") from error
    except TooDeepError as error:
        raise ProblemError(422, "too_deep", f"the body cannot be stored: {error}; flatten it") from error
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start} is not UTF-8") from error
    except ValueError as error:
        raise _malformed(str(error)) from error
    if not isinstance(value, dict):
        raise ProblemError(422, "not_an_object", "the body is JSON but not an object; send {…}")
    if b"\\u" in body and not _is_storable(value):  # only an escape can spell what cannot be stored
        _refuse_unstorable(value, ())
    return value


def _check_content_type(request: Request, wanted: str) -> None:
    """Only JSON, said so: a web page elsewhere can then not send it without asking the browser's leave."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != wanted:
        raise ProblemError(415, "not_json", f"the content type is {media_type or 'missing'}; send {wanted}")


def _is_storable(value: object) -> bool:
    """Whether Postgres takes every text; without recursion, and without a place for each element."""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            if _unstorable_in(item) is not None:
                return False
        elif isinstance(item, list):
            rest += item
        elif isinstance(item, dict):
            rest += item
            rest += item.values()
    return True


def _unstorable_in(text: str) -> tuple[str, str] | None:
    """What a text holds that Postgres does not take: a code, and words."""
    if "\0" in text:
        return "nul_character", "a text holds the character U+0000; remove it"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "lone_surrogate", "a text holds half of a surrogate pair; send whole characters"
    return None


def _refuse_unstorable(value: object, place: tuple[str, ...]) -> None:
    """Name the first place of what cannot be stored."""
    if isinstance(value, str) and (found := _unstorable_in(value)):
        raise ProblemError(422, *found, field=".".join(place) or None)
    if isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unstorable(item, (*place, str(index)))
    elif isinstance(value, dict):
        for name, item in value.items():
            _refuse_unstorable(name, place)
            _refuse_unstorable(item, (*place, name))


def _malformed(seen: str) -> ProblemError:
    return ProblemError(400, "malformed_json", f"the body is not JSON: {seen}")
