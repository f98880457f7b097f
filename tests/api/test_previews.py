"""POST /v1/preview and GET /v1/models: what would be sent, and what can be asked for."""

from __future__ import annotations

import httpx
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.render_job import RenderJob
from tests.api.conftest import problem, request


def test_a_preview_is_the_providers_request_without_the_key(api: httpx.Client) -> None:
    preview = api.post(
        "/v1/preview", json=request(resolution="720P", headers={"X-DashScope-DataInspection": "7"})
    ).json()

    sent = preview["request"]
    assert sent["url"].startswith("https://dashscope-intl.aliyuncs.com/api/v1/services/aigc/video-generation/")
    assert sent["body"] == {
        "model": "wan2.6-t2v",
        "input": {"prompt": "a paper boat"},
        "parameters": {"size": "1280*720"},
    }
    assert sent["headers"]["X-DashScope-DataInspection"] == "7"
    assert "authorization" not in {name.lower() for name in sent["headers"]}


def test_a_preview_tells_price_and_warnings(api: httpx.Client) -> None:
    known = api.post("/v1/preview", json=request(duration=10)).json()
    unknown = api.post("/v1/preview", json=request(model="wan9.9-t2v")).json()

    assert float(known["estimated_cost"]["max_amount"]) > 0
    assert unknown["estimated_cost"] is None
    assert unknown["warnings"]


def test_a_preview_leaves_nothing_behind(api: httpx.Client, rows: Session) -> None:
    api.post("/v1/preview", json=request()).raise_for_status()

    assert rows.scalar(select(func.count()).select_from(RenderJob)) == 0


def test_a_preview_refuses_what_a_submit_would(api: httpx.Client) -> None:
    answer = api.post("/v1/preview", json=request(negative_prompt="x" * 501))

    assert answer.status_code == 422
    assert problem(answer)["field"] == "negative_prompt"


def test_the_catalog_tells_what_a_model_takes(api: httpx.Client) -> None:
    cards = {card["id"]: card for card in api.get("/v1/models").json()["items"]}

    card = cards["wan2.6-t2v"]
    assert card["modes"] == ["text-to-video"]
    assert "negative_prompt" in card["options"]
    assert card["durations_seconds"] == list(range(2, 16))
    assert card["slots"] == 5
