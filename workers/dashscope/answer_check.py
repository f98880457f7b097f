"""Checks an HTTP answer, and says what is known about the call if it is no success.

=============================================  =========================================================
answer                                         then
=============================================  =========================================================
2xx with a JSON object                         good
4xx with a code, 413, 429                      refused by the provider: nothing was created
3xx, 405, 407, 404 without a known code,       refused by something else at its address, or before
another 4xx without a code                     it: nothing was created
408, 409 or 425 without a code, 5xx, the rest  unknown; a page under 2xx is marked as not DashScope's
=============================================  =========================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from reelqueue.failure_codes import FailureCode
from reelqueue.states import FailureClass
from workers.dashscope.error_codes import classify
from workers.dashscope.errors import MisdirectedError, NoAnswerError, ProviderError, RefusedError, ServerFaultError
from workers.dashscope.wire import UnreadableError, parse_error, parse_http_date, parse_object, parse_time

# Said by the gateway without a code as well, and documented to create nothing.
_GATEWAYS: Final = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS})
# Never the provider's, whatever code comes with them.
_FOREIGN: Final = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})
# A proxy may say so of a request that it has passed on.
_UNDECIDED: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})
_PAGES: Final = frozenset({"text/html", "text/event-stream"})
_LONGEST_WAIT_SECONDS: Final = 31 * 86_400.0
_RESET_AT: Final = re.compile(
    r"\breset (?:at|on) (\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?) ?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


@dataclass(frozen=True)
class RawAnswer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    host: str
    """That answered."""


def check_answer(answer: RawAnswer) -> dict[str, Any]:
    """The JSON object of a good answer.

    Raises:
        ProviderError: It is none; the class says what is known about the call.
    """
    code, request_id = None, None
    try:
        document = parse_object(answer.content)
    except UnreadableError as unreadable:
        message = f"HTTP {answer.status} with {unreadable}"
    else:
        if 200 <= answer.status < 300:
            return document
        code, message, request_id = parse_error(document)
    foreign = f"this host does not speak DashScope: {_seen(answer)}"
    if _is_foreign(answer.status, code):
        raise MisdirectedError(foreign, http_status=answer.status)
    if 200 <= answer.status < 300 and _content_type(answer) in _PAGES:
        # It may have replaced the answer to a submit that had arrived.
        raise NoAnswerError(foreign, http_status=answer.status, code=FailureCode.NOT_DASHSCOPE)
    raise _kind(answer.status, code)(
        message,
        http_status=answer.status,
        code=code,
        request_id=request_id,
        retry_after_seconds=_retry_after(answer.headers, message),
    )


def _is_foreign(status: int, code: str | None) -> bool:
    if 300 <= status < 400 or status in _FOREIGN:
        return True
    if status == HTTPStatus.NOT_FOUND:  # the provider's own "NotFound" is about a path that it does not have
        return classify(code) is FailureClass.UNKNOWN
    return 400 <= status < 500 and code is None and status not in _GATEWAYS | _UNDECIDED


def _kind(status: int, code: str | None) -> type[ProviderError]:
    if status in _GATEWAYS or (code and 400 <= status < 500):
        return RefusedError
    return ServerFaultError if status >= 500 else NoAnswerError


def _seen(answer: RawAnswer) -> str:
    """A description of an answer without its text, as a page may quote the request."""
    target = _host_of(answer.headers.get("location", ""))
    content_type = _content_type(answer)
    if target is not None:
        detail = f", a redirect to {target}"
    elif content_type and content_type.isprintable():
        detail = f" as {content_type}"
    else:
        detail = ""
    return f"{answer.host} answers HTTP {answer.status}{detail}"


def _content_type(answer: RawAnswer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()[:40]


def _host_of(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host[:80] if host and host.isprintable() else None


def _retry_after(headers: Mapping[str, str], message: str) -> float | None:
    """How long to wait, by a header or by the text; dates count from the answer's own."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return min(float(asked[:12]), _LONGEST_WAIT_SECONDS)
    found = _RESET_AT.search(message)
    until = parse_time("".join(filter(None, found.groups()))) if found else parse_http_date(asked)
    now = parse_http_date(headers.get("date"))
    if until is None or now is None:
        return None
    return min(max((until - now).total_seconds(), 0), _LONGEST_WAIT_SECONDS)
