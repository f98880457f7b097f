"""``GET /quotas``: the limits of each model for this account."""

from __future__ import annotations

from typing import Any

from reelqueue.catalog import MODELS
from simulator.core.profiles import slots_of, submits_per_second_of
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.http.paging import page_of


def quotas(service: Service, call: Call) -> Reply:
    """One page of limits. Source: Model Studio, listing model quotas, 2026-09."""
    page_number, page_size = page_of(call, default_size=20)
    name, model = call.query("name"), call.query("model")
    found = [one for one in MODELS if name in one and model in {"", one}]
    first = (page_number - 1) * page_size
    output = {
        "total": len(found),
        "page_no": page_number,
        "page_size": page_size,
        "quotas": [_quota(service, call, one) for one in found[first : first + page_size]],
    }
    return Reply(200, {"request_id": call.request_id, "output": output})


def _quota(service: Service, call: Call, model: str) -> dict[str, Any]:
    limits = service.provider.config.limits
    model_limit = {
        "request_limit": submits_per_second_of(model, limits),
        "request_limit_period": 1,
        "usage_limit": None,
        "usage_limit_field": None,
        "usage_limit_period": None,
        "async_user_queue_limit": None,
        "async_user_concurrency_limit": slots_of(model, limits),
    }
    return {"model": model, "workspace_id": call.account, "model_limit": model_limit, "workspace_limit": None}
