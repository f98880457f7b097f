"""``GET /tasks/{task_id}`` and ``POST /tasks/{task_id}/cancel``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.clock import beijing_text
from simulator.errors import WireError
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.tasks import Task, TaskStatus


def query(service: Service, call: Call) -> Reply:
    """A task as it stands; an unknown one is no error but a status."""
    task = service.provider.query(call.account, call.task_id)
    if task is not None:
        return Reply(200, task_document(service, call, task))
    if service.provider.config.unknown_is_404:
        raise WireError(404, "NotFound", "Not found!")
    output = {"task_id": call.task_id, "task_status": TaskStatus.UNKNOWN}
    return Reply(200, {"request_id": call.request_id, "output": output})


def cancel(service: Service, call: Call) -> Reply:
    """Cancel a PENDING task."""
    service.provider.cancel(call.account, call.task_id)
    return Reply(200, {"request_id": call.request_id})


def task_document(service: Service, call: Call, task: Task) -> dict[str, Any]:
    """The query's answer for *task*."""
    output: dict[str, Any] = {"task_id": task.task_id, "task_status": task.status}
    output |= _times(task, service.provider.config.clock_ahead_ms)
    document: dict[str, Any] = {"request_id": call.request_id, "output": output}
    wire = service.provider.config.wire
    if wire.echo == "always" or (wire.echo == "at_end" and task.status is TaskStatus.SUCCEEDED):
        output["orig_prompt"] = task.prompt
    if task.status is TaskStatus.FAILED:
        output |= {"code": task.outcome.code, "message": task.outcome.message} if task.outcome.code else {}
    if task.status is TaskStatus.SUCCEEDED:
        output |= _result(service, call, task)
        document["usage"] = _usage(task, wire.usage.get(task.model))
    return document


def _times(task: Task, ahead_ms: int) -> dict[str, str]:
    moments = {"submit_time": task.submitted_ms}
    if task.scheduled_ms is not None:
        moments["scheduled_time"] = task.scheduled_ms
    if task.ends_ms is not None and task.status is not TaskStatus.RUNNING:
        moments["end_time"] = task.ends_ms
    return {name: beijing_text(moment + ahead_ms) for name, moment in moments.items()}


def _result(service: Service, call: Call, task: Task) -> dict[str, str]:
    expires_at = -(-service.provider.expires_ms(task) // 1000)
    signed = service.signer.result_query(task.task_id, expires_at)
    result = {"video_url": f"{call.request.base_url}result/{task.task_id}.mp4?{signed}"}
    is_rewritten = task.outcome.actual_prompt is not None
    if service.provider.config.wire.rewritten.get(task.model, is_rewritten):
        result["actual_prompt"] = task.outcome.actual_prompt or task.prompt
    return result


def _usage(task: Task, shape: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was measured, in the fields and kinds of a shape if there is one."""
    own = task.outcome.usage
    return own if shape is None else {name: _as_kind(own.get(name, given), given) for name, given in shape.items()}


def _as_kind(value: object, given: object) -> object:
    try:
        return type(given)(value)  # type: ignore[call-arg]
    except (TypeError, ValueError):
        return given
