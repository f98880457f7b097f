"""``POST /chat/completions`` and ``GET /models`` of the endpoint that other clients know."""

from __future__ import annotations

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import EVENT_STREAM, Reply
from simulator.texts.checks import invalid
from simulator.texts.wire import document_of, event, events_of, text_error


def chat(service: Service, call: Call) -> Reply:
    """Answer a question, whole or as a stream."""
    body = call.document
    if body is None:
        raise invalid("Request body format invalid")
    answer = service.texts.complete(call.account, call.request_id, body)
    refused = answer.written.refused
    if body.get("stream") is not True:
        if refused is not None:
            raise refused
        return Reply(200, document_of(answer))
    options = body.get("stream_options")
    content = events_of(answer, with_usage=isinstance(options, dict) and options.get("include_usage") is True)
    if refused is not None:
        content = first_half(content) + event(text_error(refused, call.request_id))
    return Reply(200, content=content, media_type=EVENT_STREAM)


def models(service: Service, _call: Call) -> Reply:
    """The ids of the models."""
    data = [{"id": model, "object": "model", "created": 0, "owned_by": "system"} for model in service.texts.models()]
    return Reply(200, {"object": "list", "data": data})


def first_half(content: bytes) -> bytes:
    """The first half of a stream's events."""
    events = content.split(b"\n\n")[:-1]
    return b"".join(each + b"\n\n" for each in events[: max(len(events) // 2, 1)])
