"""Campaigns as a producer handles them over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx

NDJSON = "application/x-ndjson"


def make(api: httpx.Client, name: str = "autumn", **options: Any) -> dict[str, Any]:
    """A campaign with these options."""
    answer = api.put(f"/v1/campaigns/{name}", json=options)
    assert answer.status_code in {200, 201}, answer.text
    campaign: dict[str, Any] = answer.json()
    return campaign


def submit_clips(
    api: httpx.Client, *lines: str | dict[str, Any], name: str = "autumn", **params: Any
) -> httpx.Response:
    """Submit a batch."""
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    headers = {"Content-Type": NDJSON}
    return api.post(f"/v1/campaigns/{name}/clips", content=body, headers=headers, params=params)


def clips(count: int, **options: Any) -> list[dict[str, Any]]:
    """That many clips, named from 0."""
    return [
        {"custom_id": str(number), "model": "wan2.6-t2v", "prompt": f"clip {number}", "duration": 5, **options}
        for number in range(count)
    ]


def read(api: httpx.Client, name: str = "autumn") -> dict[str, Any]:
    """The campaign as it is now."""
    answer = api.get(f"/v1/campaigns/{name}")
    assert answer.status_code == 200, answer.text
    campaign: dict[str, Any] = answer.json()
    return campaign


def do(api: httpx.Client, action: str, name: str = "autumn", **body: Any) -> dict[str, Any]:
    """An action on the campaign."""
    answer = api.post(f"/v1/campaigns/{name}/{action}", **({"json": body} if body else {}))
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result
