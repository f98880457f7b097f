"""GET /v1/jobs/{job_id}/stream: the job as it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from api import event_streams
from models.render_job import RenderJob
from reelqueue.states import RenderState
from tests.api.conftest import Enqueue, job_id, problem


@pytest.fixture(autouse=True)
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "TICK_SECONDS", 0.01)


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of a stream, as they arrive."""
    event: dict[str, Any] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if not line and event:
            yield event
            event = {}
        elif name in {"event", "id"}:
            event[name] = value
        elif name == "data":
            event[name] = json.loads(value)


def test_a_job_is_sent_whenever_it_has_changed_until_it_has_ended(
    api: httpx.Client, rows: Session, enqueue: Enqueue
) -> None:
    job = enqueue()
    mine = update(RenderJob).where(RenderJob.id == job_id(job))

    with api.stream("GET", f"/v1/jobs/{job['id']}/stream") as answer:
        stream = events(answer)
        seen = [next(stream)]
        for state in (RenderState.RENDERING, RenderState.FAILED):
            rows.execute(mine.values(state=state))
            rows.commit()
            seen.append(next(stream))
        rest = list(stream)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [(event["event"], event["data"]["state"]) for event in seen] == [
        ("job", "queued"), ("job", "rendering"), ("job", "failed")
    ]  # fmt: skip
    assert rest == [{"event": "end", "data": {}}]
    assert seen[-1]["data"] == api.get(f"/v1/jobs/{job['id']}").json()


def test_a_client_that_has_the_last_event_is_told_to_stay_away(
    api: httpx.Client, rows: Session, enqueue: Enqueue
) -> None:
    job = enqueue()
    rows.execute(update(RenderJob).values(state=RenderState.FAILED))
    rows.commit()
    path = f"/v1/jobs/{job['id']}/stream"
    with api.stream("GET", path) as answer:
        last = next(events(answer))["id"]

    assert api.get(path, headers={"Last-Event-ID": last}).status_code == 204


def test_a_job_of_another_tenant_is_not_there(locked: httpx.Client, alice: dict[str, str], bob: dict[str, str]) -> None:
    job = locked.post("/v1/jobs", json={"model": "wan2.6-t2v", "prompt": "a boat"}, headers=alice).json()

    refused = locked.get(f"/v1/jobs/{job['id']}/stream", headers=bob)

    assert (refused.status_code, problem(refused)["code"]) == (404, "job_not_found")
