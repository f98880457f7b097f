"""Faults of the answer as a whole: another status, or a body that is not what it should be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import MappingProxyType
from typing import Final

from starlette.responses import StreamingResponse

from simulator.errors import WireError
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply, error_reply
from simulator.faults.kind import Kind
from simulator.store.fault import Fault

_DEFAULTS: Final = MappingProxyType(
    {
        400: ("InvalidParameter", "the parameters must conform to the specification"),
        401: ("InvalidApiKey", "Invalid API-key provided."),
        403: ("Model.AccessDenied", "Model access denied."),
        404: ("NotFound", "Not found!"),
        429: ("Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
        500: ("InternalError", "An internal error has occurred, please try again later."),
        503: ("ServiceUnavailable", "The service is unavailable, please try again later."),
        504: ("RequestTimeOut", "Request timed out, please try again later."),
    }
)
_NESTING: Final = 200_000
_CHUNK_BYTES: Final = 1 << 20


def _error(_reply: Reply, fault: Fault, call: Call, _service: Service) -> Reply:
    code, message = _DEFAULTS.get(fault.status, ("InternalError", "An internal error has occurred."))
    error = WireError(fault.status, fault.code or code, fault.message or message)
    reply = error_reply(error, call.request_id, is_text=call.is_text)
    if fault.retry_after is not None:
        reply.headers["Retry-After"] = fault.retry_after
    return reply


def _flat_error(reply: Reply, fault: Fault, call: Call, service: Service) -> Reply:
    spoiled = _error(reply, fault, call, service)
    return Reply(200, spoiled.document)


def _gateway_page(_reply: Reply, fault: Fault, _call: Call, _service: Service) -> Reply:
    return _page(fault.status, f"<h1>{fault.status} Bad Gateway</h1>")


def _html(_reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return _page(200, "<h1>Please sign in to this network</h1>")


def _page(status: int, body: str) -> Reply:
    text = f"<!DOCTYPE html>\n<html><head><title>Notice</title></head><body>{body}</body></html>\n"
    return Reply(status, content=text.encode(), media_type="text/html")


def _empty(_reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return Reply(200)


def _redirect(_reply: Reply, fault: Fault, _call: Call, _service: Service) -> Reply:
    status = fault.status if 300 <= fault.status < 400 else 302
    return Reply(status, headers={"location": fault.location})


def _truncated(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    body = reply.body()
    return Reply(reply.status, content=body[: len(body) // 2])


def _nested(_reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return Reply(200, content=b'{"output":' * _NESTING + b"0" + b"}" * _NESTING)


def _duplicate_keys(reply: Reply, fault: Fault, _call: Call, _service: Service) -> Reply:
    """The good answer with a second ``task_id`` and ``task_status``, of which a lenient parser takes the last."""
    second = f'"output":{{"task_id":"{fault.task_id}","task_status":"{fault.word}"}}}}'
    return Reply(reply.status, content=reply.body().removesuffix(b"}") + b"," + second.encode())


def _not_utf8(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return Reply(reply.status, content=reply.body().replace(b'"request_id"', b'"\xff\xfe\xc0"'))


def _huge(_reply: Reply, fault: Fault, _call: Call, _service: Service) -> Reply:
    return Reply(200, response=StreamingResponse(_padding(fault.size_bytes), media_type="application/json"))


async def _padding(size_bytes: int) -> AsyncIterator[bytes]:
    yield b'{"output":"'
    for start in range(0, size_bytes, _CHUNK_BYTES):
        yield b"x" * min(_CHUNK_BYTES, size_bytes - start)
    yield b'"}'


KINDS: Final = (
    Kind("error", _error),  # `status` with the flat error object; `code`, `message`, `retry_after` if given
    Kind("flat-error", _flat_error),  # the same object under 200
    Kind("gateway-page", _gateway_page),  # `status` with an HTML page, as proxies do
    Kind("html", _html),  # 200 with an HTML page
    Kind("empty", _empty),  # 200 without a body
    Kind("redirect", _redirect),  # to `location`
    Kind("truncated", _truncated, needs_answer=True),  # half the JSON, properly ended
    Kind("nested", _nested),  # JSON too deep for a recursive parser
    Kind("duplicate-keys", _duplicate_keys, needs_answer=True),  # `output` twice, then with `task_id` and `word`
    Kind("not-utf8", _not_utf8, needs_answer=True),
    Kind("huge", _huge),  # `size_bytes` of JSON
)
