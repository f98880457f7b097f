"""What a file of requests would send and cost, without sending anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from reelqueue.builder import build
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import CostEstimate, estimate, region_of, unpriced_warning
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.parse import parse_request


def preview_lines(lines: Iterable[str], *, base_url: str, local_files: bool = False) -> Iterator[dict[str, Any]]:
    """One JSON-compatible object for each line of JSON Lines; blank lines are counted and skipped.

    Args:
        lines: One request object each.
        base_url: The provider host that the requests would go to; its region decides the price.
        local_files: Whether pictures may be paths on this machine; see `parse_request`.

    Yields:
        ``{"line", "request": {"method", "url", "headers", "body"}, "warnings", "estimated_cost"}``, or
        ``{"line", "error": {"code", "message", "field"}}``. Headers lack the authorization.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            request = parse_request(_read_object(line), local_files=local_files)
            yield {"line": number, **preview_request(request, base_url=base_url)}
        except InvalidRequestError as error:
            yield {"line": number, "error": {"code": error.code, "message": error.message, "field": error.field}}


def preview_request(request: RenderRequest, *, base_url: str) -> dict[str, Any]:
    """What *request* would send to a host and cost there, as JSON has it."""
    built = build(request)
    region = region_of(base_url)
    cost = estimate(request, region)
    warnings = built.warnings if cost else (*built.warnings, unpriced_warning(request, region))
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
    }


def _read_object(line: str) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("bad_json", f"the line is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidRequestError("bad_json", f"the line must be a JSON object, not {type(value).__name__}")
    return value
