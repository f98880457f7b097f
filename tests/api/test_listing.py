"""GET /v1/jobs: filters, and pages that miss nothing and repeat nothing."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import Select, text, update
from sqlalchemy.orm import Session

from api.auth.authentication import Caller
from api.http.pagination import JobFilters, TextFilters, page_query, text_page_query
from models.campaign import ensure_campaign
from models.render_job import RenderJob
from models.tenant import ensure_tenant
from reelqueue.states import RenderState
from tests.api.conftest import Enqueue, job_id, problem
from tests.support.stored_jobs import store_job


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


def test_jobs_of_a_campaign_are_paged_by_themselves(api: httpx.Client, rows: Session, enqueue: Enqueue) -> None:
    enqueue()
    owner_id = ensure_tenant(rows)
    campaign_id = ensure_campaign(rows, owner_id, "autumn")
    ids = [str(store_job(rows, tenant_id=owner_id, campaign_id=campaign_id)) for _ in range(5)]
    rows.commit()

    seen: list[str] = []
    page: dict[str, Any] = {"next_cursor": None}
    while not seen or page["next_cursor"]:
        cursor = {"cursor": page["next_cursor"]} if seen else {}
        page = api.get("/v1/jobs", params={"campaign": "autumn", "limit": "2"} | cursor).json()
        seen += [job["id"] for job in page["items"]]

    assert seen == ids[::-1]
    assert len(listed(api, campaign="default")) == 1
    assert listed(api, campaign="winter") == []


def test_a_campaign_of_another_tenant_lists_nothing(
    locked: httpx.Client, rows: Session, alice: dict[str, str], bob: dict[str, str]
) -> None:
    owner_id = ensure_tenant(rows, "alice")
    store_job(rows, tenant_id=owner_id, campaign_id=ensure_campaign(rows, owner_id, "autumn"))
    rows.commit()

    pages = [locked.get("/v1/jobs", params={"campaign": "autumn"}, headers=who).json() for who in (alice, bob)]

    assert [len(page["items"]) for page in pages] == [1, 0]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"order": 7}, True),
        ({"order": 7, "shop": {"town": "Köln"}}, True),
        ({"tags": ["new"]}, True),  # one of them
        ({}, True),
        ({"order": "7"}, False),  # a text is no number
        ({"order": 7, "shop": {"town": "Bonn"}}, False),
        ({"Order": 7}, False),
    ],
)
def test_jobs_are_found_by_what_their_metadata_contains(
    api: httpx.Client, enqueue: Enqueue, wanted: dict[str, object], *, found: bool
) -> None:
    job = enqueue(metadata={"order": 7, "shop": {"town": "Köln", "id": 3}, "tags": ["new", "blue"]})
    enqueue()
    enqueue(metadata={"order": 8})

    assert (job["id"] in listed(api, metadata=json.dumps(wanted))) is found


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (page_query(JobFilters(metadata='{"order": 7}'), Caller(tenant_id=None)), "ix_render_jobs_metadata"),
        (text_page_query(TextFilters(metadata='{"order": 7}'), Caller(tenant_id=None)), "ix_text_jobs_metadata"),
    ],
    ids=["render jobs", "text jobs"],
)
def test_the_question_for_metadata_uses_its_index(rows: Session, query: Select[Any], index: str) -> None:
    # The table is empty, so anything would do; these would be slow if it were not.
    rows.execute(text("SET LOCAL enable_seqscan = off"))
    rows.execute(text("SET LOCAL enable_indexscan = off"))

    compiled = query.compile(rows.connection())
    values = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in compiled.params.items()}
    plan = rows.connection().exec_driver_sql(f"EXPLAIN {compiled}", values).scalars().all()

    assert any(index in line for line in plan), plan


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
        ("metadata", "order=7"),
        ("metadata", "7"),
        ("metadata", '{"order": "\\u0000"}'),
        ("metadata", "x" * 1025),
        ("campaign", "a\0b"),
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
