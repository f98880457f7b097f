"""Faults of a language model's answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import EVENT_STREAM, Reply
from simulator.faults.kind import Kind, Spoil
from simulator.store.fault import Fault

Chunks = list[dict[str, Any]]
_DONE: Final = b"data: [DONE]\n\n"
_CODE: Final = "Throttling.RateQuota"
_MESSAGE: Final = "Requests rate limit exceeded, please try again later."


def _streaming(spoil: Callable[[Chunks, Fault, Call], bytes]) -> Spoil:
    """Makes other bytes of the chunks of a stream; leaves whole answers alone."""

    def spoiled(reply: Reply, fault: Fault, call: Call, _service: Service) -> Reply:
        if reply.media_type != EVENT_STREAM:
            return reply
        return replace(reply, content=spoil(_chunks(reply.content), fault, call))

    return spoiled


def _chunks(content: bytes) -> Chunks:
    lines = (line.removeprefix(b"data: ") for line in content.split(b"\n\n") if line.startswith(b"data: {"))
    return [json.loads(line) for line in lines]


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _half(chunks: Chunks) -> bytes:
    return b"".join(map(_event, chunks[: max(len(chunks) // 2, 1)]))


def _flat(fault: Fault, call: Call) -> dict[str, Any]:
    return {"code": fault.code or _CODE, "message": fault.message or _MESSAGE, "request_id": call.request_id}


def _nested_error(chunks: Chunks, fault: Fault, call: Call) -> bytes:
    flat = _flat(fault, call)
    error = {"message": flat["message"], "type": flat["code"], "param": None, "code": flat["code"]}
    return _half(chunks) + _event({"error": error, "request_id": call.request_id})


def _flat_error(chunks: Chunks, fault: Fault, call: Call) -> bytes:
    return _half(chunks) + _event(_flat(fault, call)) + _DONE


def _named_error(chunks: Chunks, fault: Fault, call: Call) -> bytes:
    data = json.dumps(_flat(fault, call)).encode()
    return _half(chunks) + b"id:1\nevent:error\n:HTTP_STATUS/429\ndata:" + data + b"\n\n"


def _error_finish(chunks: Chunks, fault: Fault, _call: Call) -> bytes:
    words = fault.message or "Throttling: TPM(1000000/1000000)"
    choice = {"delta": {"content": words}, "index": 0, "logprobs": None, "finish_reason": "error_finish"}
    return _half(chunks) + _event(chunks[0] | {"choices": [choice]}) + _DONE


def _endless(chunks: Chunks, _fault: Fault, _call: Call) -> bytes:
    return _half(chunks)


def _unused(chunks: Chunks, _fault: Fault, _call: Call) -> bytes:
    return b"".join(_event(chunk) for chunk in chunks if chunk["usage"] is None) + _DONE


def _unstreamed(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    if reply.media_type != EVENT_STREAM:
        return reply
    chunks = _chunks(reply.content)
    deltas = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in deltas)
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": deltas[-1]["finish_reason"], "message": message}
    return Reply(200, chunks[-1] | {"object": "chat.completion", "choices": [choice]})


def _partial(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    if reply.document is None or "choices" not in reply.document:
        return reply
    choice = reply.document["choices"][0]
    text = choice["message"]["content"]
    half = choice | {"finish_reason": None, "message": choice["message"] | {"content": text[: len(text) // 2]}}
    headers = reply.headers | {"x-dashscope-partialresponse": "true"}
    return replace(reply, document=reply.document | {"choices": [half]}, headers=headers)


KINDS: Final = (
    Kind("stream-error", _streaming(_nested_error), needs_answer=True),  # half, then an error object
    Kind(
        "stream-flat-error", _streaming(_flat_error), needs_answer=True
    ),  # half, then `code` and `message`, then an end
    Kind("stream-named-error", _streaming(_named_error), needs_answer=True),  # half, then an event called error
    Kind("error-finish", _streaming(_error_finish), needs_answer=True),  # half, then the error where text would be
    Kind("no-end", _streaming(_endless), needs_answer=True),  # half, properly closed
    Kind("no-stream-usage", _streaming(_unused), needs_answer=True),  # all but the usage
    Kind("unstreamed", _unstreamed, needs_answer=True),  # JSON in place of a stream
    Kind("partial", _partial, needs_answer=True),  # a whole answer that the service cut after 300 s
)
