"""GET /v1/jobs: filters, and pages that miss nothing and repeat nothing."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.render_job import RenderJob
from reelqueue.states import RenderState
from tests.api.conftest import Enqueue, job_id, problem


def test_jobs_come_newest_first(api: httpx.Client, enqueue: Enqueue) -> None:
    ids = [enqueue(seed=seed)["id"] for seed in range(3)]

    assert listed(api) == ids[::-1]


def test_pages_cover_every_job_once_while_others_arrive(api: httpx.Client, enqueue: Enqueue) -> None:
    ids = [enqueue(seed=seed)["id"] for seed in range(7)]

    page = api.get("/v1/jobs", params={"limit": 3}).json()
    seen = [job["id"] for job in page["items"]]
    while page["next_cursor"] is not None:
        enqueue(prompt="a latecomer")
        page = api.get("/v1/jobs", params={"limit": 3, "cursor": page["next_cursor"]}).json()
        seen += [job["id"] for job in page["items"]]

    assert seen == ids[::-1]


def test_jobs_of_one_moment_are_paged_by_id(api: httpx.Client, rows: Session, enqueue: Enqueue) -> None:
    ids = [enqueue(seed=seed)["id"] for seed in range(4)]
    rows.execute(update(RenderJob).values(created_at=datetime.fromisoformat("2026-11-23T12:00:00.000001+00:00")))
    rows.commit()

    page = api.get("/v1/jobs", params={"limit": 2}).json()
    rest = listed(api, cursor=page["next_cursor"])

    assert [job["id"] for job in page["items"]] + rest == ids[::-1]


def test_filters_are_combined(api: httpx.Client, rows: Session, enqueue: Enqueue) -> None:
    wanted = enqueue(custom_id="shot-1")
    enqueue(custom_id="shot-2")
    failed = enqueue(custom_id="shot-1", model="wan2.5-t2v-preview")
    rows.execute(update(RenderJob).where(RenderJob.id == job_id(failed)).values(state=RenderState.FAILED))
    rows.commit()

    assert listed(api, custom_id="shot-1", state="queued", model="wan2.6-t2v", mode="text-to-video") == [wanted["id"]]
    assert listed(api, custom_id="shot-1", state=["queued", "failed"]) == [failed["id"], wanted["id"]]
    assert listed(api, mode="video-edit") == []


def test_a_range_of_creation_includes_its_start_only(api: httpx.Client, enqueue: Enqueue) -> None:
    job = enqueue()
    created = datetime.fromisoformat(job["created_at"])
    later = created + timedelta(microseconds=1)

    assert listed(api, created_after=created.isoformat(), created_before=later.isoformat()) == [job["id"]]
    assert listed(api, created_before=created.isoformat()) == []
    assert listed(api, created_after=later.isoformat()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "done"),
        ("stat", "queued"),  # a misspelt filter would list everything
        ("limit", "0"),
        ("limit", "501"),
        ("custom_id", "a\0b"),  # Postgres cannot compare it
        ("custom_id", "x" * 257),
        ("created_after", "2026-11-23"),
        ("created_after", "2026-11-23T12:00:00"),  # in which time zone?
        ("created_after", "1790000000"),
        ("cursor", "x"),
        ("cursor", "é" * 32),
    ],
)
def test_a_wrong_parameter_is_named(api: httpx.Client, name: str, value: str) -> None:
    answer = api.get("/v1/jobs", params={name: value})

    assert answer.status_code == 422
    assert problem(answer)["field"].startswith(name)


@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
def test_a_forged_cursor_lists_something_or_nothing(api: httpx.Client, filling: bytes) -> None:
    cursor = base64.urlsafe_b64encode(filling * 24).decode()

    assert api.get("/v1/jobs", params={"cursor": cursor}).status_code == 200


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_the_edges_of_time_are_only_moments(api: httpx.Client, moment: str) -> None:
    assert api.get("/v1/jobs", params={"created_after": moment}).status_code == 200


def listed(api: httpx.Client, **filters: str | list[str]) -> list[str]:
    """Ids of the jobs on the first page."""
    answer = api.get("/v1/jobs", params=filters)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["items"]]
