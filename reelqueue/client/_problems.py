"""Convert error responses of the API (RFC 9457) to exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

from reelqueue.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    ReelqueueError,
)

_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    401: AuthenticationError,
    403: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
}


def error_from(response: httpx.Response) -> ReelqueueError:
    """The error that an unsuccessful *response* stands for.

    A 422 becomes the same `InvalidRequestError` that a check without the server raises.
    """
    problem = _problem(response)
    status = response.status_code
    code = _text(problem, "code") or f"http_{status}"
    detail = _text(problem, "detail") or _text(problem, "title") or _unexpected(response)
    if status == httpx.codes.UNPROCESSABLE_ENTITY:
        return InvalidRequestError(code, detail, _text(problem, "field"))
    return _BY_STATUS.get(status, ApiError)(status, code, detail)


def unreadable(response: httpx.Response) -> ApiError:
    """The error for a success whose body is not what the API documents."""
    return ApiError(response.status_code, "unexpected_answer", _unexpected(response))


def _problem(response: httpx.Response) -> Mapping[str, object]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _text(problem: Mapping[str, object], name: str) -> str | None:
    value = problem.get(name)
    return value if isinstance(value, str) and value else None


def _unexpected(response: httpx.Response) -> str:
    media_type = response.headers.get("content-type", "no content type")
    place = response.request.url.copy_with(query=None)
    return f"{place} answered with {media_type}, not as a Reelqueue server would; check REELQUEUE_API_URL"
