"""POST /v1/jobs: stored once, then hinted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.job_event import JobEvent
from models.render_job import RenderJob
from tests.api.conftest import job_id, request


def test_a_job_is_stored_as_queued_with_its_event(rows: Session, enqueue: Callable[..., dict[str, Any]]) -> None:
    job = enqueue(negative_prompt="rain", custom_id="shot-1", metadata={"scene": 4}, priority=7)

    row = rows.get_one(RenderJob, job_id(job))
    event = rows.scalars(select(JobEvent).where(JobEvent.job_id == row.id)).one()
    assert (row.state, row.prompt, row.negative_prompt, row.priority) == ("queued", "a paper boat", "rain", 7)
    assert (event.from_state, event.to_state) == (None, "queued")


def test_the_answer_is_the_job(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", json=request(duration=5, resolution="720P", custom_id="shot-1"))

    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["is_terminal"], job["mode"], job["custom_id"]) == (
        "queued",
        False,
        "text-to-video",
        "shot-1",
    )
    assert job["options"]["duration"] == 5
    assert job["estimated_cost"]["currency"] == "USD"
