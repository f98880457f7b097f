"""``GET /models``, the models with their prices and ends, and ``GET /quotas``, the limits of each for this account."""

from __future__ import annotations

from typing import Any, Final

from reelqueue.catalog import MODELS
from simulator.config import SimulatorConfig
from simulator.core.pricing import listed_prices
from simulator.core.profiles import slots_of, submits_per_second_of
from simulator.errors import WireError
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.http.paging import page_of

_UNITS: Final = {"cn-beijing": "\u6bcf\u79d2"}
_TEXT_MODELS: Final = 80
"""Rows of language models, so that the list has pages also where a filter is ignored."""


def model_list(service: Service, call: Call) -> Reply:
    """One page of models. Source: Model Studio, listing models, 2026-09.

    Raises:
        WireError: This host has no such list.
    """
    config = service.provider.config
    if config.model_list.is_absent:
        raise WireError(404, "NotFound", "Not found!")
    page_number, page_size = page_of(call, default_size=20)
    page_size = min(page_size, config.model_list.page_size_max or page_size)
    found = _rows(config)
    if call.query("capabilities"):
        found = [row for row in found if call.query("capabilities") in row.get("capabilities", ())]
    if call.query("model"):
        found = [row for row in found if row["model"] == call.query("model")]
    first = (page_number - 1) * page_size
    shown = found[: config.model_list.rows_max] if config.model_list.rows_max else found
    output = {
        "total": len(found),
        "page_no": page_number,
        "page_size": page_size,
        "models": shown[first : first + page_size],
    }
    answer = {"code": None, "message": None, "success": True, "output": output, "request_id": call.request_id}
    return Reply(200, answer)


def _rows(config: SimulatorConfig) -> list[dict[str, Any]]:
    hidden = {*config.model_list.missing, *config.model_list.gone}
    videos = [_video_row(model, config) for model in (*MODELS, *config.extra_models) if model not in hidden]
    texts = [{"model": f"text-model-{number}", "capabilities": ["TG"], "prices": []} for number in range(_TEXT_MODELS)]
    return [*videos, *texts]


def _video_row(model: str, config: SimulatorConfig) -> dict[str, Any]:
    settings = config.model_list
    prices = settings.prices.get(model) or listed_prices(model, config.region)
    end = settings.ends.get(model)
    lines = [_price_row(kind, text, config) for kind, text in prices.items()]
    row = {
        "model": model,
        "name": model,
        "provider": "happyhorse" if model.startswith("happyhorse") else "wan",
        "capabilities": ["VG"],
        "prices": [{"range_name": "Default", "prices": lines}] if lines else [],
        "published_time": None,
        "inference_offline_info": None if end is None else {"offline_time": end},
    }
    return row | settings.rows.get(model, {})


def _price_row(kind: str, amount: str, config: SimulatorConfig) -> dict[str, Any]:
    factor = config.model_list.factor
    listed = amount if factor == 1 else f"{float(amount) * factor:.6f}".rstrip("0").rstrip(".")
    unit = _UNITS.get(config.region, "Per second")
    return {"type": kind, "price": listed, "price_unit": unit, "price_name": kind, "time_band": "standard"}


def quotas(service: Service, call: Call) -> Reply:
    """One page of limits. Source: Model Studio, listing model quotas, 2026-09."""
    page_number, page_size = page_of(call, default_size=20)
    page_size = min(page_size, service.provider.config.limits.quota_page_size_max or page_size)
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
        "async_user_queue_limit": limits.queue_length,
        "async_user_concurrency_limit": slots_of(model, limits),
    }
    return {"model": model, "workspace_id": call.account, "model_limit": model_limit, "workspace_limit": None}
