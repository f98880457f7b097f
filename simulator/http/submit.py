"""``POST /services/aigc/{group}/video-synthesis``."""

from __future__ import annotations

from typing import Final

from simulator.core.admission import Order
from simulator.errors import WireError
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply

PLAIN_BODY_LIMIT_BYTES: Final = 16 * 1024 * 1024
BODY_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Without and with base64 media (Model Studio, rate limits page, autumn 2026)."""


def submit(service: Service, call: Call) -> Reply:
    """Accept a task, or refuse with one of the few errors that are known at once."""
    _check_size(call)
    if call.document is None:
        raise WireError(400, "BadRequest.IllegalInput", "The input parameter requires json format.")
    order = Order(
        account=call.account,
        request_id=call.request_id,
        path_group=call.request.path_params["group"],
        body=call.document,
        is_async=call.is_enabled("x-dashscope-async"),
        resolves_oss=call.is_enabled("x-dashscope-ossresourceresolve"),
    )
    task = service.provider.submit(order)
    call.task_id = task.task_id
    output = {"task_status": "PENDING", "task_id": task.task_id}
    document = {"output": output, "request_id": call.request_id}
    return Reply(200, document, headers={"x-dashscope-call-gateway": "true"})


def _check_size(call: Call) -> None:
    limit = BODY_LIMIT_BYTES if b";base64," in call.body else PLAIN_BODY_LIMIT_BYTES
    if len(call.body) > limit:
        raise WireError(413, "BadRequest.TooLarge", "Payload Too Large")
