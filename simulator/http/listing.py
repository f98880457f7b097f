"""``GET /tasks``: what an account submitted, newest first."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from simulator.clock import BEIJING
from simulator.config import SimulatorConfig
from simulator.errors import WireError
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.http.paging import page_of
from simulator.store.tasks import TaskFilter
from simulator.tasks import Task, TaskStatus

_WINDOW_MS: Final = 24 * 60 * 60 * 1000
"""Longest window, and the default one; never scaled, because callers compute it from their own clock."""
_FOREIGN_NAMESPACE: Final = uuid.UUID("6b0f5f0e-6a2c-5c0e-9d42-6c2f1d9f3a11")


def list_tasks(service: Service, call: Call) -> Reply:
    """One page of the account's tasks: status and times, no prompt and no result."""
    config = service.provider.config
    listing = config.listing
    page_number, page_size = page_of(call, default_size=10)
    page_size = min(page_size, listing.page_size_max or page_size)
    which = _filter(service, call)
    total, tasks = service.provider.page(which, page_number=page_number, page_size=page_size)
    total += listing.foreign_rows
    rows = [_row(task, config) for task in tasks] * (2 if listing.is_doubled else 1)
    if page_number == 1:
        rows = [*(_foreign(which, config, number) for number in range(listing.foreign_rows)), *rows]
    if listing.is_shuffled:
        rows.sort(key=lambda row: str(row["task_id"]))  # ids are drawn by chance
    document = {
        "total": total,
        "total_page": -(-total // page_size),
        "page_no": page_number,
        "page_size": page_size,
        "request_id": call.request_id,
        "data": rows,
    }
    return Reply(200, document)


def _filter(service: Service, call: Call) -> TaskFilter:
    config = service.provider.config
    now_ms = service.provider.clock.now_ms()
    end_ms = _moment(call, "end_time", config.clock_ahead_ms)
    start_ms = _moment(call, "start_time", config.clock_ahead_ms)
    if end_ms is None:
        end_ms = now_ms if start_ms is None else start_ms + _WINDOW_MS
    if start_ms is None:
        start_ms = end_ms - _WINDOW_MS
    if end_ms - start_ms > _WINDOW_MS:
        raise WireError(400, "InvalidParameter", "The time range cannot exceed 24 hours.")
    expired_ms = now_ms - config.scaled_ms(config.lifetimes.task_seconds)
    return TaskFilter(
        account=call.account,
        start_ms=max(start_ms, expired_ms),
        end_ms=min(end_ms, now_ms - config.scaled_ms(config.listing.lag_seconds)),
        model=call.query("model_name") or None,
        status=call.query("status") or None,
        task_id=call.query("task_id") or None,
    )


def _moment(call: Call, name: str, ahead_ms: int) -> int | None:
    """A time of the query by the simulator's own clock."""
    text = call.query(name)
    if not text:
        return None
    try:
        moment = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
    except ValueError as error:
        raise WireError(400, "InvalidParameter", f"{name} must be in the format yyyyMMddHHmmss.") from error
    return round(moment.timestamp() * 1000) - ahead_ms


def _row(task: Task, config: SimulatorConfig) -> dict[str, Any]:
    ahead_ms = config.clock_ahead_ms
    row: dict[str, Any] = {
        "api_key_id": "1",
        "caller_parent_id": task.account,
        "caller_uid": task.account,
        "gmt_create": task.submitted_ms + ahead_ms,
        "model_name": task.model,
        "region": config.region,
        "request_id": task.request_id,
        "status": task.status,
        "task_id": task.task_id,
        "user_api_unique_key": task.api_unique_key,
    }
    if task.scheduled_ms is not None:
        row["start_time"] = task.scheduled_ms + ahead_ms
    if task.ends_ms is not None and task.status is not TaskStatus.RUNNING:
        row["end_time"] = task.ends_ms + ahead_ms
    return row


def _foreign(which: TaskFilter, config: SimulatorConfig, number: int) -> dict[str, Any]:
    """A row of a task that no call to this simulator made; the same number gives the same row."""
    return {
        "api_key_id": "2",
        "caller_parent_id": which.account,
        "caller_uid": "somebody-else",
        "gmt_create": which.end_ms + config.clock_ahead_ms,
        "model_name": which.model or "wan2.6-t2v",
        "region": config.region,
        "request_id": str(uuid.uuid5(_FOREIGN_NAMESPACE, f"request {number}")),
        "status": TaskStatus.RUNNING,
        "task_id": str(uuid.uuid5(_FOREIGN_NAMESPACE, f"task {number}")),
        "user_api_unique_key": "apikey:v1:aigc:video-generation:video-synthesis:wan2.6-t2v",
    }
