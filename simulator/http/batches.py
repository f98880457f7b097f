"""``/batches`` of the endpoint that other clients know."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from simulator.clock import BEIJING
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.http.paging import limit_of
from simulator.store.batches import Batch, BatchFilter
from simulator.texts.batches import KEPT_MS
from simulator.texts.checks import invalid


def create_batch(service: Service, call: Call) -> Reply:
    """``POST /batches``."""
    if call.document is None:
        raise invalid("Request body format invalid")
    call.task_id = f"batch_{call.request_id}"
    return Reply(200, _document(service, service.batches.create(call.account, call.task_id, call.document)))


def get_batch(service: Service, call: Call) -> Reply:
    """``GET /batches/{id}``."""
    return Reply(200, _document(service, service.batches.get(call.account, call.task_id)))


def cancel_batch(service: Service, call: Call) -> Reply:
    """``POST /batches/{id}/cancel``."""
    return Reply(200, _document(service, service.batches.cancel(call.account, call.task_id)))


def list_batches(service: Service, call: Call) -> Reply:
    """``GET /batches?after=&limit=&ds_name=&status=&input_file_ids=&create_after=&create_before=``, newest first.

    ``ds_name`` selects every name that contains it.
    """
    limit = limit_of(call, default=20, maximum=100)
    found = service.batches.page(_filter(service, call), call.query("after"), limit + 1)
    data = [_document(service, batch) for batch in found[:limit]]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return Reply(200, {"object": "list", "data": data, **ends, "has_more": len(found) > limit})


def _filter(service: Service, call: Call) -> BatchFilter:
    config, now_ms = service.provider.config, service.provider.clock.now_ms()
    oldest_ms = now_ms - KEPT_MS + 1
    newest_ms = now_ms - config.scaled_ms(config.listing.lag_seconds)
    after_ms, before_ms = (_moment(call, name, config.clock_ahead_ms) for name in ("create_after", "create_before"))
    return BatchFilter(
        account=call.account,
        created_ms_min=max(oldest_ms, after_ms or oldest_ms),
        created_ms_max=min(newest_ms, before_ms or newest_ms),
        ds_name_contains=call.query("ds_name"),
        statuses=_words(call.query("status")),
        input_file_ids=_words(call.query("input_file_ids")),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _moment(call: Call, name: str, ahead_ms: int) -> int | None:
    text = call.query(name)
    if not text:
        return None
    try:
        moment = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
    except ValueError as error:
        raise invalid(f"It must be in the format yyyyMMddHHmmss - '{name}'") from error
    return round(moment.timestamp() * 1000) - ahead_ms


def _document(service: Service, batch: Batch) -> dict[str, Any]:
    total, answered, failed = service.batches.counts(batch)
    ahead_ms = service.provider.config.clock_ahead_ms

    def moment(at_ms: int | None) -> int | None:
        return None if at_ms is None else (at_ms + ahead_ms) // 1000

    def ended(status: str) -> int | None:
        return moment(batch.closed_ms) if batch.status == status else None

    is_worked_on = batch.status not in {"validating", "failed"} and total > 0
    is_at_end = batch.status in {"finalizing", "completed"}
    errors = None if batch.errors is None else {"object": "list", "data": json.loads(batch.errors)}
    return {
        "id": batch.batch_id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": errors,
        "input_file_id": batch.input_file_id,
        "completion_window": batch.completion_window,
        "status": batch.status,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "created_at": moment(batch.created_ms),
        "in_progress_at": moment(batch.starts_ms) if is_worked_on else None,
        "expires_at": moment(batch.expires_ms),
        "finalizing_at": moment(batch.works_until_ms) if is_at_end else None,
        "completed_at": ended("completed"),
        "failed_at": ended("failed"),
        "expired_at": ended("expired"),
        "cancelling_at": moment(batch.cancelling_ms),
        "cancelled_at": ended("cancelled"),
        "request_counts": {"total": total, "completed": answered, "failed": failed},
        "metadata": json.loads(batch.metadata),
    }
