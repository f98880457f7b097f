"""What a file of requests would send and cost, without sending anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from reelqueue.builder import build
from reelqueue.catalog.price_list import Prices, released_prices
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import CostEstimate, estimate, region_of, unpriced_warning
from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.request import TextRequest, parse_text_request
from reelqueue.qwen.settings import QwenSettings, read_settings
from reelqueue.qwen.wire.builder import build_text
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.parse import parse_request


def preview_lines(
    lines: Iterable[str], *, base_url: str, text_base_url: str | None = None, local_files: bool = False
) -> Iterator[dict[str, Any]]:
    """One JSON-compatible object for each line of JSON Lines; blank lines are counted and skipped.

    Args:
        lines: One request object each; one with ``messages`` asks a language model, and may say ``stream``.
        base_url: The provider host that the requests would go to; its region decides the price.
        text_base_url: Where those to language models would go; see `QwenSettings.base_url`.
        local_files: Whether pictures may be paths on this machine; see `parse_request`.

    Raises:
        ConfigurationError: *text_base_url*, or ``REELQUEUE_TEXT_BASE_URL``, is no URL.

    Yields:
        ``{"line", "request": {"method", "url", "headers", "body"}, "warnings", "estimated_cost"}``, or
        ``{"line", "error": {"code", "message", "field"}}``. Headers lack the authorization.
    """
    settings = read_settings({"base_url": text_base_url})
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            data = _read_object(line)
            if "messages" in data:
                yield {"line": number, **_preview_text_line(data, settings)}
                continue
            request = parse_request(data, local_files=local_files)
            yield {"line": number, **preview_request(request, base_url=base_url)}
        except InvalidRequestError as error:
            yield {"line": number, "error": {"code": error.code, "message": error.message, "field": error.field}}


def preview_request(request: RenderRequest, *, base_url: str, prices: Prices = released_prices) -> dict[str, Any]:
    """What *request* would send to a host and cost there, as JSON has it.

    Args:
        request: What to render.
        base_url: The host.
        prices: Those that count; without a server, those of this release.
    """
    built = build(request)
    region = region_of(base_url)
    cost = estimate(request, region, prices=prices)
    warnings = built.warnings if cost else (*built.warnings, unpriced_warning(request, region, prices=prices))
    return {
        "request": {
            "method": built.method,
            "url": built.url(base_url),
            "headers": dict(built.headers),
            "body": dict(built.body),
        },
        "warnings": list(warnings),
        "estimated_cost": _cost(cost) if cost else None,
    }


def preview_text(request: TextRequest, settings: QwenSettings, *, stream: bool | None = None) -> dict[str, Any]:
    """What *request* would send to a language model, and the most that it may cost, as JSON has it."""
    built = build_text(request, settings, stream=stream)
    return {
        "request": {"method": "POST", "url": built.url, "headers": dict(built.headers), "body": dict(built.body)},
        "warnings": list(built.warnings),
        "estimated_cost": _text_cost(built.max_cost, built.region) if built.max_cost else None,
    }


def _preview_text_line(data: dict[str, object], settings: QwenSettings) -> dict[str, Any]:
    stream = data.pop("stream", None)
    if stream is not None and not isinstance(stream, bool):
        raise InvalidRequestError("wrong_type", f"stream: must be true or false, not {stream!r:.64}", "stream")
    return preview_text(parse_text_request(data), settings, stream=stream)


def _text_cost(cost: TextCost, region: str) -> dict[str, Any]:
    return {
        "max_amount": f"{cost.amount:f}",
        "currency": cost.currency,
        "region": region,
        "priced_on": cost.priced_on.isoformat(),
    }


def _cost(cost: CostEstimate) -> dict[str, Any]:
    # Amounts as strings: JSON numbers would become binary fractions.
    return {
        "min_amount": str(cost.min_amount),
        "max_amount": str(cost.max_amount),
        "currency": cost.currency,
        "billed_seconds_min": cost.billed_seconds_min,
        "billed_seconds_max": cost.billed_seconds_max,
        "region": cost.region,
        "priced_on": cost.priced_on.isoformat(),
        "source": cost.source.value,
    }


def _read_object(line: str) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("bad_json", f"the line is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidRequestError("bad_json", f"the line must be a JSON object, not {type(value).__name__}")
    return value
