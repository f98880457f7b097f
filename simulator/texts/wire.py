"""An answer as the service writes it: one document, or the events of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from simulator.errors import WireError
from simulator.texts.completion import Completion, WrittenCall

_PIECE_CHARACTERS: Final = 12
_TEXT_CODES: Final = {"InvalidApiKey": "invalid_api_key", "Throttling.RateQuota": "limit_requests"}
"""What language models call errors that the whole service has."""


def document_of(answer: Completion) -> dict[str, Any]:
    """The whole answer."""
    written = answer.written
    message: dict[str, Any] = {"role": "assistant", "content": written.text}
    if written.reasoning:
        message["reasoning_content"] = written.reasoning
    if written.calls:
        message["tool_calls"] = [_call(at, call, answer) for at, call in enumerate(written.calls)]
    choice = {"finish_reason": written.finish, "index": 0, "logprobs": None, "message": message}
    return {
        "choices": [choice],
        "object": "chat.completion",
        "usage": answer.tokens.usage(),
        "created": answer.created_s,
        "system_fingerprint": None,
        "model": answer.model,
        "id": answer.completion_id,
    }


def events_of(answer: Completion, *, with_usage: bool) -> bytes:
    """The stream of an answer, thoughts first."""
    chunks = list(_chunks(answer))
    if with_usage:
        chunks.append(_chunk(answer, None, None) | {"usage": answer.tokens.usage()})
    return b"".join(map(event, chunks)) + b"data: [DONE]\n\n"


def event(document: dict[str, Any]) -> bytes:
    """One event."""
    return b"data: " + json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def text_error(error: WireError, request_id: str) -> dict[str, Any]:
    """The error object of a language model."""
    code = _TEXT_CODES.get(error.code, error.code)
    kind = "invalid_request_error" if error.status == 400 else code
    return {
        "error": {"message": error.message, "type": kind, "param": None, "code": code},
        "request_id": request_id,
    }


def _chunks(answer: Completion) -> Iterator[dict[str, Any]]:
    written = answer.written
    yield _chunk(answer, {"content": None, "role": "assistant", "reasoning_content": ""})
    for piece in _pieces(written.reasoning):
        yield _chunk(answer, {"content": None, "reasoning_content": piece})
    for piece in _pieces(written.text):
        yield _chunk(answer, {"content": piece, "reasoning_content": None})
    for at, call in enumerate(written.calls):
        head, *rest = _pieces(call.arguments) or [""]
        first = _call(at, call, answer)
        yield _chunk(
            answer, {"content": None, "tool_calls": [first | {"function": first["function"] | {"arguments": head}}]}
        )
        for piece in rest:
            later = {"index": at, "id": "", "type": "function", "function": {"arguments": piece}}
            yield _chunk(answer, {"tool_calls": [later]})
    yield _chunk(answer, {"content": ""}, written.finish)


def _chunk(answer: Completion, delta: dict[str, Any] | None, finish: str | None = None) -> dict[str, Any]:
    choice = {"delta": delta, "index": 0, "logprobs": None, "finish_reason": finish}
    return {
        "choices": [] if delta is None else [choice],
        "object": "chat.completion.chunk",
        "usage": None,
        "created": answer.created_s,
        "system_fingerprint": None,
        "model": answer.model,
        "id": answer.completion_id,
    }


def _call(at: int, call: WrittenCall, answer: Completion) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    call_id = f"call_{answer.completion_id.rpartition('-')[2][:12]}{at}"
    return {"index": at, "id": call_id, "type": "function", "function": function}


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE_CHARACTERS] for at in range(0, len(text), _PIECE_CHARACTERS)]
